/* workspace.h -- all memory that this rank holds on its GPU, kept from call to call. */
#ifndef CUBIX_CUDA_WORKSPACE_H
#define CUBIX_CUDA_WORKSPACE_H

#include <stddef.h>

enum { CUBIX_CUDA_N_PART = 64 };

struct cubix_cuda_workspace {
  size_t quota;                   /* bytes that may be held; 0: whatever is free */
  size_t held;                    /* bytes of all parts */
  struct cubix_cuda_part { void *gpu; size_t bytes; int busy; } part[CUBIX_CUDA_N_PART];
};

/** Of the memory that is free now, and stays so, a share of n_share: no more will be held.  Local. */
int cubix_cuda_workspace_divide(struct cubix_cuda_workspace *workspace, int n_share);
/** How many bytes can be taken.  Local.  @param[out] total  of the GPU, for messages */
int cubix_cuda_workspace_room(const struct cubix_cuda_workspace *workspace, size_t *available, size_t *total);
/** Memory of at least so many bytes, with anything in it.  Local.  @param[out] gpu  NULL for 0 bytes */
int cubix_cuda_workspace_take(struct cubix_cuda_workspace *workspace, void **gpu, size_t bytes);
/** It is no longer in use, by the host nor by any stream.  Local.  @param gpu  what was taken, or NULL */
void cubix_cuda_workspace_give(struct cubix_cuda_workspace *workspace, void *gpu);
/** The same, and back to the GPU: nobody here will want as much so soon.  Local. */
void cubix_cuda_workspace_release(struct cubix_cuda_workspace *workspace, void *gpu);
/** Give all back to the GPU.  Local. */
void cubix_cuda_workspace_free(struct cubix_cuda_workspace *workspace);

#endif
