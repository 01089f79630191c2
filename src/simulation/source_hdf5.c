/* source_hdf5.c -- HDF5 files as sources.
 *
 * Rows come in the file's own precision; other types than float and double become doubles here.
 * Compressed data, and chunks of single columns, are not "in rows": the one who reads would unpack
 * for all, or seek number by number.  What is compressed in the usual ways is unpacked by all threads
 * (base/h5packed.h). */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5data.h"
#include "base/h5packed.h"
#include "base/h5read.h"
#include "base/h5search.h"
#include "simulation/source.h"

enum { WHOLE = 64 };              /* numbers of a row that are read where only some are wanted */

struct hdf5_source { struct cubix_source source; hid_t file; };
struct hdf5_column {
  hid_t dataset;
  struct cubix_h5packed *packed;  /* NULL: HDF5 reads it */
  /* of what lies in the file as one: the file, where, and the bytes of a row; file -1: it does not */
  int file;
  off_t at;
  size_t row;
  hsize_t whole;                  /* of rows of which some numbers are wanted: to be read whole, so many; 0: not */
};

static hid_t file_of(const struct cubix_source *source) { return ((const struct hdf5_source *)source)->file; }

static int has(int *there, const struct cubix_source *source, const char *path)
{
  return cubix_h5_look(there, file_of(source), path);
}

static int numbers(const struct cubix_source *source, const char *object, const struct cubix_names *names, double *x,
                   int n, int *n_found)
{
  return cubix_h5_numbers(file_of(source), object, names, x, n, n_found);
}

static int text(const struct cubix_source *source, const char *object, const struct cubix_names *names, char *to,
                size_t size, int *n_found)
{
  return cubix_h5_text(file_of(source), object, names, to, size, n_found);
}

/* A dataset of texts of fixed length, [n] or [n][1]. */
static int labels(const struct cubix_source *source, const char *path, char *to, size_t size, int *n_found)
{
  enum { MOST = 256 };
  int status = CUBIX_OK, there;
  hid_t set = -1, stored = -1, type = -1, space = -1;
  *n_found = 0;
  CUBIX_TRY(cubix_h5_look(&there, file_of(source), path));
  if (!there || (set = H5Dopen2(file_of(source), path, H5P_DEFAULT)) < 0) goto done;
  stored = H5Dget_type(set);
  space = H5Dget_space(set);
  const hssize_t n = H5Sget_simple_extent_npoints(space);
  if (H5Tget_class(stored) != H5T_STRING || H5Tis_variable_str(stored) > 0 || n < 1 || n > MOST) goto done;
  type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, size);
  CUBIX_CHECK(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0, CUBIX_EINPUT, "%s: /%s cannot be read",
              source->path, path);
  for (hssize_t i = 0; i < n; i++) {
    char *name = to + (size_t)i * size;
    name[size - 1] = '\0';
    for (size_t k = strlen(name); k > 0 && name[k - 1] == ' '; k--) name[k - 1] = '\0';
  }
  *n_found = (int)n;
done:
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  if (stored >= 0) H5Tclose(stored);
  if (set >= 0) H5Dclose(set);
  return status;
}

/* The group is opened, for it may be a link into another file. */
/* No answer is not the answer "no". */
static int is_filled(int *is, const struct cubix_source *source, const char *group)
{
  int status = CUBIX_OK;
  H5G_info_t info = { 0 };
  const hid_t it = H5Gopen2(file_of(source), group, H5P_DEFAULT);
  CUBIX_CHECK(it >= 0 && H5Gget_info(it, &info) >= 0, CUBIX_EINPUT,
              "%s: /%s is no group that can be read; the file is damaged", source->path, group);
  *is = info.nlinks > 0;
done:
  if (it >= 0) H5Gclose(it);
  return status;
}

static void list(const struct cubix_source *source, const char *name, char *to, size_t size)
{
  H5G_info_t info;
  size_t used = 0;
  const hid_t group = H5Gopen2(file_of(source), name, H5P_DEFAULT);
  if (group < 0) return;
  if (H5Gget_info(group, &info) < 0) info.nlinks = 0;
  for (hsize_t i = 0; i < info.nlinks && used + 80 < size; i++) {
    used += (size_t)snprintf(to + used, size - used, "%s", i ? ", " : "");
    if (H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, to + used, size - used, H5P_DEFAULT) < 0) break;
    used = strlen(to);
  }
  H5Gclose(group);
}

static int shape(struct cubix_shape *shape, const struct cubix_source *source, const char *path)
{
  int status = CUBIX_OK, rank;
  hsize_t n[H5S_MAX_RANK];
  hid_t set = H5Dopen2(file_of(source), path, H5P_DEFAULT), type = -1, space = -1;
  CUBIX_CHECK(set >= 0, CUBIX_EINPUT, "%s: /%s cannot be opened as a dataset", source->path, path);
  type = H5Dget_type(set);
  space = H5Dget_space(set);
  rank = H5Sget_simple_extent_dims(space, n, NULL);
  CUBIX_CHECK(H5Tget_class(type) == H5T_FLOAT || H5Tget_class(type) == H5T_INTEGER, CUBIX_EINPUT,
              "%s: /%s must hold numbers (integer or floating point)", source->path, path);
  CUBIX_CHECK(rank == 1 || rank == 2, CUBIX_EINPUT, "%s: /%s has %d dimensions; it must be [N] or [N][n]",
              source->path, path, rank);
  CUBIX_CHECK(rank == 1 || n[1] < 1 << 20, CUBIX_EINPUT, "%s: /%s has %llu numbers a row", source->path, path,
              (unsigned long long)n[1]);
  shape->n_row = (int64_t)n[0];
  shape->n_d = rank;
  shape->n_c = rank == 2 ? (int)n[1] : 1;
  shape->bits = H5Tget_class(type) == H5T_INTEGER ? 8 * (int)H5Tget_size(type) : 0;
done:
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  if (set >= 0) H5Dclose(set);
  return status;
}

/* Do the data lie in the file as rows? */
static int lies_in_rows(hid_t creation, int n_c)
{
  hsize_t chunk[2] = { 1, 1 };
  if (H5Pget_nfilters(creation) != 0) return 0;
  return H5Pget_layout(creation) != H5D_CHUNKED || n_c == 1 ||
         (H5Pget_chunk(creation, 2, chunk) == 2 && chunk[1] == (hsize_t)n_c);
}

/* With room for a whole chunk: pieces that share a compressed one would otherwise each unpack it.
 * @return the dataset, < 0 where it cannot be opened */
static hid_t open_dataset(hid_t file, const char *path, int n_c, int *in_rows, int *single)
{
  const size_t usual = (size_t)1 << 20, most = (size_t)1 << 28;
  hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT), creation, type, native, access;
  hsize_t chunk[2] = { 0, 1 };
  if (dataset < 0) return dataset;
  creation = H5Dget_create_plist(dataset);
  type = H5Dget_type(dataset);
  native = H5Tget_native_type(type, H5T_DIR_DEFAULT);
  if (H5Pget_layout(creation) == H5D_CHUNKED) H5Pget_chunk(creation, 2, chunk);
  size_t bytes = (size_t)(chunk[0] * chunk[1]) * H5Tget_size(type);
  *in_rows = creation >= 0 && lies_in_rows(creation, n_c);
  *single = H5Tequal(native, H5T_NATIVE_FLOAT) > 0;
  if (creation < 0 || native < 0 || (bytes > usual && bytes <= most)) {
    H5Dclose(dataset);
    dataset = -1;
  }
  if (dataset < 0 && creation >= 0 && native >= 0) {
    access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, H5D_CHUNK_CACHE_NSLOTS_DEFAULT, bytes + usual, H5D_CHUNK_CACHE_W0_DEFAULT);
    dataset = H5Dopen2(file, path, access);
    H5Pclose(access);
  }
  if (native >= 0) H5Tclose(native);
  if (type >= 0) H5Tclose(type);
  if (creation >= 0) H5Pclose(creation);
  return dataset;
}

/* Find out where the data of a column are. */
static void locate(struct hdf5_column *own, int n_c)
{
  const haddr_t at = H5Dget_offset(own->dataset);
  const hid_t file = H5Iget_file_id(own->dataset), type = H5Dget_type(own->dataset);
  int *handle = NULL;
  own->file = -1;
  if (at != HADDR_UNDEF && H5Fget_vfd_handle(file, H5P_DEFAULT, (void **)&handle) >= 0 && handle) own->file = *handle;
  own->at = (off_t)at;
  own->row = H5Tget_size(type) * (size_t)n_c;
  H5Tclose(type);
  H5Fclose(file);
}

static int column_open(struct cubix_column *column, int examine)
{
  int status = CUBIX_OK;
  const struct cubix_source *source = column->source;
  const int several = column->pick.first >= 0;
  struct cubix_shape is = { .n_c = column->pick.n_c };
  struct hdf5_column *own = NULL;
  hid_t seen = -1;
  hsize_t n_row = 0;

  if (examine) {
    CUBIX_TRY(cubix_h5_dataset(&seen, &column->abroad, file_of(source), column->path));
    CUBIX_CHECK(seen >= 0, CUBIX_EINPUT, "%s: /%s is missing", source->path, column->path);
    H5Dclose(seen);
  }
  if (several) CUBIX_TRY(shape(&is, source, column->path));
  CUBIX_ALLOC(own, 1);
  own->dataset = open_dataset(file_of(source), column->path, is.n_c, &column->in_rows, &column->single);
  CUBIX_CHECK(own->dataset >= 0, CUBIX_EINPUT, "%s: /%s cannot be opened; did the file change while it was read?",
              source->path, column->path);
  if (several) {
    CUBIX_CHECK(column->pick.last < is.n_c, CUBIX_EINPUT, "%s: /%s has %d columns; number %d (from 0) is wanted",
                source->path, column->path, is.n_c, column->pick.last);
    n_row = (hsize_t)is.n_row;
    own->whole = column->in_rows && is.n_c <= WHOLE ? (hsize_t)is.n_c : 0;
    column->single = 0;
    column->in_rows = 0;
  } else {
    CUBIX_TRY(cubix_h5_rows(own->dataset, source->path, column->path, column->pick.n_c, &n_row));
  }
  CUBIX_TRY(cubix_h5packed_open(&own->packed, own->dataset, source->path, column->path,
                                several ? column->pick.first : 0,
                                several ? column->pick.last - column->pick.first + 1 : column->pick.n_c));
  locate(own, several ? is.n_c : column->pick.n_c);
  column->n_row = (int64_t)n_row;
  column->own = own;
  own = NULL;
done:
  if (own && own->dataset >= 0) H5Dclose(own->dataset);
  free(own);
  return status;
}

/* Rows and columns of a dataset in its own precision, or as doubles. */
static int read_block(const struct cubix_column *column, const hsize_t start[2], const hsize_t count[2], int rank,
                      void *to)
{
  int status = CUBIX_OK;
  const struct hdf5_column *own = column->own;
  if (own->packed)
    return cubix_h5packed_read(own->packed, start[0], start[0] + count[0],
                               column->single ? CUBIX_H5AS_FLOAT : CUBIX_H5AS_DOUBLE, to);
  const hid_t space = H5Dget_space(own->dataset), stored = H5Dget_type(own->dataset),
              memory = H5Screate_simple(rank, count, NULL);
  hid_t type = column->single ? H5Tcopy(H5T_NATIVE_FLOAT) : H5Tget_native_type(stored, H5T_DIR_DEFAULT);
  if (H5Tget_size(type) > sizeof(double)) {
    H5Tclose(type);
    type = H5Tcopy(H5T_NATIVE_DOUBLE);
  }
  int read = space >= 0 && memory >= 0 && type >= 0 &&
             H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
             H5Dread(own->dataset, type, memory, space, H5P_DEFAULT, to) >= 0;
  if (read && !column->single)
    read = H5Tconvert(type, H5T_NATIVE_DOUBLE, count[0] * (rank > 1 ? count[1] : 1), to, NULL, H5P_DEFAULT) >= 0;
  if (memory >= 0) H5Sclose(memory);
  if (type >= 0) H5Tclose(type);
  if (stored >= 0) H5Tclose(stored);
  if (space >= 0) H5Sclose(space);
  CUBIX_CHECK(read, CUBIX_EINPUT, "%s: /%s cannot be read in rows %lld to %lld; the file is damaged or incomplete",
              column->source->path, column->path, (long long)start[0], (long long)(start[0] + count[0]));
done:
  return status;
}

/* Of rows of several, the sum of those that are wanted.  HDF5 would ask the system for nearly every one. */
static int read_sums(const struct cubix_column *column, hsize_t from, hsize_t n, double *to)
{
  enum { ROWS = 4096 };
  int status = CUBIX_OK;
  const struct hdf5_column *own = column->own;
  const hsize_t first = (hsize_t)column->pick.first, n_c = (hsize_t)(column->pick.last - column->pick.first + 1),
                whole = own->packed ? 0 : own->whole, width = whole ? whole : n_c;
  double *block = NULL;
  CUBIX_ALLOC(block, ROWS * width);
  for (hsize_t at = 0; at < n; at += ROWS) {
    const hsize_t now = n - at < ROWS ? n - at : ROWS, start[2] = { from + at, whole ? 0 : first },
                  count[2] = { now, width };
    const double *row = block + (whole ? first : 0);
    CUBIX_TRY(read_block(column, start, count, 2, block));
    for (hsize_t i = 0; i < now; i++, row += width) {
      to[at + i] = 0;
      for (hsize_t c = 0; c < n_c; c++) to[at + i] += row[c];
    }
  }
done:
  free(block);
  return status;
}

static int column_read(const struct cubix_column *column, int64_t from, int64_t to, void *rows)
{
  const hsize_t start[2] = { (hsize_t)from, 0 }, count[2] = { (hsize_t)(to - from), (hsize_t)column->pick.n_c };
  if (column->pick.first >= 0) return read_sums(column, start[0], count[0], rows);
  return read_block(column, start, count, column->pick.n_c > 1 ? 2 : 1, rows);
}

static void column_want(const struct cubix_column *column, int64_t from, int64_t to)
{
  struct hdf5_column *own = column->own;
  if (own->packed) cubix_h5packed_want(own->packed, (hsize_t)from, (hsize_t)to);
}

static void column_soon(const struct cubix_column *column, int64_t from, int64_t to)
{
  const struct hdf5_column *own = column->own;
  if (own->file < 0) return;
  posix_fadvise(own->file, own->at + (off_t)from * (off_t)own->row, (off_t)(to - from) * (off_t)own->row,
                POSIX_FADV_WILLNEED);
}

static double column_bytes(const struct cubix_column *column)
{
  const struct hdf5_column *own = column->own;
  return own->packed ? cubix_h5packed_bytes(own->packed) : 0;
}

static void columns_unpack(struct cubix_column *const *column, int n)
{
  struct cubix_h5packed *packed[CUBIX_COLUMNS_MOST] = { NULL };
  int n_packed = 0;
  for (int i = 0; i < n; i++) {
    const struct hdf5_column *own = column[i] ? column[i]->own : NULL;
    if (own && own->packed) packed[n_packed++] = own->packed;
  }
  if (n_packed) cubix_h5packed_unpack(packed, n_packed);
}

static int column_integers(const struct cubix_column *column, int64_t from, int64_t to, int64_t *rows)
{
  int status = CUBIX_OK;
  const struct hdf5_column *own = column->own;
  if (own->packed)
    return cubix_h5packed_read(own->packed, (hsize_t)from, (hsize_t)to, CUBIX_H5AS_INT64, rows);
  const hid_t dataset = own->dataset, space = H5Dget_space(dataset), stored = H5Dget_type(dataset);
  /* HDF5 would take what is too large for a signed number for the largest */
  const hid_t type = H5Tget_sign(stored) == H5T_SGN_NONE ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64;
  const hsize_t start = (hsize_t)from, count = (hsize_t)(to - from);
  hsize_t size[2] = { 0, 1 };
  const int rank = H5Sget_simple_extent_dims(space, size, NULL);
  const hid_t memory = H5Screate_simple(1, &count, NULL);
  const hsize_t starts[2] = { start, 0 }, counts[2] = { count, 1 };
  const int read = rank >= 1 && rank <= 2 && memory >= 0 &&
                   H5Sselect_hyperslab(space, H5S_SELECT_SET, starts, NULL, counts, NULL) >= 0 &&
                   H5Dread(dataset, type, memory, space, H5P_DEFAULT, rows) >= 0;
  if (memory >= 0) H5Sclose(memory);
  H5Tclose(stored);
  H5Sclose(space);
  CUBIX_CHECK(read, CUBIX_EINPUT, "%s: /%s cannot be read in rows %lld to %lld; the file is damaged or incomplete",
              column->source->path, column->path, (long long)from, (long long)to);
done:
  return status;
}

static void column_close(struct cubix_column *column)
{
  struct hdf5_column *own = column->own;
  if (own) cubix_h5packed_close(own->packed);
  if (own) H5Dclose(own->dataset);
  free(own);
}

static void close_file(struct cubix_source *source)
{
  H5Fclose(file_of(source));
  free(source);
}

static int64_t bytes(const struct cubix_source *source)
{
  (void)source;
  return 0;
}

static const struct cubix_source_ops hdf5_ops = { "hdf5", has, numbers, text, labels, is_filled, list, shape,
                                                  column_open, column_read, column_integers, column_close, bytes,
                                                  close_file, column_want, columns_unpack, column_soon, column_bytes };

int cubix_source_hdf5_open(struct cubix_source **source, const char *path, const struct cubix_source_options *options)
{
  int status = CUBIX_OK;
  struct hdf5_source *s = NULL;
  (void)options;
  if (!cubix_h5_is(path)) goto done;
  CUBIX_ALLOC(s, 1);
  s->source.ops = &hdf5_ops;
  snprintf(s->source.path, sizeof s->source.path, "%s", path);
  status = cubix_h5_open(&s->file, path);
  if (status) free(s);
  else *source = &s->source;
done:
  return status;
}
