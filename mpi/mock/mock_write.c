/* mock_write.c -- many ranks write one snapshot.
 *
 * Rank 0 lays every file out alone: header, groups, datasets with their space and attributes, no
 * data; HDF5 tells where each dataset (or each of its chunks) lies, and when it has closed the file
 * all ranks write their own, contiguous, rows there (shared_file.c): as many rows as fit in 64 MiB
 * are made (by all threads), and a column at a time goes through one buffer to the file.  So HDF5
 * never holds what a full disk refuses, which it would try to write again when the process exits,
 * and crash (output/hdf5_sink.c).  The files do not depend on the number of ranks, byte for byte.
 *
 * No file gets its name before all of them are whole. */
#define _POSIX_C_SOURCE 200809L

#include "mpi/mock/mock_write.h"

#include <hdf5.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/atomic_file.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/h5read.h"
#include "base/log.h"
#include "mock/mock.h"
#include "mock/mock_galaxy.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/shared_file.h"
#include "output/hdf5_sink.h"

#define BATCH_BYTES (64u << 20)   /* of records and one column, per rank */
#define PATH_ROOM 1000

static const int particle_type[2] = { 0, 4 };

/* Rows of a type (0: gas, 1: stars and wind) before piece k of n. */
static int64_t row_before(const struct cubix_mock *mock, int which, int64_t k, int64_t n)
{
  int64_t all = which ? mock->o.n_star + mock->o.n_wind : mock->o.n_gas;
  return all / n * k + all % n * k / n;
}

/* Name of piece k: as the user says for a single file, else STEM.k.hdf5. */
static int piece_name(const struct cubix_mock *mock, const char *path, int64_t k, char name[PATH_ROOM])
{
  int status = CUBIX_OK;
  const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
  int stem = (int)(dot && (!slash || dot > slash + 1) && dot != path ? dot - path : (long)strlen(path));
  int n = mock->o.n_file == 1
              ? snprintf(name, PATH_ROOM, "%s", path)
              : snprintf(name, PATH_ROOM, "%.*s.%lld%s", stem, path, (long long)k, path[stem] ? path + stem : ".hdf5");
  CUBIX_CHECK(n < PATH_ROOM, CUBIX_EUSAGE, "the path of the output is too long (at most %d characters)", PATH_ROOM - 1);
done:
  return status;
}

/* In the file as in memory: rows are copied from one to the other. */
static hid_t h5_type(enum cubix_mock_type type)
{
  return type == CUBIX_MOCK_double  ? H5T_NATIVE_DOUBLE
         : type == CUBIX_MOCK_float ? H5T_NATIVE_FLOAT
                                    : H5T_NATIVE_UINT64;
}

/* n = 0: a scalar.  Failures are counted, not told: the file's state is asked once, at the end. */
static void put(hid_t object, const char *name, hid_t file_type, hid_t type, hsize_t n, const void *value,
                int *failures)
{
  hid_t space = n ? H5Screate_simple(1, &n, NULL) : H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0 || H5Awrite(attribute, type, value) < 0) ++*failures;
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
}

static void put_double(hid_t object, const char *name, double x, int *failures)
{
  put(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 0, &x, failures);
}

static void put_int(hid_t object, const char *name, int x, int *failures)
{
  put(object, name, H5T_STD_I32LE, H5T_NATIVE_INT, 0, &x, failures);
}

static void put_text(hid_t object, const char *name, const char *text, int *failures)
{
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, strlen(text) + 1);
  put(object, name, type, type, 0, text, failures);
  H5Tclose(type);
}

/* The attributes of a snapshot's header, then those of a cutout, then what this galaxy truly is. */
static void write_header(const struct cubix_mock *m, hid_t file, int64_t piece, const char *text, int *failures)
{
  double table[6] = { 0 };
  int here[6] = { 0 };
  unsigned total[6] = { 0 }, high[6] = { 0 };
  for (int w = 0; w < 2; w++) {
    int64_t all = row_before(m, w, 1, 1);
    here[particle_type[w]] = (int)(row_before(m, w, piece + 1, m->o.n_file) - row_before(m, w, piece, m->o.n_file));
    total[particle_type[w]] = (unsigned)(all & 0xffffffff);
    high[particle_type[w]] = (unsigned)(all >> 32);
  }
  hid_t g = H5Gcreate2(file, "Header", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  put_double(g, "BoxSize", m->o.box, failures);
  put_int(g, "Composition_vector_length", 0, failures);
  put_int(g, "Flag_Cooling", 1, failures);
  put_int(g, "Flag_DoublePrecision", 0, failures);
  put_int(g, "Flag_Feedback", 1, failures);
  put_int(g, "Flag_Metals", 0, failures);
  put_int(g, "Flag_Sfr", 1, failures);
  put_int(g, "Flag_StellarAge", 0, failures);
  put_double(g, "HubbleParam", MOCK_HUBBLE, failures);
  put(g, "MassTable", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 6, table, failures);
  put_int(g, "NumFilesPerSnapshot", (int)m->o.n_file, failures);
  put(g, "NumPart_ThisFile", H5T_STD_I32LE, H5T_NATIVE_INT, 6, here, failures);
  put(g, "NumPart_Total", H5T_STD_U32LE, H5T_NATIVE_UINT, 6, total, failures);
  put(g, "NumPart_Total_HighWord", H5T_STD_U32LE, H5T_NATIVE_UINT, 6, high, failures);
  put_double(g, "Omega0", MOCK_OMEGA_M, failures);
  put_double(g, "OmegaBaryon", MOCK_OMEGA_B, failures);
  put_double(g, "OmegaLambda", MOCK_OMEGA_L, failures);
  put_double(g, "Redshift", m->o.redshift, failures);
  put_double(g, "Time", m->a, failures);
  put_double(g, "UnitLength_in_cm", TNG_CM, failures);
  put_double(g, "UnitMass_in_g", TNG_G, failures);
  put_double(g, "UnitVelocity_in_cm_per_s", TNG_CMS, failures);
  put_text(g, "SimulationName", "TNG layout, CUBIX mock", failures);
  put_text(g, "CutoutType", "subhalo", failures);
  put_text(g, "MockOptions", text, failures);
  put(g, "MockCentre", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 3, m->centre, failures);       /* file units */
  put(g, "MockVelocity", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 3, m->velocity, failures);   /* km/s */
  put_double(g, "MockSpeed", m->speed, failures);                                        /* km/s */
  put_double(g, "MockRadius", m->o.radius, failures);                                    /* kpc */
  put_double(g, "MockStarFormationRate", m->sfr, failures);                              /* Msun/yr */
  if (g < 0 || H5Gclose(g) < 0) ++*failures;
}

/* Where the rows of a particle type lie in a file: chunk k of its field i (among those that are
 * written) begins at at[i * n_chunk + k]. */
struct place { int64_t rows, chunk, n_chunk, *at; };

static int field_count(const struct cubix_mock *m, int w)
{
  int n_field = 0, n = 0;
  const struct cubix_mock_field *field = cubix_mock_fields(particle_type[w], &n_field);
  for (int i = 0; i < n_field; i++) n += field[i].minimal || !m->o.minimal;
  return n;
}

static int place_init(struct place *p, const struct cubix_mock *m, int w, int64_t piece)
{
  int status = CUBIX_OK;
  p->rows = row_before(m, w, piece + 1, m->o.n_file) - row_before(m, w, piece, m->o.n_file);
  p->chunk = m->o.chunk && m->o.chunk < p->rows ? m->o.chunk : p->rows;
  p->n_chunk = p->rows ? (p->rows + p->chunk - 1) / p->chunk : 0;
  CUBIX_ALLOC(p->at, p->n_chunk * field_count(m, w));
done:
  return status;
}

/* An empty dataset with its space on disc and its attributes.  @param[out] at  [p->n_chunk] */
static void lay_out(const struct cubix_mock *m, hid_t group, const struct cubix_mock_field *f, const struct place *p,
                    int64_t *at, int *failures)
{
  hsize_t shape[2] = { (hsize_t)p->rows, (hsize_t)f->n }, chunk[2] = { (hsize_t)p->chunk, (hsize_t)f->n };
  int rank = f->n > 1 ? 2 : 1;
  hid_t space = H5Screate_simple(rank, shape, NULL), create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(create, H5D_FILL_TIME_NEVER);
  H5Pset_obj_track_times(create, 0);
  if (m->o.chunk) H5Pset_chunk(create, rank, chunk);
  hid_t set = H5Dcreate2(group, f->name, h5_type(f->type), space, H5P_DEFAULT, create, H5P_DEFAULT);
  if (set < 0) {
    ++*failures;
  } else {
    put_double(set, "a_scaling", f->a, failures);
    put_double(set, "h_scaling", f->h, failures);
    put_double(set, "length_scaling", f->length, failures);
    put_double(set, "mass_scaling", f->mass, failures);
    put_double(set, "velocity_scaling", f->velocity, failures);
    put_double(set, "to_cgs", f->cgs, failures);
    for (int64_t k = 0; k < p->n_chunk; k++) {
      hsize_t corner[2] = { (hsize_t)(k * p->chunk), 0 }, size;
      haddr_t address = HADDR_UNDEF;
      unsigned mask;
      if (!m->o.chunk) address = H5Dget_offset(set);
      else if (H5Dget_chunk_info_by_coord(set, corner, &mask, &address, &size) < 0) address = HADDR_UNDEF;
      *failures += address == HADDR_UNDEF;
      at[k] = (int64_t)address;
    }
    if (H5Dclose(set) < 0) ++*failures;
  }
  H5Pclose(create);
  H5Sclose(space);
}

/* Piece `piece`, all but its data.  Rank 0. */
static int piece_lay_out(const struct cubix_mock *m, const struct cubix_atomic_file *out, int64_t piece,
                         const char *text, struct place place[2])
{
  int status = CUBIX_OK, failures = 0;
  struct cubix_h5sink sink = { 0 };
  hid_t file = -1, group = -1;
  CUBIX_CHECK(cubix_h5sink_open(&sink, out->file) >= 0, CUBIX_EOUTPUT, "cannot create %s: HDF5 refuses", out->path);
  file = H5Fcreate(out->path, H5F_ACC_TRUNC, H5P_DEFAULT, sink.access_list);
  CUBIX_CHECK(file >= 0, CUBIX_EOUTPUT, "cannot create %s: HDF5 refuses", out->path);
  write_header(m, file, piece, text, &failures);
  for (int w = 0; w < 2; w++) {
    int n_field = 0;
    const struct cubix_mock_field *field = cubix_mock_fields(particle_type[w], &n_field);
    int64_t *at = place[w].at;
    if (place[w].rows == 0) continue;                        /* a type without members has no group */
    group = H5Gcreate2(file, w ? "PartType4" : "PartType0", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    CUBIX_CHECK(group >= 0, CUBIX_EOUTPUT, "cannot create a group in %s", out->path);
    for (int i = 0; i < n_field; i++) {
      if (!field[i].minimal && m->o.minimal) continue;
      lay_out(m, group, &field[i], &place[w], at, &failures);
      at += place[w].n_chunk;
    }
    H5Gclose(group);
  }
  CUBIX_CHECK(failures == 0, CUBIX_EOUTPUT, "cannot lay out %s: %d objects failed", out->path, failures);
done:
  if (file >= 0 && H5Fclose(file) < 0 && !status)
    status = cubix_error_set(CUBIX_EOUTPUT, __func__, __FILE__, __LINE__, "cannot lay out %s: HDF5 refuses", out->path);
  if (sink.error)
    status = cubix_error_set(CUBIX_EOUTPUT, __func__, __FILE__, __LINE__,
                             "cannot write %s: %s; is there room on the disk?", out->path, strerror(sink.error));
  cubix_h5sink_close(&sink);
  return status;
}

/* Rows [first, first + n) of the galaxy as records. */
static void make_records(const struct cubix_mock *m, int w, int64_t first, int64_t n, char *record)
{
  if (w) {
    struct cubix_mock_star *star = (struct cubix_mock_star *)record;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) cubix_mock_star_at(m, first + i, &star[i]);
  } else {
    struct cubix_mock_gas *gas = (struct cubix_mock_gas *)record;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) cubix_mock_gas_at(m, first + i, &gas[i]);
  }
}

/* Rows [row, row + n) as records, and room for a column of them. */
struct batch { size_t record_bytes; int64_t row, n; char *record, *column; };

/* One column of a batch into its dataset.  @param at  [p->n_chunk] of the field */
static int write_column(const struct cubix_atomic_file *out, const struct cubix_mock_field *f, const struct place *p,
                        const int64_t *at, const struct batch *batch)
{
  int status = CUBIX_OK;
  char *column = batch->column;
  int64_t begin = batch->row, end = begin + batch->n;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < batch->n; i++)
    memcpy(column + (size_t)i * f->bytes, batch->record + (size_t)i * batch->record_bytes + f->offset, f->bytes);
  for (int64_t row = begin, take; row < end; row += take) {
    const int64_t k = row / p->chunk, within = row - k * p->chunk, bytes = (int64_t)f->bytes;
    take = p->chunk - within < end - row ? p->chunk - within : end - row;
    CUBIX_TRY(
        cubix_atomic_file_write(out, column + (row - begin) * bytes, (size_t)(take * bytes), at[k] + within * bytes));
  }
done:
  return status;
}

/* My share of one particle type of an open piece. */
static int type_fill(const struct cubix_mock *m, const struct cubix_atomic_file *out, int w, int64_t piece,
                     const struct place *p)
{
  int status = CUBIX_OK, n_field = 0;
  const struct cubix_mock_field *field = cubix_mock_fields(particle_type[w], &n_field);
  int64_t first = row_before(m, w, piece, m->o.n_file), rows = p->rows, size = cubix_mpi_size(),
          rank = cubix_mpi_rank();
  int64_t from = rows / size * rank + rows % size * rank / size,
          to = rows / size * (rank + 1) + rows % size * (rank + 1) / size;
  struct batch batch = { .record_bytes = w ? sizeof(struct cubix_mock_star) : sizeof(struct cubix_mock_gas) };
  size_t widest = 0;
  for (int i = 0; i < n_field; i++) if (field[i].bytes > widest) widest = field[i].bytes;
  int64_t most = (int64_t)(BATCH_BYTES / (batch.record_bytes + widest));
  if (most > to - from) most = to - from;
  if (rows == 0) goto done;
  CUBIX_ALLOC(batch.record, (size_t)most * batch.record_bytes);
  CUBIX_ALLOC(batch.column, (size_t)most * widest);
  for (batch.row = from; batch.row < to; batch.row += most) {
    batch.n = to - batch.row < most ? to - batch.row : most;
    const int64_t *at = p->at;
    make_records(m, w, first + batch.row, batch.n, batch.record);
    for (int i = 0; i < n_field; i++) {
      if (!field[i].minimal && m->o.minimal) continue;
      CUBIX_TRY(write_column(out, &field[i], p, at, &batch));
      at += p->n_chunk;
    }
    if (rank == 0)
      cubix_log_progress("writing", (double)(batch.row + batch.n - from) / (double)(to - from) * (w ? 1. : 0.1));
  }
done:
  free(batch.column);
  free(batch.record);
  return status;
}

/* Piece `piece`, whole, under its temporary name. */
static int piece_write(const struct cubix_mock *m, struct cubix_atomic_file *out, const char *path, int64_t piece,
                       const char *text)
{
  int status = CUBIX_OK, filled = CUBIX_OK;
  struct place place[2] = { { 0 } };
  for (int w = 0; w < 2 && !status; w++) status = place_init(&place[w], m, w, piece);
  CUBIX_TRY(cubix_mpi_agree(status));
  CUBIX_TRY(cubix_mpi_file_begin(out, path));
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_rank() == 0 ? piece_lay_out(m, out, piece, text, place) : CUBIX_OK));
  for (int w = 0; w < 2; w++) {
    const int64_t n_at = place[w].n_chunk * field_count(m, w), most = 1 << 20;
    for (int64_t i = 0; i < n_at; i += most)
      MPI_Bcast(place[w].at + i, (int)(n_at - i < most ? n_at - i : most), MPI_INT64_T, 0, cubix_mpi_group()->comm);
  }
  for (int w = 0; w < 2 && !filled; w++) filled = type_fill(m, out, w, piece, &place[w]);
  CUBIX_TRY(cubix_mpi_file_seal(out, filled));
done:
  for (int w = 0; w < 2; w++) free(place[w].at);
  return status;
}

/* Where the pieces will be, behind all links.  @param[out] where [n_file] on rank 0 */
static int places(char **where, const struct cubix_atomic_file *out, int64_t n_file)
{
  int status = CUBIX_OK;
  for (int64_t k = 0; k < n_file && cubix_mpi_rank() == 0; k++)
    CUBIX_CHECK((where[k] = strdup(out[k].target)), CUBIX_ENOMEM, "cannot allocate a file's name");
done:
  return status;
}

/* From the temporary names to the true ones: all or none.  What is undone goes from where it was
 * written; a link that leads there is the user's. */
static int publish(const struct cubix_mock *m, struct cubix_atomic_file *out, int64_t *bytes)
{
  int status = CUBIX_OK;
  int64_t renamed = 0;
  struct stat s;
  char **where = NULL;
  CUBIX_MPI_ALLOC(where, m->o.n_file);
  CUBIX_TRY(cubix_mpi_agree(places(where, out, m->o.n_file)));
  for (; renamed < m->o.n_file; renamed++) {
    CUBIX_TRY(cubix_mpi_file_publish(&out[renamed]));
    if (where[renamed] && !stat(where[renamed], &s)) *bytes += (int64_t)s.st_size;
  }
done:
  for (int64_t k = 0; where && k < m->o.n_file; k++) {
    if (status && k < renamed && where[k]) remove(where[k]);
    free(where[k]);
  }
  free(where);
  return status;
}

/* Before any work, that all pieces may be written, and that the disk has room for them.  Rank 0. */
static int check(const struct cubix_mock *m, const char *path)
{
  int status = CUBIX_OK;
  char name[PATH_ROOM];
  struct cubix_disk_need need = { .bytes = (double)(1 << 13) * (double)m->o.n_file };
  for (int w = 0; w < 2; w++) {
    int n_field = 0;
    const struct cubix_mock_field *field = cubix_mock_fields(particle_type[w], &n_field);
    for (int i = 0; i < n_field; i++)
      if (field[i].minimal || !m->o.minimal) need.bytes += (double)field[i].bytes * (double)row_before(m, w, 1, 1);
  }
  for (int64_t k = 0; k < m->o.n_file; k++) {
    CUBIX_TRY(piece_name(m, path, k, name));
    CUBIX_TRY(cubix_atomic_file_check(name, name));
  }
  CUBIX_CHECK((size_t)snprintf(need.path, sizeof need.path, "%s", name) < sizeof need.path, CUBIX_EUSAGE,
              "the path of the output is too long (at most %zu characters)", sizeof need.path - 1);
  CUBIX_TRY(cubix_disk_check(&need, 1));
done:
  return status;
}

int cubix_mpi_mock_write(const struct cubix_mock *mock, const char *path, const char *text, int64_t *bytes)
{
  int status = CUBIX_OK;
  struct cubix_atomic_file *out = NULL;
  char name[PATH_ROOM];
  struct cubix_h5_quiet quiet;
  cubix_h5_quiet_begin(&quiet);
  *bytes = 0;
  CUBIX_MPI_ALLOC(out, mock->o.n_file);
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_rank() == 0 ? check(mock, path) : CUBIX_OK));
  for (int64_t k = 0; k < mock->o.n_file; k++) {
    CUBIX_TRY(piece_name(mock, path, k, name));
    CUBIX_TRY(piece_write(mock, &out[k], name, k, text));
  }
  CUBIX_TRY(publish(mock, out, bytes));
done:
  for (int64_t k = 0; out && k < mock->o.n_file; k++) cubix_atomic_file_discard(&out[k]);
  free(out);
  cubix_h5_quiet_end(&quiet);
  return status;
}
