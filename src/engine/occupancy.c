/* occupancy.c -- the number of stars in each spaxel, counted from a sample.
 *
 * What is planned from these counts (memory, the engine) needs them to a few per cent, and counting
 * must not take longer than reading the stars.  From 2 SAMPLE stars on, only one star in k is
 * counted, with k such that there are about SAMPLE of them.  The counts of a sample are spread over
 * cells of CELL x CELL spaxels: a spaxel with a single star of the sample says little, and what is
 * planned is not a linear function of the counts.  The fastest star, and the number of stars beyond
 * each reach of a velocity grid, are found from all stars, because few of them are fast.
 *
 * A footprint is a rectangle of spaxels, noted by its four corners; the sums along rows and columns
 * then are the counts, so that a wide star takes no longer than a narrow one. */
#include "engine/occupancy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/engine.h"
#include "physics/deposit.h"
#include "spectra/templates.h"

enum { SAMPLE = 1 << 18, CELL = 4 };

int cubix_occupancy_init(struct cubix_occupancy **out, const struct cubix_instrument *ins, double n_star)
{
  int status = CUBIX_OK;
  struct cubix_occupancy *o = NULL;
  CUBIX_ALLOC(o, 1);
  o->n_x = ins->n_x + 2 * ins->margin;
  o->n_y = ins->n_y + 2 * ins->margin;
  o->slowest_in = HUGE_VAL;
  o->fastest_in = -HUGE_VAL;
  o->every = n_star < 0 ? 0 : (size_t)fmax(floor(n_star / SAMPLE), 1);
  if (o->every) CUBIX_ALLOC(o->change, ((size_t)o->n_x + 1) * ((size_t)o->n_y + 1));
  *out = o;
  o = NULL;
done:
  cubix_occupancy_free(o);
  return status;
}

static void step(struct cubix_occupancy *o, size_t x, size_t y, int32_t by)
{
  int32_t *at = o->change + y * ((size_t)o->n_x + 1) + x;
#pragma omp atomic update
  *at += by;
}

static void note(struct cubix_occupancy *o, const struct cubix_foot *foot)
{
  const size_t x = (size_t)foot->first[0], y = (size_t)foot->first[1];
  const size_t end_x = x + (size_t)foot->n[0], end_y = y + (size_t)foot->n[1];
  step(o, x, y, 1);
  step(o, end_x, y, -1);
  step(o, x, end_y, -1);
  step(o, end_x, end_y, 1);
}

void cubix_occupancy_add(struct cubix_occupancy *o, const struct cubix_params *par,
                         const struct cubix_instrument *ins, const struct cubix_scene *scene,
                         const struct cubix_slab *slab)
{
  struct cubix_tables tables = { 0 };
  double fastest = o->fastest, low = o->slowest_in, high = o->fastest_in, stars = 0, records = 0, wide = 0;
  int64_t *beyond = o->beyond;
  const double fast = o->every ? cubix_engine_reach(0) : HUGE_VAL;
  cubix_templates_sky(&tables, par, ins, scene);
#pragma omp parallel for schedule(static) reduction(max : fastest, high) reduction(min : low) \
  reduction(+ : stars, records, wide, beyond[:CUBIX_N_REACH])
  for (size_t i = 0; i < slab->n; i++) {
    const double v = slab->velocity[3 * i + 2], speed = fabs(v);
    const int counted = o->every && i % o->every == 0;
    struct cubix_foot foot;
    if (!counted && !(speed > fastest) && !(speed > fast)) continue;
    const double length = cubix_deposit_length(&tables, slab->smoothing_length, (int64_t)i);
    if (!cubix_foot_of(&tables, slab->position + 3 * i, length, &foot)) continue;
    fastest = fmax(fastest, speed);
    low = fmin(low, v);
    high = fmax(high, v);
    for (int r = 0; r < CUBIX_N_REACH && speed > cubix_engine_reach(r); r++) beyond[r]++;
    if (!counted) continue;
    stars++;
    records += (double)foot.n[0] * foot.n[1];
    wide += length * tables.arcsec_per_kpc * fmax(tables.inv_pixel_x, tables.inv_pixel_y) > tables.deposit_most;
    note(o, &foot);
  }
  o->fastest = fastest;
  o->slowest_in = low;
  o->fastest_in = high;
  o->n_star += stars;
  o->n_record += records;
  o->n_wide += wide;
}

/* The mean of the cell that begins at (x, y) for all in it. */
static void spread(double *count, const struct cubix_occupancy *o, int x, int y)
{
  const int end_x = x + CELL < o->n_x ? x + CELL : o->n_x, end_y = y + CELL < o->n_y ? y + CELL : o->n_y;
  const size_t n_x = (size_t)o->n_x;
  double sum = 0;
  for (int j = y; j < end_y; j++)
    for (int i = x; i < end_x; i++) sum += count[(size_t)j * n_x + (size_t)i];
  sum *= (double)o->every / ((end_x - x) * (end_y - y));
  for (int j = y; j < end_y; j++)
    for (int i = x; i < end_x; i++) count[(size_t)j * n_x + (size_t)i] = sum;
}

void cubix_occupancy_counts(double *count, const struct cubix_occupancy *o)
{
  const size_t n_x = (size_t)o->n_x;
  for (size_t y = 0; y < (size_t)o->n_y; y++) {
    int64_t row = 0;
    for (size_t x = 0; x < n_x; x++) {
      row += o->change[y * (n_x + 1) + x];
      count[y * n_x + x] = (double)row + (y ? count[(y - 1) * n_x + x] : 0);
    }
  }
  for (int y = 0; o->every > 1 && y < o->n_y; y += CELL)
    for (int x = 0; x < o->n_x; x += CELL) spread(count, o, x, y);
}

void cubix_occupancy_free(struct cubix_occupancy *o)
{
  if (!o) return;
  free(o->change);
  free(o);
}
