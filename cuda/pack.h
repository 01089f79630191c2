/* pack.h -- a histogram into the groups and blobs of tile.h.  On the host: there the histogram is. */
#ifndef CUBIX_CUDA_PACK_H
#define CUBIX_CUDA_PACK_H

#include "basis.h"
#include "histogram.h"
#include "tile.h"

/* One thread's view of a group: what its panels have of each library row. */
struct cubix_cuda_packer {
  const struct cubix_histogram *histogram;
  const struct cubix_basis *basis;
  const size_t *spaxel;           /* [n_spaxel] those with blocks */
  size_t n_spaxel;
  double scale;
  int missing;                    /* a library row that has stars but no place in the basis; -1: none was met */
  struct cubix_cuda_extent { int16_t lo, hi; uint32_t base; } *extent;   /* [n_row][WARPS] nodes lo .. hi - 1; where its weights begin */
};

/** The packer of a thread.  Local.  @param spaxel  borrowed */
int cubix_cuda_packer_init(struct cubix_cuda_packer *packer, const struct cubix_histogram *histogram, const struct cubix_basis *basis, const size_t *spaxel, size_t n_spaxel, double scale);
/** Look at group g, and for rows that the basis lacks: those have no part in it.  Local.  @return bytes of its blob, a multiple of 16  @param[out] n_step */
size_t cubix_cuda_packer_size(struct cubix_cuda_packer *packer, size_t g, int *n_step);
/** Write the blob of group g.  Local.  @param n_step, bytes  as cubix_cuda_packer_size has said */
void cubix_cuda_packer_fill(struct cubix_cuda_packer *packer, size_t g, int n_step, size_t bytes, void *blob);
void cubix_cuda_packer_free(struct cubix_cuda_packer *packer);

#endif
