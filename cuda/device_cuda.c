/* device_cuda.c -- the GPU as a processor: its memory, and the flow of stars to it and of spectra back.
 *
 * The templates and the other tables of the model are copied to the GPU once.  Stars, in the order of their spaxels (placement.h), travel in
 * chunks of 2^18; a chunk also ends where its spaxels' spectra fill the result's buffer.  A spaxel's stars within a chunk are a run, which becomes one row [n_lambda] of the result; the rows come back
 * and are added to the cube on the host.  So the GPU never holds the cube: what it needs depends on the library and the buffers, not on the
 * field, and what travels back is the light of the occupied spaxels only.  A spaxel cut by the end of a chunk gets two rows.
 *
 * There are two slots, each with its stream, buffers on the GPU and page-locked twins of them on the host.  While the GPU works on one, the host
 * adds the rows of the other to the cube and fills it with the next stars; slots share nothing but the tables, so a stream's own order is all the
 * order there need be.  Rows are added in the order of chunks: the same bits every time.
 *
 * The histogram engine and all derivatives travel by the ferry (ferry.h) instead; the direct method's derivatives use the tables that are loaded here.
 *
 * Limits: at most 65535 x 32 channels; GPUs of compute capability 8.0 or newer, as the code is compiled for.                              */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "device.h"
#include "histogram_cuda.h"
#include "log.h"
#include "paint.h"
#include "paint_vjp.h"

#ifndef CUBIX_CUDA_CHUNK          /* the tests take small ones */
#define CUBIX_CUDA_CHUNK 262144   /* stars */
#define CUBIX_CUDA_RESULT 67108864 /* bytes of rows */
#define CUBIX_CUDA_MANY 2048      /* stars in a run from which on several threads share a channel */
#endif

enum { N_SLOT = 2, N_TABLE = 7, LEAST_CAPABILITY = 8 };

struct slot {
  cudaStream_t stream;
  struct cubix_star *star, *gpu_star;  /* [CUBIX_CUDA_CHUNK] */
  struct cubix_cuda_run *run, *gpu_run;     /* [n_row]: wide runs from the front, deep ones from the back */
  cubix_real *row, *gpu_row;                /* [n_row][n_lambda] */
  size_t *spaxel;                           /* [n_row] where a row belongs; host only */
  size_t n_star;                            /* under way */
  int n_wide, n_deep;
};

struct cuda {
  int gpu;                                  /* CUDA's number of it */
  struct cubix_view view;                   /* its tables lie on the GPU */
  void *table[N_TABLE];
  size_t n_row;                             /* room of a slot */
  struct slot slot[N_SLOT];
  struct cubix_cuda_ferry ferry;            /* of the histogram engine, and the basis it keeps here */
  struct cubix_cuda_kept kept;
};

/* How many stars are staged so far. */
struct cursor { size_t spaxel, star; };

/* CUDA's number of the i-th GPU that can run our code, -1 where there is none; *n, if wanted: how many there are. */
static int find_gpu(int i, int *n)
{
  int n_gpu = 0, n_usable = 0, found = -1;
  if (cudaGetDeviceCount(&n_gpu) != cudaSuccess) n_gpu = 0;
  for (int gpu = 0; gpu < n_gpu; gpu++) {
    int capability = 0, mode = cudaComputeModeProhibited;
    if (cudaDeviceGetAttribute(&capability, cudaDevAttrComputeCapabilityMajor, gpu) != cudaSuccess) continue;
    if (cudaDeviceGetAttribute(&mode, cudaDevAttrComputeMode, gpu) != cudaSuccess) continue;
    if (capability < LEAST_CAPABILITY || mode == cudaComputeModeProhibited) continue;
    if (n_usable++ == i) found = gpu;
  }
  (void)cudaGetLastError();       /* no driver, no GPU: not an error here */
  if (n) *n = n_usable;
  return found;
}

static int cuda_count(void)
{
  int n;
  find_gpu(0, &n);
  return n;
}

static int cuda_open(struct cubix_device *dev, int ordinal)
{
  int status = CUBIX_OK;
  struct cuda *cuda = NULL;
  struct cudaDeviceProp properties;
  CUBIX_ALLOC(cuda, 1);
  cuda->gpu = find_gpu(ordinal, NULL);
  CUBIX_CHECK(cuda->gpu >= 0, CUBIX_EDEVICE, "GPU %d of this node cannot be used: start one rank per GPU, or use Backend cpu", ordinal);
  CUBIX_CUDA(cudaSetDevice(cuda->gpu));
  CUBIX_CUDA(cudaGetDeviceProperties(&properties, cuda->gpu));
  snprintf(dev->description, sizeof dev->description, "%.200s, %.0f GiB", properties.name, (double)properties.totalGlobalMem / (1 << 30));
  dev->state = cuda;
  cuda = NULL;
done:
  free(cuda);
  return status;
}

/* Let what is under way come to its end, and forget it. */
static void abandon(struct cuda *cuda)
{
  for (int s = 0; s < N_SLOT; s++) {
    struct slot *slot = &cuda->slot[s];
    if (slot->stream) (void)cudaStreamSynchronize(slot->stream);
    slot->n_star = 0;
    slot->n_wide = slot->n_deep = 0;
  }
  (void)cudaGetLastError();
}

static void unload(struct cuda *cuda)
{
  abandon(cuda);
  for (int s = 0; s < N_SLOT; s++) {
    struct slot *slot = &cuda->slot[s];
    if (slot->stream) (void)cudaStreamDestroy(slot->stream);
    (void)cudaFree(slot->gpu_star);
    (void)cudaFree(slot->gpu_run);
    (void)cudaFree(slot->gpu_row);
    (void)cudaFreeHost(slot->star);
    (void)cudaFreeHost(slot->run);
    (void)cudaFreeHost(slot->row);
    free(slot->spaxel);
    memset(slot, 0, sizeof *slot);
  }
  for (int t = 0; t < N_TABLE; t++) {
    (void)cudaFree(cuda->table[t]);
    cuda->table[t] = NULL;
  }
}

static int slot_init(struct slot *slot, size_t n_row, size_t n_lambda)
{
  int status = CUBIX_OK;
  size_t star = sizeof *slot->star * CUBIX_CUDA_CHUNK, run = sizeof *slot->run * n_row, row = sizeof *slot->row * n_row * n_lambda;
  CUBIX_ALLOC(slot->spaxel, n_row);
  CUBIX_CUDA(cudaStreamCreateWithFlags(&slot->stream, cudaStreamNonBlocking));
  CUBIX_CUDA(cudaMalloc((void **)&slot->gpu_star, star));
  CUBIX_CUDA(cudaMalloc((void **)&slot->gpu_run, run));
  CUBIX_CUDA(cudaMalloc((void **)&slot->gpu_row, row));
  CUBIX_CUDA(cudaMallocHost((void **)&slot->star, star));
  CUBIX_CUDA(cudaMallocHost((void **)&slot->run, run));
  CUBIX_CUDA(cudaMallocHost((void **)&slot->row, row));
done:
  return status;
}

/* The tables of a view, in the order in which use_tables takes them. */
struct table { const void *host; size_t bytes; };

static size_t list_tables(const struct cubix_view *v, struct table *table)
{
  const struct table list[N_TABLE] = {
    { v->row, sizeof *v->row * (size_t)v->n_row * (size_t)v->row_stride },
    { v->light, sizeof *v->light * (size_t)v->n_row },
    { v->log_z, sizeof *v->log_z * (size_t)v->n_z },
    { v->log_age, sizeof *v->log_age * (size_t)v->n_age },
    { v->knot, sizeof *v->knot * (size_t)v->n_knot },
    { v->first, sizeof *v->first * (size_t)v->n_cell },
    { v->edge, sizeof *v->edge * ((size_t)v->n_lambda + 1) },
  };
  size_t total = 0;
  memcpy(table, list, sizeof list);
  for (int t = 0; t < N_TABLE; t++) total += list[t].bytes;
  return total;
}

static void use_tables(struct cubix_view *v, void *const *table)
{
  v->row = table[0];
  v->light = table[1];
  v->log_z = table[2];
  v->log_age = table[3];
  v->knot = table[4];
  v->first = table[5];
  v->edge = table[6];
}

static int cuda_load(struct cubix_device *dev, const struct cubix_view *v)
{
  int status = CUBIX_OK;
  const double mib = 1 << 20;
  struct cuda *cuda = dev->state;
  struct table table[N_TABLE];
  size_t n_lambda = (size_t)v->n_lambda, n_spaxel = (size_t)v->n_x * (size_t)v->n_y, tables = list_tables(v, table), buffers, available, total;
  CUBIX_CUDA(cudaSetDevice(cuda->gpu));
  unload(cuda);
  CUBIX_CHECK(v->n_lambda <= CUBIX_CUDA_MAX_CHANNEL, CUBIX_EDEVICE, "%d channels: at most %d on a GPU; use a larger LambdaStep, or Backend cpu", v->n_lambda, CUBIX_CUDA_MAX_CHANNEL);
  cuda->n_row = CUBIX_CUDA_RESULT / (sizeof(cubix_real) * n_lambda);
  if (cuda->n_row > n_spaxel) cuda->n_row = n_spaxel;
  if (cuda->n_row < 1) cuda->n_row = 1;
  buffers = N_SLOT * (CUBIX_CUDA_CHUNK * sizeof(struct cubix_star) + cuda->n_row * (sizeof(struct cubix_cuda_run) + sizeof(cubix_real) * n_lambda));
  CUBIX_CUDA(cudaMemGetInfo(&available, &total));
  CUBIX_CHECK(tables + buffers <= available, CUBIX_EDEVICE,
              "%s: %.1f MiB needed (%.1f for the templates and other tables, %.1f for stars and spectra under way), %.1f of %.1f MiB are free: "
              "end other programs on this GPU, take a smaller SspFile or band (LambdaMin, LambdaMax), or use Backend cpu",
              dev->description, (double)(tables + buffers) / mib, (double)tables / mib, (double)buffers / mib, (double)available / mib, (double)total / mib);
  CUBIX_TRY(cubix_cuda_ferry_ready(&cuda->ferry, CUBIX_CUDA_CARGO));
  for (int t = 0; t < N_TABLE; t++) {
    CUBIX_CUDA(cudaMalloc(&cuda->table[t], table[t].bytes));
    CUBIX_TRY(cubix_cuda_ferry_up(&cuda->ferry, cuda->table[t], table[t].host, table[t].bytes));
  }
  CUBIX_TRY(cubix_cuda_ferry_wait(&cuda->ferry));
  cuda->view = *v;
  use_tables(&cuda->view, cuda->table);
  for (int s = 0; s < N_SLOT; s++) CUBIX_TRY(slot_init(&cuda->slot[s], cuda->n_row, n_lambda));
done:
  return status;
}

/* Fill a slot with the next stars, as many as it holds. */
static void stage(struct slot *slot, size_t n_row, const struct cubix_placement *p, struct cursor *next)
{
  size_t first = next->star, n = 0;
  int n_run = 0;
  while (next->spaxel < p->n_spaxel && n < CUBIX_CUDA_CHUNK && (size_t)n_run < n_row) {
    size_t left = p->start[next->spaxel + 1] - next->star, room = CUBIX_CUDA_CHUNK - n, take = left < room ? left : room;
    if (take) {
      size_t at = take < CUBIX_CUDA_MANY ? (size_t)slot->n_wide++ : n_row - (size_t)++slot->n_deep;
      slot->run[at].first = (int32_t)n;
      slot->run[at].last = (int32_t)(n + take);
      slot->run[at].row = n_run;
      slot->spaxel[n_run++] = next->spaxel;
    }
    n += take;
    next->star += take;
    if (take == left) next->spaxel++;
  }
  memcpy(slot->star, p->star + first, sizeof *slot->star * n);
  slot->n_star = n;
}

/* Queue a slot's way there, its work and its way back. */
static int submit(const struct cuda *cuda, const struct slot *slot)
{
  int status = CUBIX_OK, n_wide = slot->n_wide, n_deep = slot->n_deep;
  size_t deep = cuda->n_row - (size_t)n_deep, one_row = sizeof *slot->row * (size_t)cuda->view.n_lambda;
  CUBIX_CUDA(cudaMemcpyAsync(slot->gpu_star, slot->star, sizeof *slot->star * slot->n_star, cudaMemcpyHostToDevice, slot->stream));
  CUBIX_CUDA(cudaMemcpyAsync(slot->gpu_run, slot->run, sizeof *slot->run * (size_t)n_wide, cudaMemcpyHostToDevice, slot->stream));
  CUBIX_CUDA(cudaMemcpyAsync(slot->gpu_run + deep, slot->run + deep, sizeof *slot->run * (size_t)n_deep, cudaMemcpyHostToDevice, slot->stream));
  CUBIX_CUDA(cubix_cuda_paint(&cuda->view, slot->gpu_star, slot->gpu_run + deep, n_deep, CUBIX_CUDA_DEEP, slot->gpu_row, slot->stream));
  CUBIX_CUDA(cubix_cuda_paint(&cuda->view, slot->gpu_star, slot->gpu_run, n_wide, CUBIX_CUDA_WIDE, slot->gpu_row, slot->stream));
  CUBIX_CUDA(cudaMemcpyAsync(slot->row, slot->gpu_row, one_row * (size_t)(n_wide + n_deep), cudaMemcpyDeviceToHost, slot->stream));
done:
  return status;
}

/* Wait for a slot and add its rows to the cube; the slot is free then. */
static int collect(struct slot *slot, struct cubix_cube *cube)
{
  int status = CUBIX_OK, n_run = slot->n_wide + slot->n_deep;
  size_t n_lambda = (size_t)cube->n_lambda;
  if (!slot->n_star) goto done;
  CUBIX_CUDA(cudaStreamSynchronize(slot->stream));
#pragma omp parallel for schedule(static)
  for (int r = 0; r < n_run; r++) {         /* no spaxel has two rows in one chunk */
    cubix_real *flux = cube->flux + slot->spaxel[r] * n_lambda;
    const cubix_real *row = slot->row + (size_t)r * n_lambda;
    for (size_t k = 0; k < n_lambda; k++) flux[k] += row[k];
  }
  slot->n_star = 0;
  slot->n_wide = slot->n_deep = 0;
done:
  return status;
}

static int cuda_paint(struct cubix_device *dev, const struct cubix_placement *p, struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  struct cuda *cuda = dev->state;
  struct cursor next = { 0, 0 };
  size_t n_star = p->start[p->n_spaxel], collected = 0;
  CUBIX_CUDA(cudaSetDevice(cuda->gpu));
  for (int turn = 0; collected < n_star; turn = (turn + 1) % N_SLOT) {
    struct slot *slot = &cuda->slot[turn];
    collected += slot->n_star;
    CUBIX_TRY(collect(slot, cube));
    cubix_log_progress("paint", (double)collected / (double)n_star);
    if (next.star == n_star) continue;
    stage(slot, cuda->n_row, p, &next);
    CUBIX_TRY(submit(cuda, slot));
  }
done:
  if (status) abandon(cuda);
  return status;
}

static int cuda_paint_vjp(struct cubix_device *dev, const struct cubix_placement *p, const struct cubix_cube *cube_bar, struct cubix_star_bar *bar, double *row_bar)
{
  int status = CUBIX_OK;
  struct cuda *cuda = dev->state;
  CUBIX_CUDA(cudaSetDevice(cuda->gpu));
  CUBIX_TRY(cubix_cuda_paint_vjp(&cuda->ferry, dev->description, &cuda->view, p, cube_bar, bar, row_bar));
done:
  return status;
}

static int cuda_paint_jvp(struct cubix_device *dev, const struct cubix_placement *p, const struct cubix_star_bar *dot, struct cubix_cube *cube_dot)
{
  int status = CUBIX_OK;
  struct cuda *cuda = dev->state;
  CUBIX_CUDA(cudaSetDevice(cuda->gpu));
  CUBIX_TRY(cubix_cuda_paint_jvp(&cuda->ferry, dev->description, &cuda->view, p, dot, cube_dot));
done:
  return status;
}

static int cuda_keep(struct cubix_device *dev, const struct cubix_basis *basis)
{
  int status = CUBIX_OK;
  struct cuda *cuda = dev->state;
  CUBIX_CUDA(cudaSetDevice(cuda->gpu));
  cubix_cuda_keep_free(&cuda->kept);
  if (basis) CUBIX_TRY(cubix_cuda_keep(&cuda->ferry, &cuda->kept, basis));
done:
  return status;
}

static int cuda_deposit(struct cubix_device *dev, struct cubix_histogram **histogram, const struct cubix_nodes *nodes, const int32_t *exponent,
                        const struct cubix_placement *placement, const struct cubix_view *view)
{
  int status = CUBIX_OK;
  struct cuda *cuda = dev->state;
  CUBIX_CUDA(cudaSetDevice(cuda->gpu));
  CUBIX_TRY(cubix_cuda_deposit(&cuda->ferry, dev->description, histogram, nodes, exponent, placement, NULL, view));
done:
  return status;
}

static int cuda_multiply(struct cubix_device *dev, struct cubix_cube *cube, const struct cubix_histogram *histogram, const struct cubix_basis *basis, double scale)
{
  int status = CUBIX_OK;
  struct cuda *cuda = dev->state;
  CUBIX_CUDA(cudaSetDevice(cuda->gpu));
  CUBIX_TRY(cubix_cuda_multiply(&cuda->ferry, &cuda->kept, dev->description, cube, histogram, basis, scale));
done:
  return status;
}

static int cuda_deposit_vjp(struct cubix_device *dev, const struct cubix_histogram *cover, const double *value_bar, const struct cubix_placement *placement,
                            const struct cubix_view *view, struct cubix_star_bar *bar)
{
  int status = CUBIX_OK;
  struct cuda *cuda = dev->state;
  CUBIX_CUDA(cudaSetDevice(cuda->gpu));
  CUBIX_TRY(cubix_cuda_deposit_vjp(&cuda->ferry, dev->description, cover, value_bar, placement, view, bar));
done:
  return status;
}

static int cuda_deposit_jvp(struct cubix_device *dev, struct cubix_histogram **histogram_dot, const struct cubix_nodes *nodes, const struct cubix_placement *placement,
                            const struct cubix_star_bar *dot, const struct cubix_view *view)
{
  int status = CUBIX_OK;
  struct cuda *cuda = dev->state;
  int32_t *exponent = NULL;
  CUBIX_CUDA(cudaSetDevice(cuda->gpu));
  CUBIX_ALLOC(exponent, placement->n_spaxel);
  CUBIX_TRY(cubix_histogram_dot_scale(exponent, nodes, placement, dot, view));
  CUBIX_TRY(cubix_cuda_deposit(&cuda->ferry, dev->description, histogram_dot, nodes, exponent, placement, dot, view));
done:
  free(exponent);
  return status;
}

static int cuda_multiply_vjp(struct cubix_device *dev, const struct cubix_cube *cube_bar, const struct cubix_histogram *cover, const struct cubix_basis *basis,
                             double scale, double *value_bar)
{
  int status = CUBIX_OK;
  struct cuda *cuda = dev->state;
  CUBIX_CUDA(cudaSetDevice(cuda->gpu));
  CUBIX_TRY(cubix_cuda_multiply_vjp(&cuda->ferry, &cuda->kept, dev->description, cube_bar, cover, basis, scale, value_bar));
done:
  return status;
}

static void cuda_close(struct cubix_device *dev)
{
  struct cuda *cuda = dev->state;
  if (!cuda) return;
  (void)cudaSetDevice(cuda->gpu);
  unload(cuda);
  cubix_cuda_keep_free(&cuda->kept);
  cubix_cuda_ferry_free(&cuda->ferry);
  free(cuda);
}

const struct cubix_device_ops cubix_device_cuda_ops = {
  .name = "cuda", .rates = { .direct = 5e-3, .deposit = 1, .multiply = 1e-4 }, .count = cuda_count, .open = cuda_open, .load = cuda_load, .paint = cuda_paint,
  .keep = cuda_keep, .deposit = cuda_deposit, .multiply = cuda_multiply,
  .paint_vjp = cuda_paint_vjp, .paint_jvp = cuda_paint_jvp, .deposit_vjp = cuda_deposit_vjp, .deposit_jvp = cuda_deposit_jvp, .multiply_vjp = cuda_multiply_vjp, .close = cuda_close,
};
