/* context.h -- makes the GPU of a rank current while CUBIX works on it, and at no other time,
 * because a host program may use another. */
#ifndef CUBIX_CUDA_CONTEXT_H
#define CUBIX_CUDA_CONTEXT_H

struct cubix_cuda_context {
  int gpu;                        /* CUDA's number of it */
  void *driver;                   /* the driver's library */
  void *handle;                   /* the GPU's primary context, which CUDA's runtime works in */
  int (*push)(void *handle), (*pop)(void **handle), (*release)(int gpu);
};

/** Open a GPU; the calling thread's current device does not change.  Local.
 *  Errors: CUBIX_EDEVICE, with the driver's reason. */
int cubix_cuda_context_open(struct cubix_cuda_context *context, int gpu);
/** Make the GPU current in this thread until cubix_cuda_context_leave.  Local. */
int cubix_cuda_context_enter(const struct cubix_cuda_context *context);
/** Make current again what was current before.  Local.
 *  @param entered the status of cubix_cuda_context_enter: after a failure there is nothing to
 *    leave */
void cubix_cuda_context_leave(const struct cubix_cuda_context *context, int entered);
void cubix_cuda_context_close(struct cubix_cuda_context *context);

#endif
