/* context.h -- the GPU that a rank works on is current while we work on it, and at no other time: a
 * host program has its own. */
#ifndef CUBIX_CUDA_CONTEXT_H
#define CUBIX_CUDA_CONTEXT_H

struct cubix_cuda_context {
  int gpu;                        /* CUDA's number of it */
  void *driver;                   /* the driver's library */
  void *handle;                   /* the GPU's primary context, which CUDA's runtime works in */
  int (*push)(void *handle), (*pop)(void **handle), (*release)(int gpu);
};

/** Take hold of a GPU.  Local.  What the calling thread works on stays as it is.  Errors:
 * CUBIX_EDEVICE, with the driver's reason. */
int cubix_cuda_context_open(struct cubix_cuda_context *context, int gpu);
/** Make the GPU current in this thread until cubix_cuda_context_leave.  Local. */
int cubix_cuda_context_enter(const struct cubix_cuda_context *context);
/** What was current before is so again.  Local.  @param entered  the status of
 * cubix_cuda_context_enter: after a failure there is nothing to leave */
void cubix_cuda_context_leave(const struct cubix_cuda_context *context, int entered);
void cubix_cuda_context_close(struct cubix_cuda_context *context);

#endif
