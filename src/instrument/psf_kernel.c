/* psf_kernel.c -- the point spread function on the grid of spaxels.
 *
 * A kernel's value is the profile integrated over a spaxel, centred on a spaxel: exactly for the
 * Gaussian (error functions), by Gauss-Legendre points for the Moffat I = (1 + r^2/a^2)^-beta, FWHM
 * = 2 a sqrt(2^(1/beta) - 1): 8 x 8 a spaxel, 32 x 32 in the central 3 x 3, which hold the peak
 * (good to 1e-6 for a FWHM above a tenth of a spaxel).  It is cut where 99.9 % of a Moffat's light
 * is inside, at most at 8 FWHM, at 2.5 FWHM for a Gaussian, and normalised to 1: light is neither
 * made nor lost.  Source: Moffat 1969, A&A 3, 455; doc/math.md section 9.
 * An elongated profile of axis ratio e is the round one of r^2 = e m^2 + n^2/e, m along the major axis and n across it:
 * FWHM is the geometric mean of both.  Its cut is that of the major axis, r/sqrt(e).  A Gaussian's sides do not part
 * then, and it is integrated by points as a Moffat is, by 32 x 32 everywhere if the minor axis is narrower than a
 * spaxel.
 * The cut is a real number c of spaxels: row i of a kernel counts whole up to i = c, and by t^3 (10
 * - 15 t + 6 t^2), t = c + 1 - i, between c and c + 1.  So the cube is a smooth function of FWHM
 * and beta, where a cut at whole spaxels jumps; the margin follows, ceil(c).
 * Derivatives with FWHM and beta are those of these very sums, at frozen points: with q = r^2/a^2,
 *   dI = I (2 beta q/(1 + q) da/a - ln(1 + q) dbeta),   of a Gaussian by points I r^2/sigma^2 dsigma/sigma,
 *   da/a = dFWHM/FWHM + ln 2 2^(1/beta)/(2 beta^2 (2^(1/beta) - 1)) dbeta,
 * and of the Gaussian's side, t = (x -+ w/2)/(sqrt 2 sigma):  d = (t- exp(-t-^2) - t+
 * exp(-t+^2))/sqrt pi dsigma/sigma; and that of the rim, c being proportional to the FWHM. */
#include "instrument/psf_kernel.h"

#include <fitsio.h>
#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"
#include "instrument/instrument_file.h"
#include "physics/constants.h"

static const double moffat_most = 8.;       /* radius of a Moffat, in FWHM */

struct dual { double value, dot; };
static const struct cubix_psf_bar still = { 0., 0., 0. };

static int is_elongated(const struct cubix_instrument *ins)
{
  return ins->psf_axis_ratio > 0. && ins->psf_axis_ratio < 1.;
}

static double moffat_width(double fwhm, double beta) { return 0.5 * fwhm / sqrt(pow(2., 1. / beta) - 1.); }

/* d ln a of a Moffat of the same FWHM, per change of beta. */
static double width_by_beta(double beta)
{
  const double power = pow(2., 1. / beta);
  return log(2.) * power / (2. * beta * beta * (power - 1.));
}

/* Radius of a profile [arcsec], and the change of its logarithm with beta. */
static struct dual radius_of(enum cubix_psf_kind kind, double fwhm, double beta)
{
  if (kind == CUBIX_PSF_GAUSSIAN) return (struct dual){ 2.5 * fwhm, 0. };
  const double power = pow(1e3, 1. / (beta - 1.)), r = moffat_width(fwhm, beta) * sqrt(power - 1.);
  if (!(r < moffat_most * fwhm)) return (struct dual){ moffat_most * fwhm, 0. };
  return (struct dual){ r, width_by_beta(beta) - power * log(1e3) / (2. * (power - 1.) * (beta - 1.) * (beta - 1.)) };
}

/* Where kernels are cut [spaxels], a real number, that of the channel with the widest one, and its change with the PSF
 * at lambda: a number that is added to a FWHM which varies counts there as the factor that it is at lambda. */
static struct dual cut(const struct cubix_instrument *ins, double lambda, const struct cubix_psf_bar *dot)
{
  const double pixel = fmin(ins->pixel_x, ins->pixel_y);
  const double by_fwhm = dot->fwhm / cubix_curve_at(&ins->psf_fwhm, lambda) + dot->scale;
  struct dual widest = { 0., 0. };
  double fwhm_before = -1., beta_before = -1.;
  for (int k = 0; k < ins->n_lambda; k++) {
    const double at = cubix_instrument_lambda(ins, k), fwhm = cubix_curve_at(&ins->psf_fwhm, at),
                 beta = cubix_curve_at(&ins->psf_beta, at);
    if (fwhm == fwhm_before && beta == beta_before) continue;
    const struct dual r = radius_of(ins->psf, fwhm, beta);
    if (r.value > widest.value) widest = r;
    fwhm_before = fwhm;
    beta_before = beta;
  }
  if (is_elongated(ins)) widest.value /= sqrt(ins->psf_axis_ratio);
  return (struct dual){ widest.value / pixel, widest.value / pixel * (by_fwhm + widest.dot * dot->beta) };
}

int cubix_psf_margin(const struct cubix_instrument *ins)
{
  if (ins->psf == CUBIX_PSF_NONE) return 0;
  if (ins->psf == CUBIX_PSF_FILE) return ins->psf_n / 2;
  const double radius = ceil(cut(ins, ins->lambda_min, &still).value);
  return radius < 1e6 ? (int)radius : 1000000;   /* a cube with such a margin is refused */
}

/* Share of a kernel's value that counts in row i from its middle: all within the cut, none from one
 * spaxel beyond, smoothly between. */
static struct dual rim(int i, const struct dual *end)
{
  const double t = end->value + 1. - i;
  if (t >= 1.) return (struct dual){ 1., 0. };
  if (t <= 0.) return (struct dual){ 0., 0. };
  return (struct dual){ t * t * t * (10. - 15. * t + 6. * t * t), 30. * t * t * (1. - t) * (1. - t) * end->dot };
}

/* A profile's width and exponent, and their change; x grows westward. */
struct shape {
  double width, width_dot, beta, beta_dot;  /* width: sigma of a Gaussian, a of a Moffat [arcsec] */
  int gaussian, round, narrow;
  double xx, xy, yy;                        /* r^2 = xx x^2 + 2 xy x y + yy y^2 */
};

static struct shape shape_at(const struct cubix_instrument *ins, double lambda, const struct cubix_psf_bar *dot)
{
  const double fwhm = cubix_curve_at(&ins->psf_fwhm, lambda), fwhm_dot = dot->fwhm + dot->scale * fwhm;
  const double e = is_elongated(ins) ? ins->psf_axis_ratio : 1., c = cos(ins->psf_angle), s = sin(ins->psf_angle);
  struct shape shape = { .gaussian = ins->psf == CUBIX_PSF_GAUSSIAN,
                         .round = !(e < 1.),
                         .narrow = e < 1. && fwhm * sqrt(e) < fmax(ins->pixel_x, ins->pixel_y),
                         .xx = e * s * s + c * c / e,
                         .xy = (1. / e - e) * s * c,
                         .yy = e * c * c + s * s / e };
  if (shape.gaussian) {
    shape.width = fwhm / CUBIX_FWHM_SIGMA;
    shape.width_dot = fwhm_dot / CUBIX_FWHM_SIGMA;
  } else {
    shape.beta = cubix_curve_at(&ins->psf_beta, lambda);
    shape.beta_dot = dot->beta;
    shape.width = moffat_width(fwhm, shape.beta);
    shape.width_dot = shape.width * (fwhm_dot / fwhm + dot->beta * width_by_beta(shape.beta));
  }
  return shape;
}

/* Profile times area over the rectangle of sides w_x, w_y about (x, y). */
static struct dual spaxel_by_points(const gsl_integration_glfixed_table *points, double x, double y, double w_x,
                                    double w_y, const struct shape *s)
{
  const double a = s->width, beta = s->beta, by_a = 2. * beta * s->width_dot / a;
  struct dual sum = { 0., 0. };
  for (size_t j = 0; j < points->n; j++) {
    double v, weight_y;
    gsl_integration_glfixed_point(y - 0.5 * w_y, y + 0.5 * w_y, j, &v, &weight_y, points);
    for (size_t i = 0; i < points->n; i++) {
      double u, weight_x;
      gsl_integration_glfixed_point(x - 0.5 * w_x, x + 0.5 * w_x, i, &u, &weight_x, points);
      const double r2 = s->round ? u * u + v * v : s->xx * u * u + 2. * s->xy * u * v + s->yy * v * v, q = r2 / (a * a);
      if (s->gaussian) {
        const double part = weight_x * weight_y * exp(-0.5 * q);
        sum.value += part;
        sum.dot += part * q * s->width_dot / a;
        continue;
      }
      const double log_1q = log1p(q), part = weight_x * weight_y * exp(-beta * log_1q);
      sum.value += part;
      sum.dot += part * (by_a * q / (1. + q) - s->beta_dot * log_1q);
    }
  }
  return sum;
}

/* Of one coordinate: between x - w/2 and x + w/2. */
static struct dual gauss_side(double x, double w, const struct shape *shape)
{
  const double s = 1. / (sqrt(2.) * shape->width), lo = (x - 0.5 * w) * s, hi = (x + 0.5 * w) * s;
  return (struct dual){ x > 0. ? 0.5 * (erfc(lo) - erfc(hi)) : 0.5 * (erf(hi) - erf(lo)),
                        shape->width_dot / shape->width * (lo * exp(-lo * lo) - hi * exp(-hi * hi)) / sqrt(CUBIX_PI) };
}

static struct dual gauss_spaxel(double x, double y, double w_x, double w_y, const struct shape *s)
{
  const struct dual along_x = gauss_side(x, w_x, s), along_y = gauss_side(y, w_y, s);
  return (struct dual){ along_x.value * along_y.value, along_x.dot * along_y.value + along_x.value * along_y.dot };
}

/* Profile times area over the spaxel (i, j) from the middle. */
static struct dual spaxel(const struct cubix_instrument *ins, const struct shape *s, int i, int j,
                          const gsl_integration_glfixed_table *coarse, const gsl_integration_glfixed_table *fine)
{
  const double x = i * ins->pixel_x, y = j * ins->pixel_y;
  const int peak = abs(i) < 2 && abs(j) < 2;
  if (s->gaussian && s->round) return gauss_spaxel(x, y, ins->pixel_x, ins->pixel_y, s);
  return spaxel_by_points(peak || s->narrow ? fine : coarse, x, y, ins->pixel_x, ins->pixel_y, s);
}

static struct dual rimmed(struct dual value, struct dual share)
{
  return (struct dual){ value.value * share.value, value.dot * share.value + value.value * share.dot };
}

/* Kernel and derivative: K = k/S, S the sum of k, and dK = (dk - K dS)/S.  @param[out] kernel_dot may be NULL */
static int build(double *kernel, double *kernel_dot, const struct cubix_instrument *ins, const struct shape *shape,
                 const struct dual *end, int radius)
{
  int status = CUBIX_OK, side = 2 * radius + 1;
  double sum = 0., sum_dot = 0.;
  gsl_integration_glfixed_table *coarse = gsl_integration_glfixed_table_alloc(8),
                                *fine = gsl_integration_glfixed_table_alloc(32);
  CUBIX_CHECK(coarse && fine, CUBIX_ENOMEM, "cannot allocate the points of the quadrature");
  for (int j = 0; j <= radius; j++) {
    for (int i = shape->round ? 0 : -radius; i <= radius; i++) {
      const int mirror = (radius + i) * side + radius + j;
      struct dual value;
      if (shape->round && i < j && ins->pixel_x == ins->pixel_y)
        value = (struct dual){ kernel[mirror], kernel_dot ? kernel_dot[mirror] : 0. };
      else value = rimmed(rimmed(spaxel(ins, shape, i, j, coarse, fine), rim(abs(i), end)), rim(j, end));
      for (int q = 0; q < 4; q++) {         /* an elongated one has no mirror images but that in its middle */
        if (!shape->round && (q == 1 || q == 2)) continue;
        const int at = (radius + (q & 1 ? j : -j)) * side + radius + (q & 2 ? i : -i);
        kernel[at] = value.value;
        if (kernel_dot) kernel_dot[at] = value.dot;
      }
    }
  }
  for (int i = 0; i < side * side; i++) {
    sum += kernel[i];
    sum_dot += kernel_dot ? kernel_dot[i] : 0.;
  }
  for (int i = 0; i < side * side; i++) {
    kernel[i] /= sum;
    if (kernel_dot) kernel_dot[i] = (kernel_dot[i] - kernel[i] * sum_dot) / sum;
  }
done:
  gsl_integration_glfixed_table_free(coarse);
  gsl_integration_glfixed_table_free(fine);
  return status;
}

int cubix_psf_kernel_build(double *kernel, const struct cubix_instrument *ins, double lambda, int radius)
{
  if (ins->psf == CUBIX_PSF_FILE) {
    memcpy(kernel, ins->psf_kernel, (size_t)(2 * radius + 1) * (size_t)(2 * radius + 1) * sizeof *kernel);
    return CUBIX_OK;
  }
  const struct shape shape = shape_at(ins, lambda, &still);
  const struct dual end = cut(ins, lambda, &still);
  return build(kernel, NULL, ins, &shape, &end, radius);
}

int cubix_psf_kernel_build_jvp(double *kernel_dot, const struct cubix_instrument *ins, double lambda, int radius,
                               const struct cubix_psf_bar *psf_dot)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)(2 * radius + 1) * (size_t)(2 * radius + 1);
  double *kernel = NULL;
  memset(kernel_dot, 0, n * sizeof *kernel_dot);
  if (ins->psf == CUBIX_PSF_FILE) goto done;
  CUBIX_ALLOC(kernel, n);
  const struct shape shape = shape_at(ins, lambda, psf_dot);
  const struct dual end = cut(ins, lambda, psf_dot);
  CUBIX_TRY(build(kernel, kernel_dot, ins, &shape, &end, radius));
done:
  free(kernel);
  return status;
}

int cubix_instrument_set_psf(struct cubix_instrument *ins, double fwhm, double beta)
{
  int status = CUBIX_OK;
  double min, max;
  const char *unit, *help;
  const int moffat = ins->psf == CUBIX_PSF_MOFFAT;
  CUBIX_CHECK((moffat || ins->psf == CUBIX_PSF_GAUSSIAN) && ins->psf_fwhm.n_table == 0 && ins->psf_fwhm.n_coef == 1 &&
                  (!moffat || (ins->psf_beta.n_table == 0 && ins->psf_beta.n_coef == 1)),
              CUBIX_EUSAGE,
              "the PSF has no single FWHM that could be changed: set Psf gaussian or moffat, with PsfFwhm");
  cubix_instrument_key(CUBIX_KEY_psf_fwhm, &min, &max, &unit, &help);
  CUBIX_CHECK(fwhm >= min && fwhm <= max, CUBIX_EUSAGE, "PsfFwhm = %g %s; it must be in %g .. %g", fwhm, unit, min,
              max);
  cubix_instrument_key(CUBIX_KEY_psf_beta, &min, &max, &unit, &help);
  CUBIX_CHECK(!moffat || (beta >= min && beta <= max), CUBIX_EUSAGE, "PsfBeta = %g; it must be in %g .. %g", beta, min,
              max);
  const struct cubix_instrument was = *ins;
  ins->psf_fwhm.coef[0] = fwhm;
  if (moffat) ins->psf_beta.coef[0] = beta;
  ins->margin = cubix_psf_margin(ins);
  status = cubix_instrument_check_size(ins, CUBIX_EUSAGE);
  if (status) *ins = was;
done:
  return status;
}

/* CFITSIO's own words for its status. */
static const char *fits_words(int fits, char text[FLEN_STATUS])
{
  fits_get_errstatus(fits, text);
  return text;
}

/* Open a file by its plain name (CFITSIO would read instructions from one with brackets, plus signs
 * or "://") at its first image. */
static void image_open(fitsfile **f, const char *file, int *fits)
{
  int n = 0, type = 0, n_dim = 0;
  fits_open_diskfile(f, file, READONLY, fits);
  fits_get_num_hdus(*f, &n, fits);
  for (int hdu = 1; hdu <= n && !*fits; hdu++) {
    fits_movabs_hdu(*f, hdu, &type, fits);
    if (type != IMAGE_HDU) continue;
    fits_get_img_dim(*f, &n_dim, fits);
    if (n_dim > 0) return;
  }
}

int cubix_psf_kernel_read(double **out, int *n, const char *file)
{
  int status = CUBIX_OK, fits = 0, n_dim = 0, is_null = 0, side;
  long size[2] = { 0, 0 };
  char words[FLEN_STATUS];
  double *image = NULL, *kernel = NULL, sum = 0.;
  const double no_value = NAN;
  fitsfile *f = NULL;

  CUBIX_TRY(cubix_infile_check(file, CUBIX_EINPUT));
  image_open(&f, file, &fits);
  CUBIX_CHECK(!fits, CUBIX_EINPUT, "the PSF image %s cannot be read: %s", file, fits_words(fits, words));
  fits_get_img_dim(f, &n_dim, &fits);
  fits_get_img_size(f, 2, size, &fits);
  CUBIX_CHECK(!fits, CUBIX_EINPUT, "the PSF image %s: %s", file, fits_words(fits, words));
  CUBIX_CHECK(n_dim == 2, CUBIX_EINPUT, "the PSF image %s has %d dimensions; it must have 2", file, n_dim);
  CUBIX_CHECK(
      size[0] % 2 == 1 && size[1] % 2 == 1 && size[0] < 20000 && size[1] < 20000, CUBIX_EINPUT,
      "the PSF image %s has %ld x %ld pixels; both numbers must be odd, so that it has a centre, and below 20000", file,
      size[0], size[1]);
  CUBIX_ALLOC(image, size[0] * size[1]);
  fits_read_img(f, TDOUBLE, 1, size[0] * size[1], (void *)&no_value, image, &is_null, &fits);
  CUBIX_CHECK(!fits, CUBIX_EINPUT, "the PSF image %s: %s", file, fits_words(fits, words));
  for (long i = 0; i < size[0] * size[1]; i++) {
    CUBIX_CHECK(isfinite(image[i]), CUBIX_EINPUT, "the PSF image %s is not finite at pixel (%ld, %ld)", file,
                i % size[0] + 1, i / size[0] + 1);
    sum += image[i];
  }
  CUBIX_CHECK(sum > 0. && isfinite(sum), CUBIX_EINPUT, "the PSF image %s has the sum %g; it must be positive", file,
              sum);
  side = (int)(size[0] > size[1] ? size[0] : size[1]);
  CUBIX_ALLOC(kernel, (size_t)side * (size_t)side);
  for (long j = 0; j < size[1]; j++)
    for (long i = 0; i < size[0]; i++)
      kernel[(j + (side - size[1]) / 2) * side + i + (side - size[0]) / 2] = image[j * size[0] + i] / sum;
  *out = kernel;
  *n = side;
  kernel = NULL;
done:
  fits = 0;
  if (f) fits_close_file(f, &fits);
  free(image);
  free(kernel);
  return status;
}
