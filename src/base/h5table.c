/* h5table.c -- HDF5 converts records member by member, by their names: one is read at a time. */
#include "base/h5table.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/h5data.h"
#include "base/h5read.h"

int cubix_h5_value(double *x, int *there, hid_t file, const char *path)
{
  int status = CUBIX_OK;
  hid_t set = -1, space = -1;
  double value;
  *there = 0;
  if (!cubix_h5_exists(file, path)) goto done;
  CUBIX_TRY(cubix_h5_dataset(&set, NULL, file, path));
  space = H5Dget_space(set);
  CUBIX_CHECK(H5Sget_simple_extent_npoints(space) == 1 &&
                  H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) >= 0,
              CUBIX_EINPUT, "/%s must be a single number", path);
  *x = value;
  *there = 1;
done:
  if (space >= 0) H5Sclose(space);
  if (set >= 0) H5Dclose(set);
  return status;
}

int cubix_h5_rows_of_any(hsize_t *n, hid_t file, const char *name, const char *path)
{
  int status = CUBIX_OK;
  hid_t set = -1, space = -1;
  CUBIX_TRY(cubix_h5_dataset(&set, NULL, file, path));
  CUBIX_CHECK(set >= 0, CUBIX_EINPUT, "%s: /%s is missing", name, path);
  space = H5Dget_space(set);
  CUBIX_CHECK(H5Sget_simple_extent_ndims(space) == 1 && H5Sget_simple_extent_dims(space, n, NULL) == 1, CUBIX_EINPUT,
              "%s: /%s must have one dimension", name, path);
done:
  if (space >= 0) H5Sclose(space);
  if (set >= 0) H5Dclose(set);
  return status;
}

/* @return 1 where the row was read */
static int read_row(hid_t set, hid_t type, hsize_t row, void *to)
{
  const hsize_t one = 1;
  const hid_t space = H5Dget_space(set), memory = H5Screate_simple(1, &one, NULL);
  const int read = H5Sselect_hyperslab(space, H5S_SELECT_SET, &row, NULL, &one, NULL) >= 0 &&
                   H5Dread(set, type, memory, space, H5P_DEFAULT, to) >= 0;
  H5Sclose(memory);
  H5Sclose(space);
  return read;
}

int cubix_h5_record(double *x, int n_c, int *there, hid_t file, const char *name, const char *path, const char *member,
                    hsize_t row)
{
  int status = CUBIX_OK;
  const hsize_t n = (hsize_t)n_c;
  hid_t set = -1, stored = -1, numbers = -1, type = -1;
  *there = 0;
  CUBIX_TRY(cubix_h5_dataset(&set, NULL, file, path));
  CUBIX_CHECK(set >= 0, CUBIX_EINPUT, "%s: /%s is missing", name, path);
  stored = H5Dget_type(set);
  CUBIX_CHECK(H5Tget_class(stored) == H5T_COMPOUND, CUBIX_EINPUT, "%s: /%s must hold records (a compound type)", name,
              path);
  if (H5Tget_member_index(stored, member) < 0) goto done;
  numbers = n_c > 1 ? H5Tarray_create2(H5T_NATIVE_DOUBLE, 1, &n) : H5Tcopy(H5T_NATIVE_DOUBLE);
  type = H5Tcreate(H5T_COMPOUND, (size_t)n_c * sizeof *x);
  CUBIX_CHECK(H5Tinsert(type, member, 0, numbers) >= 0 && read_row(set, type, row, x), CUBIX_EINPUT,
              "%s: %s of /%s cannot be read as %d number(s) in row %llu", name, member, path, n_c,
              (unsigned long long)row);
  *there = 1;
done:
  if (type >= 0) H5Tclose(type);
  if (numbers >= 0) H5Tclose(numbers);
  if (stored >= 0) H5Tclose(stored);
  if (set >= 0) H5Dclose(set);
  return status;
}

int cubix_h5_records(double *x, hsize_t n, int *there, hid_t file, const char *name, const char *path,
                     const char *member)
{
  int status = CUBIX_OK;
  const hsize_t first = 0;
  hid_t set = -1, stored = -1, type = -1, space = -1, memory = -1;
  *there = 0;
  CUBIX_TRY(cubix_h5_dataset(&set, NULL, file, path));
  CUBIX_CHECK(set >= 0, CUBIX_EINPUT, "%s: /%s is missing", name, path);
  stored = H5Dget_type(set);
  CUBIX_CHECK(H5Tget_class(stored) == H5T_COMPOUND, CUBIX_EINPUT, "%s: /%s must hold records (a compound type)", name,
              path);
  *there = H5Tget_member_index(stored, member) >= 0;
  if (!*there || n == 0) goto done;
  type = H5Tcreate(H5T_COMPOUND, sizeof *x);
  space = H5Dget_space(set);
  memory = H5Screate_simple(1, &n, NULL);
  CUBIX_CHECK(H5Tinsert(type, member, 0, H5T_NATIVE_DOUBLE) >= 0 &&
                  H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, NULL, &n, NULL) >= 0 &&
                  H5Dread(set, type, memory, space, H5P_DEFAULT, x) >= 0,
              CUBIX_EINPUT, "%s: %s of /%s cannot be read as a number of each row", name, member, path);
done:
  if (memory >= 0) H5Sclose(memory);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  if (stored >= 0) H5Tclose(stored);
  if (set >= 0) H5Dclose(set);
  return status;
}

int cubix_h5_list(int64_t **list, size_t *n, hid_t file, const char *name, const char *path, hsize_t row)
{
  int status = CUBIX_OK;
  hid_t set = -1, stored = -1, base = -1, type = -1;
  hvl_t read = { 0, NULL };
  CUBIX_TRY(cubix_h5_dataset(&set, NULL, file, path));
  CUBIX_CHECK(set >= 0, CUBIX_EINPUT, "%s: /%s is missing", name, path);
  stored = H5Dget_type(set);
  if (H5Tget_class(stored) == H5T_VLEN) base = H5Tget_super(stored);
  CUBIX_CHECK(base >= 0 && H5Tget_class(base) == H5T_INTEGER, CUBIX_EINPUT,
              "%s: /%s must hold lists of integers (a type of variable length)", name, path);
  /* HDF5 would take what is too large for a signed number for the largest */
  type = H5Tvlen_create(H5Tget_sign(base) == H5T_SGN_NONE ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64);
  CUBIX_CHECK(read_row(set, type, row, &read), CUBIX_EINPUT, "%s: /%s cannot be read in row %llu", name, path,
              (unsigned long long)row);
  *list = read.p;
  *n = read.len;
done:
  if (type >= 0) H5Tclose(type);
  if (base >= 0) H5Tclose(base);
  if (stored >= 0) H5Tclose(stored);
  if (set >= 0) H5Dclose(set);
  return status;
}
