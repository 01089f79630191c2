/* scan.cpp -- the prefix sum of cuda/scan.cu, where it is CUB's, by the standard library. */
#include <numeric>

#include "cuda/fill.h"

static void scan(struct cubix_cuda_batch batch, size_t n)
{
  std::exclusive_scan(batch.count, batch.count + n, batch.before, 0ULL);
}

extern "C" cudaError_t cubix_cuda_cell_scan(const struct cubix_cuda_batch *batch, void *work, size_t *bytes,
                                            cudaStream_t stream)
{
  *bytes = 16;
  if (work) CUBIX_LAUNCH(scan, dim3(1), dim3(1), stream, *batch, (size_t)batch->n_spaxel * (size_t)batch->n_row + 1);
  return cudaGetLastError();
}
