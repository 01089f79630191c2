/* multiply_vjp.c -- derivatives of the multiply: flux[spaxel][channel] += sum over blocks and nodes
 * of value x D[template][node][channel] is linear in both.
 *
 *   by the values   value_bar[block][node] +=
 *                     scale sum over channels of cube_bar[spaxel][channel] D[template][node][channel]
 *   by the basis    D_bar[template][node][channel] +=
 *                     scale sum over spaxels of value[block][node] cube_bar[spaxel][channel]
 *
 * Behind dust D is that of the channels' factors c_j (axis.h).  Their derivatives with A(lambda)/A(V)
 * follow from the sums of the second:
 *   by k(channel)   k_bar[channel] +=
 *                     sum over templates, nodes and nodes j in A(V) of D x dc_j/dk x D_bar of that j
 *
 * The first is as many multiply-adds as the forward product, on the same panels (multiply_panel.c)
 * and with the same tiles in the first-level cache; a panel's channels, CUBIX_TILE float32 a
 * spaxel, are in the second.  A tile's sum over channels is made in float32 registers, and goes
 * times the scale into a float64, tile by tile: the sums depend neither on threads nor on the slabs
 * of channels that the cube comes in.  The instruction set may change bits. Spaxels whose
 * cotangents are all zero are left out.
 *
 * One tile is worked on at a time, by all threads: each takes a share of a panel's templates.
 * Gradients by the basis are made template by template, a panel's sums in float32, those of the
 * panels one after the other. */
#include "histogram/multiply.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "histogram/axis.h"
#include "histogram/multiply_parts.h"

enum { MOST = 12 };               /* nodes at a time: registers but those for what is multiplied */

typedef float four __attribute__((vector_size(16)));
typedef float two __attribute__((vector_size(8)));
typedef double two_wide __attribute__((vector_size(16)));

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(mask, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(mask, a, b, ...) __builtin_shuffle(a, b, (mask){ __VA_ARGS__ })
#endif

#ifdef CUBIX_CPU_X86
#define MULTIPLY_NAME dot_avx512
#define MULTIPLY_TARGET CUBIX_AVX512
#define MULTIPLY_WIDTH 16
#include "histogram/multiply_vjp_kernel.h"
#define MULTIPLY_NAME dot_avx2
#define MULTIPLY_TARGET CUBIX_AVX2
#define MULTIPLY_WIDTH 8
#include "histogram/multiply_vjp_kernel.h"
#endif
#define MULTIPLY_NAME dot_portable
#define MULTIPLY_TARGET
#define MULTIPLY_WIDTH 4
#include "histogram/multiply_vjp_kernel.h"

typedef void dot_kernel(const struct cubix_item *restrict item, size_t n_item, double *restrict bar,
                        const float *restrict d, const float *restrict channels, double scale, const char *next,
                        size_t n_next);
typedef void basis_kernel(const struct cubix_item *restrict item, size_t n_item, const float *restrict value,
                          const float *restrict channels, float *restrict sum);

static const struct { dot_kernel *dot; basis_kernel *basis; } known[] = {
  [CUBIX_CPU_BASELINE] = { dot_portable, dot_portable_basis },
#ifdef CUBIX_CPU_X86
  [CUBIX_CPU_AVX2] = { dot_avx2, dot_avx2_basis },
  [CUBIX_CPU_AVX512] = { dot_avx512, dot_avx512_basis },
#endif
};

struct reverse {
  const struct cubix_cube *cube_bar;
  struct cubix_panels panels;
  enum cubix_cpu cpu;
  double scale;
  double **bar;                   /* [n_panel][values] in the panel's order */
  float **channels;               /* [n_thread][CUBIX_PANEL][CUBIX_TILE] of the panel and tile at hand */
  float *factor;                  /* cubix_axis_table of the cube's tiles */
  float **dimmed;                 /* [n_thread][nodes][CUBIX_TILE] */
};

/* Factors of a run's node in A(V) in tile t of the cube's. */
static const float *factor_of(const struct reverse *x, const struct cubix_run *r, int t)
{
  return x->factor + ((size_t)t * (size_t)x->panels.histogram->nodes.axis.n + (size_t)r->screen) * CUBIX_TILE;
}

/* The channels of a tile, as float32, with zeros beyond those that there are.  @param[out] out
 * [n_spaxel][CUBIX_TILE] */
static void take_channels(float *out, const struct cubix_cube *cube, const struct cubix_panel *panel, int tile)
{
  int first = tile * CUBIX_TILE - cube->lambda_first,
      n = cube->n_lambda - first < CUBIX_TILE ? cube->n_lambda - first : CUBIX_TILE;
  for (size_t s = 0; s < panel->n_spaxel; s++, out += CUBIX_TILE) {
    const cubix_real *flux = cube->flux + panel->spaxel[s] * (size_t)cube->n_lambda + first;
    for (int k = 0; k < n; k++) out[k] = (float)flux[k];
    for (int k = n; k < CUBIX_TILE; k++) out[k] = 0;
  }
}

/* Panels of the spaxels where a cotangent is not zero. */
static int reverse_panels(struct reverse *x, const struct cubix_histogram *h, const struct cubix_basis *basis,
                          double scale)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube = x->cube_bar;
  size_t n_lambda = (size_t)cube->n_lambda;
  unsigned char *wanted = NULL;
  CUBIX_ALLOC(wanted, h->n_spaxel);
#pragma omp parallel for schedule(dynamic, 64)
  for (size_t s = 0; s < h->n_spaxel; s++)
    for (size_t k = 0; k < n_lambda && !wanted[s] && h->start[s] < h->start[s + 1]; k++)
      wanted[s] = cube->flux[s * n_lambda + k] != 0;
  CUBIX_TRY(cubix_panels_init(&x->panels, h, basis, scale, wanted));
done:
  free(wanted);
  return status;
}

/* The panels' values from value_bar, or back there. */
static void move_bars(const struct reverse *x, double *value_bar, int back)
{
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t p = 0; p < x->panels.n_panel; p++) {
    const struct cubix_panel *panel = &x->panels.panel[p];
    double *bar = x->bar[p];
    for (size_t i = 0; i < panel->run[panel->n_run].at.item; bar += panel->item[i++].n) {
      size_t bytes = (size_t)panel->item[i].n * sizeof *bar;
      if (back) memcpy(value_bar + panel->origin[i], bar, bytes);
      else memcpy(bar, value_bar + panel->origin[i], bytes);
    }
  }
}

/* One tile of a panel's templates, share `share` of n_share by the number of values. */
static void reverse_panel(const struct reverse *x, size_t p, size_t share, size_t n_share, const float *d, int tile,
                          float *channels, float *dimmed)
{
  const struct cubix_panel *panel = &x->panels.panel[p];
  size_t size = (size_t)x->panels.basis->nodes.n * CUBIX_TILE, n_value = panel->run[panel->n_run].at.value;
  take_channels(channels, x->cube_bar, panel, tile);
  for (const struct cubix_run *r = panel->run, *end = r + panel->n_run; r < end; r++) {
    if (r->at.value * n_share / n_value != share) continue;
    const float *template = d + r->slot * size;
    if (x->factor) {
      cubix_multiply_dim(dimmed, template, factor_of(x, r, tile - x->cube_bar->lambda_first / CUBIX_TILE), r->first,
                         r->n_node);
      template = dimmed;
    }
    known[x->cpu].dot(panel->item + r->at.item, r[1].at.item - r->at.item, x->bar[p] + r->at.value, template, channels,
                      x->scale, (const char *)(d + r[1].slot * size + r[1].first * CUBIX_TILE),
                      (size_t)r[1].n_node * CUBIX_TILE / 16);
  }
}

static void reverse_free(struct reverse *x, int n_thread)
{
  for (size_t p = 0; p < x->panels.n_panel && x->bar; p++) free(x->bar[p]);
  for (int t = 0; t < n_thread && x->channels; t++) free(x->channels[t]);
  for (int t = 0; t < n_thread && x->dimmed; t++) free(x->dimmed[t]);
  free(x->bar);
  free(x->channels);
  free(x->dimmed);
  free(x->factor);
  cubix_panels_free(&x->panels);
}

int cubix_multiply_vjp_by(const struct cubix_cube *cube_bar, const struct cubix_histogram *cover,
                          const struct cubix_basis *basis, double scale, double *value_bar, const char *instructions)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  struct reverse x = { .cube_bar = cube_bar, .scale = scale };
  float *buffer = NULL;
  CUBIX_TRY(cubix_multiply_instructions(&x.cpu, instructions));
  if (!cube_bar->n_lambda || !cover->n_value) goto done;
  CUBIX_TRY(cubix_multiply_check(cube_bar, cover, basis));
  struct cubix_histogram blocks = *cover;
  blocks.value = NULL;                              /* of a histogram, the blocks alone */
  CUBIX_TRY(reverse_panels(&x, &blocks, basis, scale));
  CUBIX_ALLOC(x.bar, x.panels.n_panel);
  for (size_t p = 0; p < x.panels.n_panel; p++) {
    size_t n = x.panels.panel[p].run[x.panels.panel[p].n_run].at.value;
    CUBIX_CHECK((x.bar[p] = cubix_reserve(n, sizeof **x.bar)), CUBIX_ENOMEM,
                "cannot allocate %zu derivatives of a panel", n);
  }
  CUBIX_ALLOC(x.channels, n_thread);
  for (int t = 0; t < n_thread; t++) CUBIX_ALLOC(x.channels[t], (size_t)CUBIX_PANEL * CUBIX_TILE);
  CUBIX_TRY(cubix_axis_table(&x.factor, &cover->nodes.axis, basis->n_lambda, cube_bar->lambda_first / CUBIX_TILE,
                             (cube_bar->n_lambda + CUBIX_TILE - 1) / CUBIX_TILE, NULL));
  CUBIX_ALLOC(x.dimmed, n_thread);
  for (int t = 0; t < n_thread && x.factor; t++) CUBIX_ALLOC(x.dimmed[t], (size_t)basis->nodes.n * CUBIX_TILE);
  CUBIX_CHECK((buffer = cubix_reserve(cubix_basis_tile_size(basis), sizeof *buffer)), CUBIX_ENOMEM,
              "cannot allocate a tile of the prepared templates");

  size_t n_panel = x.panels.n_panel,
         n_share = n_panel && n_thread > 1 ? (4 * (size_t)n_thread + n_panel - 1) / n_panel : 1;
  move_bars(&x, value_bar, 0);
  for (int first = 0; first < cube_bar->n_lambda && n_panel; first += CUBIX_TILE) {
    const float *d;
    int tile = (cube_bar->lambda_first + first) / CUBIX_TILE;
    CUBIX_TRY(cubix_basis_tile(basis, tile, buffer, &d));
#pragma omp parallel for schedule(dynamic, 1) num_threads(n_thread)
    for (size_t i = 0; i < n_panel * n_share; i++)
      reverse_panel(&x, i / n_share, i % n_share, n_share, d, tile, x.channels[omp_get_thread_num()],
                    x.dimmed[omp_get_thread_num()]);
  }
  move_bars(&x, value_bar, 1);
done:
  free(buffer);
  reverse_free(&x, n_thread);
  return status;
}

int cubix_multiply_vjp(const struct cubix_cube *cube_bar, const struct cubix_histogram *cover,
                       const struct cubix_basis *basis, double scale, double *value_bar)
{
  return cubix_multiply_vjp_by(cube_bar, cover, basis, scale, value_bar, cubix_multiply_name());
}

/* ---- by the basis ---------------------------------------------------------------------------- */

/* What the sums of a template's blocks go to, and what is at hand for that. */
struct by_basis {
  struct reverse reverse;
  size_t n_slot;
  int32_t *run;                   /* [n_panel][n_slot] the template's first in the panel, -1: none */
  float *channels, *sum;          /* [n_occupied][CUBIX_TILE] of the tile; [n_thread][nodes][CUBIX_TILE] */
  float *tile_bar;                /* NULL, or: */
  const float *d;                 /* the tile */
  double *slot_bar;               /* [n_slot][CUBIX_TILE] by k */
};

/* The sums of a run's blocks, to its template. */
static void run_to_template(const struct by_basis *b, const struct cubix_run *r, const float *sum)
{
  const size_t size = (size_t)b->reverse.panels.basis->nodes.n * CUBIX_TILE;
  const float *factor = b->reverse.factor ? factor_of(&b->reverse, r, 0) : NULL;
  float *bar = b->tile_bar + r->slot * size;
  for (int j = r->first; j < r->first + r->n_node; j++)
    for (int k = 0; k < CUBIX_TILE; k++) bar[j * CUBIX_TILE + k] += sum[j * CUBIX_TILE + k] * (factor ? factor[k] : 1);
}

/* Or to the channels. */
static void run_to_channels(const struct by_basis *b, const struct cubix_run *r, const float *sum)
{
  const size_t size = (size_t)b->reverse.panels.basis->nodes.n * CUBIX_TILE;
  const float *d = b->d + r->slot * size, *factor = factor_of(&b->reverse, r, 0);
  double *bar = b->slot_bar + r->slot * CUBIX_TILE, inner[CUBIX_TILE] = { 0 };
  for (int j = r->first; j < r->first + r->n_node; j++)
    for (int k = 0; k < CUBIX_TILE; k++) inner[k] += (double)sum[j * CUBIX_TILE + k] * (double)d[j * CUBIX_TILE + k];
  for (int k = 0; k < CUBIX_TILE; k++) bar[k] += inner[k] * (double)factor[k];
}

/* A template's sums over one panel after the other. */
static void template_vjp(const struct by_basis *b, size_t slot, float *sum)
{
  const struct reverse *x = &b->reverse;
  for (size_t p = 0; p < x->panels.n_panel; p++) {
    const struct cubix_panel *panel = &x->panels.panel[p];
    const int32_t first = b->run[p * b->n_slot + slot];
    const struct cubix_run *r = panel->run + first, *end = panel->run + panel->n_run;
    for (; first >= 0 && r < end && r->slot == slot; r++) {
      memset(sum, 0, (size_t)x->panels.basis->nodes.n * CUBIX_TILE * sizeof *sum);
      known[x->cpu].basis(panel->item + r->at.item, r[1].at.item - r->at.item, panel->value + r->at.value,
                          b->channels + p * CUBIX_PANEL * CUBIX_TILE, sum);
      (b->tile_bar ? run_to_template : run_to_channels)(b, r, sum);
    }
  }
}

static void by_basis_free(struct by_basis *b, int n_thread)
{
  free(b->run);
  free(b->channels);
  free(b->sum);
  free(b->slot_bar);
  reverse_free(&b->reverse, n_thread);
}

static int by_basis_init(struct by_basis *b, const struct cubix_cube *cube_bar, const struct cubix_histogram *h,
                         const struct cubix_basis *basis, double scale)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  struct reverse *x = &b->reverse;
  *b = (struct by_basis){ .n_slot = (size_t)basis->n_template,
                          .reverse = { .cube_bar = cube_bar, .scale = scale, .cpu = cubix_cpu_best() } };
  CUBIX_TRY(cubix_multiply_check(cube_bar, h, basis));
  CUBIX_TRY(reverse_panels(x, h, basis, scale));
  CUBIX_ALLOC(b->run, x->panels.n_panel * b->n_slot);
  CUBIX_CHECK((b->channels = cubix_reserve(x->panels.n_occupied * CUBIX_TILE, sizeof *b->channels)) &&
                  (b->sum = cubix_reserve((size_t)n_thread * (size_t)basis->nodes.n * CUBIX_TILE, sizeof *b->sum)),
              CUBIX_ENOMEM, "cannot allocate the channels of %zu spaxels", x->panels.n_occupied);
  for (size_t i = 0; i < x->panels.n_panel * b->n_slot; i++) b->run[i] = -1;
  for (size_t p = 0; p < x->panels.n_panel; p++)
    for (size_t r = x->panels.panel[p].n_run; r-- > 0;)
      b->run[p * b->n_slot + x->panels.panel[p].run[r].slot] = (int32_t)r;
done:
  return status;
}

/* All templates of a tile, whose factors are at hand. */
static void tile_vjp(const struct by_basis *b, int tile)
{
  const struct reverse *x = &b->reverse;
  const size_t size = (size_t)x->panels.basis->nodes.n * CUBIX_TILE;
#pragma omp parallel
  {
#pragma omp for schedule(dynamic, 1)
    for (size_t p = 0; p < x->panels.n_panel; p++)
      take_channels(b->channels + p * CUBIX_PANEL * CUBIX_TILE, x->cube_bar, &x->panels.panel[p], tile);
#pragma omp for schedule(dynamic, 1)
    for (size_t t = 0; t < b->n_slot; t++) template_vjp(b, t, b->sum + (size_t)omp_get_thread_num() * size);
  }
}

int cubix_multiply_basis_vjp(const struct cubix_cube *cube_bar, const struct cubix_histogram *h,
                             const struct cubix_basis *basis, double scale, int tile, float *tile_bar)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  struct by_basis b = { .n_slot = 0 };
  if (!h->n_value) goto done;
  CUBIX_CHECK(tile * CUBIX_TILE >= cube_bar->lambda_first &&
                  tile * CUBIX_TILE < cube_bar->lambda_first + cube_bar->n_lambda,
              CUBIX_EFAIL, "tile %d of the prepared templates, but derivatives by channels %d to %d", tile,
              cube_bar->lambda_first, cube_bar->lambda_first + cube_bar->n_lambda - 1);
  CUBIX_TRY(by_basis_init(&b, cube_bar, h, basis, scale));
  CUBIX_TRY(cubix_axis_table(&b.reverse.factor, &h->nodes.axis, basis->n_lambda, tile, 1, NULL));
  b.tile_bar = tile_bar;
  tile_vjp(&b, tile);
done:
  by_basis_free(&b, n_thread);
  return status;
}

int cubix_multiply_screen_vjp(const struct cubix_cube *cube_bar, const struct cubix_histogram *h,
                              const struct cubix_basis *basis, double scale, double *k_bar)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  struct by_basis b = { .n_slot = 0 };
  double *one = NULL;
  float *buffer = NULL;
  if (!h->n_value || !h->nodes.axis.n || !cube_bar->n_lambda) goto done;
  CUBIX_TRY(by_basis_init(&b, cube_bar, h, basis, scale));
  CUBIX_ALLOC(b.slot_bar, b.n_slot * CUBIX_TILE);
  CUBIX_ALLOC(one, basis->n_lambda);
  CUBIX_CHECK((buffer = cubix_reserve(cubix_basis_tile_size(basis), sizeof *buffer)), CUBIX_ENOMEM,
              "cannot allocate a tile of the prepared templates");
  for (int k = 0; k < basis->n_lambda; k++) one[k] = 1;
  const int last = cube_bar->lambda_first + cube_bar->n_lambda;
  for (int first = cube_bar->lambda_first; first < last; first += CUBIX_TILE) {
    free(b.reverse.factor);
    b.reverse.factor = NULL;
    CUBIX_TRY(cubix_axis_table(&b.reverse.factor, &h->nodes.axis, basis->n_lambda, first / CUBIX_TILE, 1, one));
    CUBIX_TRY(cubix_basis_tile(basis, first / CUBIX_TILE, buffer, &b.d));
    memset(b.slot_bar, 0, b.n_slot * CUBIX_TILE * sizeof *b.slot_bar);
    tile_vjp(&b, first / CUBIX_TILE);
    for (size_t t = 0; t < b.n_slot; t++)
      for (int k = 0; k < CUBIX_TILE && first + k < last; k++)
        k_bar[first + k] += b.slot_bar[t * CUBIX_TILE + (size_t)k];
  }
done:
  free(one);
  free(buffer);
  by_basis_free(&b, n_thread);
  return status;
}
