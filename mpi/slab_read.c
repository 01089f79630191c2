/* slab_read.c -- every rank reads its share of the stars, at once or chunk by chunk.
 *
 * Rank 0 looks into the files and tells the others (src/simfile.c); then all members are read as if they were one list of N stars, of which
 * rank r of P owns [N r/P, N (r+1)/P).  Chunk c is that many rows of every rank's share, from c times as many on: every rank can tell which members a chunk
 * touches on any rank, opens those, and reads in pieces of CUBIX_READER_PIECE rows (reader_rows.c), all quantities of a piece together, so that wind cells
 * are dropped and units converted on the way and no more than 14 MiB are needed beside the slab.  Data are widened here, by all threads.
 * A rank that finds something wrong keeps to the order of pieces, for others may read for it or wait for what it reads, and says so at the end of the
 * member: nobody hangs. */
#include "reader_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cosmology.h"
#include "cubix-mpi.h"
#include "error.h"
#include "log.h"
#include "simfile.h"

enum { BLOCK = 1024 };            /* rows that a thread converts at a time, in its cache */

#define LARGEST 1e30              /* of any number, in internal units: its cube must be a number, too */

/* Eleven columns at most: position, velocity, two masses, formation or age, metallicity, potential or length. */
double cubix_mpi_reader_bytes(double n_row) { return fmin(n_row, PIECE) * 11 * sizeof(double); }

/* Values outside are errors.  Formation scale factors <= 0 are wind cells; round-off below 0 (metallicity, age) counts as 0. */
static void bounds(double *low, double *high, enum cubix_field field, double a_snapshot)
{
  *low = -LARGEST;
  *high = LARGEST;
  if (field == CUBIX_FIELD_MASS_FORMED || field == CUBIX_FIELD_MASS_NOW || field == CUBIX_FIELD_LENGTH) *low = 0.;
  if (field == CUBIX_FIELD_METALLICITY || field == CUBIX_FIELD_AGE) *low = -1e-6;
  if (field == CUBIX_FIELD_METALLICITY) *high = 1. + 1e-6;
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
    case CUBIX_FIELD_AGE:
    case CUBIX_FIELD_METALLICITY:
      for (size_t i = 0; i < n; i++) x[i] = x[i] > 0. ? x[i] : 0.;
      break;
    default:
      break;
  }
}

static double *place_of(const struct cubix_slab *slab, enum cubix_field field)
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

/* Is one of the numbers of the stars `row` out of bounds?  Formation counts in every row: that is what makes a star of it. */
static int is_bad(const double *x, size_t n_c, double low, double high, const size_t *row, size_t n_star)
{
  for (size_t q = 0; q < n_star; q++)
    for (size_t c = 0; c < n_c; c++)
      if (!(x[row[q] * n_c + c] >= low && x[row[q] * n_c + c] <= high)) return 1;
  return 0;
}

/* Rows first .. first + n - 1 of a piece into the slab from star `to` on.  @return 1 where a number makes no sense */
static int convert_block(const struct cubix_reader *r, size_t first, size_t n, size_t to)
{
  size_t row[BLOCK], n_star = find_stars(row, r, first, n);
  double x[3 * BLOCK], low, high;
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    const size_t n_c = (size_t)cubix_field_table[f].n_c;
    if (!r->state->piece[f]) continue;
    double *column = place_of(r->slab, f), *out = column ? column + to * n_c : NULL;
    size_t n_bad = 0;
    bounds(&low, &high, f, r->sim->a);
    widen(x, r, f, first * n_c, n * n_c);
    for (size_t j = 0; j < n * n_c; j++) n_bad += !(x[j] >= low && x[j] <= high);
    if (n_bad && is_bad(x, n_c, low, high, row, n_star)) return 1;
    if (!out) continue;
    transform(x, r, f, n);
    if (n_star == n) memcpy(out, x, n * n_c * sizeof *x);
    else for (size_t q = 0; q < n_star; q++) memcpy(out + q * n_c, x + row[q] * n_c, n_c * sizeof *x);
  }
  return 0;
}

/* What is wrong with the piece: the first number that makes no sense.  @param member_row of the member, at which the piece begins */
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
      snprintf(must, sizeof must, "at most %.9g, the scale factor of the snapshot (a star is not born later)", r->sim->a);
    else if (low > -LARGEST)
      snprintf(must, sizeof must, "from 0 to %g", high);
    else
      snprintf(must, sizeof must, "finite and at most %g in size", LARGEST);
    for (size_t first = 0; r->state->piece[f] && first < n; first += BLOCK) {
      size_t now = n - first < BLOCK ? n - first : BLOCK, n_star = find_stars(row, r, first, now);
      widen(x, r, f, first * n_c, now * n_c);
      for (size_t j = 0; j < n_star * n_c; j++) {
        double value = x[row[j / n_c] * n_c + j % n_c];
        CUBIX_CHECK(value >= low && value <= high, CUBIX_EINPUT,
                    "%s: /%s holds %.9g%s%s in row %lld (of 0 to %lld); it must be %s. Remove this particle or repair the file",
                    r->slab->snapshot.file[member], r->sim->field[f].path, value, pure ? "" : " ", pure ? "" : info->unit,
                    (long long)(member_row + first + row[j / n_c]), (long long)r->sim->n_star[member] - 1, must);
      }
    }
  }
done:
  return status;
}

/* Append the stars of a piece to the slab, all threads at once: where each block goes is counted first. */
static int keep_piece(struct cubix_reader *r, int member, hsize_t member_row, size_t n)
{
  const size_t n_block = (n + BLOCK - 1) / BLOCK;
  size_t at[PIECE / BLOCK + 1] = { r->state->n_kept };
  int bad = 0;
#pragma omp parallel for schedule(static) if (n_block > 1)
  for (size_t b = 0; b < n_block; b++) {
    size_t row[BLOCK], now = n - b * BLOCK < BLOCK ? n - b * BLOCK : BLOCK;
    at[b + 1] = r->state->piece[CUBIX_FIELD_FORMATION] ? find_stars(row, r, b * BLOCK, now) : now;
  }
  for (size_t b = 0; b < n_block; b++) at[b + 1] += at[b];
#pragma omp parallel for schedule(static) reduction(| : bad) if (n_block > 1)
  for (size_t b = 0; b < n_block; b++) bad |= convert_block(r, b * BLOCK, n - b * BLOCK < BLOCK ? n - b * BLOCK : BLOCK, at[b]);
  if (bad) return complain(r, member, member_row, n);
  r->n_wind += (int64_t)(n - (at[n_block] - r->state->n_kept));
  r->state->n_kept = at[n_block];
  return CUBIX_OK;
}

/* My rows of member i, piece by piece; n_piece is the same on all ranks. */
static int read_pieces(struct cubix_reader *r, int i, hsize_t n_piece, hid_t file)
{
  int status = CUBIX_OK, failed;
  const struct cubix_span mine = r->state->share[cubix_mpi_rank()];
  const hsize_t n = (hsize_t)(mine.to - mine.from);
  CUBIX_TRY(cubix_mpi_agree(failed = cubix_mpi_reader_go(r, i, file)));
  for (hsize_t p = 0; p < n_piece; p++) {
    hsize_t done_before = p * PIECE < n ? p * PIECE : n, now = n - done_before < PIECE ? n - done_before : PIECE;
    for (int f = 0; f < CUBIX_N_FIELD; f++) {
      int code = r->state->piece[f] ? cubix_mpi_reader_fetch(r, i, (enum cubix_field)f, p) : CUBIX_OK;
      if (!failed) failed = code;
    }
    if (!failed) failed = keep_piece(r, i, (hsize_t)mine.from + done_before, (size_t)now);
    if (cubix_mpi_rank() == 0 && now) cubix_log_progress("read", (double)(r->state->n_read += now) / (double)r->n_largest);
  }
  CUBIX_TRY(cubix_mpi_agree(failed));
done:
  cubix_mpi_reader_leave(r);
  return status;
}

static int64_t share_start(const struct cubix_reader *r, int rank)
{
  int64_t n = r->sim->n_total, n_rank = cubix_mpi_size();
  return n / n_rank * rank + n % n_rank * rank / n_rank;
}

/* Chunk c of a rank's share. */
static struct cubix_span chunk_of(const struct cubix_reader *r, int rank, size_t c)
{
  int64_t first = share_start(r, rank), end = share_start(r, rank + 1), before = (int64_t)(c * r->n_chunk_rows);
  struct cubix_span s = { first + before < end ? first + before : end, end };
  if (s.to - s.from > (int64_t)r->n_chunk_rows) s.to = s.from + (int64_t)r->n_chunk_rows;
  return s;
}

/* What of it lies in a member whose n rows begin at `offset`, counted from there. */
static struct cubix_span in_member(struct cubix_span s, int64_t offset, int64_t n)
{
  struct cubix_span in = { s.from > offset ? s.from - offset : 0, s.to < offset + n ? s.to - offset : n };
  return in.from < in.to ? in : (struct cubix_span){ 0, 0 };
}

/* The members that chunk c touches on any rank, one after the other.  Every rank opens a member by itself; nobody reads before all could. */
static int read_members(struct cubix_reader *r, size_t c)
{
  int status = CUBIX_OK;
  int64_t offset = 0;
  hid_t file = -1;

  for (int i = 0; i < r->slab->snapshot.n_file; offset += r->sim->n_star[i++]) {
    int64_t n = r->sim->n_star[i], most = 0;
    for (int rank = 0; rank < cubix_mpi_size(); rank++) {
      struct cubix_span in = r->state->share[rank] = in_member(chunk_of(r, rank, c), offset, n);
      most = in.to - in.from > most ? in.to - in.from : most;
    }
    if (most == 0) continue;
    status = cubix_h5_open(&file, r->slab->snapshot.file[i]);
    if (status && cubix_mpi_rank() > 0) cubix_error_about("rank %d (does its node see this file?)", cubix_mpi_rank());
    CUBIX_TRY(cubix_mpi_agree(status));
    CUBIX_TRY(read_pieces(r, i, ((hsize_t)most + PIECE - 1) / PIECE, file));
    H5Fclose(file);
    file = -1;
  }
done:
  if (file >= 0) H5Fclose(file);
  return status;
}

/* Room for one piece of every quantity that is wanted; the time of formation tells stars from wind cells and is wanted always. */
static int make_room(struct cubix_reader *r, size_t n)
{
  int status = CUBIX_OK;
  size_t rows = n < (size_t)PIECE ? n + 1 : (size_t)PIECE;
  for (int f = 0; f < CUBIX_N_FIELD; f++)
    if (r->sim->field[f].path[0] && (f == CUBIX_FIELD_FORMATION || place_of(r->slab, f)))
      CUBIX_CHECK((r->state->piece[f] = cubix_alloc(rows * (size_t)cubix_field_table[f].n_c, sizeof(double))), CUBIX_ENOMEM,
                  "cannot allocate memory for %zu rows of %s", rows, cubix_field_table[f].name);
  if (r->state->reads_for_others) CUBIX_ALLOC(r->state->relay, 3 * (r->n_chunk_rows < (size_t)PIECE ? r->n_chunk_rows : (size_t)PIECE));
done:
  return status;
}

size_t cubix_mpi_reader_rows(const struct cubix_reader *r, size_t c)
{
  struct cubix_span mine = chunk_of(r, cubix_mpi_rank(), c);
  return (size_t)(mine.to - mine.from);
}

int cubix_mpi_reader_read(struct cubix_reader *r, size_t c)
{
  int status = CUBIX_OK;
  struct cubix_h5_quiet quiet;
  cubix_h5_quiet_begin(&quiet);
  if (c == 0) {
    r->n_wind = 0;
    r->state->n_read = 0;
  }
  r->state->n_kept = 0;
  CUBIX_TRY(cubix_mpi_agree(make_room(r, cubix_mpi_reader_rows(r, c))));
  CUBIX_TRY(read_members(r, c));
  r->slab->n = r->state->n_kept;
done:
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    free(r->state->piece[f]);
    r->state->piece[f] = NULL;
  }
  free(r->state->relay);
  r->state->relay = NULL;
  cubix_h5_quiet_end(&quiet);
  return status;
}

/* What this rank needs beside rank 0's findings. */
static int prepare(struct cubix_reader *r, struct cubix_slab **slab, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(r->state, 1);
  for (int f = 0; f < CUBIX_N_FIELD; f++) r->state->dataset[f] = -1;
  r->state->collective = strcmp(par->ReadMode, "collective") == 0;
  CUBIX_ALLOC(r->state->share, cubix_mpi_size());
  CUBIX_ALLOC(r->state->reads_for, cubix_mpi_size());
  CUBIX_ALLOC(*slab, 1);
  if (r->sim->field[CUBIX_FIELD_FORMATION].path[0]) {
    const struct cubix_snapshot *s = &r->sim->snapshot;
    CUBIX_ALLOC(r->state->ages, 1);
    cubix_cosmology_tabulate(r->state->ages, s->omega_m, s->omega_l, s->h, r->sim->a * (1. + 1e-6));
    r->state->age_now = cubix_cosmology_age(s->omega_m, s->omega_l, s->h, r->sim->a);
  }
done:
  return status;
}

int cubix_mpi_reader_open(struct cubix_reader **out, struct cubix_slab **slab, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct cubix_reader *r = cubix_alloc(1, sizeof *r);
  struct cubix_h5_quiet quiet;
  cubix_h5_quiet_begin(&quiet);
  CUBIX_TRY(cubix_mpi_agree(r ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate memory for the reader")));
  if (cubix_mpi_rank() == 0) status = cubix_simfile_open(&r->sim, par);
  CUBIX_TRY(cubix_mpi_agree(status));
  CUBIX_TRY(cubix_mpi_simfile_share(&r->sim));
  CUBIX_TRY(cubix_mpi_agree(prepare(r, slab, par)));
  cubix_mpi_reader_divide(r);
  (*slab)->n_file_total = r->sim->n_total;
  (*slab)->snapshot = r->sim->snapshot;
  r->sim->snapshot.file = NULL;
  r->sim->snapshot.file_size = NULL;
  r->slab = *slab;
  r->n_largest = (size_t)((r->sim->n_total + cubix_mpi_size() - 1) / cubix_mpi_size());
  r->n_chunk_rows = r->n_largest;
  *out = r;
  r = NULL;
done:
  cubix_mpi_reader_close(r);
  cubix_h5_quiet_end(&quiet);
  return status;
}

void cubix_mpi_reader_close(struct cubix_reader *r)
{
  if (!r) return;
  if (r->state) {
    free(r->state->ages);
    free(r->state->share);
    free(r->state->reads_for);
  }
  free(r->state);
  cubix_simfile_free(r->sim);
  free(r);
}
