/* paint_vjp.h -- derivatives of the direct method on the CPU. */
#ifndef CUBIX_PAINT_VJP_H
#define CUBIX_PAINT_VJP_H

#include "cube/placement.h"
#include "direct/paint_kernel.h"
#include "physics/paint_vjp.h"

/** Reverse of painting a placement, by all threads; the result does not depend on their number.
 * Adds.  Local.
 *  @param fast the templates; in the float64 twin only its tables are used
 *  @param flux_bar [n_spaxel][n_lambda]
 *  @param[in,out] bar [start[n_spaxel]]
 *  @param[in,out] row_bar NULL, or [n_row][n_knot + 1][2] */
int cubix_paint_vjp(const struct cubix_fast *fast, const struct cubix_placement *placement, const cubix_real *flux_bar,
                    struct cubix_star_bar *bar, double *row_bar);
#ifdef CUBIX_DOUBLE
/** Forward derivative with respect to velocity alone: the change of a star's channels as its
 * velocity changes by `dot` [km/s].  Local.  Adds.
 *  @param slope [n_lambda + 1] scratch */
void cubix_paint_velocity_jvp(const struct cubix_tables *v, const struct cubix_blend *blend, double doppler, double dot,
                              double *slope, double *spectrum_dot);
#endif

#endif
