/* paint_screen.h -- derivatives of the direct method with A(lambda)/A(V) of the channels. */
#ifndef CUBIX_PAINT_SCREEN_H
#define CUBIX_PAINT_SCREEN_H

#include "cube/cube.h"
#include "cube/placement.h"
#include "physics/tables.h"

/** Reverse, in the channels that cube_bar holds: k_bar[channel] -= t sum over stars of A(V) times flux times
 * cube_bar.  The same bits with any number of threads.  Local; on the CPU whatever paints.
 *  @param tables of all channels, with dust_k
 *  @param[in,out] k_bar [tables->n_lambda] */
int cubix_paint_screen_vjp(const struct cubix_tables *tables, const struct cubix_placement *placement,
                           const struct cubix_cube *cube_bar, double *k_bar);
/** Tangents of the channels that cube_dot holds; they add.  Local.
 *  @param k_dot [tables->n_lambda] */
int cubix_paint_screen_jvp(const struct cubix_tables *tables, const struct cubix_placement *placement,
                           const double *k_dot, struct cubix_cube *cube_dot);

#endif
