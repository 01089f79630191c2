/* columns.cu -- the kernels of the dust in front of stars.
 *
 * A thread has a place. Neighbours on Morton's curve are neighbours here, so that the threads of a warp mostly
 * walk the same lists and read the same cells at the same time. A place's own sums go in the order of the lists, as
 * the CPU's do; what cells gain is added up by atomics on integers. Both have the CPU's bits: the
 * formulas are the very code (physics/column.h), compiled without fusing what is not written as fused. */
#include "cuda/columns.h"

#ifndef CUBIX_LAUNCH              /* the tests' runtime without a GPU brings its own */
#define CUBIX_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#endif

enum { THREADS = 128 };

/* The list of the tile of a level that a place lies in: entries *at .. return - 1. */
static __device__ uint64_t list_of(const struct cubix_cuda_level *level, uint64_t place, uint64_t *at)
{
  const uint64_t code = place >> (2 * (CUBIX_COLUMN_DEPTH - level->depth));
  const uint64_t upper = code >> (2 * level->depth - level->top);
  uint64_t low = level->first[upper], high = level->first[upper + 1];
  while (low < high) {
    const uint64_t middle = (low + high) / 2;
    if (level->code[middle] < code) low = middle + 1;
    else high = middle;
  }
  *at = 0;
  if (low == level->n_tile || level->code[low] != code) return 0;
  *at = level->start[low];
  return level->start[low + 1];
}

static __global__ void __launch_bounds__(THREADS)
    cubix_add_columns(struct cubix_cuda_columns columns, const struct cubix_cuda_place *place, int n, double *screen)
{
  const int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  double sum = 0;
  if (i >= n) return;
  const struct cubix_cuda_place p = place[i];
  for (int l = 0; l < columns.n_level; l++) {
    uint64_t at, end = list_of(&columns.level[l], p.code, &at);
    for (; at < end; at++) {
      const struct cubix_cell c = columns.cell[columns.level[l].entry[at]];
      if (!(c.front < p.z)) break;
      sum = cubix_column_add(sum, cubix_column_term(p.x - c.x, p.y - c.y, p.z - c.z, c.per_h, c.middle));
    }
  }
  screen[i] = sum;
}

/* One more place's part in the change of a cell. */
static __device__ void add_part(struct cubix_column_sums *sums, int b, double x)
{
  const double whole = cubix_column_coarse(x), left = cubix_column_fine(x - whole);
  const long long coarse = (long long)(whole * CUBIX_COLUMN_PER_COARSE);
  const long long fine = (long long)(left * CUBIX_COLUMN_PER_FINE);
  if (coarse) atomicAdd((unsigned long long *)&sums->coarse[b], (unsigned long long)coarse);
  if (fine) atomicAdd((unsigned long long *)&sums->fine[b], (unsigned long long)fine);
}

static __global__ void __launch_bounds__(THREADS)
    cubix_add_slopes(struct cubix_cuda_columns columns, const struct cubix_cuda_place *place, int n, double *slope,
                     struct cubix_column_sums *sums)
{
  const int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  double u = 0, v = 0, w = 0;
  if (i >= n) return;
  const struct cubix_cuda_place p = place[i];
  for (int l = 0; l < columns.n_level && p.bar != 0; l++) {
    uint64_t at, end = list_of(&columns.level[l], p.code, &at);
    for (; at < end; at++) {
      const uint32_t cell = columns.level[l].entry[at];
      const struct cubix_cell c = columns.cell[cell];
      if (!(c.front < p.z)) break;
      const double dx = p.x - c.x, dy = p.y - c.y, dz = p.z - c.z, per = c.middle * c.per_h;
      const struct cubix_column_slope s = cubix_column_slope_of(dx, dy, dz, c.per_h);
      u += per * s.u;
      v += per * s.v;
      w += per * s.w;
      if (!sums || s.k == 0) continue;
      add_part(&sums[cell], 0, p.bar * s.k);
      add_part(&sums[cell], 1, p.bar * s.u);
      add_part(&sums[cell], 2, p.bar * s.v);
      add_part(&sums[cell], 3, p.bar * s.w);
      add_part(&sums[cell], 4, p.bar * cubix_column_widening(&s, dx, dy, dz, c.per_h));
    }
  }
  if (!slope) return;
  slope[3 * i] = u;
  slope[3 * i + 1] = v;
  slope[3 * i + 2] = w;
}

static dim3 blocks(int n) { return dim3(((unsigned)n + THREADS - 1) / THREADS); }

extern "C" cudaError_t cubix_cuda_column_screens(const struct cubix_cuda_columns *columns,
                                                 const struct cubix_cuda_place *place, int n, double *screen,
                                                 cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_add_columns, blocks(n), dim3(THREADS), stream, *columns, place, n, screen);
  return cudaGetLastError();
}

extern "C" cudaError_t cubix_cuda_column_slopes(const struct cubix_cuda_columns *columns,
                                                const struct cubix_cuda_place *place, int n, double *slope,
                                                struct cubix_column_sums *sums, cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_add_slopes, blocks(n), dim3(THREADS), stream, *columns, place, n, slope, sums);
  return cudaGetLastError();
}
