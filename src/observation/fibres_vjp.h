/* fibres_vjp.h -- derivatives of the fibres' spectra and of the cube that is rebuilt from them.
 *
 * Of cubes only flux, sizes and channels are used; channels are the same in both, and may be some of the
 * instrument's.  The bits of a channel depend neither on threads nor on which others are held. */
#ifndef CUBIX_FIBRES_VJP_H
#define CUBIX_FIBRES_VJP_H

#include "cube/cube.h"
#include "observation/fibres.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Adjoint: from cotangents of the spectra to those of the painted field after the PSF.  Local; all threads.
 *  @param spectra_bar  as fibres->spectra
 *  @param[out] painted_bar  without margin; only the flux is written */
int cubix_fibres_sample_vjp(const struct cubix_fibres *fibres, const struct cubix_cube *spectra_bar,
                            struct cubix_cube *painted_bar);
/** Adjoint: from cotangents of the rebuilt cube.  Local; all threads.
 *  @param cube_bar  with the cube's spaxels
 *  @param[out] painted_bar  without margin; only the flux is written */
int cubix_fibres_apply_vjp(const struct cubix_fibres *fibres, const struct cubix_cube *cube_bar,
                           struct cubix_cube *painted_bar);
/** Tangents of the spectra, and of the cube, with the bits of cubix_fibres_apply; the fibres' own spectra stay as they
 * are.  Local; all threads.
 *  @param painted_dot  without margin
 *  @param[out] spectra_dot, cube_dot  only the flux is written */
int cubix_fibres_sample_jvp(const struct cubix_fibres *fibres, const struct cubix_cube *painted_dot,
                            struct cubix_cube *spectra_dot);
int cubix_fibres_apply_jvp(const struct cubix_fibres *fibres, const struct cubix_cube *painted_dot,
                           struct cubix_cube *cube_dot);
/** Bytes that either takes beside the painted cubes for n_channel channels; 0 without fibres.  Local.
 *  @param painted  with the spaxels that are painted */
double cubix_fibres_vjp_bytes(const struct cubix_instrument *painted, double n_channel);

#ifdef __cplusplus
}
#endif
#endif
