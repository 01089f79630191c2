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
#include "mpi/particles/reader_parts.h"
#include "mpi/particles/star_check.h"
#include "physics/constants.h"
#include "simulation/simformat.h"

/* Values outside are errors. */
static void bounds(double *low, double *high, enum cubix_field field, const struct cubix_reader *r)
{
  cubix_field_bounds(low, high, field);
  if (r->state->clock && field == r->sim->birth) *high = cubix_clock_latest(r->state->clock, r->sim->a);
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
static size_t find_stars(size_t row[BLOCK], const struct cubix_reader *r, const struct cubix_simpart *part,
                         size_t first, size_t n)
{
  double formed[BLOCK];
  size_t n_star = 0;
  const int tells =
    r->state->clock && cubix_piece_has(r, part, r->sim->birth) && r->sim->unborn == CUBIX_UNBORN_DROP;
  if (tells) widen(formed, r, r->sim->birth, first, n);
  for (size_t i = 0; i < n; i++) {
    row[n_star] = i;
    n_star += !(tells && !cubix_clock_is_born(r->sim->birth, formed[i]));
  }
  return n_star;
}

/* Times of formation become ages; stars without one have the age that the user gives. */
static void become_ages(double *x, const struct cubix_reader *r, const struct cubix_simpart *part, size_t n)
{
  unsigned char unborn[BLOCK];
  for (size_t i = 0; i < n; i++) unborn[i] = !cubix_clock_is_born(r->sim->birth, x[i]);
  cubix_clock_ages(x, n, r->state->clock);
  for (size_t i = 0; i < n; i++)
    if (unborn[i]) x[i] = r->sim->unborn_age[part->type];
}

/* From what the file holds to what the slab holds, in place. */
static void transform(double *x, const struct cubix_reader *r, const struct cubix_simpart *part, enum cubix_field field,
                      size_t n)
{
  const double box = r->slab->snapshot.box;
  if (field == CUBIX_FIELD_POSITION) {
    for (size_t i = 0; box > 0. && i < n; i++)
      for (size_t c = 0; c < 3; c++) {
        double d = x[3 * i + c] - r->sim->reference[c];
        if (fabs(d) >= 0.5 * box) x[3 * i + c] -= box * round(d / box);
      }
  } else if (field == r->sim->birth && r->state->clock) {
    become_ages(x, r, part, n);
  } else {
    cubix_field_settle(x, field, n * (size_t)cubix_field_table[field].n_c);
  }
}

/* Is one of the numbers of the stars `row` out of bounds? */
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

/* Stars of a block into a column of the slab. */
static void put(double *out, const double *x, const size_t *row, size_t n_star, size_t n, size_t n_c)
{
  if (n_star == n) memcpy(out, x, n * n_c * sizeof *x);
  else for (size_t q = 0; q < n_star; q++) memcpy(out + q * n_c, x + row[q] * n_c, n_c * sizeof *x);
}

/* A column of a part that has none: what all of its stars have. */
static void put_value(double *out, double value, size_t n_star)
{
  for (size_t q = 0; q < n_star; q++) out[q] = value;
}

/* Rows first .. first + n - 1 of a piece into the slab from star `to` on.  @return 1 where a number makes no sense */
static int convert_block(const struct cubix_reader *r, const struct cubix_simpart *part, struct cubix_range *range,
                         size_t first, size_t n, size_t to)
{
  size_t row[BLOCK], n_star = find_stars(row, r, part, first, n);
  double x[3 * BLOCK], low, high;
  struct cubix_derived given = { .to = to, .n = n_star };
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    const size_t n_c = (size_t)cubix_field_table[f].n_c;
    if (f == CUBIX_FIELD_ID) {     /* 8 bytes, whatever they mean */
      if (cubix_piece_has(r, part, f))
        put((void *)(r->slab->id + to), (const double *)r->state->piece[f] + first, row, n_star, n, 1);
      continue;
    }
    double *column = cubix_slab_column(r->slab, f), *out = column ? column + to * n_c : NULL;
    if (!out) out = f == CUBIX_FIELD_MASS_NOW    ? given.mass
                    : f == CUBIX_FIELD_ENERGY    ? given.energy
                    : f == CUBIX_FIELD_ELECTRONS ? given.electrons
                                                 : NULL;
    if (!cubix_piece_has(r, part, f)) {
      if (out && !isnan(part->value[f])) put_value(out, part->value[f], n_star);
      continue;
    }
    bounds(&low, &high, f, r);
    widen(x, r, f, first * n_c, n * n_c);
    if (r->sim->field[f].of_mass) high = CUBIX_LARGEST;
    if (count_bad(x, f, low, high, n) && is_bad(x, f, low, high, row, n_star)) return 1;
    if (!out) continue;
    if (f == CUBIX_FIELD_POSITION && r->slab->snapshot.box > 0.) reach(range, x, row, n_star);
    if (f == (int)r->sim->birth && r->state->clock)
      for (size_t q = 0; q < n_star; q++) given.unborn[q] = !cubix_clock_is_born(r->sim->birth, x[row[q]]);
    transform(x, r, part, f, n);
    put(out, x, row, n_star, n, n_c);
    if (f == (int)r->sim->birth)
      for (size_t q = 0; q < n_star; q++)
        if (isnan(out[q])) return 1;
  }
  if (r->slab->mass_now) memcpy(given.mass, r->slab->mass_now + to, n_star * sizeof *given.mass);
  return cubix_piece_derive(r, part, &given);
}

/* The words for what a number must be. */
static void describe_bounds(char must[160], const struct cubix_reader *r, enum cubix_field f)
{
  double low, high;
  bounds(&low, &high, f, r);
  if (r->state->clock && f == r->sim->birth && f == CUBIX_FIELD_SCALE_FACTOR)
    snprintf(must, 160, "at most %.9g, the scale factor of the snapshot (a star is not born later)", r->sim->a);
  else if (r->state->clock && f == r->sim->birth)
    snprintf(must, 160, "at most %.9g, when the snapshot is (a star is not born later): are they scale factors, or of "
             "another kind of time?", high);
  else if (low > -CUBIX_LARGEST) snprintf(must, 160, "from 0 to %g", high);
  else snprintf(must, 160, "finite and at most %g in size", CUBIX_LARGEST);
}

/* What is wrong with a quantity in a piece, if anything. */
static int complain_of(const struct cubix_reader *r, const struct cubix_simpart *part, enum cubix_field f,
                       int64_t part_row, size_t n)
{
  int status = CUBIX_OK;
  const struct cubix_field_info *info = &cubix_field_table[f];
  const char *file = r->slab->snapshot.file[part->member];
  const size_t n_c = (size_t)info->n_c;
  const int pure = strcmp(info->unit, "1") == 0;
  double low, high, x[3 * BLOCK];
  size_t row[BLOCK];
  char must[160], path[256];
  cubix_simfile_path(path, sizeof path, r->sim, part, f);
  bounds(&low, &high, f, r);
  describe_bounds(must, r, f);
  for (size_t first = 0; first < n; first += BLOCK) {
    size_t now = n - first < BLOCK ? n - first : BLOCK, n_star = find_stars(row, r, part, first, now);
    widen(x, r, f, first * n_c, now * n_c);
    for (size_t j = 0; j < n_star * n_c; j++) {
      const long long at = (long long)cubix_simfile_row(r->sim, part, part_row + (int64_t)(first + row[j / n_c]));
      double value = x[row[j / n_c] * n_c + j % n_c],
             speed = f == CUBIX_FIELD_VELOCITY && j % n_c == 0 ? cubix_star_speed(x + row[j / n_c] * n_c) : 0.;
      CUBIX_CHECK(!(speed >= CUBIX_C_KMS) || !isfinite(speed), CUBIX_EINPUT,
                  "%s: /%s holds a speed of %.6g km/s in row %lld (of 0 to %lld), beyond that of light: are the "
                  "velocities in cm/s or m/s, or do their attributes state another unit?",
                  file, path, speed, at, (long long)part->n_row - 1);
      CUBIX_CHECK(
          value >= low && value <= high, CUBIX_EINPUT,
          "%s: /%s holds %.9g%s%s in row %lld (of 0 to %lld); it must be %s. Remove this particle or repair the file",
          file, path, value, pure ? "" : " ", pure ? "" : info->unit, at, (long long)part->n_row - 1, must);
      CUBIX_CHECK(!r->state->clock || f != r->sim->birth || cubix_clock_is_born(f, value) ||
                      !isnan(r->sim->unborn_age[part->type]),
                  CUBIX_EINPUT,
                  "%s: /%s holds %.9g in row %lld (of 0 to %lld): this star has no time of formation, as it was there "
                  "from the beginning; give StarAge in Gyr, like StarAge 5.0",
                  file, path, value, at, (long long)part->n_row - 1);
    }
  }
done:
  return status;
}

/* What is wrong with the piece: the first number that makes no sense.  @param part_row of the
 * part, at which the piece begins */
static int complain(const struct cubix_reader *r, const struct cubix_simpart *part, int64_t part_row, size_t n)
{
  int status = CUBIX_OK;
  char path[256];
  for (int f = 0; f < CUBIX_N_FIELD; f++)
    if (f != CUBIX_FIELD_ID && cubix_piece_has(r, part, f) && !r->sim->field[f].of_mass)
      CUBIX_TRY(complain_of(r, part, f, part_row, n));
  cubix_simfile_path(path, sizeof path, r->sim, part, CUBIX_FIELD_METALLICITY);
  CUBIX_CHECK(0, CUBIX_EINPUT,
              "%s: /%s, or another mass of elements, is larger than the particle's own, or a star that has a time of "
              "formation has a mass at birth of 0, in rows %lld to %lld",
              r->slab->snapshot.file[part->member], path, (long long)cubix_simfile_row(r->sim, part, part_row),
              (long long)cubix_simfile_row(r->sim, part, part_row + (int64_t)n - 1));
done:
  return status;
}

int cubix_piece_keep(struct cubix_reader *r, const struct cubix_simpart *part, int64_t part_row, size_t n)
{
  const size_t n_block = (n + BLOCK - 1) / BLOCK;
  size_t at[PIECE / BLOCK + 1] = { r->state->n_kept };
  struct cubix_range range[PIECE / BLOCK];
  int bad = 0;
#pragma omp parallel for schedule(static) if (n_block > 1)
  for (size_t b = 0; b < n_block; b++) {
    size_t row[BLOCK], now = n - b * BLOCK < BLOCK ? n - b * BLOCK : BLOCK;
    range[b] = r->state->range;
    at[b + 1] = find_stars(row, r, part, b * BLOCK, now);
  }
  for (size_t b = 0; b < n_block; b++) at[b + 1] += at[b];
#pragma omp parallel for schedule(static) reduction(| : bad) if (n_block > 1)
  for (size_t b = 0; b < n_block; b++)
    bad |= convert_block(r, part, &range[b], b * BLOCK, n - b * BLOCK < BLOCK ? n - b * BLOCK : BLOCK, at[b]);
  if (bad) return complain(r, part, part_row, n);
  for (size_t b = 0; b < n_block; b++)
    for (int c = 0; c < 3; c++) {
      r->state->range.low[c] = fmin(r->state->range.low[c], range[b].low[c]);
      r->state->range.high[c] = fmax(r->state->range.high[c], range[b].high[c]);
    }
  r->n_wind += (int64_t)(n - (at[n_block] - r->state->n_kept));
  r->state->n_kept = at[n_block];
  return CUBIX_OK;
}
