/* range.h -- what a rebuilt cube tells of the spectra of its fibres: a projection of spectra in units of their noise.
 *
 * The spaxels of a cube are y = W d of spectra d whose samples have variances v, and of which some may be masked; with
 * A = N^-1/2 W V^1/2, N the diagonal of W V W^T and G = A^T A it is P = (G + ridge)^-1 G.  Where W has its full rank, P
 * is 1. */
#ifndef CUBIX_RANGE_H
#define CUBIX_RANGE_H

#include <stddef.h>

#include "math/sparse.h"
#include "observation/fibres.h"
#include "physics/hd.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CUBIX_RANGE_LANES = 16 };            /* channels that are worked on together, side by side */

/* Channels of one W, in float64: all arrays are [..][CUBIX_RANGE_LANES]; those of no channel are 0. */
struct cubix_range_block {
  const struct cubix_sparse *rebuild;       /* W */
  int squared;                              /* 1: its entries squared, instead of them */
  double ridge;
  double *weight;                           /* [n_row] 1/N of a voxel; 0: it does not count */
  double *root;                             /* [n_col] V^1/2 */
  double *seen;                             /* [n_row] room */
  double *room;                             /* [4 n_col] room */
};

/** Room for a block of n_row spaxels and n_col spectra, all 0.  Local.  @param block free it even if it fails */
int cubix_range_block_init(struct cubix_range_block *block, const struct cubix_sparse *rebuild);
void cubix_range_block_free(struct cubix_range_block *block);
/** y = V^1/2 W^T N^-1 seen, which is lost.  Local.  @param[out] y [n_col] */
void cubix_range_back(struct cubix_range_block *block, double *y);
/** seen = W V^1/2 x.  Local. */
void cubix_range_forth(struct cubix_range_block *block, const double *x);
/** Solve (G + ridge) x = b by conjugate gradients, each channel until its residual is below 1e-12 of b.  Local.
 *  @param[in,out] b [n_col]  what is left of it  @param[out] x [n_col]
 *  @return channels in which it does not end */
int cubix_range_solve(struct cubix_range_block *block, double *b, double *x);

/* The cube behind observed spectra. */
struct cubix_range {
  const struct cubix_fibres *fibres;        /* borrowed */
  int lambda_first, n_lambda;               /* channels held */
  const cubix_real *sample;                 /* [n_spectrum][n_lambda] 1/v, 0 where nothing is known; borrowed */
  cubix_real *weight;                       /* [spaxels][n_lambda] of its voxels */
  unsigned char *lacking;                   /* [n_lambda] 1: P is not 1 */
};

extern const double cubix_range_ridge;
/** The channels that are worked on together: start[i] .. start[i + 1] - 1 of those held.  Local.
 *  @param[out] start [n_part + 1] owned by the caller */
int cubix_range_parts(size_t **start, size_t *n_part, const struct cubix_fibres *fibres, int lambda_first,
                      int n_lambda);
/** z = P z in the channels where P is not 1.  Local; all threads.
 *  @param range NULL: P is 1
 *  @param[in,out] z [n_spectrum][n_lambda] spectra in units of their noise
 *  Errors: CUBIX_ENOMEM; CUBIX_EFAIL where it does not end. */
int cubix_range_project(const struct cubix_range *range, double *z);
void cubix_range_free(struct cubix_range *range);

#ifdef __cplusplus
}
#endif
#endif
