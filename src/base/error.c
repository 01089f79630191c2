/* error.c -- the last error of a thread: one message, and the trace of the functions it passed on
 * its way up.
 *
 * Nothing here prints or exits: a library that kills its host is no library.  Messages are for the
 * user (value, bound, place, remedy); traces are for whoever debugs (function, file, line), and
 * shown with -v only. */
#define _GNU_SOURCE              /* madvise */
#include "base/error.h"

#include <omp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"

static _Thread_local char message[4096];
static _Thread_local char trace[4096];

static const struct { int exit_status; const char *meaning; } table[] = {
#define CUBIX_STATUS(name, exit_status, meaning) { exit_status, meaning },
#include "base/error.def"
#undef CUBIX_STATUS
};

int cubix_error_set(int code, const char *func, const char *file, int line, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(message, sizeof message, fmt, ap);
  va_end(ap);
  trace[0] = '\0';
  cubix_error_frame(func, file, line);
  return code;
}

void cubix_error_frame(const char *func, const char *file, int line)
{
  size_t used = strlen(trace);
  const char *base = strrchr(file, '/');
  snprintf(trace + used, sizeof trace - used, "  %s (%s:%d)\n", func, base ? base + 1 : file, line);
}

void cubix_error_about(const char *fmt, ...)
{
  char rest[sizeof message];
  va_list ap;
  memcpy(rest, message, sizeof rest);
  va_start(ap, fmt);
  vsnprintf(message, sizeof message, fmt, ap);
  va_end(ap);
  size_t used = strlen(message);
  snprintf(message + used, sizeof message - used, ": %s", rest);
}

const char *cubix_error_message(void) { return message; }
const char *cubix_error_trace(void) { return trace; }
void cubix_error_clear(void) { message[0] = trace[0] = '\0'; }

int cubix_error_exit_status(int code)
{
  return code >= 0 && code < CUBIX_N_STATUS ? table[code].exit_status : 1;
}

const char *cubix_error_meaning(int code)
{
  return code >= 0 && code < CUBIX_N_STATUS ? table[code].meaning : "unknown status";
}

/* A cube has every spaxel on pages of its own, and of small ones more than the processor keeps track of.  What is only
 * reserved may stay empty in places, and keeps small ones. */
static const size_t LARGE = (size_t)1 << 23, HUGE_PAGE = (size_t)1 << 21;

void *cubix_reserve(unsigned long n, unsigned long size)
{
  if (size && n > (SIZE_MAX - 64) / size) return NULL;
  size_t bytes = (n * size + 63) / 64 * 64;
  if (bytes < LARGE) return aligned_alloc(64, bytes ? bytes : 64);
  return bytes > SIZE_MAX - HUGE_PAGE ? NULL
                                      : aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
}

/* What is large is zeroed, and so brought in, by all threads. */
void *cubix_alloc(unsigned long n, unsigned long size)
{
  const size_t piece = (size_t)1 << 21;
  char *p = cubix_reserve(n, size);
  size_t bytes = n * size, n_piece = bytes / piece;
  if (!p) return NULL;
#ifdef MADV_HUGEPAGE
  if (bytes >= LARGE) (void)madvise(p, bytes, MADV_HUGEPAGE);
#endif
  if (n_piece >= 8) cubix_memory_touch(p, bytes);
#pragma omp parallel for schedule(static) if (n_piece >= 8 && !omp_in_parallel())
  for (size_t i = 0; i < n_piece; i++) memset(p + i * piece, 0, piece);
  memset(p + n_piece * piece, 0, bytes - n_piece * piece);
  return p;
}
