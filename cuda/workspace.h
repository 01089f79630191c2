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

/** Limit this rank to one of n_share equal parts of the memory that is free now.  Local. */
int cubix_cuda_workspace_divide(struct cubix_cuda_workspace *workspace, int n_share);
/** How many bytes can be taken.  Local.  @param[out] total of the GPU, for messages */
int cubix_cuda_workspace_room(const struct cubix_cuda_workspace *workspace, size_t *available, size_t *total);
/** Take memory of at least so many bytes, with undefined content.  Local.
 *  @param[out] gpu NULL for 0 bytes */
int cubix_cuda_workspace_take(struct cubix_cuda_workspace *workspace, void **gpu, size_t bytes);
/** Give memory back to the workspace, when neither the host nor any stream uses it.  Local.
 *  @param gpu what was taken, or NULL */
void cubix_cuda_workspace_give(struct cubix_cuda_workspace *workspace, void *gpu);
/** The same, and free it on the GPU: nothing here will need as much soon.  Local. */
void cubix_cuda_workspace_release(struct cubix_cuda_workspace *workspace, void *gpu);
/** Free all memory on the GPU.  Local. */
void cubix_cuda_workspace_free(struct cubix_cuda_workspace *workspace);

#endif
