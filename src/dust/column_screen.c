/* column_screen.c -- A(V) in front of places. */
#include "dust/column_parts.h"

/* The sum of a piece is exact up to 2^13, and beyond it is more than what a sum stops at. */
CUBIX_COLUMN_INLINE void screen(const struct cubix_column_walk *walk, void *scratch,
                                const struct cubix_column_piece *p, struct cubix_column_group *g, int from, int to)
{
  (void)walk;
  (void)scratch;
  for (int i = from; i < to; i++) {
    const double x = g->x[i], y = g->y[i], z = g->z[i];
    const int n = cubix_column_ahead(p, z);
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int k = 0; k < n; k++)
      sum += cubix_column_term(x - p->x[k], y - p->y[k], z - p->z[k], p->per_h[k], p->middle[k]);
    g->sum[i] = cubix_column_add(g->sum[i], sum);
  }
}
CUBIX_COLUMN_RUNS(screen)

int cubix_column_tiles_screen(const struct cubix_column_tiles *tiles, const double *position, size_t n,
                              double *screen)
{
  const struct cubix_column_walk walk = { .tiles = tiles, .position = position, .n = n, .run = screen_best(),
                                          .screen = screen };
  return cubix_column_walk(&walk);
}
