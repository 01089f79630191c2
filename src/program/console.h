/* console.h -- a program's terminal output: the log on standard output, warnings and errors on
 * standard error, all from rank 0 only; and what signals do. */
#ifndef CUBIX_CONSOLE_H
#define CUBIX_CONSOLE_H

/** Send the log to the terminal.  Local.
 *  @param speaker  0: print nothing
 *  @param quiet  1: only warnings and errors
 *  @param verbose  1: DEBUG lines as well */
void cubix_console_open(const char *program, int speaker, int quiet, int verbose);
/** 1: print nothing of the log and its warnings from now on; 0: as before.  Local. */
void cubix_console_mute(int mute);
/** Instead of ending the program, SIGINT, SIGTERM, SIGUSR1, SIGUSR2 and SIGXCPU are noted from now on; a second one
 * ends it.  Local, after cubix_console_catch_signals. */
void cubix_console_note_signals(void);
/** The signal that was noted; 0: none.  Local. */
int cubix_console_noted(void);
/** Print the error of this thread, with its trace if verbose, on the rank that prints.  Local:
 * every rank that failed calls it. */
void cubix_console_error(const char *program, int verbose);
/** On SIGINT and SIGTERM, and on those of SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGXCPU and SIGPIPE
 * that were not ignored when the program began, as under nohup, remove unfinished files and exit
 * with status 130.  On SIGBUS in a mapped cache file do the same, name the file, and exit with
 * status 3.  Local.
 *  @param abandon removes unfinished files; async-signal-safe */
void cubix_console_catch_signals(const char *program, int speaker, void (*abandon)(void));

#endif
