/* device.cpp -- the GPUs that the stand-in says it has, the one that is current, and the driver that serves them. */
#include <cstdio>

#include "machine.h"

namespace cuda_on_cpu_machine {

const int RUNTIME = 13000;                       /* the version of CUDA that this stands for */

/* Work, and what belongs to it, on the GPU that is current. */
bool work_fails()
{
  static int owner;               /* the GPU that memory and streams belong to */
  if (cuda_on_cpu.current < 0) misuse("work while no GPU is current");
  if ((any_memory() || any_stream()) && cuda_on_cpu.current != owner)
    misuse("work on one GPU while another is current");
  owner = cuda_on_cpu.current;
  return fails();
}

}

using namespace cuda_on_cpu_machine;

cudaError_t cudaGetDeviceCount(int *n)
{
  *n = 0;
  if (fails()) return fail(cudaErrorUnknown);
  if (cuda_on_cpu.driver < RUNTIME) return fail(cudaErrorInsufficientDriver);
  if (!cuda_on_cpu.n_gpu) return fail(cudaErrorNoDevice);
  *n = cuda_on_cpu.n_gpu;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
  *version = cuda_on_cpu.driver;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
  *version = RUNTIME;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device)
{
  if (fails()) return fail(cudaErrorUnknown);
  if (device < 0 || device >= cuda_on_cpu.n_gpu) return fail(cudaErrorInvalidDevice);
  if (attribute == cudaDevAttrComputeMode)
    *value = cuda_on_cpu.prohibited[device] ? cudaComputeModeProhibited : cudaComputeModeDefault;
  else *value = attribute == cudaDevAttrComputeCapabilityMajor ? cuda_on_cpu.capability[device] : 0;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device)
{
  if (fails()) return fail(cudaErrorUnknown);
  if (device < 0 || device >= cuda_on_cpu.n_gpu) return fail(cudaErrorInvalidDevice);
  snprintf(properties->name, sizeof properties->name, "stand-in GPU %d", device);
  memset(&properties->uuid, 'a' + device, sizeof properties->uuid);
  properties->uuid.bytes[15] = (char)cuda_on_cpu.slice[device];
  properties->totalGlobalMem = cuda_on_cpu.memory;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char *bus, int room, int device)
{
  if (fails()) return fail(cudaErrorUnknown);
  if (device < 0 || device >= cuda_on_cpu.n_gpu) return fail(cudaErrorInvalidDevice);
  snprintf(bus, (size_t)room, "0000:%02x:00.0", 16 + device);
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes, const void *kernel)
{
  if (work_fails()) return fail(cudaErrorNoKernelImageForDevice);
  if (!kernel) misuse("attributes of no kernel");
  attributes->binaryVersion = 80;
  return cudaSuccess;
}

/* ---- the driver's functions, which cuda/ finds by name: as the linker's option --wrap has it,
 * dlopen and dlsym come here ------------- */

namespace {

std::vector<int> before;                         /* what was current before each context that was pushed */

int retain_context(void **context, int device)
{
  if (fails()) return cudaErrorMemoryAllocation;
  if (device < 0 || device >= cuda_on_cpu.n_gpu) return cudaErrorInvalidDevice;
  if (cuda_on_cpu.taken[device]) return cudaErrorDevicesUnavailable;
  *context = (void *)(uintptr_t)(device + 1);
  cuda_on_cpu.n_live++;
  return cudaSuccess;
}

int release_context(int)
{
  cuda_on_cpu.n_live--;
  return cudaSuccess;
}

int push_context(void *context)
{
  if (fails()) return cudaErrorUnknown;
  before.push_back(cuda_on_cpu.current);
  cuda_on_cpu.current = (int)(uintptr_t)context - 1;
  return cudaSuccess;
}

int pop_context(void **context)
{
  if (before.empty()) misuse("a context is popped that was not pushed");
  *context = (void *)(uintptr_t)(cuda_on_cpu.current + 1);
  cuda_on_cpu.current = before.back();
  before.pop_back();
  return cudaSuccess;
}

int driver;                                      /* its address stands for the library */

}

extern "C" {
void *__real_dlopen(const char *name, int flags);
void *__real_dlsym(void *library, const char *name);
int __real_dlclose(void *library);
void *__wrap_dlopen(const char *name, int flags);
void *__wrap_dlsym(void *library, const char *name);
int __wrap_dlclose(void *library);

void *__wrap_dlopen(const char *name, int flags)
{
  return name && !strcmp(name, "libcuda.so.1") ? &driver : __real_dlopen(name, flags);
}

void *__wrap_dlsym(void *library, const char *name)
{
  if (library != &driver) return __real_dlsym(library, name);
  if (!strcmp(name, "cuDevicePrimaryCtxRetain")) return (void *)retain_context;
  if (!strcmp(name, "cuDevicePrimaryCtxRelease_v2")) return (void *)release_context;
  if (!strcmp(name, "cuCtxPushCurrent_v2")) return (void *)push_context;
  if (!strcmp(name, "cuCtxPopCurrent_v2")) return (void *)pop_context;
  return nullptr;
}

int __wrap_dlclose(void *library) { return library == &driver ? 0 : __real_dlclose(library); }
}
