/* axis.c -- the nodes in A(V).
 *
 * Their step is the widest whose bound is the error allowed.  It is narrower where k is next to the
 * same in all channels, so that the weights do not grow (cubix_axis_decay), and in the dark, where k is
 * next to nothing. */
#include "histogram/axis.h"

#include <math.h>
#include <stddef.h>

#include "base/error.h"

static const double widest = 10;             /* mag */

struct range { double least, most; };

static struct range range_of(const double *k, int n)
{
  struct range r = { k[0], k[0] };
  for (int i = 1; i < n; i++) {
    r.least = fmin(r.least, k[i]);
    r.most = fmax(r.most, k[i]);
  }
  return r;
}

static double kappa_of(const struct range *k) { return 0.5 * CUBIX_SCREEN_T * (k->most - k->least); }

int cubix_axis_init(struct cubix_axis *axis, const double *k, int n_lambda, double error, double least, double most)
{
  const struct range range = range_of(k, n_lambda);
  const double kappa = kappa_of(&range), steepest = CUBIX_AXIS_STEEPEST / CUBIX_SCREEN_T;
  *axis = (struct cubix_axis){ .k = k, .k_mid = 0.5 * (range.least + range.most), .step = widest };
  if (kappa > 0) axis->step = fmin(axis->step, cubix_axis_widest(kappa, error));
  if (axis->k_mid > 0) axis->step = fmin(axis->step, steepest / axis->k_mid);
  /* the dark begins where no node touched has a factor any more */
  axis->most = most;
  if (range.least > 0)
    axis->most = fmin(most, -log(CUBIX_AXIS_DARK) / (CUBIX_SCREEN_T * range.least) + 2 * axis->step);
  const double first = floor(fmin(least, axis->most) / axis->step) - 1, last = floor(axis->most / axis->step) + 2;
  if (!(fabs(first) < CUBIX_AXIS_MOST && last - first < CUBIX_AXIS_MOST)) return 0;
  axis->first = (int)first;
  axis->n = (int)(last - first) + 1;
  for (int m = 0; m < CUBIX_N_SCREEN; m++) axis->ramp[m] = exp(CUBIX_SCREEN_T * axis->k_mid * axis->step * (m - 1));
  return 1;
}

double cubix_axis_error(const struct cubix_axis *axis, int n_lambda)
{
  if (!axis->n) return 0;
  const struct range range = range_of(axis->k, n_lambda);
  return range.most > range.least ? cubix_axis_bound(kappa_of(&range), axis->step) : 0;
}

int cubix_axis_table(float **out, const struct cubix_axis *axis, int n_lambda, int first_tile, int n_tile,
                     const double *k_dot)
{
  int status = CUBIX_OK;
  float *factor = NULL;
  *out = NULL;
  if (!axis->n) goto done;
  CUBIX_ALLOC(factor, (size_t)n_tile * (size_t)axis->n * CUBIX_TILE);
#pragma omp parallel for schedule(static)
  for (int t = 0; t < n_tile; t++)
    for (int j = 0; j < axis->n; j++)
      for (int i = 0, k = (first_tile + t) * CUBIX_TILE; i < CUBIX_TILE && k < n_lambda; i++, k++)
        factor[((size_t)t * (size_t)axis->n + (size_t)j) * CUBIX_TILE + (size_t)i] =
            (float)(k_dot ? k_dot[k] * cubix_axis_factor_slope(axis, j, axis->k[k])
                          : cubix_axis_factor(axis, j, axis->k[k]));
  *out = factor;
done:
  return status;
}

int cubix_axis_same(const struct cubix_axis *a, const struct cubix_axis *b)
{
  return a->n == b->n && (!a->n || (a->first == b->first && a->step == b->step && a->k_mid == b->k_mid));
}
