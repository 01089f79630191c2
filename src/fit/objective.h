/* objective.h -- how far a cube is from an observed one, and the derivative of that with respect to
 * every voxel. */
#ifndef CUBIX_OBJECTIVE_H
#define CUBIX_OBJECTIVE_H

#include "base/collective.h"
#include "cube/cube.h"
#include "fit/observed.h"
#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The objective, summed over all ranks' channels, and its derivative with respect to the flux of
 * every voxel held here.  Collective if `collective` is.
 *  @param obs, cube the same spaxels and channels, without margin
 *  @param[out] value the same on every rank. chi2: sum w (d - m)^2; poisson: the deviance; cosine:
 *    sum over spaxels of 1 - cos.  See doc/math.md section 13
 *  @param[out] cube_bar flux is overwritten, sizes as in cube; NULL: only the value is wanted
 *  Errors: CUBIX_EINPUT if no voxel of any rank counts, for cosine if the observed cube is dark;
 *    CUBIX_EFAIL for other shapes, and for a value that is not finite. */
int cubix_objective(double *value, const struct cubix_params *par, const struct cubix_observed *obs,
                    const struct cubix_cube *cube, struct cubix_cube *cube_bar,
                    const struct cubix_collective *collective);
/** Number of voxels that count on all ranks: those with a weight, for poisson in channels with
 * counts.  Collective if `collective` is. */
double cubix_objective_voxels(const struct cubix_params *par, const struct cubix_observed *obs,
                              const struct cubix_collective *collective);
/** Diagonal W of the Gauss-Newton approximation J^T W J to the objective's second derivatives;
 * never negative. chi2: 2 w; poisson: 2 g/m, its expectation if the model is true; cosine: w/|m|^2,
 * which ignores that the length of a spectrum does not count.  Collective if `collective` is.
 *  @param[out] weight flux is overwritten, sizes as in cube
 *  Errors: as cubix_objective */
int cubix_objective_curvature(struct cubix_cube *weight, const struct cubix_params *par,
                              const struct cubix_observed *obs, const struct cubix_cube *cube,
                              const struct cubix_collective *collective);

/** cube = W cube for the diagonal W of cubix_objective_curvature; of spectra that were found from a cube W is
 * D^1/2 P D^1/2, with that diagonal D (range.h).  And cube = W^1/2 cube (then D^1/2 P).  Local.
 *  @param[in,out] cube only the flux
 *  Errors: those of cubix_range_project. */
int cubix_objective_weigh(const struct cubix_observed *obs, const struct cubix_cube *weight, struct cubix_cube *cube);
int cubix_objective_root(const struct cubix_observed *obs, const struct cubix_cube *weight, struct cubix_cube *cube);

#ifdef __cplusplus
}
#endif
#endif
