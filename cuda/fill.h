/* fill.h -- the dense sums of a batch of spaxels on the GPU, and the launchers of the kernels in fill.cu. */
#ifndef CUBIX_CUDA_CELL_H
#define CUBIX_CUDA_CELL_H

#include <cuda_runtime.h>

#include "physics/node.h"
#include "physics/population.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A spaxel of the batch. */
struct cubix_cuda_spaxel {
  /* its first star, counted from the batch's first; the entry behind the last spaxel ends the last's stars */
  uint64_t first;
  double scale;                   /* 2^exponent */
};

/* As histogram.h's cubix_block. */
struct cubix_cuda_block { int32_t row; int16_t node, n; uint64_t at; };

/* Everything of a batch; pointers to the GPU.  A line is a row of the library, behind dust of one of the nodes in
 * A(V), in a spaxel: n_line = n_spaxel*n_row. */
struct cubix_cuda_batch {
  int n_row, n_spaxel;            /* rows as histogram.h's blocks have them */
  struct cubix_nodes nodes;
  const struct cubix_cuda_spaxel *spaxel;     /* [n_spaxel + 1] */
  unsigned long long *sum;                    /* [n_line][nodes.n] */
  /* [n_line] nodes touched; after trimming the first, and one behind the last, that is not empty */
  int32_t *lo, *hi;
  /* [n_line + 1] blocks*2^32 + values of a line, and of all lines before it */
  unsigned long long *count, *before;
};

/** Add n stars, the first being star number `first` of the batch.  Local.  This and the following
 * functions return as soon as the work is queued. */
cudaError_t cubix_cuda_cell_add(const struct cubix_cuda_batch *batch, const struct cubix_tables *tables,
                                const struct cubix_star *star, uint64_t first, int n, cudaStream_t stream);
/** The same for the stars' tangents. */
cudaError_t cubix_cuda_cell_add_dots(const struct cubix_cuda_batch *batch, const struct cubix_tables *tables,
                                     const struct cubix_star *star, const struct cubix_star_bar *dot, uint64_t first,
                                     int n, cudaStream_t stream);
/** Trim the empty ends of every line and count its blocks and values.  Local. */
cudaError_t cubix_cuda_cell_trim(const struct cubix_cuda_batch *batch, cudaStream_t stream);
/** Prefix sums over the lines (scan.cu).  Local.
 *  @param work, bytes with work NULL only bytes is set */
cudaError_t cubix_cuda_cell_scan(const struct cubix_cuda_batch *batch, void *work, size_t *bytes, cudaStream_t stream);
/** start[s] = blocks and values before spaxel s, for s = 0 .. n_spaxel.  Local. */
cudaError_t cubix_cuda_cell_starts(const struct cubix_cuda_batch *batch, unsigned long long *start,
                                   cudaStream_t stream);
/** Values first .. first + n - 1 of the batch.  Local. */
cudaError_t cubix_cuda_cell_values(const struct cubix_cuda_batch *batch, uint64_t first, uint64_t n, int64_t *value,
                                   cudaStream_t stream);
/** Blocks first .. first + n - 1 of the batch.  Local.
 *  @param at  number of the batch's first value in the histogram */
cudaError_t cubix_cuda_cell_blocks(const struct cubix_cuda_batch *batch, uint64_t first, uint64_t n, uint64_t at,
                                   struct cubix_cuda_block *block, cudaStream_t stream);
/** Zero the sums that were touched; or, if it is not known which, reset lo and hi.  Local. */
cudaError_t cubix_cuda_cell_clear(const struct cubix_cuda_batch *batch, cudaStream_t stream);
cudaError_t cubix_cuda_cell_forget(const struct cubix_cuda_batch *batch, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
