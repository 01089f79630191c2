/* line_paint.c -- one spaxel after the other: its sources on the grid of velocities, then the grid times the basis.
 *
 * What a source sheds is the same for all nodes but for the six weights of its velocity, and for all lines: six rows
 * [node][line] are added to, as 64-bit integers on a scale of the spaxel's own (the number of its sources and the
 * brightest of them, behind its dust), so that no order, rank or chunk changes a bit.  A spaxel's grid spans the nodes
 * that its sources touch, some kB; it is made, multiplied and forgotten.
 *
 * Sources faster than the grid, and all where there is none (Engine direct), are painted by themselves, with the
 * exact profile, in the order in which they stand. */
#include "lines/line_paint.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "histogram/histogram.h"
#include "lines/line_profile.h"

static const double v_bits = 1 << 14;       /* km/s: above all velocities that are mapped */
static const double gone = 1e-200;          /* what dust leaves of a line at least, for the scale of integers */

/* One thread's room. */
struct room {
  int64_t *value;                 /* [nodes of a spaxel][n] */
  int64_t *sum;                   /* [n] over all nodes */
  int64_t moment[CUBIX_N_GAS_MAP];
  double *light;                  /* [n] of a source */
  double *flux;                   /* [n_lambda] of the spaxel */
  double *part;                   /* [n_lambda + 2] of a line by itself */
  size_t n_value;
};

/* Integers per mass_formed that shines, and of what does not know of dust; a spaxel's own. */
struct units { double light, mass; };

struct job {
  const struct cubix_lines *lines;
  const struct cubix_placement *sources;
  struct cubix_cube *cube;
  struct cubix_sums *maps;
  double scale;
  size_t first;
  double least_dim;               /* of the line that dust takes least from */
};

static int room_init(struct room *r, const struct job *job)
{
  int status = CUBIX_OK;
  const int n = job->lines->n, n_lambda = job->lines->shape[0].ins->n_lambda;
  r->n_value = job->lines->basis ? (size_t)job->lines->basis->nodes.n * (size_t)n : 0;
  CUBIX_ALLOC(r->value, r->n_value);
  CUBIX_ALLOC(r->sum, n);
  CUBIX_ALLOC(r->light, n);
  CUBIX_ALLOC(r->flux, n_lambda);
  CUBIX_ALLOC(r->part, n_lambda + 2);
done:
  return status;
}

static void room_free(struct room *r)
{
  free(r->value);
  free(r->sum);
  free(r->light);
  free(r->flux);
  free(r->part);
}

/* A source with its exact profiles. */
static void paint_alone(struct room *r, const struct cubix_lines *s, const struct cubix_star *source)
{
  for (int l = 0; l < s->n; l++) {
    const double light = source->mass_formed * r->light[l] * s->peak[l] * s->factor[l];
    const int n_lambda = s->shape[l].ins->n_lambda;
    int n, first = cubix_line_window(&s->shape[l], source->velocity, &n);
    if (first < 0) n += first, first = 0;
    if (first + n > n_lambda) n = n_lambda - first;
    if (n <= 0) continue;
    cubix_line_parts(&s->shape[l], source->velocity, first, n, r->part);
    for (int k = 0; k < n; k++) r->flux[first + k] += light * r->part[k];
  }
}

/* Of what is not negative. */
static inline int64_t rounded(double x) { return (int64_t)(x + 0.5); }

/* Into sums that are mapped: integers on the scale of the spaxel. */
static void add_sums(struct room *r, const struct cubix_lines *s, const struct cubix_star *source,
                     const struct units *unit)
{
  const double m = source->mass_formed * unit->light, v = source->velocity / v_bits, w = m * r->light[s->reference];
  for (int l = 0; l < s->n; l++) r->sum[l] += rounded(m * r->light[l]);
  r->moment[CUBIX_GAS_SFR] += llrint(source->mass_formed * unit->mass);
  r->moment[CUBIX_GAS_WEIGHT] += llrint(w);
  r->moment[CUBIX_GAS_V] += llrint(w * v);
  r->moment[CUBIX_GAS_V2] += llrint(w * v * v);
}

static void add_nodes(struct room *r, const struct cubix_lines *s, const struct cubix_star *source, int j, double f,
                      double unit)
{
  double w[CUBIX_N_WEIGHT];
  cubix_node_weights(f, w);
  for (int i = 0; i < CUBIX_N_WEIGHT; i++) {
    int64_t *to = r->value + (size_t)(j + i) * (size_t)s->n;
    const double m = source->mass_formed * unit * w[i];
    for (int l = 0; l < s->n; l++) to[l] += rounded(m * r->light[l]);
  }
}

/* The grid of nodes from .. to - 1 times the basis; the grid is zero again then. */
static void multiply(struct room *r, const struct cubix_lines *s, int from, int to, double unit)
{
  const struct cubix_line_basis *b = s->basis;
  const int n_lambda = s->shape[0].ins->n_lambda;
  for (int l = 0; l < s->n; l++) {
    const double factor = s->peak[l] * s->factor[l] / unit;
    for (int j = from; j < to; j++) {
      const int64_t value = r->value[(size_t)j * (size_t)s->n + (size_t)l];
      const int first = b->first[l * b->nodes.n + j], lo = first < 0 ? -first : 0,
                hi = first + b->width > n_lambda ? n_lambda - first : b->width;
      const double *d = b->d + ((size_t)l * (size_t)b->nodes.n + (size_t)j) * (size_t)b->width;
      const double x = (double)value * factor;
      if (!value) continue;
      for (int k = lo; k < hi; k++) r->flux[first + k] += x * d[k];
    }
  }
  memset(r->value + (size_t)from * (size_t)s->n, 0, (size_t)(to - from) * (size_t)s->n * sizeof *r->value);
}

static void tell_maps(struct room *r, const struct job *job, size_t spaxel, const struct units *unit)
{
  const struct cubix_lines *s = job->lines;
  const size_t n_map = cubix_sums_size(job->maps);
  double *to = job->maps->gas + job->first + spaxel;
  for (int l = 0; l < s->n; l++, to += n_map)
    *to += (double)r->sum[l] * (s->peak[l] * s->factor[l] * s->behind[l] * s->scale / unit->light);
  for (int m = 0; m < CUBIX_N_GAS_MAP; m++, to += n_map)
    *to += (double)r->moment[m] / (m == CUBIX_GAS_SFR ? unit->mass : unit->light) *
           (m == CUBIX_GAS_V ? v_bits : m == CUBIX_GAS_V2 ? v_bits * v_bits : 1);
}

/* By the number of sources and the largest, behind its dust. */
static struct units units_of(const struct job *job, size_t spaxel)
{
  const struct cubix_placement *p = job->sources;
  const uint64_t count = p->start[spaxel + 1] - p->start[spaxel], counts[2] = { count, count };
  double heaviest[2] = { 0, 0 };
  int32_t exponent[2];
  for (size_t i = p->start[spaxel]; i < p->start[spaxel + 1]; i++) {
    const struct cubix_star *source = &p->star[i];
    const double left = fmax(exp(-(double)source->screen * job->least_dim), gone);
    heaviest[0] = fmax(heaviest[0], source->mass_formed * left);
    heaviest[1] = fmax(heaviest[1], source->mass_formed);
  }
  cubix_histogram_scale(exponent, counts, heaviest, 2);
  return (struct units){ heaviest[1] > 0 ? ldexp(1, exponent[0]) : 0, ldexp(1, exponent[1]) };
}

static void paint_spaxel(struct room *r, const struct job *job, size_t spaxel)
{
  const struct cubix_lines *s = job->lines;
  const struct cubix_placement *p = job->sources;
  const struct cubix_cube *cube = job->cube;
  const int n_lambda = s->shape[0].ins->n_lambda;
  const struct units unit = units_of(job, spaxel);
  int from = INT32_MAX, to = 0;
  if (!(unit.light > 0)) return;
  memset(r->flux, 0, (size_t)n_lambda * sizeof *r->flux);
  memset(r->sum, 0, (size_t)s->n * sizeof *r->sum);
  memset(r->moment, 0, sizeof r->moment);
  for (size_t i = p->start[spaxel]; i < p->start[spaxel + 1]; i++) {
    const struct cubix_star *source = &p->star[i];
    double f = 0;
    const int j = s->basis ? cubix_node_of(&s->basis->nodes, source->velocity, &f) : -1;
    cubix_lines_light(s, source, r->light);
    if (job->maps) add_sums(r, s, source, &unit);
    if (j < 0) {
      paint_alone(r, s, source);
      continue;
    }
    add_nodes(r, s, source, j, f, unit.light);
    from = j < from ? j : from;
    to = j + CUBIX_N_WEIGHT > to ? j + CUBIX_N_WEIGHT : to;
  }
  if (to > from) multiply(r, s, from, to, unit.light);
  if (job->maps) tell_maps(r, job, spaxel, &unit);
  cubix_real *row = cube->flux + spaxel * (size_t)cube->n_lambda;
  for (int k = 0; k < cube->n_lambda; k++)
    if (r->flux[cube->lambda_first + k] != 0)
      row[k] = (cubix_real)((double)row[k] + job->scale * r->flux[cube->lambda_first + k]);
}

int cubix_lines_paint(const struct cubix_lines *lines, const struct cubix_placement *sources, struct cubix_cube *cube,
                      double scale, struct cubix_sums *maps, size_t first)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  struct job job = { lines, sources, cube, maps, scale, first, lines->dim[0] };
  struct room *room = NULL;
  CUBIX_ALLOC(room, n_thread);
  for (int l = 1; l < lines->n; l++) job.least_dim = fmin(job.least_dim, lines->dim[l]);
  for (int t = 0; t < n_thread; t++) CUBIX_TRY(room_init(&room[t], &job));
#pragma omp parallel for schedule(dynamic, 16)
  for (size_t s = 0; s < sources->n_spaxel; s++) paint_spaxel(&room[omp_get_thread_num()], &job, s);
done:
  for (int t = 0; room && t < n_thread; t++) room_free(&room[t]);
  free(room);
  return status;
}
