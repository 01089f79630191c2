/* observed_file.c -- a cube on disk, in FITS or HDF5, asked in one language: planes by name, their
 * keywords, images of some channels.
 *
 * FITS planes are image extensions (compressed ones too), found by EXTNAME; keywords are header
 * cards.  In HDF5 they are datasets of the root and attributes of these, under the same names
 * (src/output/output_hdf5.c).  Numbers come as float64 whatever they are stored as.  Each process
 * opens the file by itself. */
#define _POSIX_C_SOURCE 200809L
#include <fitsio.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5data.h"
#include "base/h5read.h"
#include "base/h5search.h"
#include "base/infile.h"
#include "fit/observed_parts.h"

struct cubix_observed_file {
  char path[1024];
  fitsfile *fits;                 /* NULL: HDF5 */
  hid_t h5;
  struct cubix_h5_quiet quiet;    /* HDF5 is silent while the file is open */
  int broken;                     /* 1: a keyword could not be read: whether it is there nobody knows */
};

static int fits_failed(const struct cubix_observed_file *file, const char *plane, int code, const char *func, int line)
{
  char reason[FLEN_STATUS];
  fits_get_errstatus(code, reason);
  fits_clear_errmsg();
  return cubix_error_set(CUBIX_EINPUT, func, __FILE__, line,
                         "ObservedFile %s%s%s cannot be read: %s; is it a whole FITS or HDF5 file?", file->path,
                         plane ? ", extension " : "", plane ? plane : "", reason);
}

#define TRY_FITS(plane, call) \
  do { \
    int fits_status = 0; \
    (call); \
    if (fits_status) { \
      status = fits_failed(file, plane, fits_status, __func__, __LINE__); \
      goto done; \
    } \
  } while (0)

int cubix_observed_file_open(struct cubix_observed_file **out, const char *path)
{
  int status = CUBIX_OK;
  struct cubix_observed_file *file = NULL;
  CUBIX_ALLOC(file, 1);
  file->h5 = -1;
  cubix_h5_quiet_begin(&file->quiet);
  CUBIX_CHECK(strlen(path) < sizeof file->path, CUBIX_EINPUT, "ObservedFile: a path of %zu characters is too long",
              strlen(path));
  strcpy(file->path, path);
  status = cubix_infile_check(path, CUBIX_EINPUT);
  if (!status && cubix_h5_is(path)) status = cubix_h5_open(&file->h5, path);
  if (status) cubix_error_about("ObservedFile");
  CUBIX_TRY(status);
  if (file->h5 < 0) TRY_FITS(NULL, fits_open_diskfile(&file->fits, path, READONLY, &fits_status));
  *out = file;
  file = NULL;
done:
  cubix_observed_file_close(file);
  return status;
}

void cubix_observed_file_close(struct cubix_observed_file *file)
{
  int fits_status = 0;
  if (!file) return;
  if (file->fits) fits_close_file(file->fits, &fits_status);
  if (file->h5 >= 0) H5Fclose(file->h5);
  cubix_h5_quiet_end(&file->quiet);
  free(file);
}

/* Stand at a plane.  @return 0: there is none */
static int fits_go(struct cubix_observed_file *file, const char *plane)
{
  char name[32];
  int fits_status = 0;
  snprintf(name, sizeof name, "%s", plane);
  if (!strcmp(plane, "PRIMARY")) fits_movabs_hdu(file->fits, 1, NULL, &fits_status);
  else
    fits_movnam_hdu(file->fits, ANY_HDU, name, 0, &fits_status);
  if (fits_status) fits_clear_errmsg();
  return !fits_status;
}

static int fits_shape(struct cubix_observed_file *file, const char *plane, int *n_axis, LONGLONG side[3])
{
  int status = CUBIX_OK, type = 0;
  if (!fits_go(file, plane)) goto done;
  TRY_FITS(plane, fits_get_hdu_type(file->fits, &type, &fits_status));
  CUBIX_CHECK(type == IMAGE_HDU, CUBIX_EINPUT, "ObservedFile %s: the extension %s is a table, it must be an image",
              file->path, plane);
  TRY_FITS(plane, fits_get_img_dim(file->fits, n_axis, &fits_status));
  TRY_FITS(plane, fits_get_img_sizell(file->fits, 3, side, &fits_status));
done:
  return status;
}

static int h5_shape(struct cubix_observed_file *file, const char *plane, int *n_axis, long long side[3])
{
  int status = CUBIX_OK;
  hsize_t shape[H5S_MAX_RANK];
  hid_t dataset = -1, type = -1, space = -1;
  status = cubix_h5_dataset(&dataset, NULL, file->h5, plane);
  if (status) cubix_error_about("ObservedFile");
  CUBIX_TRY(status);
  if (dataset < 0) goto done;
  type = H5Dget_type(dataset);
  space = H5Dget_space(dataset);
  CUBIX_CHECK(H5Tget_class(type) == H5T_FLOAT || H5Tget_class(type) == H5T_INTEGER, CUBIX_EINPUT,
              "ObservedFile %s: /%s must hold numbers", file->path, plane);
  *n_axis = H5Sget_simple_extent_dims(space, shape, NULL);
  for (int i = 0; i < *n_axis && i < 3; i++) side[i] = (long long)shape[*n_axis - 1 - i];
done:
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  if (dataset >= 0) H5Dclose(dataset);
  return status;
}

int cubix_observed_file_shape(struct cubix_observed_file *file, const char *plane, int *n_axis, long long side[3])
{
  *n_axis = 0;
  side[0] = side[1] = side[2] = 0;
  return file->fits ? fits_shape(file, plane, n_axis, side) : h5_shape(file, plane, n_axis, side);
}

static void remember(struct cubix_observed_file *file, int status)
{
  if (!cubix_h5_forgive(status)) return;
  file->broken = 1;
  cubix_error_clear();
}

int cubix_observed_file_check(const struct cubix_observed_file *file)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(!file->broken, CUBIX_EREAD,
              "ObservedFile %s: attributes of its datasets cannot be read; the file is damaged or incomplete",
              file->path);
done:
  return status;
}

int cubix_observed_file_number(struct cubix_observed_file *file, const char *plane, const char *key, double *x,
                               double dflt)
{
  int n_found = 0, fits_status = 0;
  *x = dflt;
  if (file->fits) {
    n_found = fits_go(file, plane) && !fits_read_key(file->fits, TDOUBLE, key, x, NULL, &fits_status);
    if (fits_status) fits_clear_errmsg();
  } else {
    struct cubix_names names = { .n = 1 };
    snprintf(names.name[0], sizeof names.name[0], "%s", key);
    remember(file, cubix_h5_number(file->h5, plane, &names, x, &n_found));
  }
  if (!n_found) *x = dflt;
  return n_found > 0;
}

int cubix_observed_file_text(struct cubix_observed_file *file, const char *plane, const char *key, char *text,
                             size_t size)
{
  int n_found = 0, fits_status = 0;
  char value[FLEN_VALUE] = "";
  text[0] = '\0';
  if (file->fits) {
    n_found = fits_go(file, plane) && !fits_read_key(file->fits, TSTRING, key, value, NULL, &fits_status);
    if (fits_status) fits_clear_errmsg();
    if (n_found) snprintf(text, size, "%s", value);
  } else {
    struct cubix_names names = { .n = 1 };
    snprintf(names.name[0], sizeof names.name[0], "%s", key);
    remember(file, cubix_h5_text(file->h5, plane, &names, text, size, &n_found));
  }
  return n_found > 0;
}

int cubix_observed_file_read(struct cubix_observed_file *file, const char *plane, const long long side[3], int k0,
                             int n_k, double *out)
{
  int status = CUBIX_OK, any_blank;
  const LONGLONG n_xy = side[0] * side[1];
  double blank = NAN;
  hid_t dataset = -1, space = -1, memory = -1;
  const hsize_t start[3] = { (hsize_t)k0, 0, 0 }, count[3] = { (hsize_t)n_k, (hsize_t)side[1], (hsize_t)side[0] };
  char why[256];
  if (file->fits) {
    CUBIX_CHECK(fits_go(file, plane), CUBIX_EINPUT, "ObservedFile %s has lost its extension %s", file->path, plane);
    TRY_FITS(plane,
             fits_read_img(file->fits, TDOUBLE, k0 * n_xy + 1, n_k * n_xy, &blank, out, &any_blank, &fits_status));
  } else {
    dataset = H5Dopen2(file->h5, plane, H5P_DEFAULT);
    space = H5Dget_space(dataset);
    memory = H5Screate_simple(3, count, NULL);
    CUBIX_CHECK(dataset >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                    H5Dread(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, out) >= 0,
                CUBIX_EINPUT, "ObservedFile %s: channels %d to %d of /%s cannot be read: HDF5 says: %s", file->path, k0,
                k0 + n_k - 1, plane, cubix_h5_reason(why, sizeof why));
  }
done:
  if (memory >= 0) H5Sclose(memory);
  if (space >= 0) H5Sclose(space);
  if (dataset >= 0) H5Dclose(dataset);
  return status;
}

static int fits_column(struct cubix_observed_file *file, const char *table, const char *column, int n, double *out)
{
  int status = CUBIX_OK, number = 0, type = 0, any_blank;
  long repeat = 0, width = 0;
  double blank = NAN;
  char name[FLEN_VALUE];
  CUBIX_CHECK(fits_go(file, table), CUBIX_EINPUT, "ObservedFile %s has no table %s", file->path, table);
  snprintf(name, sizeof name, "%s", column);
  TRY_FITS(table, fits_get_colnum(file->fits, CASEINSEN, name, &number, &fits_status));
  TRY_FITS(table, fits_get_coltype(file->fits, number, &type, &repeat, &width, &fits_status));
  CUBIX_CHECK(repeat == n, CUBIX_EINPUT, "ObservedFile %s: %s of the table %s has %ld numbers in a row, not %d",
              file->path, column, table, repeat, n);
  TRY_FITS(table, fits_read_col(file->fits, TDOUBLE, number, 1, 1, n, &blank, out, &any_blank, &fits_status));
done:
  return status;
}

static int h5_column(struct cubix_observed_file *file, const char *table, const char *column, int n, double *out)
{
  int status = CUBIX_OK;
  char path[256], why[256];
  hid_t dataset = -1, space = -1;
  snprintf(path, sizeof path, "%s/%s", table, column);
  if (H5Lexists(file->h5, table, H5P_DEFAULT) > 0) dataset = H5Dopen2(file->h5, path, H5P_DEFAULT);
  CUBIX_CHECK(dataset >= 0, CUBIX_EINPUT, "ObservedFile %s has no dataset /%s", file->path, path);
  space = H5Dget_space(dataset);
  CUBIX_CHECK(H5Sget_simple_extent_npoints(space) == n, CUBIX_EINPUT, "ObservedFile %s: /%s has %lld numbers, not %d",
              file->path, path, (long long)H5Sget_simple_extent_npoints(space), n);
  CUBIX_CHECK(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0, CUBIX_EINPUT,
              "ObservedFile %s: /%s cannot be read: HDF5 says: %s", file->path, path, cubix_h5_reason(why, sizeof why));
done:
  if (space >= 0) H5Sclose(space);
  if (dataset >= 0) H5Dclose(dataset);
  return status;
}

int cubix_observed_file_column(struct cubix_observed_file *file, const char *table, const char *column, int n,
                               double *out)
{
  return file->fits ? fits_column(file, table, column, n, out) : h5_column(file, table, column, n, out);
}
