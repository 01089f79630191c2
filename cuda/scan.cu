/* scan.cu -- the one algorithm that is CUB's: the prefix sum over a batch's lines.  Apart from
 * fill.cu, so that the tests without a GPU can put the standard library's in its place. */
#include <climits>

#include <cub/device/device_scan.cuh>

#include "cuda/fill.h"

extern "C" cudaError_t cubix_cuda_cell_scan(const struct cubix_cuda_batch *batch, void *work, size_t *bytes,
                                            cudaStream_t stream)
{
  size_t n = (size_t)batch->n_spaxel * (size_t)batch->n_row + 1;
  if (n > INT_MAX) return cudaErrorInvalidValue;      /* the host takes smaller batches */
  return cub::DeviceScan::ExclusiveSum(work, *bytes, batch->count, batch->before, (int)n, stream);
}
