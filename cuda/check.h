/* check.h -- turns a failure of CUDA into an error of CUBIX: the call, CUDA's name and description,
 * and what the user can do. */
#ifndef CUBIX_CUDA_CHECK_H
#define CUBIX_CUDA_CHECK_H

#include <cuda_runtime.h>

#include "base/error.h"

/** The remedy for a CUDA error. */
static inline const char *cubix_cuda_remedy(cudaError_t error)
{
  switch (error) {
    case cudaErrorMemoryAllocation:
      return "the memory of the GPU, or the host memory that may be locked, is full: end other programs there";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return "this cubix holds no code for this GPU or its driver: update the driver, or build with its toolkit";
    case cudaErrorInsufficientDriver:
      return "the NVIDIA driver is older than the CUDA that cubix was built with: update the driver";
    case cudaErrorDevicesUnavailable:
      return "another process holds the GPU for itself (compute mode EXCLUSIVE_PROCESS): end it, choose another GPU, "
             "or start NVIDIA's MPS";
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:            return "this is a fault in cubix or in the GPU: please report it";
    default:                                return "nvidia-smi and the driver's log (dmesg) may tell more";
  }
}

/** Make a CUDA call; if it fails, set the message and leave.  CUDA's own record of the error is
 * cleared, so that the next call starts afresh. */
#define CUBIX_CUDA(call) \
  do { \
    cudaError_t cuda_error = (call); \
    if (cuda_error != cudaSuccess) (void)cudaGetLastError(); \
    CUBIX_CHECK(cuda_error == cudaSuccess, CUBIX_EDEVICE, "%s: %s (%s); %s, or use Backend cpu", \
                #call, cudaGetErrorString(cuda_error), cudaGetErrorName(cuda_error), cubix_cuda_remedy(cuda_error)); \
  } while (0)

#endif
