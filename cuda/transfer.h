/* transfer.h -- page-locked staging buffers and streams, through which everything travels to the
 * GPU and back, kept while the processor is open; and the memory on the GPU. */
#ifndef CUBIX_CUDA_TRANSFER_H
#define CUBIX_CUDA_TRANSFER_H

#include <cuda_runtime.h>

#include <stddef.h>

#include "cuda/workspace.h"

#ifndef CUBIX_CUDA_CARGO          /* the tests take small ones */
#define CUBIX_CUDA_CARGO ((size_t)16 << 20)    /* bytes of a cargo where nothing asks for another size */
#endif

enum { CUBIX_CUDA_N_STAGING = 3 };

/* One cargo under way: up, work, down in the order of its stream. */
struct cubix_cuda_staging {
  cudaStream_t stream;
  cudaEvent_t done;               /* for other staging buffers' streams to wait for */
  void *host;                     /* page-locked */
};

struct cubix_cuda_transfer {
  size_t bytes;                   /* of each staging buffer's page-locked memory */
  struct cubix_cuda_staging staging[CUBIX_CUDA_N_STAGING];
  struct cubix_cuda_workspace workspace;
};

/** Make the staging buffers at least so large.  What they held is lost if they were smaller.
 * Local. */
int cubix_cuda_transfer_ready(struct cubix_cuda_transfer *transfer, size_t bytes);
/** Queue bytes of the host for the GPU, through all staging buffers in turn; the memory they come
 * from may be reused at once.  They have arrived after cubix_cuda_transfer_wait.  Local. */
int cubix_cuda_transfer_up(const struct cubix_cuda_transfer *transfer, void *gpu, const void *host, size_t bytes);
/** Bring bytes to the host, after everything that is in flight in the staging buffers.  They are
 * there on return.  Local. */
int cubix_cuda_transfer_down(const struct cubix_cuda_transfer *transfer, void *host, const void *gpu, size_t bytes);
/** Wait for everything in flight.  Local. */
int cubix_cuda_transfer_wait(const struct cubix_cuda_transfer *transfer);
/** The same after a failure: further failures are ignored. */
void cubix_cuda_transfer_abandon(const struct cubix_cuda_transfer *transfer);
/** memcpy by all threads.  Local. */
void cubix_cuda_transfer_copy(void *to, const void *from, size_t bytes);
void cubix_cuda_transfer_free(struct cubix_cuda_transfer *transfer);

#endif
