/* multiply.h -- the cube as the product of histogram and basis: block-sparse, register-blocked, in
 * float32, with the best instructions of the machine. */
#ifndef CUBIX_MULTIPLY_H
#define CUBIX_MULTIPLY_H

#include "cube/cube.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Add the spectra of a histogram to the cube's channels (cube->lambda_first .. + n_lambda - 1, the
 * first a multiple of CUBIX_TILE).  A voxel is summed in the order of rows and nodes with any
 * number of threads or ranks: the same bits.  Local.
 *  @param scale from value/2^exponent [Msun] to the weight of D: cubix_tables.star_scale */
int cubix_multiply(struct cubix_cube *cube, const struct cubix_histogram *histogram, const struct cubix_basis *basis,
                   double scale);
/** The same with the named instruction set, for comparisons.  Local.
 *  Errors: CUBIX_EDEVICE if this machine lacks it. */
int cubix_multiply_by(struct cubix_cube *cube, const struct cubix_histogram *histogram, const struct cubix_basis *basis,
                      double scale, const char *instructions);
/** Reverse, with respect to the values: take derivatives with respect to the cube's channels to
 * those with respect to a cover's values [1/Msun].  Only the blocks of `cover` are used.  The same
 * bits with any number of threads, and however the channels are divided at multiples of CUBIX_TILE.
 * Local.
 *  @param[in,out] value_bar [cover->n_value] */
int cubix_multiply_vjp(const struct cubix_cube *cube_bar, const struct cubix_histogram *cover,
                       const struct cubix_basis *basis, double scale, double *value_bar);
/** The same with the named instruction set, for comparisons.  Local. */
int cubix_multiply_vjp_by(const struct cubix_cube *cube_bar, const struct cubix_histogram *cover,
                          const struct cubix_basis *basis, double scale, double *value_bar, const char *instructions);
/** Reverse, with respect to the basis: derivatives with respect to a tile of D, which must be among
 * the cube's channels.  The same bits with any number of threads.  Local.
 *  @param histogram with values
 *  @param[in,out] tile_bar [n_template][nodes.n][CUBIX_TILE] */
int cubix_multiply_basis_vjp(const struct cubix_cube *cube_bar, const struct cubix_histogram *histogram,
                             const struct cubix_basis *basis, double scale, int tile, float *tile_bar);
/** Tangents of the cube with A(lambda)/A(V) of its channels; none without nodes in A(V).  Local.
 *  @param k_dot [basis->n_lambda] */
int cubix_multiply_screen_jvp(struct cubix_cube *cube_dot, const struct cubix_histogram *histogram,
                              const struct cubix_basis *basis, double scale, const double *k_dot);
/** Reverse of it, for the cube's channels.  The same bits with any number of threads, and however the
 * channels are divided at multiples of CUBIX_TILE.  Local.
 *  @param[in,out] k_bar [basis->n_lambda] */
int cubix_multiply_screen_vjp(const struct cubix_cube *cube_bar, const struct cubix_histogram *histogram,
                              const struct cubix_basis *basis, double scale, double *k_bar);
/** Check that the three belong together, since otherwise memory would be overwritten.  Local.
 *  Errors: CUBIX_EFAIL. */
int cubix_multiply_check(const struct cubix_cube *cube, const struct cubix_histogram *histogram,
                         const struct cubix_basis *basis);
/** Bytes that multiplying n_value values takes beside histogram, basis and cube, including tiles
 * that are made anew.  Local.
 *  @param tile_bytes 0 if the basis holds its tiles */
double cubix_multiply_bytes(double n_value, double tile_bytes, int n_thread);
/** The instruction set in use: "AVX-512", "AVX2", "NEON" or "baseline".  Local. */
const char *cubix_multiply_name(void);

#ifdef __cplusplus
}
#endif
#endif
