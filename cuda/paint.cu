/* paint.cu -- the kernel of the GPU: the plain direct method of physics/paint.h, spread over
 * spaxels and channels.
 *
 * A block paints one run, the stars of one spaxel, in one tile of channels.  64 stars at a time are
 * turned by a few of its threads into template rows, weights and Doppler factor in shared memory,
 * which every thread then needs; each thread integrates star after star over its own channel and
 * adds in float64, so that faint stars are not lost beside bright ones.  No two threads write one
 * number: no atomics, and the same bits in every run on the same GPU.
 *
 * Two shapes of block of 256 threads share the code.  WIDE: 256 channels, every thread takes all
 * stars.  A spaxel with very many stars (a nucleus) would then keep a handful of blocks busy long
 * after all others are done; DEEP: 32 channels, eight threads for each, which take the stars in
 * turns and are added up at the end in fixed order: eight times as many blocks, each eight times as
 * short.
 *
 * Blocks of one tile are neighbours in the grid: what they need of the templates is some megabytes,
 * and stays in the cache. The physics is the very code of the CPU; only the compiler's fused
 * multiply-adds and its log10 and exp make a difference, in the last bits. Kernels and launchers
 * only: buffers, streams and errors are the host's, device_cuda.c. */
#include "cuda/paint.h"

#include "physics/paint.h"
#include "physics/screen.h"

#ifndef CUBIX_LAUNCH              /* the tests' runtime without a GPU brings its own */
#define CUBIX_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#endif

enum { THREADS = 256, WAYS = 8, BATCH = 64 };

static_assert(THREADS / WAYS * 65535 == CUBIX_CUDA_MAX_CHANNEL, "the narrower shape sets the bound");

static __global__ void __launch_bounds__(THREADS)
    cubix_paint_runs(struct cubix_tables tables, const struct cubix_star *star, const struct cubix_cuda_run *run,
                     cubix_real *row)
{
  __shared__ struct cubix_blend blend[BATCH];
  __shared__ double doppler[BATCH], screen[BATCH];
  __shared__ double part[THREADS];
  struct cubix_cuda_run mine = run[blockIdx.x];
  int me = (int)(threadIdx.y * blockDim.x + threadIdx.x), k = (int)(blockIdx.y * blockDim.x + threadIdx.x);
  double sum = 0;
  for (int first = mine.first; first < mine.last; first += BATCH) {
    int n = mine.last - first < BATCH ? mine.last - first : BATCH;
    __syncthreads();              /* all are done with the batch before */
    if (me < n) {
      cubix_blend_of(&tables, &star[first + me], &blend[me]);
      doppler[me] = cubix_doppler(tables.one_plus_z, star[first + me].velocity);
      screen[me] = (double)star[first + me].screen;
    }
    __syncthreads();
    if (k < tables.n_lambda)
      for (int j = (int)threadIdx.y; j < n; j += (int)blockDim.y) {
        double light = cubix_star_channel(&tables, &blend[j], doppler[j], k);
        if (tables.dust_k && screen[j] != 0) light *= cubix_screen_through(screen[j], tables.dust_k[k]);
        sum += light;
      }
  }
  part[me] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && k < tables.n_lambda) {
    for (int way = 1; way < (int)blockDim.y; way++) sum += part[way * (int)blockDim.x + me];
    row[(int64_t)mine.row * tables.n_lambda + k] = (cubix_real)sum;
  }
}

extern "C" cudaError_t cubix_cuda_paint_probe(void)
{
  struct cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, (const void *)cubix_paint_runs);
}

extern "C" cudaError_t cubix_cuda_paint(const struct cubix_tables *tables, const struct cubix_star *star,
                                        const struct cubix_cuda_run *run, int n_run, enum cubix_cuda_shape shape,
                                        cubix_real *row, cudaStream_t stream)
{
  unsigned ways = shape == CUBIX_CUDA_DEEP ? WAYS : 1, width = THREADS / ways,
           n_tile = ((unsigned)tables->n_lambda + width - 1) / width;
  if (n_run < 1) return cudaSuccess;
  CUBIX_LAUNCH(cubix_paint_runs, dim3((unsigned)n_run, n_tile), dim3(width, ways), stream, *tables, star, run, row);
  return cudaGetLastError();
}
