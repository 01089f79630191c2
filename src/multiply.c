/* multiply.c -- the cube as a product: flux[spaxel][channel] += sum over blocks and nodes of mass x D[template][node][channel].
 *
 * Channels are cut into tiles of CUBIX_TILE, spaxels into panels.  For one tile and panel the templates pass by, in the order of the library's rows, and with
 * each template all blocks of the panel that have it: the template's tile (all nodes, some 25 KB) stays in the first-level cache, the panel's sums (a row
 * of CUBIX_TILE float32 a spaxel) in the second.  To that end the blocks of a panel are sorted by row once, and their values copied as float32 in that order.
 * Within a template the blocks are sorted by their number of nodes, so that the processor foresees the end of the innermost loop.
 * Spaxels without stars are in no panel.
 *
 * Sums are float32.  A block's nodes are added in registers from zero, GROUP blocks of a spaxel into a sum, these sums into the spectrum: no sum has many
 * terms, and the error stays below 1e-6.  The order is that of rows and nodes, for each spaxel and channel by itself: neither threads nor ranks, panels or
 * slabs of channels change a bit.  The instruction set may.
 *
 * Work is shared out by tiles, the last ones by panels, so that all threads finish together.                                            */
#include "multiply.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "error.h"
#include "log.h"

enum { GROUP = 32, AHEAD = 4, PANEL = 1024 };

struct item {                     /* a block */
  uint32_t spaxel : 31, full : 1; /* of its panel; full: the last of a group */
  int16_t node, n;
};

struct place { size_t item, value; };
struct range { int first, last; };

struct run {                      /* the blocks of one template: up to where the next run's begin */
  size_t slot;
  int first, n_node;              /* nodes in use */
  struct place at;
};

struct panel {
  size_t n_spaxel, n_run;
  const size_t *spaxel;           /* [n_spaxel] those that hold something */
  struct run *run;                /* [n_run + 1] */
  struct item *item;              /* [blocks + AHEAD] */
  float *value;
};

typedef void kernel(const struct item *restrict item, size_t n_item, const float *restrict value, const float *restrict d, float *restrict sum, float *restrict total,
                    const char *next, size_t n_next);

struct product {
  struct cubix_cube *cube;
  const struct cubix_histogram *histogram;
  const struct cubix_basis *basis;
  double scale;
  kernel *kernel;
  size_t n_occupied, *occupied;   /* [n_occupied] spaxels that hold something, rising */
  size_t n_panel;
  struct panel *panel;
  int first_tile, n_tile;
};

/* What a thread works in. */
struct bench {
  float *sum, *total;             /* [PANEL][CUBIX_TILE] of a group; of the groups that are full */
  float *buffer;                  /* for cubix_basis_tile */
  const float *d;                 /* the tile at hand */
  int tile, failed;               /* its number, -1: none; one that could not be had, -1: none */
};

#ifdef CUBIX_CPU_X86
#define MULTIPLY_NAME multiply_avx512
#define MULTIPLY_TARGET CUBIX_AVX512
#define MULTIPLY_WIDTH 16
#define MULTIPLY_CHAIN 2
#include "multiply_kernel.h"
#define MULTIPLY_NAME multiply_avx2
#define MULTIPLY_TARGET CUBIX_AVX2
#define MULTIPLY_WIDTH 8
#define MULTIPLY_CHAIN 1
#include "multiply_kernel.h"
#endif
#define MULTIPLY_NAME multiply_portable
#define MULTIPLY_TARGET
#define MULTIPLY_WIDTH 4
#define MULTIPLY_CHAIN 1
#include "multiply_kernel.h"

/* What this program was compiled for, the best first. */
static const struct instructions { const char *name; kernel *kernel; enum cubix_cpu needs; } known[] = {
#ifdef CUBIX_CPU_X86
  { "AVX-512", multiply_avx512, CUBIX_CPU_AVX512 },
  { "AVX2", multiply_avx2, CUBIX_CPU_AVX2 },
#endif
#ifdef __aarch64__
  { "NEON", multiply_portable, CUBIX_CPU_BASELINE },
#else
  { "baseline", multiply_portable, CUBIX_CPU_BASELINE },
#endif
};
enum { N_KNOWN = sizeof known / sizeof *known };

static int supported(const struct instructions *i) { return cubix_cpu_best() >= i->needs; }

const char *cubix_multiply_name(void)
{
  int i = 0;
  while (!supported(&known[i])) i++;
  return known[i].name;
}

static void panel_free(struct panel *panel)
{
  free(panel->run);
  free(panel->item);
  free(panel->value);
  memset(panel, 0, sizeof *panel);
}

/* Places of the panel's blocks and values in the order of rows and, of the same row, numbers of nodes.  @param place [n_row][n_node + 1], zero */
static int panel_runs(struct panel *panel, const struct product *x, struct place *place)
{
  int status = CUBIX_OK;
  const struct cubix_histogram *h = x->histogram;
  size_t n_row = (size_t)x->basis->n_row, n_key = (size_t)h->nodes.n + 1;
  struct place at = { 0, 0 };
  struct range *range = NULL;
  CUBIX_ALLOC(range, n_row);
  for (size_t t = 0; t < n_row; t++) range[t].first = h->nodes.n;
  for (size_t b = h->start[panel->spaxel[0]]; b < h->start[panel->spaxel[panel->n_spaxel - 1] + 1]; b++) {
    const struct cubix_block *block = &h->block[b];
    struct range *r = &range[block->row];
    place[(size_t)block->row * n_key + (size_t)block->n].item++;
    r->first = block->node < r->first ? block->node : r->first;
    r->last = block->node + block->n > r->last ? block->node + block->n : r->last;
  }
  CUBIX_ALLOC(panel->run, n_row + 1);
  for (size_t t = 0; t < n_row; t++) {
    struct place first = at;
    for (size_t n = 0; n < n_key; n++) {
      size_t count = place[t * n_key + n].item;
      place[t * n_key + n] = at;
      at.item += count;
      at.value += count * n;
    }
    if (at.item == first.item) continue;
    CUBIX_CHECK(x->basis->slot[t] >= 0, CUBIX_EFAIL, "%zu blocks of stars are of library row %zu, which the prepared templates lack", at.item - first.item, t);
    panel->run[panel->n_run++] = (struct run){ (size_t)x->basis->slot[t], range[t].first, range[t].last - range[t].first, first };
  }
  panel->run[panel->n_run].at = at;
  CUBIX_CHECK((panel->item = cubix_reserve(at.item + AHEAD, sizeof *panel->item)) && (panel->value = cubix_reserve(at.value, sizeof *panel->value)), CUBIX_ENOMEM,
              "cannot allocate %zu blocks and %zu values of a panel", at.item, at.value);
  memset(panel->item + at.item, 0, AHEAD * sizeof *panel->item);
done:
  free(range);
  return status;
}

static int panel_init(struct panel *panel, const struct product *x, size_t p)
{
  int status = CUBIX_OK;
  const struct cubix_histogram *h = x->histogram;
  size_t n_key = (size_t)h->nodes.n + 1;
  struct place *place = NULL;
  panel->spaxel = x->occupied + p * PANEL;
  panel->n_spaxel = x->n_occupied - p * PANEL < PANEL ? x->n_occupied - p * PANEL : PANEL;
  CUBIX_ALLOC(place, (size_t)x->basis->n_row * n_key);
  CUBIX_TRY(panel_runs(panel, x, place));
  for (size_t s = 0; s < panel->n_spaxel; s++) {
    double scale = ldexp(x->scale, -h->exponent[panel->spaxel[s]]);
    unsigned n = 0;
    for (size_t b = h->start[panel->spaxel[s]]; b < h->start[panel->spaxel[s] + 1]; b++, n++) {
      const struct cubix_block *block = &h->block[b];
      struct place *at = &place[(size_t)block->row * n_key + (size_t)block->n];
      panel->item[at->item++] = (struct item){ (uint32_t)s & INT32_MAX, n % GROUP == GROUP - 1, block->node, block->n };
      float *value = panel->value + at->value;
      for (int j = 0; j < block->n; j++) value[j] = (float)((double)h->value[block->at + (size_t)j] * scale);
      at->value += (size_t)block->n;
    }
  }
done:
  free(place);
  return status;
}

static int product_init(struct product *x)
{
  int status = CUBIX_OK, failed = CUBIX_OK;
  const struct cubix_histogram *h = x->histogram;
  CUBIX_ALLOC(x->occupied, h->n_spaxel);
  for (size_t s = 0; s < h->n_spaxel; s++)
    if (h->start[s] < h->start[s + 1]) x->occupied[x->n_occupied++] = s;
  x->n_panel = (x->n_occupied + PANEL - 1) / PANEL;
  CUBIX_ALLOC(x->panel, x->n_panel);
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t p = 0; p < x->n_panel; p++)
    if (panel_init(&x->panel[p], x, p)) {
#pragma omp atomic write
      failed = 1;
    }
  for (size_t p = 0; p < x->n_panel && failed; p++) {  /* an error is known to the thread that met it: meet it again */
    panel_free(&x->panel[p]);
    CUBIX_TRY(panel_init(&x->panel[p], x, p));
  }
done:
  return status;
}

static int bench_init(struct bench *bench, const struct product *x)
{
  int status = CUBIX_OK;
  bench->tile = bench->failed = -1;
  CUBIX_ALLOC(bench->sum, (size_t)PANEL * CUBIX_TILE);
  CUBIX_ALLOC(bench->total, (size_t)PANEL * CUBIX_TILE);
  CUBIX_CHECK((bench->buffer = cubix_reserve(cubix_basis_tile_size(x->basis), sizeof *bench->buffer)), CUBIX_ENOMEM, "cannot allocate a tile of the prepared templates");
done:
  return status;
}

static void multiply_panel(const struct product *x, const struct panel *panel, struct bench *bench, int tile)
{
  struct cubix_cube *cube = x->cube;
  size_t n = panel->n_spaxel * CUBIX_TILE, size = (size_t)x->basis->nodes.n * CUBIX_TILE;
  if (bench->failed >= 0) return;
  if (bench->tile != tile && cubix_basis_tile(x->basis, tile, bench->buffer, &bench->d)) {
    bench->failed = tile;
    return;
  }
  bench->tile = tile;
  memset(bench->sum, 0, n * sizeof *bench->sum);
  memset(bench->total, 0, n * sizeof *bench->total);
  for (const struct run *r = panel->run, *end = r + panel->n_run; r < end; r++)
    x->kernel(panel->item + r->at.item, r[1].at.item - r->at.item, panel->value + r->at.value, bench->d + r->slot * size, bench->sum, bench->total,
             (const char *)(bench->d + r[1].slot * size + r[1].first * CUBIX_TILE), r[1].n_node * CUBIX_TILE / 16);
  int first = tile * CUBIX_TILE - cube->lambda_first, n_lambda = cube->n_lambda - first < CUBIX_TILE ? cube->n_lambda - first : CUBIX_TILE;
  for (size_t s = 0; s < panel->n_spaxel; s++) {
    cubix_real *flux = cube->flux + panel->spaxel[s] * (size_t)cube->n_lambda + first;
    const float *total = bench->total + s * CUBIX_TILE, *sum = bench->sum + s * CUBIX_TILE;
    for (int k = 0; k < n_lambda; k++) flux[k] += total[k] + sum[k];
  }
}

static void multiply_all(const struct product *x, struct bench *bench, int n_thread)
{
  int n_whole = x->n_tile - x->n_tile % n_thread - n_thread;   /* tiles that a thread takes as a whole */
  if (n_thread == 1 || n_whole < 0) n_whole = n_thread == 1 ? x->n_tile : 0;
  int64_t n_panel = (int64_t)x->n_panel, n_rest = (x->n_tile - n_whole) * n_panel;
#pragma omp parallel num_threads(n_thread)
  {
    struct bench *mine = &bench[omp_get_thread_num()];
    double last = cubix_log_clock();
#pragma omp for schedule(dynamic, 1) nowait
    for (int t = 0; t < n_whole; t++)
      for (int64_t p = 0; p < n_panel; p++) {
        multiply_panel(x, &x->panel[p], mine, x->first_tile + t);
        if (omp_get_thread_num() == 0 && cubix_log_clock() - last > 0.2) {
          cubix_log_progress("paint", ((double)t + (double)p / (double)n_panel) / x->n_tile);
          last = cubix_log_clock();
        }
      }
#pragma omp for schedule(dynamic, 1)
    for (int64_t i = 0; i < n_rest; i++) multiply_panel(x, &x->panel[i % n_panel], mine, x->first_tile + n_whole + (int)(i / n_panel));
  }
}

int cubix_multiply_check(const struct cubix_cube *cube, const struct cubix_histogram *h, const struct cubix_basis *basis)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(cube->lambda_first % CUBIX_TILE == 0, CUBIX_EFAIL, "channels from %d on: not a multiple of %d", cube->lambda_first, CUBIX_TILE);
  CUBIX_CHECK(cube->lambda_first + cube->n_lambda <= basis->n_lambda, CUBIX_EFAIL, "channels up to %d, but the prepared templates have %d",
              cube->lambda_first + cube->n_lambda, basis->n_lambda);
  CUBIX_CHECK(h->nodes.n == basis->nodes.n && h->nodes.step == basis->nodes.step, CUBIX_EFAIL, "a histogram on %d nodes every %g km/s, but templates on %d every %g km/s",
              h->nodes.n, h->nodes.step, basis->nodes.n, basis->nodes.step);
  CUBIX_CHECK(h->n_spaxel == (size_t)cube->n_x * (size_t)cube->n_y, CUBIX_EFAIL, "a histogram of %zu spaxels, but a cube of %d x %d", h->n_spaxel, cube->n_x, cube->n_y);
done:
  return status;
}

int cubix_multiply_by(struct cubix_cube *cube, const struct cubix_histogram *h, const struct cubix_basis *basis, double scale, const char *instructions)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  struct product x = { .cube = cube, .histogram = h, .basis = basis, .scale = scale };
  struct bench *bench = NULL;
  double start = cubix_log_clock();
  for (int i = 0; i < N_KNOWN; i++)
    if (!strcmp(known[i].name, instructions) && supported(&known[i])) x.kernel = known[i].kernel;
  CUBIX_CHECK(x.kernel, CUBIX_EDEVICE, "this machine has no %s instructions; it has %s", instructions, cubix_multiply_name());
  if (!cube->n_lambda || !h->n_value) goto done;
  CUBIX_TRY(cubix_multiply_check(cube, h, basis));
  x.first_tile = cube->lambda_first / CUBIX_TILE;
  x.n_tile = (cube->n_lambda + CUBIX_TILE - 1) / CUBIX_TILE;
  CUBIX_TRY(product_init(&x));

  CUBIX_ALLOC(bench, n_thread);
  for (int t = 0; t < n_thread; t++) CUBIX_TRY(bench_init(&bench[t], &x));
  multiply_all(&x, bench, n_thread);
  for (int t = 0; t < n_thread; t++) {
    if (bench[t].failed < 0) continue;
    CUBIX_TRY(cubix_basis_tile(basis, bench[t].failed, bench[t].buffer, &bench[t].d));  /* to have its message in this thread */
    CUBIX_CHECK(0, CUBIX_EFAIL, "tile %d of the prepared templates could not be had the first time", bench[t].failed);
  }
  double seconds = cubix_log_clock() - start;
  cubix_log(CUBIX_LOG_DEBUG, "multiply  %.1f GF/s useful, %zu rows, %zu blocks", 2e-9 * (double)h->n_value * cube->n_lambda / seconds, h->n_value, h->start[h->n_spaxel]);
done:
  for (int t = 0; t < n_thread && bench; t++) {
    free(bench[t].sum);
    free(bench[t].total);
    free(bench[t].buffer);
  }
  for (size_t p = 0; p < x.n_panel && x.panel; p++) panel_free(&x.panel[p]);
  free(x.panel);
  free(x.occupied);
  free(bench);
  return status;
}

int cubix_multiply(struct cubix_cube *cube, const struct cubix_histogram *h, const struct cubix_basis *basis, double scale)
{
  return cubix_multiply_by(cube, h, basis, scale, cubix_multiply_name());
}
