/* column_vjp.c -- derivatives of A(V).
 *
 * A place's own slope is added up over its list in the order of the list, in which cells that it does
 * not see count as exact zeros. What the cells' numbers change is added up over places in
 * whole numbers: first over those that share a tile, in float64, where such sums are exact, and then,
 * as integers, over all tiles and threads. */
#include <math.h>

#include "dust/column_parts.h"

struct change {                   /* of the cells of a piece */
  double slope[3][CUBIX_COLUMN_PIECE];
  double coarse[CUBIX_COLUMN_BARS][CUBIX_COLUMN_PIECE], fine[CUBIX_COLUMN_BARS][CUBIX_COLUMN_PIECE];
};

static void flush(const struct cubix_column_walk *walk, const struct change *c, const struct cubix_column_piece *p)
{
  for (int k = 0; k < p->n; k++) {
    struct cubix_column_sums *to = &walk->sums[p->cell[k]];
    for (int b = 0; b < CUBIX_COLUMN_BARS; b++) {
      const int64_t coarse = (int64_t)(c->coarse[b][k] * CUBIX_COLUMN_PER_COARSE);
      const int64_t fine = (int64_t)(c->fine[b][k] * CUBIX_COLUMN_PER_FINE);
      if (coarse) {
#pragma omp atomic update
        to->coarse[b] += coarse;
      }
      if (fine) {
#pragma omp atomic update
        to->fine[b] += fine;
      }
    }
  }
}

/* One more place's part in the change of a cell. */
CUBIX_COLUMN_INLINE void count(double *coarse, double *fine, double x)
{
  const double whole = cubix_column_coarse(x);
  *coarse += whole;
  *fine += cubix_column_fine(x - whole);
}

CUBIX_COLUMN_INLINE void change_cells(struct change *c, const struct cubix_column_piece *p, double x, double y,
                                      double z, double bar, int n)
{
#pragma omp simd
  for (int k = 0; k < n; k++) {
    const double dx = x - p->x[k], dy = y - p->y[k], dz = z - p->z[k];
    const struct cubix_column_slope s = cubix_column_slope_of(dx, dy, dz, p->per_h[k]);
    count(&c->coarse[0][k], &c->fine[0][k], bar * s.k);
    count(&c->coarse[1][k], &c->fine[1][k], bar * s.u);
    count(&c->coarse[2][k], &c->fine[2][k], bar * s.v);
    count(&c->coarse[3][k], &c->fine[3][k], bar * s.w);
    count(&c->coarse[4][k], &c->fine[4][k], bar * cubix_column_widening(&s, dx, dy, dz, p->per_h[k]));
  }
}

CUBIX_COLUMN_INLINE void change_place(struct change *c, const struct cubix_column_piece *p,
                                      struct cubix_column_group *g, int i, int n)
{
#pragma omp simd
  for (int k = 0; k < n; k++) {
    const struct cubix_column_slope s =
        cubix_column_slope_of(g->x[i] - p->x[k], g->y[i] - p->y[k], g->z[i] - p->z[k], p->per_h[k]);
    const double per = p->middle[k] * p->per_h[k];
    c->slope[0][k] = per * s.u;
    c->slope[1][k] = per * s.v;
    c->slope[2][k] = per * s.w;
  }
  double u = g->slope[0][i], v = g->slope[1][i], w = g->slope[2][i];
  for (int k = 0; k < n; k++) {
    u += c->slope[0][k];
    v += c->slope[1][k];
    w += c->slope[2][k];
  }
  g->slope[0][i] = u;
  g->slope[1][i] = v;
  g->slope[2][i] = w;
}

CUBIX_COLUMN_INLINE void reverse(const struct cubix_column_walk *walk, void *scratch,
                                 const struct cubix_column_piece *p, struct cubix_column_group *g, int from, int to)
{
  struct change *c = scratch;
  if (walk->sums)
    for (int b = 0; b < CUBIX_COLUMN_BARS; b++)
      for (int k = 0; k < p->n; k++) c->coarse[b][k] = c->fine[b][k] = 0;
  for (int i = from; i < to; i++) {
    const int n = cubix_column_ahead(p, g->z[i]);
    if (g->bar[i] == 0) continue;
    if (walk->sums) change_cells(c, p, g->x[i], g->y[i], g->z[i], g->bar[i], n);
    if (walk->position_bar) change_place(c, p, g, i, n);
  }
  if (walk->sums) flush(walk, c, p);
}
CUBIX_COLUMN_RUNS(reverse)

int cubix_column_tiles_vjp(const struct cubix_column_tiles *tiles, const double *position, size_t n,
                           const double *screen_bar, int exponent, double *position_bar, struct cubix_column_sums *sums)
{
  const struct cubix_column_walk walk = { .tiles = tiles, .position = position, .n = n, .run = reverse_best(),
                                          .scratch = sizeof(struct change), .screen_bar = screen_bar,
                                          .position_bar = position_bar, .exponent = exponent, .sums = sums };
  return cubix_column_walk(&walk);
}

int cubix_column_tiles_do(const struct cubix_column_tiles *tiles, const struct cubix_column_job *job)
{
  if (job->screen) return cubix_column_tiles_screen(tiles, job->position, job->n, job->screen);
  return cubix_column_tiles_vjp(tiles, job->position, job->n, job->screen_bar, job->exponent, job->position_bar,
                                job->sums);
}

void cubix_column_sums_bar(const struct cubix_column_sums *sums, int exponent, double radius, double weight,
                           double *position_bar, double *radius_bar, double *weight_bar)
{
  const double per_h = 1 / radius, middle = CUBIX_COLUMN_MIDDLE * per_h * per_h;
  double bar[CUBIX_COLUMN_BARS];
  if (!(radius > 0)) return;
  for (int b = 0; b < CUBIX_COLUMN_BARS; b++)
    bar[b] = ldexp((double)sums->coarse[b] / CUBIX_COLUMN_PER_COARSE + (double)sums->fine[b] / CUBIX_COLUMN_PER_FINE,
                   exponent);
  if (weight_bar) *weight_bar += middle * bar[0];
  for (int c = 0; c < 3 && position_bar; c++) position_bar[c] -= weight * middle * per_h * bar[1 + c];
  if (radius_bar) *radius_bar += weight * middle * per_h * bar[4];
}

/* ---- tangents ---------------------------------------------------------------------------------- */

struct tangent { double x[CUBIX_COLUMN_PIECE], y[CUBIX_COLUMN_PIECE], z[CUBIX_COLUMN_PIECE], wide[CUBIX_COLUMN_PIECE],
                 middle[CUBIX_COLUMN_PIECE], sum[CUBIX_COLUMN_PIECE]; };

static void take_tangents(struct tangent *t, const struct cubix_column_dot *dot, const struct cubix_column_piece *p)
{
  for (int k = 0; k < (p->n + CUBIX_COLUMN_LANES - 1) / CUBIX_COLUMN_LANES * CUBIX_COLUMN_LANES; k++) {
    const size_t i = k < p->n ? p->cell[k] : 0;
    const double *x = k < p->n && dot->cell_position ? dot->cell_position + 3 * i : NULL;
    t->x[k] = x ? x[0] : 0;
    t->y[k] = x ? x[1] : 0;
    t->z[k] = x ? x[2] : 0;
    t->wide[k] = k < p->n && dot->radius ? dot->radius[i] * p->per_h[k] : 0;
    t->middle[k] = k < p->n && dot->weight ? dot->weight[i] * CUBIX_COLUMN_MIDDLE * p->per_h[k] * p->per_h[k] : 0;
  }
}

CUBIX_COLUMN_INLINE void forward(const struct cubix_column_walk *walk, void *scratch,
                                 const struct cubix_column_piece *p, struct cubix_column_group *g, int from, int to)
{
  struct tangent *t = scratch;
  take_tangents(t, walk->dot, p);
  for (int i = from; i < to; i++) {
    const int n = cubix_column_ahead(p, g->z[i]);
#pragma omp simd
    for (int k = 0; k < n; k++) {
      const double dx = g->x[i] - p->x[k], dy = g->y[i] - p->y[k], dz = g->z[i] - p->z[k];
      const struct cubix_column_slope s = cubix_column_slope_of(dx, dy, dz, p->per_h[k]);
      const double place = p->per_h[k] * (s.u * (g->dot[0][i] - t->x[k]) + s.v * (g->dot[1][i] - t->y[k]) +
                                          s.w * (g->dot[2][i] - t->z[k]));
      t->sum[k] = p->middle[k] * (place + t->wide[k] * cubix_column_widening(&s, dx, dy, dz, p->per_h[k])) +
                  t->middle[k] * s.k;
    }
    double sum = g->sum[i];
    for (int k = 0; k < n; k++) sum += t->sum[k];
    g->sum[i] = sum;
  }
}
CUBIX_COLUMN_RUNS(forward)

int cubix_column_tiles_jvp(const struct cubix_column_tiles *tiles, const double *position, size_t n,
                           const struct cubix_column_dot *dot, double *screen_dot)
{
  const struct cubix_column_walk walk = { .tiles = tiles, .position = position, .n = n, .run = forward_best(),
                                          .scratch = sizeof(struct tangent), .screen = screen_dot, .dot = dot };
  return cubix_column_walk(&walk);
}
