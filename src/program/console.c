#define _XOPEN_SOURCE 700           /* SIGXCPU */
/* console.c -- the programs' voice.  A terminal gets a live progress line, a file one line per stage. */
#include "program/console.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "histogram/basis.h"

static struct { const char *program; int speaker, quiet, verbose, live, pending, mute; } console;
static const struct { int number; const char *name; } ends[] = {
  { SIGINT, "" },          { SIGTERM, " (SIGTERM)" }, { SIGHUP, " (SIGHUP)" },   { SIGQUIT, " (SIGQUIT)" },
  { SIGUSR1, " (SIGUSR1)" }, { SIGUSR2, " (SIGUSR2)" }, { SIGXCPU, " (SIGXCPU: the limit on processor time)" },
  { SIGPIPE, " (SIGPIPE: who read its output has gone)" },
};
enum { N_END = sizeof ends / sizeof ends[0] };
static struct {
  const char *program;
  char message[N_END][128];
  size_t length[N_END];
  int speaker, ignored[N_END];
  void (*abandon)(void);
} interrupted;

/* Whether this warning was given already, as for the galaxy before.  The first few hundred are remembered. */
static int was_said(const char *line)
{
  enum { MOST = 512 };
  static uint64_t said[MOST];
  static int n;
  uint64_t hash[2];
  cubix_hash(line, strlen(line), hash);
  for (int i = 0; i < n; i++)
    if (said[i] == hash[0]) return 1;
  if (n < MOST) said[n++] = hash[0];
  return 0;
}

static void tell(enum cubix_log_level level, const char *line, void *host)
{
  (void)host;
  if (console.mute) return;
  if (level == CUBIX_LOG_WARNING && was_said(line) && console.quiet) return;
  if (!console.speaker || (level == CUBIX_LOG_DEBUG && !console.verbose)) return;
  if (level == CUBIX_LOG_PROGRESS && (!console.live || console.quiet)) return;
  if (level == CUBIX_LOG_PROGRESS) {
    printf("\r%s\033[K", line);
    console.pending = 1;
  } else {
    if (console.pending) printf("\r\033[K");
    console.pending = 0;
    if (level == CUBIX_LOG_WARNING) {
      fflush(stdout);
      fprintf(stderr, "%s: warning: %s\n", console.program, line);
    } else if (!console.quiet) printf("%s\n", line);
  }
  fflush(stdout);
}

/* Whether somebody watches.  mpirun gives its ranks a terminal of its own making: there its own
 * output decides, where we can see it. */
static int is_watched(void)
{
  char link[64], target[64];
  if (!isatty(STDOUT_FILENO)) return 0;
  if (!getenv("OMPI_COMM_WORLD_SIZE")) return 1;
  snprintf(link, sizeof link, "/proc/%ld/fd/1", (long)getppid());
  ssize_t n = readlink(link, target, sizeof target - 1);
  return n > 4 && (!strncmp(target, "/dev/pts/", 9) || !strncmp(target, "/dev/tty", 8));
}

void cubix_console_open(const char *program, int speaker, int quiet, int verbose)
{
  console.program = program;
  console.speaker = speaker;
  console.quiet = quiet;
  console.verbose = verbose;
  console.live = is_watched();
  cubix_log_to(tell, NULL);
}

void cubix_console_mute(int mute) { console.mute = mute; }

void cubix_console_error(const char *program, int verbose)
{
  /* the first rank to leave makes mpirun end the others: they are leaving already, and say why */
  signal(SIGTERM, SIG_IGN);
  if (!console.speaker) return;
  if (console.pending) printf("\r\033[K");
  fflush(stdout);
  fprintf(stderr, "%s: error: %s\n", program, cubix_error_message());
  if (verbose) fputs(cubix_error_trace(), stderr);
}

static void on_signal(int number)
{
  int i = 0;
  while (i + 1 < N_END && ends[i].number != number) i++;
  if (interrupted.abandon) interrupted.abandon();
  if (interrupted.speaker && write(STDERR_FILENO, interrupted.message[i], interrupted.length[i]) < 0) {}
  _exit(130);
}

static void say(const char *text)
{
  if (write(STDERR_FILENO, text, strlen(text)) < 0) {}
}

/* A mapped file has lost what is asked for; only the rank that asks for it knows. */
static void on_lost_page(int number, siginfo_t *info, void *context)
{
  const char *file = cubix_basis_lost(info->si_addr);
  (void)context;
  if (interrupted.abandon) interrupted.abandon();
  if (!file) {                    /* not ours to explain: as without a handler */
    signal(number, SIG_DFL);
    raise(number);                /* when this handler returns */
    return;
  }
  say(interrupted.program);
  say(": error: ");
  say(file);
  say(": cut short, or its disk failed, while its prepared templates were in use: remove it and run again\n");
  _exit(cubix_error_exit_status(CUBIX_EINPUT));
}

/* A signal that is ignored, as under nohup, stays so.  Libraries that MPI brings (UCX) take signals for
 * themselves before main() begins, so that it is noted before they are set up. */
static void note_signals(void)
{
  struct sigaction old;
  for (int i = 0; i < N_END; i++)
    interrupted.ignored[i] = !sigaction(ends[i].number, NULL, &old) && old.sa_handler == SIG_IGN;
}
__attribute__((section(".preinit_array"), used)) static void (*const note_early)(void) = note_signals;

void cubix_console_catch_signals(const char *program, int speaker, void (*abandon)(void))
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  sigfillset(&action.sa_mask);    /* the first signal ends the program, whatever comes after it */
  interrupted.program = program;
  interrupted.speaker = speaker;
  interrupted.abandon = abandon;
  for (int i = 0; i < N_END; i++) {
    interrupted.length[i] = (size_t)snprintf(interrupted.message[i], sizeof interrupted.message[i],
                                             "%s: error: interrupted%s\n", program, ends[i].name);
    if (i < 2 || !interrupted.ignored[i]) sigaction(ends[i].number, &action, NULL);
    else signal(ends[i].number, SIG_IGN);
  }
  action.sa_sigaction = on_lost_page;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, NULL);
  signal(SIGXFSZ, SIG_IGN);       /* a file size limit is an error of the write, with a message */
}

/* ---- signals that are noted ------------------------------------------------------------------ */

static volatile sig_atomic_t noted;

static void note_signal(int number)
{
  if (noted) on_signal(number);
  noted = number;
}

void cubix_console_note_signals(void)
{
  static const int number[] = { SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU };
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  for (size_t i = 0; i < sizeof number / sizeof *number; i++) sigaction(number[i], &action, NULL);
}

int cubix_console_noted(void) { return noted; }
