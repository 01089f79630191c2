/* psf_sums.h -- the sums of the truth maps as the instrument sees them. */
#ifndef CUBIX_PSF_SUMS_H
#define CUBIX_PSF_SUMS_H

#include "cube/cube.h"
#include "instrument/instrument.h"

/** The wavelength whose PSF they are seen through: midway between the centres of the first and the
 * last channel [AA].  Local. */
double cubix_psf_sums_lambda(const struct cubix_instrument *ins);
/** Convolve the sums of all maps with the PSF at that wavelength, and crop them to the field.
 * Local; all threads.
 *  @param painted with the margin of the instrument's PSF
 *  @param[in,out] seen without margin; as cubix_sums_init leaves it, or {0}
 *  Source: doc/math.md section 8. */
int cubix_psf_sums(struct cubix_sums *seen, const struct cubix_sums *painted, const struct cubix_instrument *ins);
/** Convolve one image of the painted spaxels.  Local; all threads.
 *  @param kernel [2 margin + 1][2 margin + 1]
 *  @param image [n_y + 2 margin][n_x + 2 margin]
 *  @param[out] seen [n_y][n_x] */
void cubix_psf_image(double *seen, const double *image, const double *kernel, int n_x, int n_y, int margin);
/** Bytes that this takes on a rank.  Local. */
double cubix_psf_sums_bytes(const struct cubix_instrument *ins, const struct cubix_params *par);

#endif
