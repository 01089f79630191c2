/* collective.c -- a single rank holds the whole cube: sums and extremes over ranks are what it has. */
#include "base/collective.h"

static void add(uint64_t *count, int n)
{
  (void)count;
  (void)n;
}

static void sum(double *x, size_t n)
{
  (void)x;
  (void)n;
}

static double same(double x) { return x; }

const struct cubix_collective cubix_collective_alone = { add, same, same, sum };
