/* psf.h -- the point spread function: the image of every channel is convolved and cropped to the
 * field. */
#ifndef CUBIX_PSF_H
#define CUBIX_PSF_H

#include "cube/cube.h"
#include "instrument/instrument.h"
#include "instrument/psf_kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_psf_plan;
/* Every convolution takes a `keep`: NULL, or a place where the kernels' transforms are left for the next one, which
 * takes them if PSF, field and the grid of channels are the same; NULL is in it at first.  Results do not depend on it.
 */
void cubix_psf_plan_free(struct cubix_psf_plan *plan);
/** Convolve the channels that this rank holds (perhaps none) in place, crop to the field, and set
 * spaxels outside the aperture to zero; cube->margin is 0 afterwards.  The result for a channel
 * does not depend on which others are held.  Local. */
int cubix_psf_apply(const struct cubix_instrument *ins, struct cubix_cube *cube, struct cubix_psf_plan **keep);
/** The same, keeping the painted cube.  Local.
 *  @param[out] field of the field's size, margin 0, with the channels of painted; only the flux is
 *    written */
int cubix_psf_apply_to(const struct cubix_instrument *ins, const struct cubix_cube *painted, struct cubix_cube *field,
                       struct cubix_psf_plan **keep);
/** Adjoint.  Of the cubes only flux, sizes, margin and channels are used; channels are the same in
 * all.  Spaxels outside the aperture count as 0.  Local.
 *  @param painted  before the PSF, if psf_bar is wanted; else NULL
 *  @param field_bar as a cube after cubix_psf_apply
 *  @param[in,out] painted_bar  with margin; added to; NULL: not wanted
 *  @param[in,out] psf_bar  the contributions of these channels are added; NULL: not wanted.
 *    Nothing is added for a PSF from a file, or none
 *  Source: doc/math.md section 13. */
int cubix_psf_apply_vjp(const struct cubix_instrument *ins, const struct cubix_cube *painted,
                        const struct cubix_cube *field_bar, struct cubix_cube *painted_bar,
                        struct cubix_psf_bar *psf_bar, struct cubix_psf_plan **keep);
/** Tangent.  Local.
 *  @param painted NULL if psf_dot is
 *  @param painted_dot, psf_dot NULL: 0
 *  @param[in,out] field_dot added to */
int cubix_psf_apply_jvp(const struct cubix_instrument *ins, const struct cubix_cube *painted,
                        const struct cubix_cube *painted_dot, const struct cubix_psf_bar *psf_dot,
                        struct cubix_cube *field_dot, struct cubix_psf_plan **keep);
/** Bytes that the convolution of n_lambda channels takes beside the cubes, with n_spectrum images
 * at a time in every thread and n_set sets of kernels (1 and 1 if only the cube is wanted);
 * for 0 threads that of the kernels alone.  Local. */
double cubix_psf_bytes(const struct cubix_instrument *ins, int n_lambda, int n_spectrum, int n_set, int n_thread);

#ifdef __cplusplus
}
#endif
#endif
