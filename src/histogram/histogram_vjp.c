/* histogram_vjp.c -- derivatives of the histogram: of its values with each star's mass, velocity
 * and place on the library's grid.
 *
 * A star of mass m adds m w_c phi_j to the value of row c and node j of its spaxel: w_c its four
 * bilinear weights, phi_j its six splines.  With G = d/d value, u_c = sum_j phi_j G_cj, u'_c =
 * sum_j phi'_j G_cj/step and a, z the fractions in age and metallicity,
 *
 *   d/dm = sum_c w_c u_c                           d/dv = m sum_c w_c u'_c
 *   d/dz = m [(1 - a)(u_2 - u_0) + a (u_3 - u_1)]    d/da = m [(1 - z)(u_1 - u_0) + z (u_3 - u_2)]
 *
 * Behind dust the sums run over four nodes in A(V) as well, with weights W; d/dA has their slopes in
 * place of them.
 *
 * A star needs G where it adds nothing, as well: at a node of the library two of its four weights
 * are 0, but not their derivatives.  So G is asked for on a cover: all rows and nodes that a star's
 * cell and velocity touch, whatever its weights and its mass.
 *
 * Nothing is stored of the forward run.  Each star is by itself, so that no number of threads
 * changes a bit.  A star beyond the grid's reach is in no value, and has no derivative.
 *
 * Tangents, [(m' w_c + m w'_c) W + m w_c W' A'] phi_j + m w_c W phi'_j v'/step, are a histogram like the
 * masses, of either sign and on scales of their own. */
#include "histogram/histogram.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "histogram/histogram_parts.h"

enum { PART = 4096 };

/* Where the derivatives by a row's values are. */
struct shelf {
  const double *at;               /* as if the block began at node 0 */
  int first, last;                /* nodes; none: last < first */
};

static void touch_stars(const struct cubix_filling *d, struct cubix_scratch *scratch, const struct cubix_batch *batch,
                        int exponent)
{
  (void)exponent;
  for (size_t i = 0; i < batch->n; i++) {
    const struct cubix_star *star = &batch->star[cubix_batch_star(batch, i)];
    double f;
    int j = cubix_node_of(&d->histogram->nodes, star->velocity, &f);
    if (j >= 0) cubix_touch(scratch, star->iz * d->tables->n_age + star->ia, j);
  }
}

int cubix_histogram_cover(struct cubix_histogram **cover, const struct cubix_nodes *nodes,
                          const struct cubix_placement *placement, const struct cubix_tables *tables)
{
  struct cubix_filling d = { .placement = placement, .tables = tables, .stars = touch_stars, .cover = 1 };
  return cubix_deposit_run(cover, &d, nodes, NULL);
}

/* ---- reverse --------------------------------------------------------------------------------- */

/* Nodes in A(V) that a star touches, with their weights and slopes; without such nodes one of weight 1. */
struct nodes_in_screen { int first, n; double weight[CUBIX_N_SCREEN], slope[CUBIX_N_SCREEN]; };

static void screen_of(struct nodes_in_screen *x, const struct cubix_axis *axis, const struct cubix_star *star)
{
  double f;
  *x = (struct nodes_in_screen){ .n = 1, .weight = { 1 } };
  if (!axis->n) return;
  x->n = CUBIX_N_SCREEN;
  x->first = cubix_axis_of(axis, (double)star->screen, &f);
  cubix_axis_weights(axis, f, x->weight);
  cubix_axis_slopes(axis, f, x->slope);
}

/* Sums over a row's nodes: values times splines, and times their slopes. */
struct row_sums { double value, change; };

static struct row_sums row_vjp(const struct shelf *row, int j, const double *phi, const double *slope)
{
  cubix_pair value = { 0, 0 }, change = { 0, 0 };
  for (int p = 0; p < CUBIX_N_PAIR; p++) {
    cubix_pair g;
    memcpy(&g, row->at + j + 2 * p, sizeof g);
    value += g * (cubix_pair){ phi[2 * p], phi[2 * p + 1] };
    change += g * (cubix_pair){ slope[2 * p], slope[2 * p + 1] };
  }
  return (struct row_sums){ value[0] + value[1], change[0] + change[1] };
}

/* One star.  @return 0 where the cover lacks what it touches */
static int star_vjp(const struct cubix_nodes *nodes, double per_step, const struct cubix_tables *tables,
                    const struct shelf *shelf, const struct cubix_star *star, struct cubix_star_bar *bar)
{
  struct cubix_mix mix;
  struct nodes_in_screen screen;
  double f, phi[CUBIX_N_WEIGHT], slope[CUBIX_N_WEIGHT], u[4], by_v = 0, by_m = 0, by_screen = 0,
                                                              m = star->mass_formed, fz = star->f_z, fa = star->f_age;
  const int j = cubix_node_of(nodes, star->velocity, &f), n_row = tables->n_z * tables->n_age;
  if (j < 0) return 1;
  screen_of(&screen, &nodes->axis, star);
  if (screen.first < 0) return 1;
  cubix_node_weights(f, phi);
  cubix_node_slopes(f, slope);
  cubix_mix_of(tables, star, &mix);
  for (int c = 0; c < 4; c++) {
    double change = 0, rate = 0;
    u[c] = 0;
    for (int q = 0; q < screen.n; q++) {
      const struct shelf *row = &shelf[(screen.first + q) * n_row + mix.row[c]];
      if (j < row->first || j + CUBIX_N_WEIGHT - 1 > row->last) return 0;
      const struct row_sums sums = row_vjp(row, j, phi, slope);
      u[c] += screen.weight[q] * sums.value;
      change += screen.weight[q] * sums.change;
      rate += screen.slope[q] * sums.value;
    }
    by_m += mix.weight[c] * u[c];
    by_v += mix.weight[c] * change;
    by_screen += mix.weight[c] * rate;
  }
  bar->mass_formed += by_m;
  bar->screen += m * by_screen;
  bar->velocity += m * by_v * per_step;
  bar->f_z += m * ((1 - fa) * (u[2] - u[0]) + fa * (u[3] - u[1]));
  bar->f_age += m * ((1 - fz) * (u[1] - u[0]) + fz * (u[3] - u[2]));
  return 1;
}

/* The shelves of a spaxel, filled or emptied. */
static void spaxel_shelves(struct shelf *shelf, const struct cubix_histogram *cover, const double *value_bar, size_t s,
                           int fill)
{
  for (size_t b = cover->start[s]; b < cover->start[s + 1]; b++) {
    const struct cubix_block *block = &cover->block[b];
    shelf[block->row] =
        fill ? (struct shelf){ value_bar + block->at - block->node, block->node, block->node + block->n - 1 }
             : (struct shelf){ NULL, 0, -1 };
  }
}

/* Stars first .. last - 1, of which the first is in or after spaxel s.  @return the spaxel whose
 * stars the cover lacks, n_spaxel: none */
static size_t stars_vjp(const struct cubix_histogram *cover, const double *value_bar,
                        const struct cubix_placement *placement, const struct cubix_tables *tables, struct shelf *shelf,
                        size_t first, size_t last, struct cubix_star_bar *bar)
{
  size_t s = 0, beyond = placement->n_spaxel, lacking = placement->n_spaxel;
  double per_step = 1 / cover->nodes.step;
  while (beyond - s > 1) {                          /* start[s] <= first: the last such */
    size_t half = s + (beyond - s) / 2;
    if (placement->start[half] <= first) s = half;
    else beyond = half;
  }
  for (size_t i = first; i < last; s++) {
    size_t end = placement->start[s + 1] < last ? placement->start[s + 1] : last;
    if (i >= end) continue;
    spaxel_shelves(shelf, cover, value_bar, s, 1);
    for (; i < end; i++)
      if (!star_vjp(&cover->nodes, per_step, tables, shelf, &placement->star[i], &bar[i])) lacking = s;
    spaxel_shelves(shelf, cover, value_bar, s, 0);
  }
  return lacking;
}

int cubix_histogram_fill_vjp(const struct cubix_histogram *cover, const double *value_bar,
                             const struct cubix_placement *placement, const struct cubix_tables *tables,
                             struct cubix_star_bar *bar)
{
  int status = CUBIX_OK, n_axis = cover->nodes.axis.n, n_row = tables->n_z * tables->n_age * (n_axis ? n_axis : 1);
  size_t n_star = placement->start[placement->n_spaxel], n_part = (n_star + PART - 1) / PART,
         lacking = placement->n_spaxel;
  int no_memory = 0;
  CUBIX_CHECK(!tables->pchip, CUBIX_EFAIL, "the histogram cannot serve SspInterpolation pchip: use the direct method");
  CUBIX_CHECK(cover->n_spaxel == placement->n_spaxel, CUBIX_EFAIL, "a cover of %zu spaxels for stars in %zu",
              cover->n_spaxel, placement->n_spaxel);
#pragma omp parallel
  {
    struct shelf *shelf = cubix_reserve((size_t)n_row, sizeof *shelf);
    for (int i = 0; i < n_row && shelf; i++) shelf[i] = (struct shelf){ NULL, 0, -1 };
    if (!shelf) {
#pragma omp atomic write
      no_memory = 1;
    }
#pragma omp for schedule(dynamic, 1)
    for (size_t p = 0; p < n_part; p++) {
      size_t first = p * PART, last = first + PART < n_star ? first + PART : n_star;
      size_t bad =
          shelf ? stars_vjp(cover, value_bar, placement, tables, shelf, first, last, bar) : placement->n_spaxel;
      if (bad < placement->n_spaxel) {
#pragma omp atomic write
        lacking = bad;
      }
    }
    free(shelf);
  }
  CUBIX_CHECK(!no_memory, CUBIX_ENOMEM, "cannot allocate %d x %zu bytes a thread for the derivatives of stars", n_row,
              sizeof(struct shelf));
  CUBIX_CHECK(lacking == placement->n_spaxel, CUBIX_EFAIL,
              "the cover lacks rows or nodes that stars of spaxel %zu touch: it was made of other stars", lacking);
done:
  return status;
}

/* ---- forward --------------------------------------------------------------------------------- */

/* Factors of phi_j W, of phi'_j W and of phi_j W' in what the tangent adds to the four rows. */
struct change { struct cubix_mix mix; double value[4], slope[4], rate[4]; };

static void change_of(struct change *change, const struct cubix_tables *tables, double per_step,
                      const struct cubix_star *star, const struct cubix_star_bar *dot)
{
  double weight_dot[CUBIX_MAX_CORNER], m = star->mass_formed;
  cubix_mix_of(tables, star, &change->mix);
  cubix_mix_of_jvp(tables, star, dot->f_z, dot->f_age, weight_dot);
  for (int c = 0; c < 4; c++) {
    double w = change->mix.weight[c];
    change->value[c] = dot->mass_formed * w + m * weight_dot[c];
    change->slope[c] = m * w * dot->velocity * per_step;
    change->rate[c] = m * w * dot->screen;
  }
}

static void fill_dots(const struct cubix_filling *d, struct cubix_scratch *scratch, const struct cubix_batch *batch,
                      int exponent)
{
  double scale = ldexp(1., exponent), per_step = 1 / d->histogram->nodes.step;
  for (size_t i = 0; i < batch->n; i++) {
    const struct cubix_star *star = &batch->star[cubix_batch_star(batch, i)];
    struct change change;
    struct nodes_in_screen screen;
    double f, phi[CUBIX_N_WEIGHT], slope[CUBIX_N_WEIGHT];
    int j = cubix_node_of(&d->histogram->nodes, star->velocity, &f);
    if (j < 0) continue;
    cubix_node_weights(f, phi);
    cubix_node_slopes(f, slope);
    change_of(&change, d->tables, per_step, star, &batch->dot[cubix_batch_star(batch, i)]);
    screen_of(&screen, &d->histogram->nodes.axis, star);
    const double weight = screen.weight[batch->node - screen.first], rate = screen.slope[batch->node - screen.first];
    for (int c = 0; c < 4; c++) {
      double a = (change.value[c] * weight + change.rate[c] * rate) * scale, b = change.slope[c] * weight * scale;
      int64_t *sum = scratch->sum + (size_t)change.mix.row[c] * (size_t)d->stride + j;
      for (int p = 0; p < CUBIX_N_PAIR; p++)
        cubix_add_rounded(sum + 2 * p, a * (cubix_pair){ phi[2 * p], phi[2 * p + 1] } +
                                           b * (cubix_pair){ slope[2 * p], slope[2 * p + 1] });
    }
    cubix_touch(scratch, star->iz * d->tables->n_age + star->ia, j);
  }
}

/* Largest that a star of each spaxel adds to a value: splines and their slopes are below 1.
 * @return 0 where that is not finite */
static int largest_dots(double *largest, uint64_t *count, const struct cubix_nodes *nodes,
                        const struct cubix_placement *placement, const struct cubix_star_bar *dot,
                        const struct cubix_tables *tables)
{
  int finite = 1;
#pragma omp parallel for schedule(dynamic, 16) reduction(& : finite)
  for (size_t s = 0; s < placement->n_spaxel; s++)
    for (size_t i = placement->start[s]; i < placement->start[s + 1]; i++) {
      struct change change;
      struct nodes_in_screen screen;
      double f, weight = 0, rate = 0;
      if (cubix_node_of(nodes, placement->star[i].velocity, &f) < 0) continue;
      screen_of(&screen, &nodes->axis, &placement->star[i]);
      if (screen.first < 0) continue;
      for (int q = 0; q < screen.n; q++) {
        weight = fmax(weight, screen.weight[q]);
        rate = fmax(rate, fabs(screen.slope[q]));
      }
      change_of(&change, tables, 1 / nodes->step, &placement->star[i], &dot[i]);
      for (int c = 0; c < 4; c++) {
        double most = (fabs(change.value[c]) + fabs(change.slope[c])) * weight + fabs(change.rate[c]) * rate;
        finite &= most <= 1e300;
        if (most > largest[s]) largest[s] = most;
      }
      count[s]++;
    }
  return finite;
}

int cubix_histogram_dot_scale(int32_t *exponent, const struct cubix_nodes *nodes,
                              const struct cubix_placement *placement, const struct cubix_star_bar *dot,
                              const struct cubix_tables *tables)
{
  int status = CUBIX_OK;
  double *largest = NULL;
  uint64_t *count = NULL;
  CUBIX_ALLOC(largest, placement->n_spaxel);
  CUBIX_ALLOC(count, placement->n_spaxel);
  CUBIX_CHECK(largest_dots(largest, count, nodes, placement, dot, tables), CUBIX_EFAIL,
              "the tangents of the stars are not finite numbers, or above 1e300");
  cubix_histogram_scale(exponent, count, largest, placement->n_spaxel);
done:
  free(largest);
  free(count);
  return status;
}

int cubix_histogram_fill_jvp(struct cubix_histogram **histogram_dot, const struct cubix_nodes *nodes,
                             const struct cubix_placement *placement, const struct cubix_star_bar *dot,
                             const struct cubix_tables *tables)
{
  int status = CUBIX_OK;
  struct cubix_filling d = { .placement = placement, .tables = tables, .stars = fill_dots, .dot = dot };
  int32_t *exponent = NULL;
  CUBIX_ALLOC(exponent, placement->n_spaxel);
  CUBIX_TRY(cubix_histogram_dot_scale(exponent, nodes, placement, dot, tables));
  CUBIX_TRY(cubix_deposit_run(histogram_dot, &d, nodes, exponent));
done:
  free(exponent);
  return status;
}
