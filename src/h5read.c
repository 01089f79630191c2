/* h5read.c -- small questions to an HDF5 file.
 *
 * Files in the wild write a scalar attribute as a scalar or as an array of one, a string with fixed or variable length, a count as an
 * integer or as a double: all of these are accepted, and HDF5 converts.  Messages name file, object and attribute. */
#define _POSIX_C_SOURCE 200809L
#include "h5read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

const char *cubix_names_text(const struct cubix_names *names, char *text, size_t size)
{
  text[0] = '\0';
  for (int i = 0; i < names->n; i++) {
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", i == 0 ? "" : i + 1 < names->n ? ", " : " or ", names->name[i]);
  }
  return text;
}

void cubix_h5_quiet_begin(struct cubix_h5_quiet *quiet)
{
  H5Eget_auto2(H5E_DEFAULT, &quiet->function, &quiet->data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void cubix_h5_quiet_end(const struct cubix_h5_quiet *quiet)
{
  H5Eset_auto2(H5E_DEFAULT, quiet->function, quiet->data);
}

struct reason { char *text; size_t size; };

/* Walking upward, HDF5 shows the innermost frame first. */
static herr_t innermost(unsigned n, const H5E_error2_t *frame, void *host)
{
  const struct reason *reason = host;
  if (n == 0) snprintf(reason->text, reason->size, "%s", frame->desc ? frame->desc : "");
  return 0;
}

const char *cubix_h5_reason(char *text, size_t size)
{
  struct reason reason = { text, size };
  text[0] = '\0';
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, &reason);
  return text;
}

int cubix_h5_open(hid_t *file, const char *path)
{
  int status = CUBIX_OK;
  struct stat s;
  char why[256];
  hid_t how = H5Pcreate(H5P_FILE_ACCESS);

  *file = -1;
  CUBIX_CHECK(stat(path, &s) == 0, CUBIX_EINPUT, "cannot open %s: %s", path, strerror(errno));
  CUBIX_CHECK(!S_ISDIR(s.st_mode), CUBIX_EINPUT, "%s is a folder; name a file in it", path);
  CUBIX_CHECK(access(path, R_OK) == 0, CUBIX_EINPUT, "cannot open %s: %s", path, strerror(errno));
  CUBIX_CHECK(H5Fis_hdf5(path) > 0, CUBIX_EINPUT, "%s (%lld bytes) is not an HDF5 file", path, (long long)s.st_size);
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(how, 0, 1);   /* many parallel file systems know no locks, and reading needs none */
#endif
  *file = H5Fopen(path, H5F_ACC_RDONLY, how);
  CUBIX_CHECK(*file >= 0, CUBIX_EINPUT, "%s (%lld bytes) begins as an HDF5 file but cannot be opened: it is damaged or not all there (HDF5 says: %s)",
              path, (long long)s.st_size, cubix_h5_reason(why, sizeof why));
done:
  H5Pclose(how);
  return status;
}

int cubix_h5_exists(hid_t file, const char *path)
{
  char part[1024];
  size_t n = strlen(path);
  if (n >= sizeof part) return 0;
  for (size_t i = 1; i <= n; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    memcpy(part, path, i);
    part[i] = '\0';
    if (H5Lexists(file, part, H5P_DEFAULT) <= 0) return 0;
  }
  return H5Oexists_by_name(file, path, H5P_DEFAULT) > 0;
}

/* The first of these attributes, or -1; the name it goes by. */
static hid_t open_attribute(hid_t file, const char *object, const struct cubix_names *names, const char **name)
{
  if (!cubix_h5_exists(file, object)) return -1;
  for (int i = 0; i < names->n; i++) {
    if (H5Aexists_by_name(file, object, names->name[i], H5P_DEFAULT) <= 0) continue;
    *name = names->name[i];
    return H5Aopen_by_name(file, object, *name, H5P_DEFAULT, H5P_DEFAULT);
  }
  return -1;
}

static void file_name(hid_t file, char *name, size_t size)
{
  name[0] = '\0';
  H5Fget_name(file, name, size);
}

int cubix_h5_text(hid_t file, const char *object, const struct cubix_names *names, char *text, size_t size, int *n_found)
{
  int status = CUBIX_OK;
  const char *name = "", *shown = object + strspn(object, "/");
  char path[1024], *buffer = NULL, *value;
  hid_t attribute = open_attribute(file, object, names, &name), type = -1, space = -1, memory = -1;
  size_t length;

  text[0] = '\0';
  *n_found = 0;
  if (attribute < 0) goto done;
  file_name(file, path, sizeof path);
  type = H5Aget_type(attribute);
  space = H5Aget_space(attribute);
  CUBIX_CHECK(H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1, CUBIX_EINPUT,
              "%s: the attribute %s of /%s must be one string", path, name, shown);
  length = H5Tis_variable_str(type) > 0 ? sizeof(char *) : H5Tget_size(type);
  CUBIX_ALLOC(buffer, length + 1);
  memory = H5Tget_native_type(type, H5T_DIR_DEFAULT);
  CUBIX_CHECK(memory >= 0 && H5Aread(attribute, memory, buffer) >= 0, CUBIX_EINPUT, "%s: the attribute %s of /%s cannot be read", path, name, shown);
  value = buffer;
  if (H5Tis_variable_str(type) > 0) memcpy(&value, buffer, sizeof value);
  snprintf(text, size, "%s", value ? value : "");
  for (size_t i = strlen(text); i > 0 && text[i - 1] == ' '; i--) text[i - 1] = '\0';
  if (H5Tis_variable_str(type) > 0) H5Dvlen_reclaim(memory, space, H5P_DEFAULT, buffer);
  *n_found = 1;
done:
  if (memory >= 0) H5Tclose(memory);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  if (attribute >= 0) H5Aclose(attribute);
  free(buffer);
  return status;
}

int cubix_h5_numbers(hid_t file, const char *object, const struct cubix_names *names, double *x, int n, int *n_found)
{
  int status = CUBIX_OK;
  const char *name = "";
  char path[1024];
  hid_t attribute = open_attribute(file, object, names, &name), type = -1, space = -1;
  hssize_t n_value;
  double *value = NULL;

  *n_found = 0;
  if (attribute < 0) goto done;
  file_name(file, path, sizeof path);
  type = H5Aget_type(attribute);
  space = H5Aget_space(attribute);
  n_value = H5Sget_simple_extent_npoints(space);
  CUBIX_CHECK((H5Tget_class(type) == H5T_FLOAT || H5Tget_class(type) == H5T_INTEGER) && n_value > 0 && n_value < 1 << 20, CUBIX_EINPUT,
              "%s: the attribute %s of /%s must be a number", path, name, object);
  CUBIX_ALLOC(value, n_value);
  CUBIX_CHECK(H5Aread(attribute, H5T_NATIVE_DOUBLE, value) >= 0, CUBIX_EINPUT, "%s: the attribute %s of /%s cannot be read", path, name, object);
  for (int i = 0; i < n && i < n_value; i++) x[i] = value[i];
  *n_found = (int)n_value;
done:
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  if (attribute >= 0) H5Aclose(attribute);
  free(value);
  return status;
}

int cubix_h5_rows(hid_t dataset, const char *file, const char *name, int n_c, hsize_t *n_row)
{
  int status = CUBIX_OK, rank;
  hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  hsize_t shape[H5S_MAX_RANK];
  char text[256] = "", wanted[32] = "[N]";

  CUBIX_CHECK(H5Tget_class(type) == H5T_FLOAT || H5Tget_class(type) == H5T_INTEGER, CUBIX_EINPUT,
              "%s: /%s must hold numbers (integer or floating point)", file, name);
  rank = H5Sget_simple_extent_dims(space, shape, NULL);
  for (int i = 0; i < rank && i < 8; i++) snprintf(text + strlen(text), sizeof text - strlen(text), "[%llu]", (unsigned long long)shape[i]);
  if (n_c > 1) snprintf(wanted, sizeof wanted, "[N][%d]", n_c);
  CUBIX_CHECK(n_c == 1 ? rank == 1 : rank == 2 && shape[1] == (hsize_t)n_c, CUBIX_EINPUT, "%s: /%s has the shape %s, it must be %s", file, name,
              rank > 0 ? text : "of a scalar", wanted);
  *n_row = shape[0];
done:
  H5Sclose(space);
  H5Tclose(type);
  return status;
}
