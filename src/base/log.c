/* log.c -- one callback for everything that is told, and the list of warnings that travels into the outputs. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static cubix_log_function *sink;
static void *sink_host;
static struct cubix_warnings all, *warnings = &all;

void cubix_log_to(cubix_log_function *function, void *host)
{
  sink = function;
  sink_host = host;
}

void cubix_log(enum cubix_log_level level, const char *fmt, ...)
{
  char line[2048];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  if (level == CUBIX_LOG_WARNING) {
    size_t used = strlen(warnings->text);
    snprintf(warnings->text + used, sizeof warnings->text - used, "%s\n", line);
  }
  if (sink) sink(level, line, sink_host);
}

void cubix_log_progress(const char *stage, double done)
{
  cubix_log(CUBIX_LOG_PROGRESS, "%-12s %3.0f %%", stage, 100. * done);
}

double cubix_log_clock(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct cubix_warnings *cubix_log_collect(struct cubix_warnings *collector)
{
  struct cubix_warnings *before = warnings;
  warnings = collector ? collector : &all;
  return before;
}
const struct cubix_warnings *cubix_log_warnings(void) { return warnings; }
