/* paint_vjp_cuda.c -- derivatives of the direct method on the GPU: the flow of stars with their
 * spaxels' cotangents there and their derivatives back, or of stars with their tangents there and
 * their spaxels' back.
 *
 * Stars, in the order of their spaxels, travel in cargoes: each has a number of stars, their bars
 * or dots, the runs that they make (a spaxel's stars in the cargo), and a row [n_lambda] for each
 * run.  A cargo ends where either stars or rows are full; a spaxel cut there has a row in both.
 * Both ways stars and runs go up; reverse, rows go up and bars come down; forward, dots go up and
 * rows come down.  The model's tables are there already (device_cuda.c).
 * Memory: three cargoes of 16 MiB, or what a row takes, there and page-locked here; the templates'
 * derivatives in float64, where they are asked for. */
#include "cuda/paint_vjp.h"

#include <string.h>

#include "cube/cube.h"
#include "cube/placement.h"
#include "cuda/check.h"

/* A cargo's parts, in a staging buffer and, in the same places, on the GPU. */
struct parts {
  struct cubix_star *star;        /* [max_star] */
  struct cubix_star_bar *bar;     /* [max_star] dots or bars */
  struct cubix_cuda_run *run;     /* [max_row] */
  cubix_real *row;                /* [max_row][n_lambda] */
};

struct load {
  size_t first, n_star;           /* stars */
  size_t first_spaxel;
  int n_run;
};

struct travel {
  struct cubix_cuda_transfer *transfer;
  const struct cubix_tables *tables;
  const struct cubix_placement *placement;
  /* reverse */
  const struct cubix_cube *cube_bar;          /* NULL: forward */
  struct cubix_star_bar *bar;
  double *gpu_row_bar;
  /* forward */
  const struct cubix_star_bar *dot;
  struct cubix_cube *cube_dot;

  size_t max_star, max_row, row_bytes;
  size_t spaxel, star;            /* where the next cargo begins */
  void *gpu_cargo[CUBIX_CUDA_N_STAGING];
  struct load load[CUBIX_CUDA_N_STAGING];
};

static struct parts parts_of(const struct travel *x, void *cargo)
{
  struct parts p;
  p.star = cargo;
  p.bar = (struct cubix_star_bar *)(p.star + x->max_star);
  p.row = (cubix_real *)(p.bar + x->max_star);
  p.run = (struct cubix_cuda_run *)((char *)p.row + x->max_row * x->row_bytes);
  return p;
}

static void travel_free(struct travel *x)
{
  cubix_cuda_workspace_give(&x->transfer->workspace, x->gpu_row_bar);
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) cubix_cuda_workspace_give(&x->transfer->workspace, x->gpu_cargo[b]);
}

/* Room for three cargoes, and for the templates' derivatives [bytes]. */
static int reserve(struct travel *x, const char *gpu, size_t templates)
{
  int status = CUBIX_OK;
  const double mib = 1 << 20;
  size_t star = sizeof(struct cubix_star) + sizeof(struct cubix_star_bar), row, bytes, available, total;
  x->row_bytes = sizeof(cubix_real) * (size_t)x->tables->n_lambda;
  row = x->row_bytes + sizeof(struct cubix_cuda_run);
  x->max_star = CUBIX_CUDA_CARGO / 2 / star;
  x->max_row = CUBIX_CUDA_CARGO / 2 / row;
  if (x->max_row < 1) x->max_row = 1;
  bytes = x->max_star * star + x->max_row * row;
  CUBIX_TRY(cubix_cuda_workspace_room(&x->transfer->workspace, &available, &total));
  CUBIX_CHECK(
      CUBIX_CUDA_N_STAGING * bytes + templates <= available, CUBIX_EDEVICE,
      "%s: %.1f MiB needed (%.1f for stars and spectra under way, %.1f for derivatives by the templates), %.1f of %.1f "
      "MiB are free: "
      "end other programs on this GPU, take a smaller SspFile or band (LambdaMin, LambdaMax), or use Backend cpu",
      gpu, (double)(CUBIX_CUDA_N_STAGING * bytes + templates) / mib, (double)(CUBIX_CUDA_N_STAGING * bytes) / mib,
      (double)templates / mib, (double)available / mib, (double)total / mib);
  CUBIX_TRY(cubix_cuda_transfer_ready(x->transfer, bytes));
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++)
    CUBIX_TRY(cubix_cuda_workspace_take(&x->transfer->workspace, &x->gpu_cargo[b], bytes));
  if (templates) {
    CUBIX_TRY(cubix_cuda_workspace_take(&x->transfer->workspace, (void **)&x->gpu_row_bar, templates));
    CUBIX_CUDA(cudaMemsetAsync(x->gpu_row_bar, 0, templates, x->transfer->staging[0].stream));
    CUBIX_CUDA(cudaStreamSynchronize(x->transfer->staging[0].stream));
  }
done:
  return status;
}

/* The next stars, as many as there is room for, into a staging buffer. */
static void stage(struct travel *x, int t)
{
  const struct cubix_placement *p = x->placement;
  struct parts to = parts_of(x, x->transfer->staging[t].host);
  struct load *load = &x->load[t];
  *load = (struct load){ .first = x->star };
  while (x->spaxel < p->n_spaxel && load->n_star < x->max_star && (size_t)load->n_run < x->max_row) {
    size_t left = p->start[x->spaxel + 1] - x->star, room = x->max_star - load->n_star,
           take = left < room ? left : room;
    if (take) {
      to.run[load->n_run] =
          (struct cubix_cuda_run){ (int32_t)load->n_star, (int32_t)(load->n_star + take), load->n_run };
      if (x->cube_bar)
        memcpy((char *)to.row + (size_t)load->n_run * x->row_bytes,
               x->cube_bar->flux + x->spaxel * (size_t)x->tables->n_lambda, x->row_bytes);
      if (!load->n_run++) load->first_spaxel = x->spaxel;
    }
    load->n_star += take;
    x->star += take;
    if (take == left) x->spaxel++;
  }
  cubix_cuda_transfer_copy(to.star, p->star + load->first, load->n_star * sizeof *to.star);
  if (x->dot) cubix_cuda_transfer_copy(to.bar, x->dot + load->first, load->n_star * sizeof *to.bar);
}

/* Queue a cargo's way there, its work and its way back. */
static int submit(const struct travel *x, int t)
{
  int status = CUBIX_OK, n_run = x->load[t].n_run;
  cudaStream_t stream = x->transfer->staging[t].stream;
  struct parts here = parts_of(x, x->transfer->staging[t].host), there = parts_of(x, x->gpu_cargo[t]);
  size_t n = x->load[t].n_star, stars = n * sizeof *here.star, bars = n * sizeof *here.bar,
         rows = (size_t)n_run * x->row_bytes;
  const struct cubix_cuda_runs runs = { (int)n, n_run, there.star, there.run, there.bar, there.row };
  CUBIX_CUDA(cudaMemcpyAsync(there.star, here.star, stars, cudaMemcpyHostToDevice, stream));
  CUBIX_CUDA(cudaMemcpyAsync(there.run, here.run, (size_t)n_run * sizeof *here.run, cudaMemcpyHostToDevice, stream));
  if (x->cube_bar) {
    CUBIX_CUDA(cudaMemcpyAsync(there.row, here.row, rows, cudaMemcpyHostToDevice, stream));
    CUBIX_CUDA(cubix_cuda_paint_vjp_runs(x->tables, &runs, x->gpu_row_bar, stream));
    CUBIX_CUDA(cudaMemcpyAsync(here.bar, there.bar, bars, cudaMemcpyDeviceToHost, stream));
  } else {
    CUBIX_CUDA(cudaMemcpyAsync(there.bar, here.bar, bars, cudaMemcpyHostToDevice, stream));
    CUBIX_CUDA(cubix_cuda_paint_jvp_runs(x->tables, &runs, stream));
    CUBIX_CUDA(cudaMemcpyAsync(here.row, there.row, rows, cudaMemcpyDeviceToHost, stream));
  }
done:
  return status;
}

/* Wait for a cargo and add what it brings; its staging buffer is free then. */
static int collect(struct travel *x, int t)
{
  int status = CUBIX_OK;
  struct load *load = &x->load[t];
  struct parts from = parts_of(x, x->transfer->staging[t].host);
  size_t n_lambda = (size_t)x->tables->n_lambda, s = load->first_spaxel;
  if (!load->n_star) goto done;
  CUBIX_CUDA(cudaStreamSynchronize(x->transfer->staging[t].stream));
  for (size_t i = 0; i < load->n_star && x->bar; i++) {
    struct cubix_star_bar *bar = &x->bar[load->first + i];
    bar->mass_formed += from.bar[i].mass_formed;
    bar->velocity += from.bar[i].velocity;
    bar->f_z += from.bar[i].f_z;
    bar->f_age += from.bar[i].f_age;
    bar->screen += from.bar[i].screen;
  }
  for (int r = 0; r < load->n_run && x->cube_dot; r++) {
    size_t star = load->first + (size_t)from.run[r].first;
    while (x->placement->start[s + 1] <= star) s++;
    cubix_real *flux = x->cube_dot->flux + s * n_lambda;
    for (size_t k = 0; k < n_lambda; k++) flux[k] += from.row[(size_t)r * n_lambda + k];
  }
  load->n_star = 0;
done:
  return status;
}

static int travel(struct travel *x)
{
  int status = CUBIX_OK;
  size_t n_star = x->placement->start[x->placement->n_spaxel], collected = 0;
  for (int turn = 0; collected < n_star; turn = (turn + 1) % CUBIX_CUDA_N_STAGING) {
    collected += x->load[turn].n_star;
    CUBIX_TRY(collect(x, turn));
    if (x->star == n_star) continue;
    stage(x, turn);
    CUBIX_TRY(submit(x, turn));
  }
done:
  return status;
}

/* The templates' derivatives come down, and are added. */
static int take_rows(const struct travel *x, double *row_bar, size_t n)
{
  int status = CUBIX_OK;
  const struct cubix_cuda_staging *staging = &x->transfer->staging[0];
  const double *from = staging->host;
  size_t most = x->transfer->bytes / sizeof *from;
  for (size_t at = 0, now; at < n; at += now) {
    now = n - at < most ? n - at : most;
    CUBIX_CUDA(cudaMemcpyAsync(staging->host, x->gpu_row_bar + at, now * sizeof *from, cudaMemcpyDeviceToHost,
                               staging->stream));
    CUBIX_CUDA(cudaStreamSynchronize(staging->stream));
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < now; i++) row_bar[at + i] += from[i];
  }
done:
  return status;
}

int cubix_cuda_paint_vjp(struct cubix_cuda_transfer *transfer, const char *gpu, const struct cubix_tables *tables,
                         const struct cubix_placement *placement, const struct cubix_cube *cube_bar,
                         struct cubix_star_bar *bar, double *row_bar)
{
  int status = CUBIX_OK;
  struct travel x = {
    .transfer = transfer, .tables = tables, .placement = placement, .cube_bar = cube_bar, .bar = bar
  };
  size_t n = row_bar ? (size_t)tables->n_row * (size_t)tables->row_stride : 0;
  if (!placement->start[placement->n_spaxel]) goto done;
  CUBIX_TRY(reserve(&x, gpu, n * sizeof *row_bar));
  CUBIX_TRY(travel(&x));
  CUBIX_TRY(take_rows(&x, row_bar, n));
done:
  cubix_cuda_transfer_abandon(transfer);             /* nothing is under way when memory goes */
  travel_free(&x);
  return status;
}

int cubix_cuda_paint_jvp(struct cubix_cuda_transfer *transfer, const char *gpu, const struct cubix_tables *tables,
                         const struct cubix_placement *placement, const struct cubix_star_bar *dot,
                         struct cubix_cube *cube_dot)
{
  int status = CUBIX_OK;
  struct travel x = {
    .transfer = transfer, .tables = tables, .placement = placement, .dot = dot, .cube_dot = cube_dot
  };
  if (!placement->start[placement->n_spaxel]) goto done;
  CUBIX_TRY(reserve(&x, gpu, 0));
  CUBIX_TRY(travel(&x));
done:
  cubix_cuda_transfer_abandon(transfer);             /* nothing is under way when memory goes */
  travel_free(&x);
  return status;
}
