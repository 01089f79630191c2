/* mock_write.c -- many ranks write one snapshot.
 *
 * Rank 0 lays every file out alone: header, groups, datasets with their space and attributes, no data.  Then all ranks open it together and
 * each fills its own, contiguous, rows of every dataset with independent writes, batch after batch: as many rows as fit in 64 MiB are made
 * (by all threads), and a column at a time goes through one buffer to the file.  The files do not depend on the number of ranks, byte for
 * byte.
 *
 * The files bear the suffix .part until all of them are whole; then rank 0 renames them.  On failure it removes them. */
#define _POSIX_C_SOURCE 200809L
#include "mock_write.h"

#include <errno.h>
#include <hdf5.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cubix-mpi.h"
#include "error.h"
#include "h5read.h"
#include "log.h"
#include "mock_galaxy.h"

#define BATCH_BYTES (64u << 20)   /* of records and one column, per rank */
#define PATH_ROOM 4096
#define SAY(code, ...) cubix_error_set(code, __func__, __FILE__, __LINE__, __VA_ARGS__)   /* an error that we cannot leave at once with */

static const int particle_type[2] = { 0, 4 };

/* Rows of a type (0: gas, 1: stars and wind) before piece k of n. */
static int64_t row_before(const struct cubix_mock *mock, int which, int64_t k, int64_t n)
{
  int64_t all = which ? mock->o.n_star + mock->o.n_wind : mock->o.n_gas;
  return all / n * k + all % n * k / n;
}

/* Name of piece k: as the user says for a single file, else STEM.k.hdf5.  Empty if it is too long. */
static void piece_name(const struct cubix_mock *mock, const char *path, int64_t k, const char *suffix, char *name)
{
  const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
  int stem = (int)(dot && (!slash || dot > slash + 1) && dot != path ? dot - path : (long)strlen(path));
  int n = mock->o.n_file == 1 ? snprintf(name, PATH_ROOM, "%s%s", path, suffix)
                              : snprintf(name, PATH_ROOM, "%.*s.%lld%s%s", stem, path, (long long)k, path[stem] ? path + stem : ".hdf5", suffix);
  if (n >= PATH_ROOM) name[0] = '\0';
}

static hid_t h5_type(enum cubix_mock_type type)
{
  return type == CUBIX_MOCK_double ? H5T_IEEE_F64LE : type == CUBIX_MOCK_float ? H5T_IEEE_F32LE : H5T_STD_U64LE;
}

static hid_t memory_type(enum cubix_mock_type type)
{
  return type == CUBIX_MOCK_double ? H5T_NATIVE_DOUBLE : type == CUBIX_MOCK_float ? H5T_NATIVE_FLOAT : H5T_NATIVE_UINT64;
}

/* n = 0: a scalar.  Failures are counted, not told: the file's state is asked once, at the end. */
static void put(hid_t object, const char *name, hid_t file_type, hid_t type, hsize_t n, const void *value, int *failures)
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

/* An empty dataset with its space on disc and its attributes. */
static void lay_out(const struct cubix_mock *m, hid_t group, const struct cubix_mock_field *f, hsize_t rows, int *failures)
{
  hsize_t shape[2] = { rows, (hsize_t)f->n }, chunk[2] = { (hsize_t)m->o.chunk < rows ? (hsize_t)m->o.chunk : rows, (hsize_t)f->n };
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
    if (H5Dclose(set) < 0) ++*failures;
  }
  H5Pclose(create);
  H5Sclose(space);
}

/* Piece `piece`, all but its data.  Rank 0. */
static int piece_create(const struct cubix_mock *m, const char *path, int64_t piece, const char *text)
{
  int status = CUBIX_OK, failures = 0;
  hid_t file = -1, group = -1;
  FILE *probe = fopen(path, "wb");                           /* errno tells more than HDF5 does */
  CUBIX_CHECK(probe, CUBIX_EOUTPUT, "cannot write %s: %s", path, strerror(errno));
  fclose(probe);
  file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  CUBIX_CHECK(file >= 0, CUBIX_EOUTPUT, "cannot create %s: HDF5 refuses", path);
  write_header(m, file, piece, text, &failures);
  for (int w = 0; w < 2; w++) {
    int n_field = 0;
    const struct cubix_mock_field *field = cubix_mock_fields(particle_type[w], &n_field);
    int64_t rows = row_before(m, w, piece + 1, m->o.n_file) - row_before(m, w, piece, m->o.n_file);
    if (rows == 0) continue;                                 /* a type without members has no group */
    group = H5Gcreate2(file, w ? "PartType4" : "PartType0", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    CUBIX_CHECK(group >= 0, CUBIX_EOUTPUT, "cannot create a group in %s", path);
    for (int i = 0; i < n_field; i++)
      if (field[i].minimal || !m->o.minimal) lay_out(m, group, &field[i], (hsize_t)rows, &failures);
    H5Gclose(group);
  }
  CUBIX_CHECK(failures == 0, CUBIX_EOUTPUT, "cannot lay out %s (%d objects failed): is the disc full?", path, failures);
done:
  if (file >= 0 && H5Fclose(file) < 0 && !status) status = SAY(CUBIX_EOUTPUT, "cannot lay out %s: is the disc full?", path);
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

/* One column of a batch into rows [row, row + n) of its dataset. */
static int write_column(hid_t set, const struct cubix_mock_field *f, const char *record, size_t record_bytes, int64_t row, int64_t n, char *column)
{
  hsize_t start[2] = { (hsize_t)row, 0 }, count[2] = { (hsize_t)n, (hsize_t)f->n };
  hid_t memory = H5Screate_simple(f->n > 1 ? 2 : 1, count, NULL), space = H5Dget_space(set);
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < n; i++) memcpy(column + (size_t)i * f->bytes, record + (size_t)i * record_bytes + f->offset, f->bytes);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
  int bad = H5Dwrite(set, memory_type(f->type), memory, space, H5P_DEFAULT, column) < 0;
  H5Sclose(space);
  H5Sclose(memory);
  return bad;
}

/* My share of one particle type of an open piece. */
static int type_fill(const struct cubix_mock *m, hid_t file, const char *path, int w, int64_t piece, const volatile sig_atomic_t *stop)
{
  int status = CUBIX_OK, n_field = 0;
  const struct cubix_mock_field *field = cubix_mock_fields(particle_type[w], &n_field);
  int64_t first = row_before(m, w, piece, m->o.n_file), rows = row_before(m, w, piece + 1, m->o.n_file) - first;
  int64_t size = cubix_mpi_size(), rank = cubix_mpi_rank();
  int64_t from = rows / size * rank + rows % size * rank / size, to = rows / size * (rank + 1) + rows % size * (rank + 1) / size;
  size_t record_bytes = w ? sizeof(struct cubix_mock_star) : sizeof(struct cubix_mock_gas), widest = 0;
  hid_t set[64];
  char *record = NULL, *column = NULL;
  int n_set = 0;
  for (int i = 0; i < n_field; i++) if (field[i].bytes > widest) widest = field[i].bytes;
  int64_t batch = (int64_t)(BATCH_BYTES / (record_bytes + widest));
  if (batch > to - from) batch = to - from;
  if (rows == 0) goto done;
  CUBIX_ALLOC(record, (size_t)batch * record_bytes);
  CUBIX_ALLOC(column, (size_t)batch * widest);
  for (; n_set < n_field; n_set++) {
    char name[128];
    snprintf(name, sizeof name, "PartType%d/%s", particle_type[w], field[n_set].name);
    set[n_set] = -1;
    if (!field[n_set].minimal && m->o.minimal) continue;
    set[n_set] = H5Dopen2(file, name, H5P_DEFAULT);
    CUBIX_CHECK(set[n_set] >= 0, CUBIX_EOUTPUT, "cannot open /%s in %s", name, path);
  }
  for (int64_t row = from; row < to; row += batch) {
    int64_t n = to - row < batch ? to - row : batch;
    make_records(m, w, first + row, n, record);
    for (int i = 0; i < n_field; i++) {
      CUBIX_CHECK(!*stop, CUBIX_EFAIL, "interrupted");
      if (set[i] < 0) continue;
      CUBIX_CHECK(write_column(set[i], &field[i], record, record_bytes, row, n, column) == 0, CUBIX_EOUTPUT,
                  "cannot write rows %lld..%lld of /PartType%d/%s in %s: is the disc full?",
                  (long long)row, (long long)(row + n - 1), particle_type[w], field[i].name, path);
    }
    if (rank == 0) cubix_log_progress("writing", (double)(row + n - from) / (double)(to - from) * (w ? 1. : 0.1));
  }
done:
  for (int i = 0; i < n_set; i++) if (set[i] >= 0) H5Dclose(set[i]);
  free(column);
  free(record);
  return status;
}

/* All ranks fill piece `piece`. */
static int piece_fill(const struct cubix_mock *m, const char *path, int64_t piece, const volatile sig_atomic_t *stop)
{
  int status = CUBIX_OK;
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1;
  if (cubix_mpi_size() > 1) H5Pset_fapl_mpio(access, MPI_COMM_WORLD, MPI_INFO_NULL);
  file = H5Fopen(path, H5F_ACC_RDWR, access);
  H5Pclose(access);
  status = file >= 0 ? CUBIX_OK : SAY(CUBIX_EOUTPUT, "cannot open %s through MPI: does every node see this folder?", path);
  CUBIX_TRY(cubix_mpi_agree(status));
  for (int w = 0; w < 2 && !status; w++) status = type_fill(m, file, path, w, piece, stop);
  if (H5Fclose(file) < 0 && !status) status = SAY(CUBIX_EOUTPUT, "cannot close %s: is the disc full?", path);
  CUBIX_TRY(cubix_mpi_agree(status));
done:
  return status;
}

/* From the temporary names to the true ones: all or none; rank 0. */
static int publish(const struct cubix_mock *m, const char *path, int64_t *bytes)
{
  int status = CUBIX_OK;
  char from[PATH_ROOM], to[PATH_ROOM];
  struct stat s;
  int64_t renamed = 0;
  for (int64_t k = 0; k < m->o.n_file; k++) {
    piece_name(m, path, k, ".part", from);
    piece_name(m, path, k, "", to);
    CUBIX_CHECK(stat(from, &s) == 0 && rename(from, to) == 0, CUBIX_EOUTPUT, "cannot rename %s to %s: %s", from, to, strerror(errno));
    *bytes += (int64_t)s.st_size;
    renamed++;
  }
done:
  for (int64_t k = 0; status && k < renamed; k++) {
    piece_name(m, path, k, "", to);
    unlink(to);
  }
  return status;
}

int cubix_mpi_mock_write(const struct cubix_mock *mock, const char *path, const char *text, const volatile sig_atomic_t *stop, int64_t *bytes)
{
  int status = CUBIX_OK, rank = cubix_mpi_rank();
  int64_t begun = 0;
  char name[PATH_ROOM];
  struct cubix_h5_quiet quiet;
  cubix_h5_quiet_begin(&quiet);
  *bytes = 0;
  for (; begun < mock->o.n_file && !status; begun++) {
    piece_name(mock, path, begun, ".part", name);
    status = name[0] ? CUBIX_OK : SAY(CUBIX_EUSAGE, "the path of the output is too long (at most %d characters)", PATH_ROOM - 32);
    if (!status && rank == 0) status = piece_create(mock, name, begun, text);
    status = cubix_mpi_agree(status);
    if (!status) status = piece_fill(mock, name, begun, stop);
    if (status) cubix_error_frame(__func__, __FILE__, __LINE__);
  }
  if (!status) status = cubix_mpi_agree(rank == 0 ? publish(mock, path, bytes) : CUBIX_OK);
  for (int64_t k = 0; status && rank == 0 && k < begun; k++) {
    piece_name(mock, path, k, ".part", name);
    if (name[0]) unlink(name);
  }
  cubix_h5_quiet_end(&quiet);
  return status;
}
