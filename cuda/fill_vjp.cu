/* fill_vjp.cu -- the kernel of the deposit's derivatives: what a star's mass, velocity and place
 * change, gathered from what the histogram's values do.
 *
 * A thread has a star.  It finds the star's spaxel among those of the batch, and among the spaxel's
 * blocks, which rise in row, those of its four rows: a hundred or two, which neighbours look
 * through at the same time and the nearest cache holds.  A table [spaxel][row] would save the
 * search, and be larger than blocks and values together.  24 numbers are read, behind dust 96, and nothing is added
 * anywhere: no atomics, and the same bits in every run. The formulas are those of
 * src/histogram/histogram_vjp.c, in float64; the derivatives of the weights are the very code of
 * the CPU. */
#include "cuda/fill_vjp.h"

#ifndef CUBIX_LAUNCH              /* the tests' runtime without a GPU brings its own */
#define CUBIX_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#endif

enum { THREADS = 256 };

/* The last spaxel of the batch that begins at or before a star. */
static __device__ int spaxel_of(const struct cubix_cuda_cover *cover, uint64_t star)
{
  int lo = 0, hi = cover->n_spaxel;
  while (hi - lo > 1) {
    int mid = (lo + hi) / 2;
    if (cover->spaxel[mid].star <= star) lo = mid;
    else hi = mid;
  }
  return lo;
}

/* Where the derivatives by nodes j .. j + 5 of a row are; NULL where the cover lacks them. */
static __device__ const double *nodes_of(const struct cubix_cuda_cover *cover, int s, int row, int j)
{
  uint64_t lo = cover->spaxel[s].block - cover->first_block, hi = cover->spaxel[s + 1].block - cover->first_block;
  if (lo >= hi) return NULL;
  while (hi - lo > 1) {
    uint64_t mid = (lo + hi) / 2;
    if (cover->block[mid].row <= row) lo = mid;
    else hi = mid;
  }
  struct cubix_cuda_block block = cover->block[lo];
  if (block.row != row || j < block.node || j + CUBIX_N_WEIGHT > block.node + block.n) return NULL;
  return cover->value_bar + (block.at - cover->first_value) + (j - block.node);
}

static __global__ void __launch_bounds__(THREADS)
    cubix_gather_bars(struct cubix_cuda_cover cover, struct cubix_tables tables, const struct cubix_star *star,
                      uint64_t first, int n, struct cubix_star_bar *bar)
{
  int i = (int)(blockIdx.x * blockDim.x + threadIdx.x), lacks = 0;
  double f, phi[CUBIX_N_WEIGHT], slope[CUBIX_N_WEIGHT], weight_bar[CUBIX_MAX_CORNER];
  struct cubix_star_bar out = { 0, 0, 0, 0, 0 };
  struct cubix_mix mix;
  if (i >= n) return;
  tables.pchip = 0;                 /* as it is: the compiler may know */
  struct cubix_star mine = star[i];
  int s = spaxel_of(&cover, first + (uint64_t)i), j = cubix_node_of(&cover.nodes, mine.velocity, &f);
  if (j >= 0) {
    cubix_node_weights(f, phi);
    cubix_node_slopes(f, slope);
    cubix_mix_of(&tables, &mine, &mix);
    const struct cubix_axis *axis = &cover.nodes.axis;
    double screen[CUBIX_N_SCREEN] = { 1 }, by_screen[CUBIX_N_SCREEN] = { 0 }, place;
    int node = axis->n ? cubix_axis_of(axis, (double)mine.screen, &place) : 0,
        n_node = node < 0 ? 0 : axis->n ? CUBIX_N_SCREEN : 1, n_row = tables.n_z * tables.n_age;
    if (n_node > 1) {
      cubix_axis_weights(axis, place, screen);
      cubix_axis_slopes(axis, place, by_screen);
    }
    for (int c = 0; c < 4; c++) {
      double value = 0, change = 0, rate = 0;
      for (int a = 0; a < n_node; a++) {
        const double *g = nodes_of(&cover, s, (node + a) * n_row + mix.row[c], j);
        if (!g) {
          lacks = 1;
          continue;
        }
        double values = 0, changes = 0;
        for (int p = 0; p < CUBIX_N_WEIGHT; p++) {
          values += g[p] * phi[p];
          changes += g[p] * slope[p];
        }
        value += screen[a] * values;
        change += screen[a] * changes;
        rate += by_screen[a] * values;
      }
      weight_bar[c] = mine.mass_formed * value;
      out.mass_formed += mix.weight[c] * value;
      out.velocity += mix.weight[c] * change;
      out.screen += mix.weight[c] * rate;
    }
    out.velocity *= mine.mass_formed / cover.nodes.step;
    out.screen *= mine.mass_formed;
    cubix_mix_of_vjp(&tables, &mine, weight_bar, &out.f_z, &out.f_age);
  }
  if (lacks) atomicMax(cover.lacking, cover.first + s);
  bar[i] = out;
}

extern "C" cudaError_t cubix_cuda_fill_stars_vjp(const struct cubix_cuda_cover *cover,
                                                 const struct cubix_tables *tables, const struct cubix_star *star,
                                                 uint64_t first, int n, struct cubix_star_bar *bar, cudaStream_t stream)
{
  CUBIX_LAUNCH(cubix_gather_bars, dim3(((unsigned)n + THREADS - 1) / THREADS), dim3(THREADS), stream, *cover, *tables,
               star, first, n, bar);
  return cudaGetLastError();
}
