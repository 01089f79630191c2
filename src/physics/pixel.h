/* physics/pixel.h -- a channel's integral as weights on a template's knot values, in float64.
 * Source: doc/math.md sections 6 and 7.
 *
 * cubix_integral of spectrum.h read as a linear form in {T_i, m_i}, and so its reverse derivative,
 * too: made once per channel and velocity, it serves every row. */
#ifndef CUBIX_PHYSICS_PIXEL_H
#define CUBIX_PHYSICS_PIXEL_H

#include "physics/spectrum.h"

/** Knots that the integral from x0 to x1 [rest AA] rests on: the first one, and how many (0: beyond the library). */
CUBIX_HD int cubix_pixel_knots(const struct cubix_tables *v, double x0, double x1, int *first)
{
  double lo = v->knot[0], hi = v->knot[v->n_knot - 1];
  x0 = x0 > lo ? x0 : lo;
  x1 = x1 < hi ? x1 : hi;
  *first = 0;
  if (!(x1 > x0)) return 0;
  *first = cubix_interval(v, x0);
  return cubix_interval(v, x1) - *first + 2;
}

/** Integral from x0 to x1 = sum over q of w[2q] T_(first + q) + w[2q + 1] m_(first + q), added to w
 * times scale; zero beyond the library.
 *  @param first, w  knot that w[0] belongs to; w holds all that cubix_pixel_knots tells */
CUBIX_HD void cubix_pixel_add(const struct cubix_tables *v, double x0, double x1, double scale, int first, double *w)
{
  double lo = v->knot[0], hi = v->knot[v->n_knot - 1];
  x0 = x0 > lo ? x0 : lo;
  x1 = x1 < hi ? x1 : hi;
  if (!(x1 > x0)) return;
  int i1 = cubix_interval(v, x1);
  for (int i = cubix_interval(v, x0); i <= i1; i++) {
    double k = v->knot[i], h = v->knot[i + 1] - k;
    cubix_piece_vjp(h, x0 > k ? (x0 - k) / h : 0, i == i1 ? (x1 - k) / h : 1, scale, w + 2 * (i - first));
  }
}

#endif
