/* point_source.h -- the point spread function of a cube rebuilt from fibres. */
#ifndef CUBIX_POINT_SOURCE_H
#define CUBIX_POINT_SOURCE_H

#include "instrument/instrument.h"
#include "observation/fibres.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A point source at the field's centre in channel k, through the PSF, the cores and the rebuilding; its sum is 1, or
 *  0 where no fibre sees it.  Local; all threads.
 *  @param painted  with the spaxels that are painted
 *  @param[out] image [n_y][n_x] of the cube */
int cubix_point_source_image(double *image, const struct cubix_fibres *fibres, const struct cubix_instrument *painted,
                             int k);
/** FWHM of the round Gaussian about its centroid that is nearest to such an image [arcsec].  Local. */
double cubix_point_source_fwhm(const double *image, const struct cubix_instrument *ins);

#ifdef __cplusplus
}
#endif
#endif
