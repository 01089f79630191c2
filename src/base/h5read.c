/* h5read.c -- small questions to an HDF5 file.
 *
 * Files in the wild write a scalar attribute as a scalar or as an array of one, a string with fixed
 * or variable length, a count as an integer or as a double: all of these are accepted, and HDF5
 * converts.  Messages name file, object and attribute. */
#define _POSIX_C_SOURCE 200809L
#include "base/h5read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/h5search.h"
#include "base/h5source.h"
#include "base/infile.h"
#include "base/spelling.h"

void cubix_h5_quiet_begin(struct cubix_h5_quiet *quiet)
{
  H5Eget_auto2(H5E_DEFAULT, &quiet->function, &quiet->data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void cubix_h5_quiet_end(const struct cubix_h5_quiet *quiet)
{
  H5Eset_auto2(H5E_DEFAULT, quiet->function, quiet->data);
}

struct reason { char *text; size_t size; hid_t minor; };

/* Walking upward, HDF5 shows the innermost frame first. */
static herr_t innermost(unsigned n, const H5E_error2_t *frame, void *host)
{
  struct reason *reason = host;
  if (n > 0) return 0;
  snprintf(reason->text, reason->size, "%s", frame->desc ? frame->desc : "");
  reason->minor = frame->min_num;
  return 0;
}

/* @return its minor number */
static hid_t find_reason(char *text, size_t size)
{
  struct reason reason = { text, size, -1 };
  text[0] = '\0';
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, &reason);
  return reason.minor;
}

const char *cubix_h5_reason(char *text, size_t size)
{
  find_reason(text, size);
  return text;
}

hid_t cubix_h5_access(void)
{
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(access, 0, 1);
#endif
  cubix_h5source_use(access);
  return access;
}

int cubix_h5_open(hid_t *file, const char *path)
{
  int status = CUBIX_OK;
  struct stat s;
  char why[512];
  hid_t access = cubix_h5_access(), minor;

  *file = -1;
  CUBIX_TRY(cubix_infile_check(path, CUBIX_EINPUT));
  CUBIX_CHECK(stat(path, &s) == 0, CUBIX_EINPUT, "cannot open %s: %s", path, strerror(errno));
  *file = H5Fopen(path, H5F_ACC_RDONLY, access);
  if (*file >= 0) goto done;
  minor = find_reason(why, sizeof why);
  CUBIX_CHECK(minor != H5E_NOTHDF5, CUBIX_EINPUT, "%s (%lld bytes) is not an HDF5 file", path, (long long)s.st_size);
  CUBIX_CHECK(cubix_h5_is(path), CUBIX_EINPUT, "cannot open %s (%lld bytes): HDF5 says: %s", path, (long long)s.st_size,
              why);
  CUBIX_CHECK(
      0, CUBIX_EINPUT,
      "%s (%lld bytes) begins as an HDF5 file but cannot be opened: it is damaged or incomplete (HDF5 says: %s)",
      path, (long long)s.st_size, why);
done:
  H5Pclose(access);
  return status;
}

static void file_name(hid_t file, char *name, size_t size)
{
  name[0] = '\0';
  H5Fget_name(file, name, size);
}

/* The link `part` is there, but leads nowhere. */
static int say_broken(hid_t file, const char *part)
{
  int status = CUBIX_OK;
  char path[1024], why[512], value[2048] = "";
  const char *shown = part + strspn(part, "/"), *target = "", *object = "";
  H5L_info_t info = { 0 };
  unsigned flags;
  /* for its reason: asked whether it exists, HDF5 says no and nothing else */
  H5Oopen(file, part, H5P_DEFAULT);
  cubix_h5_reason(why, sizeof why);
  file_name(file, path, sizeof path);
  if (H5Lget_info(file, part, &info, H5P_DEFAULT) >= 0 && info.type != H5L_TYPE_HARD)
    H5Lget_val(file, part, value, sizeof value - 1, H5P_DEFAULT);
  CUBIX_CHECK(info.type != H5L_TYPE_SOFT, CUBIX_EINPUT, "%s: /%s is a link to %s, which does not exist", path, shown,
              value);
  CUBIX_CHECK(info.type != H5L_TYPE_EXTERNAL || H5Lunpack_elink_val(value, sizeof value, &flags, &target, &object) < 0,
              CUBIX_EINPUT,
              "%s: /%s is a link to %s of the file %s, which is not there (HDF5 says: %s); put that file back, or set "
              "HDF5_EXT_PREFIX to its folder",
              path, shown, object, target, why);
  CUBIX_CHECK(0, CUBIX_EINPUT, "%s: /%s cannot be opened; the file is damaged (HDF5 says: %s)", path, shown, why);
done:
  return status;
}

/* HDF5 could not find out whether something is there: no answer is not the answer "no". */
static int say_unknown(hid_t file, const char *object, const char *what)
{
  char path[1024], why[512];
  cubix_h5_reason(why, sizeof why);
  file_name(file, path, sizeof path);
  return cubix_error_set(CUBIX_EREAD, __func__, __FILE__, __LINE__,
                         "%s: %s%s cannot be read; the file is damaged or incomplete (HDF5 says: %s)", path, what,
                         object + strspn(object, "/"), why);
}

static int look_along(int *there, hid_t at, const char *path, int *left);

/* What a link leads to is looked at before HDF5 comes to open it: there is no FIFO on the way,
 * which it would wait for. */
static int look_behind(hid_t at, const char *part, int *left)
{
  int status = CUBIX_OK, there;
  const int n = cubix_name_folder(part);
  const char *target = "", *object = "";
  char *group = NULL, *value = NULL, home[1024], where[4096];
  unsigned flags;
  hid_t parent = -1, file = -1;
  H5L_info_t info;
  if (H5Lget_info(at, part, &info, H5P_DEFAULT) < 0 || info.type == H5L_TYPE_HARD || --*left < 0) goto done;
  CUBIX_ALLOC(value, info.u.val_size + 1);
  CUBIX_ALLOC(group, n + 2);
  memcpy(group, n ? part : ".", (size_t)(n ? n : 1));
  parent = H5Oopen(at, group, H5P_DEFAULT);
  if (parent < 0 || H5Lget_val(at, part, value, info.u.val_size, H5P_DEFAULT) < 0) goto done;
  if (info.type == H5L_TYPE_SOFT) CUBIX_TRY(look_along(&there, parent, value, left));
  if (info.type != H5L_TYPE_EXTERNAL || H5Lunpack_elink_val(value, info.u.val_size, &flags, &target, &object) < 0)
    goto done;
  file_name(parent, home, sizeof home);
  status = cubix_h5_find(where, sizeof where, CUBIX_H5_LINK, home, target);
  if (!status && access(where, F_OK) == 0) status = cubix_h5_open(&file, where);
  if (!status && file >= 0) status = look_along(&there, file, object, left);
  if (status)
    cubix_error_about("%s: /%s is a link to %s of the file %s", home, part + strspn(part, "/"), object, target);
done:
  if (file >= 0) H5Fclose(file);
  if (parent >= 0) H5Oclose(parent);
  free(group);
  free(value);
  return status;
}

/* @param left  how many links may yet be followed; HDF5 itself gives up after 16 */
static int look_along(int *there, hid_t at, const char *path, int *left)
{
  int status = CUBIX_OK;
  htri_t linked;
  char part[1024], name[1024];
  const size_t n = strlen(path);
  *there = 0;
  file_name(at, name, sizeof name);
  CUBIX_CHECK(n < sizeof part, CUBIX_EINPUT,
              "%s: a path in it, /%.40s..., has %zu letters; at most %zu can be followed", name,
              path + strspn(path, "/"), n, sizeof part - 1);
  for (size_t i = 1; i <= n; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    memcpy(part, path, i);
    part[i] = '\0';
    linked = H5Lexists(at, part, H5P_DEFAULT);
    if (linked < 0) CUBIX_TRY(say_unknown(at, part, "/"));
    if (linked == 0) goto done;
    CUBIX_TRY(look_behind(at, part, left));
    if (H5Oexists_by_name(at, part, H5P_DEFAULT) <= 0) CUBIX_TRY(say_broken(at, part));
  }
  *there = 1;
done:
  return status;
}

int cubix_h5_look(int *there, hid_t file, const char *path)
{
  int left = 64;
  return look_along(there, file, path, &left);
}

int cubix_h5_exists(hid_t file, const char *path)
{
  int there, status = cubix_h5_look(&there, file, path);
  if (status) cubix_error_clear();
  return !status && there;
}

/* The first of these attributes, or -1; the name it goes by.  The object is opened first: by name
 * alone, HDF5 looks for the texts of an object behind an external link in the file that the link is
 * in. */
static int open_attribute(hid_t *attribute, hid_t file, const char *object, const struct cubix_names *names,
                          const char **name)
{
  int status = CUBIX_OK, there;
  hid_t owner = -1;
  *attribute = -1;
  CUBIX_TRY(cubix_h5_look(&there, file, object));
  if (!there) goto done;
  owner = H5Oopen(file, object, H5P_DEFAULT);
  if (owner < 0) CUBIX_TRY(say_unknown(file, object, "/"));
  for (int i = 0; i < names->n && *attribute < 0; i++) {
    htri_t has = H5Aexists(owner, names->name[i]);
    if (has > 0) *attribute = H5Aopen(owner, names->name[i], H5P_DEFAULT);
    if (has < 0 || (has > 0 && *attribute < 0)) CUBIX_TRY(say_unknown(file, object, "the attributes of /"));
    *name = names->name[i];
  }
done:
  if (owner >= 0) H5Oclose(owner);
  return status;
}

int cubix_h5_text(hid_t file, const char *object, const struct cubix_names *names, char *text, size_t size,
                  int *n_found)
{
  int status = CUBIX_OK;
  const char *name = "", *shown = object + strspn(object, "/");
  char path[1024], *buffer = NULL, *value;
  hid_t attribute = -1, type = -1, space = -1, memory = -1;
  size_t length;

  text[0] = '\0';
  *n_found = 0;
  CUBIX_TRY(open_attribute(&attribute, file, object, names, &name));
  if (attribute < 0) goto done;
  file_name(file, path, sizeof path);
  type = H5Aget_type(attribute);
  space = H5Aget_space(attribute);
  CUBIX_CHECK(H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1, CUBIX_EINPUT,
              "%s: the attribute %s of /%s must be one string", path, name, shown);
  length = H5Tis_variable_str(type) > 0 ? sizeof(char *) : H5Tget_size(type);
  CUBIX_ALLOC(buffer, length + 1);
  memory = H5Tget_native_type(type, H5T_DIR_DEFAULT);
  const int64_t failures = cubix_h5source_failures();
  CUBIX_CHECK(memory >= 0 && H5Aread(attribute, memory, buffer) >= 0 && cubix_h5source_failures() == failures,
              CUBIX_EREAD, "%s: the attribute %s of /%s cannot be read", path, name, shown);
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

int cubix_h5_forgive(int status)
{
  if (status != CUBIX_EINPUT) return status;
  cubix_error_clear();
  return CUBIX_OK;
}

int cubix_h5_numbers(hid_t file, const char *object, const struct cubix_names *names, double *x, int n, int *n_found)
{
  int status = CUBIX_OK;
  const char *name = "";
  char path[1024];
  hid_t attribute = -1, type = -1, space = -1;
  hssize_t n_value;
  double *value = NULL;

  *n_found = 0;
  CUBIX_TRY(open_attribute(&attribute, file, object, names, &name));
  if (attribute < 0) goto done;
  file_name(file, path, sizeof path);
  type = H5Aget_type(attribute);
  space = H5Aget_space(attribute);
  n_value = H5Sget_simple_extent_npoints(space);
  CUBIX_CHECK((H5Tget_class(type) == H5T_FLOAT || H5Tget_class(type) == H5T_INTEGER) && n_value > 0 &&
                  n_value < 1 << 20,
              CUBIX_EINPUT, "%s: the attribute %s of /%s must be a number", path, name, object);
  CUBIX_ALLOC(value, n_value);
  CUBIX_CHECK(H5Aread(attribute, H5T_NATIVE_DOUBLE, value) >= 0, CUBIX_EREAD,
              "%s: the attribute %s of /%s cannot be read", path, name, object);
  for (int i = 0; i < n && i < n_value; i++) x[i] = value[i];
  *n_found = (int)n_value;
done:
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  if (attribute >= 0) H5Aclose(attribute);
  free(value);
  return status;
}

int cubix_h5_number(hid_t file, const char *object, const struct cubix_names *names, double *x, int *n_found)
{
  enum { MOST = 16 };
  int status = CUBIX_OK;
  double value[MOST];
  char path[1024], text[512];
  CUBIX_TRY(cubix_h5_numbers(file, object, names, value, MOST, n_found));
  file_name(file, path, sizeof path);
  for (int i = 1; i < *n_found && i < MOST; i++)
    CUBIX_CHECK(value[i] == value[0], CUBIX_EINPUT,
                "%s: the attribute %s of /%s has %d numbers, %g and %g among them; it must be one", path,
                cubix_names_text(names, text, sizeof text), object + strspn(object, "/"), *n_found, value[0], value[i]);
  if (*n_found) *x = value[0];
done:
  if (status) *n_found = 0;
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
  for (int i = 0; i < rank && i < 8; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "[%llu]", (unsigned long long)shape[i]);
  if (n_c > 1) snprintf(wanted, sizeof wanted, "[N][%d]", n_c);
  CUBIX_CHECK(n_c == 1 ? rank == 1 : rank == 2 && shape[1] == (hsize_t)n_c, CUBIX_EINPUT,
              "%s: /%s has the shape %s, it must be %s", file, name, rank > 0 ? text : "of a scalar", wanted);
  *n_row = shape[0];
done:
  H5Sclose(space);
  H5Tclose(type);
  return status;
}
