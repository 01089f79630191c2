/* fill_cuda.c -- the histogram made on the GPU: batches of spaxels, stars up, blocks and values down.
 *
 * A batch is as many occupied spaxels as there is memory for their dense sums (fill.cu).  Its
 * stars, which lie one behind the other, go up in cargoes, one of them being copied, one under way
 * and one deposited at any time; then its lines are trimmed and counted, the host learns how many
 * blocks and values there are, makes room, and they come down in cargoes again.  The batches'
 * blocks lie behind each other in the histogram.
 * Tangents of stars, where they are given, travel behind the stars of each cargo, and are deposited
 * in their place; their scale is found on the host, by all threads. Memory is asked for once,
 * before the first batch. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/check.h"
#include "cuda/fill.h"
#include "cuda/histogram_cuda.h"
#include "cuda/tables.h"

#ifndef CUBIX_CUDA_SUMS           /* the tests take few */
#define CUBIX_CUDA_SUMS ((size_t)2 << 30)      /* bytes of dense sums at the most: more makes nothing faster */
#endif

_Static_assert(sizeof(struct cubix_block) == sizeof(struct cubix_cuda_block) &&
                   offsetof(struct cubix_block, node) == offsetof(struct cubix_cuda_block, node) &&
                   offsetof(struct cubix_block, n) == offsetof(struct cubix_cuda_block, n) &&
                   offsetof(struct cubix_block, at) == offsetof(struct cubix_cuda_block, at),
               "a block is a block");

struct arrival { void *to; size_t bytes; };    /* what comes down in a staging buffer, and where it belongs */

struct filling {
  struct cubix_cuda_transfer *transfer;
  const struct cubix_placement *placement;
  const struct cubix_star_bar *dot;            /* NULL: masses, not tangents */
  struct cubix_histogram *histogram;
  size_t n_block;                              /* so far */
  struct cubix_tables tables;                      /* no tables: bilinear weights need none */
  size_t n_occupied, *occupied;                /* spaxels with stars */
  size_t room;                                 /* spaxels in a batch */
  struct cubix_cuda_batch batch;
  struct cubix_cuda_spaxel *gpu_spaxel;        /* [room + 1] */
  void *gpu_work;
  size_t work_bytes;
  void *gpu_cargo[CUBIX_CUDA_N_STAGING];
  struct arrival arrival[CUBIX_CUDA_N_STAGING];
  int turn;
};

static void fill_free(struct filling *d)
{
  free(d->occupied);
  cubix_cuda_workspace_give(&d->transfer->workspace, d->gpu_spaxel);
  cubix_cuda_workspace_give(&d->transfer->workspace, d->batch.sum);
  cubix_cuda_workspace_give(&d->transfer->workspace, d->batch.lo);
  cubix_cuda_workspace_give(&d->transfer->workspace, d->batch.hi);
  cubix_cuda_workspace_give(&d->transfer->workspace, d->batch.count);
  cubix_cuda_workspace_give(&d->transfer->workspace, d->batch.before);
  cubix_cuda_workspace_give(&d->transfer->workspace, d->gpu_work);
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) cubix_cuda_workspace_give(&d->transfer->workspace, d->gpu_cargo[b]);
  cubix_histogram_free(d->histogram);
}

/* How many spaxels a batch has, from the memory that is free. */
static int divide(struct filling *d, const char *gpu)
{
  int status = CUBIX_OK;
  const double mib = 1 << 20;
  size_t n_row = (size_t)d->batch.n_row, n_node = (size_t)d->batch.nodes.n, available, total, most;
  size_t sums = n_row * n_node * sizeof *d->batch.sum,
         line = sizeof *d->batch.lo + sizeof *d->batch.hi + sizeof *d->batch.count + sizeof *d->batch.before;
  size_t one = sums + n_row * line + sizeof *d->gpu_spaxel, cargo = CUBIX_CUDA_N_STAGING * CUBIX_CUDA_CARGO, spare;
  CUBIX_TRY(cubix_cuda_workspace_room(&d->transfer->workspace, &available, &total));
  spare = available / 16;                      /* for the prefix sum, and what gets lost between allocations */
  CUBIX_CHECK(one + cargo + spare <= available, CUBIX_EDEVICE,
              "%s: %.1f MiB needed (%.1f for the sums of a single spaxel, %.1f for stars and histogram under way), "
              "%.1f of %.1f MiB are free: "
              "end other programs on this GPU, take a smaller SspFile or a larger Tolerance, or use Backend cpu",
              gpu, (double)(one + cargo + spare) / mib, (double)one / mib, (double)cargo / mib, (double)available / mib,
              (double)total / mib);
  d->room = (available - cargo - spare) / one;
  most = CUBIX_CUDA_SUMS / sums;
  if (d->room > most) d->room = most;
  most = INT32_MAX / (n_row * n_node);         /* lines and values are counted by 32 bits */
  if (d->room > most) d->room = most;
  most = CUBIX_CUDA_CARGO / sizeof *d->gpu_spaxel - 1;
  if (d->room > most) d->room = most;
  if (d->room > d->n_occupied) d->room = d->n_occupied;
  if (d->room < 1) d->room = 1;
done:
  return status;
}

static int reserve(struct filling *d)
{
  int status = CUBIX_OK;
  struct cubix_cuda_batch *batch = &d->batch;
  cudaStream_t stream = d->transfer->staging[0].stream;
  size_t n_line = d->room * (size_t)batch->n_row, sums = n_line * (size_t)batch->nodes.n * sizeof *batch->sum;
  batch->n_spaxel = (int)d->room;
  CUBIX_CUDA(cubix_cuda_cell_scan(batch, NULL, &d->work_bytes, stream));
  CUBIX_TRY(cubix_cuda_workspace_take(&d->transfer->workspace, (void **)&d->gpu_spaxel,
                                      (d->room + 1) * sizeof *d->gpu_spaxel));
  CUBIX_TRY(cubix_cuda_workspace_take(&d->transfer->workspace, (void **)&batch->sum, sums));
  CUBIX_TRY(cubix_cuda_workspace_take(&d->transfer->workspace, (void **)&batch->lo, n_line * sizeof *batch->lo));
  CUBIX_TRY(cubix_cuda_workspace_take(&d->transfer->workspace, (void **)&batch->hi, n_line * sizeof *batch->hi));
  CUBIX_TRY(
      cubix_cuda_workspace_take(&d->transfer->workspace, (void **)&batch->count, (n_line + 1) * sizeof *batch->count));
  CUBIX_TRY(cubix_cuda_workspace_take(&d->transfer->workspace, (void **)&batch->before,
                                      (n_line + 1) * sizeof *batch->before));
  CUBIX_TRY(cubix_cuda_workspace_take(&d->transfer->workspace, &d->gpu_work, d->work_bytes));
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++)
    CUBIX_TRY(cubix_cuda_workspace_take(&d->transfer->workspace, &d->gpu_cargo[b], CUBIX_CUDA_CARGO));
  batch->spaxel = d->gpu_spaxel;
  CUBIX_CUDA(cudaMemsetAsync(batch->sum, 0, sums, stream));
  CUBIX_CUDA(cubix_cuda_cell_forget(batch, stream));
done:
  return status;
}

/* The stars of occupied spaxels a .. b - 1. */
static int add_stars(struct filling *d, size_t a, size_t b)
{
  int status = CUBIX_OK;
  const struct cubix_cuda_staging *staging = d->transfer->staging;
  const size_t *start = d->placement->start, star = sizeof(struct cubix_star), dot = d->dot ? sizeof *d->dot : 0,
               most = CUBIX_CUDA_CARGO / (star + dot);
  size_t first = start[d->occupied[a]], n_star = start[d->occupied[b - 1] + 1] - first,
         bytes = (b - a + 1) * sizeof *d->gpu_spaxel;
  struct cubix_cuda_spaxel *spaxel = staging[0].host;
  for (size_t s = a; s < b; s++) {
    spaxel[s - a].first = start[d->occupied[s]] - first;
    spaxel[s - a].scale = ldexp(1., d->histogram->exponent[d->occupied[s]]);
  }
  spaxel[b - a].first = n_star;
  spaxel[b - a].scale = 0;
  d->batch.n_spaxel = (int)(b - a);
  CUBIX_CUDA(cudaMemcpyAsync(d->gpu_spaxel, spaxel, bytes, cudaMemcpyHostToDevice, staging[0].stream));
  /* the batch before is cleared, and the other streams may begin */
  CUBIX_CUDA(cudaStreamSynchronize(staging[0].stream));
  for (size_t at = 0; at < n_star; at += most, d->turn++) {
    int t = d->turn % CUBIX_CUDA_N_STAGING;
    size_t n = n_star - at < most ? n_star - at : most;
    CUBIX_CUDA(cudaStreamSynchronize(staging[t].stream));
    cubix_cuda_transfer_copy(staging[t].host, d->placement->star + first + at, n * star);
    if (dot) cubix_cuda_transfer_copy((char *)staging[t].host + n * star, d->dot + first + at, n * dot);
    CUBIX_CUDA(
        cudaMemcpyAsync(d->gpu_cargo[t], staging[t].host, n * (star + dot), cudaMemcpyHostToDevice, staging[t].stream));
    const struct cubix_star_bar *gpu_dot = (const void *)((const char *)d->gpu_cargo[t] + n * star);
    if (dot)
      CUBIX_CUDA(
          cubix_cuda_cell_add_dots(&d->batch, &d->tables, d->gpu_cargo[t], gpu_dot, at, (int)n, staging[t].stream));
    else CUBIX_CUDA(cubix_cuda_cell_add(&d->batch, &d->tables, d->gpu_cargo[t], at, (int)n, staging[t].stream));
  }
  CUBIX_TRY(cubix_cuda_transfer_wait(d->transfer));
done:
  return status;
}

/* Count what is in the batch of occupied spaxels a .. b - 1: the spaxels' starts, and how much room
 * the histogram needs. */
static int count(struct filling *d, size_t a, size_t b, size_t *n_block, size_t *n_value)
{
  int status = CUBIX_OK;
  struct cubix_histogram *h = d->histogram;
  const struct cubix_cuda_staging *staging = d->transfer->staging;
  const unsigned long long *before = staging[0].host;
  size_t n = b - a;
  CUBIX_CUDA(cubix_cuda_cell_trim(&d->batch, staging[0].stream));
  CUBIX_CUDA(cubix_cuda_cell_scan(&d->batch, d->gpu_work, &d->work_bytes, staging[0].stream));
  CUBIX_CUDA(cubix_cuda_cell_starts(&d->batch, d->gpu_cargo[0], staging[0].stream));
  CUBIX_CUDA(cudaMemcpyAsync(staging[0].host, d->gpu_cargo[0], (n + 1) * sizeof *before, cudaMemcpyDeviceToHost,
                             staging[0].stream));
  CUBIX_CUDA(cudaStreamSynchronize(staging[0].stream));
  for (size_t s = a; s < b; s++) {             /* empty spaxels behind it begin where it ends */
    size_t next = s + 1 < d->n_occupied ? d->occupied[s + 1] : h->n_spaxel;
    for (size_t i = d->occupied[s] + 1; i <= next; i++) h->start[i] = d->n_block + (size_t)(before[s - a + 1] >> 32);
  }
  *n_block = (size_t)(before[n] >> 32);
  *n_value = (size_t)(before[n] & 0xffffffffu);
done:
  return status;
}

static int grow(struct cubix_histogram *h, size_t n_block, size_t n_value)
{
  int status = CUBIX_OK;
  void *block = realloc(h->block, (n_block + 1) * sizeof *h->block);
  if (block) h->block = block;
  void *value = realloc(h->value, (n_value + 1) * sizeof *h->value);
  if (value) h->value = value;
  CUBIX_CHECK(block && value, CUBIX_ENOMEM,
              "cannot allocate %zu blocks and %zu values for the histogram: use more ranks", n_block, n_value);
done:
  return status;
}

/* What has come down in a staging buffer goes to its place. */
static int land(struct filling *d, int t)
{
  int status = CUBIX_OK;
  struct arrival *arrival = &d->arrival[t];
  CUBIX_CUDA(cudaStreamSynchronize(d->transfer->staging[t].stream));
  cubix_cuda_transfer_copy(arrival->to, d->transfer->staging[t].host, arrival->bytes);
  arrival->bytes = 0;
done:
  return status;
}

/* Send bytes of the next staging buffer's cargo down. */
static int send(struct filling *d, void *to, size_t bytes)
{
  int status = CUBIX_OK, t = d->turn++ % CUBIX_CUDA_N_STAGING;
  const struct cubix_cuda_staging *staging = &d->transfer->staging[t];
  CUBIX_CUDA(cudaMemcpyAsync(staging->host, d->gpu_cargo[t], bytes, cudaMemcpyDeviceToHost, staging->stream));
  d->arrival[t].to = to;
  d->arrival[t].bytes = bytes;
done:
  return status;
}

/* The batch's n_block blocks and n_value values, behind those of the histogram. */
static int fetch(struct filling *d, size_t n_block, size_t n_value)
{
  int status = CUBIX_OK;
  struct cubix_histogram *h = d->histogram;
  size_t most_block = CUBIX_CUDA_CARGO / sizeof *h->block, most_value = CUBIX_CUDA_CARGO / sizeof *h->value;
  for (size_t at = 0; at < n_block; at += most_block) {
    int t = d->turn % CUBIX_CUDA_N_STAGING;
    size_t n = n_block - at < most_block ? n_block - at : most_block;
    CUBIX_TRY(land(d, t));
    CUBIX_CUDA(cubix_cuda_cell_blocks(&d->batch, at, n, h->n_value, d->gpu_cargo[t], d->transfer->staging[t].stream));
    CUBIX_TRY(send(d, h->block + d->n_block + at, n * sizeof *h->block));
  }
  for (size_t at = 0; at < n_value; at += most_value) {
    int t = d->turn % CUBIX_CUDA_N_STAGING;
    size_t n = n_value - at < most_value ? n_value - at : most_value;
    CUBIX_TRY(land(d, t));
    CUBIX_CUDA(cubix_cuda_cell_values(&d->batch, at, n, d->gpu_cargo[t], d->transfer->staging[t].stream));
    CUBIX_TRY(send(d, h->value + h->n_value + at, n * sizeof *h->value));
  }
  for (int t = 0; t < CUBIX_CUDA_N_STAGING; t++) CUBIX_TRY(land(d, t));
  d->n_block += n_block;
  h->n_value += n_value;
  CUBIX_CUDA(cubix_cuda_cell_clear(&d->batch, d->transfer->staging[0].stream));
  CUBIX_CUDA(cubix_cuda_cell_forget(&d->batch, d->transfer->staging[0].stream));
done:
  return status;
}

static int list_occupied(struct filling *d)
{
  int status = CUBIX_OK;
  const struct cubix_placement *p = d->placement;
  CUBIX_ALLOC(d->occupied, p->n_spaxel);
  for (size_t s = 0; s < p->n_spaxel; s++)
    if (p->start[s] < p->start[s + 1]) d->occupied[d->n_occupied++] = s;
done:
  return status;
}

int cubix_cuda_fill(struct cubix_cuda_transfer *transfer, const char *gpu, struct cubix_histogram **out,
                    const struct cubix_nodes *nodes, const int32_t *exponent, const struct cubix_placement *placement,
                    const struct cubix_star_bar *dot, const struct cubix_tables *tables)
{
  int status = CUBIX_OK;
  struct filling d = { .transfer = transfer,
                       .placement = placement,
                       .dot = dot,
                       .tables = cubix_cuda_tables_none(tables),
                       .batch = { .n_row = tables->n_z * tables->n_age * (nodes->axis.n ? nodes->axis.n : 1),
                                  .nodes = *nodes } };
  size_t n_block = 0, n_value = 0;
  CUBIX_CHECK(!tables->pchip, CUBIX_EFAIL,
              "the histogram holds masses, which are never negative, so it cannot serve SspInterpolation pchip; "
              "use the direct method");
  d.batch.nodes.axis.k = NULL;
  CUBIX_TRY(cubix_histogram_init(&d.histogram, nodes, exponent, placement->n_spaxel, 0, 0));
  CUBIX_TRY(list_occupied(&d));
  if (d.n_occupied) {
    CUBIX_TRY(cubix_cuda_transfer_ready(transfer, CUBIX_CUDA_CARGO));
    CUBIX_TRY(divide(&d, gpu));
    CUBIX_TRY(reserve(&d));
  }
  for (size_t a = 0; a < d.n_occupied; a += d.room) {
    size_t b = d.n_occupied - a < d.room ? d.n_occupied : a + d.room;
    CUBIX_TRY(add_stars(&d, a, b));
    CUBIX_TRY(count(&d, a, b, &n_block, &n_value));
    CUBIX_TRY(grow(d.histogram, d.n_block + n_block, d.histogram->n_value + n_value));
    CUBIX_TRY(fetch(&d, n_block, n_value));
  }
  *out = d.histogram;
  d.histogram = NULL;
done:
  cubix_cuda_transfer_abandon(transfer);             /* nothing is under way when memory goes */
  fill_free(&d);
  return status;
}
