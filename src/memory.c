/* memory.c -- free memory as Linux tells it; elsewhere half of what is built in is a guess. */
#define _GNU_SOURCE
#include "memory.h"

#include <stdio.h>
#include <unistd.h>

double cubix_memory_free(void)
{
  double bytes = 0, kib;
  char line[128];
  FILE *in = fopen("/proc/meminfo", "r");
  while (in && fgets(line, sizeof line, in))
    if (sscanf(line, "MemAvailable: %lf kB", &kib) == 1) bytes = 1024 * kib;
  if (in) fclose(in);
  return bytes > 0 ? bytes : (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 2;
}
