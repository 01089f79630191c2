/* instrument_psf.c -- the point spread function on the grid of spaxels.
 *
 * A kernel's value is the profile integrated over a spaxel, centred on a spaxel: exactly for the Gaussian (error functions), by Gauss-Legendre
 * points for the Moffat I = (1 + r^2/a^2)^-beta, FWHM = 2 a sqrt(2^(1/beta) - 1): 8 x 8 a spaxel, 32 x 32 in the central 3 x 3, which hold the peak
 * (good to 1e-6 for a FWHM above a tenth of a spaxel).  It is cut where 99.9 % of a Moffat's light is inside, at most at 8 FWHM, at 2.5 FWHM
 * for a Gaussian, and normalised to 1: light is neither made nor lost.  Source: Moffat 1969, A&A 3, 455; doc/math.md section 9.           */
#include "instrument_psf.h"

#include <fitsio.h>
#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "constants.h"
#include "error.h"

static double largest_fwhm(const struct cubix_instrument *ins)
{
  double fwhm = 0.;
  for (int k = 0; k < ins->n_lambda; k++) fwhm = fmax(fwhm, cubix_curve_at(&ins->psf_fwhm, cubix_instrument_lambda(ins, k)));
  return fwhm;
}

static double moffat_width(double fwhm, double beta) { return 0.5 * fwhm / sqrt(pow(2., 1. / beta) - 1.); }

int cubix_psf_margin(const struct cubix_instrument *ins)
{
  if (ins->psf == CUBIX_PSF_NONE) return 0;
  if (ins->psf == CUBIX_PSF_FILE) return ins->psf_n / 2;
  double fwhm = largest_fwhm(ins), r = 2.5 * fwhm;
  if (ins->psf == CUBIX_PSF_MOFFAT) {
    double a = moffat_width(fwhm, ins->psf_beta);
    r = fmin(a * sqrt(pow(1e3, 1. / (ins->psf_beta - 1.)) - 1.), 8. * fwhm);
  }
  double radius = ceil(r / fmin(ins->pixel_x, ins->pixel_y));
  return radius < 1e6 ? (int)radius : 1000000;   /* a cube with such a margin is refused */
}

/* Profile times area over the rectangle of sides w_x, w_y about (x, y). */
static double moffat_spaxel(const gsl_integration_glfixed_table *points, double x, double y, double w_x, double w_y, double a, double beta)
{
  double sum = 0.;
  for (size_t j = 0; j < points->n; j++) {
    double v, weight_y;
    gsl_integration_glfixed_point(y - 0.5 * w_y, y + 0.5 * w_y, j, &v, &weight_y, points);
    for (size_t i = 0; i < points->n; i++) {
      double u, weight_x;
      gsl_integration_glfixed_point(x - 0.5 * w_x, x + 0.5 * w_x, i, &u, &weight_x, points);
      sum += weight_x * weight_y * exp(-beta * log1p((u * u + v * v) / (a * a)));
    }
  }
  return sum;
}

static double gauss_spaxel(double x, double w, double sigma)
{
  const double s = 1. / (sqrt(2.) * sigma);
  return x > 0. ? 0.5 * (erfc((x - 0.5 * w) * s) - erfc((x + 0.5 * w) * s)) : 0.5 * (erf((x + 0.5 * w) * s) - erf((x - 0.5 * w) * s));
}

int cubix_psf_kernel_build(double *kernel, const struct cubix_instrument *ins, double lambda, int radius)
{
  int status = CUBIX_OK, side = 2 * radius + 1;
  const double fwhm = ins->psf == CUBIX_PSF_FILE ? 0. : cubix_curve_at(&ins->psf_fwhm, lambda), sigma = fwhm / CUBIX_FWHM_SIGMA;
  const double a = ins->psf == CUBIX_PSF_MOFFAT ? moffat_width(fwhm, ins->psf_beta) : 0.;
  double sum = 0., value;
  gsl_integration_glfixed_table *coarse = gsl_integration_glfixed_table_alloc(8), *fine = gsl_integration_glfixed_table_alloc(32);
  CUBIX_CHECK(coarse && fine, CUBIX_ENOMEM, "cannot allocate the points of the quadrature");
  if (ins->psf == CUBIX_PSF_FILE) {
    memcpy(kernel, ins->psf_kernel, (size_t)side * (size_t)side * sizeof *kernel);
    goto done;
  }
  for (int j = 0; j <= radius; j++) {
    for (int i = 0; i <= radius; i++) {
      const double x = i * ins->pixel_x, y = j * ins->pixel_y;
      if (i < j && ins->pixel_x == ins->pixel_y) value = kernel[(radius + i) * side + radius + j];
      else if (ins->psf == CUBIX_PSF_MOFFAT) value = moffat_spaxel(i < 2 && j < 2 ? fine : coarse, x, y, ins->pixel_x, ins->pixel_y, a, ins->psf_beta);
      else value = gauss_spaxel(x, ins->pixel_x, sigma) * gauss_spaxel(y, ins->pixel_y, sigma);
      for (int q = 0; q < 4; q++) kernel[(radius + (q & 1 ? j : -j)) * side + radius + (q & 2 ? i : -i)] = value;
    }
  }
  for (int i = 0; i < side * side; i++) sum += kernel[i];
  for (int i = 0; i < side * side; i++) kernel[i] /= sum;
done:
  gsl_integration_glfixed_table_free(coarse);
  gsl_integration_glfixed_table_free(fine);
  return status;
}

/* CFITSIO's own words for its status. */
static const char *fits_words(int fits, char text[FLEN_STATUS])
{
  fits_get_errstatus(fits, text);
  return text;
}

int cubix_psf_kernel_read(double **out, int *n, const char *file)
{
  int status = CUBIX_OK, fits = 0, n_dim = 0, is_null = 0, side;
  long size[2] = { 0, 0 };
  char words[FLEN_STATUS];
  double *image = NULL, *kernel = NULL, sum = 0.;
  const double no_value = NAN;
  fitsfile *f = NULL;

  fits_open_image(&f, file, READONLY, &fits);
  CUBIX_CHECK(!fits, CUBIX_EINPUT, "the PSF image %s cannot be read: %s", file, fits_words(fits, words));
  fits_get_img_dim(f, &n_dim, &fits);
  fits_get_img_size(f, 2, size, &fits);
  CUBIX_CHECK(!fits, CUBIX_EINPUT, "the PSF image %s: %s", file, fits_words(fits, words));
  CUBIX_CHECK(n_dim == 2, CUBIX_EINPUT, "the PSF image %s has %d dimensions; it must have 2", file, n_dim);
  CUBIX_CHECK(size[0] % 2 == 1 && size[1] % 2 == 1 && size[0] < 20000 && size[1] < 20000, CUBIX_EINPUT,
              "the PSF image %s has %ld x %ld pixels; both numbers must be odd, so that it has a centre, and below 20000", file, size[0], size[1]);
  CUBIX_ALLOC(image, size[0] * size[1]);
  fits_read_img(f, TDOUBLE, 1, size[0] * size[1], (void *)&no_value, image, &is_null, &fits);
  CUBIX_CHECK(!fits, CUBIX_EINPUT, "the PSF image %s: %s", file, fits_words(fits, words));
  for (long i = 0; i < size[0] * size[1]; i++) {
    CUBIX_CHECK(isfinite(image[i]), CUBIX_EINPUT, "the PSF image %s is not finite at pixel (%ld, %ld)", file, i % size[0] + 1, i / size[0] + 1);
    sum += image[i];
  }
  CUBIX_CHECK(sum > 0. && isfinite(sum), CUBIX_EINPUT, "the PSF image %s has the sum %g; it must be positive", file, sum);
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
