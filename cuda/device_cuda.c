/* device_cuda.c -- the GPU as a processor: which there are, and the way in and out of each of its
 * operations.
 *
 * Everything of a call happens in the GPU's context (context.h), travels by the transfer
 * (transfer.h), and lives in the workspace there (workspace.h).  The tables of the direct method
 * (tables.h) and a basis that shall be kept stay there between calls, and memory with them; nothing
 * else does.
 *
 * A GPU counts where this cubix has code for it and its compute mode lets programs in.  Why none
 * counts is told apart: no driver or no GPU, which is no fault of anybody; a driver that is older
 * than the toolkit; GPUs that are too old, or closed.
 *
 * Limits: at most 65535 x 32 channels; GPUs of compute capability 8.0 or newer, as the code is
 * compiled for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/check.h"
#include "cuda/columns.h"
#include "cuda/context.h"
#include "cuda/histogram_cuda.h"
#include "cuda/paint.h"
#include "cuda/paint_vjp.h"
#include "cuda/tables.h"
#include "engine/device.h"

enum { LEAST_CAPABILITY = 8 };

struct cuda {
  struct cubix_cuda_context context;
  struct cubix_cuda_transfer transfer;
  struct cubix_cuda_tables tables;          /* of the direct method */
  struct cubix_cuda_kept kept;              /* the histogram engine's */
};

/* Whether this GPU can run our code; where it cannot, *why [room] says so. */
static int usable(int gpu, char *why, size_t room)
{
  struct cudaDeviceProp properties;
  int major = 0, minor = 0, mode = cudaComputeModeProhibited;
  cudaError_t error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, gpu);
  if (!error) error = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, gpu);
  if (!error) error = cudaDeviceGetAttribute(&mode, cudaDevAttrComputeMode, gpu);
  if (!error) error = cudaGetDeviceProperties(&properties, gpu);
  if (error)
    snprintf(why, room, "GPU %d does not answer: %s (%s); %s", gpu, cudaGetErrorString(error), cudaGetErrorName(error),
             cubix_cuda_remedy(error));
  else if (major < LEAST_CAPABILITY)
    snprintf(why, room, "GPU %d, %.80s, has compute capability %d.%d, and this cubix holds code for %d.0 and newer",
             gpu, properties.name, major, minor, LEAST_CAPABILITY);
  else if (mode == cudaComputeModeProhibited)
    snprintf(why, room,
             "GPU %d, %.80s, is closed to all programs by its compute mode: open it by nvidia-smi -c DEFAULT", gpu,
             properties.name);
  (void)cudaGetLastError();
  return !error && major >= LEAST_CAPABILITY && mode != cudaComputeModeProhibited;
}

/* CUDA's number of the i-th GPU that can run our code, -1 where there is none. */
static int find_gpu(int i)
{
  int n_gpu = 0, n = 0;
  char why[512];
  if (cudaGetDeviceCount(&n_gpu) != cudaSuccess) n_gpu = 0;
  (void)cudaGetLastError();
  for (int gpu = 0; gpu < n_gpu; gpu++)
    if (usable(gpu, why, sizeof why) && n++ == i) return gpu;
  return -1;
}

/* Why CUDA sees no GPU at all. */
static void explain(struct cubix_sight *sight, cudaError_t error)
{
  int driver = 0, runtime = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  (void)cudaGetLastError();
  if (error == cudaErrorInsufficientDriver && !driver)
    snprintf(sight->why, sizeof sight->why, "no NVIDIA driver is at work on this node");
  else if (error == cudaSuccess || error == cudaErrorNoDevice)
    snprintf(sight->why, sizeof sight->why,
             "no GPU is to be seen: there is none, or the job system or CUDA_VISIBLE_DEVICES hides it");
  else if (error == cudaErrorInsufficientDriver) {
    sight->amiss = 1;
    snprintf(sight->why, sizeof sight->why,
             "the NVIDIA driver of this node serves CUDA up to %d.%d, and this cubix was built with CUDA %d.%d: update "
             "the driver, or build with a toolkit that it serves",
             driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
  } else {
    sight->amiss = 1;
    snprintf(sight->why, sizeof sight->why, "CUDA does not start: %s (%s); %s", cudaGetErrorString(error),
             cudaGetErrorName(error), cubix_cuda_remedy(error));
  }
}

static void cuda_look(struct cubix_sight *sight)
{
  int n_gpu = 0;
  cudaError_t error = cudaGetDeviceCount(&n_gpu);
  *sight = (struct cubix_sight){ 0 };
  if (error || !n_gpu) {
    explain(sight, error);
    return;
  }
  for (int gpu = 0; gpu < n_gpu && sight->n < CUBIX_MAX_UNIT; gpu++) {
    struct cubix_unit *unit = &sight->unit[sight->n];
    struct cudaDeviceProp properties;
    if (!usable(gpu, sight->why, sizeof sight->why)) continue;
    if (cudaGetDeviceProperties(&properties, gpu) != cudaSuccess ||
        cudaDeviceGetPCIBusId(unit->bus, sizeof unit->bus, gpu) != cudaSuccess) {
      snprintf(sight->why, sizeof sight->why, "GPU %d does not say which it is: %s", gpu,
               cudaGetErrorString(cudaGetLastError()));
      continue;
    }
    memcpy(unit->uuid, &properties.uuid, sizeof unit->uuid);
    sight->n++;
  }
  sight->amiss = !sight->n;
}

static int cuda_open(struct cubix_device *dev, int ordinal)
{
  int status = CUBIX_OK, gpu = find_gpu(ordinal), entered = CUBIX_EDEVICE;
  struct cuda *cuda = NULL;
  struct cudaDeviceProp properties;
  CUBIX_ALLOC(cuda, 1);
  CUBIX_CHECK(gpu >= 0, CUBIX_EDEVICE, "GPU %d of this node cannot be used: use Backend cpu", ordinal);
  CUBIX_TRY(cubix_cuda_context_open(&cuda->context, gpu));
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_CUDA(cubix_cuda_paint_probe());
  CUBIX_CUDA(cudaGetDeviceProperties(&properties, gpu));
  snprintf(dev->description, sizeof dev->description, "%.200s, %.0f GiB", properties.name,
           (double)properties.totalGlobalMem / (1 << 30));
  dev->state = cuda;
done:
  if (cuda) cubix_cuda_context_leave(&cuda->context, entered);
  if (cuda && status) cubix_cuda_context_close(&cuda->context);
  if (status) free(cuda);
  return status;
}

static int cuda_divide(struct cubix_device *dev, int n_share)
{
  int status = CUBIX_OK, entered;
  struct cuda *cuda = dev->state;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_TRY(cubix_cuda_workspace_divide(&cuda->transfer.workspace, n_share));
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  return status;
}

static int cuda_load(struct cubix_device *dev, const struct cubix_tables *tables)
{
  int status = CUBIX_OK, entered;
  struct cuda *cuda = dev->state;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_TRY(cubix_cuda_tables_load(&cuda->tables, &cuda->transfer, dev->description, tables));
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  return status;
}

static int cuda_paint(struct cubix_device *dev, const struct cubix_placement *p, struct cubix_cube *cube)
{
  int status = CUBIX_OK, entered;
  struct cuda *cuda = dev->state;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_TRY(cubix_cuda_paint_stars(&cuda->transfer, dev->description, &cuda->tables.on_gpu, p, cube));
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  return status;
}

static int cuda_paint_vjp(struct cubix_device *dev, const struct cubix_placement *p, const struct cubix_cube *cube_bar,
                          struct cubix_star_bar *bar, double *row_bar)
{
  int status = CUBIX_OK, entered;
  struct cuda *cuda = dev->state;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_TRY(cubix_cuda_paint_vjp(&cuda->transfer, dev->description, &cuda->tables.on_gpu, p, cube_bar, bar, row_bar));
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  return status;
}

static int cuda_paint_jvp(struct cubix_device *dev, const struct cubix_placement *p, const struct cubix_star_bar *dot,
                          struct cubix_cube *cube_dot)
{
  int status = CUBIX_OK, entered;
  struct cuda *cuda = dev->state;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_TRY(cubix_cuda_paint_jvp(&cuda->transfer, dev->description, &cuda->tables.on_gpu, p, dot, cube_dot));
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  return status;
}

static int cuda_keep(struct cubix_device *dev, const struct cubix_basis *basis)
{
  int status = CUBIX_OK, entered;
  struct cuda *cuda = dev->state;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_TRY(cubix_cuda_keep(&cuda->transfer, &cuda->kept, basis));
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  return status;
}

static int cuda_fill(struct cubix_device *dev, struct cubix_histogram **histogram, const struct cubix_nodes *nodes,
                     const int32_t *exponent, const struct cubix_placement *placement,
                     const struct cubix_tables *tables)
{
  int status = CUBIX_OK, entered;
  struct cuda *cuda = dev->state;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_TRY(cubix_cuda_fill(&cuda->transfer, dev->description, histogram, nodes, exponent, placement, NULL, tables));
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  return status;
}

static int cuda_multiply(struct cubix_device *dev, struct cubix_cube *cube, const struct cubix_histogram *histogram,
                         const struct cubix_basis *basis, double scale)
{
  int status = CUBIX_OK, entered;
  struct cuda *cuda = dev->state;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_TRY(cubix_cuda_multiply(&cuda->transfer, &cuda->kept, dev->description, cube, histogram, basis, scale));
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  return status;
}

static int cuda_fill_vjp(struct cubix_device *dev, const struct cubix_histogram *cover, const double *value_bar,
                         const struct cubix_placement *placement, const struct cubix_tables *tables,
                         struct cubix_star_bar *bar)
{
  int status = CUBIX_OK, entered;
  struct cuda *cuda = dev->state;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_TRY(cubix_cuda_fill_vjp(&cuda->transfer, dev->description, cover, value_bar, placement, tables, bar));
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  return status;
}

static int cuda_fill_jvp(struct cubix_device *dev, struct cubix_histogram **histogram_dot,
                         const struct cubix_nodes *nodes, const struct cubix_placement *placement,
                         const struct cubix_star_bar *dot, const struct cubix_tables *tables)
{
  int status = CUBIX_OK, entered;
  struct cuda *cuda = dev->state;
  int32_t *exponent = NULL;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_ALLOC(exponent, placement->n_spaxel);
  CUBIX_TRY(cubix_histogram_dot_scale(exponent, nodes, placement, dot, tables));
  CUBIX_TRY(cubix_cuda_fill(&cuda->transfer, dev->description, histogram_dot, nodes, exponent, placement, dot, tables));
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  free(exponent);
  return status;
}

static int cuda_multiply_vjp(struct cubix_device *dev, const struct cubix_cube *cube_bar,
                             const struct cubix_histogram *cover, const struct cubix_basis *basis, double scale,
                             double *value_bar)
{
  int status = CUBIX_OK, entered;
  struct cuda *cuda = dev->state;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_TRY(cubix_cuda_multiply_vjp(&cuda->transfer, &cuda->kept, dev->description, cube_bar, cover, basis, scale,
                                    value_bar));
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  return status;
}

static int cuda_columns(struct cubix_device *dev, const struct cubix_column_tiles *tiles,
                        const struct cubix_column_job *job)
{
  int status = CUBIX_OK, entered, there = 0;
  struct cuda *cuda = dev->state;
  CUBIX_TRY(entered = cubix_cuda_context_enter(&cuda->context));
  CUBIX_TRY(cubix_cuda_screen(&cuda->transfer, tiles, job, &there));
  if (!there) CUBIX_TRY(cubix_column_tiles_do(tiles, job));      /* the cores have more memory */
done:
  cubix_cuda_context_leave(&cuda->context, entered);
  return status;
}

/* The staging buffers, each as large as the largest cargo; blobs of weights are smaller than the
 * results that they lead to. */
static double cuda_locked_bytes(double n_spaxel, double n_lambda, double tile_bytes, int derivatives)
{
  const size_t spaxels = (size_t)n_spaxel,
               multiply = cubix_cuda_multiply_staging(spaxels, (size_t)tile_bytes, derivatives);
  const size_t staging = tile_bytes > 0 ? multiply : cubix_cuda_paint_staging(spaxels, (size_t)n_lambda);
  return CUBIX_CUDA_N_STAGING * (double)(staging > CUBIX_CUDA_CARGO ? staging : CUBIX_CUDA_CARGO);
}

static void cuda_close(struct cubix_device *dev)
{
  struct cuda *cuda = dev->state;
  if (!cuda) return;
  int entered = cubix_cuda_context_enter(&cuda->context);
  cubix_cuda_transfer_free(&cuda->transfer);       /* and with it the workspace, where tables and basis lie */
  cubix_cuda_context_leave(&cuda->context, entered);
  cubix_cuda_context_close(&cuda->context);
  free(cuda);
}

const struct cubix_device_ops cubix_device_cuda_ops = {
  .name = "cuda",
  .rates = { .direct = 5e-3, .fill = 1, .multiply = 1e-4 },
  .look = cuda_look,
  .open = cuda_open,
  .divide = cuda_divide,
  .load = cuda_load,
  .paint = cuda_paint,
  .keep = cuda_keep,
  .fill = cuda_fill,
  .multiply = cuda_multiply,
  .paint_vjp = cuda_paint_vjp,
  .paint_jvp = cuda_paint_jvp,
  .fill_vjp = cuda_fill_vjp,
  .fill_jvp = cuda_fill_jvp,
  .multiply_vjp = cuda_multiply_vjp,
  .columns = cuda_columns,
  .locked_bytes = cuda_locked_bytes,
  .close = cuda_close,
};
