/* multiply_vjp.cu -- the kernel of the multiply's derivatives: of every value of a histogram, the
 * product of its spaxel's cotangents with the basis.
 *
 * The forward product's groups and steps, turned round (multiply.cu): a block has 64 spaxels and a
 * tile's 96 channels, a warp a panel of 8 spaxels, and the block walks through the rows that any of
 * its spaxels has, nodes passing by in shared memory, the next three steps on their way (cp.async).
 * What stays in registers is the cotangents: 8 lanes share a spaxel's 96 channels, 12 each, and a
 * lane has two spaxels.  For each node of its panel a lane reads its 12 channels (three accesses of
 * 16 bytes), makes 24 multiply-adds, and the 8 lanes add their sums up in three exchanges, the
 * first of which also leaves each spaxel to half of the lanes.  Every four nodes each of the 32
 * lanes holds one of 32 sums, and adds it to what the tiles before have left in global memory.
 *
 * Behind dust each step has a node in A(V), and what is read of the basis is multiplied by the factors of the
 * lane's channels there.
 *
 * Sums within a tile are float32, of 12 terms and then 8 sums; over tiles they are float64.  A sum
 * belongs to one lane of one block, and the streams let one tile be done before the next begins: no
 * atomics, and the same bits in every run. */
#include "cuda/multiply.h"

#include <cuda_pipeline_primitives.h>

#ifndef CUBIX_LAUNCH              /* the tests' runtime without a GPU brings its own */
#define CUBIX_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#endif

enum {
  PANEL = CUBIX_CUDA_PANEL, WARPS = CUBIX_CUDA_WARPS, WINDOW = CUBIX_CUDA_WINDOW,
  LANES = 32, THREADS = WARPS * LANES, STAGES = 4, BLOCKS = 4 /* on a multiprocessor */,
  QUADS = CUBIX_TILE / 4, SHARE = 8 /* lanes to a spaxel */, EACH = QUADS / SHARE,
  SPAN = 4 /* nodes between two writes */
};

static_assert(EACH * SHARE == QUADS && 2 * LANES / SHARE == PANEL && SPAN * PANEL == LANES,
              "shapes that fit each other");

struct stage { float4 basis[WINDOW * QUADS]; };

/* What is to be fetched of a step, read one step ahead. */
struct ticket { int row, n; };

static __device__ struct ticket look_up(const struct cubix_cuda_step *step, int i, int n_step)
{
  struct ticket t = { 0, 0 };
  if (i < n_step) {
    t.row = step[i].row;
    t.n = step[i].n;
  }
  return t;
}

static __device__ int screen_of(const struct cubix_cuda_step *step, int i, int n_step)
{
  return i < n_step ? step[i].screen : 0;
}

static __device__ struct cubix_cuda_piece piece_of(const struct cubix_cuda_step *step, int i, int n_step, int warp)
{
  struct cubix_cuda_piece none = { 0, 0, 0 };
  return i < n_step ? step[i].piece[warp] : none;
}

/* Start the copies of a step; a thread's copies are one group, empty or not. */
static __device__ void fetch(struct stage *stage, struct ticket t, const float4 *tile, int me)
{
  const float4 *from = tile + (size_t)t.row * QUADS;
  for (int i = me; i < t.n * QUADS; i += THREADS) __pipeline_memcpy_async(&stage->basis[i], from + i, sizeof *from);
  __pipeline_commit();
}

static __device__ float4 times(float4 a, float4 b)
{
  float4 c = { a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w };
  return c;
}

static __device__ float dot(float sum, float4 a, float4 b)
{
  sum += a.x * b.x;
  sum += a.y * b.y;
  sum += a.z * b.z;
  return sum + a.w * b.w;
}

/* A panel's part of a step.  @param left  [QUADS] factors of the node in A(V)  @param channel  [2][EACH] of this lane's
 * spaxels */
template <int DUST>
static __device__ void take_piece(const struct stage *stage, struct cubix_cuda_piece piece, const float4 *left,
                                  const float4 channel[2][EACH], int lane, double *bar, int begin)
{
  int part = lane % SHARE, odd = part & 1;
  double *to = bar + ((size_t)piece.at + (size_t)(part / 2)) * PANEL + lane / SHARE + PANEL / 2 * odd;
  const float4 *basis = stage->basis + piece.first * QUADS + part;
  for (int first = 0; first < piece.n; first += SPAN, to += SPAN * PANEL) {
    int have = first + part / 2 < piece.n;
    double before = have && !begin ? *to : 0;
    float mine = 0;
    for (int e = 0; e < SPAN && first + e < piece.n; e++, basis += QUADS) {
      float a = 0, b = 0;
      for (int q = 0; q < EACH; q++) {
        float4 d = DUST ? times(basis[q * SHARE], left[q * SHARE + part]) : basis[q * SHARE];
        a = dot(a, d, channel[0][q]);
        b = dot(b, d, channel[1][q]);
      }
      float sum = (odd ? b : a) + __shfl_xor_sync(0xffffffffu, odd ? a : b, 1);
      sum += __shfl_xor_sync(0xffffffffu, sum, 2);
      sum += __shfl_xor_sync(0xffffffffu, sum, 4);
      if (e == part / 2) mine = sum;
    }
    if (have) *to = before + (double)mine;
  }
}

template <int DUST>
static __device__ void dot_groups(struct stage *stage, const struct cubix_cuda_dots *group,
                                  const struct cubix_cuda_step *all, const float *tile, const float *factor,
                                  const float *channels, double *bar, int begin)
{
  struct cubix_cuda_dots mine = group[blockIdx.x];
  int me = (int)threadIdx.x, warp = me / LANES, lane = me % LANES, n_step = mine.n_step;
  const struct cubix_cuda_step *step = all + mine.step;
  const float4 *from = (const float4 *)channels +
                       ((size_t)blockIdx.x * CUBIX_CUDA_GROUP + (size_t)(warp * PANEL + lane / SHARE)) * QUADS +
                       lane % SHARE;
  float4 channel[2][EACH];
  for (int i = 0; i < STAGES - 1; i++) fetch(&stage[i], look_up(step, i, n_step), (const float4 *)tile, me);
  for (int h = 0; h < 2; h++)
    for (int q = 0; q < EACH; q++) channel[h][q] = from[h * (PANEL / 2) * QUADS + q * SHARE];
  struct ticket next = look_up(step, STAGES - 1, n_step);
  struct cubix_cuda_piece piece = piece_of(step, 0, n_step, warp);
  int screen = DUST ? screen_of(step, 0, n_step) : 0;
  for (int i = 0; i < n_step; i++) {
    struct cubix_cuda_piece now = piece;
    const float4 *left = (const float4 *)factor + (size_t)screen * QUADS;
    __pipeline_wait_prior(STAGES - 2);
    /* stage i is there for all, and all are done with stage i - 1, which is filled anew */
    __syncthreads();
    fetch(&stage[(i + STAGES - 1) % STAGES], next, (const float4 *)tile, me);
    next = look_up(step, i + STAGES, n_step);
    piece = piece_of(step, i + 1, n_step, warp);
    if (DUST) screen = screen_of(step, i + 1, n_step);
    take_piece<DUST>(&stage[i % STAGES], now, left, channel, lane, bar + mine.bar * PANEL, begin);
  }
}

static __global__ void __launch_bounds__(THREADS, BLOCKS)
    cubix_dot_groups(const struct cubix_cuda_dots *group, const struct cubix_cuda_step *all, const float *tile,
                     const float *channels, double *bar, int begin)
{
  __shared__ struct stage stage[STAGES];
  dot_groups<0>(stage, group, all, tile, NULL, channels, bar, begin);
}

static __global__ void __launch_bounds__(THREADS, BLOCKS)
    cubix_dot_dusty_groups(const struct cubix_cuda_dots *group, const struct cubix_cuda_step *all, const float *tile,
                           const float *factor, const float *channels, double *bar, int begin)
{
  __shared__ struct stage stage[STAGES];
  dot_groups<1>(stage, group, all, tile, factor, channels, bar, begin);
}

extern "C" cudaError_t cubix_cuda_tile_vjp(const struct cubix_cuda_dots *group, int n_group,
                                           const struct cubix_cuda_step *step, const float *tile, const float *factor,
                                           const float *channels, double *bar, int begin, cudaStream_t stream)
{
  if (factor)
    CUBIX_LAUNCH(cubix_dot_dusty_groups, dim3((unsigned)n_group), dim3(THREADS), stream, group, step, tile, factor,
                 channels, bar, begin);
  else
    CUBIX_LAUNCH(cubix_dot_groups, dim3((unsigned)n_group), dim3(THREADS), stream, group, step, tile, channels, bar,
                 begin);
  return cudaGetLastError();
}
