/* physics/spectrum.h -- exact integrals of a template over a channel.  Source: doc/math.md sections
 * 6 and 7.
 *
 * On the interval [knot_i, knot_i+1] of width h, with u = (x - knot_i)/h, w = 1 - u and m = T''/6,
 * a template is
 *   T = w f0 + u f1 + h^2 ((w^3 - w) m0 + (u^3 - u) m1)     (m = 0: straight lines).
 * A cubic integrates over a stretch of width d about its middle exactly as d (T + T'' d^2/24): one
 * formula serves whole intervals and parts, adds only numbers of one sign, and loses nothing to
 * cancellation, however narrow the channel. */
#ifndef CUBIX_PHYSICS_SPECTRUM_H
#define CUBIX_PHYSICS_SPECTRUM_H

#include "physics/tables.h"

/* A spectrum as a weighted sum of template rows. */
struct cubix_blend {
  int n;
  const cubix_real *row[8];
  cubix_real weight[8];
};

/** Integral over u in [u0, u1] of one interval.  @param c {f0, m0, f1, m1} */
CUBIX_HD cubix_real cubix_piece(const cubix_real *c, cubix_real h, cubix_real u0, cubix_real u1)
{
  cubix_real half = (cubix_real)0.5, one = 1, d = (u1 - u0) * h, u = half * (u0 + u1), w = one - u;
  cubix_real h2 = h * h;
  cubix_real value = w * c[0] + u * c[2] - h2 * (w * (one - w * w) * c[1] + u * (one - u * u) * c[3]);
  return d * (value + (w * c[1] + u * c[3]) * (d * d * (cubix_real)0.25));
}

/** Reverse of cubix_piece, in float64: the weights of {f0, m0, f1, m1}, times bar.  Adds to c_bar. */
CUBIX_HD void cubix_piece_vjp(double h, double u0, double u1, double bar, double c_bar[4])
{
  double d = (u1 - u0) * h, u = 0.5 * (u0 + u1), w = 1 - u, h2 = h * h, bend = 0.25 * d * d;
  c_bar[0] += bar * d * w;
  c_bar[1] += bar * d * w * (bend - h2 * (1 - w * w));
  c_bar[2] += bar * d * u;
  c_bar[3] += bar * d * u * (bend - h2 * (1 - u * u));
}

/** {f, m} at both ends of interval i, mixed. */
CUBIX_HD void cubix_blend_at(const struct cubix_blend *b, int i, cubix_real c[4])
{
  c[0] = c[1] = c[2] = c[3] = 0;
  for (int k = 0; k < b->n; k++) {
    const cubix_real *p = b->row[k] + 2 * (int64_t)i;
    for (int q = 0; q < 4; q++) c[q] += b->weight[k] * p[q];
  }
}

/** Interval that holds x, which lies in [knot[0], knot[n_knot - 1]]. */
CUBIX_HD int cubix_interval(const struct cubix_tables *v, double x)
{
  int cell = (int)((x - v->cell_origin) * v->cell_per_AA);
  cell = cell < 0 ? 0 : cell >= v->n_cell ? v->n_cell - 1 : cell;
  int i = v->first[cell];
  while (i > 0 && v->knot[i] > x) i--;
  while (i < v->n_knot - 2 && v->knot[i + 1] <= x) i++;
  return i;
}

/** Integral of a spectrum from x0 to x1 [rest AA]; zero beyond the library. */
CUBIX_HD cubix_real cubix_integral(const struct cubix_tables *v, const struct cubix_blend *b, double x0, double x1)
{
  double lo = v->knot[0], hi = v->knot[v->n_knot - 1];
  x0 = x0 > lo ? x0 : lo;
  x1 = x1 < hi ? x1 : hi;
  if (!(x1 > x0)) return 0;
  int i0 = cubix_interval(v, x0), i1 = cubix_interval(v, x1);
  cubix_real sum = 0, c[4];
  for (int i = i0; i <= i1; i++) {
    double k = v->knot[i], h = v->knot[i + 1] - k;
    cubix_real u0 = i == i0 ? (cubix_real)((x0 - k) / h) : 0, u1 = i == i1 ? (cubix_real)((x1 - k) / h) : 1;
    cubix_blend_at(b, i, c);
    sum += cubix_piece(c, (cubix_real)h, u0, u1);
  }
  return sum;
}

#endif
