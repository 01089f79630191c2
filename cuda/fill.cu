/* fill.cu -- kernels of the deposit: stars become sums of integers on (spaxel, library row,
 * velocity node).
 *
 * Sums are dense for a batch of spaxels and live in global memory: what a batch's stars touch of
 * them is little and stays in the level-2 cache, which does the additions.  They are additions of
 * 64-bit integers, the same in whatever order they are done; the formulas are those of
 * src/histogram/histogram.c operation for operation, and this file is compiled without fused
 * multiply-adds: the integers are the CPU's; those of tangents are to a rounding for each star.
 *
 * Behind dust each of the four nodes in A(V) that a star touches has rows of its own.
 *
 * A line (one row of the library in one spaxel) remembers which nodes were touched.  Afterwards
 * lines are trimmed, counted, numbered by a prefix sum, and their blocks and values written out
 * tight, in order of spaxel, row and node, window by window of whatever size the host's buffers
 * have.
 * Only what was touched is looked at and emptied again.
 *
 * This takes the place of a sort of 24 (key, mass) pairs per star with a segmented sum: the stars
 * come sorted by spaxel as it is, a pair would move 12 bytes four times through memory for each of
 * the six digits of its key, an addition in the cache moves 8 once. */
#include "cuda/fill.h"

#include <string.h>

#ifndef CUBIX_LAUNCH              /* the tests' runtime without a GPU brings its own */
#define CUBIX_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#endif

enum { THREADS = 256, LANES = 8, UNTOUCHED = INT16_MAX };

static unsigned blocks_of(uint64_t n) { return (unsigned)((n + THREADS - 1) / THREADS); }

/* x, below 2^51 on either side, to the nearest integer, by the last bit of x + 1.5 2^52; of a
 * negative one the two's complement. */
static __device__ unsigned long long nearest(double x)
{
  const double magic = 6755399441055744.;
  unsigned long long bits, of_magic;
  double sum = x + magic;
  memcpy(&bits, &sum, sizeof bits);
  memcpy(&of_magic, &magic, sizeof of_magic);
  return bits - of_magic;
}

static __device__ int spaxel_of(const struct cubix_cuda_batch *batch, uint64_t star)
{
  int lo = 0, hi = batch->n_spaxel;
  while (hi - lo > 1) {
    int mid = (lo + hi) / 2;
    if (batch->spaxel[mid].first <= star) lo = mid;
    else hi = mid;
  }
  return lo;
}

static __device__ void touch(const struct cubix_cuda_batch *batch, size_t line, int first, int last)
{
  /* mostly it is known already */
  if (*(volatile int32_t *)&batch->lo[line] > first) atomicMin(&batch->lo[line], first);
  if (*(volatile int32_t *)&batch->hi[line] < last) atomicMax(&batch->hi[line], last);
}

/* Nodes in A(V) that a star touches: its first, with weights and slopes; without such nodes one of weight 1.
 * @return how many, 0: it is beyond them */
static __device__ int screens_of(const struct cubix_axis *axis, double screen, int *first, double w[CUBIX_N_SCREEN],
                                 double d[CUBIX_N_SCREEN])
{
  double f;
  *first = 0;
  w[0] = 1;
  d[0] = 0;
  if (!axis->n) return 1;
  *first = cubix_axis_of(axis, screen, &f);
  if (*first < 0) return 0;
  cubix_axis_weights(axis, f, w);
  cubix_axis_slopes(axis, f, d);
  return CUBIX_N_SCREEN;
}

static __global__ void __launch_bounds__(THREADS)
    cubix_add_stars(struct cubix_cuda_batch batch, struct cubix_tables tables, const struct cubix_star *star,
                    uint64_t first, int n)
{
  int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  double f, phi[CUBIX_N_WEIGHT];
  struct cubix_mix mix;
  if (i >= n) return;
  struct cubix_star mine = star[i];
  int s = spaxel_of(&batch, first + (uint64_t)i), j = cubix_node_of(&batch.nodes, mine.velocity, &f);
  if (j < 0) return;
  cubix_node_weights(f, phi);
  cubix_mix_of(&tables, &mine, &mix);
  double screen[CUBIX_N_SCREEN], unused[CUBIX_N_SCREEN];
  int node, n_node = screens_of(&batch.nodes.axis, (double)mine.screen, &node, screen, unused),
            n_row = tables.n_z * tables.n_age;
  for (int a = 0; a < n_node; a++) {
    double mass = mine.mass_formed * batch.spaxel[s].scale * screen[a];
    for (int c = 0; c < 4; c++) {
      double m = mass * mix.weight[c];
      size_t line = (size_t)s * (size_t)batch.n_row + (size_t)((node + a) * n_row + mix.row[c]);
      if (!(m > 0)) continue;
      touch(&batch, line, j, j + CUBIX_N_WEIGHT - 1);
      for (int p = 0; p < CUBIX_N_WEIGHT; p++)
        atomicAdd(&batch.sum[line * (size_t)batch.nodes.n + (size_t)(j + p)], nearest(m * phi[p]));
    }
  }
}

/* The same for tangents, of either sign: [(m' w + m w') W + m w W' A'] phi + m w W phi' v'/step. */
static __global__ void __launch_bounds__(THREADS)
    cubix_add_dots(struct cubix_cuda_batch batch, struct cubix_tables tables, const struct cubix_star *star,
                   const struct cubix_star_bar *dot, uint64_t first, int n)
{
  int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  double f, phi[CUBIX_N_WEIGHT], slope[CUBIX_N_WEIGHT], weight_dot[CUBIX_MAX_CORNER];
  struct cubix_mix mix;
  if (i >= n) return;
  struct cubix_star mine = star[i];
  int s = spaxel_of(&batch, first + (uint64_t)i), j = cubix_node_of(&batch.nodes, mine.velocity, &f);
  if (j < 0) return;
  cubix_node_weights(f, phi);
  cubix_node_slopes(f, slope);
  cubix_mix_of(&tables, &mine, &mix);
  cubix_mix_of_jvp(&tables, &mine, dot[i].f_z, dot[i].f_age, weight_dot);
  double scale = batch.spaxel[s].scale, rate = mine.mass_formed * dot[i].velocity / batch.nodes.step,
         dimming = mine.mass_formed * dot[i].screen, screen[CUBIX_N_SCREEN], by_screen[CUBIX_N_SCREEN];
  int node, n_node = screens_of(&batch.nodes.axis, (double)mine.screen, &node, screen, by_screen),
            n_row = tables.n_z * tables.n_age;
  for (int n = 0; n < n_node; n++)
    for (int c = 0; c < 4; c++) {
      double value = dot[i].mass_formed * mix.weight[c] + mine.mass_formed * weight_dot[c],
             a = (value * screen[n] + mix.weight[c] * dimming * by_screen[n]) * scale,
             b = mix.weight[c] * rate * screen[n] * scale;
      size_t line = (size_t)s * (size_t)batch.n_row + (size_t)((node + n) * n_row + mix.row[c]);
      if (a == 0 && b == 0) continue;
      touch(&batch, line, j, j + CUBIX_N_WEIGHT - 1);
      for (int p = 0; p < CUBIX_N_WEIGHT; p++)
        atomicAdd(&batch.sum[line * (size_t)batch.nodes.n + (size_t)(j + p)], nearest(a * phi[p] + b * slope[p]));
    }
}

static __global__ void __launch_bounds__(THREADS)
cubix_trim_lines(struct cubix_cuda_batch batch, uint64_t n_line)
{
  uint64_t line = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (line > n_line) return;
  unsigned long long count = 0;
  if (line < n_line) {
    const unsigned long long *sum = batch.sum + line * (uint64_t)batch.nodes.n;
    int lo = batch.lo[line], hi = batch.hi[line] + 1;
    while (lo < hi && !sum[lo]) lo++;
    while (lo < hi && !sum[hi - 1]) hi--;
    if (lo < hi) count = (1ULL << 32) + (unsigned long long)(hi - lo);
    batch.lo[line] = lo;
    batch.hi[line] = hi;
  }
  batch.count[line] = count;
}

static __global__ void __launch_bounds__(THREADS)
cubix_find_starts(struct cubix_cuda_batch batch, unsigned long long *start)
{
  int s = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  if (s <= batch.n_spaxel) start[s] = batch.before[(uint64_t)s * (uint64_t)batch.n_row];
}

/* LANES threads to a line. */
static __global__ void __launch_bounds__(THREADS)
cubix_write_values(struct cubix_cuda_batch batch, uint64_t n_line, uint64_t first, uint64_t n, int64_t *value)
{
  uint64_t thread = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x, line = thread / LANES;
  if (line >= n_line || !batch.count[line]) return;
  const unsigned long long *sum = batch.sum + line * (uint64_t)batch.nodes.n;
  uint64_t at = batch.before[line] & 0xffffffffu;
  int lo = batch.lo[line], n_value = batch.hi[line] - lo;
  for (int i = (int)(thread % LANES); i < n_value; i += LANES)
    if (at + (uint64_t)i >= first && at + (uint64_t)i < first + n)
      value[at + (uint64_t)i - first] = (int64_t)sum[lo + i];
}

static __global__ void __launch_bounds__(THREADS)
    cubix_write_blocks(struct cubix_cuda_batch batch, uint64_t n_line, uint64_t first, uint64_t n, uint64_t at,
                       struct cubix_cuda_block *block)
{
  uint64_t line = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (line >= n_line || !batch.count[line]) return;
  uint64_t before = batch.before[line], b = before >> 32;
  if (b < first || b >= first + n) return;
  struct cubix_cuda_block mine;
  mine.row = (int32_t)(line % (uint64_t)batch.n_row);
  mine.node = (int16_t)batch.lo[line];
  mine.n = (int16_t)(batch.hi[line] - batch.lo[line]);
  mine.at = at + (before & 0xffffffffu);
  block[b - first] = mine;
}

static __global__ void __launch_bounds__(THREADS)
cubix_clear_lines(struct cubix_cuda_batch batch, uint64_t n_line)
{
  uint64_t thread = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x, line = thread / LANES;
  if (line >= n_line) return;
  int lo = batch.lo[line], hi = batch.hi[line];
  for (int i = lo + (int)(thread % LANES); i < hi; i += LANES)
    batch.sum[line * (uint64_t)batch.nodes.n + (uint64_t)i] = 0;
}

static __global__ void __launch_bounds__(THREADS)
cubix_forget_lines(struct cubix_cuda_batch batch, uint64_t n_line)
{
  uint64_t line = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (line >= n_line) return;
  batch.lo[line] = UNTOUCHED;
  batch.hi[line] = -1;
}

static uint64_t n_line(const struct cubix_cuda_batch *batch)
{
  return (uint64_t)batch->n_spaxel * (uint64_t)batch->n_row;
}

extern "C" cudaError_t cubix_cuda_cell_add(const struct cubix_cuda_batch *batch, const struct cubix_tables *tables,
                                           const struct cubix_star *star, uint64_t first, int n, cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_add_stars, dim3(blocks_of((uint64_t)n)), dim3(THREADS), stream, *batch, *tables, star, first, n);
  return cudaGetLastError();
}

extern "C" cudaError_t cubix_cuda_cell_add_dots(const struct cubix_cuda_batch *batch, const struct cubix_tables *tables,
                                                const struct cubix_star *star, const struct cubix_star_bar *dot,
                                                uint64_t first, int n, cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_add_dots, dim3(blocks_of((uint64_t)n)), dim3(THREADS), stream, *batch, *tables, star, dot, first,
               n);
  return cudaGetLastError();
}

extern "C" cudaError_t cubix_cuda_cell_trim(const struct cubix_cuda_batch *batch, cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_trim_lines, dim3(blocks_of(n_line(batch) + 1)), dim3(THREADS), stream, *batch, n_line(batch));
  return cudaGetLastError();
}

extern "C" cudaError_t cubix_cuda_cell_starts(const struct cubix_cuda_batch *batch, unsigned long long *start,
                                              cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_find_starts, dim3(blocks_of((uint64_t)batch->n_spaxel + 1)), dim3(THREADS), stream, *batch, start);
  return cudaGetLastError();
}

extern "C" cudaError_t cubix_cuda_cell_values(const struct cubix_cuda_batch *batch, uint64_t first, uint64_t n,
                                              int64_t *value, cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_write_values, dim3(blocks_of(n_line(batch) * LANES)), dim3(THREADS), stream, *batch, n_line(batch),
               first, n, value);
  return cudaGetLastError();
}

extern "C" cudaError_t cubix_cuda_cell_blocks(const struct cubix_cuda_batch *batch, uint64_t first, uint64_t n,
                                              uint64_t at, struct cubix_cuda_block *block, cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_write_blocks, dim3(blocks_of(n_line(batch))), dim3(THREADS), stream, *batch, n_line(batch), first,
               n, at, block);
  return cudaGetLastError();
}

extern "C" cudaError_t cubix_cuda_cell_clear(const struct cubix_cuda_batch *batch, cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_clear_lines, dim3(blocks_of(n_line(batch) * LANES)), dim3(THREADS), stream, *batch, n_line(batch));
  return cudaGetLastError();
}

extern "C" cudaError_t cubix_cuda_cell_forget(const struct cubix_cuda_batch *batch, cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_forget_lines, dim3(blocks_of(n_line(batch))), dim3(THREADS), stream, *batch, n_line(batch));
  return cudaGetLastError();
}
