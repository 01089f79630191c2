/* instrument_psf.h -- an instrument's point spread function on the grid of spaxels; psf.h applies it. */
#ifndef CUBIX_INSTRUMENT_PSF_H
#define CUBIX_INSTRUMENT_PSF_H

#include "instrument.h"

/** Margin [spaxels] that the instrument's PSF needs on each side of the field; 0 without a PSF.  Local.  Source: doc/math.md section 9. */
int cubix_psf_margin(const struct cubix_instrument *ins);
/** The kernel at lambda [AA, output medium].  Local.  @param[out] kernel [2 radius + 1][2 radius + 1], sum 1; row 0 is the southernmost */
int cubix_psf_kernel_build(double *kernel, const struct cubix_instrument *ins, double lambda, int radius);
/** A kernel from a FITS image, padded to a square and normalised.  Local.
 *  @param[out] kernel [n][n] owned by the caller.  Errors: CUBIX_EINPUT unless it is 2-D with odd sides, finite and of positive sum. */
int cubix_psf_kernel_read(double **kernel, int *n, const char *file);

#endif
