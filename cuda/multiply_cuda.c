/* multiply_cuda.c -- histogram times basis on the GPU: weights up once, tiles of the basis up and
 * tiles of the cube down.
 *
 * The occupied spaxels are packed into groups (multiply.h), as many at a time as there is memory for:
 * usually all.  Then tile after tile goes through the staging buffers: in each a tile of the basis
 * goes up, is multiplied, and its part of the cube comes down into the same page-locked memory,
 * from where all threads add it to the cube.  While one tile is multiplied, the next is on its way
 * up and the last is being added; and the kernels of two tiles run side by side, so that no
 * multiprocessor waits for a tile's last groups.  The GPU never holds the cube, nor more of the
 * basis than the staging buffers do, unless it was told to keep it (cubix_cuda_keep): then nothing
 * but the weights goes up.
 * Memory is asked for once; what it needs at the least are the staging buffers and one group. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cuda/check.h"
#include "cuda/histogram_cuda.h"
#include "cuda/pack.h"
#include "histogram/axis.h"
#include "histogram/multiply.h"

#ifndef CUBIX_CUDA_ROWS           /* the tests take few */
#define CUBIX_CUDA_ROWS 174720    /* spaxels multiplied at a time: 64 MiB of a tile */
#endif

struct multiply {
  struct cubix_cuda_transfer *transfer;
  struct cubix_cube *cube;
  const struct cubix_basis *basis;
  const float *kept;              /* all tiles, on the GPU; NULL: not there */
  float *gpu_factor;              /* behind dust: [tiles of the cube][n_screen][CUBIX_TILE] (histogram/axis.h) */
  size_t n_screen;                /* nodes in A(V) */
  struct cubix_cuda_packers packers;
  struct cubix_cuda_group *group; /* [packers.n_group] at: from the first blob of its batch on */
  size_t room, blob_room;         /* groups and bytes of blobs at a time */
  size_t tile_bytes;
  struct cubix_cuda_group *gpu_group;
  char *gpu_blob;
  float *gpu_tile[CUBIX_CUDA_N_STAGING], *gpu_out[CUBIX_CUDA_N_STAGING];
  int under_way[CUBIX_CUDA_N_STAGING];          /* tile in a staging buffer, -1: none */
};

static void multiply_free(struct multiply *m)
{
  cubix_cuda_workspace_give(&m->transfer->workspace, m->gpu_factor);
  cubix_cuda_workspace_give(&m->transfer->workspace, m->gpu_group);
  cubix_cuda_workspace_give(&m->transfer->workspace, m->gpu_blob);
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) {
    cubix_cuda_workspace_give(&m->transfer->workspace, m->gpu_tile[b]);
    cubix_cuda_workspace_give(&m->transfer->workspace, m->gpu_out[b]);
  }
  cubix_cuda_packers_free(&m->packers);
  free(m->group);
}

/* Occupied spaxels, their groups and the groups' sizes. */
static int plan(struct multiply *m, const struct cubix_histogram *h, double scale)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_cuda_packers_init(&m->packers, h, m->basis, m->cube->n_x, m->cube->n_y, NULL, scale));
  CUBIX_ALLOC(m->group, m->packers.n_group);
  for (size_t g = 0; g < m->packers.n_group; g++) m->group[g].n_step = m->packers.n_step[g];
done:
  return status;
}

size_t cubix_cuda_multiply_staging(size_t n_spaxel, size_t tile_bytes, int derivatives)
{
  const size_t all = (n_spaxel + CUBIX_CUDA_GROUP - 1) / CUBIX_CUDA_GROUP, room = CUBIX_CUDA_ROWS / CUBIX_CUDA_GROUP;
  const size_t result = (all < room ? all : room) * CUBIX_CUDA_GROUP * CUBIX_TILE * sizeof(float);
  return derivatives ? tile_bytes + result : result > tile_bytes ? result : tile_bytes;
}

/* How much is multiplied at a time, from the memory that is free. */
static int reserve(struct multiply *m, const char *gpu)
{
  int status = CUBIX_OK;
  const double mib = 1 << 20;
  size_t largest = 0, all = 0, available, total, spare, tiles = m->kept ? 0 : CUBIX_CUDA_N_STAGING * m->tile_bytes;
  const size_t row = CUBIX_TILE * sizeof(float),
               one = CUBIX_CUDA_N_STAGING * CUBIX_CUDA_GROUP * row + sizeof *m->gpu_group;
  for (size_t g = 0; g < m->packers.n_group; g++) {
    if (m->packers.bytes[g] > largest) largest = m->packers.bytes[g];
    all += m->packers.bytes[g];
  }
  CUBIX_TRY(cubix_cuda_workspace_room(&m->transfer->workspace, &available, &total));
  spare = available / 16;                      /* what gets lost between allocations */
  CUBIX_CHECK(tiles + one + largest + spare <= available, CUBIX_EDEVICE,
              "%s: %.1f MiB needed (%.1f for tiles of the basis, %.1f for the weights of 64 spaxels), %.1f of %.1f MiB "
              "are free: "
              "end other programs on this GPU, take a smaller SspFile or a larger Tolerance, or use Backend cpu",
              gpu, (double)(tiles + one + largest + spare) / mib, (double)tiles / mib, (double)largest / mib,
              (double)available / mib, (double)total / mib);
  m->room =
      m->packers.n_group < CUBIX_CUDA_ROWS / CUBIX_CUDA_GROUP ? m->packers.n_group : CUBIX_CUDA_ROWS / CUBIX_CUDA_GROUP;
  size_t left = available - spare - tiles, most = left / 2 / one;     /* at the most half of it for results */
  if (m->room > most) m->room = most > 1 ? most : 1;
  m->blob_room = left - m->room * one;
  if (m->blob_room > all) m->blob_room = all;
  size_t result = m->room * CUBIX_CUDA_GROUP * row, staging = result > m->tile_bytes ? result : m->tile_bytes;
  CUBIX_TRY(cubix_cuda_transfer_ready(m->transfer, staging > largest ? staging : largest));
  CUBIX_TRY(cubix_cuda_workspace_take(&m->transfer->workspace, (void **)&m->gpu_group, m->room * sizeof *m->gpu_group));
  CUBIX_TRY(cubix_cuda_workspace_take(&m->transfer->workspace, (void **)&m->gpu_blob, m->blob_room));
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) {
    if (!m->kept)
      CUBIX_TRY(cubix_cuda_workspace_take(&m->transfer->workspace, (void **)&m->gpu_tile[b], m->tile_bytes));
    CUBIX_TRY(cubix_cuda_workspace_take(&m->transfer->workspace, (void **)&m->gpu_out[b], result));
    m->under_way[b] = -1;
  }
done:
  return status;
}

int cubix_cuda_factors(struct cubix_cuda_transfer *transfer, float **gpu_factor, const struct cubix_axis *axis,
                       int n_lambda, int first_tile, int n_tile)
{
  int status = CUBIX_OK;
  float *factor = NULL;
  const size_t bytes = (size_t)n_tile * (size_t)axis->n * CUBIX_TILE * sizeof *factor;
  CUBIX_TRY(cubix_axis_table(&factor, axis, n_lambda, first_tile, n_tile, NULL));
  if (!factor) goto done;
  CUBIX_TRY(cubix_cuda_transfer_ready(transfer, CUBIX_CUDA_CARGO));
  CUBIX_TRY(cubix_cuda_workspace_take(&transfer->workspace, (void **)gpu_factor, bytes));
  CUBIX_TRY(cubix_cuda_transfer_up(transfer, *gpu_factor, factor, bytes));
  CUBIX_TRY(cubix_cuda_transfer_wait(transfer));
done:
  free(factor);
  return status;
}

/* Groups a .. *b - 1 to the GPU, as many as there is room for; a cargo is as many of them as fill a staging buffer. */
static int upload(struct multiply *m, size_t a, size_t *b)
{
  int status = CUBIX_OK, turn = 0;
  size_t at = 0, end = a;
  while (end < m->packers.n_group && end - a < m->room && at + m->packers.bytes[end] <= m->blob_room) {
    m->group[end].at = at;
    at += m->packers.bytes[end++];
  }
  for (size_t first = a, last; first < end; first = last, turn++) {
    const struct cubix_cuda_staging *staging = &m->transfer->staging[turn % CUBIX_CUDA_N_STAGING];
    size_t origin = m->group[first].at, bytes = 0;
    for (last = first; last < end && bytes + m->packers.bytes[last] <= m->transfer->bytes; last++)
      bytes += m->packers.bytes[last];
    CUBIX_CUDA(cudaStreamSynchronize(staging->stream));
#pragma omp parallel for schedule(dynamic, 1) num_threads(m->packers.n)
    for (size_t g = first; g < last; g++)
      cubix_cuda_packer_fill(&m->packers.packer[omp_get_thread_num()], g, m->group[g].n_step, m->packers.bytes[g],
                             (char *)staging->host + m->group[g].at - origin);
    CUBIX_CUDA(cudaMemcpyAsync(m->gpu_blob + origin, staging->host, bytes, cudaMemcpyHostToDevice, staging->stream));
  }
  CUBIX_TRY(cubix_cuda_transfer_up(m->transfer, m->gpu_group, m->group + a, (end - a) * sizeof *m->group));
  CUBIX_TRY(cubix_cuda_transfer_wait(m->transfer));
  *b = end;
done:
  return status;
}

/* Queue tile i of the basis for the first n_group groups that are there. */
static int submit(struct multiply *m, int t, int i, size_t n_group)
{
  int status = CUBIX_OK;
  const struct cubix_cuda_staging *staging = &m->transfer->staging[t];
  const float *tile = NULL, *gpu_tile = m->gpu_tile[t];
  if (m->kept) gpu_tile = m->kept + (size_t)i * (m->tile_bytes / sizeof *tile);
  else {
    CUBIX_TRY(cubix_basis_tile(m->basis, i, staging->host, &tile));
    if (tile != staging->host) cubix_cuda_transfer_copy(staging->host, tile, m->tile_bytes);
    CUBIX_CUDA(cudaMemcpyAsync(m->gpu_tile[t], staging->host, m->tile_bytes, cudaMemcpyHostToDevice, staging->stream));
  }
  const size_t of_cube = (size_t)(i - m->cube->lambda_first / CUBIX_TILE);
  const float *factor = m->gpu_factor ? m->gpu_factor + of_cube * m->n_screen * CUBIX_TILE : NULL;
  CUBIX_CUDA(
      cubix_cuda_tile(m->gpu_group, (int)n_group, m->gpu_blob, gpu_tile, factor, m->gpu_out[t], staging->stream));
  CUBIX_CUDA(cudaMemcpyAsync(staging->host, m->gpu_out[t], n_group * CUBIX_CUDA_GROUP * CUBIX_TILE * sizeof(float),
                             cudaMemcpyDeviceToHost, staging->stream));
  m->under_way[t] = i;
done:
  return status;
}

/* Add what has come down in a staging buffer to the cube; it begins with group a. */
static int collect(struct multiply *m, int t, size_t a, size_t b)
{
  int status = CUBIX_OK, i = m->under_way[t];
  const float *row = m->transfer->staging[t].host;
  struct cubix_cube *cube = m->cube;
  if (i < 0) goto done;
  int first = i * CUBIX_TILE - cube->lambda_first,
      n = cube->n_lambda - first < CUBIX_TILE ? cube->n_lambda - first : CUBIX_TILE;
  size_t n_row =
      (b * CUBIX_CUDA_GROUP < m->packers.n_spaxel ? b * CUBIX_CUDA_GROUP : m->packers.n_spaxel) - a * CUBIX_CUDA_GROUP;
  CUBIX_CUDA(cudaStreamSynchronize(m->transfer->staging[t].stream));
#pragma omp parallel for schedule(static)
  for (size_t r = 0; r < n_row; r++) {
    cubix_real *flux = cube->flux + m->packers.spaxel[a * CUBIX_CUDA_GROUP + r] * (size_t)cube->n_lambda + first;
    for (int k = 0; k < n; k++) flux[k] += row[r * CUBIX_TILE + (size_t)k];
  }
  m->under_way[t] = -1;
done:
  return status;
}

int cubix_cuda_multiply(struct cubix_cuda_transfer *transfer, const struct cubix_cuda_kept *kept, const char *gpu,
                        struct cubix_cube *cube, const struct cubix_histogram *h, const struct cubix_basis *basis,
                        double scale)
{
  int status = CUBIX_OK, first = cube->lambda_first / CUBIX_TILE, n = (cube->n_lambda + CUBIX_TILE - 1) / CUBIX_TILE;
  struct multiply m = { .transfer = transfer,
                        .cube = cube,
                        .basis = basis,
                        .kept = kept->basis == basis ? kept->tile : NULL,
                        .tile_bytes = cubix_basis_tile_size(basis) * sizeof(float) };
  if (!n) goto done;
  CUBIX_TRY(cubix_multiply_check(cube, h, basis));
  CUBIX_TRY(plan(&m, h, scale));
  m.n_screen = (size_t)h->nodes.axis.n;
  if (m.packers.n_group) {
    CUBIX_TRY(cubix_cuda_factors(transfer, &m.gpu_factor, &h->nodes.axis, basis->n_lambda, first, n));
    CUBIX_TRY(reserve(&m, gpu));
  }
  for (size_t a = 0, b = 0; a < m.packers.n_group; a = b) {
    CUBIX_TRY(upload(&m, a, &b));
    for (int i = 0; i < n + CUBIX_CUDA_N_STAGING; i++) {
      int t = i % CUBIX_CUDA_N_STAGING;
      CUBIX_TRY(collect(&m, t, a, b));
      if (i < n) CUBIX_TRY(submit(&m, t, first + i, b - a));
      cubix_log_progress("paint", ((double)a + (double)(b - a) * (i < n ? i : n) / n) / (double)m.packers.n_group);
    }
  }
done:
  cubix_cuda_transfer_abandon(transfer);             /* nothing is under way when memory goes */
  multiply_free(&m);
  return status;
}

static void forget(struct cubix_cuda_transfer *transfer, struct cubix_cuda_kept *kept)
{
  cubix_cuda_workspace_release(&transfer->workspace, kept->tile);
  memset(kept, 0, sizeof *kept);
}

int cubix_cuda_keep(struct cubix_cuda_transfer *transfer, struct cubix_cuda_kept *kept, const struct cubix_basis *basis)
{
  int status = CUBIX_OK;
  size_t tile_size, tile_bytes, available, total;
  const float *tile;
  forget(transfer, kept);
  if (!basis) goto done;
  tile_size = cubix_basis_tile_size(basis);
  tile_bytes = tile_size * sizeof(float);
  CUBIX_TRY(cubix_cuda_workspace_room(&transfer->workspace, &available, &total));
  /* then it goes up tile by tile whenever it is needed */
  if (tile_bytes * (size_t)basis->n_tile > available / 2) goto done;
  CUBIX_TRY(cubix_cuda_transfer_ready(transfer, tile_bytes));
  CUBIX_TRY(cubix_cuda_workspace_take(&transfer->workspace, (void **)&kept->tile, tile_bytes * (size_t)basis->n_tile));
  for (int i = 0; i < basis->n_tile; i++) {
    const struct cubix_cuda_staging *staging = &transfer->staging[i % CUBIX_CUDA_N_STAGING];
    CUBIX_CUDA(cudaStreamSynchronize(staging->stream));
    CUBIX_TRY(cubix_basis_tile(basis, i, staging->host, &tile));
    if (tile != staging->host) cubix_cuda_transfer_copy(staging->host, tile, tile_bytes);
    CUBIX_CUDA(cudaMemcpyAsync(kept->tile + (size_t)i * tile_size, staging->host, tile_bytes, cudaMemcpyHostToDevice,
                               staging->stream));
  }
  CUBIX_TRY(cubix_cuda_transfer_wait(transfer));
  kept->basis = basis;
done:
  cubix_cuda_transfer_abandon(transfer);
  if (status) forget(transfer, kept);
  return status;
}
