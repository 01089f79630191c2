/* fill_vjp.h -- a batch of a cover and the derivatives with respect to its values on the GPU, and
 * the launcher of the kernel in fill_vjp.cu. */
#ifndef CUBIX_CUDA_CELL_VJP_H
#define CUBIX_CUDA_CELL_VJP_H

#include "cuda/fill.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a spaxel's stars and blocks begin, counted from the first of all; they end where the next one's begin. */
struct cubix_cuda_origin { uint64_t star, block; };

/* A batch of spaxels; pointers to the GPU. */
struct cubix_cuda_cover {
  int first, n_spaxel;                        /* number of the batch's first spaxel; how many */
  struct cubix_nodes nodes;
  uint64_t first_block, first_value;          /* numbers of the batch's first */
  const struct cubix_cuda_origin *spaxel;     /* [n_spaxel + 1] */
  const struct cubix_cuda_block *block;
  const double *value_bar;
  /* the last spaxel whose stars touch what the cover lacks; as it was, if there is none */
  int32_t *lacking;
};

/** Derivatives with respect to stars first .. first + n - 1 of all, which lie in the batch: bar [n]
 * is set.  Local.  Returns as soon as the work is queued. */
cudaError_t cubix_cuda_fill_stars_vjp(const struct cubix_cuda_cover *cover, const struct cubix_tables *tables,
                                      const struct cubix_star *star, uint64_t first, int n, struct cubix_star_bar *bar,
                                      cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
