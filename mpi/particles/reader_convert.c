/* reader_convert.c -- from the numbers of a file to the stars of a slab.
 *
 * A piece of up to CUBIX_READER_PIECE rows is worked on by all threads, block by block, each in its
 * cache: where a block's stars go is counted first, so that wind cells are dropped and the order of
 * the file is kept.  A number that makes no sense is found on the way; only then is the piece
 * searched again for the words to say it with. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "math/cosmology.h"
#include "mpi/particles/reader_parts.h"
#include "mpi/particles/star_check.h"
#include "physics/constants.h"
#include "simulation/simformat.h"

enum { BLOCK = 1024 };            /* rows that a thread converts at a time, in its cache */

/* Values outside are errors.  Formation scale factors <= 0 are wind cells. */
static void bounds(double *low, double *high, enum cubix_field field, double a_snapshot)
{
  cubix_field_bounds(low, high, field);
  if (field == CUBIX_FIELD_FORMATION) *high = a_snapshot * (1. + 1e-6);
}

/* Numbers first .. first + n - 1 of a piece, in internal units. */
static void widen(double *restrict x, const struct cubix_reader *r, enum cubix_field field, size_t first, size_t n)
{
  const double factor = r->sim->field[field].factor;
  if (r->state->single[field]) {
    const float *restrict p = (const float *)r->state->piece[field] + first;
    for (size_t j = 0; j < n; j++) x[j] = (double)p[j] * factor;
  } else {
    const double *restrict p = (const double *)r->state->piece[field] + first;
    for (size_t j = 0; j < n; j++) x[j] = p[j] * factor;
  }
}

/* Those of the rows first .. first + n - 1 of a piece that are stars, relative to first.  @return how many */
static size_t find_stars(size_t row[BLOCK], const struct cubix_reader *r, size_t first, size_t n)
{
  double formation[BLOCK];
  size_t n_star = 0;
  if (r->state->piece[CUBIX_FIELD_FORMATION]) widen(formation, r, CUBIX_FIELD_FORMATION, first, n);
  for (size_t i = 0; i < n; i++) {
    row[n_star] = i;
    n_star += !(r->state->piece[CUBIX_FIELD_FORMATION] && formation[i] <= 0.);
  }
  return n_star;
}

/* From what the file holds to what the slab holds, in place. */
static void transform(double *x, const struct cubix_reader *r, enum cubix_field field, size_t n)
{
  const double box = r->slab->snapshot.box;
  switch (field) {
    case CUBIX_FIELD_POSITION:
      for (size_t i = 0; box > 0. && i < n; i++)
        for (size_t c = 0; c < 3; c++) {
          double d = x[3 * i + c] - r->sim->reference[c];
          if (fabs(d) >= 0.5 * box) x[3 * i + c] -= box * round(d / box);
        }
      break;
    case CUBIX_FIELD_FORMATION:
      for (size_t i = 0; i < n; i++) {
        double age = r->state->age_now - cubix_cosmology_look_up(r->state->ages, x[i]);
        x[i] = age > 0. ? age : 0.;
      }
      break;
    default:
      cubix_field_settle(x, field, n * (size_t)cubix_field_table[field].n_c);
      break;
  }
}

double *cubix_piece_column(const struct cubix_slab *slab, enum cubix_field field)
{
  switch (field) {
    case CUBIX_FIELD_POSITION:    return slab->position;
    case CUBIX_FIELD_VELOCITY:    return slab->velocity;
    case CUBIX_FIELD_MASS_FORMED: return slab->mass_formed;
    case CUBIX_FIELD_MASS_NOW:    return slab->mass_now;
    case CUBIX_FIELD_METALLICITY: return slab->metallicity;
    case CUBIX_FIELD_POTENTIAL:   return slab->potential;
    case CUBIX_FIELD_LENGTH:      return slab->smoothing_length;
    default:                      return slab->age;
  }
}

/* Is one of the numbers of the stars `row` out of bounds?  Formation counts in every row: that is
 * what makes a star of it. */
static int is_bad(const double *x, enum cubix_field field, double low, double high, const size_t *row, size_t n_star)
{
  const size_t n_c = (size_t)cubix_field_table[field].n_c;
  for (size_t q = 0; q < n_star; q++) {
    for (size_t c = 0; c < n_c; c++)
      if (!(x[row[q] * n_c + c] >= low && x[row[q] * n_c + c] <= high)) return 1;
    if (field == CUBIX_FIELD_VELOCITY && !(cubix_star_speed(x + row[q] * n_c) < CUBIX_C_KMS)) return 1;
  }
  return 0;
}

/* How many numbers of n rows, of stars or not, are out of bounds; of velocities, how many are no slower than light. */
static size_t count_bad(const double *restrict x, enum cubix_field field, double low, double high, size_t n)
{
  const size_t n_x = n * (size_t)cubix_field_table[field].n_c;
  size_t n_bad = 0;
  if (field == CUBIX_FIELD_VELOCITY)
    for (size_t i = 0; i < n; i++)
      n_bad += !(x[3 * i] * x[3 * i] + x[3 * i + 1] * x[3 * i + 1] + x[3 * i + 2] * x[3 * i + 2] <
                 CUBIX_C_KMS * CUBIX_C_KMS);
  else
    for (size_t j = 0; j < n_x; j++) n_bad += !(x[j] >= low && x[j] <= high);
  return n_bad;
}

/* Widen a range by the positions of stars. */
static void reach(struct cubix_range *range, const double *x, const size_t *row, size_t n_star)
{
  for (size_t q = 0; q < n_star; q++)
    for (int c = 0; c < 3; c++) {
      const double at = x[3 * row[q] + (size_t)c];
      range->low[c] = at < range->low[c] ? at : range->low[c];
      range->high[c] = at > range->high[c] ? at : range->high[c];
    }
}

/* Rows first .. first + n - 1 of a piece into the slab from star `to` on.  @return 1 where a number makes no sense */
static int convert_block(const struct cubix_reader *r, struct cubix_range *range, size_t first, size_t n, size_t to)
{
  size_t row[BLOCK], n_star = find_stars(row, r, first, n);
  double x[3 * BLOCK], low, high;
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    const size_t n_c = (size_t)cubix_field_table[f].n_c;
    if (!r->state->piece[f]) continue;
    double *column = cubix_piece_column(r->slab, f), *out = column ? column + to * n_c : NULL;
    bounds(&low, &high, f, r->sim->a);
    widen(x, r, f, first * n_c, n * n_c);
    if (count_bad(x, f, low, high, n) && is_bad(x, f, low, high, row, n_star)) return 1;
    if (!out) continue;
    if (f == CUBIX_FIELD_POSITION && r->slab->snapshot.box > 0.) reach(range, x, row, n_star);
    transform(x, r, f, n);
    if (n_star == n) memcpy(out, x, n * n_c * sizeof *x);
    else for (size_t q = 0; q < n_star; q++) memcpy(out + q * n_c, x + row[q] * n_c, n_c * sizeof *x);
  }
  return 0;
}

/* What is wrong with the piece: the first number that makes no sense.  @param member_row of the
 * member, at which the piece begins */
static int complain(const struct cubix_reader *r, int member, hsize_t member_row, size_t n)
{
  int status = CUBIX_OK;
  double low, high, x[3 * BLOCK];
  size_t row[BLOCK];
  char must[96];

  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    const struct cubix_field_info *info = &cubix_field_table[f];
    const size_t n_c = (size_t)info->n_c;
    const int pure = strcmp(info->unit, "1") == 0;
    bounds(&low, &high, f, r->sim->a);
    if (f == CUBIX_FIELD_FORMATION)
      snprintf(must, sizeof must, "at most %.9g, the scale factor of the snapshot (a star is not born later)",
               r->sim->a);
    else if (low > -CUBIX_LARGEST)
      snprintf(must, sizeof must, "from 0 to %g", high);
    else
      snprintf(must, sizeof must, "finite and at most %g in size", CUBIX_LARGEST);
    for (size_t first = 0; r->state->piece[f] && first < n; first += BLOCK) {
      size_t now = n - first < BLOCK ? n - first : BLOCK, n_star = find_stars(row, r, first, now);
      widen(x, r, f, first * n_c, now * n_c);
      for (size_t j = 0; j < n_star * n_c; j++) {
        double value = x[row[j / n_c] * n_c + j % n_c],
               speed = f == CUBIX_FIELD_VELOCITY && j % n_c == 0 ? cubix_star_speed(x + row[j / n_c] * n_c) : 0.;
        CUBIX_CHECK(!(speed >= CUBIX_C_KMS) || !isfinite(speed), CUBIX_EINPUT,
                    "%s: /%s holds a speed of %.6g km/s in row %lld (of 0 to %lld), beyond that of light: are the "
                    "velocities in cm/s or m/s, or do their attributes state another unit?",
                    r->slab->snapshot.file[member], r->sim->field[f].path, speed,
                    (long long)(member_row + first + row[j / n_c]), (long long)r->sim->n_star[member] - 1);
        CUBIX_CHECK(
            value >= low && value <= high, CUBIX_EINPUT,
            "%s: /%s holds %.9g%s%s in row %lld (of 0 to %lld); it must be %s. Remove this particle or repair the file",
            r->slab->snapshot.file[member], r->sim->field[f].path, value, pure ? "" : " ", pure ? "" : info->unit,
            (long long)(member_row + first + row[j / n_c]), (long long)r->sim->n_star[member] - 1, must);
      }
    }
  }
done:
  return status;
}

int cubix_piece_keep(struct cubix_reader *r, int member, hsize_t member_row, size_t n)
{
  const size_t n_block = (n + BLOCK - 1) / BLOCK;
  size_t at[PIECE / BLOCK + 1] = { r->state->n_kept };
  struct cubix_range range[PIECE / BLOCK];
  int bad = 0;
#pragma omp parallel for schedule(static) if (n_block > 1)
  for (size_t b = 0; b < n_block; b++) {
    size_t row[BLOCK], now = n - b * BLOCK < BLOCK ? n - b * BLOCK : BLOCK;
    range[b] = r->state->range;
    at[b + 1] = r->state->piece[CUBIX_FIELD_FORMATION] ? find_stars(row, r, b * BLOCK, now) : now;
  }
  for (size_t b = 0; b < n_block; b++) at[b + 1] += at[b];
#pragma omp parallel for schedule(static) reduction(| : bad) if (n_block > 1)
  for (size_t b = 0; b < n_block; b++)
    bad |= convert_block(r, &range[b], b * BLOCK, n - b * BLOCK < BLOCK ? n - b * BLOCK : BLOCK, at[b]);
  if (bad) return complain(r, member, member_row, n);
  for (size_t b = 0; b < n_block; b++)
    for (int c = 0; c < 3; c++) {
      r->state->range.low[c] = fmin(r->state->range.low[c], range[b].low[c]);
      r->state->range.high[c] = fmax(r->state->range.high[c], range[b].high[c]);
    }
  r->n_wind += (int64_t)(n - (at[n_block] - r->state->n_kept));
  r->state->n_kept = at[n_block];
  return CUBIX_OK;
}
