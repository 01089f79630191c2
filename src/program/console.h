/* console.h -- where a program's words go: log to standard output, warnings and errors to standard
 * error, from rank 0 only. */
#ifndef CUBIX_CONSOLE_H
#define CUBIX_CONSOLE_H

/** Start telling: speaker 0 is silent; quiet: warnings and errors only; verbose: what DEBUG says, too.  Local. */
void cubix_console_open(const char *program, int speaker, int quiet, int verbose);
/** The error of a failed status, with its trace if verbose, on the rank that speaks; all ranks that
 * failed call it.  Local. */
void cubix_console_error(const char *program, int verbose);
/** Before MPI is started, which changes some for itself: note the signals that the program was told
 * to ignore, as nohup does.  Local. */
void cubix_console_note_signals(void);
/** SIGINT, SIGTERM, and those of SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGXCPU and SIGPIPE that were
 * not ignored: leave nothing half-written, exit status 130.
 *  SIGBUS in a mapped cache file: the same, with its name, exit status 3.  Local.  @param abandon
 *  removes what is unfinished; async-signal-safe */
void cubix_console_catch_signals(const char *program, int speaker, void (*abandon)(void));

#endif
