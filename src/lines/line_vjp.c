/* line_vjp.c -- emission lines differentiated.
 *
 * Line l of a source is m g_l(Z, age, U, screen) B_l(v): every derivative is one of
 *   m          g_l B_l
 *   v          m g_l dB_l/dv
 *   a place on the table's axes, the screen, LogU, dust's law, clouds:   m g_l B_l times d ln g_l
 *   escape, dust of the photons: -m g_l B_l without its factor 1 - escape, or 1 - dust, which may be 0
 *   turbulence m g_l dB_l/dsigma_l times turbulence/sigma_l, and the LSF's width likewise.
 * B is what was painted: sum_i w_i D_(j+i) on the grid of velocities, whose derivative is that of the weights, or
 * the exact profile beyond it.
 *
 * Backwards, a spaxel's cotangents times the basis are made once, G[node][line] and S[node][line] with D and dD/dsigma;
 * a source gathers from six nodes.  Forwards, tangents are put on two such grids, which are multiplied.  A spaxel is
 * one thread's; the shared sums are added spaxel by spaxel, in their order. */
#include "lines/line_vjp.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lines/line_profile.h"

/* One thread's room. */
struct room {
  double *g, *s;                  /* [nodes][n] */
  double *light, *bare, *by_z, *by_age; /* [n] of a source, without escape and dust, and derivatives of logarithms */
  double *flux;                   /* [n_lambda] cotangents or tangents of the spaxel */
  double *part;                   /* [n_lambda] */
};

static void room_free(struct room *r)
{
  double *const all[] = { r->g, r->s, r->light, r->bare, r->by_z, r->by_age, r->flux, r->part };
  for (int i = 0; i < 8; i++) free(all[i]);
}

static int room_init(struct room *r, const struct cubix_lines *s)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)s->n, n_node = s->basis ? (size_t)s->basis->nodes.n * n : 0;
  const int n_lambda = s->shape[0].ins->n_lambda;
  CUBIX_ALLOC(r->g, n_node);
  CUBIX_ALLOC(r->s, n_node);
  CUBIX_ALLOC(r->light, n);
  CUBIX_ALLOC(r->bare, n);
  CUBIX_ALLOC(r->by_z, n);
  CUBIX_ALLOC(r->by_age, n);
  CUBIX_ALLOC(r->flux, n_lambda);
  CUBIX_ALLOC(r->part, n_lambda);
done:
  return status;
}

/* What a source sheds in every line [erg/s per mass_formed], and the derivatives of its logarithm. */
static void light_of(struct room *r, const struct cubix_lines *s, const struct cubix_star *source)
{
  cubix_lines_light(s, source, r->light);
  cubix_lines_slopes(s, source, r->by_z, r->by_age);
  for (int l = 0; l < s->n; l++) {
    r->bare[l] = r->light[l] * s->peak[l] * s->bare[l];
    r->light[l] *= s->peak[l] * s->factor[l];
  }
}

/* The nodes that a spaxel's sources touch: from .. *to - 1. */
static int nodes_of(const struct cubix_lines *s, const struct cubix_placement *p, size_t spaxel, int *to)
{
  int from = INT32_MAX;
  double f = 0;
  *to = 0;
  for (size_t i = p->start[spaxel]; s->basis && i < p->start[spaxel + 1]; i++) {
    const int j = cubix_node_of(&s->basis->nodes, p->star[i].velocity, &f);
    if (j < 0) continue;
    from = j < from ? j : from;
    *to = j + CUBIX_N_WEIGHT > *to ? j + CUBIX_N_WEIGHT : *to;
  }
  return from;
}

/* The channels of a node of a line that lie in the band: from .. *to - 1 of its `width`. */
static int inside(const struct cubix_lines *s, int first, int width, int *to)
{
  const int n_lambda = s->shape[0].ins->n_lambda;
  *to = first + width > n_lambda ? n_lambda - first : width;
  return first < 0 ? -first : 0;
}

/* Cotangents of the spaxel times the basis; or, forwards, the grids times the basis into its tangents. */
static void times_basis(struct room *r, const struct cubix_lines *s, int from, int to, int forward)
{
  const struct cubix_line_basis *b = s->basis;
  for (int l = 0; l < s->n; l++)
    for (int j = from; j < to; j++) {
      const size_t at = (size_t)l * (size_t)b->nodes.n + (size_t)j, value = (size_t)j * (size_t)s->n + (size_t)l;
      const double *d = b->d + at * (size_t)b->width, *slope = b->slope + at * (size_t)b->width;
      const int first = b->first[at];
      double g = 0, t = 0;
      int hi, lo = inside(s, first, b->width, &hi);
      if (forward)
        for (int k = lo; k < hi; k++) r->flux[first + k] += r->g[value] * d[k] + r->s[value] * slope[k];
      else
        for (int k = lo; k < hi; k++) {
          g += r->flux[first + k] * d[k];
          t += r->flux[first + k] * slope[k];
        }
      if (!forward) r->g[value] = g, r->s[value] = t;
    }
}

/* Products of the spaxel's cotangents with B, dB/dv and dB/dsigma of line l of a source off the grid. */
static void exact_products(struct room *r, const struct cubix_lines *s, int l, double v, double product[3])
{
  const struct cubix_line_shape *shape = &s->shape[l];
  int to, n, first = cubix_line_window(shape, v, &n), from = inside(s, first, n, &to);
  product[0] = product[1] = product[2] = 0;
  if (to <= from) return;
  for (int p = 0; p < 3; p++) {
    (p == 0   ? cubix_line_parts
     : p == 1 ? cubix_line_drifts
              : cubix_line_slopes)(shape, v, first + from, to - from, r->part);
    for (int k = from; k < to; k++) product[p] += r->flux[first + k] * r->part[k - from];
  }
}

/* The same of a source on it. */
static void grid_products(const struct room *r, const struct cubix_lines *s, int l, int j,
                          const double w[CUBIX_N_WEIGHT], const double d[CUBIX_N_WEIGHT], double product[3])
{
  product[0] = product[1] = product[2] = 0;
  for (int i = 0; i < CUBIX_N_WEIGHT; i++) {
    const size_t value = (size_t)(j + i) * (size_t)s->n + (size_t)l;
    product[0] += w[i] * r->g[value];
    product[1] += d[i] * r->g[value] / s->basis->nodes.step;
    product[2] += w[i] * r->s[value];
  }
}

/* d ln of line l with LogU, at the place of a source. */
static double by_log_u(const struct cubix_lines *s, const struct cubix_star *source, int l)
{
  const size_t n = (size_t)s->n, older = s->n_age > 1 ? n : 0, richer = s->n_z > 1 ? (size_t)s->n_age * n : 0;
  const double *at = s->by_log_u + ((size_t)source->iz * (size_t)s->n_age + (size_t)source->ia) * n + l;
  const double fz = source->f_z, fa = source->f_age;
  return (1 - fz) * ((1 - fa) * at[0] + fa * at[older]) + fz * ((1 - fa) * at[richer] + fa * at[richer + older]);
}

static double per_turbulence(const struct cubix_lines *s, int l) { return s->turbulence / s->shape[l].sigma; }

static void source_back(struct room *r, const struct cubix_lines *s, const struct cubix_star *source, double scale,
                        struct cubix_star_bar *bar, struct cubix_lines_bar *shared)
{
  double f = 0, w[CUBIX_N_WEIGHT], d[CUBIX_N_WEIGHT], product[3];
  const int j = s->basis ? cubix_node_of(&s->basis->nodes, source->velocity, &f) : -1;
  cubix_node_weights(f, w);
  cubix_node_slopes(f, d);
  light_of(r, s, source);
  for (int l = 0; l < s->n; l++) {
    if (j < 0) exact_products(r, s, l, source->velocity, product);
    else grid_products(r, s, l, j, w, d, product);
    const double light = scale * r->light[l], flux = source->mass_formed * light * product[0];
    bar->mass_formed += light * product[0];
    bar->velocity += source->mass_formed * light * product[1];
    bar->f_z += flux * r->by_z[l];
    bar->f_age += flux * r->by_age[l];
    bar->screen -= flux * s->dim[l];
    shared->log_u += flux * by_log_u(s, source, l);
    shared->turbulence += source->mass_formed * light * product[2] * per_turbulence(s, l);
    shared->lsf += source->mass_formed * light * product[2] * cubix_line_lsf_slope(&s->shape[l], source->velocity);
    shared->escape -= source->mass_formed * scale * r->bare[l] * product[0] * (1 - s->dust);
    shared->dust -= source->mass_formed * scale * r->bare[l] * product[0] * (1 - s->escape);
    shared->shape -= flux * (double)source->screen * s->dim_by_shape[l];
    shared->cloud -= flux * s->cloud[l];
  }
}

int cubix_lines_paint_vjp(const struct cubix_lines *s, const struct cubix_placement *p,
                          const struct cubix_cube *cube_bar, double scale, struct cubix_star_bar *bar,
                          struct cubix_lines_bar *shared)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  struct room *room = NULL;
  struct cubix_lines_bar *each = NULL;            /* [spaxels] */
  CUBIX_ALLOC(room, n_thread);
  CUBIX_ALLOC(each, p->n_spaxel);
  for (int t = 0; t < n_thread; t++) CUBIX_TRY(room_init(&room[t], s));
#pragma omp parallel for schedule(dynamic, 16)
  for (size_t spaxel = 0; spaxel < p->n_spaxel; spaxel++) {
    struct room *r = &room[omp_get_thread_num()];
    int to, from = nodes_of(s, p, spaxel, &to);
    if (p->start[spaxel] == p->start[spaxel + 1]) continue;
    memset(r->flux, 0, (size_t)s->shape[0].ins->n_lambda * sizeof *r->flux);
    for (int k = 0; k < cube_bar->n_lambda; k++)
      r->flux[cube_bar->lambda_first + k] = (double)cube_bar->flux[spaxel * (size_t)cube_bar->n_lambda + (size_t)k];
    if (to > from) times_basis(r, s, from, to, 0);
    for (size_t i = p->start[spaxel]; i < p->start[spaxel + 1]; i++)
      source_back(r, s, &p->star[i], scale, &bar[i], &each[spaxel]);
  }
  for (size_t spaxel = 0; spaxel < p->n_spaxel; spaxel++)
    for (size_t i = 0; i < sizeof *shared / sizeof(double); i++)
      ((double *)shared)[i] += ((const double *)&each[spaxel])[i];
done:
  for (int t = 0; room && t < n_thread; t++) room_free(&room[t]);
  free(room);
  free(each);
  return status;
}

/* Tangents of a source: onto the grids, or, off them, at once into the channels. */
static void source_forward(struct room *r, const struct cubix_lines *s, const struct cubix_star *source,
                           const struct cubix_star_bar *dot, const struct cubix_lines_bar *shared)
{
  double f = 0, w[CUBIX_N_WEIGHT], d[CUBIX_N_WEIGHT];
  const int j = s->basis ? cubix_node_of(&s->basis->nodes, source->velocity, &f) : -1;
  cubix_node_weights(f, w);
  cubix_node_slopes(f, d);
  light_of(r, s, source);
  for (int l = 0; l < s->n; l++) {
    const double flux = source->mass_formed * r->light[l];
    const double log_dot = r->by_z[l] * dot->f_z + r->by_age[l] * dot->f_age - s->dim[l] * dot->screen +
                           by_log_u(s, source, l) * shared->log_u -
                           (double)source->screen * s->dim_by_shape[l] * shared->shape - s->cloud[l] * shared->cloud;
    const double wider = per_turbulence(s, l) * shared->turbulence +
                         cubix_line_lsf_slope(&s->shape[l], source->velocity) * shared->lsf;
    const double left = source->mass_formed * r->bare[l] *
                        ((1 - s->dust) * shared->escape + (1 - s->escape) * shared->dust);
    const double change[3] = { dot->mass_formed * r->light[l] + flux * log_dot - left, flux * dot->velocity,
                               flux * wider };
    for (int i = 0; j >= 0 && i < CUBIX_N_WEIGHT; i++) {
      const size_t value = (size_t)(j + i) * (size_t)s->n + (size_t)l;
      r->g[value] += w[i] * change[0] + d[i] / s->basis->nodes.step * change[1];
      r->s[value] += w[i] * change[2];
    }
    if (j >= 0) continue;
    const struct cubix_line_shape *shape = &s->shape[l];
    int to, n, first = cubix_line_window(shape, source->velocity, &n), from = inside(s, first, n, &to);
    for (int p = 0; p < 3 && to > from; p++) {
      (p == 0   ? cubix_line_parts
       : p == 1 ? cubix_line_drifts
                : cubix_line_slopes)(shape, source->velocity, first + from, to - from, r->part);
      for (int k = from; k < to; k++) r->flux[first + k] += change[p] * r->part[k - from];
    }
  }
}

int cubix_lines_paint_jvp(const struct cubix_lines *s, const struct cubix_placement *p,
                          const struct cubix_star_bar *dot, const struct cubix_lines_bar *shared, double scale,
                          struct cubix_cube *cube_dot)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  struct room *room = NULL;
  CUBIX_ALLOC(room, n_thread);
  for (int t = 0; t < n_thread; t++) CUBIX_TRY(room_init(&room[t], s));
#pragma omp parallel for schedule(dynamic, 16)
  for (size_t spaxel = 0; spaxel < p->n_spaxel; spaxel++) {
    struct room *r = &room[omp_get_thread_num()];
    int to, from = nodes_of(s, p, spaxel, &to);
    if (p->start[spaxel] == p->start[spaxel + 1]) continue;
    memset(r->flux, 0, (size_t)s->shape[0].ins->n_lambda * sizeof *r->flux);
    for (int j = from; j < to; j++) {
      memset(r->g + (size_t)j * (size_t)s->n, 0, (size_t)s->n * sizeof *r->g);
      memset(r->s + (size_t)j * (size_t)s->n, 0, (size_t)s->n * sizeof *r->s);
    }
    for (size_t i = p->start[spaxel]; i < p->start[spaxel + 1]; i++) source_forward(r, s, &p->star[i], &dot[i], shared);
    if (to > from) times_basis(r, s, from, to, 1);
    cubix_real *row = cube_dot->flux + spaxel * (size_t)cube_dot->n_lambda;
    for (int k = 0; k < cube_dot->n_lambda; k++)
      row[k] = (cubix_real)((double)row[k] + scale * r->flux[cube_dot->lambda_first + k]);
  }
done:
  for (int t = 0; room && t < n_thread; t++) room_free(&room[t]);
  free(room);
  return status;
}
