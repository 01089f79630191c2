/* psf.h -- the point spread function: convolution of every channel's image, then the margin is cropped. */
#ifndef CUBIX_PSF_H
#define CUBIX_PSF_H

#include "cube.h"
#include "instrument.h"
#include "instrument_psf.h"

/** Convolve, crop to the field, zero outside the aperture.  Local (rank 0).  In place; cube->margin is 0 afterwards. */
int cubix_psf_apply(const struct cubix_instrument *ins, struct cubix_cube *cube);

#endif
