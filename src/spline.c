/* spline.c -- not-a-knot cubic splines on common knots.
 *
 * With h_i the width of interval i, d_i the slope of its chord and m = T''/6, C2 at the inner knots reads
 *   h_{i-1} m_{i-1} + 2 (h_{i-1} + h_i) m_i + h_i m_{i+1} = d_i - d_{i-1},      0 < i < n-1,
 * and not-a-knot (no jump of T''' at the second and the last but one knot) gives
 *   m_0 = m_1 - (h_0/h_1)(m_2 - m_1), and its mirror image.
 * Put into the first and last equations, this leaves a tridiagonal system for m_1 .. m_{n-2}: factored once (Thomas), solved per
 * template.  n = 3 is the parabola, n = 2 the straight line, as the conditions then demand.                               */
#include "spline.h"

#include <stdlib.h>

#include "error.h"

int cubix_spline_init(struct cubix_spline *spline, const double *knot, int n)
{
  int status = CUBIX_OK;
  spline->n = n;
  spline->knot = knot;
  CUBIX_ALLOC(spline->lower, n);
  CUBIX_ALLOC(spline->inverse, n);
  CUBIX_ALLOC(spline->upper, n);
  for (int i = 1; i < n - 1 && n > 3; i++) {
    double h0 = knot[i] - knot[i - 1], h1 = knot[i + 1] - knot[i], a = h0, b = 2 * (h0 + h1), c = h1;
    if (i == 1) {                                          /* m_0 = (1 + h0/h1) m_1 - (h0/h1) m_2 */
      b += h0 * (1 + h0 / h1);
      c -= h0 * h0 / h1;
      a = 0;
    }
    if (i == n - 2) {
      b += h1 * (1 + h1 / h0);
      a -= h1 * h1 / h0;
      c = 0;
    }
    spline->lower[i] = a;
    spline->inverse[i] = 1 / (b - (i > 1 ? a * spline->upper[i - 1] : 0));
    spline->upper[i] = c * spline->inverse[i];
  }
done:
  return status;
}

void cubix_spline_curvature(const struct cubix_spline *spline, const double *f, double *m)
{
  const double *x = spline->knot;
  int n = spline->n;
  if (n < 3) {
    for (int i = 0; i < n; i++) m[i] = 0;
    return;
  }
  if (n == 3) {
    double second = ((f[2] - f[1]) / (x[2] - x[1]) - (f[1] - f[0]) / (x[1] - x[0])) / (x[2] - x[0]) / 3;
    m[0] = m[1] = m[2] = second;
    return;
  }
  m[0] = 0;
  for (int i = 1; i < n - 1; i++) {
    double r = (f[i + 1] - f[i]) / (x[i + 1] - x[i]) - (f[i] - f[i - 1]) / (x[i] - x[i - 1]);
    m[i] = (r - spline->lower[i] * m[i - 1]) * spline->inverse[i];
  }
  for (int i = n - 3; i > 0; i--) m[i] -= spline->upper[i] * m[i + 1];
  m[0] = m[1] - (x[1] - x[0]) / (x[2] - x[1]) * (m[2] - m[1]);
  m[n - 1] = m[n - 2] + (x[n - 1] - x[n - 2]) / (x[n - 2] - x[n - 3]) * (m[n - 2] - m[n - 3]);
}

void cubix_spline_free(struct cubix_spline *spline)
{
  free(spline->lower);
  free(spline->inverse);
  free(spline->upper);
}
