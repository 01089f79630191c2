/* cuda_runtime.h -- a stand-in for the CUDA runtime, for tests on machines without a GPU: as much
 * of it as cuda/ uses, no more.
 *
 * C sees the runtime's functions, C++ the language of kernels as well.  How it works, and what it
 * catches, is told in machine.h; the tests' own switches are in control.h.  What differs from nvcc
 * is the launch, which is why cuda/ launches through CUBIX_LAUNCH. */
#ifndef CUDA_ON_CPU_RUNTIME_H
#define CUDA_ON_CPU_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CUDA_ON_CPU_ERRORS(X) \
  X(cudaSuccess, 0, "no error") \
  X(cudaErrorInvalidValue, 1, "invalid argument") \
  X(cudaErrorMemoryAllocation, 2, "out of memory") \
  X(cudaErrorInvalidConfiguration, 9, "invalid configuration argument") \
  X(cudaErrorStubLibrary, 34, "CUDA driver is a stub library") \
  X(cudaErrorInsufficientDriver, 35, "CUDA driver version is insufficient for CUDA runtime version") \
  X(cudaErrorDevicesUnavailable, 46, "CUDA-capable device(s) is/are busy or unavailable") \
  X(cudaErrorNoDevice, 100, "no CUDA-capable device is detected") \
  X(cudaErrorInvalidDevice, 101, "invalid device ordinal") \
  X(cudaErrorNoKernelImageForDevice, 209, "no kernel image is available for execution on the device") \
  X(cudaErrorUnsupportedPtxVersion, 222, "the provided PTX was compiled with an unsupported toolchain.") \
  X(cudaErrorIllegalAddress, 700, "an illegal memory access was encountered") \
  X(cudaErrorLaunchFailure, 719, "unspecified launch failure")

typedef enum cudaError {
#define CUDA_ON_CPU_ENUM(name, number, text) name = number,
  CUDA_ON_CPU_ERRORS(CUDA_ON_CPU_ENUM)
#undef CUDA_ON_CPU_ENUM
  cudaErrorUnknown = 999
} cudaError_t;

enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
enum cudaDeviceAttr {
  cudaDevAttrComputeMode = 20,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76
};
enum cudaComputeMode { cudaComputeModeDefault = 0, cudaComputeModeProhibited = 2 };
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2 };
typedef struct cuda_on_cpu_stream *cudaStream_t;
typedef struct cuda_on_cpu_event *cudaEvent_t;
typedef struct { char bytes[16]; } cudaUUID_t;
struct cudaDeviceProp { char name[256]; cudaUUID_t uuid; size_t totalGlobalMem; };
struct cudaFuncAttributes { int binaryVersion; };

const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError(void);
cudaError_t cudaGetDeviceCount(int *n);
cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device);
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device);
cudaError_t cudaDeviceGetPCIBusId(char *bus, int room, int device);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes, const void *kernel);
cudaError_t cudaMemGetInfo(size_t *available, size_t *total);
cudaError_t cudaMalloc(void **pointer, size_t bytes);
cudaError_t cudaFree(void *pointer);
cudaError_t cudaMallocHost(void **pointer, size_t bytes);
cudaError_t cudaFreeHost(void *pointer);
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaDeviceSynchronize(void);

#ifdef __cplusplus
}

#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __shared__ \
  static __attribute__((section("cuda_shared"))) /* found and poisoned by the runtime before every block */

struct alignas(16) float4 { float x, y, z, w; };
struct dim3 { unsigned x, y, z; dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {} };

namespace cuda_on_cpu_kernel {
struct place { dim3 thread, block, block_dim, grid_dim; unsigned lane; };
extern place here;                                  /* of the thread that runs */
void wait_for_block(int line);
uint64_t exchange(uint64_t mine, unsigned lane, int line);   /* what the thread of that lane of the warp gave */
void copy_later(void *to, const void *from, size_t bytes);    /* cuda_pipeline_primitives.h */
void close_group();
void wait_for_groups(size_t but);
void check_argument(const void *argument, size_t bytes);
void note_atomic(const void *at, size_t bytes);
std::function<void()> threads(dim3 grid, dim3 block, std::function<void()> thread);      /* the work that runs them */
bool of_nvcc(const char *name, dim3 grid, dim3 block, const void *const *argument, const size_t *bytes, size_t n,
             std::function<void()> *work);
void submit(dim3 grid, dim3 block, cudaStream_t stream, std::function<void()> work);

/* nvcc's code of that kernel where there is some, or the C++ compiler's. */
template <class... Parameter, class... Argument>
void launch(const char *name, dim3 grid, dim3 block, cudaStream_t stream, void (*kernel)(Parameter...),
            Argument... argument)
{
  std::function<void()> work;
  (check_argument(&argument, sizeof argument), ...);
  auto find = [&](Parameter... given) {
    const void *const at[] = { &given... };
    const size_t bytes[] = { sizeof given... };
    return of_nvcc(name, grid, block, at, bytes, sizeof...(Parameter), &work);
  };
  if (!find(argument...)) work = threads(grid, block, [=] { kernel(argument...); });
  submit(grid, block, stream, work);
}
template <class T> T exchange_value(T mine, unsigned lane, int line)
{
  uint64_t bits = 0;
  T value;
  static_assert(sizeof mine <= sizeof bits, "at most 8 bytes");
  std::memcpy(&bits, &mine, sizeof mine);
  bits = exchange(bits, lane & 31, line);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
}
/* Threads never run at the same time; that these are atomic is told to the search for races. */
#define CUDA_ON_CPU_ATOMIC template <class T> __attribute__((no_sanitize("thread"), noinline)) T
CUDA_ON_CPU_ATOMIC atomicAdd(T *at, T value)
{
  cuda_on_cpu_kernel::note_atomic(at, sizeof *at);
  T old = *at;
  *at += value;
  return old;
}
CUDA_ON_CPU_ATOMIC atomicMin(T *at, T value)
{
  cuda_on_cpu_kernel::note_atomic(at, sizeof *at);
  T old = *at;
  if (value < old) *at = value;
  return old;
}
CUDA_ON_CPU_ATOMIC atomicMax(T *at, T value)
{
  cuda_on_cpu_kernel::note_atomic(at, sizeof *at);
  T old = *at;
  if (value > old) *at = value;
  return old;
}
#define threadIdx (cuda_on_cpu_kernel::here.thread)
#define blockIdx  (cuda_on_cpu_kernel::here.block)
#define blockDim  (cuda_on_cpu_kernel::here.block_dim)
#define gridDim   (cuda_on_cpu_kernel::here.grid_dim)
#define __syncthreads() cuda_on_cpu_kernel::wait_for_block(__LINE__)
#define __shfl_sync(mask, value, lane_) cuda_on_cpu_kernel::exchange_value(value, lane_, __LINE__)
#define __shfl_xor_sync(mask, value, bits) \
  cuda_on_cpu_kernel::exchange_value(value, cuda_on_cpu_kernel::here.lane ^ (bits), __LINE__)
#define CUBIX_LAUNCH(kernel, grid, block, stream, ...) \
  cuda_on_cpu_kernel::launch(#kernel, grid, block, stream, kernel, __VA_ARGS__)
#endif
#endif
