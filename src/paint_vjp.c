/* paint_vjp.c -- derivatives of the direct method: from cotangents of a cube's channels to those of the stars, and of the templates.
 *
 * For every star the functional g of its spaxel's cotangents on the library's points (physics/paint_vjp.h) is made anew: nothing is kept from the
 * forward run.  Stars are independent of each other, so that threads share them in any order.
 *
 * The templates' cotangents are sums over all stars, row_bar[row] += weight g.  There the threads share the wavelengths: a stretch of the library's
 * points belongs to one thread, which goes through all stars in their order.  No copies, no conflicts, and the same sums for any number of threads. */
#include "paint_vjp.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

enum { BATCH = 32, STRETCH = 256 };   /* stars that a thread takes at a time; library points that it owns at a time */

/* The functional of cotangents R[n_lambda] of a star's channels, on knots first .. last only.  @param g [n_knot][2], set there */
static void functional(const struct cubix_view *v, const cubix_real *flux_bar, double doppler, int first, int last, double *g)
{
  double lo = v->knot[first], hi = v->knot[last];
  memset(g + 2 * (size_t)first, 0, 2 * ((size_t)(last - first) + 2) * sizeof *g);
  for (int k = 0; k < v->n_lambda; k++) {
    double x0 = v->edge[k] / doppler, x1 = v->edge[k + 1] / doppler;
    if (x1 > lo && x0 < hi) cubix_integral_vjp(v, x0 > lo ? x0 : lo, x1 < hi ? x1 : hi, (double)flux_bar[k], g);
  }
}

/* One star: all that it is painted from. */
static void star_vjp(const struct cubix_view *v, const struct cubix_star *star, const cubix_real *flux_bar, double *g, struct cubix_star_bar *bar)
{
  struct cubix_blend blend;
  double doppler = cubix_doppler(v->one_plus_z, star->velocity), x0 = v->edge[0] / doppler, x1 = v->edge[v->n_lambda] / doppler, weight_bar[CUBIX_MAX_CORNER] = { 0 }, sum = 0;
  int last = v->n_knot - 1;
  if (x1 <= v->knot[0] || x0 >= v->knot[last]) return;
  int a = x0 > v->knot[0] ? cubix_interval(v, x0) : 0, b = x1 < v->knot[last] ? cubix_interval(v, x1) + 1 : last;
  cubix_blend_of(v, star, &blend);
  functional(v, flux_bar, doppler, a, b, g);
  for (int c = 0; c < blend.n; c++)
    for (int j = 2 * a; j < 2 * b + 2; j++) weight_bar[c] += g[j] * (double)blend.row[c][j];
  cubix_blend_of_vjp(v, star, weight_bar, bar);
  for (int k = 0; k <= v->n_lambda; k++) {
    double red = k ? (double)flux_bar[k - 1] : 0, blue = k < v->n_lambda ? (double)flux_bar[k] : 0;
    sum += (red - blue) * cubix_edge_slope(v, &blend, v->edge[k] / doppler);
  }
  bar->velocity += sum;
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
static void rows_vjp(const struct cubix_view *v, const struct cubix_placement *p, const cubix_real *flux_bar, int first, int last, double *g, double *row_bar)
{
  int a = first ? first - 1 : 0, b = last < v->n_knot ? last : v->n_knot - 1;
  for (size_t s = 0; s < p->n_spaxel; s++) {
    for (size_t j = p->start[s]; j < p->start[s + 1]; j++) {
      const struct cubix_star *star = p->star + j;
      struct cubix_mix mix;
      double doppler = cubix_doppler(v->one_plus_z, star->velocity);
      if (v->edge[v->n_lambda] / doppler <= v->knot[a] || v->edge[0] / doppler >= v->knot[b] || star->mass_formed == 0) continue;
      cubix_mix_of(v, star, &mix);
      functional(v, flux_bar + s * (size_t)v->n_lambda, doppler, a, b, g);
      for (int c = 0; c < mix.n; c++) {
        double weight = mix.weight[c] * star->mass_formed * v->star_scale, *row = row_bar + (size_t)mix.row[c] * (size_t)v->row_stride;
        for (int i = 2 * first; i < 2 * last; i++) row[i] += weight * g[i];
      }
    }
  }
}

int cubix_paint_vjp(const struct cubix_view *v, const struct cubix_placement *p, const cubix_real *flux_bar, struct cubix_star_bar *bar, double *row_bar)
{
  int status = CUBIX_OK, there = 1;
  size_t n_star = p->start[p->n_spaxel], n_lambda = (size_t)v->n_lambda;
#pragma omp parallel
  {
    double *g = cubix_alloc(2 * ((size_t)v->n_knot + 1), sizeof *g);
#pragma omp atomic
    there &= g != NULL;
#pragma omp barrier
#pragma omp for schedule(dynamic)
    for (size_t from = 0; from < n_star; from += BATCH) {
      size_t s = spaxel_of(p, from);
      for (size_t j = from; j < n_star && j < from + BATCH && there; j++) {
        while (p->start[s + 1] <= j) s++;
        star_vjp(v, p->star + j, flux_bar + s * n_lambda, g, bar + j);
      }
    }
#pragma omp for schedule(dynamic)
    for (int first = 0; first < v->n_knot; first += STRETCH)
      if (there && row_bar) rows_vjp(v, p, flux_bar, first, first + STRETCH < v->n_knot ? first + STRETCH : v->n_knot, g, row_bar);
    free(g);
  }
  CUBIX_CHECK(there, CUBIX_ENOMEM, "no memory for the %d library points that each thread works on", v->n_knot);
done:
  return status;
}

void cubix_paint_velocity_jvp(const struct cubix_view *v, const struct cubix_blend *blend, double doppler, double dot, double *slope, double *spectrum_dot)
{
  for (int k = 0; k <= v->n_lambda; k++) slope[k] = dot * cubix_edge_slope(v, blend, v->edge[k] / doppler);
  for (int k = 0; k < v->n_lambda; k++) spectrum_dot[k] += slope[k + 1] - slope[k];
}
