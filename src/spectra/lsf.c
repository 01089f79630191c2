/* lsf.c -- the instrument's line spread function acts on the templates, not on the cube.
 *
 * Why there.  Accuracy: on the channel grid a Gaussian two channels wide is no longer the Gaussian
 * that the instrument has (up to 5e-4 of the flux for E-MILES and MUSE, and the width of a line
 * would depend on where it falls in its channel); on the template it is exact, continuous, before
 * the integration over the channel.  What must be subtracted in quadrature is the template's own
 * width: emission lines, which have none, need the full width, so that stars and lines part ways
 * here.  Cost: some 10^2 to 10^3 templates once, instead of 10^4 to 10^5 spaxels every time.  The
 * price: a star at velocity v meets the width at lambda instead of lambda (1 + v/c).  With the
 * 2.5e-4 AA/AA by which MUSE's FWHM changes that is 6e-4 of the FWHM at 300 km/s.
 *
 * At knot x_i with width s_i the broadened value is the integral of T(y) G(y - x_i; s_i) over |y -
 * x_i| <= 6 s_i, divided by that of G. T is linear in its values and curvatures, so the integral is
 * a row of weights, the same for all templates.  It is taken by Gauss-Legendre quadrature on pieces
 * no longer than s_i/2 that end at the knots: ten points leave 1e-15, and so do four on pieces below
 * s_i/50, of which an LSF far broader than the library's step has a great many.  Time and memory go
 * with the number of weights, some 12 s/step at each knot; more than most_weight are refused.
 *
 * A Fourier transform spectrograph has a sinc, sin(pi x/a)/(pi x/a) with FWHM 1.2067 a, here ended at
 * its 20th zero.  It cannot be made from a Gaussian template by widening it, so it is applied whole,
 * whatever the template has already (what Martin et al. 2016, MNRAS 463, 4223 call a sincgauss).
 *
 * Derivative with the width.  With y = x_i + s t the limits t = -6, 6 and the Gaussian do not
 * depend on s: for continuous T
 *   s dT'/ds = int T_y(y) t s exp(-t^2/2) dt / int exp(-t^2/2) dt,   dT'/d(s^2) = (s dT'/ds)/(2 s^2);
 * where the library's end x_e cuts the integral off, its limit t_e = (x_e - x_i)/s moves, which
 * adds -+(T(x_e) - T') t_e exp(-t_e^2/2) at the red (blue) end.  For a spline this has the finite
 * limit T_yy/2 where s goes to 0; straight lines grow with s, their derivative with s^2 like 1/s. */
#include "spectra/lsf.h"

#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "physics/constants.h"

/* Weights of one knot: of the values and the curvatures of knots first + k, and their derivatives
 * with sigma^2 where there is room for them. */
struct weights { double *value, *curvature, *value_slope, *curvature_slope; };

/* Of a sinc of FWHM 2 sqrt(2 ln 2): its first zero, as its FWHM is 1.2067 of that. */
static const double sinc_zero = CUBIX_FWHM_SIGMA / CUBIX_LSF_SINC_FWHM;

/* The LSF at a knot, its limits inside the library, and the rule by which it is integrated. */
struct kernel { enum cubix_lsf_shape shape; double centre, sigma, lo, hi; };
/* Ten points, and four. */
struct rules { gsl_integration_glfixed_table *ten, *four; };
static const double short_piece = 0.02;     /* of sigma: four points will do */
static const double most_weight = 134217728.;   /* 2^27, 16 bytes each, or 32 with slopes */

/* At t = (y - centre)/sigma, 1 at 0. */
static double profile(enum cubix_lsf_shape shape, double t)
{
  if (shape == CUBIX_LSF_GAUSSIAN) return exp(-0.5 * t * t);
  const double x = CUBIX_PI * t / sinc_zero;
  return fabs(x) < 1e-8 ? 1 : sin(x) / x;
}

double cubix_lsf_reach(enum cubix_lsf_shape shape)
{
  return shape == CUBIX_LSF_GAUSSIAN ? 6 : CUBIX_LSF_SINC_ZEROS * sinc_zero;
}

static void scale(double *x, int n, double by)
{
  for (int k = 0; k < n; k++) x[k] *= by;
}

/* What the limits contribute that the library's ends set: knot e of the n knots in w, at x [AA from
 * the LSF's centre]; sign: 1 red, -1 blue. */
static void add_end(const struct weights *w, int n, int e, double x, const struct kernel *kernel,
                    double norm, int sign)
{
  const double sigma = kernel->sigma;
  double by = -sign * (x / sigma) * profile(kernel->shape, x / sigma) / norm / (2 * sigma);
  w->value_slope[e] += by;
  for (int k = 0; k < n; k++) {
    w->value_slope[k] -= by * w->value[k];
    w->curvature_slope[k] -= by * w->curvature[k];
  }
}

/* The part of the quadrature in knot interval k, from x0 to x0 + h.  @return its part of the LSF's integral */
static double add_interval(const struct weights *w, int k, double x0, double h, const struct kernel *kernel,
                           const struct rules *rules)
{
  const double centre = kernel->centre, sigma = kernel->sigma, a = fmax(kernel->lo, x0), b = fmin(kernel->hi, x0 + h);
  const gsl_integration_glfixed_table *rule = h < short_piece * sigma ? rules->four : rules->ten;
  int pieces = b > a ? (int)ceil((b - a) / (0.5 * sigma)) : 0;
  double norm = 0;
  for (int p = 0; p < pieces; p++)
    for (size_t q = 0; q < rule->n; q++) {
      double y, weight;
      gsl_integration_glfixed_point(a + (b - a) * p / pieces, a + (b - a) * (p + 1) / pieces, q, &y, &weight, rule);
      double t = (y - centre) / sigma, g = weight * profile(kernel->shape, t), u = (y - x0) / h, v = 1 - u;
      norm += g;
      w->value[k] += g * v;
      w->value[k + 1] += g * u;
      w->curvature[k] += g * h * h * (v * v - 1) * v;
      w->curvature[k + 1] += g * h * h * (u * u - 1) * u;
      if (!w->value_slope) continue;
      w->value_slope[k] -= g * t / h;
      w->value_slope[k + 1] += g * t / h;
      w->curvature_slope[k] -= g * t * h * (3 * v * v - 1);
      w->curvature_slope[k + 1] += g * t * h * (3 * u * u - 1);
    }
  return norm;
}

/* The first knot below (or at) lo, and the last of those up to the first at or above hi; the search begins at *j and
 * *last, which are near. */
static void span(const double *x, int n, int i, double lo, double hi, int *j, int *last)
{
  if (*j > i) *j = i;
  if (*last < i) *last = i;
  while (*j < i && x[*j + 1] <= lo) ++*j;
  while (*j > 0 && x[*j] > lo) --*j;
  while (*last > i && x[*last - 1] >= hi) --*last;
  while (*last < n - 1 && x[*last] < hi) ++*last;
}

/* Weights of the knots from j on, `count` of them. */
static void weights_of(const double *x, int n, int i, double sigma, enum cubix_lsf_shape shape,
                       const struct rules *rules, int j, int count, const struct weights *w)
{
  double reach = cubix_lsf_reach(shape) * sigma, lo = fmax(x[i] - reach, x[0]), hi = fmin(x[i] + reach, x[n - 1]),
         norm = 0;
  const struct kernel kernel = { shape, x[i], sigma, lo, hi };
  double *const all[] = { w->value, w->curvature, w->value_slope, w->curvature_slope };
  for (int a = 0; a < 4 && all[a]; a++) memset(all[a], 0, sizeof *all[a] * (size_t)count);
  for (int k = 0; k + 1 < count; k++) {
    double x0 = x[j + k], h = x[j + k + 1] - x0;
    norm += add_interval(w, k, x0, h, &kernel, rules);
  }
  for (int a = 0; a < 4 && all[a]; a++) scale(all[a], count, 1 / (a < 2 ? norm : norm * 2 * sigma));
  if (!w->value_slope) return;
  if (x[i] - reach < x[0]) add_end(w, count, 0, x[0] - x[i], &kernel, norm, -1);
  if (x[i] + reach > x[n - 1]) add_end(w, count, n - 1 - j, x[n - 1] - x[i], &kernel, norm, 1);
}

/* Which knots each one takes.  @return how many there are in all, up to the bound */
static double lay_rows(struct cubix_lsf *lsf, const double *x, const double *sigma, double reach)
{
  double used = 0;
  for (int i = 0, j = 0, last = 0; i < lsf->n; i++) {
    const double half = reach * sigma[i];
    int count = 1;
    lsf->first[i] = i;
    lsf->start[i] = (int)used;
    if (sigma[i] > 0) {
      span(x, lsf->n, i, fmax(x[i] - half, x[0]), fmin(x[i] + half, x[lsf->n - 1]), &j, &last);
      if (last == j) last = j + 1 < lsf->n ? j + 1 : j;
      lsf->first[i] = j;
      count = last - j + 1;
    }
    used += count;
    if (used > most_weight) break;
  }
  return used;
}

int cubix_lsf_init(struct cubix_lsf *lsf, const double *knot, const double *sigma, int n, int slope,
                   enum cubix_lsf_shape shape)
{
  int status = CUBIX_OK;
  double used, broadest = 0;
  const struct rules rules = { gsl_integration_glfixed_table_alloc(10), gsl_integration_glfixed_table_alloc(4) };
  lsf->n = n;
  CUBIX_CHECK(rules.ten && rules.four, CUBIX_ENOMEM, "no memory for a quadrature rule");
  CUBIX_ALLOC(lsf->first, n);
  CUBIX_ALLOC(lsf->start, n + 1);
  used = lay_rows(lsf, knot, sigma, cubix_lsf_reach(shape));
  for (int i = 0; i < n; i++) broadest = fmax(broadest, sigma[i]);
  CUBIX_CHECK(used <= most_weight, CUBIX_EUSAGE,
              "a line spread function of FWHM %g AA in the rest frame (LsfFwhm, or lsf of the instrument) would "
              "take more than %.0f weights for the %d wavelengths of the library, %g AA apart, and minutes: is the "
              "FWHM in AA?  Otherwise use a library with fewer wavelengths, or a narrower LambdaMin .. LambdaMax",
              broadest * CUBIX_FWHM_SIGMA, most_weight, n, n > 1 ? (knot[n - 1] - knot[0]) / (n - 1) : 0.);
  lsf->start[n] = (int)used;
  CUBIX_ALLOC(lsf->value, used);
  CUBIX_ALLOC(lsf->curvature, used);
  if (slope) CUBIX_ALLOC(lsf->value_slope, used);
  if (slope) CUBIX_ALLOC(lsf->curvature_slope, used);
#pragma omp parallel for schedule(dynamic, 16)
  for (int i = 0; i < n; i++) {
    const int at = lsf->start[i];
    const struct weights w = { lsf->value + at, lsf->curvature + at, slope ? lsf->value_slope + at : NULL,
                               slope ? lsf->curvature_slope + at : NULL };
    if (sigma[i] > 0) weights_of(knot, n, i, sigma[i], shape, &rules, lsf->first[i], lsf->start[i + 1] - at, &w);
    else w.value[0] = 1;
  }
done:
  if (rules.ten) gsl_integration_glfixed_table_free(rules.ten);
  if (rules.four) gsl_integration_glfixed_table_free(rules.four);
  return status;
}

static void apply(const struct cubix_lsf *lsf, const double *value, const double *curvature,
                  const double (*restrict f)[CUBIX_LANES], const double (*restrict m)[CUBIX_LANES],
                  double (*restrict out)[CUBIX_LANES])
{
  for (int i = 0; i < lsf->n; i++) {
    double sum[CUBIX_LANES] = { 0 };
    int j = lsf->first[i];
    for (int k = lsf->start[i]; k < lsf->start[i + 1]; k++, j++)
      for (int l = 0; l < CUBIX_LANES; l++) sum[l] += value[k] * f[j][l] + curvature[k] * m[j][l];
    memcpy(out[i], sum, sizeof sum);
  }
}

void cubix_lsf_apply(const struct cubix_lsf *lsf, const double (*f)[CUBIX_LANES], const double (*m)[CUBIX_LANES],
                     double (*broad)[CUBIX_LANES])
{
  apply(lsf, lsf->value, lsf->curvature, f, m, broad);
}

void cubix_lsf_apply_slope(const struct cubix_lsf *lsf, const double (*f)[CUBIX_LANES], const double (*m)[CUBIX_LANES],
                           double (*broad_slope)[CUBIX_LANES])
{
  apply(lsf, lsf->value_slope, lsf->curvature_slope, f, m, broad_slope);
}

void cubix_lsf_apply_vjp(const struct cubix_lsf *lsf, const double (*restrict broad_bar)[CUBIX_LANES],
                         double (*restrict f_bar)[CUBIX_LANES], double (*restrict m_bar)[CUBIX_LANES])
{
  for (int i = 0; i < lsf->n; i++) {
    int j = lsf->first[i];
    for (int k = lsf->start[i]; k < lsf->start[i + 1]; k++, j++)
      for (int l = 0; l < CUBIX_LANES; l++) {
        f_bar[j][l] += lsf->value[k] * broad_bar[i][l];
        m_bar[j][l] += lsf->curvature[k] * broad_bar[i][l];
      }
  }
}

void cubix_lsf_free(struct cubix_lsf *lsf)
{
  free(lsf->first);
  free(lsf->start);
  free(lsf->value);
  free(lsf->curvature);
  free(lsf->value_slope);
  free(lsf->curvature_slope);
}
