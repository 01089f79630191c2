/* dusty.c -- stars behind dust, multiplied as three functions of wavelength.
 *
 * In a tile of 96 channels all that dust does is nearly the same: with A_c of a spaxel's middle node, and y
 * = (k - middle)/half of the k of the tile's channels,
 *
 *   c_j(k) = c_c(k) exp(-t (A_j - A_c) k) ~ c_c(k) sum_m C_m P_m(y),   P = 1, y, 2 y^2 - 1
 *
 * the C_m being the Chebyshev coefficients of the exponential.  Three sums H_m = sum_j C_mj A_j of the
 * values take the place of the nodes' own, which are four and more, and share what is loaded of the templates.
 * What the three functions miss is found in float64 on the channels themselves, before anything is
 * multiplied: `reach` is how far from the middle node they serve in every tile.  A spaxel with more
 * nodes has several middles. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "histogram/axis.h"
#include "histogram/dusty_parts.h"
#include "histogram/multiply_parts.h"

enum { POINTS = 16, MOST = 64 };

typedef float lane __attribute__((vector_size(4 * CUBIX_DUSTY_LANE)));

#pragma GCC diagnostic ignored "-Wpsabi"
#ifdef CUBIX_CPU_X86
#define MULTIPLY_NAME dusty_avx512
#define MULTIPLY_TARGET CUBIX_AVX512
#define MULTIPLY_WIDTH 16
#define MULTIPLY_SPLIT 1
#include "histogram/dusty_kernel.h"
#define MULTIPLY_NAME dusty_avx2
#define MULTIPLY_TARGET CUBIX_AVX2
#define MULTIPLY_WIDTH 8
#define MULTIPLY_SPLIT 3
#include "histogram/dusty_kernel.h"
#endif
#define MULTIPLY_NAME dusty_portable
#define MULTIPLY_TARGET
#define MULTIPLY_WIDTH 4
#define MULTIPLY_SPLIT 6
#include "histogram/dusty_kernel.h"

typedef void kernel(const struct cubix_dusty_item *restrict item, size_t n_item, const float *restrict value,
                    const float (*restrict coefficient)[4], const float *restrict d,
                    const struct cubix_dusty_space *space, size_t stride, const char *next, size_t n_next);

static kernel *const known[] = {
  [CUBIX_CPU_BASELINE] = dusty_portable,
#ifdef CUBIX_CPU_X86
  [CUBIX_CPU_AVX2] = dusty_avx2,
  [CUBIX_CPU_AVX512] = dusty_avx512,
#endif
};

/* k of a tile's channels first .. last - 1. */
struct band { int first, last; double middle, half; };

static struct band band_of(const struct cubix_axis *axis, int n_lambda, int tile)
{
  struct band b = { tile * CUBIX_TILE, (tile + 1) * CUBIX_TILE < n_lambda ? (tile + 1) * CUBIX_TILE : n_lambda, 0, 0 };
  double least = axis->k[b.first], most = least;
  for (int k = b.first; k < b.last; k++) {
    least = fmin(least, axis->k[k]);
    most = fmax(most, axis->k[k]);
  }
  b.middle = 0.5 * (least + most);
  b.half = 0.5 * (most - least);
  return b;
}

static void shapes(double shape[CUBIX_DUSTY], const struct band *b, double k)
{
  const double y = b->half > 0 ? (k - b->middle) / b->half : 0;
  shape[0] = 1;
  shape[1] = y;
  shape[2] = 2 * y * y - 1;
}

/* Of exp(-t step n k), n nodes away. */
static void coefficients(double c[CUBIX_DUSTY], const struct cubix_axis *axis, const struct band *b, int n)
{
  const double rate = -CUBIX_SCREEN_T * axis->step * n;
  c[0] = c[1] = c[2] = 0;
  for (int p = 0; p < POINTS; p++) {
    const double angle = 3.14159265358979323846 * (p + 0.5) / POINTS,
                 f = exp(rate * (b->middle + b->half * cos(angle)));
    for (int m = 0; m < CUBIX_DUSTY; m++) c[m] += (m ? 2. : 1.) / POINTS * f * cos(m * angle);
  }
}

/* Largest relative error of a node n away from the middle one. */
static double missed(const struct cubix_axis *axis, const struct band *b, int n)
{
  double c[CUBIX_DUSTY], shape[CUBIX_DUSTY], worst = 0;
  coefficients(c, axis, b, n);
  for (int k = b->first; k < b->last; k++) {
    shapes(shape, b, axis->k[k]);
    const double is = c[0] * shape[0] + c[1] * shape[1] + c[2] * shape[2];
    worst = fmax(worst, fabs(is * exp(CUBIX_SCREEN_T * axis->step * n * axis->k[k]) - 1));
  }
  return worst;
}

int cubix_dusty_reach(const struct cubix_axis *axis, int n_lambda, double error)
{
  int reach = axis->n < MOST ? axis->n : MOST;
  for (int t = 0; t * CUBIX_TILE < n_lambda && reach; t++) {
    const struct band b = band_of(axis, n_lambda, t);
    int n = 0;
    while (n < reach && missed(axis, &b, n + 1) <= error && missed(axis, &b, -n - 1) <= error) n++;
    reach = n;
  }
  return reach;
}

int cubix_dusty_init(struct cubix_dusty *x, const struct cubix_histogram *h, const struct cubix_basis *basis,
                     double scale, int reach, int first_tile, int n_tile)
{
  int status = CUBIX_OK;
  const struct cubix_axis *axis = &h->nodes.axis;
  const size_t n_coefficient = 2 * (size_t)reach + 1;
  *x = (struct cubix_dusty){ .histogram = h, .basis = basis, .scale = scale, .reach = reach,
                             .first_tile = first_tile, .n_tile = n_tile };
  CUBIX_ALLOC(x->coefficient, (size_t)n_tile * n_coefficient);
  CUBIX_ALLOC(x->shape, (size_t)n_tile * CUBIX_DUSTY * CUBIX_TILE);
  CUBIX_TRY(cubix_axis_table(&x->factor, axis, basis->n_lambda, first_tile, n_tile, NULL));
  for (int t = 0; t < n_tile; t++) {
    const struct band b = band_of(axis, basis->n_lambda, first_tile + t);
    double c[CUBIX_DUSTY], shape[CUBIX_DUSTY];
    for (int n = -reach; n <= reach; n++) {
      coefficients(c, axis, &b, n);
      for (int m = 0; m < CUBIX_DUSTY; m++)
        x->coefficient[(size_t)t * n_coefficient + (size_t)(n + reach)][m] = (float)c[m];
    }
    for (int k = b.first; k < b.last; k++) {
      shapes(shape, &b, axis->k[k]);
      for (int m = 0; m < CUBIX_DUSTY; m++)
        x->shape[((size_t)t * CUBIX_DUSTY + (size_t)m) * CUBIX_TILE + (size_t)(k - b.first)] = (float)shape[m];
    }
  }
  CUBIX_TRY(cubix_dusty_panels(x));
done:
  return status;
}

static size_t stride_of(const struct cubix_dusty *x)
{
  return ((size_t)x->basis->nodes.n + CUBIX_DUSTY_LANE - 1) / CUBIX_DUSTY_LANE * CUBIX_DUSTY_LANE;
}

int cubix_dusty_space_init(struct cubix_dusty_space *space, const struct cubix_dusty *x)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(space->sum, (size_t)CUBIX_DUSTY_PANEL * CUBIX_DUSTY * CUBIX_TILE);
  CUBIX_ALLOC(space->total, (size_t)CUBIX_DUSTY_PANEL * CUBIX_TILE);
  CUBIX_ALLOC(space->mixed, CUBIX_DUSTY * stride_of(x));
done:
  return status;
}

void cubix_dusty_space_free(struct cubix_dusty_space *space)
{
  free(space->sum);
  free(space->total);
  free(space->mixed);
}

/* What has come together of a line, to its spaxel's channels. */
static void finish(cubix_real *flux, int n, const float *sum, const float *total, const float *shape,
                   const float *factor)
{
  for (int k = 0; k < n; k++)
    flux[k] += factor[k] * (total[k] + sum[k] + shape[CUBIX_TILE + k] * sum[CUBIX_TILE + k] +
                            shape[2 * CUBIX_TILE + k] * sum[2 * CUBIX_TILE + k]);
}

void cubix_dusty_multiply(struct cubix_cube *cube, const struct cubix_dusty *x, size_t p, int tile, const float *d,
                          enum cubix_cpu cpu, struct cubix_dusty_space *space)
{
  const struct cubix_dusty_panel *panel = &x->panel[p];
  const size_t size = (size_t)x->basis->nodes.n * CUBIX_TILE, t = (size_t)(tile - x->first_tile),
               n_screen = (size_t)x->histogram->nodes.axis.n;
  const float(*coefficient)[4] =
      (const float(*)[4])x->coefficient + t * (2 * (size_t)x->reach + 1) + (size_t)x->reach;
  memset(space->sum, 0, panel->n_line * CUBIX_DUSTY * CUBIX_TILE * sizeof *space->sum);
  memset(space->total, 0, panel->n_line * CUBIX_TILE * sizeof *space->total);
  for (const struct cubix_dusty_run *r = panel->run, *end = r + panel->n_run; r < end; r++)
    known[cpu](panel->item + r->item, r[1].item - r->item, panel->value + r->value, coefficient, d + r->slot * size,
               space, stride_of(x), (const char *)(d + r[1].slot * size + r[1].first * CUBIX_TILE),
               (size_t)r[1].n_node * CUBIX_TILE / 16);
  const int first = tile * CUBIX_TILE - cube->lambda_first,
            n = cube->n_lambda - first < CUBIX_TILE ? cube->n_lambda - first : CUBIX_TILE;
  for (size_t i = 0; i < panel->n_line; i++)
    finish(cube->flux + panel->line[i].spaxel * (size_t)cube->n_lambda + first, n,
           space->sum + i * CUBIX_DUSTY * CUBIX_TILE, space->total + i * CUBIX_TILE,
           x->shape + t * CUBIX_DUSTY * CUBIX_TILE,
           x->factor + (t * n_screen + (size_t)panel->line[i].centre) * CUBIX_TILE);
}

void cubix_dusty_free(struct cubix_dusty *x)
{
  for (size_t p = 0; p < x->n_panel && x->panel; p++) {
    free(x->panel[p].run);
    free(x->panel[p].item);
    free(x->panel[p].value);
  }
  free(x->panel);
  free(x->line);
  free(x->coefficient);
  free(x->shape);
  free(x->factor);
}
