/* basis_lab.h -- what the tests of the basis work on: a library that is made here, its channels
 * computed a second way, and a basis of it.
 *
 * The library: sharp absorption lines on a slope, on knots of three spacings, one row that ends
 * inside the band.  What a channel holds is computed by Gauss-Legendre quadrature of the cubics,
 * knot interval by knot interval, with the formula of interpolation by second derivatives. */
#ifndef CUBIX_BASIS_LAB_H
#define CUBIX_BASIS_LAB_H

#include <gsl/gsl_integration.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tests/check.h"
#include "histogram/basis_parts.h"
#include "math/spline.h"
#include "mpi/cubix-mpi.h"
#include "physics/doppler.h"

enum { N_ROW = 37, N_KNOT = 420, N_LAMBDA = 200, ENDING = 35 };
static const double REACH = 300;

/* ---- a library ------------------------------------------------------------------------------- */
struct lab {
  struct cubix_templates templates;
  double knot[N_KNOT], edge[N_LAMBDA + 1], light[N_ROW];
  unsigned char covered[N_LAMBDA];
  cubix_real row[N_ROW * 2 * (N_KNOT + 1)];
  int32_t first[8 * N_KNOT];
};

/* Lines of sigma [AA]; row ENDING is dark from 5150 AA on. */
static inline double template_at(int t, double x, double sigma)
{
  double value = 1 + 0.3 * t / N_ROW + 1e-4 * (x - 5000);
  if (t == ENDING && x > 5150) return 0;
  for (int l = 0; l < 90; l++) {
    double at = 4880 + 400 * uniform_of((uint64_t)l, 0),
           depth = 0.02 + 0.4 * uniform_of((uint64_t)l, 1) * (t + 1.) / N_ROW,
           u = (x - at) / sigma;
    value *= 1 - depth * exp(-0.5 * u * u);
  }
  return value;
}

/* @param first_edge  vacuum AA of the first channel */
static inline void lab_init(struct lab *lab, double sigma, int is_spline, double first_edge)
{
  static double f[N_KNOT][CUBIX_LANES], m[N_KNOT][CUBIX_LANES];   /* one lane is used */
  struct cubix_spline spline = { 0 };
  struct cubix_tables *v = &lab->templates.tables;
  memset(lab, 0, sizeof *lab);
  for (int i = 0; i < N_KNOT; i++) lab->knot[i] = i ? lab->knot[i - 1] + (i < 150 ? 0.9 : i < 300 ? 1.0 : 0.8) : 4900;
  for (int k = 0; k <= N_LAMBDA; k++) lab->edge[k] = first_edge + 1.25 * k;
  v->n_row = N_ROW, v->n_z = 1, v->n_age = N_ROW, v->n_knot = N_KNOT, v->row_stride = 2 * (N_KNOT + 1),
  v->n_lambda = N_LAMBDA;
  v->row = lab->row, v->knot = lab->knot, v->edge = lab->edge, v->light = lab->light, v->first = lab->first;
  v->one_plus_z = 1.02;
  v->cell_origin = lab->knot[0], v->cell_per_AA = 2, v->n_cell = (int)(2 * (lab->knot[N_KNOT - 1] - lab->knot[0])) + 1;
  for (int cell = 0, i = 0; cell < v->n_cell; cell++) {
    while (i < N_KNOT - 2 && lab->knot[i + 1] <= v->cell_origin + 0.5 * cell) i++;
    lab->first[cell] = i;
  }
  CHECK_IS(cubix_spline_init(&spline, lab->knot, N_KNOT), ==, CUBIX_OK);
  for (int t = 0; t < N_ROW; t++) {
    for (int i = 0; i < N_KNOT; i++) f[i][0] = template_at(t, lab->knot[i], sigma);
    if (is_spline) cubix_spline_curvature(&spline, (const double (*)[CUBIX_LANES])f, m);
    for (int i = 0; i < N_KNOT; i++) {
      lab->row[t * v->row_stride + 2 * i] = (cubix_real)f[i][0];
      lab->row[t * v->row_stride + 2 * i + 1] = is_spline ? (cubix_real)m[i][0] : 0;
    }
    lab->light[t] = 1.25 * N_LAMBDA;
  }
  cubix_spline_free(&spline);
  lab->templates.covered = lab->covered;
  for (int k = 0; k < N_LAMBDA; k++)
    lab->covered[k] = lab->edge[k] / cubix_doppler(v->one_plus_z, REACH) >= lab->knot[0] &&
                      lab->edge[k + 1] / cubix_doppler(v->one_plus_z, -REACH) <= lab->knot[N_KNOT - 1];
}

/* A row's integral over [x0, x1], the independent way. */
static inline double quadrature(const struct lab *lab, int t, double x0, double x1)
{
  static gsl_integration_glfixed_table *rule;
  const cubix_real *p = lab->row + t * lab->templates.tables.row_stride;
  double sum = 0;
  if (!rule) rule = gsl_integration_glfixed_table_alloc(3);
  for (int i = 0; i + 1 < N_KNOT; i++) {
    double k0 = lab->knot[i], k1 = lab->knot[i + 1], h = k1 - k0, a = fmax(x0, k0), b = fmin(x1, k1);
    for (size_t q = 0; q < 3 && a < b; q++) {
      double x, w;
      gsl_integration_glfixed_point(a, b, q, &x, &w, rule);
      double A = (k1 - x) / h, B = (x - k0) / h;
      sum +=
          w * (A * (double)p[2 * i] + B * (double)p[2 * i + 2] +
               ((A * A * A - A) * 6 * (double)p[2 * i + 1] + (B * B * B - B) * 6 * (double)p[2 * i + 3]) * h * h / 6);
    }
  }
  return sum;
}

static inline double channel_at(const struct lab *lab, int t, int k, double v)
{
  double d = cubix_doppler(lab->templates.tables.one_plus_z, v);
  return quadrature(lab, t, lab->edge[k] / d, lab->edge[k + 1] / d);
}

static inline struct cubix_engine engine_for(double tolerance, unsigned char *used)
{
  static int owners[2] = { 0, N_LAMBDA };
  struct cubix_engine e = { 0 };
  e.method = CUBIX_HISTOGRAM, e.combine = CUBIX_COMBINE_HISTOGRAM, e.tolerance = tolerance, e.reach = REACH;
  e.used = used, e.n_row = N_ROW, e.n_rank = 1, e.lambda_first = owners;
  return e;
}

static inline struct cubix_basis *build(const struct lab *lab, double tolerance, const char *cache,
                                        const unsigned char *only)
{
  struct cubix_params *par = NULL;
  struct cubix_basis *basis = NULL;
  unsigned char used[N_ROW];
  for (int t = 0; t < N_ROW; t++) used[t] = only ? only[t] : 1;
  struct cubix_engine engine = engine_for(tolerance, used);
  CHECK_IS(cubix_params_init(&par), ==, CUBIX_OK);
  CHECK_IS(cubix_params_set(par, "TemplateCache", cache), ==, CUBIX_OK);
  CHECK_IS(cubix_mpi_basis_build(&basis, par, &lab->templates, &engine), ==, CUBIX_OK);
  cubix_params_free(par);
  return basis;
}

/* Copies of all tiles. */
static inline float **tiles_of(const struct cubix_basis *basis)
{
  size_t size = cubix_basis_tile_size(basis);
  float **tile = calloc((size_t)basis->n_tile, sizeof *tile), *buffer = malloc(size * sizeof *buffer);
  const float *at;
  for (int i = 0; i < basis->n_tile; i++) {
    CHECK_IS(cubix_basis_tile(basis, i, buffer, &at), ==, CUBIX_OK);
    tile[i] = malloc(size * sizeof **tile);
    memcpy(tile[i], at, size * sizeof **tile);
  }
  free(buffer);
  return tile;
}

static inline void tiles_free(const struct cubix_basis *basis, float **tile)
{
  for (int i = 0; i < basis->n_tile; i++) free(tile[i]);
  free(tile);
}

#endif
