/* output_psf.h -- the point spread function of cubes in MaNGA's layout: images at the bands' wavelengths. */
#ifndef CUBIX_OUTPUT_PSF_H
#define CUBIX_OUTPUT_PSF_H

#include <fitsio.h>

#include "output/bands.h"
#include "output/output.h"

/** Make them.  Local (rank 0).
 *  @param[out] psf owned by the caller; NULL: no fibres, or another layout */
int cubix_band_psf_init(struct cubix_band_psf **psf, const struct cubix_result *result);
/** Write them behind the HDUs that are there.  Local (rank 0).
 *  Errors: CUBIX_EOUTPUT. */
int cubix_band_psf_fits(fitsfile *fits, const char *shown, const struct cubix_result *result);
void cubix_band_psf_free(struct cubix_band_psf *psf);

#endif
