/* lsf.c -- the instrument's line spread function acts on the templates, not on the cube.
 *
 * Why there.  Accuracy: on the channel grid a Gaussian two channels wide is no longer the Gaussian that the instrument has (up to
 * 5e-4 of the flux for E-MILES and MUSE, and the width of a line would depend on where it falls in its channel); on the template it is
 * exact, continuous, before the integration over the channel.  What must be subtracted in quadrature is the template's own width: emission
 * lines, which have none, need the full width, so that stars and lines part ways here.  Cost: some 10^2 to 10^3 templates once,
 * instead of 10^4 to 10^5 spaxels every time.  The price: a star at velocity v meets the width at lambda instead of lambda (1 + v/c).  With the
 * 2.5e-4 AA/AA by which MUSE's FWHM changes that is 6e-4 of the FWHM at 300 km/s.
 *
 * At knot x_i with width s_i the broadened value is the integral of T(y) G(y - x_i; s_i) over |y - x_i| <= 6 s_i, divided by that of G.
 * T is linear in its values and curvatures, so the integral is a row of weights, the same for all templates.  It is taken by
 * Gauss-Legendre quadrature on pieces no longer than s_i/2 that end at the knots: ten points leave 1e-15.                          */
#include "lsf.h"

#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

/* Weights of one knot: value[k], curvature[k] of knot first + k.  @return number of knots */
static int weights_of(const double *x, int n, int i, double sigma, gsl_integration_glfixed_table *rule, int *first, double *value, double *curvature)
{
  double lo = fmax(x[i] - CUBIX_LSF_REACH * sigma, x[0]), hi = fmin(x[i] + CUBIX_LSF_REACH * sigma, x[n - 1]), norm = 0;
  int j = i, last;
  while (j > 0 && x[j] > lo) j--;
  *first = j;
  for (last = i; last < n - 1 && x[last] < hi; last++) {}
  if (last == j) last = j + 1 < n ? j + 1 : j;
  int count = last - j + 1;
  memset(value, 0, sizeof *value * (size_t)count);
  memset(curvature, 0, sizeof *curvature * (size_t)count);
  for (int k = 0; k + 1 < count; k++) {
    double x0 = x[j + k], h = x[j + k + 1] - x0, a = fmax(lo, x0), b = fmin(hi, x0 + h);
    int pieces = b > a ? (int)ceil((b - a) / (0.5 * sigma)) : 0;
    for (int p = 0; p < pieces; p++)
      for (size_t q = 0; q < rule->n; q++) {
        double y, weight, t;
        gsl_integration_glfixed_point(a + (b - a) * p / pieces, a + (b - a) * (p + 1) / pieces, q, &y, &weight, rule);
        t = (y - x[i]) / sigma;
        double g = weight * exp(-0.5 * t * t), u = (y - x0) / h, w = 1 - u;
        norm += g;
        value[k] += g * w;
        value[k + 1] += g * u;
        curvature[k] += g * h * h * (w * w - 1) * w;
        curvature[k + 1] += g * h * h * (u * u - 1) * u;
      }
  }
  for (int k = 0; k < count; k++) {
    value[k] /= norm;
    curvature[k] /= norm;
  }
  return count;
}

/* Most knots that any Gaussian reaches. */
static int widest(const double *x, const double *sigma, int n)
{
  int most = 2;
  for (int i = 0, lo = 0, hi = 0; i < n; i++) {
    while (lo > 0 && x[lo] > x[i] - CUBIX_LSF_REACH * sigma[i]) lo--;
    while (lo < i && x[lo + 1] <= x[i] - CUBIX_LSF_REACH * sigma[i]) lo++;
    while (hi > i && x[hi - 1] >= x[i] + CUBIX_LSF_REACH * sigma[i]) hi--;
    while (hi < n - 1 && x[hi] < x[i] + CUBIX_LSF_REACH * sigma[i]) hi++;
    if (hi - lo + 1 > most) most = hi - lo + 1;
  }
  return most + 2;
}

int cubix_lsf_init(struct cubix_lsf *lsf, const double *knot, const double *sigma, int n)
{
  int status = CUBIX_OK, most = widest(knot, sigma, n);
  size_t room = (size_t)n + (size_t)most, used = 0;
  gsl_integration_glfixed_table *rule = gsl_integration_glfixed_table_alloc(10);
  lsf->n = n;
  CUBIX_CHECK(rule, CUBIX_ENOMEM, "no memory for a quadrature rule");
  for (int i = 0; i < n; i++) room += sigma[i] > 0 ? (size_t)most : 1;
  CUBIX_ALLOC(lsf->first, n);
  CUBIX_ALLOC(lsf->start, n + 1);
  CUBIX_ALLOC(lsf->value, room);
  CUBIX_ALLOC(lsf->curvature, room);
  for (int i = 0; i < n; i++) {
    CUBIX_CHECK(used < 2147483647u - (size_t)most, CUBIX_EFAIL, "the line spread function spans too many points of the library (%d at most)", most);
    lsf->start[i] = (int)used;
    lsf->first[i] = i;
    lsf->value[used] = 1;
    used += sigma[i] > 0 ? (size_t)weights_of(knot, n, i, sigma[i], rule, &lsf->first[i], lsf->value + used, lsf->curvature + used) : 1;
  }
  lsf->start[n] = (int)used;
done:
  if (rule) gsl_integration_glfixed_table_free(rule);
  return status;
}

void cubix_lsf_apply(const struct cubix_lsf *lsf, const double (*restrict f)[CUBIX_LANES], const double (*restrict m)[CUBIX_LANES],
                     double (*restrict broad)[CUBIX_LANES])
{
  for (int i = 0; i < lsf->n; i++) {
    double sum[CUBIX_LANES] = { 0 };
    int j = lsf->first[i];
    for (int k = lsf->start[i]; k < lsf->start[i + 1]; k++, j++)
      for (int l = 0; l < CUBIX_LANES; l++) sum[l] += lsf->value[k] * f[j][l] + lsf->curvature[k] * m[j][l];
    memcpy(broad[i], sum, sizeof sum);
  }
}

void cubix_lsf_free(struct cubix_lsf *lsf)
{
  free(lsf->first);
  free(lsf->start);
  free(lsf->value);
  free(lsf->curvature);
}
