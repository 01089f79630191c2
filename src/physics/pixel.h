/* physics/pixel.h -- a channel's integral as weights on a template's knot values, in float64.  Source: doc/math.md sections 6 and 7.
 *
 * The same formula as cubix_piece of spectrum.h, read as a linear form in {T_i, m_i}: made once per channel and velocity, it serves every row. */
#ifndef CUBIX_PHYSICS_PIXEL_H
#define CUBIX_PHYSICS_PIXEL_H

#include "spectrum.h"

/** Knots that the integral from x0 to x1 [rest AA] rests on: the first one, and how many (0: beyond the library). */
CUBIX_HD int cubix_pixel_knots(const struct cubix_view *v, double x0, double x1, int *first)
{
  double lo = v->knot[0], hi = v->knot[v->n_knot - 1];
  x0 = x0 > lo ? x0 : lo;
  x1 = x1 < hi ? x1 : hi;
  *first = 0;
  if (!(x1 > x0)) return 0;
  *first = cubix_interval(v, x0);
  return cubix_interval(v, x1) - *first + 2;
}

/** Integral from x0 to x1 = sum over q of w[2q] T_(first + q) + w[2q + 1] m_(first + q), added to w times scale; zero beyond the library.
 *  @param first, w  knot that w[0] belongs to; w holds all that cubix_pixel_knots tells */
CUBIX_HD void cubix_pixel_add(const struct cubix_view *v, double x0, double x1, double scale, int first, double *w)
{
  double lo = v->knot[0], hi = v->knot[v->n_knot - 1];
  x0 = x0 > lo ? x0 : lo;
  x1 = x1 < hi ? x1 : hi;
  if (!(x1 > x0)) return;
  int i1 = cubix_interval(v, x1);
  for (int i = cubix_interval(v, x0); i <= i1; i++) {
    double k = v->knot[i], h = v->knot[i + 1] - k;
    double u0 = x0 > k ? (x0 - k) / h : 0, u1 = i == i1 ? (x1 - k) / h : 1, u = 0.5 * (u0 + u1), t = 1 - u, d = (u1 - u0) * h, g = 0.25 * d * d;
    double *at = w + 2 * (i - first), s = d * scale;
    at[0] += s * t;
    at[1] += s * t * (g - h * h * (1 - t * t));
    at[2] += s * u;
    at[3] += s * u * (g - h * h * (1 - u * u));
  }
}

#endif
