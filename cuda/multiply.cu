/* multiply.cu -- kernels of the multiply: a tile of the cube is the histogram times a tile of the
 * basis.
 *
 * A block of 8 warps has 64 spaxels and the 96 channels of a tile; a warp has a panel of 8 spaxels,
 * a lane 3 channels of each: 24 sums, which stay in registers for 16 steps and are then added to
 * those before, in global memory, so that no sum has very many terms.  The block walks through the
 * rows that any of its spaxels has, a step being at most 16 nodes of one: they are copied from the
 * tile into shared memory, once for all 8 panels, and beside them each panel's weights.
 * For each node a lane reads its 3 channels and, as all lanes do, the 8 weights, for 24
 * multiply-adds: 5 accesses of the warp to shared memory, one a clock, against 24 instructions,
 * four a clock.  A panel that has nothing of a row sits its step out.  4 stages are in shared
 * memory: while one is multiplied the next three are on their way (cp.async), so that the memory's
 * delay is hidden with 3 or 4 blocks on a multiprocessor.
 *
 * All blocks of a tile walk through the library in the same direction at the same time: what they
 * read of the tile is in the level-2 cache. A voxel is summed by one thread in the order of rows
 * and nodes: no atomics, and the same bits in every run.
 *
 * Behind dust each step has a node in A(V), and what a lane reads of the basis is multiplied by the factors
 * of its 3 channels there: 3 instructions more for 24.
 *
 * The plain kernel says the same in eight lines; tests hold the two against each other. */
#include "cuda/multiply.h"

#include <cuda_pipeline_primitives.h>

#ifndef CUBIX_LAUNCH              /* the tests' runtime without a GPU brings its own */
#define CUBIX_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#endif

enum {
  CHANNELS = CUBIX_TILE,
  PANEL = CUBIX_CUDA_PANEL,
  WARPS = CUBIX_CUDA_WARPS,
  WINDOW = CUBIX_CUDA_WINDOW,
  LANES = 32,
  THREADS = WARPS * LANES,
  EACH = CHANNELS / LANES,
  STAGES = 4,
  QUAD = 4,
  BLOCKS = 4 /* on a multiprocessor */,
  GROUP = 16 /* steps */
};

static_assert(EACH * LANES == CHANNELS && PANEL == 2 * QUAD && WINDOW * PANEL == LANES * QUAD &&
                  CUBIX_CUDA_GROUP == WARPS * PANEL,
              "shapes that fit each other");

struct stage {
  float4 basis[WINDOW * CHANNELS / QUAD];
  float4 weight[WARPS][WINDOW * PANEL / QUAD];
  struct { int first, n, screen; } piece[WARPS];
};

/* What a thread must know of a step to fetch it, read one step ahead. */
struct ticket { int row, n, screen; struct cubix_cuda_piece piece; };

static __device__ struct ticket look_up(const struct cubix_cuda_step *step, int i, int n_step, int warp)
{
  struct ticket t = { 0, 0, 0, { 0, 0, 0 } };
  if (i < n_step) {
    t.row = step[i].row;
    t.n = step[i].n;
    t.screen = step[i].screen;
    t.piece = step[i].piece[warp];
  }
  return t;
}

/* Start the copies of a step; a thread's copies are one group, empty or not. */
static __device__ void fetch(struct stage *stage, const struct ticket &t, const float4 *tile, const float4 *weight,
                             int me)
{
  int warp = me / LANES, lane = me % LANES;
  const float4 *from = tile + (size_t)t.row * (CHANNELS / QUAD);
  for (int i = me; i < t.n * (CHANNELS / QUAD); i += THREADS)
    __pipeline_memcpy_async(&stage->basis[i], from + i, sizeof *from);
  if (lane < t.piece.n * (PANEL / QUAD))
    __pipeline_memcpy_async(&stage->weight[warp][lane], weight + (size_t)t.piece.at * (PANEL / QUAD) + lane,
                            sizeof *weight);
  if (lane == 0) {
    stage->piece[warp].first = t.piece.first;
    stage->piece[warp].n = t.piece.n;
    stage->piece[warp].screen = t.screen;
  }
  __pipeline_commit();
}

template <int DUST>
static __device__ void multiply(float sum[PANEL][EACH], const struct stage *stage, const float *factor, int warp,
                                int lane)
{
  float left[EACH] = { 0 };
  for (int c = 0; c < EACH && DUST && stage->piece[warp].n; c++)
    left[c] = factor[stage->piece[warp].screen * CHANNELS + c * LANES + lane];
  const float *basis = (const float *)stage->basis + stage->piece[warp].first * CHANNELS + lane;
  const float4 *weight = stage->weight[warp];
  for (int n = stage->piece[warp].n; n > 0; n--, basis += CHANNELS, weight += PANEL / QUAD) {
    float4 a = weight[0], b = weight[1];
    const float w[PANEL] = { a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w };
    for (int c = 0; c < EACH; c++) {
      float d = DUST ? basis[c * LANES] * left[c] : basis[c * LANES];
      for (int q = 0; q < PANEL; q++) sum[q][c] += w[q] * d;
    }
  }
}

/* The sums of some steps to those of all before, and afresh from zero. */
static __device__ void carry(float *out, float sum[PANEL][EACH], int begin)
{
  for (int q = 0; q < PANEL; q++)
    for (int c = 0; c < EACH; c++) {
      float *voxel = &out[q * CHANNELS + c * LANES];
      *voxel = begin ? sum[q][c] : *voxel + sum[q][c];
      sum[q][c] = 0;
    }
}

template <int DUST>
static __device__ void multiply_groups(struct stage *stage, const struct cubix_cuda_group *group, const char *blob,
                                       const float *tile, const float *factor, float *out)
{
  int me = (int)threadIdx.x, warp = me / LANES, lane = me % LANES, n_step = group[blockIdx.x].n_step;
  const struct cubix_cuda_step *step = (const struct cubix_cuda_step *)(blob + group[blockIdx.x].at);
  const float4 *weight = (const float4 *)((const char *)step + ((size_t)n_step * sizeof *step + 15) / 16 * 16);
  float *mine = out + ((size_t)blockIdx.x * CUBIX_CUDA_GROUP + (size_t)warp * PANEL) * CHANNELS + lane,
        sum[PANEL][EACH] = { { 0 } };
  for (int i = 0; i < STAGES - 1; i++)
    fetch(&stage[i], look_up(step, i, n_step, warp), (const float4 *)tile, weight, me);
  struct ticket next = look_up(step, STAGES - 1, n_step, warp);
  for (int i = 0; i < n_step; i++) {
    __pipeline_wait_prior(STAGES - 2);
    /* stage i is there for all, and all are done with stage i - 1, which is filled anew */
    __syncthreads();
    fetch(&stage[(i + STAGES - 1) % STAGES], next, (const float4 *)tile, weight, me);
    next = look_up(step, i + STAGES, n_step, warp);
    multiply<DUST>(sum, &stage[i % STAGES], factor, warp, lane);
    if (i % GROUP == GROUP - 1) carry(mine, sum, i < GROUP);
  }
  carry(mine, sum, n_step < GROUP);
}

static __global__ void __launch_bounds__(THREADS, BLOCKS)
cubix_multiply_groups(const struct cubix_cuda_group *group, const char *blob, const float *tile, float *out)
{
  __shared__ struct stage stage[STAGES];
  multiply_groups<0>(stage, group, blob, tile, NULL, out);
}

static __global__ void __launch_bounds__(THREADS, BLOCKS)
    cubix_multiply_dusty_groups(const struct cubix_cuda_group *group, const char *blob, const float *tile,
                                const float *factor, float *out)
{
  __shared__ struct stage stage[STAGES];
  multiply_groups<1>(stage, group, blob, tile, factor, out);
}

static __global__ void __launch_bounds__(CHANNELS)
cubix_multiply_plainly(struct cubix_cuda_plain h, const float *tile, float *out)
{
  size_t s = blockIdx.x, k = threadIdx.x;
  float sum = 0;
  for (uint64_t b = h.start[s]; b < h.start[s + 1]; b++)
    for (int j = 0; j < h.block[b].n; j++)
      sum += h.weight[h.block[b].at + (uint32_t)j] *
             tile[((size_t)h.block[b].slot * (size_t)h.n_node + (size_t)(h.block[b].node + j)) * CHANNELS + k];
  out[s * CHANNELS + k] += sum;
}

extern "C" cudaError_t cubix_cuda_tile(const struct cubix_cuda_group *group, int n_group, const char *blob,
                                       const float *tile, const float *factor, float *out, cudaStream_t stream)
{
  if (factor)
    CUBIX_LAUNCH(cubix_multiply_dusty_groups, dim3((unsigned)n_group), dim3(THREADS), stream, group, blob, tile, factor,
                 out);
  else CUBIX_LAUNCH(cubix_multiply_groups, dim3((unsigned)n_group), dim3(THREADS), stream, group, blob, tile, out);
  return cudaGetLastError();
}

extern "C" cudaError_t cubix_cuda_tile_plain(const struct cubix_cuda_plain *histogram, const float *tile, float *out,
                                             cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_multiply_plainly, dim3((unsigned)histogram->n_spaxel), dim3(CHANNELS), stream, *histogram, tile,
               out);
  return cudaGetLastError();
}
