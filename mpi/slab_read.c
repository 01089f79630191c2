/* slab_read.c -- every rank reads its share of the stars.
 *
 * Rank 0 looks into the files and tells the others (src/simfile.c); then all members are read as if they were one list of N stars, of which
 * rank r of P owns [N r/P, N (r+1)/P).  Each member is opened by all ranks; a share is read in pieces of PIECE rows, all quantities of a
 * piece together, so that wind cells are dropped and units converted on the way and no more than 11 MiB are needed beside the slab.
 * A rank without rows in a piece takes part with an empty selection, for the reads are collective.  Data are read in the file's own
 * precision and widened here: a conversion inside HDF5 would make the read independent.
 * A rank that finds something wrong keeps reading and says so at the end of the member: nobody hangs. */
#include "cubix-mpi.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cosmology.h"
#include "error.h"
#include "log.h"
#include "simfile.h"

#define PIECE ((hsize_t)1 << 17)

struct reader {
  const struct cubix_simfile *sim;
  struct cubix_slab *slab;
  size_t n_kept;                          /* stars in the slab so far */
  int64_t n_wind;                         /* wind cells dropped by this rank */
  double age_now;                         /* of the universe at the snapshot [Gyr] */
  int collective;
  double *piece[CUBIX_N_FIELD];           /* [PIECE][n_c] as in the file; NULL: not read */
  hid_t dataset[CUBIX_N_FIELD];           /* of the open member; -1: none */
};

#define LARGEST 1e30              /* of any number, in internal units: its cube must be a number, too */

/* Values outside are errors.  Formation scale factors <= 0 are wind cells; round-off below 0 (metallicity, age) counts as 0. */
static void bounds(double *low, double *high, enum cubix_field field, double a_snapshot)
{
  *low = -LARGEST;
  *high = LARGEST;
  if (field == CUBIX_FIELD_MASS_FORMED || field == CUBIX_FIELD_MASS_NOW) *low = 0.;
  if (field == CUBIX_FIELD_METALLICITY || field == CUBIX_FIELD_AGE) *low = -1e-6;
  if (field == CUBIX_FIELD_METALLICITY) *high = 1. + 1e-6;
  if (field == CUBIX_FIELD_FORMATION) *high = a_snapshot * (1. + 1e-6);
}

static int is_wind(const struct reader *r, size_t i)
{
  return r->piece[CUBIX_FIELD_FORMATION] && r->piece[CUBIX_FIELD_FORMATION][i] <= 0.;
}

/* Units, and whether every number makes sense.  @param row of the member, at which the piece begins */
static int check_piece(struct reader *r, int member, hsize_t row, size_t n)
{
  int status = CUBIX_OK;
  double low, high;
  char must[96];

  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    const struct cubix_field_info *info = &cubix_field_table[f];
    const double factor = r->sim->field[f].factor;
    const size_t n_c = (size_t)info->n_c;
    const int pure = strcmp(info->unit, "1") == 0;
    double *x = r->piece[f];
    if (!x) continue;
    bounds(&low, &high, f, r->sim->a);
    for (size_t j = 0; j < n * n_c; j++) {
      x[j] *= factor;
      if (x[j] >= low && x[j] <= high) continue;
      if (f != CUBIX_FIELD_FORMATION && is_wind(r, j / n_c)) continue;
      if (f == CUBIX_FIELD_FORMATION)
        snprintf(must, sizeof must, "at most %.9g, the scale factor of the snapshot (a star is not born later)", r->sim->a);
      else if (low > -LARGEST)
        snprintf(must, sizeof must, "from 0 to %g", high);
      else
        snprintf(must, sizeof must, "finite and at most %g in size", LARGEST);
      CUBIX_CHECK(0, CUBIX_EINPUT, "%s: /%s holds %.9g%s%s in row %lld (of 0 to %lld); it must be %s. Remove this particle or repair the file",
                  r->sim->snapshot.file[member], r->sim->field[f].path, x[j], pure ? "" : " ", pure ? "" : info->unit,
                  (long long)(row + j / n_c), (long long)r->sim->n_star[member] - 1, must);
    }
  }
done:
  return status;
}

/* Append the stars of a checked piece to the slab. */
static void keep_piece(struct reader *r, size_t n)
{
  struct cubix_slab *slab = r->slab;
  const struct cubix_snapshot *s = &r->sim->snapshot;
  const double *formation = r->piece[CUBIX_FIELD_FORMATION];

  for (size_t i = 0; i < n; i++) {
    size_t to = r->n_kept;
    if (is_wind(r, i)) {
      r->n_wind++;
      continue;
    }
    for (size_t c = 0; c < 3; c++) {
      double x = r->piece[CUBIX_FIELD_POSITION][3 * i + c];
      if (s->box > 0.) x -= s->box * round((x - r->sim->reference[c]) / s->box);
      slab->position[3 * to + c] = x;
      slab->velocity[3 * to + c] = r->piece[CUBIX_FIELD_VELOCITY][3 * i + c];
    }
    slab->mass_formed[to] = r->piece[CUBIX_FIELD_MASS_FORMED][i];
    slab->mass_now[to] = r->piece[CUBIX_FIELD_MASS_NOW][i];
    slab->age[to] = formation ? r->age_now - cubix_cosmology_age(s->omega_m, s->omega_l, s->h, formation[i]) : r->piece[CUBIX_FIELD_AGE][i];
    if (slab->age[to] < 0.) slab->age[to] = 0.;
    slab->metallicity[to] = fmax(r->piece[CUBIX_FIELD_METALLICITY][i], 0.);
    if (slab->potential) slab->potential[to] = r->piece[CUBIX_FIELD_POTENTIAL][i];
    r->n_kept++;
  }
}

/* Collective reads pay for data that lie in the file as rows.  Compressed chunks are read independently, for a damaged one fails on one
 * rank and the others would wait for it; so are chunks of single columns, which MPI would be told of number by number. */
static int lies_in_rows(hid_t creation, int n_c)
{
  hsize_t chunk[2] = { 1, 1 };
  if (H5Pget_nfilters(creation) != 0) return 0;
  return H5Pget_layout(creation) != H5D_CHUNKED || n_c == 1 || (H5Pget_chunk(creation, 2, chunk) == 2 && chunk[1] == (hsize_t)n_c);
}

/* Rows of one dataset as doubles. */
static int read_rows(struct reader *r, int member, enum cubix_field field, hsize_t row, hsize_t n)
{
  int status = CUBIX_OK, read;
  hid_t dataset = r->dataset[field], space = H5Dget_space(dataset), stored = H5Dget_type(dataset), creation = H5Dget_create_plist(dataset);
  hid_t type = H5Tget_native_type(stored, H5T_DIR_DEFAULT), transfer = H5Pcreate(H5P_DATASET_XFER), memory;
  const hsize_t n_c = (hsize_t)cubix_field_table[field].n_c, start[2] = { row, 0 }, count[2] = { n, n_c };
  const int n_dim = n_c > 1 ? 2 : 1;

  if (H5Tget_size(type) > sizeof(double)) {
    H5Tclose(type);
    type = H5Tcopy(H5T_NATIVE_DOUBLE);
  }
  memory = H5Screate_simple(n_dim, n ? count : (hsize_t[]){ 1, n_c }, NULL);
  if (n) {
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
  } else {
    H5Sselect_none(space);
    H5Sselect_none(memory);
  }
  H5Pset_dxpl_mpio(transfer, r->collective && lies_in_rows(creation, (int)n_c) ? H5FD_MPIO_COLLECTIVE : H5FD_MPIO_INDEPENDENT);
  read = H5Dread(dataset, type, memory, space, transfer, r->piece[field]) >= 0;
  CUBIX_CHECK(read && H5Tconvert(type, H5T_NATIVE_DOUBLE, (size_t)(n * n_c), r->piece[field], NULL, H5P_DEFAULT) >= 0, CUBIX_EINPUT,
              "%s: /%s cannot be read in rows %llu to %llu; the file is damaged or not all there", r->sim->snapshot.file[member],
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
static int read_pieces(struct reader *r, int member, hsize_t row, hsize_t n, hsize_t n_piece, hid_t file)
{
  int status = CUBIX_OK, failed = CUBIX_OK;

  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    if (!r->piece[f]) continue;
    r->dataset[f] = H5Dopen2(file, r->sim->field[f].path, H5P_DEFAULT);
    if (r->dataset[f] < 0 && !failed)
      failed = cubix_error_set(CUBIX_EINPUT, __func__, __FILE__, __LINE__, "%s: /%s cannot be opened; did the file change while it was read?",
                               r->sim->snapshot.file[member], r->sim->field[f].path);
  }
  CUBIX_TRY(cubix_mpi_agree(failed));
  for (hsize_t p = 0; p < n_piece; p++) {
    hsize_t done_before = p * PIECE < n ? p * PIECE : n, now = n - done_before < PIECE ? n - done_before : PIECE;
    for (int f = 0; f < CUBIX_N_FIELD; f++) {
      int code = r->piece[f] ? read_rows(r, member, f, row + done_before, now) : CUBIX_OK;
      if (!failed) failed = code;
    }
    if (!failed) failed = check_piece(r, member, row + done_before, (size_t)now);
    if (!failed) keep_piece(r, (size_t)now);
    if (cubix_mpi_rank() == 0 && now) cubix_log_progress("read", (double)(r->n_kept + (size_t)r->n_wind) / (double)r->slab->n);
  }
  CUBIX_TRY(cubix_mpi_agree(failed));
done:
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    if (r->dataset[f] >= 0) H5Dclose(r->dataset[f]);
    r->dataset[f] = -1;
  }
  return status;
}

/* All members, one after the other, each with the part of it that lies in my share [begin, end). */
static int read_members(struct reader *r, int64_t begin, int64_t end)
{
  int status = CUBIX_OK, n_rank = cubix_mpi_size();
  int64_t offset = 0, largest_share = (r->sim->n_total + n_rank - 1) / n_rank;
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1;

  H5Pset_fapl_mpio(access, MPI_COMM_WORLD, MPI_INFO_NULL);
  for (int i = 0; i < r->sim->snapshot.n_file; i++) {
    int64_t n = r->sim->n_star[i], most = n < largest_share ? n : largest_share;
    int64_t from = begin > offset ? begin : offset, to = end < offset + n ? end : offset + n;
    if (from > to) from = to = offset;
    if (n == 0) continue;
    file = H5Fopen(r->sim->snapshot.file[i], H5F_ACC_RDONLY, access);
    CUBIX_TRY(cubix_mpi_agree(file >= 0 ? CUBIX_OK : cubix_error_set(CUBIX_EINPUT, __func__, __FILE__, __LINE__,
                              "rank %d cannot open %s; do all nodes see this file?", cubix_mpi_rank(), r->sim->snapshot.file[i])));
    CUBIX_TRY(read_pieces(r, i, (hsize_t)(from - offset), (hsize_t)(to - from), ((hsize_t)most + PIECE - 1) / PIECE, file));
    H5Fclose(file);
    file = -1;
    offset += n;
  }
done:
  if (file >= 0) H5Fclose(file);
  H5Pclose(access);
  return status;
}

static int memory_there(int there)
{
  return there ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate memory for the list of files");
}

/* What rank 0 found, to all ranks. */
static int share_simfile(struct cubix_simfile **sim)
{
  int status = CUBIX_OK, n = 0, root = cubix_mpi_rank() == 0;
  size_t room = 0;
  char *names = NULL, *at;
  struct cubix_snapshot *s;

  if (!root) *sim = cubix_alloc(1, sizeof **sim);
  CUBIX_TRY(cubix_mpi_agree(memory_there(*sim != NULL)));
  s = &(*sim)->snapshot;
  if (root) for (int i = 0; i < s->n_file; i++) room += strlen(s->file[i]) + 1;
  struct cubix_simfile mine = **sim;
  MPI_Bcast(*sim, sizeof **sim, MPI_BYTE, 0, MPI_COMM_WORLD);
  MPI_Bcast(&room, sizeof room, MPI_BYTE, 0, MPI_COMM_WORLD);
  n = s->n_file;
  names = cubix_alloc(room, 1);
  s->file = root ? mine.snapshot.file : cubix_alloc((size_t)n, sizeof *s->file);
  s->file_size = root ? mine.snapshot.file_size : cubix_alloc((size_t)n, sizeof *s->file_size);
  (*sim)->n_star = root ? mine.n_star : cubix_alloc((size_t)n, sizeof *(*sim)->n_star);
  CUBIX_TRY(cubix_mpi_agree(memory_there(names && s->file && s->file_size && (*sim)->n_star)));
  at = names;
  if (root) for (int i = 0; i < n; i++) at = strcpy(at, s->file[i]) + strlen(s->file[i]) + 1;
  MPI_Bcast(names, (int)room, MPI_CHAR, 0, MPI_COMM_WORLD);
  MPI_Bcast(s->file_size, n, MPI_INT64_T, 0, MPI_COMM_WORLD);
  MPI_Bcast((*sim)->n_star, n, MPI_INT64_T, 0, MPI_COMM_WORLD);
  at = names;
  for (int i = 0; !root && i < n && !status; i++, at += strlen(at) + 1) {
    s->file[i] = cubix_alloc(strlen(at) + 1, 1);
    status = memory_there(s->file[i] != NULL);
    if (!status) strcpy(s->file[i], at);
  }
  CUBIX_TRY(cubix_mpi_agree(status));
done:
  free(names);
  return status;
}

/* Room for the share and for one piece of every quantity. */
static int make_room(struct reader *r, size_t n)
{
  int status = CUBIX_OK;
  size_t rows = n < (size_t)PIECE ? n + 1 : (size_t)PIECE;

  CUBIX_TRY(cubix_slab_init(&r->slab, n));
  if (r->sim->field[CUBIX_FIELD_POTENTIAL].path[0]) CUBIX_ALLOC(r->slab->potential, n);
  for (int f = 0; f < CUBIX_N_FIELD; f++)
    if (r->sim->field[f].path[0]) CUBIX_ALLOC(r->piece[f], rows * (size_t)cubix_field_table[f].n_c);
done:
  return status;
}

int cubix_mpi_slab_read(struct cubix_slab **slab, const struct cubix_params *par)
{
  int status = CUBIX_OK, rank = cubix_mpi_rank(), n_rank = cubix_mpi_size();
  struct cubix_simfile *sim = NULL;
  struct reader r = { 0 };
  struct cubix_h5_quiet quiet;
  int64_t begin, end;

  cubix_h5_quiet_begin(&quiet);
  for (int f = 0; f < CUBIX_N_FIELD; f++) r.dataset[f] = -1;
  if (rank == 0) status = cubix_simfile_open(&sim, par);
  CUBIX_TRY(cubix_mpi_agree(status));
  CUBIX_TRY(share_simfile(&sim));
  begin = sim->n_total / n_rank * rank + sim->n_total % n_rank * rank / n_rank;
  end = sim->n_total / n_rank * (rank + 1) + sim->n_total % n_rank * (rank + 1) / n_rank;
  r.sim = sim;
  r.collective = strcmp(par->ReadMode, "collective") == 0;
  if (r.sim->field[CUBIX_FIELD_FORMATION].path[0])
    r.age_now = cubix_cosmology_age(sim->snapshot.omega_m, sim->snapshot.omega_l, sim->snapshot.h, sim->a);
  CUBIX_TRY(cubix_mpi_agree(make_room(&r, (size_t)(end - begin))));
  CUBIX_TRY(read_members(&r, begin, end));
  r.slab->n = r.n_kept;
  r.slab->n_file_total = sim->n_total;
  r.slab->n_total = cubix_mpi_sum_int((int64_t)r.n_kept);
  r.slab->n_wind = cubix_mpi_sum_int(r.n_wind);
  CUBIX_CHECK(r.slab->n_total > 0, CUBIX_EINPUT, "%s holds no stars: all %lld star particles are wind cells (formation scale factor <= 0)",
              sim->snapshot.file[0], (long long)sim->n_total);
  r.slab->snapshot = sim->snapshot;
  sim->snapshot.file = NULL;
  sim->snapshot.file_size = NULL;
  *slab = r.slab;
  r.slab = NULL;
done:
  for (int f = 0; f < CUBIX_N_FIELD; f++) free(r.piece[f]);
  cubix_slab_free(r.slab);
  cubix_simfile_free(sim);
  cubix_h5_quiet_end(&quiet);
  return status;
}
