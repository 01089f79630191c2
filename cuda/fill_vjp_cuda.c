/* fill_vjp_cuda.c -- derivatives of the histogram by the stars, on the GPU: a cover and the
 * derivatives by its values up, stars up, theirs down.
 *
 * A batch is as many spaxels as there is memory for their blocks and values: usually all.  Its
 * stars, which lie one behind the other, go up in cargoes, one being copied, one under way and one
 * added to the result at any time; theirs come down into the same page-locked memory (32 bytes for
 * 40). Memory is asked for once, before the first batch. */
#include <stdlib.h>
#include <string.h>

#include "cuda/check.h"
#include "cuda/fill_vjp.h"
#include "cuda/histogram_cuda.h"
#include "cuda/tables.h"

struct arrival { size_t first, n; };           /* stars whose derivatives come down in a staging buffer */

struct gather {
  struct cubix_cuda_transfer *transfer;
  const struct cubix_histogram *h;             /* the cover */
  const double *value_bar;
  const struct cubix_placement *placement;
  struct cubix_star_bar *bar;
  struct cubix_tables tables;                      /* no tables: bilinear weights need none */
  struct cubix_cuda_origin *origin;            /* [n_spaxel + 1] */
  size_t room;                                 /* bytes of a batch on the GPU */
  char *gpu_batch;
  int32_t *gpu_lacking;
  struct cubix_star *gpu_star[CUBIX_CUDA_N_STAGING];
  struct cubix_star_bar *gpu_bar[CUBIX_CUDA_N_STAGING];
  struct arrival arrival[CUBIX_CUDA_N_STAGING];
  struct cubix_cuda_cover cover;
};

enum { STAR = sizeof(struct cubix_star), STARS = CUBIX_CUDA_CARGO / STAR };    /* in a cargo */

static void gather_free(struct gather *x)
{
  free(x->origin);
  cubix_cuda_workspace_give(&x->transfer->workspace, x->gpu_batch);
  cubix_cuda_workspace_give(&x->transfer->workspace, x->gpu_lacking);
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) {
    cubix_cuda_workspace_give(&x->transfer->workspace, x->gpu_star[b]);
    cubix_cuda_workspace_give(&x->transfer->workspace, x->gpu_bar[b]);
  }
}

/* Bytes of values, blocks and origins of spaxels a .. b - 1. */
static size_t size_of(const struct gather *x, size_t a, size_t b)
{
  return (cubix_histogram_value_start(x->h, b) - cubix_histogram_value_start(x->h, a)) * sizeof *x->value_bar +
         (x->h->start[b] - x->h->start[a]) * sizeof *x->h->block + (b - a + 1) * sizeof *x->origin;
}

static int reserve(struct gather *x, const char *gpu)
{
  int status = CUBIX_OK;
  const double mib = 1 << 20;
  size_t n = x->h->n_spaxel, all = size_of(x, 0, n), largest = 0,
         cargo = CUBIX_CUDA_N_STAGING * (STARS * (STAR + sizeof **x->gpu_bar)), available, total, spare;
  for (size_t s = 0; s < n; s++) largest = size_of(x, s, s + 1) > largest ? size_of(x, s, s + 1) : largest;
  CUBIX_TRY(cubix_cuda_workspace_room(&x->transfer->workspace, &available, &total));
  spare = available / 16;                      /* what gets lost between allocations */
  CUBIX_CHECK(largest + cargo + spare <= available, CUBIX_EDEVICE,
              "%s: %.1f MiB needed (%.1f for the derivatives of a single spaxel, %.1f for stars under way), %.1f of "
              "%.1f MiB are free: "
              "end other programs on this GPU, take a smaller SspFile or a larger Tolerance, or use Backend cpu",
              gpu, (double)(largest + cargo + spare) / mib, (double)largest / mib, (double)cargo / mib,
              (double)available / mib, (double)total / mib);
  x->room = available - cargo - spare < all ? available - cargo - spare : all;
  CUBIX_TRY(cubix_cuda_transfer_ready(x->transfer, CUBIX_CUDA_CARGO));
  CUBIX_TRY(cubix_cuda_workspace_take(&x->transfer->workspace, (void **)&x->gpu_batch, x->room));
  CUBIX_TRY(cubix_cuda_workspace_take(&x->transfer->workspace, (void **)&x->gpu_lacking, sizeof *x->gpu_lacking));
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) {
    CUBIX_TRY(
        cubix_cuda_workspace_take(&x->transfer->workspace, (void **)&x->gpu_star[b], STARS * sizeof **x->gpu_star));
    CUBIX_TRY(cubix_cuda_workspace_take(&x->transfer->workspace, (void **)&x->gpu_bar[b], STARS * sizeof **x->gpu_bar));
  }
  CUBIX_CUDA(cudaMemsetAsync(x->gpu_lacking, 0xff, sizeof *x->gpu_lacking, x->transfer->staging[0].stream));    /* -1 */
  x->cover.lacking = x->gpu_lacking;
done:
  return status;
}

/* Spaxels a .. *b - 1, as many as there is room for, to the GPU. */
static int upload(struct gather *x, size_t a, size_t *b)
{
  int status = CUBIX_OK;
  const struct cubix_histogram *h = x->h;
  size_t end = a + 1, value = cubix_histogram_value_start(h, a), bytes;
  char *to = x->gpu_batch;
  while (end < h->n_spaxel && size_of(x, a, end + 1) <= x->room) end++;
  x->cover.first = (int)a;
  x->cover.n_spaxel = (int)(end - a);
  x->cover.first_block = h->start[a];
  x->cover.first_value = value;
  x->cover.value_bar = (const double *)to;
  bytes = (cubix_histogram_value_start(h, end) - value) * sizeof *x->value_bar;
  CUBIX_TRY(cubix_cuda_transfer_up(x->transfer, to, x->value_bar + value, bytes));
  x->cover.block = (const struct cubix_cuda_block *)(to += bytes);
  bytes = (h->start[end] - h->start[a]) * sizeof *h->block;
  CUBIX_TRY(cubix_cuda_transfer_up(x->transfer, to, h->block + h->start[a], bytes));
  x->cover.spaxel = (const struct cubix_cuda_origin *)(to += bytes);
  CUBIX_TRY(cubix_cuda_transfer_up(x->transfer, to, x->origin + a, (end - a + 1) * sizeof *x->origin));
  CUBIX_TRY(cubix_cuda_transfer_wait(x->transfer));
  *b = end;
done:
  return status;
}

/* Add what has come down in a staging buffer. */
static int land(struct gather *x, int t)
{
  int status = CUBIX_OK;
  const struct cubix_star_bar *from = x->transfer->staging[t].host;
  struct cubix_star_bar *to = x->bar + x->arrival[t].first;
  CUBIX_CUDA(cudaStreamSynchronize(x->transfer->staging[t].stream));
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < x->arrival[t].n; i++) {
    to[i].mass_formed += from[i].mass_formed;
    to[i].velocity += from[i].velocity;
    to[i].f_z += from[i].f_z;
    to[i].f_age += from[i].f_age;
    to[i].screen += from[i].screen;
  }
  x->arrival[t].n = 0;
done:
  return status;
}

/* Stars first .. last - 1, all of the batch. */
static int take_stars(struct gather *x, size_t first, size_t last)
{
  int status = CUBIX_OK, turn = 0;
  for (size_t at = first; at < last; at += STARS, turn++) {
    int t = turn % CUBIX_CUDA_N_STAGING;
    const struct cubix_cuda_staging *staging = &x->transfer->staging[t];
    size_t n = last - at < STARS ? last - at : STARS;
    CUBIX_TRY(land(x, t));
    cubix_cuda_transfer_copy(staging->host, x->placement->star + at, n * STAR);
    CUBIX_CUDA(cudaMemcpyAsync(x->gpu_star[t], staging->host, n * STAR, cudaMemcpyHostToDevice, staging->stream));
    CUBIX_CUDA(
        cubix_cuda_fill_stars_vjp(&x->cover, &x->tables, x->gpu_star[t], at, (int)n, x->gpu_bar[t], staging->stream));
    CUBIX_CUDA(cudaMemcpyAsync(staging->host, x->gpu_bar[t], n * sizeof **x->gpu_bar, cudaMemcpyDeviceToHost,
                               staging->stream));
    x->arrival[t] = (struct arrival){ at, n };
  }
  for (int t = 0; t < CUBIX_CUDA_N_STAGING; t++) CUBIX_TRY(land(x, t));
done:
  return status;
}

int cubix_cuda_fill_vjp(struct cubix_cuda_transfer *transfer, const char *gpu, const struct cubix_histogram *cover,
                        const double *value_bar, const struct cubix_placement *placement,
                        const struct cubix_tables *tables, struct cubix_star_bar *bar)
{
  int status = CUBIX_OK;
  struct gather x = { .transfer = transfer,
                      .h = cover,
                      .value_bar = value_bar,
                      .placement = placement,
                      .bar = bar,
                      .tables = cubix_cuda_tables_none(tables),
                      .cover = { .nodes = cover->nodes } };
  const size_t *start = placement->start;
  int32_t lacking;
  CUBIX_CHECK(!tables->pchip, CUBIX_EFAIL, "the histogram cannot serve SspInterpolation pchip: use the direct method");
  CUBIX_CHECK(cover->n_spaxel == placement->n_spaxel, CUBIX_EFAIL, "a cover of %zu spaxels for stars in %zu",
              cover->n_spaxel, placement->n_spaxel);
  if (!start[placement->n_spaxel]) goto done;
  x.cover.nodes.axis.k = NULL;
  CUBIX_ALLOC(x.origin, cover->n_spaxel + 1);
  for (size_t s = 0; s <= cover->n_spaxel; s++) x.origin[s] = (struct cubix_cuda_origin){ start[s], cover->start[s] };
  CUBIX_TRY(reserve(&x, gpu));
  for (size_t a = 0, b; a < cover->n_spaxel; a = b) {
    CUBIX_TRY(upload(&x, a, &b));
    CUBIX_TRY(take_stars(&x, start[a], start[b]));
  }
  CUBIX_TRY(cubix_cuda_transfer_down(transfer, &lacking, x.gpu_lacking, sizeof lacking));
  CUBIX_CHECK(lacking < 0, CUBIX_EFAIL,
              "the cover lacks rows or nodes that stars of spaxel %d touch: it was made of other stars", lacking);
done:
  cubix_cuda_transfer_abandon(transfer);             /* nothing is under way when memory goes */
  gather_free(&x);
  return status;
}
