/* transfer.h -- page-locked memory and streams, kept as long as the processor is open: what everything travels in to the GPU and back; and the memory there. */
#ifndef CUBIX_CUDA_FERRY_H
#define CUBIX_CUDA_FERRY_H

#include <cuda_runtime.h>

#include <stddef.h>

#include "cuda/workspace.h"

#ifndef CUBIX_CUDA_CARGO          /* the tests take small ones */
#define CUBIX_CUDA_CARGO ((size_t)16 << 20)    /* bytes of a cargo where nothing asks for another size */
#endif

enum { CUBIX_CUDA_N_BERTH = 3 };

/* One cargo under way: up, work, down in the order of its stream. */
struct cubix_cuda_berth {
  cudaStream_t stream;
  cudaEvent_t done;               /* for other berths' streams to wait for */
  void *host;                     /* page-locked */
};

struct cubix_cuda_ferry {
  size_t bytes;                   /* of each berth's page-locked memory */
  struct cubix_cuda_berth berth[CUBIX_CUDA_N_BERTH];
  struct cubix_cuda_workspace workspace;
};

/** Berths of at least so many bytes.  Local.  What they held is lost if they are too small. */
int cubix_cuda_ferry_ready(struct cubix_cuda_ferry *ferry, size_t bytes);
/** Queue bytes of the host's, through all berths by turns; the memory they come from is free at once.  Local.  They are there after cubix_cuda_ferry_wait. */
int cubix_cuda_ferry_up(const struct cubix_cuda_ferry *ferry, void *gpu, const void *host, size_t bytes);
/** Bring bytes to the host, behind all that is under way in the berths.  Local.  They are there on return. */
int cubix_cuda_ferry_down(const struct cubix_cuda_ferry *ferry, void *host, const void *gpu, size_t bytes);
/** Wait for whatever is under way.  Local. */
int cubix_cuda_ferry_wait(const struct cubix_cuda_ferry *ferry);
/** The same after a failure: nothing can be said or done about another. */
void cubix_cuda_ferry_abandon(const struct cubix_cuda_ferry *ferry);
/** memcpy by all threads.  Local. */
void cubix_cuda_ferry_copy(void *to, const void *from, size_t bytes);
void cubix_cuda_ferry_free(struct cubix_cuda_ferry *ferry);

#endif
