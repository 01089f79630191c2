/* slab_read.c -- every rank reads its share of the stars, at once or chunk by chunk.
 *
 * Rank 0 looks into the files and tells the others (src/simfile.c); then all members are read as if they were one list of N stars, of which
 * rank r of P owns [N r/P, N (r+1)/P).  Chunk c is that many rows of every rank's share, from c times as many on: every rank can tell which members a chunk
 * touches on any rank, opens those with all others, and reads in pieces of CUBIX_READER_PIECE rows, all quantities of a piece together, so that wind cells
 * are dropped and units converted on the way and no more than 11 MiB are needed beside the slab.
 * A rank without rows in a piece takes part with an empty selection, for the reads are collective.  Data are read in the file's own
 * precision and widened here, by all threads: a conversion inside HDF5 would make the read independent.
 * One rank alone reads without MPI.  A rank that finds something wrong keeps reading and says so at the end of the member: nobody hangs. */
#include "reader.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cosmology.h"
#include "cubix-mpi.h"
#include "error.h"
#include "log.h"
#include "simfile.h"

enum { PIECE = CUBIX_READER_PIECE };

enum { BLOCK = 1024 };            /* rows that a thread converts at a time, in its cache */

struct cubix_reader_state {
  double age_now;                         /* of the universe at the snapshot [Gyr] */
  struct cubix_age_table *ages;           /* NULL: the file holds ages */
  int collective;
  size_t n_kept;                          /* stars in the slab so far */
  size_t n_read;                          /* rows, since chunk 0 */
  void *piece[CUBIX_N_FIELD];             /* [PIECE][n_c] as in the file; NULL: not read */
  int single[CUBIX_N_FIELD];              /* 1: float, 0: double */
  hid_t dataset[CUBIX_N_FIELD];           /* of the open member; -1: none */
};

#define LARGEST 1e30              /* of any number, in internal units: its cube must be a number, too */

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

/* Collective reads pay for data that lie in the file as rows.  Compressed chunks are read independently, for a damaged one fails on one
 * rank and the others would wait for it; so are chunks of single columns, which MPI would be told of number by number. */
static int lies_in_rows(hid_t creation, int n_c)
{
  hsize_t chunk[2] = { 1, 1 };
  if (H5Pget_nfilters(creation) != 0) return 0;
  return H5Pget_layout(creation) != H5D_CHUNKED || n_c == 1 || (H5Pget_chunk(creation, 2, chunk) == 2 && chunk[1] == (hsize_t)n_c);
}

/* With room for a whole chunk: pieces that share a compressed one would otherwise each unpack it. */
static hid_t open_dataset(hid_t file, const char *path)
{
  const size_t usual = (size_t)1 << 20, most = (size_t)1 << 28;
  hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT), creation, type, access;
  hsize_t chunk[2] = { 0, 1 };
  if (dataset < 0) return dataset;
  creation = H5Dget_create_plist(dataset);
  type = H5Dget_type(dataset);
  if (H5Pget_layout(creation) == H5D_CHUNKED) H5Pget_chunk(creation, 2, chunk);
  size_t bytes = (size_t)(chunk[0] * chunk[1]) * H5Tget_size(type);
  H5Tclose(type);
  H5Pclose(creation);
  if (bytes <= usual || bytes > most) return dataset;
  H5Dclose(dataset);
  access = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_chunk_cache(access, H5D_CHUNK_CACHE_NSLOTS_DEFAULT, bytes + usual, H5D_CHUNK_CACHE_W0_DEFAULT);
  dataset = H5Dopen2(file, path, access);
  H5Pclose(access);
  return dataset;
}

/* Rows of one dataset, as floats where the file has floats, else as doubles. */
static int read_rows(struct cubix_reader *r, int member, enum cubix_field field, hsize_t row, hsize_t n)
{
  int status = CUBIX_OK, read;
  hid_t dataset = r->state->dataset[field], space = H5Dget_space(dataset), stored = H5Dget_type(dataset), creation = H5Dget_create_plist(dataset);
  hid_t type = H5Tget_native_type(stored, H5T_DIR_DEFAULT), transfer = H5Pcreate(H5P_DATASET_XFER), memory;
  const hsize_t n_c = (hsize_t)cubix_field_table[field].n_c, start[2] = { row, 0 }, count[2] = { n, n_c };
  const int n_dim = n_c > 1 ? 2 : 1;

  if (H5Tget_size(type) > sizeof(double)) {
    H5Tclose(type);
    type = H5Tcopy(H5T_NATIVE_DOUBLE);
  }
  r->state->single[field] = H5Tequal(type, H5T_NATIVE_FLOAT) > 0;
  memory = H5Screate_simple(n_dim, n ? count : (hsize_t[]){ 1, n_c }, NULL);
  if (n) {
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
  } else {
    H5Sselect_none(space);
    H5Sselect_none(memory);
  }
  H5Pset_dxpl_mpio(transfer, r->state->collective && lies_in_rows(creation, (int)n_c) ? H5FD_MPIO_COLLECTIVE : H5FD_MPIO_INDEPENDENT);
  read = H5Dread(dataset, type, memory, space, transfer, r->state->piece[field]) >= 0;
  if (read && !r->state->single[field]) read = H5Tconvert(type, H5T_NATIVE_DOUBLE, (size_t)(n * n_c), r->state->piece[field], NULL, H5P_DEFAULT) >= 0;
  CUBIX_CHECK(read, CUBIX_EINPUT,
              "%s: /%s cannot be read in rows %llu to %llu; the file is damaged or not all there", r->slab->snapshot.file[member],
              r->sim->field[field].path, (unsigned long long)row, (unsigned long long)(row + n));
done:
  H5Sclose(memory);
  H5Pclose(transfer);
  H5Tclose(type);
  H5Pclose(creation);
  H5Tclose(stored);
  H5Sclose(space);
  return status;
}

/* My rows [row, row + n) of an open member; n_piece is the same on all ranks. */
static int read_pieces(struct cubix_reader *r, int member, hsize_t row, hsize_t n, hsize_t n_piece, hid_t file)
{
  int status = CUBIX_OK, failed = CUBIX_OK;

  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    if (!r->state->piece[f]) continue;
    r->state->dataset[f] = open_dataset(file, r->sim->field[f].path);
    if (r->state->dataset[f] < 0 && !failed)
      failed = cubix_error_set(CUBIX_EINPUT, __func__, __FILE__, __LINE__, "%s: /%s cannot be opened; did the file change while it was read?",
                               r->slab->snapshot.file[member], r->sim->field[f].path);
  }
  CUBIX_TRY(cubix_mpi_agree(failed));
  for (hsize_t p = 0; p < n_piece; p++) {
    hsize_t done_before = p * PIECE < n ? p * PIECE : n, now = n - done_before < PIECE ? n - done_before : PIECE;
    for (int f = 0; f < CUBIX_N_FIELD; f++) {
      int code = r->state->piece[f] ? read_rows(r, member, f, row + done_before, now) : CUBIX_OK;
      if (!failed) failed = code;
    }
    if (!failed) failed = keep_piece(r, member, row + done_before, (size_t)now);
    if (cubix_mpi_rank() == 0 && now) cubix_log_progress("read", (double)(r->state->n_read += now) / (double)r->n_largest);
  }
  CUBIX_TRY(cubix_mpi_agree(failed));
done:
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    if (r->state->dataset[f] >= 0) H5Dclose(r->state->dataset[f]);
    r->state->dataset[f] = -1;
  }
  return status;
}

/* Rows [from, to) of all. */
struct span { int64_t from, to; };

static int64_t share_start(const struct cubix_reader *r, int rank)
{
  int64_t n = r->sim->n_total, n_rank = cubix_mpi_size();
  return n / n_rank * rank + n % n_rank * rank / n_rank;
}

/* Chunk c of a rank's share. */
static struct span chunk_of(const struct cubix_reader *r, int rank, size_t c)
{
  int64_t first = share_start(r, rank), end = share_start(r, rank + 1), before = (int64_t)(c * r->n_chunk_rows);
  struct span s = { first + before < end ? first + before : end, end };
  if (s.to - s.from > (int64_t)r->n_chunk_rows) s.to = s.from + (int64_t)r->n_chunk_rows;
  return s;
}

/* What of it lies in a member whose n rows begin at `offset`, counted from there. */
static struct span in_member(struct span s, int64_t offset, int64_t n)
{
  struct span in = { s.from > offset ? s.from - offset : 0, s.to < offset + n ? s.to - offset : n };
  return in.from < in.to ? in : (struct span){ 0, 0 };
}

/* The members that chunk c touches on any rank, one after the other. */
static int read_members(struct cubix_reader *r, size_t c)
{
  int status = CUBIX_OK;
  int64_t offset = 0;
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1;

  if (cubix_mpi_size() > 1) H5Pset_fapl_mpio(access, MPI_COMM_WORLD, MPI_INFO_NULL);
  for (int i = 0; i < r->slab->snapshot.n_file; offset += r->sim->n_star[i++]) {
    int64_t n = r->sim->n_star[i], most = 0;
    for (int rank = 0; rank < cubix_mpi_size(); rank++) {
      struct span in = in_member(chunk_of(r, rank, c), offset, n);
      most = in.to - in.from > most ? in.to - in.from : most;
    }
    if (most == 0) continue;
    struct span mine = in_member(chunk_of(r, cubix_mpi_rank(), c), offset, n);
    file = H5Fopen(r->slab->snapshot.file[i], H5F_ACC_RDONLY, access);
    CUBIX_TRY(cubix_mpi_agree(file >= 0 ? CUBIX_OK : cubix_error_set(CUBIX_EINPUT, __func__, __FILE__, __LINE__,
                              "rank %d cannot open %s; do all nodes see this file?", cubix_mpi_rank(), r->slab->snapshot.file[i])));
    CUBIX_TRY(read_pieces(r, i, (hsize_t)mine.from, (hsize_t)(mine.to - mine.from), ((hsize_t)most + PIECE - 1) / PIECE, file));
    H5Fclose(file);
    file = -1;
  }
done:
  if (file >= 0) H5Fclose(file);
  H5Pclose(access);
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
done:
  return status;
}

size_t cubix_mpi_reader_rows(const struct cubix_reader *r, size_t c)
{
  struct span mine = chunk_of(r, cubix_mpi_rank(), c);
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
  cubix_h5_quiet_end(&quiet);
  return status;
}

/* What this rank needs beside rank 0's findings. */
static int prepare(struct cubix_reader *r, struct cubix_slab **slab, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(r->state, 1);
  for (int f = 0; f < CUBIX_N_FIELD; f++) r->state->dataset[f] = -1;
  r->state->collective = cubix_mpi_size() > 1 && strcmp(par->ReadMode, "collective") == 0;
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
  if (r->state) free(r->state->ages);
  free(r->state);
  cubix_simfile_free(r->sim);
  free(r);
}
