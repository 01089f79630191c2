/* context.c -- which GPU is current.
 *
 * cudaSetDevice would change the caller's GPU, and to call it again with the one before is no way
 * back: since CUDA 12 it makes a context on that GPU, some hundred MiB for every rank, and fails
 * where the GPU is another process's alone.  So the GPU's primary context, the one that the runtime
 * uses, is pushed on the driver's stack and popped afterwards: the runtime works with whatever is
 * on top, and the caller finds all as it was, a context or none.
 *
 * These are functions of the driver, which a node without a GPU lacks: its library is opened when
 * it is needed, as the runtime itself does.  Their results have the numbers of the runtime's
 * errors. */
#include "cuda/context.h"

#include <dlfcn.h>
#include <string.h>

#include "cuda/check.h"

/* A function of the driver; POSIX lets a pointer to it pass through one to data. */
static int find(void *function, void *driver, const char *name)
{
  int status = CUBIX_OK;
  void *address = dlsym(driver, name);
  CUBIX_CHECK(address, CUBIX_EDEVICE,
              "libcuda.so.1 lacks %s: the NVIDIA driver is too old or damaged; update it, or use Backend cpu", name);
  memcpy(function, &address, sizeof address);
done:
  return status;
}

int cubix_cuda_context_open(struct cubix_cuda_context *context, int gpu)
{
  int status = CUBIX_OK;
  int (*retain)(void **handle, int gpu) = NULL;
  *context = (struct cubix_cuda_context){ .gpu = gpu };
  context->driver = dlopen("libcuda.so.1", RTLD_LAZY);
  CUBIX_CHECK(context->driver, CUBIX_EDEVICE,
              "cannot open libcuda.so.1 of the NVIDIA driver (%s): install it, or use Backend cpu", dlerror());
  CUBIX_TRY(find(&retain, context->driver, "cuDevicePrimaryCtxRetain"));
  CUBIX_TRY(find(&context->release, context->driver, "cuDevicePrimaryCtxRelease_v2"));
  CUBIX_TRY(find(&context->push, context->driver, "cuCtxPushCurrent_v2"));
  CUBIX_TRY(find(&context->pop, context->driver, "cuCtxPopCurrent_v2"));
  CUBIX_CUDA((cudaError_t)retain(&context->handle, gpu));
done:
  if (status) cubix_cuda_context_close(context);
  return status;
}

int cubix_cuda_context_enter(const struct cubix_cuda_context *context)
{
  int status = CUBIX_OK;
  CUBIX_CUDA((cudaError_t)context->push(context->handle));
done:
  return status;
}

void cubix_cuda_context_leave(const struct cubix_cuda_context *context, int entered)
{
  void *handle;
  if (!entered) (void)context->pop(&handle);
}

void cubix_cuda_context_close(struct cubix_cuda_context *context)
{
  if (context->handle) (void)context->release(context->gpu);
  if (context->driver) (void)dlclose(context->driver);
  *context = (struct cubix_cuda_context){ 0 };
}
