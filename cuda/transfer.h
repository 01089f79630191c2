/* transfer.h -- page-locked memory and streams, kept as long as the processor is open: what
 * everything travels in to the GPU and back; and the memory there. */
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

/** Berths of at least so many bytes.  Local.  What they held is lost if they are too small. */
int cubix_cuda_transfer_ready(struct cubix_cuda_transfer *transfer, size_t bytes);
/** Queue bytes of the host's, through all staging buffers by turns; the memory they come from is
 * free at once.  Local.  They are there after cubix_cuda_transfer_wait. */
int cubix_cuda_transfer_up(const struct cubix_cuda_transfer *transfer, void *gpu, const void *host, size_t bytes);
/** Bring bytes to the host, behind all that is under way in the staging buffers.  Local.  They are there on return. */
int cubix_cuda_transfer_down(const struct cubix_cuda_transfer *transfer, void *host, const void *gpu, size_t bytes);
/** Wait for whatever is under way.  Local. */
int cubix_cuda_transfer_wait(const struct cubix_cuda_transfer *transfer);
/** The same after a failure: nothing can be said or done about another. */
void cubix_cuda_transfer_abandon(const struct cubix_cuda_transfer *transfer);
/** memcpy by all threads.  Local. */
void cubix_cuda_transfer_copy(void *to, const void *from, size_t bytes);
void cubix_cuda_transfer_free(struct cubix_cuda_transfer *transfer);

#endif
