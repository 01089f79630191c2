/* psf_sums.c -- truth maps through the PSF: sums of mass, light and their moments, convolved as the
 * cube is.
 *
 * The cube's kernel changes with wavelength; a map has none, and gets the kernel in the middle of
 * the band.  The products are added up one by one, not by transforms: a transform's noise is 1e-16
 * of the brightest spaxel everywhere, and a mean is a ratio, which that noise would spoil where
 * there is little light.  So no spaxel shines that no star reaches, sums of positive numbers are
 * positive, a point source is the kernel itself, and without a PSF the maps stay as they are.  Dark
 * spaxels cost nothing.  A row of the result belongs to one thread, and is summed in the order of
 * the spaxels that it is made of: the bits do not depend on the threads. */
#include "observation/psf_sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "instrument/psf_kernel.h"

double cubix_psf_sums_lambda(const struct cubix_instrument *ins)
{
  return 0.5 * (cubix_instrument_lambda(ins, 0) + cubix_instrument_lambda(ins, ins->n_lambda - 1));
}

double cubix_psf_sums_bytes(const struct cubix_instrument *ins, const struct cubix_params *par)
{
  const double side = 2. * ins->margin + 1.;
  return cubix_sums_bytes(ins, par, 0) + side * side * sizeof(double);
}

/* What row `from` of the image gives to a row of the result. */
static void add_row(double *to, const double *from, const double *kernel, int n_x, int margin)
{
  const int reach = 2 * margin;
  for (int i = 0; i < n_x + reach; i++) {
    const double value = from[i], *k = kernel + reach - i;
    const int first = i > reach ? i - reach : 0, last = i < n_x ? i : n_x - 1;
    if (value == 0) continue;
    for (int x = first; x <= last; x++) to[x] += value * k[x];
  }
}

void cubix_psf_image(double *seen, const double *image, const double *kernel, int n_x, int n_y, int margin)
{
  const size_t width = (size_t)(n_x + 2 * margin), side = 2 * (size_t)margin + 1;
#pragma omp parallel for schedule(dynamic)
  for (int j = 0; j < n_y; j++) {
    double *to = seen + (size_t)j * (size_t)n_x;
    memset(to, 0, (size_t)n_x * sizeof *to);
    for (size_t k = 0; k < side; k++)
      add_row(to, image + ((size_t)j + k) * width, kernel + (side - 1 - k) * side, n_x, margin);
  }
}

int cubix_psf_sums(struct cubix_sums *seen, const struct cubix_sums *painted, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  const size_t side = 2 * (size_t)ins->margin + 1;
  double *kernel = NULL;
  CUBIX_CHECK(painted->margin == ins->margin, CUBIX_EFAIL,
              "the maps were painted with a margin of %d spaxels, and the PSF needs %d", painted->margin, ins->margin);
  CUBIX_TRY(cubix_sums_init(seen, painted->n_x, painted->n_y, 0));
  CUBIX_ALLOC(kernel, side * side);
  if (ins->psf == CUBIX_PSF_NONE) kernel[0] = 1;
  else CUBIX_TRY(cubix_psf_kernel_build(kernel, ins, cubix_psf_sums_lambda(ins), ins->margin));
  CUBIX_TRY(cubix_sums_like(seen, painted));
  for (int i = 0; i < cubix_sums_n(painted); i++)
    cubix_psf_image(cubix_sums_image(seen, i), cubix_sums_image(painted, i), kernel, painted->n_x, painted->n_y,
                    painted->margin);
done:
  free(kernel);
  return status;
}
