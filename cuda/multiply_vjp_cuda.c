/* multiply_vjp_cuda.c -- derivatives of the cube by the histogram's values, on the GPU: a cover's
 * groups up once, tiles of basis and cotangents up, sums down once.
 *
 * The spaxels of the cover that have a cotangent other than zero are packed into groups as for the
 * forward product (pack.c), without weights: in their place there are sums in float64, which stay
 * on the GPU while tile after tile goes up and is multiplied (multiply_vjp.cu).  Tiles are packed
 * and copied while those before are multiplied, but two never are at the same time, as they add to
 * the same sums: a tile's stream waits for its predecessor's, and the host for neither.  In the end
 * the sums come down, and each cover's value takes its own, times the scale.
 * Groups are taken as many at a time as there is memory for.  The sums are twice the forward
 * product's weights, 300 MB for 6e6 stars in 100 x 100 spaxels: usually all. Memory is asked for
 * once; what it needs at the least is the tiles of the staging buffers and one group. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/check.h"
#include "cuda/histogram_cuda.h"
#include "cuda/pack.h"
#include "histogram/axis.h"
#include "histogram/multiply.h"

#ifndef CUBIX_CUDA_ROWS           /* the tests take few */
#define CUBIX_CUDA_ROWS 174720    /* spaxels at a time: 64 MiB of a tile */
#endif

struct reverse {
  struct cubix_cuda_transfer *transfer;
  const struct cubix_cube *cube_bar;
  const struct cubix_basis *basis;
  const float *kept;              /* all tiles, on the GPU; NULL: not there */
  float *gpu_factor;              /* behind dust: [tiles of the cube][n_screen][CUBIX_TILE] (histogram/axis.h) */
  size_t n_screen;                /* nodes in A(V) */
  unsigned char *wanted;          /* [spaxels] 1: a cotangent is not zero */
  struct cubix_cuda_packers packers;
  struct cubix_cuda_dots *group;  /* [packers.n_group] its places in its batch */
  size_t *node;                   /* [packers.n_group] of all its panels */
  size_t tile_bytes, room;        /* bytes of a tile, of a batch on the GPU */
  char *gpu_batch;
  float *gpu_tile[CUBIX_CUDA_N_STAGING];
  /* the batch: within gpu_batch */
  float *channels[CUBIX_CUDA_N_STAGING];        /* [groups*GROUP][CUBIX_TILE] */
  double *bar;
  struct cubix_cuda_dots *gpu_group;
  struct cubix_cuda_step *step;
};

/* bytes of a group in a tile, of the sums of a node */
enum { CHANNELS = CUBIX_CUDA_GROUP * CUBIX_TILE * sizeof(float), NODE = CUBIX_CUDA_PANEL * sizeof(double) };

static void reverse_free(struct reverse *x)
{
  cubix_cuda_workspace_give(&x->transfer->workspace, x->gpu_factor);
  cubix_cuda_workspace_give(&x->transfer->workspace, x->gpu_batch);
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) cubix_cuda_workspace_give(&x->transfer->workspace, x->gpu_tile[b]);
  cubix_cuda_packers_free(&x->packers);
  free(x->wanted);
  free(x->group);
  free(x->node);
}

/* Bytes of group g on the GPU. */
static size_t size_of(const struct reverse *x, size_t g)
{
  return CUBIX_CUDA_N_STAGING * CHANNELS + x->node[g] * NODE + sizeof *x->group +
         (size_t)x->packers.n_step[g] * sizeof *x->step;
}

/* Spaxels that are wanted, their groups and the groups' sizes. */
static int plan(struct reverse *x, const struct cubix_histogram *cover, double scale)
{
  int status = CUBIX_OK;
  size_t n_lambda = (size_t)x->cube_bar->n_lambda;
  CUBIX_ALLOC(x->wanted, cover->n_spaxel);
#pragma omp parallel for schedule(dynamic, 64)
  for (size_t s = 0; s < cover->n_spaxel; s++)
    for (size_t k = 0; k < n_lambda && !x->wanted[s] && cover->start[s] < cover->start[s + 1]; k++)
      x->wanted[s] = x->cube_bar->flux[s * n_lambda + k] != 0;
  CUBIX_TRY(
      cubix_cuda_packers_init(&x->packers, cover, x->basis, x->cube_bar->n_x, x->cube_bar->n_y, x->wanted, scale));
  CUBIX_ALLOC(x->group, x->packers.n_group);
  CUBIX_ALLOC(x->node, x->packers.n_group);
  for (size_t g = 0; g < x->packers.n_group; g++)     /* a blob is steps and float32 weights */
    x->node[g] = (x->packers.bytes[g] - cubix_cuda_weights_at((size_t)x->packers.n_step[g])) /
                 (CUBIX_CUDA_PANEL * sizeof(float));
done:
  return status;
}

/* How much is taken at a time, from the memory that is free. */
static int reserve(struct reverse *x, const char *gpu)
{
  int status = CUBIX_OK;
  const double mib = 1 << 20;
  size_t largest = 0, cargo = 0, all = 0, available, total, spare,
         tiles = x->kept ? 0 : CUBIX_CUDA_N_STAGING * x->tile_bytes;
  for (size_t g = 0; g < x->packers.n_group; g++) {
    size_t steps = (size_t)x->packers.n_step[g] * sizeof *x->step, sums = x->node[g] * NODE;
    if (size_of(x, g) > largest) largest = size_of(x, g);
    if (steps > cargo) cargo = steps;
    if (sums > cargo) cargo = sums;
    all += size_of(x, g);
  }
  CUBIX_TRY(cubix_cuda_workspace_room(&x->transfer->workspace, &available, &total));
  spare = available / 16;                      /* what gets lost between allocations */
  CUBIX_CHECK(tiles + largest + spare <= available, CUBIX_EDEVICE,
              "%s: %.1f MiB needed (%.1f for tiles of the basis, %.1f for the derivatives of 64 spaxels), %.1f of %.1f "
              "MiB are free: "
              "end other programs on this GPU, take a smaller SspFile or a larger Tolerance, or use Backend cpu",
              gpu, (double)(tiles + largest + spare) / mib, (double)tiles / mib, (double)largest / mib,
              (double)available / mib, (double)total / mib);
  x->room = available - tiles - spare < all ? available - tiles - spare : all;
  size_t most =
      x->packers.n_group < CUBIX_CUDA_ROWS / CUBIX_CUDA_GROUP ? x->packers.n_group : CUBIX_CUDA_ROWS / CUBIX_CUDA_GROUP;
  size_t tile = (x->kept ? 0 : x->tile_bytes) + most * CHANNELS;
  CUBIX_TRY(cubix_cuda_transfer_ready(x->transfer, tile > cargo ? tile : cargo));
  CUBIX_TRY(cubix_cuda_workspace_take(&x->transfer->workspace, (void **)&x->gpu_batch, x->room));
  for (int b = 0; b < CUBIX_CUDA_N_STAGING && !x->kept; b++)
    CUBIX_TRY(cubix_cuda_workspace_take(&x->transfer->workspace, (void **)&x->gpu_tile[b], x->tile_bytes));
done:
  return status;
}

/* Groups a .. *b - 1, as many as there is room for, get their places; their steps go to the GPU, a
 * cargo being as many groups as fill a staging buffer. */
static int upload(struct reverse *x, size_t a, size_t *b)
{
  int status = CUBIX_OK, turn = 0;
  size_t bytes = 0, n_node = 0, n_step = 0, end = a;
  for (; end < x->packers.n_group && end - a < CUBIX_CUDA_ROWS / CUBIX_CUDA_GROUP && bytes + size_of(x, end) <= x->room;
       end++) {
    x->group[end] = (struct cubix_cuda_dots){ n_step, n_node, x->packers.n_step[end], 0 };
    n_step += (size_t)x->packers.n_step[end];
    n_node += x->node[end];
    bytes += size_of(x, end);
  }
  for (int t = 0; t < CUBIX_CUDA_N_STAGING; t++)
    x->channels[t] = (float *)(x->gpu_batch + (size_t)t * (end - a) * CHANNELS);
  x->bar = (double *)(x->gpu_batch + CUBIX_CUDA_N_STAGING * (end - a) * CHANNELS);
  x->gpu_group = (struct cubix_cuda_dots *)(x->bar + n_node * CUBIX_CUDA_PANEL);
  x->step = (struct cubix_cuda_step *)(x->gpu_group + (end - a));
  for (size_t first = a, last; first < end; first = last, turn++) {
    const struct cubix_cuda_staging *staging = &x->transfer->staging[turn % CUBIX_CUDA_N_STAGING];
    struct cubix_cuda_step *step = staging->host;
    size_t origin = x->group[first].step, n = 0;
    for (last = first; last < end && (n + (size_t)x->packers.n_step[last]) * sizeof *step <= x->transfer->bytes; last++)
      n += (size_t)x->packers.n_step[last];
    CUBIX_CUDA(cudaStreamSynchronize(staging->stream));
#pragma omp parallel for schedule(dynamic, 1) num_threads(x->packers.n)
    for (size_t g = first; g < last; g++)
      cubix_cuda_packer_steps(&x->packers.packer[omp_get_thread_num()], g, step + (x->group[g].step - origin));
    CUBIX_CUDA(cudaMemcpyAsync(x->step + origin, step, n * sizeof *step, cudaMemcpyHostToDevice, staging->stream));
  }
  CUBIX_TRY(cubix_cuda_transfer_up(x->transfer, x->gpu_group, x->group + a, (end - a) * sizeof *x->group));
  CUBIX_TRY(cubix_cuda_transfer_wait(x->transfer));
  *b = end;
done:
  return status;
}

/* Cotangents of groups a .. b - 1 in a tile, with zeros beyond the channels and spaxels that there are. */
static void take_channels(const struct reverse *x, size_t a, size_t b, int tile, float *to)
{
  const struct cubix_cube *cube = x->cube_bar;
  int first = tile * CUBIX_TILE - cube->lambda_first,
      n = cube->n_lambda - first < CUBIX_TILE ? cube->n_lambda - first : CUBIX_TILE;
#pragma omp parallel for schedule(static)
  for (size_t r = a * CUBIX_CUDA_GROUP; r < b * CUBIX_CUDA_GROUP; r++) {
    float *row = to + (r - a * CUBIX_CUDA_GROUP) * CUBIX_TILE;
    memset(row, 0, CUBIX_TILE * sizeof *row);
    if (r >= x->packers.n_spaxel) continue;
    const cubix_real *flux = cube->flux + x->packers.spaxel[r] * (size_t)cube->n_lambda + first;
    for (int k = 0; k < n; k++) row[k] = (float)flux[k];
  }
}

/* Queue the i-th of the tiles from `first` on; its product waits for the one before. */
static int submit(struct reverse *x, size_t a, size_t b, int first, int i)
{
  int status = CUBIX_OK, t = i % CUBIX_CUDA_N_STAGING, before = (i + CUBIX_CUDA_N_STAGING - 1) % CUBIX_CUDA_N_STAGING;
  const struct cubix_cuda_staging *staging = &x->transfer->staging[t];
  const float *tile = NULL, *gpu_tile = x->gpu_tile[t];
  char *host = staging->host;
  CUBIX_CUDA(cudaStreamSynchronize(staging->stream));        /* free: the last that was here is done */
  if (x->kept) gpu_tile = x->kept + (size_t)(first + i) * (x->tile_bytes / sizeof *tile);
  else {
    CUBIX_TRY(cubix_basis_tile(x->basis, first + i, staging->host, &tile));
    if (tile != staging->host) cubix_cuda_transfer_copy(staging->host, tile, x->tile_bytes);
    CUBIX_CUDA(cudaMemcpyAsync(x->gpu_tile[t], staging->host, x->tile_bytes, cudaMemcpyHostToDevice, staging->stream));
    host += x->tile_bytes;
  }
  take_channels(x, a, b, first + i, (float *)host);
  CUBIX_CUDA(cudaMemcpyAsync(x->channels[t], host, (b - a) * CHANNELS, cudaMemcpyHostToDevice, staging->stream));
  if (i) CUBIX_CUDA(cudaStreamWaitEvent(staging->stream, x->transfer->staging[before].done, 0));
  const float *factor = x->gpu_factor ? x->gpu_factor + (size_t)i * x->n_screen * CUBIX_TILE : NULL;
  CUBIX_CUDA(cubix_cuda_tile_vjp(x->gpu_group, (int)(b - a), x->step, gpu_tile, factor, x->channels[t], x->bar, i == 0,
                                 staging->stream));
  CUBIX_CUDA(cudaEventRecord(staging->done, staging->stream));
done:
  return status;
}

/* The sums of groups a .. b - 1 go to their values, a cargo being as many groups as fill a staging buffer. */
static int download(struct reverse *x, size_t a, size_t b, double *value_bar)
{
  int status = CUBIX_OK;
  struct { size_t first, last; } there[CUBIX_CUDA_N_STAGING] = { { 0, 0 } };
  size_t next = a;
  for (int turn = 0, idle = 0; idle < CUBIX_CUDA_N_STAGING; turn++) {
    int t = turn % CUBIX_CUDA_N_STAGING;
    const struct cubix_cuda_staging *staging = &x->transfer->staging[t];
    size_t first = there[t].first, last = there[t].last, bytes = 0;
    const double *bar = staging->host;
    CUBIX_CUDA(cudaStreamSynchronize(staging->stream));
#pragma omp parallel for schedule(dynamic, 1) num_threads(x->packers.n)
    for (size_t g = first; g < last; g++)
      cubix_cuda_packer_take(&x->packers.packer[omp_get_thread_num()], g,
                             bar + (x->group[g].bar - x->group[first].bar) * CUBIX_CUDA_PANEL, value_bar);
    for (first = last = next; last < b && bytes + x->node[last] * NODE <= x->transfer->bytes; last++)
      bytes += x->node[last] * NODE;
    there[t].first = first;
    there[t].last = next = last;
    if (first == last) idle++;
    else
      CUBIX_CUDA(cudaMemcpyAsync(staging->host, x->bar + x->group[first].bar * CUBIX_CUDA_PANEL, bytes,
                                 cudaMemcpyDeviceToHost, staging->stream));
  }
done:
  return status;
}

int cubix_cuda_multiply_vjp(struct cubix_cuda_transfer *transfer, const struct cubix_cuda_kept *kept, const char *gpu,
                            const struct cubix_cube *cube_bar, const struct cubix_histogram *cover,
                            const struct cubix_basis *basis, double scale, double *value_bar)
{
  int status = CUBIX_OK, first = cube_bar->lambda_first / CUBIX_TILE,
      n = (cube_bar->n_lambda + CUBIX_TILE - 1) / CUBIX_TILE;
  struct reverse x = { .transfer = transfer,
                       .cube_bar = cube_bar,
                       .basis = basis,
                       .kept = kept->basis == basis ? kept->tile : NULL,
                       .tile_bytes = cubix_basis_tile_size(basis) * sizeof(float) };
  if (!n || !cover->n_value) goto done;
  CUBIX_TRY(cubix_multiply_check(cube_bar, cover, basis));
  CUBIX_TRY(plan(&x, cover, scale));
  x.n_screen = (size_t)cover->nodes.axis.n;
  if (x.packers.n_group) {
    CUBIX_TRY(cubix_cuda_factors(transfer, &x.gpu_factor, &cover->nodes.axis, basis->n_lambda, first, n));
    CUBIX_TRY(reserve(&x, gpu));
  }
  for (size_t a = 0, b = 0; a < x.packers.n_group; a = b) {
    CUBIX_TRY(upload(&x, a, &b));
    for (int i = 0; i < n; i++) CUBIX_TRY(submit(&x, a, b, first, i));
    CUBIX_TRY(cubix_cuda_transfer_wait(transfer));
    CUBIX_TRY(download(&x, a, b, value_bar));
  }
done:
  cubix_cuda_transfer_abandon(transfer);             /* nothing is under way when memory goes */
  reverse_free(&x);
  return status;
}
