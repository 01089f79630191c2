/* physics/screen.h -- dust in front of a star: what it leaves of the light, and the nodes in A(V) on
 * which the histogram engine expands that.  Source: doc/math.md section 12.
 *
 * Behind A magnitudes in V a star's light is exp(-t A k) of what it was, t = 0.4 ln 10, with k =
 * A(lambda)/A(V) of the channel.  On nodes A_j = j step, j any integer,
 *
 *   exp(-t A k) ~ sum_j W_j(A) c_j(k)
 *   W_j(A) = phi(A/step - j) exp(-t (A - A_j) k_mid)      c_j(k) = exp(-t A_j k)/[sinh(x)/x]^4
 *
 * phi is the cardinal cubic B-spline, k_mid the middle of the k of all channels, and x = t (k -
 * k_mid) step/2.  The relative error has one bound for every A and every k within; all numbers are
 * positive, every A touches four nodes, and W has two continuous derivatives.
 *
 * The weights are made of sums and products alone, so that they have the same bits on every processor. */
#ifndef CUBIX_PHYSICS_SCREEN_H
#define CUBIX_PHYSICS_SCREEN_H

#include "physics/hd.h"

#define CUBIX_SCREEN_T 0.92103403719761827361   /* 0.4 ln 10: optical depth of a magnitude */
#define CUBIX_AXIS_STEEPEST 2.                  /* largest t k_mid step: what cubix_axis_decay takes */
#define CUBIX_AXIS_DARK 1e-30                   /* factors below this count as 0 */

enum {
  CUBIX_N_SCREEN = 4,             /* nodes that an A(V) touches */
  CUBIX_AXIS_MOST = 4096          /* nodes of an axis */
};

struct cubix_axis {
  int n, first;                   /* nodes; number j of the first of them.  n = 0: no star is dimmed */
  double step, k_mid;
  double most;                    /* A(V) beyond which no channel has light that counts: more counts as this */
  double ramp[CUBIX_N_SCREEN];    /* exp(t k_mid step m) of m = -1 .. 2 */
  const double *k;                /* [n_lambda] A(lambda)/A(V) of the channels */
};

/** What is left of the light behind A magnitudes in V. */
CUBIX_HD double cubix_screen_through(double screen, double k) { return exp(-CUBIX_SCREEN_T * screen * k); }

/** Bound of the relative error, kappa = t (k_max - k_min)/2. */
CUBIX_HD double cubix_axis_bound(double kappa, double step)
{
  double y = 6.283185307179586477 / (kappa * step), d = 1 + y * y;
  return 2 * 1.082323233711138192 / (d * d);      /* zeta(4) */
}

/** The widest step whose bound is `error`. */
CUBIX_HD double cubix_axis_widest(double kappa, double error)
{
  return 6.283185307179586477 / kappa / sqrt(sqrt(2 * 1.082323233711138192 / error) - 1);
}

/** exp(-y) of 0 <= y <= CUBIX_AXIS_STEEPEST, to a few units of the last digit. */
CUBIX_HD double cubix_axis_decay(double y)
{
  double z = -0.0625 * y, sum = 1 / 362880.;
  sum = sum * z + 1 / 40320.;
  sum = sum * z + 1 / 5040.;
  sum = sum * z + 1 / 720.;
  sum = sum * z + 1 / 120.;
  sum = sum * z + 1 / 24.;
  sum = sum * z + 1 / 6.;
  sum = sum * z + 0.5;
  sum = sum * z + 1;
  sum = sum * z + 1;
  sum *= sum;
  sum *= sum;
  sum *= sum;
  return sum * sum;
}

/** First of the four nodes that A(V) touches, -1 beyond the axis; f: its place between 0 and 1 in the
 * step.  @param axis  n > 0 */
CUBIX_HD int cubix_axis_of(const struct cubix_axis *axis, double screen, double *f)
{
  double x = (screen < axis->most ? screen : axis->most) / axis->step;
  *f = 0;
  if (!(x >= axis->first)) return -1;
  int whole = (int)x, j;
  if (whole > x) whole--;
  j = whole - 1 - axis->first;
  *f = x - whole;
  return j >= 0 && j <= axis->n - CUBIX_N_SCREEN ? j : -1;
}

/** The four values W of A(V) in its place f. */
CUBIX_HD void cubix_axis_weights(const struct cubix_axis *axis, double f, double w[CUBIX_N_SCREEN])
{
  double g = 1 - f, f2 = f * f, g2 = g * g, down = cubix_axis_decay(CUBIX_SCREEN_T * axis->k_mid * axis->step * f) / 6;
  w[0] = g2 * g * (axis->ramp[0] * down);
  w[1] = (4 - 3 * f2 * (2 - f)) * (axis->ramp[1] * down);
  w[2] = (4 - 3 * g2 * (2 - g)) * (axis->ramp[2] * down);
  w[3] = f2 * f * (axis->ramp[3] * down);
}

/** Their derivatives with A(V) [1/mag].  Beyond `most`, where there is no light, they are what they are there. */
CUBIX_HD void cubix_axis_slopes(const struct cubix_axis *axis, double f, double d[CUBIX_N_SCREEN])
{
  double g = 1 - f, down = cubix_axis_decay(CUBIX_SCREEN_T * axis->k_mid * axis->step * f) / 2 / axis->step,
         w[CUBIX_N_SCREEN];
  cubix_axis_weights(axis, f, w);
  d[0] = -g * g * (axis->ramp[0] * down);
  d[1] = -f * (4 - 3 * f) * (axis->ramp[1] * down);
  d[2] = g * (4 - 3 * g) * (axis->ramp[2] * down);
  d[3] = f * f * (axis->ramp[3] * down);
  for (int m = 0; m < CUBIX_N_SCREEN; m++) d[m] -= CUBIX_SCREEN_T * axis->k_mid * w[m];
}

/** c_j of node j, counted from the axis' first, at k. */
CUBIX_HD double cubix_axis_factor(const struct cubix_axis *axis, int j, double k)
{
  double x = 0.5 * CUBIX_SCREEN_T * (k - axis->k_mid) * axis->step;
  double s = fabs(x) < 1e-3 ? 1 + x * x / 6 : sinh(x) / x, s2 = s * s;
  double factor = exp(-CUBIX_SCREEN_T * ((j + axis->first) * axis->step) * k) / (s2 * s2);
  return factor < CUBIX_AXIS_DARK ? 0 : factor;
}

/** Its derivative with k, the nodes and k_mid staying as they are. */
CUBIX_HD double cubix_axis_factor_slope(const struct cubix_axis *axis, int j, double k)
{
  double x = 0.5 * CUBIX_SCREEN_T * (k - axis->k_mid) * axis->step;
  double log_s = fabs(x) < 1e-3 ? x / 3 : 1 / tanh(x) - 1 / x;
  return -CUBIX_SCREEN_T * axis->step * (j + axis->first + 2 * log_s) * cubix_axis_factor(axis, j, k);
}

#endif
