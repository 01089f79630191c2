/* columns.h -- cells of gas in tiles on the GPU, and the launchers of the kernels in columns.cu. */
#ifndef CUBIX_CUDA_COLUMNS_H
#define CUBIX_CUDA_COLUMNS_H

#include <cuda_runtime.h>

#include "cuda/transfer.h"
#include "dust/column_tiles.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As struct cubix_column_level; pointers to the GPU. */
struct cubix_cuda_level {
  int depth, top;
  uint64_t n_tile;
  const uint64_t *code, *start;
  const uint32_t *first, *entry;
};
struct cubix_cuda_columns {
  int n_level;
  const struct cubix_cell *cell;
  struct cubix_cuda_level level[CUBIX_COLUMN_DEPTH + 1];
};

/* A place, with its cotangent over 2^exponent. */
struct cubix_cuda_place { double x, y, z, bar; uint64_t code; };

/** A(V) in front of n places: screen [n] is set.  Local.  Returns as soon as the work is queued. */
cudaError_t cubix_cuda_column_screens(const struct cubix_cuda_columns *columns, const struct cubix_cuda_place *place,
                                      int n, double *screen, cudaStream_t stream);
/** Its derivatives: slope [n][3] with the place is set, what the cells' numbers change is added to sums.
 * Either may be NULL.  Local.  Returns as soon as the work is queued. */
cudaError_t cubix_cuda_column_slopes(const struct cubix_cuda_columns *columns, const struct cubix_cuda_place *place,
                                     int n, double *slope, struct cubix_column_sums *sums, cudaStream_t stream);

/** A(V) in front of places, or its reverse, with the bits of src/dust.  Local.
 *  @param[out] there 0: there is no room for the cells on the GPU, and nothing was done */
int cubix_cuda_screen(struct cubix_cuda_transfer *transfer, const struct cubix_column_tiles *tiles,
                      const struct cubix_column_job *job, int *there);

#ifdef __cplusplus
}
#endif
#endif
