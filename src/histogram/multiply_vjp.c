/* multiply_vjp.c -- derivatives of the multiply: flux[spaxel][channel] += sum over blocks and nodes
 * of value x D[template][node][channel] is linear in both.
 *
 *   by the values   value_bar[block][node] +=
 *                     scale sum over channels of cube_bar[spaxel][channel] D[template][node][channel]
 *   by the basis    D_bar[template][node][channel] +=
 *                     scale sum over spaxels of value[block][node] cube_bar[spaxel][channel]
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
};

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
                          float *channels)
{
  const struct cubix_panel *panel = &x->panels.panel[p];
  size_t size = (size_t)x->panels.basis->nodes.n * CUBIX_TILE, n_value = panel->run[panel->n_run].at.value;
  take_channels(channels, x->cube_bar, panel, tile);
  for (const struct cubix_run *r = panel->run, *end = r + panel->n_run; r < end; r++)
    if (r->at.value * n_share / n_value == share)
      known[x->cpu].dot(panel->item + r->at.item, r[1].at.item - r->at.item, x->bar[p] + r->at.value,
                        d + r->slot * size, channels, x->scale,
                        (const char *)(d + r[1].slot * size + r[1].first * CUBIX_TILE),
                        (size_t)r[1].n_node * CUBIX_TILE / 16);
}

static void reverse_free(struct reverse *x, int n_thread)
{
  for (size_t p = 0; p < x->panels.n_panel && x->bar; p++) free(x->bar[p]);
  for (int t = 0; t < n_thread && x->channels; t++) free(x->channels[t]);
  free(x->bar);
  free(x->channels);
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
      reverse_panel(&x, i / n_share, i % n_share, n_share, d, tile, x.channels[omp_get_thread_num()]);
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

/* A template's sums over one panel after the other.  @param sum [nodes][CUBIX_TILE] scratch  @param
 * run [n_panel] the template's place in the panels, -1: none */
static void template_vjp(const struct reverse *x, const int32_t *run, size_t n_slot, const float *channels, float *sum,
                         float *template_bar)
{
  int n_node = x->panels.basis->nodes.n;
  for (size_t p = 0; p < x->panels.n_panel; p++) {
    const struct cubix_panel *panel = &x->panels.panel[p];
    if (run[p * n_slot] < 0) continue;
    const struct cubix_run *r = &panel->run[run[p * n_slot]];
    memset(sum, 0, (size_t)n_node * CUBIX_TILE * sizeof *sum);
    known[x->cpu].basis(panel->item + r->at.item, r[1].at.item - r->at.item, panel->value + r->at.value,
                        channels + p * CUBIX_PANEL * CUBIX_TILE, sum);
    for (int k = r->first * CUBIX_TILE; k < (r->first + r->n_node) * CUBIX_TILE; k++) template_bar[k] += sum[k];
  }
}

int cubix_multiply_basis_vjp(const struct cubix_cube *cube_bar, const struct cubix_histogram *h,
                             const struct cubix_basis *basis, double scale, int tile, float *tile_bar)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  size_t n_slot = (size_t)basis->n_template, size = (size_t)basis->nodes.n * CUBIX_TILE;
  struct reverse x = { .cube_bar = cube_bar, .scale = scale, .cpu = cubix_cpu_best() };
  float *channels = NULL, *sum = NULL;
  int32_t *run = NULL;
  if (!h->n_value) goto done;
  CUBIX_TRY(cubix_multiply_check(cube_bar, h, basis));
  CUBIX_CHECK(tile * CUBIX_TILE >= cube_bar->lambda_first &&
                  tile * CUBIX_TILE < cube_bar->lambda_first + cube_bar->n_lambda,
              CUBIX_EFAIL, "tile %d of the prepared templates, but derivatives by channels %d to %d", tile,
              cube_bar->lambda_first, cube_bar->lambda_first + cube_bar->n_lambda - 1);
  CUBIX_TRY(reverse_panels(&x, h, basis, scale));
  CUBIX_ALLOC(run, x.panels.n_panel * n_slot);
  CUBIX_CHECK((channels = cubix_reserve(x.panels.n_occupied * CUBIX_TILE, sizeof *channels)) &&
                  (sum = cubix_reserve((size_t)n_thread * size, sizeof *sum)),
              CUBIX_ENOMEM, "cannot allocate the channels of %zu spaxels", x.panels.n_occupied);
#pragma omp parallel num_threads(n_thread)
  {
#pragma omp for schedule(dynamic, 1)
    for (size_t p = 0; p < x.panels.n_panel; p++) {
      const struct cubix_panel *panel = &x.panels.panel[p];
      take_channels(channels + p * CUBIX_PANEL * CUBIX_TILE, cube_bar, panel, tile);
      for (size_t t = 0; t < n_slot; t++) run[p * n_slot + t] = -1;
      for (size_t r = 0; r < panel->n_run; r++) run[p * n_slot + panel->run[r].slot] = (int32_t)r;
    }
#pragma omp for schedule(dynamic, 1)
    for (size_t t = 0; t < n_slot; t++)
      template_vjp(&x, run + t, n_slot, channels, sum + (size_t)omp_get_thread_num() * size, tile_bar + t * size);
  }
done:
  free(run);
  free(channels);
  free(sum);
  reverse_free(&x, n_thread);
  return status;
}
