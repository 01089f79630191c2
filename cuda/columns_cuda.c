/* columns_cuda.c -- the dust in front of stars, on the GPU: cells and their tiles up, places up, theirs
 * down, and last what the cells gained.
 *
 * Everything about the cells goes into one piece of memory. Places go up sorted along Morton's curve, in
 * cargoes, one being copied, one under way and one laid down at any time; results come down into the same
 * page-locked memory, and are smaller. */
#include "cuda/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cuda/check.h"
#include "dust/code_sort.h"

enum { BATCH = 1 << 22, PLACE = sizeof(struct cubix_cuda_place), PLACES = CUBIX_CUDA_CARGO / PLACE, APART = 256 };

struct arrival { size_t first, n; };           /* places whose results come down in a staging buffer */

struct way {
  struct cubix_cuda_transfer *transfer;
  const struct cubix_column_tiles *tiles;
  const struct cubix_column_job *job;
  size_t first;                                /* of a batch of places */
  struct cubix_coded *item, *scratch;          /* [n] along the curve */
  size_t n;                                    /* those of them that lie in the sky of the cells */
  char *gpu;                                   /* cells and tiles */
  struct cubix_column_sums *gpu_sums;
  struct cubix_cuda_columns columns;
  struct cubix_cuda_place *gpu_place[CUBIX_CUDA_N_STAGING];
  double *gpu_result[CUBIX_CUDA_N_STAGING];
  struct arrival arrival[CUBIX_CUDA_N_STAGING];
};

static void way_free(struct way *w)
{
  struct cubix_cuda_workspace *workspace = &w->transfer->workspace;
  free(w->item);
  free(w->scratch);
  cubix_cuda_workspace_give(workspace, w->gpu);
  cubix_cuda_workspace_give(workspace, w->gpu_sums);
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) {
    cubix_cuda_workspace_give(workspace, w->gpu_place[b]);
    cubix_cuda_workspace_give(workspace, w->gpu_result[b]);
  }
}

static int wide(const struct way *w) { return w->job->screen ? 1 : 3; }     /* numbers of a result */

/* Bytes of a part, and of what keeps the next one aligned. */
static size_t apart(size_t bytes) { return (bytes + APART - 1) / APART * APART; }

static size_t tiles_bytes(const struct cubix_column_tiles *tiles)
{
  size_t bytes = apart(tiles->n * sizeof *tiles->cell);
  for (int l = 0; l < tiles->n_level; l++) {
    const struct cubix_column_level *level = &tiles->level[l];
    bytes += apart(level->n_tile * sizeof *level->code) + apart((level->n_tile + 1) * sizeof *level->start) +
             apart((((size_t)1 << level->top) + 1) * sizeof *level->first) +
             apart(level->start[level->n_tile] * sizeof *level->entry);
  }
  return bytes;
}

/* @param[out] there 0: there is no room */
static int reserve(struct way *w, int *there)
{
  int status = CUBIX_OK;
  struct cubix_cuda_workspace *workspace = &w->transfer->workspace;
  const size_t cells = tiles_bytes(w->tiles), sums = w->job->sums ? w->tiles->n * sizeof *w->gpu_sums : 0;
  const size_t result = PLACES * (size_t)wide(w) * sizeof **w->gpu_result;
  size_t available, total;
  *there = 0;
  CUBIX_TRY(cubix_cuda_workspace_room(workspace, &available, &total));
  if (cells + sums + CUBIX_CUDA_N_STAGING * (CUBIX_CUDA_CARGO + result) > available - available / 16) goto done;
  *there = 1;
  CUBIX_TRY(cubix_cuda_transfer_ready(w->transfer, CUBIX_CUDA_CARGO));
  CUBIX_TRY(cubix_cuda_workspace_take(workspace, (void **)&w->gpu, cells));
  CUBIX_TRY(cubix_cuda_workspace_take(workspace, (void **)&w->gpu_sums, sums));
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) {
    CUBIX_TRY(cubix_cuda_workspace_take(workspace, (void **)&w->gpu_place[b], PLACES * PLACE));
    CUBIX_TRY(cubix_cuda_workspace_take(workspace, (void **)&w->gpu_result[b], result));
  }
done:
  return status;
}

/* A part goes up to *at, which moves behind it.  @return where it lies */
static const void *put(struct way *w, char **at, const void *host, size_t bytes, int *status)
{
  const void *here = *at;
  if (!*status) *status = cubix_cuda_transfer_up(w->transfer, *at, host, bytes);
  *at += apart(bytes);
  return here;
}

static int upload(struct way *w)
{
  int status = CUBIX_OK;
  const struct cubix_column_tiles *tiles = w->tiles;
  char *at = w->gpu;
  w->columns.n_level = tiles->n_level;
  w->columns.cell = put(w, &at, tiles->cell, tiles->n * sizeof *tiles->cell, &status);
  for (int l = 0; l < tiles->n_level; l++) {
    const struct cubix_column_level *from = &tiles->level[l];
    struct cubix_cuda_level *to = &w->columns.level[l];
    const size_t n = from->n_tile, upper = ((size_t)1 << from->top) + 1;
    to->depth = from->depth;
    to->top = from->top;
    to->n_tile = n;
    to->code = put(w, &at, from->code, n * sizeof *from->code, &status);
    to->start = put(w, &at, from->start, (n + 1) * sizeof *from->start, &status);
    to->first = put(w, &at, from->first, upper * sizeof *from->first, &status);
    to->entry = put(w, &at, from->entry, from->start[n] * sizeof *from->entry, &status);
  }
  CUBIX_TRY(status);
  if (w->gpu_sums)
    CUBIX_CUDA(cudaMemsetAsync(w->gpu_sums, 0, tiles->n * sizeof *w->gpu_sums, w->transfer->staging[0].stream));
  CUBIX_TRY(cubix_cuda_transfer_wait(w->transfer));
done:
  return status;
}

static int sort_places(struct way *w, size_t first)
{
  const struct cubix_column_job *job = w->job;
  const size_t n = job->n - first < BATCH ? job->n - first : BATCH;
  w->first = first;
  w->n = 0;
  for (size_t i = 0; i < n; i++) {
    const double *x = job->position + 3 * (first + i);
    const uint64_t code = cubix_column_code(&w->tiles->sky, x[0], x[1]);
    if (job->screen) job->screen[first + i] = 0;
    if (code != UINT64_MAX) w->item[w->n++] = (struct cubix_coded){ code, (uint32_t)i };
  }
  return cubix_code_sort(w->item, w->scratch, w->n, 2 * CUBIX_COLUMN_DEPTH);
}

/* Lay down what has come in a staging buffer. */
static int land(struct way *w, int t)
{
  int status = CUBIX_OK;
  const struct cubix_column_job *job = w->job;
  const double *from = w->transfer->staging[t].host;
  const struct cubix_coded *item = w->item + w->arrival[t].first;
  CUBIX_CUDA(cudaStreamSynchronize(w->transfer->staging[t].stream));
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < w->arrival[t].n; i++) {
    const size_t at = w->first + item[i].index;
    if (job->screen) job->screen[at] = from[i];
    for (size_t c = 0; c < 3 && job->position_bar; c++)
      job->position_bar[3 * at + c] += job->screen_bar[at] * from[3 * i + c];
  }
  w->arrival[t].n = 0;
done:
  return status;
}

static void pack(const struct way *w, struct cubix_cuda_place *to, size_t first, size_t n)
{
  const struct cubix_column_job *job = w->job;
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) {
    const size_t at = w->first + w->item[first + i].index;
    const double *x = job->position + 3 * at;
    to[i] = (struct cubix_cuda_place){ x[0], x[1], x[2],
                                       job->screen_bar ? ldexp(job->screen_bar[at], -job->exponent) : 0,
                                       w->item[first + i].code };
  }
}

static int take_places(struct way *w)
{
  int status = CUBIX_OK, turn = 0;
  const struct cubix_column_job *job = w->job;
  for (size_t at = 0; at < w->n; at += PLACES, turn++) {
    const int t = turn % CUBIX_CUDA_N_STAGING;
    const struct cubix_cuda_staging *staging = &w->transfer->staging[t];
    const size_t n = w->n - at < PLACES ? w->n - at : PLACES;
    double *result = job->screen || job->position_bar ? w->gpu_result[t] : NULL;
    CUBIX_TRY(land(w, t));
    pack(w, staging->host, at, n);
    CUBIX_CUDA(cudaMemcpyAsync(w->gpu_place[t], staging->host, n * PLACE, cudaMemcpyHostToDevice, staging->stream));
    if (job->screen)
      CUBIX_CUDA(cubix_cuda_column_screens(&w->columns, w->gpu_place[t], (int)n, result, staging->stream));
    else
      CUBIX_CUDA(
          cubix_cuda_column_slopes(&w->columns, w->gpu_place[t], (int)n, result, w->gpu_sums, staging->stream));
    if (result)
      CUBIX_CUDA(cudaMemcpyAsync(staging->host, result, n * (size_t)wide(w) * sizeof *result, cudaMemcpyDeviceToHost,
                                 staging->stream));
    w->arrival[t] = (struct arrival){ at, n };
  }
  for (int t = 0; t < CUBIX_CUDA_N_STAGING; t++) CUBIX_TRY(land(w, t));
done:
  return status;
}

static int add_sums(struct way *w)
{
  int status = CUBIX_OK;
  struct cubix_column_sums *sums = NULL;
  if (!w->gpu_sums) goto done;
  CUBIX_ALLOC(sums, w->tiles->n);
  CUBIX_TRY(cubix_cuda_transfer_down(w->transfer, sums, w->gpu_sums, w->tiles->n * sizeof *sums));
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < w->tiles->n; i++)
    for (int b = 0; b < CUBIX_COLUMN_BARS; b++) {
      w->job->sums[i].coarse[b] += sums[i].coarse[b];
      w->job->sums[i].fine[b] += sums[i].fine[b];
    }
done:
  free(sums);
  return status;
}

int cubix_cuda_screen(struct cubix_cuda_transfer *transfer, const struct cubix_column_tiles *tiles,
                      const struct cubix_column_job *job, int *there)
{
  int status = CUBIX_OK;
  struct way w = { .transfer = transfer, .tiles = tiles, .job = job };
  CUBIX_TRY(reserve(&w, there));
  if (!*there) goto done;
  CUBIX_ALLOC(w.item, job->n < BATCH ? job->n : BATCH);
  CUBIX_ALLOC(w.scratch, job->n < BATCH ? job->n : BATCH);
  CUBIX_TRY(upload(&w));
  for (size_t first = 0; first < job->n; first += BATCH) {
    CUBIX_TRY(sort_places(&w, first));
    CUBIX_TRY(take_places(&w));
  }
  CUBIX_TRY(add_sums(&w));
done:
  cubix_cuda_transfer_abandon(transfer);             /* nothing is under way when memory goes */
  way_free(&w);
  return status;
}
