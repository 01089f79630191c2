/* unbuild.h -- the spectra of fibres that an observed cube was rebuilt from, with the noise that they had: compared
 * with a model's spectra they are the cube with its covariance (doc/math.md section 13). */
#ifndef CUBIX_UNBUILD_H
#define CUBIX_UNBUILD_H

#include "base/collective.h"
#include "fit/observed.h"
#include "observation/fibres.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Spectra from a cube, and what of them it does not tell.  Collective.
 *  @param cube  with variances, masked where it does not count
 *  @param noise  NULL, or observed spectra whose variances are taken; without, they follow from those of the cube
 *  @param fibres  borrowed, and must outlive the spectra
 *  @param[out] spectra  owned by the caller; weights are 0 where no voxel that counts has light of a sample
 *  Errors: CUBIX_EINPUT if the cube is not rebuilt from such fibres, or its variances are not, or do not tell
 *    those of the fibres. */
int cubix_unbuild(struct cubix_observed **spectra, const struct cubix_observed *cube,
                  const struct cubix_observed *noise, const struct cubix_fibres *fibres,
                  const struct cubix_collective *collective);

#ifdef __cplusplus
}
#endif
#endif
