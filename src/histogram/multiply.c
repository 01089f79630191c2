/* multiply.c -- the cube as a product: flux[spaxel][channel] += sum over blocks and nodes of mass x
 * D[template][node][channel].
 *
 * Channels are cut into tiles of CUBIX_TILE, spaxels into panels.  For one tile and panel the loop
 * runs over the templates, in the order of the library's rows, and for each template over all
 * blocks of the panel that have it.  The template's tile (all nodes, some 25 KB) stays in the
 * first-level cache, the panel's sums (a row of CUBIX_TILE float32 for each spaxel) in the second
 * (multiply_panel.c).
 *
 * Sums are float32.  The nodes of a block are added in registers, starting from zero; GROUP blocks
 * of a spaxel are added into a sum, and these sums into the spectrum.  No sum has many terms, and
 * the error stays below 1e-6.  The order is that of rows and nodes, for each spaxel and channel
 * separately: neither threads nor ranks, panels or ranges of channels change a bit.  The
 * instruction set may.
 *
 * Behind dust a template's nodes are multiplied by what the channels have of a node in A(V) (axis.h)
 * before its blocks are: a scratch of the size of the template, in the first-level cache as well.  Where
 * three functions of wavelength serve in place of the nodes (dusty.c), these are multiplied.
 *
 * Work is distributed by tiles, and at the end by panels, so that all threads finish together. */
#include "histogram/multiply.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "histogram/axis.h"
#include "histogram/dusty_parts.h"
#include "histogram/multiply_parts.h"

typedef void kernel(const struct cubix_item *restrict item, size_t n_item, const float *restrict value,
                    const float *restrict d, float *restrict sum, float *restrict total, const char *next,
                    size_t n_next);

/* Part of Tolerance that is for the three functions in place of nodes; with fewer nodes to a middle one than
 * these they pay no more. */
static const double dusty_share = 0.05;
enum { least_reach = 2 };

struct product {
  struct cubix_cube *cube;
  const struct cubix_basis *basis;
  kernel *kernel;
  struct cubix_panels panels;
  int first_tile, n_tile;
  enum cubix_cpu cpu;
  float *factor;                  /* cubix_axis_table */
  struct cubix_dusty dusty;       /* reach > 0: in place of the panels */
};

static size_t n_panel_of(const struct product *x) { return x->dusty.reach ? x->dusty.n_panel : x->panels.n_panel; }

/* What a thread works in. */
struct workspace {
  float *sum, *total;             /* [CUBIX_PANEL][CUBIX_TILE] of a group; of the groups that are full */
  float *buffer;                  /* for cubix_basis_tile */
  float *dimmed;                  /* [nodes][CUBIX_TILE] of a template behind a node in A(V) */
  const float *d;                 /* the tile at hand */
  int tile, failed;               /* its number, -1: none; one that could not be had, -1: none */
  struct cubix_dusty_space dusty;
};

#ifdef CUBIX_CPU_X86
#define MULTIPLY_NAME multiply_avx512
#define MULTIPLY_TARGET CUBIX_AVX512
#define MULTIPLY_WIDTH 16
#define MULTIPLY_CHAIN 2
#include "histogram/multiply_kernel.h"
#define MULTIPLY_NAME multiply_avx2
#define MULTIPLY_TARGET CUBIX_AVX2
#define MULTIPLY_WIDTH 8
#define MULTIPLY_CHAIN 1
#include "histogram/multiply_kernel.h"
#endif
#define MULTIPLY_NAME multiply_portable
#define MULTIPLY_TARGET
#define MULTIPLY_WIDTH 4
#define MULTIPLY_CHAIN 1
#include "histogram/multiply_kernel.h"

/* What this program was compiled for. */
static const struct instructions { const char *name; kernel *kernel; } known[] = {
#ifdef __aarch64__
  [CUBIX_CPU_BASELINE] = { "NEON", multiply_portable },
#else
  [CUBIX_CPU_BASELINE] = { "baseline", multiply_portable },
#endif
#ifdef CUBIX_CPU_X86
  [CUBIX_CPU_AVX2] = { "AVX2", multiply_avx2 },
  [CUBIX_CPU_AVX512] = { "AVX-512", multiply_avx512 },
#endif
};

const char *cubix_multiply_name(void) { return known[cubix_cpu_best()].name; }

int cubix_multiply_instructions(enum cubix_cpu *cpu, const char *name)
{
  int status = CUBIX_OK, i = (int)cubix_cpu_best();
  while (i >= 0 && strcmp(known[i].name, name)) i--;
  CUBIX_CHECK(i >= 0, CUBIX_EDEVICE, "this machine has no %s instructions; it has %s", name, cubix_multiply_name());
  *cpu = (enum cubix_cpu)i;
done:
  return status;
}

static int workspace_init(struct workspace *workspace, const struct product *x)
{
  int status = CUBIX_OK;
  workspace->tile = workspace->failed = -1;
  if (x->dusty.reach) CUBIX_TRY(cubix_dusty_space_init(&workspace->dusty, &x->dusty));
  CUBIX_ALLOC(workspace->sum, (size_t)CUBIX_PANEL * CUBIX_TILE);
  CUBIX_ALLOC(workspace->total, (size_t)CUBIX_PANEL * CUBIX_TILE);
  if (x->factor) CUBIX_ALLOC(workspace->dimmed, (size_t)x->basis->nodes.n * CUBIX_TILE);
  CUBIX_CHECK((workspace->buffer = cubix_reserve(cubix_basis_tile_size(x->basis), sizeof *workspace->buffer)),
              CUBIX_ENOMEM, "cannot allocate a tile of the prepared templates");
done:
  return status;
}

double cubix_multiply_bytes(double n_value, double tile_bytes, int n_thread)
{
  return cubix_panels_bytes(n_value) + n_thread * (2. * CUBIX_PANEL * CUBIX_TILE * sizeof(float) + tile_bytes);
}

void cubix_multiply_dim(float *restrict dimmed, const float *restrict d, const float *restrict factor, int first,
                        int n)
{
  for (int j = first; j < first + n; j++)
    for (int k = 0; k < CUBIX_TILE; k++) dimmed[j * CUBIX_TILE + k] = d[j * CUBIX_TILE + k] * factor[k];
}

/* The template of a run in tile t of the cube's: as it is, or behind dust. */
static const float *template_of(const struct product *x, struct workspace *workspace, const struct cubix_run *r, int t)
{
  const float *d = workspace->d + r->slot * (size_t)x->basis->nodes.n * CUBIX_TILE;
  if (!x->factor) return d;
  const size_t n_screen = (size_t)x->panels.histogram->nodes.axis.n;
  cubix_multiply_dim(workspace->dimmed, d, x->factor + ((size_t)t * n_screen + (size_t)r->screen) * CUBIX_TILE,
                     r->first, r->n_node);
  return workspace->dimmed;
}

static void multiply_panel(const struct product *x, size_t p, struct workspace *workspace, int tile)
{
  struct cubix_cube *cube = x->cube;
  if (workspace->failed >= 0) return;
  if (workspace->tile != tile && cubix_basis_tile(x->basis, tile, workspace->buffer, &workspace->d)) {
    workspace->failed = tile;
    return;
  }
  workspace->tile = tile;
  if (x->dusty.reach) {
    cubix_dusty_multiply(cube, &x->dusty, p, tile, workspace->d, x->cpu, &workspace->dusty);
    return;
  }
  const struct cubix_panel *panel = &x->panels.panel[p];
  const size_t n = panel->n_spaxel * CUBIX_TILE, size = (size_t)x->basis->nodes.n * CUBIX_TILE;
  memset(workspace->sum, 0, n * sizeof *workspace->sum);
  memset(workspace->total, 0, n * sizeof *workspace->total);
  for (const struct cubix_run *r = panel->run, *end = r + panel->n_run; r < end; r++)
    x->kernel(panel->item + r->at.item, r[1].at.item - r->at.item, panel->value + r->at.value,
              template_of(x, workspace, r, tile - x->first_tile), workspace->sum, workspace->total,
              (const char *)(workspace->d + r[1].slot * size + r[1].first * CUBIX_TILE),
              r[1].slot == r->slot ? 0 : (size_t)r[1].n_node * CUBIX_TILE / 16);
  int first = tile * CUBIX_TILE - cube->lambda_first,
      n_lambda = cube->n_lambda - first < CUBIX_TILE ? cube->n_lambda - first : CUBIX_TILE;
  for (size_t s = 0; s < panel->n_spaxel; s++) {
    cubix_real *flux = cube->flux + panel->spaxel[s] * (size_t)cube->n_lambda + first;
    const float *total = workspace->total + s * CUBIX_TILE, *sum = workspace->sum + s * CUBIX_TILE;
    for (int k = 0; k < n_lambda; k++) flux[k] += total[k] + sum[k];
  }
}

static void multiply_all(const struct product *x, struct workspace *workspace, int n_thread)
{
  int n_whole = x->n_tile - x->n_tile % n_thread - n_thread;   /* tiles that a thread takes as a whole */
  if (n_thread == 1 || n_whole < 0) n_whole = n_thread == 1 ? x->n_tile : 0;
  int64_t n_panel = (int64_t)n_panel_of(x), n_rest = (x->n_tile - n_whole) * n_panel;
#pragma omp parallel num_threads(n_thread)
  {
    struct workspace *mine = &workspace[omp_get_thread_num()];
    double last = cubix_log_clock();
#pragma omp for schedule(dynamic, 1) nowait
    for (int t = 0; t < n_whole; t++)
      for (int64_t p = 0; p < n_panel; p++) {
        multiply_panel(x, (size_t)p, mine, x->first_tile + t);
        if (omp_get_thread_num() == 0 && cubix_log_clock() - last > 0.2) {
          cubix_log_progress("paint", ((double)t + (double)p / (double)n_panel) / x->n_tile);
          last = cubix_log_clock();
        }
      }
#pragma omp for schedule(dynamic, 1)
    for (int64_t i = 0; i < n_rest; i++)
      multiply_panel(x, (size_t)(i % n_panel), mine, x->first_tile + n_whole + (int)(i / n_panel));
  }
}

int cubix_multiply_check(const struct cubix_cube *cube, const struct cubix_histogram *h,
                         const struct cubix_basis *basis)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(cube->lambda_first % CUBIX_TILE == 0, CUBIX_EFAIL, "channels from %d on: not a multiple of %d",
              cube->lambda_first, CUBIX_TILE);
  CUBIX_CHECK(cube->lambda_first + cube->n_lambda <= basis->n_lambda, CUBIX_EFAIL,
              "channels up to %d, but the prepared templates have %d", cube->lambda_first + cube->n_lambda,
              basis->n_lambda);
  CUBIX_CHECK(h->nodes.n == basis->nodes.n && h->nodes.step == basis->nodes.step, CUBIX_EFAIL,
              "a histogram on %d nodes every %g km/s, but templates on %d every %g km/s", h->nodes.n, h->nodes.step,
              basis->nodes.n, basis->nodes.step);
  CUBIX_CHECK(h->n_spaxel == (size_t)cube->n_x * (size_t)cube->n_y, CUBIX_EFAIL,
              "a histogram of %zu spaxels, but a cube of %d x %d", h->n_spaxel, cube->n_x, cube->n_y);
done:
  return status;
}

static int multiply(struct cubix_cube *cube, const struct cubix_histogram *h, const struct cubix_basis *basis,
                    double scale, const double *k_dot, const char *instructions)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  struct product x = { .cube = cube, .basis = basis };
  struct workspace *workspace = NULL;
  double start = cubix_log_clock();
  int reach;
  CUBIX_TRY(cubix_multiply_instructions(&x.cpu, instructions));
  x.kernel = known[x.cpu].kernel;
  if (!cube->n_lambda || !h->n_value) goto done;
  CUBIX_TRY(cubix_multiply_check(cube, h, basis));
  x.first_tile = cube->lambda_first / CUBIX_TILE;
  x.n_tile = (cube->n_lambda + CUBIX_TILE - 1) / CUBIX_TILE;
  reach = h->nodes.axis.n && !k_dot
              ? cubix_dusty_reach(&h->nodes.axis, basis->n_lambda, dusty_share * basis->tolerance) : 0;
  if (reach >= least_reach)
    CUBIX_TRY(cubix_dusty_init(&x.dusty, h, basis, scale, reach, x.first_tile, x.n_tile));
  else {
    CUBIX_TRY(cubix_panels_init(&x.panels, h, basis, scale, NULL));
    CUBIX_TRY(cubix_axis_table(&x.factor, &h->nodes.axis, basis->n_lambda, x.first_tile, x.n_tile, k_dot));
  }

  CUBIX_ALLOC(workspace, n_thread);
  for (int t = 0; t < n_thread; t++) CUBIX_TRY(workspace_init(&workspace[t], &x));
  multiply_all(&x, workspace, n_thread);
  for (int t = 0; t < n_thread; t++) {
    if (workspace[t].failed < 0) continue;
    /* to have its message in this thread */
    CUBIX_TRY(cubix_basis_tile(basis, workspace[t].failed, workspace[t].buffer, &workspace[t].d));
    CUBIX_CHECK(0, CUBIX_EFAIL, "tile %d of the prepared templates could not be had the first time",
                workspace[t].failed);
  }
  double seconds = cubix_log_clock() - start;
  cubix_log(CUBIX_LOG_DEBUG, "multiply  %.1f GF/s useful, %zu rows, %zu blocks",
            2e-9 * (double)h->n_value * cube->n_lambda / seconds, h->n_value, h->start[h->n_spaxel]);
done:
  for (int t = 0; t < n_thread && workspace; t++) {
    free(workspace[t].sum);
    free(workspace[t].total);
    free(workspace[t].buffer);
    free(workspace[t].dimmed);
    cubix_dusty_space_free(&workspace[t].dusty);
  }
  cubix_dusty_free(&x.dusty);
  free(x.factor);
  cubix_panels_free(&x.panels);
  free(workspace);
  return status;
}

int cubix_multiply_by(struct cubix_cube *cube, const struct cubix_histogram *h, const struct cubix_basis *basis,
                      double scale, const char *instructions)
{
  return multiply(cube, h, basis, scale, NULL, instructions);
}

int cubix_multiply_screen_jvp(struct cubix_cube *cube_dot, const struct cubix_histogram *h,
                              const struct cubix_basis *basis, double scale, const double *k_dot)
{
  return h->nodes.axis.n ? multiply(cube_dot, h, basis, scale, k_dot, cubix_multiply_name()) : CUBIX_OK;
}

int cubix_multiply(struct cubix_cube *cube, const struct cubix_histogram *h, const struct cubix_basis *basis,
                   double scale)
{
  return cubix_multiply_by(cube, h, basis, scale, cubix_multiply_name());
}
