/* multiply.h -- histogram times basis: the cube.  Block-sparse, register-blocked, in float32, with
 * the best instructions of the machine. */
#ifndef CUBIX_MULTIPLY_H
#define CUBIX_MULTIPLY_H

#include "cube/cube.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"

/** Add to the cube's channels (cube->lambda_first .. + n_lambda - 1, first a multiple of CUBIX_TILE)
 * the spectra of a histogram.  Local.
 *  A spaxel's channel is summed in the order of rows and nodes whatever the number of threads or
 *  ranks: the same bits. @param scale  value/2^exponent [Msun] -> weight of D:
 *  cubix_view.star_scale */
int cubix_multiply(struct cubix_cube *cube, const struct cubix_histogram *histogram, const struct cubix_basis *basis,
                   double scale);
/** The same by the instructions of that name, for comparisons.  Local.  Errors: CUBIX_EDEVICE where
 * this machine lacks them. */
int cubix_multiply_by(struct cubix_cube *cube, const struct cubix_histogram *histogram, const struct cubix_basis *basis,
                      double scale, const char *instructions);
/** Reverse, by the values: derivatives by the cube's channels to those by the values of a cover
 * [1/Msun].  Local.  Only the blocks of `cover` are looked at.
 *  The same bits whatever the number of threads, and whatever slabs of channels (from one multiple
 *  of CUBIX_TILE to another) are taken one after the other. @param[in,out] value_bar
 *  [cover->n_value] */
int cubix_multiply_vjp(const struct cubix_cube *cube_bar, const struct cubix_histogram *cover,
                       const struct cubix_basis *basis, double scale, double *value_bar);
/** The same by the instructions of that name, for comparisons.  Local. */
int cubix_multiply_vjp_by(const struct cubix_cube *cube_bar, const struct cubix_histogram *cover,
                          const struct cubix_basis *basis, double scale, double *value_bar, const char *instructions);
/** Reverse, by the basis: derivatives by a tile of D, which must be among the cube's channels.
 * Local.  The same bits whatever the number of threads.
 *  @param histogram  with values  @param[in,out] tile_bar [n_template][nodes.n][CUBIX_TILE] */
int cubix_multiply_basis_vjp(const struct cubix_cube *cube_bar, const struct cubix_histogram *histogram,
                             const struct cubix_basis *basis, double scale, int tile, float *tile_bar);
/** Errors: CUBIX_EFAIL where the three do not go together, and would be written somewhere else.  Local. */
int cubix_multiply_check(const struct cubix_cube *cube, const struct cubix_histogram *histogram,
                         const struct cubix_basis *basis);
/** What multiplying n_value values takes beside histogram, basis and cube, tiles that are made anew
 * included.  Local.
 *  @param tile_bytes  0 where the basis holds its tiles */
double cubix_multiply_bytes(double n_value, double tile_bytes, int n_thread);
/** The instructions in use: "AVX-512", "AVX2", "NEON" or "baseline".  Local. */
const char *cubix_multiply_name(void);

#endif
