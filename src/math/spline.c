/* spline.c -- not-a-knot cubic splines on common knots.
 *
 * With h_i the width of interval i, d_i the slope of its chord and m = T''/6, C2 at the inner knots
 * reads
 *   h_{i-1} m_{i-1} + 2 (h_{i-1} + h_i) m_i + h_i m_{i+1} = d_i - d_{i-1},      0 < i < n-1,
 * and not-a-knot (no jump of T''' at the second and the last but one knot) gives
 *   m_0 = m_1 - (h_0/h_1)(m_2 - m_1), and its mirror image.
 * Put into the first and last equations, this leaves a tridiagonal system for m_1 .. m_{n-2}:
 * factored once (Thomas), solved for CUBIX_LANES templates at a time, for each step waits for the
 * one before and a single template would leave the processor idle. n = 3 is the parabola, n = 2 the
 * straight line, as the conditions then demand.
 *
 * Curvatures are linear in the values.  The adjoint runs the same steps transposed, the last one
 * first: the ends are folded back onto their neighbours, the two sweeps of the solution run in the
 * opposite directions, and the differences of chords become differences of bars. */
#include "math/spline.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int cubix_spline_init(struct cubix_spline *spline, const double *knot, int n)
{
  int status = CUBIX_OK;
  spline->n = n;
  spline->knot = knot;
  CUBIX_ALLOC(spline->lower, n);
  CUBIX_ALLOC(spline->inverse, n);
  CUBIX_ALLOC(spline->upper, n);
  CUBIX_ALLOC(spline->per_h, n);
  for (int i = 0; i + 1 < n; i++) spline->per_h[i] = 1 / (knot[i + 1] - knot[i]);
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

void cubix_spline_curvature(const struct cubix_spline *spline, const double (*restrict f)[CUBIX_LANES],
                            double (*restrict m)[CUBIX_LANES])
{
  const double *x = spline->knot, *per_h = spline->per_h;
  int n = spline->n;
  if (n < 3) {
    memset(m, 0, sizeof *m * (size_t)n);
    return;
  }
  if (n == 3) {
    for (int l = 0; l < CUBIX_LANES; l++)
      m[0][l] = m[1][l] = m[2][l] =
          ((f[2][l] - f[1][l]) * per_h[1] - (f[1][l] - f[0][l]) * per_h[0]) / (x[2] - x[0]) / 3;
    return;
  }
  double chord[CUBIX_LANES];
  for (int l = 0; l < CUBIX_LANES; l++) {
    m[0][l] = 0;
    chord[l] = (f[1][l] - f[0][l]) * per_h[0];
  }
  for (int i = 1; i < n - 1; i++)
    for (int l = 0; l < CUBIX_LANES; l++) {
      double next = (f[i + 1][l] - f[i][l]) * per_h[i];
      m[i][l] = (next - chord[l] - spline->lower[i] * m[i - 1][l]) * spline->inverse[i];
      chord[l] = next;
    }
  for (int i = n - 3; i > 0; i--)
    for (int l = 0; l < CUBIX_LANES; l++) m[i][l] -= spline->upper[i] * m[i + 1][l];
  double first = (x[1] - x[0]) * per_h[1], last = (x[n - 1] - x[n - 2]) * per_h[n - 3];
  for (int l = 0; l < CUBIX_LANES; l++) {
    m[0][l] = m[1][l] - first * (m[2][l] - m[1][l]);
    m[n - 1][l] = m[n - 2][l] + last * (m[n - 2][l] - m[n - 3][l]);
  }
}

void cubix_spline_curvature_vjp(const struct cubix_spline *spline, double (*restrict m_bar)[CUBIX_LANES],
                                double (*restrict f_bar)[CUBIX_LANES])
{
  const double *x = spline->knot, *per_h = spline->per_h;
  int n = spline->n;
  if (n < 3) return;
  if (n == 3) {
    for (int l = 0; l < CUBIX_LANES; l++) {
      double bar = (m_bar[0][l] + m_bar[1][l] + m_bar[2][l]) / (x[2] - x[0]) / 3;
      f_bar[0][l] += bar * per_h[0];
      f_bar[1][l] -= bar * (per_h[0] + per_h[1]);
      f_bar[2][l] += bar * per_h[1];
    }
    return;
  }
  double first = (x[1] - x[0]) * per_h[1], last = (x[n - 1] - x[n - 2]) * per_h[n - 3];
  for (int l = 0; l < CUBIX_LANES; l++) {
    m_bar[1][l] += (1 + first) * m_bar[0][l];
    m_bar[2][l] -= first * m_bar[0][l];
    m_bar[n - 2][l] += (1 + last) * m_bar[n - 1][l];
    m_bar[n - 3][l] -= last * m_bar[n - 1][l];
    m_bar[0][l] = m_bar[n - 1][l] = 0;
  }
  for (int i = 1; i < n - 2; i++)
    for (int l = 0; l < CUBIX_LANES; l++) m_bar[i + 1][l] -= spline->upper[i] * m_bar[i][l];
  /* from here on m_bar[i] is the bar of chord i less chord i - 1 */
  for (int i = n - 2; i > 0; i--)
    for (int l = 0; l < CUBIX_LANES; l++) {
      m_bar[i][l] *= spline->inverse[i];
      m_bar[i - 1][l] -= spline->lower[i] * m_bar[i][l];
    }
  for (int l = 0; l < CUBIX_LANES; l++) m_bar[0][l] = 0;
  for (int i = 0; i < n - 1; i++)
    for (int l = 0; l < CUBIX_LANES; l++) {
      double chord_bar = (m_bar[i][l] - m_bar[i + 1][l]) * per_h[i];
      f_bar[i][l] -= chord_bar;
      f_bar[i + 1][l] += chord_bar;
    }
}

void cubix_spline_free(struct cubix_spline *spline)
{
  free(spline->lower);
  free(spline->inverse);
  free(spline->upper);
  free(spline->per_h);
}
