/* gauss_hermite.c -- the least-squares fit of
 *   L(v) = g (A + B3 H3(w) + B4 H4(w)),   g = exp(-w^2/2)/(sigma sqrt(2 pi)),   w = (v - V)/sigma,
 * H3 = (2 w^3 - 3 w)/sqrt(3), H4 = (4 w^4 - 12 w^2 + 3)/sqrt(24), h3 = B3/A, h4 = B4/A, by Levenberg
 * and Marquardt from the mean and dispersion of the histogram.  A bin holds the light between its
 * borders: the model is averaged over it with Gauss's two points, which give its variance, step^2/12,
 * exactly.  All five numbers are fitted together, as pPXF does. */
#include "cube/gauss_hermite.h"

#include <math.h>

#include "physics/constants.h"

enum { N = 5, A = 0, V, SIGMA, B3, B4, MOST_STEPS = 100, FAR = 8 };   /* FAR sigma from V the series is 0 */

/* The model at v and its slopes. */
static double model(const double p[N], double v, double slope[N])
{
  const double s = p[SIGMA], w = (v - p[V]) / s, g = exp(-0.5 * w * w) / (s * sqrt(2. * CUBIX_PI));
  const double h3 = (2. * w * w - 3.) * w / sqrt(3.), h4 = ((4. * w * w - 12.) * w * w + 3.) / sqrt(24.);
  const double sum = p[A] + p[B3] * h3 + p[B4] * h4;
  const double by_w = p[B3] * (6. * w * w - 3.) / sqrt(3.) + p[B4] * (16. * w * w - 24.) * w / sqrt(24.);
  slope[A] = g;
  slope[B3] = g * h3;
  slope[B4] = g * h4;
  slope[V] = g / s * (w * sum - by_w);
  slope[SIGMA] = g / s * ((w * w - 1.) * sum - w * by_w);
  return g * sum;
}

/* Sum of squared residuals; with normal equations where they are wanted. */
static double residuals(const double p[N], const double *light, size_t stride, int n, double step, double normal[N][N],
                        double right[N])
{
  const double shift = 0.5 * step / sqrt(3.);
  double sum = 0;
  for (int a = 0; a < N; a++) {
    right[a] = 0;
    for (int b = 0; b < N; b++) normal[a][b] = 0;
  }
  for (int k = 0; k < n; k++) {
    const double v = (k - 0.5 * (n - 1)) * step;
    double low[N], high[N];
    const double here = light[(size_t)k * stride];
    if (fabs(v - p[V]) > FAR * p[SIGMA] + step) {
      sum += here * here;
      continue;
    }
    const double off = here - 0.5 * (model(p, v - shift, low) + model(p, v + shift, high));
    sum += off * off;
    for (int a = 0; a < N; a++) low[a] = 0.5 * (low[a] + high[a]);
    for (int a = 0; a < N; a++) {
      right[a] += low[a] * off;
      for (int b = 0; b <= a; b++) normal[a][b] += low[a] * low[b];
    }
  }
  return sum;
}

/* Solve (normal + damping diag(normal)) x = right by Cholesky.  @return 0: not positive */
static int solve(double x[N], double normal[N][N], const double right[N], double damping)
{
  double root[N][N];
  for (int a = 0; a < N; a++)
    for (int b = 0; b <= a; b++) {
      double sum = normal[a][b] * (a == b ? 1. + damping : 1.);
      for (int c = 0; c < b; c++) sum -= root[a][c] * root[b][c];
      if (a == b && !(sum > 0)) return 0;
      root[a][b] = a == b ? sqrt(sum) : sum / root[b][b];
    }
  for (int a = 0; a < N; a++) {
    x[a] = right[a];
    for (int c = 0; c < a; c++) x[a] -= root[a][c] * x[c];
    x[a] /= root[a][a];
  }
  for (int a = N; a-- > 0;) {
    for (int c = a + 1; c < N; c++) x[a] -= root[c][a] * x[c];
    x[a] /= root[a][a];
  }
  return 1;
}

/* Amplitude, mean and dispersion of the histogram.  @return bins with light */
static int start(double p[N], const double *light, size_t stride, int n, double step)
{
  double sum = 0, first = 0, second = 0;
  int lit = 0;
  for (int k = 0; k < n; k++) {
    const double v = (k - 0.5 * (n - 1)) * step, l = light[(size_t)k * stride];
    lit += l > 0;
    sum += l;
    first += l * v;
    second += l * v * v;
  }
  p[A] = sum * step;
  p[V] = first / sum;
  p[SIGMA] = sqrt(fmax(second / sum - p[V] * p[V], step * step));
  p[B3] = p[B4] = 0;
  return lit;
}

int cubix_gauss_hermite_fit(struct cubix_gauss_hermite *fit, const double *light, size_t stride, int n, double step)
{
  double p[N], normal[N][N], right[N], damping = 1e-3, sum;
  int found = 0;
  *fit = (struct cubix_gauss_hermite){ NAN, NAN, NAN, NAN };
  if (start(p, light, stride, n, step) < N) return 0;
  sum = residuals(p, light, stride, n, step, normal, right);
  for (int i = 0; i < MOST_STEPS && !found && damping < 1e9; i++) {
    double x[N], next[N], next_normal[N][N], next_right[N], next_sum = HUGE_VAL;
    if (solve(x, normal, right, damping)) {
      /* rounding may forbid a last step as small as that; strong damping makes any step small */
      found = damping < 1 && fabs(x[V]) + fabs(x[SIGMA]) < 1e-8 * p[SIGMA] &&
              fabs(x[B3]) + fabs(x[B4]) < 1e-8 * fabs(p[A]);
      for (int a = 0; a < N; a++) next[a] = p[a] + x[a];
      if (next[SIGMA] > 0.1 * step) next_sum = residuals(next, light, stride, n, step, next_normal, next_right);
    }
    if (!(next_sum <= sum)) {
      damping *= 4;
      continue;
    }
    damping *= 0.2;
    sum = next_sum;
    for (int a = 0; a < N; a++) {
      p[a] = next[a];
      right[a] = next_right[a];
      for (int b = 0; b <= a; b++) normal[a][b] = next_normal[a][b];
    }
  }
  if (!found || !(p[A] > 0) || fabs(p[B3]) > p[A] || fabs(p[B4]) > p[A]) return 0;
  *fit = (struct cubix_gauss_hermite){ p[V], p[SIGMA], p[B3] / p[A], p[B4] / p[A] };
  return 1;
}
