/* psf_kernel.h -- an instrument's point spread function on the grid of spaxels; psf.h applies it. */
#ifndef CUBIX_INSTRUMENT_PSF_H
#define CUBIX_INSTRUMENT_PSF_H

#include "instrument/instrument.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Derivatives with respect to the shape of a gaussian or moffat PSF, or a change of that shape. */
struct cubix_psf_bar {
  /* per arcsec: of a number added to the FWHM of all channels; of PsfFwhm, where that is the FWHM */
  double fwhm;
  double scale;                   /* of a factor on the FWHM of all channels, at 1 */
  double beta;
};

/** Margin [spaxels] that the instrument's PSF needs on each side of the field; 0 without a PSF.
 * Local.
 *  Source: doc/math.md section 9. */
int cubix_psf_margin(const struct cubix_instrument *ins);
/** The kernel at lambda [AA, output medium].  Local.
 *  @param[out] kernel [2 radius + 1][2 radius + 1], sum 1; row 0 is the southernmost */
int cubix_psf_kernel_build(double *kernel, const struct cubix_instrument *ins, double lambda, int radius);
/** Its derivative in the direction psf_dot, including that of the rim; 0 for a kernel from a file.
 * Local.
 *  @param[out] kernel_dot as kernel, sum 0 */
int cubix_psf_kernel_build_jvp(double *kernel_dot, const struct cubix_instrument *ins, double lambda, int radius,
                               const struct cubix_psf_bar *psf_dot);
/** Set another FWHM [arcsec] and beta of a gaussian or moffat PSF whose FWHM does not vary; the
 * margin, and with it the size of painted cubes, follows.  Local.
 *  Errors: CUBIX_EUSAGE if there is no such PSF, the values are out of bounds or the cube would be
 *    too large; the instrument is unchanged then. */
int cubix_instrument_set_psf(struct cubix_instrument *ins, double fwhm, double beta);
/** Read a kernel from a FITS image, pad it to a square and normalise it.  Local.
 *  @param[out] kernel [n][n] owned by the caller
 *  Errors: CUBIX_EINPUT unless it is 2-D with odd sides, finite and of positive sum. */
int cubix_psf_kernel_read(double **kernel, int *n, const char *file);

#ifdef __cplusplus
}
#endif
#endif
