/* paint_vjp.cu -- kernels of the direct method's derivatives: the formulas of physics/paint_vjp.h,
 * spread over stars and channels.
 *
 * Reverse: a warp has a star, a lane every 32nd channel.  A channel's part of the functional g of
 * physics/paint_vjp.h is multiplied at once by the rows in use, and never stored: a lane keeps what
 * it sums, the cotangents of at most eight weights and that of the velocity, in float64, and the
 * warp adds up in fixed order: the same bits in every run.  What the templates get, where they are
 * asked for, is added to them in global memory as it is found, by float64 atomics: their order, and
 * with it the last bits, differ from run to run.
 *
 * Behind dust cotangents are dimmed as the star is; by A(V) a star changes -t k times its light.
 *
 * Forward: as in paint.cu, with two blends for each star, its own and that of its tangents; blocks
 * of its DEEP shape, as these are few stars mostly. */
#include "cuda/paint_vjp.h"

#include "physics/paint_vjp.h"
#include "physics/screen.h"

#ifndef CUBIX_LAUNCH              /* the tests' runtime without a GPU brings its own */
#define CUBIX_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#endif

#ifndef CUBIX_CUDA_STARS          /* the tests take few */
#define CUBIX_CUDA_STARS 64       /* whose blends are held at a time */
#endif

enum { THREADS = 256, LANES = 32, WARPS = THREADS / LANES, WAYS = 8, BATCH = CUBIX_CUDA_STARS };

static_assert(THREADS / WAYS * 65535 == CUBIX_CUDA_MAX_CHANNEL, "the bound of the grid");

/* A warp's star. */
struct sitter {
  struct cubix_blend blend;
  struct cubix_mix mix;
};

static __device__ int run_of(const struct cubix_cuda_run *run, int n_run, int star)
{
  int lo = 0, hi = n_run;
  while (hi - lo > 1) {
    int mid = (lo + hi) / 2;
    if (run[mid].first <= star) lo = mid;
    else hi = mid;
  }
  return lo;
}

/* A channel from x0 to x1 [rest AA]: to the cotangents of the weights, and of the rows.  @param
 * mass  of the star, in units of the cube */
static __device__ void take_channel(const struct cubix_tables *v, const struct sitter *mine, double mass, double x0,
                                    double x1, double bar, double weight_bar[CUBIX_MAX_CORNER], double *row_bar)
{
  double lo = v->knot[0], hi = v->knot[v->n_knot - 1];
  x0 = x0 > lo ? x0 : lo;
  x1 = x1 < hi ? x1 : hi;
  if (!(x1 > x0)) return;
  int i0 = cubix_interval(v, x0), i1 = cubix_interval(v, x1);
  for (int i = i0; i <= i1; i++) {
    double k = v->knot[i], h = v->knot[i + 1] - k, g[4] = { 0, 0, 0, 0 };
    cubix_piece_vjp(h, i == i0 ? (x0 - k) / h : 0, i == i1 ? (x1 - k) / h : 1, bar, g);
    for (int c = 0; c < CUBIX_MAX_CORNER; c++)
      if (c < mine->blend.n) {
        const cubix_real *p = mine->blend.row[c] + 2 * (int64_t)i;
        weight_bar[c] += g[0] * p[0] + g[1] * p[1] + (g[2] * p[2] + g[3] * p[3]);
      }
    for (int c = 0; c < mine->mix.n && row_bar && mass != 0; c++) {
      double *p = row_bar + (int64_t)mine->mix.row[c] * v->row_stride + 2 * (int64_t)i;
      for (int q = 0; q < 4; q++) atomicAdd(&p[q], mass * mine->mix.weight[c] * g[q]);
    }
  }
}

static __device__ double through(const struct cubix_tables *v, double screen, int k)
{
  return v->dust_k && screen != 0 ? cubix_screen_through(screen, v->dust_k[k]) : 1;
}

static __device__ double sum_of_warp(double x)
{
  for (int bits = LANES / 2; bits > 0; bits >>= 1) x += __shfl_xor_sync(0xffffffffu, x, bits);
  return x;
}

static __global__ void __launch_bounds__(THREADS)
    cubix_gather_stars(struct cubix_tables tables, const struct cubix_star *star, int n_star,
                       const struct cubix_cuda_run *run, int n_run, const cubix_real *row, struct cubix_star_bar *bar,
                       double *row_bar)
{
  __shared__ struct sitter sitter[WARPS];
  int warp = (int)threadIdx.x / LANES, lane = (int)threadIdx.x % LANES, j = (int)blockIdx.x * WARPS + warp,
      n = tables.n_lambda;
  if (j < n_star && lane == 0) {
    cubix_blend_of(&tables, &star[j], &sitter[warp].blend);
    cubix_mix_of(&tables, &star[j], &sitter[warp].mix);
  }
  __syncthreads();
  if (j >= n_star) return;
  const struct sitter *mine = &sitter[warp];
  const cubix_real *flux_bar = row + (int64_t)run[run_of(run, n_run, j)].row * n;
  double doppler = cubix_doppler(tables.one_plus_z, star[j].velocity), mass = star[j].mass_formed * tables.star_scale,
         screen = (double)star[j].screen, weight_bar[CUBIX_MAX_CORNER] = { 0 }, speed_bar = 0, screen_bar = 0;
  if (tables.edge[n] / doppler > tables.knot[0] && tables.edge[0] / doppler < tables.knot[tables.n_knot - 1])
    for (int k = lane; k <= n; k += LANES) {
      double x = tables.edge[k] / doppler, red = k ? (double)flux_bar[k - 1] * through(&tables, screen, k - 1) : 0,
             blue = k < n ? (double)flux_bar[k] * through(&tables, screen, k) : 0;
      if (red != blue) speed_bar += (red - blue) * cubix_edge_slope(&tables, &mine->blend, x);
      if (blue != 0) take_channel(&tables, mine, mass, x, tables.edge[k + 1] / doppler, blue, weight_bar, row_bar);
      if (blue != 0 && tables.dust_k)
        screen_bar -= CUBIX_SCREEN_T * tables.dust_k[k] * blue * cubix_star_channel(&tables, &mine->blend, doppler, k);
    }
  for (int c = 0; c < CUBIX_MAX_CORNER; c++) weight_bar[c] = sum_of_warp(weight_bar[c]);
  speed_bar = sum_of_warp(speed_bar);
  screen_bar = sum_of_warp(screen_bar);
  if (lane) return;
  struct cubix_star_bar out = { 0, speed_bar, 0, 0, screen_bar };
  cubix_blend_of_vjp(&tables, &star[j], weight_bar, &out);
  bar[j] = out;
}

static __global__ void __launch_bounds__(THREADS, 2)
    cubix_paint_dots(struct cubix_tables tables, const struct cubix_star *star, const struct cubix_star_bar *dot,
                     const struct cubix_cuda_run *run, cubix_real *row)
{
  __shared__ struct cubix_blend blend[BATCH], change[BATCH];
  __shared__ double doppler[BATCH], speed[BATCH], screen[BATCH], dimming[BATCH], part[THREADS];
  struct cubix_cuda_run mine = run[blockIdx.x];
  int me = (int)(threadIdx.y * blockDim.x + threadIdx.x), k = (int)(blockIdx.y * blockDim.x + threadIdx.x);
  double sum = 0;
  for (int first = mine.first; first < mine.last; first += BATCH) {
    int n = mine.last - first < BATCH ? mine.last - first : BATCH;
    __syncthreads();              /* all are done with the batch before */
    if (me < n) {
      cubix_blend_of(&tables, &star[first + me], &blend[me]);
      cubix_blend_of_jvp(&tables, &star[first + me], &dot[first + me], &change[me]);
      doppler[me] = cubix_doppler(tables.one_plus_z, star[first + me].velocity);
      speed[me] = dot[first + me].velocity;
      screen[me] = (double)star[first + me].screen;
      dimming[me] = dot[first + me].screen;
    }
    __syncthreads();
    if (k < tables.n_lambda)
      for (int j = (int)threadIdx.y; j < n; j += (int)blockDim.y) {
        double light = cubix_star_channel(&tables, &change[j], doppler[j], k);
        if (speed[j] != 0)
          light += speed[j] * cubix_edge_slope(&tables, &blend[j], tables.edge[k + 1] / doppler[j]) -
                   speed[j] * cubix_edge_slope(&tables, &blend[j], tables.edge[k] / doppler[j]);
        if (tables.dust_k && dimming[j] != 0)
          light -= CUBIX_SCREEN_T * tables.dust_k[k] * dimming[j] *
                   cubix_star_channel(&tables, &blend[j], doppler[j], k);
        sum += light * through(&tables, screen[j], k);
      }
  }
  part[me] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && k < tables.n_lambda) {
    for (int way = 1; way < (int)blockDim.y; way++) sum += part[way * (int)blockDim.x + me];
    row[(int64_t)mine.row * tables.n_lambda + k] = (cubix_real)sum;
  }
}

extern "C" cudaError_t cubix_cuda_paint_vjp_runs(const struct cubix_tables *tables, const struct cubix_cuda_runs *runs,
                                                 double *row_bar, cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_gather_stars, dim3(((unsigned)runs->n_star + WARPS - 1) / WARPS), dim3(THREADS), stream, *tables,
               runs->star, runs->n_star, runs->run, runs->n_run, runs->row, runs->bar, row_bar);
  return cudaGetLastError();
}

extern "C" cudaError_t cubix_cuda_paint_jvp_runs(const struct cubix_tables *tables, const struct cubix_cuda_runs *runs,
                                                 cudaStream_t stream)
{
  unsigned width = THREADS / WAYS;
  CUBIX_LAUNCH(cubix_paint_dots, dim3((unsigned)runs->n_run, ((unsigned)tables->n_lambda + width - 1) / width),
               dim3(width, WAYS), stream, *tables, runs->star, runs->bar, runs->run, runs->row);
  return cudaGetLastError();
}
