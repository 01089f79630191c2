/* paint_vjp.c -- derivatives of the direct method: from cotangents of a cube's channels to those of
 * the stars, and of the templates.
 *
 * For every star the functional g of its spaxel's cotangents on the library's points
 * (physics/paint_vjp.h) is made anew: nothing is kept from the forward run.  Stars are independent
 * of each other, so that threads share them in any order.  Behind dust the cotangents are dimmed as
 * the star is.
 *
 * The templates' cotangents are sums over all stars, row_bar[row] += weight g.  There the threads
 * share the wavelengths: a stretch of the library's points belongs to one thread, which goes
 * through all stars in their order.  No copies, no conflicts, and the same sums for any number of
 * threads. */
#include "direct/paint_vjp.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "direct/dim.h"
#include "direct/paint_kernel_vjp.h"

enum { BATCH = 32, STRETCH = 256 };   /* stars that a thread takes at a time; library points that it owns at a time */

/* The first of the edges at or beyond x [rest AA]; n_lambda + 1 without one. */
static int edge_at(const struct cubix_tables *v, double per_doppler, double x)
{
  int low = -1, high = v->n_lambda + 1;
  while (high - low > 1) {
    int middle = (low + high) / 2;
    if (v->edge[middle] * per_doppler < x) low = middle;
    else high = middle;
  }
  return high;
}

/* The functional of cotangents R[n_lambda] of a star's channels, on knots first .. last only:
 * interval by interval, for every edge in it what lies blue of it, and what reaches over its red
 * end.  @param g [n_knot][2], set there */
static void functional(const struct cubix_tables *v, const cubix_real *r, double doppler, int first, int last,
                       double *g)
{
  double per_doppler = 1 / doppler, level, before;
  int e = edge_at(v, per_doppler, v->knot[first]);
  memset(g + 2 * (size_t)first, 0, 2 * ((size_t)(last - first) + 1) * sizeof *g);
  level = e > 0 && e <= v->n_lambda ? (double)r[e - 1] : 0;
  for (int i = first; i < last; i++) {
    double blue = v->knot[i], red = v->knot[i + 1], h = red - blue, per_h = 1 / h, x;
    for (; e <= v->n_lambda && (x = v->edge[e] * per_doppler) < red; e++) {
      before = level;
      level = e < v->n_lambda ? (double)r[e] : 0;
      cubix_piece_vjp(h, 0, (x - blue) * per_h, before - level, g + 2 * (size_t)i);
    }
    cubix_piece_vjp(h, 0, 1, level, g + 2 * (size_t)i);
  }
}

struct worker {                   /* a thread's scratch */
  double *g;                      /* [n_knot + 1][2] */
  /* where there is dust: */
  cubix_real *bar, *alone;        /* [n_lambda] cotangents of a star that is not dimmed; its spectrum */
#ifndef CUBIX_DOUBLE
  struct cubix_fast_vjp fast;
#endif
};

/* Cotangents of the star's spectrum before dust, in channels first .. last - 1. */
static const cubix_real *undim(const struct cubix_tables *v, struct worker *w, const struct cubix_star *star,
                               const cubix_real *r, int first, int last)
{
  if (!v->dust_k || star->screen == 0 || first >= last) return r;
  cubix_dim(w->bar + first, v->dust_k + first, (double)star->screen, last - first);
  for (int k = first; k < last; k++) w->bar[k] *= r[k];
  return w->bar;
}

#ifdef CUBIX_DOUBLE
static void spectrum_vjp(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler,
                         struct worker *w, const cubix_real *r, double *weight_bar, double *velocity_bar)
{
  const struct cubix_tables *v = fast->tables;
  functional(v, r, doppler, 0, v->n_knot - 1, w->g);
  for (int c = 0; c < blend->n; c++)
    for (int j = 0; j < v->row_stride; j++) weight_bar[c] += w->g[j] * blend->row[c][j];
  for (int k = 0; k <= v->n_lambda; k++)
    *velocity_bar +=
        ((k ? r[k - 1] : 0) - (k < v->n_lambda ? r[k] : 0)) * cubix_edge_slope(v, blend, v->edge[k] / doppler);
}

void cubix_paint_velocity_jvp(const struct cubix_tables *v, const struct cubix_blend *blend, double doppler, double dot,
                              double *slope, double *spectrum_dot)
{
  for (int k = 0; k <= v->n_lambda; k++) slope[k] = dot * cubix_edge_slope(v, blend, v->edge[k] / doppler);
  for (int k = 0; k < v->n_lambda; k++) spectrum_dot[k] += slope[k + 1] - slope[k];
}
#endif

/* By the dust in front of it: -t sum over channels of k times flux times cotangent. */
static double screen_vjp(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler,
                         struct worker *w, const cubix_real *r)
{
  const struct cubix_tables *v = fast->tables;
  double sum = 0;
  memset(w->alone, 0, (size_t)v->n_lambda * sizeof *w->alone);
#ifdef CUBIX_DOUBLE
  for (int k = 0; k < v->n_lambda; k++) w->alone[k] = cubix_star_channel(v, blend, doppler, k);
#else
  cubix_fast_paint(fast, blend, doppler, &w->fast.edges, w->alone);
#endif
  for (int k = 0; k < v->n_lambda; k++) sum += v->dust_k[k] * (double)w->alone[k] * (double)r[k];
  return -CUBIX_SCREEN_T * sum;
}

/* One star: all that it is painted from. */
static void star_vjp(const struct cubix_fast *fast, const struct cubix_star *star, const cubix_real *flux_bar,
                     struct worker *w, struct cubix_star_bar *bar)
{
  const struct cubix_tables *v = fast->tables;
  struct cubix_blend blend;
  double doppler = cubix_doppler(v->one_plus_z, star->velocity), weight_bar[CUBIX_MAX_CORNER] = { 0 }, velocity_bar = 0;
  cubix_blend_of(v, star, &blend);
  flux_bar = undim(v, w, star, flux_bar, 0, v->n_lambda);
  if (v->dust_k) bar->screen += screen_vjp(fast, &blend, doppler, w, flux_bar);
#ifdef CUBIX_DOUBLE
  spectrum_vjp(fast, &blend, doppler, w, flux_bar, weight_bar, &velocity_bar);
#else
  cubix_fast_paint_vjp(fast, &blend, doppler, &w->fast, flux_bar, weight_bar, &velocity_bar);
#endif
  cubix_blend_of_vjp(v, star, weight_bar, bar);
  bar->velocity += velocity_bar;
}

/* The spaxel of star j: the last one that begins at or before it. */
static size_t spaxel_of(const struct cubix_placement *p, size_t j)
{
  size_t low = 0, high = p->n_spaxel;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (p->start[middle] <= j) low = middle;
    else high = middle;
  }
  return low;
}

/* What all stars give to knots first .. last - 1 of the rows. */
static void rows_vjp(const struct cubix_tables *v, const struct cubix_placement *p, const cubix_real *flux_bar,
                     int first, int last, struct worker *w, double *row_bar)
{
  double *g = w->g;
  int a = first ? first - 1 : 0, b = last < v->n_knot ? last : v->n_knot - 1;
  for (size_t s = 0; s < p->n_spaxel; s++) {
    for (size_t j = p->start[s]; j < p->start[s + 1]; j++) {
      const struct cubix_star *star = p->star + j;
      struct cubix_mix mix;
      double doppler = cubix_doppler(v->one_plus_z, star->velocity);
      if (v->edge[v->n_lambda] / doppler <= v->knot[a] || v->edge[0] / doppler >= v->knot[b] || star->mass_formed == 0)
        continue;
      cubix_mix_of(v, star, &mix);
      const int e = edge_at(v, 1 / doppler, v->knot[a]), end = edge_at(v, 1 / doppler, v->knot[b]);
      const cubix_real *r = undim(v, w, star, flux_bar + s * (size_t)v->n_lambda, e > 0 ? e - 1 : 0,
                                  end < v->n_lambda ? end : v->n_lambda);
      functional(v, r, doppler, a, b, g);
      for (int c = 0; c < mix.n; c++) {
        double weight = mix.weight[c] * star->mass_formed * v->star_scale,
               *row = row_bar + (size_t)mix.row[c] * (size_t)v->row_stride;
        for (int i = 2 * first; i < 2 * last; i++) row[i] += weight * g[i];
      }
    }
  }
}

static int worker_init(struct worker *w, const struct cubix_tables *v)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(w->g, v->row_stride);
  if (v->dust_k) {
    CUBIX_ALLOC(w->bar, v->n_lambda);
    CUBIX_ALLOC(w->alone, v->n_lambda);
  }
#ifndef CUBIX_DOUBLE
  CUBIX_TRY(cubix_fast_vjp_init(&w->fast, v));
#endif
done:
  return status;
}

static void worker_free(struct worker *w)
{
  free(w->g);
  free(w->bar);
  free(w->alone);
#ifndef CUBIX_DOUBLE
  cubix_fast_vjp_free(&w->fast);
#endif
}

int cubix_paint_vjp(const struct cubix_fast *fast, const struct cubix_placement *p, const cubix_real *flux_bar,
                    struct cubix_star_bar *bar, double *row_bar)
{
  int status = CUBIX_OK, there = 1;
  const struct cubix_tables *v = fast->tables;
  size_t n_star = p->start[p->n_spaxel], n_lambda = (size_t)v->n_lambda;
#pragma omp parallel
  {
    struct worker w = { 0 };
    int mine = worker_init(&w, v) == CUBIX_OK;
#pragma omp atomic
    there &= mine;
#pragma omp barrier
#pragma omp for schedule(dynamic)
    for (size_t from = 0; from < n_star; from += BATCH) {
      size_t s = spaxel_of(p, from);
      for (size_t j = from; j < n_star && j < from + BATCH && there; j++) {
        while (p->start[s + 1] <= j) s++;
        star_vjp(fast, p->star + j, flux_bar + s * n_lambda, &w, bar + j);
      }
    }
#pragma omp for schedule(dynamic)
    for (int first = 0; first < v->n_knot; first += STRETCH)
      if (there && row_bar)
        rows_vjp(v, p, flux_bar, first, first + STRETCH < v->n_knot ? first + STRETCH : v->n_knot, &w, row_bar);
    worker_free(&w);
  }
  CUBIX_CHECK(there, CUBIX_ENOMEM, "no memory for the %d library points and %d channels that each thread works on",
              v->n_knot, v->n_lambda);
done:
  return status;
}
