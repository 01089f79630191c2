/* pack.h -- packing a histogram into the groups and blobs of multiply.h, on the host, where the
 * histogram is. */
#ifndef CUBIX_CUDA_PACK_H
#define CUBIX_CUDA_PACK_H

#include "cuda/multiply.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"

/* One thread's view of a group: what its panels have of each library row. */
struct cubix_cuda_packer {
  const struct cubix_histogram *histogram;
  const struct cubix_basis *basis;
  const size_t *spaxel;           /* [n_spaxel] those with blocks */
  size_t n_spaxel;
  double scale;
  int missing;                    /* a library row that has stars but no place in the basis; -1: none was met */
  int n_screen;                   /* nodes in A(V), 1 without them */
  /* [n_screen*n_row][WARPS] nodes lo .. hi - 1; where its weights begin */
  struct cubix_cuda_extent { int16_t lo, hi; uint32_t base; } *extent;
};

/* All threads' packers, and what they have to pack. */
struct cubix_cuda_packers {
  int n;
  struct cubix_cuda_packer *packer;           /* [n] a thread's */
  size_t *spaxel, n_spaxel;                   /* those with blocks */
  size_t n_group;
  size_t *bytes;                              /* [n_group] of its blob, a multiple of 16 */
  int *n_step;                                /* [n_group] */
};

/** Find the spaxels, groups and their sizes, with all threads.  Local.
 *  @param n_x, n_y spaxels of the cube
 *  @param wanted [n_spaxel] 0: leave the spaxel out; NULL: take all
 *  @param scale value/2^exponent [Msun] -> weight
 *  Errors: CUBIX_EFAIL if the row of a block is not in the basis */
int cubix_cuda_packers_init(struct cubix_cuda_packers *packers, const struct cubix_histogram *histogram,
                            const struct cubix_basis *basis, int n_x, int n_y, const unsigned char *wanted,
                            double scale);
void cubix_cuda_packers_free(struct cubix_cuda_packers *packers);
/** Write the blob of group g.  Local.  @param n_step, bytes as found by cubix_cuda_packers_init */
void cubix_cuda_packer_fill(struct cubix_cuda_packer *packer, size_t g, int n_step, size_t bytes, void *blob);
/** The same group without weights, for the reverse product: as many steps as found by
 * cubix_cuda_packers_init.  Local.
 *  @return nodes of all panels */
size_t cubix_cuda_packer_steps(struct cubix_cuda_packer *packer, size_t g, struct cubix_cuda_step *step);
/** Add scale times the sums of group g, bar [nodes of all panels][PANEL], to the places of the
 * histogram's values.  Local.
 *  @param[in,out] value_bar [n_value] */
void cubix_cuda_packer_take(struct cubix_cuda_packer *packer, size_t g, const double *bar, double *value_bar);

#endif
