/* paint_cuda.c -- the direct method on the GPU: the flow of stars there and of spectra back.
 *
 * Stars, in the order of their spaxels (placement.h), travel in chunks of 2^18; a chunk also ends
 * where its spaxels' spectra fill the result's buffer.  A spaxel's stars within a chunk are a run,
 * which becomes one row [n_lambda] of the result; the rows come back and are added to the cube on
 * the host.  So the GPU never holds the cube: what it needs depends on the library and the buffers,
 * not on the field, and what travels back is the light of the occupied spaxels only.  A spaxel cut
 * by the end of a chunk gets two rows.
 *
 * Every staging buffer of the transfer has a chunk, with twins of its buffers on the GPU.  While
 * the GPU works on some, the host adds the rows of another to the cube and fills it with the next
 * stars; chunks share nothing but the model's tables, so a stream's own order is all the order
 * there need be.  Rows are added in the order of chunks: the same bits every time. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cube/cube.h"
#include "cube/placement.h"
#include "cuda/check.h"
#include "cuda/paint.h"
#include "cuda/paint_vjp.h"

#ifndef CUBIX_CUDA_CHUNK          /* the tests take small ones */
#define CUBIX_CUDA_CHUNK 262144   /* stars */
#define CUBIX_CUDA_RESULT ((size_t)48 << 20) /* bytes of rows */
#define CUBIX_CUDA_MANY 2048      /* stars in a run from which on several threads share a channel */
#endif

/* A chunk's parts, in a staging buffer and, in the same places, on the GPU. */
struct parts {
  struct cubix_star *star;        /* [CUBIX_CUDA_CHUNK] */
  cubix_real *row;                /* [n_row][n_lambda] */
  struct cubix_cuda_run *run;     /* [n_row] wide runs from the front, deep ones from the back */
};

struct chunk {
  void *gpu;
  size_t *spaxel;                 /* [n_row] where a row belongs */
  size_t n_star;                  /* under way */
  int n_wide, n_deep;
};

struct flow {
  struct cubix_cuda_transfer *transfer;
  const struct cubix_tables *tables;
  const struct cubix_placement *placement;
  struct cubix_cube *cube;
  size_t n_row;                   /* room of a chunk */
  size_t spaxel, star;            /* where the next chunk begins */
  struct chunk chunk[CUBIX_CUDA_N_STAGING];
};

static struct parts parts_of(const struct flow *x, void *cargo)
{
  struct parts p;
  p.star = cargo;
  p.row = (cubix_real *)(p.star + CUBIX_CUDA_CHUNK);
  p.run = (struct cubix_cuda_run *)(p.row + x->n_row * (size_t)x->tables->n_lambda);
  return p;
}

static void flow_free(struct flow *x)
{
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) {
    cubix_cuda_workspace_give(&x->transfer->workspace, x->chunk[b].gpu);
    free(x->chunk[b].spaxel);
  }
}

/* Spectra for which a chunk has room: a full buffer, and not more than there are spaxels, but one. */
static size_t room_for(size_t n_spaxel, size_t n_lambda)
{
  const size_t full = CUBIX_CUDA_RESULT / (sizeof(cubix_real) * n_lambda), most = full < n_spaxel ? full : n_spaxel;
  return most > 1 ? most : 1;
}

static size_t chunk_bytes(size_t n_row, size_t n_lambda)
{
  const size_t row = sizeof(struct cubix_cuda_run) + sizeof(cubix_real) * n_lambda;
  return CUBIX_CUDA_CHUNK * sizeof(struct cubix_star) + n_row * row;
}

size_t cubix_cuda_paint_staging(size_t n_spaxel, size_t n_lambda)
{
  return chunk_bytes(room_for(n_spaxel, n_lambda), n_lambda);
}

static int reserve(struct flow *x, const char *gpu)
{
  int status = CUBIX_OK;
  const double mib = 1 << 20;
  size_t n_lambda = (size_t)x->tables->n_lambda, bytes, available, total;
  x->n_row = room_for(x->placement->n_spaxel, n_lambda);
  bytes = chunk_bytes(x->n_row, n_lambda);
  CUBIX_TRY(cubix_cuda_workspace_room(&x->transfer->workspace, &available, &total));
  CUBIX_CHECK(
      CUBIX_CUDA_N_STAGING * bytes <= available, CUBIX_EDEVICE,
      "%s: %.1f MiB needed for stars and spectra under way, %.1f of %.1f MiB are free: "
      "end other programs on this GPU, take a smaller SspFile or band (LambdaMin, LambdaMax), or use Backend cpu",
      gpu, (double)(CUBIX_CUDA_N_STAGING * bytes) / mib, (double)available / mib, (double)total / mib);
  CUBIX_TRY(cubix_cuda_transfer_ready(x->transfer, bytes));
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) {
    CUBIX_ALLOC(x->chunk[b].spaxel, x->n_row);
    CUBIX_TRY(cubix_cuda_workspace_take(&x->transfer->workspace, &x->chunk[b].gpu, bytes));
  }
done:
  return status;
}

/* The next stars, as many as there is room for, into a staging buffer. */
static void stage(struct flow *x, int t)
{
  const struct cubix_placement *p = x->placement;
  struct parts to = parts_of(x, x->transfer->staging[t].host);
  struct chunk *chunk = &x->chunk[t];
  size_t first = x->star, n = 0;
  int n_run = 0;
  while (x->spaxel < p->n_spaxel && n < CUBIX_CUDA_CHUNK && (size_t)n_run < x->n_row) {
    size_t left = p->start[x->spaxel + 1] - x->star, room = CUBIX_CUDA_CHUNK - n, take = left < room ? left : room;
    if (take) {
      size_t at = take < CUBIX_CUDA_MANY ? (size_t)chunk->n_wide++ : x->n_row - (size_t)++chunk->n_deep;
      to.run[at] = (struct cubix_cuda_run){ (int32_t)n, (int32_t)(n + take), n_run };
      chunk->spaxel[n_run++] = x->spaxel;
    }
    n += take;
    x->star += take;
    if (take == left) x->spaxel++;
  }
  cubix_cuda_transfer_copy(to.star, p->star + first, sizeof *to.star * n);
  chunk->n_star = n;
}

/* Queue a chunk's way there, its work and its way back. */
static int submit(const struct flow *x, int t)
{
  int status = CUBIX_OK, n_wide = x->chunk[t].n_wide, n_deep = x->chunk[t].n_deep;
  struct parts here = parts_of(x, x->transfer->staging[t].host), there = parts_of(x, x->chunk[t].gpu);
  cudaStream_t stream = x->transfer->staging[t].stream;
  size_t deep = x->n_row - (size_t)n_deep,
         rows = sizeof *here.row * (size_t)x->tables->n_lambda * (size_t)(n_wide + n_deep);
  CUBIX_CUDA(
      cudaMemcpyAsync(there.star, here.star, sizeof *here.star * x->chunk[t].n_star, cudaMemcpyHostToDevice, stream));
  CUBIX_CUDA(cudaMemcpyAsync(there.run, here.run, sizeof *here.run * (size_t)n_wide, cudaMemcpyHostToDevice, stream));
  CUBIX_CUDA(cudaMemcpyAsync(there.run + deep, here.run + deep, sizeof *here.run * (size_t)n_deep,
                             cudaMemcpyHostToDevice, stream));
  CUBIX_CUDA(cubix_cuda_paint(x->tables, there.star, there.run + deep, n_deep, CUBIX_CUDA_DEEP, there.row, stream));
  CUBIX_CUDA(cubix_cuda_paint(x->tables, there.star, there.run, n_wide, CUBIX_CUDA_WIDE, there.row, stream));
  CUBIX_CUDA(cudaMemcpyAsync(here.row, there.row, rows, cudaMemcpyDeviceToHost, stream));
done:
  return status;
}

/* Wait for a chunk and add its rows to the cube; its staging buffer is free then. */
static int collect(struct flow *x, int t)
{
  int status = CUBIX_OK;
  struct chunk *chunk = &x->chunk[t];
  int n_run = chunk->n_wide + chunk->n_deep;
  const cubix_real *from = parts_of(x, x->transfer->staging[t].host).row;
  size_t n_lambda = (size_t)x->tables->n_lambda;
  if (!chunk->n_star) goto done;
  CUBIX_CUDA(cudaStreamSynchronize(x->transfer->staging[t].stream));
#pragma omp parallel for schedule(static)
  for (int r = 0; r < n_run; r++) {         /* no spaxel has two rows in one chunk */
    cubix_real *flux = x->cube->flux + chunk->spaxel[r] * n_lambda;
    const cubix_real *row = from + (size_t)r * n_lambda;
    for (size_t k = 0; k < n_lambda; k++) flux[k] += row[k];
  }
  chunk->n_star = 0;
  chunk->n_wide = chunk->n_deep = 0;
done:
  return status;
}

int cubix_cuda_paint_stars(struct cubix_cuda_transfer *transfer, const char *gpu, const struct cubix_tables *tables,
                           const struct cubix_placement *placement, struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  struct flow x = { .transfer = transfer, .tables = tables, .placement = placement, .cube = cube };
  size_t n_star = placement->start[placement->n_spaxel], collected = 0;
  if (!n_star) goto done;
  CUBIX_TRY(reserve(&x, gpu));
  for (int turn = 0; collected < n_star; turn = (turn + 1) % CUBIX_CUDA_N_STAGING) {
    collected += x.chunk[turn].n_star;
    CUBIX_TRY(collect(&x, turn));
    cubix_log_progress("paint", (double)collected / (double)n_star);
    if (x.star == n_star) continue;
    stage(&x, turn);
    CUBIX_TRY(submit(&x, turn));
  }
done:
  cubix_cuda_transfer_abandon(transfer);             /* nothing is under way when memory goes */
  flow_free(&x);
  return status;
}
