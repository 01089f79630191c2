/* selfcheck.cpp -- does the stand-in run what is right, and stop at what is wrong? */
#include "cuda_runtime.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"

namespace {

const int THREADS = 256;

/* Sum of a block's numbers: shuffles within warps, shared memory and a barrier between them. */
__global__ void sum_blocks(const float *x, float *out)
{
  __shared__ float part[THREADS / 32];
  int me = (int)threadIdx.x;
  float v = x[blockIdx.x * blockDim.x + threadIdx.x];
  for (int bits = 16; bits > 0; bits >>= 1) v += __shfl_xor_sync(0xffffffffu, v, (unsigned)bits);
  if (me % 32 == 0) part[me / 32] = v;
  __syncthreads();
  if (me < 32) {
    v = part[me % (THREADS / 32)];
    for (int bits = THREADS / 64; bits > 0; bits >>= 1) v += __shfl_xor_sync(0xffffffffu, v, (unsigned)bits);
    float first = __shfl_sync(0xffffffffu, v, 0u);
    if (me == 5) out[blockIdx.x] = first;
  }
}
__global__ void read_shared(float *out)
{
  __shared__ float never_set[2];
  out[threadIdx.x] = never_set[0];
  never_set[0] = never_set[1] = 1;
}
__global__ void part_ways(float *out)
{
  if (threadIdx.x % 2) __syncthreads();
  else out[0] = __shfl_sync(0xffffffffu, 1.f, 0u);
}
__global__ void write_at(float *out, int i) { out[i] = 1; }

cudaStream_t stream;
float *gpu;
float host[4 * THREADS];

void take(void **p, size_t bytes)
{
  if (cudaMalloc(p, bytes) != cudaSuccess) abort();
}

void give_host_pointer() { CUBIX_LAUNCH(write_at, dim3(1), dim3(1), stream, host, 0); }
void give_hidden_host_pointer()
{
  struct hidden { int n; float *p; } h = { 1, host };
  cuda_on_cpu_kernel::check_argument(&h, sizeof h);
}
void write_behind() { CUBIX_LAUNCH(write_at, dim3(1), dim3(1), stream, gpu, 2 * THREADS); }
void write_before()
{
  CUBIX_LAUNCH(write_at, dim3(1), dim3(1), stream, gpu, -1);
  cudaFree(gpu);
}
void diverge() { CUBIX_LAUNCH(part_ways, dim3(1), dim3(64), stream, gpu); }
void touch_gpu() { *(volatile float *)gpu = 1; }
void copy_too_much() { cudaMemcpy(gpu, host, sizeof host, cudaMemcpyHostToDevice); }
void copy_unlocked() { cudaMemcpyAsync(gpu, host, 4, cudaMemcpyHostToDevice, stream); }
void do_nothing() {}

/* Whether a process that does it comes to a bad end. */
bool dies(void (*it)())
{
  int how = 0;
  pid_t child = fork();
  if (!child) {
    int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, 2);
    it();
    _exit(0);
  }
  return waitpid(child, &how, 0) == child && how != 0;
}

}

int cuda_on_cpu_selfcheck(void)
{
  int broken = 0;
  float result[2];
#define PROMISE(holds) do { if (!(holds)) { printf("the stand-in breaks: %s\n", #holds); broken++; } } while (0)
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  take((void **)&gpu, sizeof(float) * 2 * THREADS);
  cudaMemcpy(host, gpu, sizeof(float) * 2 * THREADS, cudaMemcpyDeviceToHost);
  PROMISE(std::isnan(host[0]) && std::isnan(host[2 * THREADS - 1]));
  for (int i = 0; i < 2 * THREADS; i++) host[i] = (float)(i % 7);
  cudaMemcpy(gpu, host, sizeof(float) * 2 * THREADS, cudaMemcpyHostToDevice);
  float *out, want[2] = { 0, 0 };
  take((void **)&out, sizeof result);
  for (int i = 0; i < 2 * THREADS; i++) want[i / THREADS] += host[i];
  CUBIX_LAUNCH(sum_blocks, dim3(2), dim3(THREADS), stream, gpu, out);
  cudaMemcpy(result, out, sizeof result, cudaMemcpyDeviceToHost);
  PROMISE(result[0] == want[0] && result[1] == want[1]);
  CUBIX_LAUNCH(read_shared, dim3(2), dim3(1), stream, out);
  cudaMemcpy(result, out, sizeof result, cudaMemcpyDeviceToHost);
  PROMISE(std::isnan(result[0]));
  CUBIX_LAUNCH(write_at, dim3(1), dim3(1025), stream, out, 0);
  PROMISE(cudaGetLastError() == cudaErrorInvalidConfiguration);
  PROMISE(!dies(do_nothing));
  PROMISE(dies(give_host_pointer));
  PROMISE(dies(give_hidden_host_pointer));
  PROMISE(dies(write_behind));
  PROMISE(dies(write_before));
  PROMISE(dies(diverge));
  PROMISE(dies(touch_gpu));
  PROMISE(dies(copy_too_much));
  PROMISE(dies(copy_unlocked));
  cudaFree(gpu);
  cudaFree(out);
  cudaStreamDestroy(stream);
  PROMISE(cuda_on_cpu.n_live == 0);
#undef PROMISE
  return broken;
}
