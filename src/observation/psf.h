/* psf.h -- the point spread function: convolution of every channel's image, then the margin is cropped. */
#ifndef CUBIX_PSF_H
#define CUBIX_PSF_H

#include "cube/cube.h"
#include "instrument/instrument.h"
#include "instrument/psf_kernel.h"

/** Convolve the channels that this rank holds (perhaps none), crop to the field, zero outside the
 * aperture.  Local.  In place; cube->margin is 0
 *  afterwards.  A channel's result does not depend on which others are held. */
int cubix_psf_apply(const struct cubix_instrument *ins, struct cubix_cube *cube);
/** The same, keeping the painted cube.  Local.  @param[out] field of the field's size, margin 0, and
 * painted's channels; overwritten, the flux only */
int cubix_psf_apply_to(const struct cubix_instrument *ins, const struct cubix_cube *painted, struct cubix_cube *field);
/** Adjoint.  Local.  Of the cubes only flux, sizes, margin and channels are looked at; these are the
 * same in all.  Spaxels outside the aperture count as 0.
 *  @param painted      before the PSF, where psf_bar is wanted; else NULL  @param field_bar as a
 *    cube after cubix_psf_apply
 *  @param[in,out] painted_bar  with margin; added to; NULL: not wanted
 *  @param[in,out] psf_bar      added to, by these channels; NULL: not wanted.  Nothing is added for
 *    a PSF from a file, or none. Source: doc/math.md section 13. */
int cubix_psf_apply_vjp(const struct cubix_instrument *ins, const struct cubix_cube *painted,
                        const struct cubix_cube *field_bar, struct cubix_cube *painted_bar,
                        struct cubix_psf_bar *psf_bar);
/** Tangent.  Local.  @param painted NULL where psf_dot is  @param painted_dot, psf_dot NULL: 0
 * @param[in,out] field_dot added to */
int cubix_psf_apply_jvp(const struct cubix_instrument *ins, const struct cubix_cube *painted,
                        const struct cubix_cube *painted_dot, const struct cubix_psf_bar *psf_dot,
                        struct cubix_cube *field_dot);
/** What the convolution of n_lambda channels takes beside the cubes: n_spectrum images at a time in
 * every thread, n_set sets of kernels; 1 and 1 where nothing
 *  but the cube is wanted.  Local. */
double cubix_psf_bytes(const struct cubix_instrument *ins, int n_lambda, int n_spectrum, int n_set, int n_thread);

#endif
