/* point_source.c -- what a cube rebuilt from fibres makes of a point.
 *
 * The field's centre is a corner of four painted spaxels, each of which gets a quarter of the light: the cores take out
 * the blur of that as of Deposit cic. */
#include "observation/point_source.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "instrument/psf_kernel.h"
#include "observation/psf_sums.h"

int cubix_point_source_image(double *image, const struct cubix_fibres *fibres, const struct cubix_instrument *painted,
                             int k)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = fibres->ins;
  const int margin = painted->margin, n_x = painted->n_x, n_y = painted->n_y;
  const size_t side = 2 * (size_t)margin + 1, width = (size_t)(n_x + 2 * margin),
               n = (size_t)ins->n_x * (size_t)ins->n_y;
  double *kernel = NULL, *point = NULL, *seen = NULL, sum = 0;
  CUBIX_ALLOC(kernel, side * side);
  CUBIX_ALLOC(point, width * (size_t)(n_y + 2 * margin));
  CUBIX_ALLOC(seen, (size_t)n_x * (size_t)n_y);
  if (painted->psf == CUBIX_PSF_NONE) kernel[0] = 1;
  else CUBIX_TRY(cubix_psf_kernel_build(kernel, painted, cubix_instrument_lambda(painted, k), margin));
  for (int j = 0; j < 2; j++)
    for (int i = 0; i < 2; i++)
      point[(size_t)(margin + (n_y - 1 + j) / 2) * width + (size_t)(margin + (n_x - 1 + i) / 2)] += 0.25;
  cubix_psf_image(seen, point, kernel, n_x, n_y, margin);
  CUBIX_TRY(cubix_fibres_image(image, fibres, k, seen));
  for (size_t p = 0; p < n; p++) sum += image[p];
  for (size_t p = 0; p < n && sum > 0; p++) image[p] /= sum;
done:
  free(kernel);
  free(point);
  free(seen);
  return status;
}

/* Squared difference from the best Gaussian of this sigma about (x, y), less that from nothing. */
static double misfit(const double *image, const struct cubix_instrument *ins, double x, double y, double sigma)
{
  double cross = 0, own = 0;
  for (int j = 0; j < ins->n_y; j++)
    for (int i = 0; i < ins->n_x; i++) {
      const double dx = cubix_instrument_x(ins, i) - x, dy = cubix_instrument_y(ins, j) - y;
      const double g = exp(-0.5 * (dx * dx + dy * dy) / (sigma * sigma));
      cross += g * image[j * ins->n_x + i];
      own += g * g;
    }
  return own > 0 ? -cross * cross / own : 0;
}

double cubix_point_source_fwhm(const double *image, const struct cubix_instrument *ins)
{
  const double golden = 0.61803398874989485;
  double sum = 0, x = 0, y = 0, lo = 0.1 * ins->pixel_x, hi = 0.25 * ins->n_x * ins->pixel_x;
  for (int j = 0; j < ins->n_y; j++)
    for (int i = 0; i < ins->n_x; i++) {
      const double value = image[j * ins->n_x + i];
      sum += value;
      x += value * cubix_instrument_x(ins, i);
      y += value * cubix_instrument_y(ins, j);
    }
  if (!(sum > 0)) return 0;
  x /= sum;
  y /= sum;
  while (hi - lo > 1e-6 * hi) {
    const double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
    if (misfit(image, ins, x, y, a) < misfit(image, ins, x, y, b)) hi = b;
    else lo = a;
  }
  return 0.5 * (lo + hi) * sqrt(8 * log(2.));
}
