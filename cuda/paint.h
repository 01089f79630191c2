/* paint.h -- what host and GPU exchange for the direct method, and the launchers of the kernels in
 * paint.cu. */
#ifndef CUBIX_CUDA_PAINT_H
#define CUBIX_CUDA_PAINT_H

#include <cuda_runtime.h>

#include "physics/population.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Stars first .. last - 1 of a chunk lie in one spaxel; their sum goes to one row of the chunk's result. */
struct cubix_cuda_run { int32_t first, last, row; };

/* How a block's threads share the work: many channels of a run, or fewer channels and several
 * threads for the stars of each. */
enum cubix_cuda_shape { CUBIX_CUDA_WIDE, CUBIX_CUDA_DEEP };

/* The most channels that a grid of either shape reaches. */
enum { CUBIX_CUDA_MAX_CHANNEL = 65535 * 32 };

/** Whether the current GPU, with its driver, can run the code compiled in here.  Local. */
cudaError_t cubix_cuda_paint_probe(void);
/** Paint n_run runs: row[run.row][k] is the sum of its stars in channel k.  Local.  Returns as soon
 * as the work is queued.
 *  @param tables  they lie on the GPU; the struct itself on the host
 *  @param star, run, row  on the GPU; row [*][tables->n_lambda] */
cudaError_t cubix_cuda_paint(const struct cubix_tables *tables, const struct cubix_star *star,
                             const struct cubix_cuda_run *run, int n_run, enum cubix_cuda_shape shape, cubix_real *row,
                             cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
