/* paint_lab.h -- what tests of the direct method's derivatives are made of: tables of several kinds, stars, cubes,
 * and the reverse by the plain kernel.  The program says LAB_N_SPAXEL and LAB_N_STAR. */
#ifndef CUBIX_TESTS_PAINT_LAB_H
#define CUBIX_TESTS_PAINT_LAB_H

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "math/spline.h"
#include "physics/paint_vjp.h"
#include "physics/pixel.h"
#include "tests/check.h"

enum { N_Z = 3, N_AGE = 4, N_ROW = 2 * N_Z * N_AGE, N_SPAXEL = LAB_N_SPAXEL, N_STAR = LAB_N_STAR, N_MOST = 4096 };

static const double log_z[N_Z] = { -3., -2., -1.5 }, log_age[N_AGE] = { -2., -1., 0.5, 1. };
static double knot[N_MOST], edge[N_MOST], light[N_ROW];
static int32_t first[1] = { 0 };
static struct cubix_star star[N_STAR];
static int lab_dust;              /* 1: there is dust in front of most stars */
static double lab_k[N_MOST];

/** Knots from 4000 AA on, `spacing` apart, evenly or stretched by up to `wobble` of it; channels of
 * `step` from `blue` on. */
struct setting {
  const char *name;
  int n_knot, n_lambda, is_spline, pchip, has_end;
  double spacing, wobble, blue, step;
};

/** The tables of a setting; their rows are the caller's. */
static inline struct cubix_tables tables_of(const struct setting *s)
{
  struct cubix_tables v = { .n_z = N_Z,
                            .n_age = N_AGE,
                            .pchip = s->pchip,
                            .log_z = log_z,
                            .log_age = log_age,
                            .n_row = s->pchip ? N_ROW : N_ROW / 2,
                            .n_knot = s->n_knot,
                            .row_stride = 2 * (s->n_knot + 1),
                            .knot = knot,
                            .n_cell = 1,
                            .cell_origin = 4000,
                            .cell_per_AA = 1e-9,
                            .first = first,
                            .n_lambda = s->n_lambda,
                            .edge = edge,
                            .one_plus_z = 1.02,
                            .star_scale = 0.37,
                            .light = light,
                            .n_x = N_SPAXEL,
                            .n_y = 1 };
  for (int i = 0; i < s->n_knot; i++) knot[i] = 4000 + s->spacing * (i + s->wobble * 0.45 * sin(1.7 * i));
  for (int k = 0; k <= s->n_lambda; k++) edge[k] = s->blue + s->step * k;
  for (int k = 0; k < s->n_lambda; k++) lab_k[k] = 1.4 - 0.6 * k / s->n_lambda + 0.05 * sin(0.1 * k);
  v.dust_k = lab_dust ? lab_k : NULL;
  struct cubix_spline spline = { 0 };
  double(*f)[CUBIX_LANES] = calloc((size_t)s->n_knot, sizeof *f),
  (*m)[CUBIX_LANES] = calloc((size_t)s->n_knot, sizeof *m);
  cubix_real *row = calloc((size_t)v.n_row * (size_t)v.row_stride, sizeof *row);
  REQUIRE(f && m && row && cubix_spline_init(&spline, knot, s->n_knot) == CUBIX_OK);
  for (int r = 0; r < v.n_row; r++) {
    for (int i = 0; i < s->n_knot; i++)
      for (int l = 0; l < CUBIX_LANES; l++) f[i][l] = 1 + r + 0.5 * sin(0.3 * i + r) + 0.02 * uniform();
    if (s->is_spline) cubix_spline_curvature(&spline, (const double (*)[CUBIX_LANES])f, m);
    for (int i = 0; i < s->n_knot; i++) {
      row[(size_t)r * (size_t)v.row_stride + 2 * (size_t)i] = (cubix_real)f[i][0];
      row[(size_t)r * (size_t)v.row_stride + 2 * (size_t)i + 1] = (cubix_real)m[i][0];
    }
  }
  v.row = row;
  cubix_spline_free(&spline);
  free(f);
  free(m);
  return v;
}

/** Stars all over the grid, on its nodes too; one without mass, some so fast that nothing of them is in
 * the band, or half. */
static inline void make_stars(void)
{
  for (int j = 0; j < N_STAR; j++) {
    star[j] = (struct cubix_star){ .mass_formed = 0.5 + uniform(),
                                   .velocity = 400 * (uniform() - 0.5),
                                   .f_z = uniform(),
                                   .f_age = uniform(),
                                   .iz = (int16_t)(uniform() * (N_Z - 1)),
                                   .ia = (int16_t)(uniform() * (N_AGE - 1)) };
    if (j % 9 == 1) star[j].f_z = j % 2, star[j].f_age = 0;
    if (lab_dust && j % 4) star[j].screen = (cubix_real)(j % 7 == 1 ? 12 : 2.5 * uniform());
  }
  star[3].mass_formed = 0;
  star[4].velocity = -250000;
  star[5].velocity = 250000;
  star[6].velocity = 6000;
}

/** n numbers of both signs, or zeros: the caller's. */
static inline cubix_real *random_flux(size_t n, int dark)
{
  cubix_real *flux = calloc(n, sizeof *flux);
  for (size_t i = 0; i < n && !dark; i++) flux[i] = (cubix_real)(uniform() - 0.45);
  return flux;
}

static inline struct cubix_cube cube_of(const struct cubix_tables *v, cubix_real *flux)
{
  return (struct cubix_cube){ .n_x = N_SPAXEL, .n_y = 1, .n_lambda = v->n_lambda, .flux = flux };
}

/** Reverse by the plain kernel, star by star.  @param from  [N_SPAXEL + 1] the first star of a spaxel */
static inline void plain_vjp(const struct cubix_tables *v, const size_t *from, const cubix_real *flux_bar,
                             struct cubix_star_bar *bar)
{
  double *g = calloc((size_t)v->row_stride, sizeof *g);
  for (size_t s = 0; s < N_SPAXEL; s++) {
    for (size_t j = from[s]; j < from[s + 1]; j++) {
      const cubix_real *r = flux_bar + s * (size_t)v->n_lambda;
      double doppler = cubix_doppler(v->one_plus_z, star[j].velocity), weight_bar[CUBIX_MAX_CORNER] = { 0 };
      struct cubix_blend blend;
      cubix_blend_of(v, &star[j], &blend);
      memset(g, 0, (size_t)v->row_stride * sizeof *g);
      for (int k = 0; k < v->n_lambda; k++) {
        const double depth = v->dust_k ? 0.4 * log(10.) * (double)star[j].screen * v->dust_k[k] : 0;
        const double dimmed = (double)r[k] * exp(-depth);
        cubix_pixel_add(v, v->edge[k] / doppler, v->edge[k + 1] / doppler, dimmed, 0, g);
        bar[j].velocity += dimmed * (cubix_edge_slope(v, &blend, v->edge[k + 1] / doppler) -
                                     cubix_edge_slope(v, &blend, v->edge[k] / doppler));
        if (v->dust_k)
          bar[j].screen -= 0.4 * log(10.) * v->dust_k[k] * dimmed * (double)cubix_star_channel(v, &blend, doppler, k);
      }
      for (int c = 0; c < blend.n; c++)
        for (int i = 0; i < v->row_stride; i++) weight_bar[c] += g[i] * (double)blend.row[c][i];
      cubix_blend_of_vjp(v, &star[j], weight_bar, &bar[j]);
    }
  }
  free(g);
}

#endif
