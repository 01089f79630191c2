/* psf.h -- the point spread function: convolution of every channel's image, then the margin is cropped. */
#ifndef CUBIX_PSF_H
#define CUBIX_PSF_H

#include "cube.h"
#include "instrument.h"
#include "instrument_psf.h"

/** Convolve the channels that this rank holds (perhaps none), crop to the field, zero outside the aperture.  Local.  In place; cube->margin is 0
 *  afterwards.  A channel's result does not depend on which others are held. */
int cubix_psf_apply(const struct cubix_instrument *ins, struct cubix_cube *cube);

#endif
