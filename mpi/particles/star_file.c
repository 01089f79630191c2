/* star_file.c -- columns of particles that are spread over ranks, written to and read from one HDF5 file.
 *
 * Rank 0 lays the file out alone: header, tables, and datasets with their space and attributes;
 * HDF5 tells where each lies, and when it has closed the file all ranks write their own,
 * contiguous, rows there (shared_file.c).  So HDF5 never holds what a full disk refuses, which it
 * would try to write again when the process exits, and crash (output/hdf5_sink.c).  To read, every
 * rank opens the file by itself and takes its rows. */

#include "mpi/particles/star_file.h"

#include <hdf5.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/h5data.h"
#include "base/h5read.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/shared_file.h"
#include "output/hdf5_sink.h"

enum { BATCH = 1 << 21 };         /* rows */

static int failed(const char *path, const char *what, int line)
{
  char reason[512];
  return cubix_error_set(CUBIX_EOUTPUT, __func__, __FILE__, line, "cannot write %s (%s): HDF5 says: %s", path, what,
                         cubix_h5_reason(reason, sizeof reason));
}

#define TRY_H5(call, what) \
  do { \
    if ((call) < 0) { \
      status = failed(shown, what, __LINE__); \
      goto done; \
    } \
  } while (0)

/* ---- layout ---------------------------------------------------------------------------------- */
/* n = 0: a scalar. */
static int put(hid_t object, const char *shown, const char *name, hid_t type, size_t n, const void *value)
{
  int status = CUBIX_OK;
  hsize_t size = n;
  hid_t space = n ? H5Screate_simple(1, &size, NULL) : H5Screate(H5S_SCALAR), attribute = -1;
  TRY_H5(attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), name);
  TRY_H5(H5Awrite(attribute, type, value), name);
done:
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
  return status;
}

static int put_text(hid_t object, const char *shown, const char *name, const char *text)
{
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, strlen(text) + 1);
  int status = put(object, shown, name, type, 0, text);
  H5Tclose(type);
  return status;
}

static int lay_header(hid_t file, const char *shown, const struct cubix_star_file *f)
{
  int status = CUBIX_OK;
  hid_t group = -1, set = -1, space = -1;
  TRY_H5(group = H5Gcreate2(file, "Header", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "Header");
  for (int i = 0; i < f->n_fact; i++) {
    const struct cubix_star_fact *fact = &f->fact[i];
    if (fact->text) CUBIX_TRY(put_text(group, shown, fact->name, fact->text));
    else CUBIX_TRY(put(group, shown, fact->name, H5T_NATIVE_DOUBLE, fact->n > 1 ? (size_t)fact->n : 0, fact->number));
  }
  for (int i = 0; i < f->n_table; i++) {
    const struct cubix_star_table *table = &f->table[i];
    hsize_t shape[3] = { table->shape[0], table->shape[1], table->shape[2] };
    TRY_H5(space = H5Screate_simple(shape[1] == 0 ? 1 : shape[2] == 0 ? 2 : 3, shape, NULL), table->name);
    TRY_H5(set = H5Dcreate2(file, table->name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
           table->name);
    TRY_H5(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, table->value), table->name);
    CUBIX_TRY(put_text(set, shown, "unit", table->unit));
    CUBIX_TRY(put_text(set, shown, "description", table->description));
    H5Dclose(set);
    H5Sclose(space);
    set = space = -1;
  }
done:
  if (set >= 0) H5Dclose(set);
  if (space >= 0) H5Sclose(space);
  if (group >= 0) H5Gclose(group);
  return status;
}

/* @param[out] at  where in the file its rows begin */
static int lay_column(hid_t group, const char *shown, const struct cubix_star_column *column, hsize_t rows, int64_t *at)
{
  int status = CUBIX_OK;
  hsize_t shape[2] = { rows, (hsize_t)column->n };
  hid_t space = H5Screate_simple(column->n > 1 ? 2 : 1, shape, NULL), create = H5Pcreate(H5P_DATASET_CREATE), set = -1;
  H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(create, H5D_FILL_TIME_NEVER);
  TRY_H5(set = H5Dcreate2(group, column->name, column->integer ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, space,
                          H5P_DEFAULT, create, H5P_DEFAULT),
         column->name);
  CUBIX_TRY(put_text(set, shown, "unit", column->unit));
  CUBIX_TRY(put_text(set, shown, "description", column->description));
  *at = (int64_t)H5Dget_offset(set);
  CUBIX_CHECK(*at >= 0 || rows == 0, CUBIX_EOUTPUT, "cannot write %s: HDF5 does not say where %s lies", shown,
              column->name);
done:
  if (set >= 0) H5Dclose(set);
  H5Pclose(create);
  H5Sclose(space);
  return status;
}

static const char *name_of(const struct cubix_star_file *f) { return f->group ? f->group : "Stars"; }

/* @param rows  [n_group]  @param[out] at  where the rows of all columns of all groups begin */
static int lay_out(const struct cubix_star_writer *w, const int64_t *rows, int64_t *at)
{
  int status = CUBIX_OK;
  const char *shown = w->out.path;
  struct cubix_h5sink sink = { 0 };
  hid_t file = -1, group = -1;
  TRY_H5(cubix_h5sink_open(&sink, w->out.file), "the file");
  TRY_H5(file = H5Fcreate(shown, H5F_ACC_TRUNC, H5P_DEFAULT, sink.access_list), "the file");
  CUBIX_TRY(lay_header(file, shown, &w->group[0]));
  for (int g = 0; g < w->n_group; g++) {
    const struct cubix_star_file *f = &w->group[g];
    TRY_H5(group = H5Gcreate2(file, name_of(f), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), name_of(f));
    for (int i = 0; i < f->n_column; i++) CUBIX_TRY(lay_column(group, shown, &f->column[i], (hsize_t)rows[g], at++));
    H5Gclose(group);
    group = -1;
  }
done:
  if (group >= 0) H5Gclose(group);
  if (file >= 0 && H5Fclose(file) < 0 && !status) status = failed(shown, "closing", __LINE__);
  if (sink.error && (!status || status == CUBIX_EOUTPUT))
    status = cubix_error_set(CUBIX_EOUTPUT, __func__, __FILE__, __LINE__,
                             "cannot write %s: %s; is there room on the disk?", shown, strerror(sink.error));
  cubix_h5sink_close(&sink);
  return status;
}

/* ---- rows ------------------------------------------------------------------------------------ */
/* Rows of this rank of one column. */
static int read_rows(hid_t set, const struct cubix_star_column *column, hsize_t first, hsize_t n_row)
{
  int bad = 0, rank = column->n > 1 ? 2 : 1;
  hid_t space = H5Dget_space(set);
  for (hsize_t row = 0; row < n_row && !bad; row += BATCH) {
    hsize_t start[2] = { first + row, 0 }, count[2] = { n_row - row < BATCH ? n_row - row : BATCH, (hsize_t)column->n };
    hid_t memory = H5Screate_simple(rank, count, NULL);
    double *value = column->value + row * (hsize_t)column->n;
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    bad = H5Dread(set, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, value) < 0;
    H5Sclose(memory);
  }
  H5Sclose(space);
  return bad;
}

/* Stars of the ranks before this one. */
static int64_t stars_before(int64_t n)
{
  int64_t before = 0;
  MPI_Exscan(&n, &before, 1, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
  return cubix_mpi_rank() == 0 ? 0 : before;
}

int cubix_mpi_star_writer_begin(struct cubix_star_writer *w, const char *path, const struct cubix_star_file *group,
                                int n_group)
{
  int status = CUBIX_OK, n_column = 0, root = cubix_mpi_rank() == 0;
  int64_t *rows = NULL, *at;
  struct cubix_h5_quiet quiet;
  cubix_h5_quiet_begin(&quiet);
  *w = (struct cubix_star_writer){ .group = group, .n_group = n_group };
  for (int g = 0; g < n_group; g++) n_column += group[g].n_column;
  w->at = cubix_alloc((size_t)n_column + 1, sizeof *w->at);
  rows = cubix_alloc((size_t)n_group, sizeof *rows);
  CUBIX_MPI_CHECK(w->at && rows, CUBIX_ENOMEM, "cannot allocate the places of %d columns", n_column);
  for (int g = 0; g < n_group; g++) rows[g] = cubix_mpi_sum_int((int64_t)group[g].n_star);
  CUBIX_TRY(cubix_mpi_file_begin(&w->out, path));
  w->open = 1;
  CUBIX_TRY(cubix_mpi_agree(root ? lay_out(w, rows, w->at) : CUBIX_OK));
  MPI_Bcast(w->at, n_column, MPI_INT64_T, 0, cubix_mpi_group()->comm);
  at = w->at;
  for (int g = 0; g < n_group; g++) {
    const int64_t first = stars_before((int64_t)group[g].n_star);
    for (int i = 0; i < group[g].n_column; i++) *at++ += (int64_t)sizeof(double) * group[g].column[i].n * first;
  }
done:
  free(rows);
  cubix_h5_quiet_end(&quiet);
  return status;
}

int cubix_mpi_star_writer_put(struct cubix_star_writer *w, int g, size_t n)
{
  int status = CUBIX_OK;
  const struct cubix_star_file *f = &w->group[g];
  int64_t *at = w->at;
  for (int i = 0; i < g; i++) at += w->group[i].n_column;
  for (int i = 0; i < f->n_column; i++) {
    const struct cubix_star_column *column = &f->column[i];
    const size_t bytes = sizeof(double) * (size_t)column->n * n;
    CUBIX_TRY(cubix_atomic_file_write(&w->out, column->integer ? (const void *)column->integer : column->value, bytes,
                                      at[i]));
    cubix_atomic_file_soon(&w->out, bytes, at[i]);
    at[i] += (int64_t)bytes;
  }
done:
  return status;
}

int cubix_mpi_star_writer_end(struct cubix_star_writer *w, int status)
{
  if (w->open) {
    status = cubix_mpi_file_seal(&w->out, status);
    if (!status) status = cubix_mpi_file_publish(&w->out);
    cubix_atomic_file_discard(&w->out);
  }
  free(w->at);
  *w = (struct cubix_star_writer){ 0 };
  return status;
}

int cubix_mpi_star_file_write(const struct cubix_star_file *f, const char *path)
{
  struct cubix_star_writer w;
  int status = cubix_mpi_star_writer_begin(&w, path, f, 1);
  if (!status) status = cubix_mpi_star_writer_put(&w, 0, f->n_star);
  return cubix_mpi_star_writer_end(&w, status);
}

/* ---- reading --------------------------------------------------------------------------------- */
static int read_column(const struct cubix_star_column *column, hid_t file, const char *path, int64_t all, int64_t first,
                       size_t n_star)
{
  int status = CUBIX_OK;
  hid_t set = -1;
  hsize_t rows = 0;
  char name[160], shown[200];
  snprintf(name, sizeof name, "/Stars/%s", column->name);
  snprintf(shown, sizeof shown, "%s", name);
  CUBIX_TRY(cubix_h5_dataset(&set, NULL, file, name + 1));
  CUBIX_CHECK(set >= 0, CUBIX_EINPUT, "%s has no dataset %s", path, name);
  CUBIX_TRY(cubix_h5_rows(set, path, shown, column->n, &rows));
  CUBIX_CHECK((int64_t)rows == all, CUBIX_EINPUT, "%s: %s has %llu rows for %lld stars", path, name,
              (unsigned long long)rows, (long long)all);
  CUBIX_CHECK(!read_rows(set, column, (hsize_t)first, n_star), CUBIX_EINPUT, "%s: %s cannot be read", path, name);
done:
  if (set >= 0) H5Dclose(set);
  return status;
}

static int read_rest(struct cubix_star_file *f, hid_t file, const char *path)
{
  int status = CUBIX_OK;
  hid_t set = -1;
  for (int i = 0; i < f->n_fact; i++) {
    struct cubix_names names = { .n = 1 };
    int found = 0;
    if (f->fact[i].text) continue;
    snprintf(names.name[0], sizeof names.name[0], "%s", f->fact[i].name);
    CUBIX_TRY(cubix_h5_numbers(file, "/Header", &names, f->fact[i].number, f->fact[i].n, &found));
    CUBIX_CHECK(found == f->fact[i].n, CUBIX_EINPUT, "%s: the attribute %s of /Header has %d numbers, not %d", path,
                f->fact[i].name, found, f->fact[i].n);
  }
  for (int i = 0; i < f->n_table; i++) {
    hsize_t rows = 0;
    CUBIX_TRY(cubix_h5_dataset(&set, NULL, file, f->table[i].name));
    CUBIX_CHECK(set >= 0, CUBIX_EINPUT, "%s has no dataset %s", path, f->table[i].name);
    CUBIX_TRY(cubix_h5_rows(set, path, f->table[i].name, 1, &rows));
    CUBIX_CHECK(rows == f->table[i].shape[0], CUBIX_EINPUT, "%s: %s has %llu numbers, not %zu", path, f->table[i].name,
                (unsigned long long)rows, f->table[i].shape[0]);
    CUBIX_CHECK(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, f->table[i].value) >= 0, CUBIX_EINPUT,
                "%s: %s cannot be read", path, f->table[i].name);
    H5Dclose(set);
    set = -1;
  }
done:
  if (set >= 0) H5Dclose(set);
  return status;
}

int cubix_mpi_star_file_read(struct cubix_star_file *f, const char *path)
{
  int status = CUBIX_OK;
  int64_t all = cubix_mpi_sum_int((int64_t)f->n_star), first = stars_before((int64_t)f->n_star);
  struct cubix_h5_quiet quiet;
  hid_t file = -1;
  cubix_h5_quiet_begin(&quiet);
  CUBIX_TRY(cubix_h5_open(&file, path));
  CUBIX_TRY(read_rest(f, file, path));
  for (int i = 0; i < f->n_column; i++) CUBIX_TRY(read_column(&f->column[i], file, path, all, first, f->n_star));
done:
  if (file >= 0) H5Fclose(file);
  cubix_h5_quiet_end(&quiet);
  return cubix_mpi_agree(status);
}
