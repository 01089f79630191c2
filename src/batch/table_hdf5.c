/* table_hdf5.c -- columns of an HDF5 file, written as CSV in memory.
 *
 * A number is written with as few digits as give it back; what is not a number is an empty cell.  The text begins with
 * `# %HDF5`, by which table.c knows that its lines are no lines of a file. */
#define _POSIX_C_SOURCE 200809L
#include "batch/table_hdf5.h"

#include <hdf5.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5data.h"
#include "base/h5read.h"
#include "base/names.h"

enum { MOST_COLUMN = 1024 };
static const char meta[] = ".__table_column_meta__";   /* how astropy names what describes a table's columns */

/* A dataset in memory: [n_row] of the file's own type in this machine's form. */
struct loaded { hid_t type; hsize_t n_row; size_t size; char *at; };
static void unload(struct loaded *of)
{
  const hid_t space = of->at && of->type >= 0 ? H5Screate_simple(1, &of->n_row, NULL) : -1;
  if (space >= 0) {
    (void)H5Dvlen_reclaim(of->type, space, H5P_DEFAULT, of->at);
    H5Sclose(space);
  }
  free(of->at);
  if (of->type >= 0) H5Tclose(of->type);
}

/* Of such a dataset the numbers or texts at an offset. */
struct column { char name[256], unit[64]; hid_t type; size_t offset; const struct loaded *from; };

struct source {
  const char *path;
  hid_t file;
  char folder[8];                 /* "Table/" or "" */
  size_t n_set, n_column;
  struct loaded set[MOST_COLUMN];
  struct column column[MOST_COLUMN];
  char described[512];            /* the dataset with astropy's description; "": none */
};

int cubix_row_table_is_hdf5(const char *path)
{
  static const char *const suffix[] = { ".hdf5", ".h5", ".hdf" };
  for (int i = 0; i < 3; i++) {
    const size_t n = strlen(path), m = strlen(suffix[i]);
    if (n > m && !strcmp(path + n - m, suffix[i])) return 1;
  }
  return 0;
}

/* ---- what is in the file --------------------------------------------------------------------- */

static int load(struct loaded *to, const struct source *s, const char *path)
{
  int status = CUBIX_OK;
  hid_t set = -1, space = -1, type = -1;
  CUBIX_TRY(cubix_h5_dataset(&set, NULL, s->file, path));
  space = H5Dget_space(set);
  CUBIX_CHECK(H5Sget_simple_extent_ndims(space) == 1 && H5Sget_simple_extent_dims(space, &to->n_row, NULL) == 1,
              CUBIX_EINPUT, "%s: /%s has %d dimensions; a column has one", s->path, path,
              H5Sget_simple_extent_ndims(space));
  type = H5Dget_type(set);
  to->type = H5Tget_native_type(type, H5T_DIR_ASCEND);
  CUBIX_CHECK(to->type >= 0, CUBIX_EINPUT, "%s: /%s is neither numbers nor texts", s->path, path);
  to->size = H5Tget_size(to->type);
  CUBIX_ALLOC(to->at, (size_t)to->n_row * to->size + 1);
  CUBIX_CHECK(H5Dread(set, to->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to->at) >= 0, CUBIX_EINPUT,
              "%s: /%s cannot be read", s->path, path);
done:
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  if (set >= 0) H5Dclose(set);
  return status;
}

static int add_column(struct source *s, const char *name, hid_t type, size_t offset, const struct loaded *from)
{
  int status = CUBIX_OK;
  const H5T_class_t class = H5Tget_class(type);
  struct column *c = &s->column[s->n_column];
  const int known = class == H5T_INTEGER || class == H5T_FLOAT || class == H5T_STRING || class == H5T_ENUM;
  if (!known || s->n_column == MOST_COLUMN) H5Tclose(type);
  CUBIX_CHECK(known, CUBIX_EINPUT, "%s: column %s is neither numbers nor texts", s->path, name);
  CUBIX_CHECK(s->n_column < MOST_COLUMN, CUBIX_EINPUT, "%s: more than %d columns", s->path, MOST_COLUMN);
  *c = (struct column){ .type = type, .offset = offset, .from = from };
  snprintf(c->name, sizeof c->name, "%s", name);
  s->n_column++;
  CUBIX_CHECK(from->n_row == s->column[0].from->n_row, CUBIX_EINPUT, "%s: column %s has %llu rows, %s has %llu",
              s->path, name, (unsigned long long)from->n_row, s->column[0].name,
              (unsigned long long)s->column[0].from->n_row);
done:
  return status;
}

/* A dataset's column, or the columns of its records. */
static int add_set(struct source *s, const char *name)
{
  int status = CUBIX_OK, n_unit = 0;
  char path[512];
  static const struct cubix_names unit = { .n = 2, .name = { "unit", "units" } };
  struct loaded *set = &s->set[s->n_set];
  CUBIX_CHECK(s->n_set < MOST_COLUMN, CUBIX_EINPUT, "%s: more than %d columns", s->path, MOST_COLUMN);
  set->type = -1;
  s->n_set++;
  snprintf(path, sizeof path, "%s%s", s->folder, name);
  CUBIX_TRY(load(set, s, path));
  if (H5Tget_class(set->type) != H5T_COMPOUND) {
    CUBIX_TRY(add_column(s, name, H5Tcopy(set->type), 0, set));
    struct column *c = &s->column[s->n_column - 1];
    CUBIX_TRY(cubix_h5_text(s->file, path, &unit, c->unit, sizeof c->unit, &n_unit));
    goto done;
  }
  for (unsigned m = 0; m < (unsigned)H5Tget_nmembers(set->type); m++) {
    char *member = H5Tget_member_name(set->type, m);
    CUBIX_CHECK(member, CUBIX_ENOMEM, "no memory for the columns of %s", s->path);
    status = add_column(s, member, H5Tget_member_type(set->type, m), H5Tget_member_offset(set->type, m), set);
    H5free_memory(member);
    CUBIX_TRY(status);
  }
done:
  return status;
}

static int add_sets(struct source *s)
{
  int status = CUBIX_OK;
  H5G_info_t info;
  snprintf(s->folder, sizeof s->folder, "%s", cubix_h5_exists(s->file, "Table") ? "Table/" : "");
  const hid_t group = H5Gopen2(s->file, *s->folder ? "Table" : "/", H5P_DEFAULT);
  if (group < 0) s->folder[0] = '\0';
  const hid_t in = group < 0 ? s->file : group;
  CUBIX_CHECK(H5Gget_info(in, &info) >= 0, CUBIX_EINPUT, "%s cannot be read", s->path);
  for (hsize_t i = 0; i < info.nlinks; i++) {
    char name[256];
    if (H5Lget_name_by_idx(in, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT) < 0) continue;
    const hid_t object = H5Oopen(in, name, H5P_DEFAULT);
    const int is_set = object >= 0 && H5Iget_type(object) == H5I_DATASET;
    if (object >= 0) H5Oclose(object);
    if (!is_set) continue;
    const size_t n = strlen(name);
    if (n >= sizeof meta && !strcmp(name + n - (sizeof meta - 1), meta))
      snprintf(s->described, sizeof s->described, "%s%s", s->folder, name);
    else CUBIX_TRY(add_set(s, name));
  }
  CUBIX_CHECK(s->n_column, CUBIX_EINPUT,
              "%s has no columns: it must have datasets of one dimension, or one of records, in / or in /Table",
              s->path);
done:
  if (group >= 0) H5Gclose(group);
  return status;
}

/* ---- as text --------------------------------------------------------------------------------- */

static void print_quoted(FILE *out, const char *text, size_t n)
{
  putc('"', out);
  for (size_t i = 0; i < n && text[i]; i++) {
    if (text[i] == '"') putc('"', out);
    putc(text[i], out);
  }
  putc('"', out);
}

static void print_real(FILE *out, double x, int is_single)
{
  char text[40] = "\"\"";
  for (int digits = is_single ? 6 : 15; digits <= 17 && !isnan(x); digits++) {
    snprintf(text, sizeof text, "%.*g", digits, x);
    if (is_single ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x) break;
  }
  fputs(text, out);
}

static void print_cell(FILE *out, const struct column *c, size_t row)
{
  const char *at = c->from->at + row * c->from->size + c->offset;
  const size_t size = H5Tget_size(c->type);
  union { char bytes[64]; double x; int64_t i; uint64_t u; const char *text; } value = { { 0 } };
  char name[64];
  switch (H5Tget_class(c->type)) {
  case H5T_STRING:
    if (H5Tis_variable_str(c->type) > 0) memcpy(&value.text, at, sizeof value.text);
    else value.text = at;
    print_quoted(out, value.text ? value.text : "", H5Tis_variable_str(c->type) > 0 ? SIZE_MAX : size);
    break;
  case H5T_ENUM:
    if (H5Tenum_nameof(c->type, at, name, sizeof name) < 0) break;
    fputs(name, out);
    break;
  case H5T_FLOAT:
    memcpy(value.bytes, at, size);
    if (H5Tconvert(c->type, H5T_NATIVE_DOUBLE, 1, value.bytes, NULL, H5P_DEFAULT) >= 0)
      print_real(out, value.x, size <= 4);
    break;
  default:
    memcpy(value.bytes, at, size);
    if (H5Tget_sign(c->type) == H5T_SGN_NONE) {
      if (H5Tconvert(c->type, H5T_NATIVE_UINT64, 1, value.bytes, NULL, H5P_DEFAULT) >= 0)
        fprintf(out, "%llu", (unsigned long long)value.u);
    } else if (H5Tconvert(c->type, H5T_NATIVE_INT64, 1, value.bytes, NULL, H5P_DEFAULT) >= 0) {
      fprintf(out, "%lld", (long long)value.i);
    }
  }
}

/* astropy's description of columns, line by line: the header of an ECSV file. */
static int print_description(FILE *out, const struct source *s)
{
  int status = CUBIX_OK;
  struct loaded lines = { .type = -1 };
  CUBIX_TRY(load(&lines, s, s->described));
  fputs("# %ECSV 1.0\n# delimiter: ','\n", out);
  for (size_t row = 0; row < (size_t)lines.n_row && H5Tget_class(lines.type) == H5T_STRING; row++) {
    const char *line = lines.at + row * lines.size;
    if (H5Tis_variable_str(lines.type) > 0) fprintf(out, "# %s\n", *(char *const *)line ? *(char *const *)line : "");
    else fprintf(out, "# %.*s\n", (int)lines.size, line);
  }
done:
  unload(&lines);
  return status;
}

static int print_table(FILE *out, const struct source *s)
{
  int status = CUBIX_OK;
  fputs("# %HDF5\n", out);
  if (*s->described) CUBIX_TRY(print_description(out, s));
  for (size_t i = 0; i < s->n_column; i++) {
    char name[sizeof s->column->name + sizeof s->column->unit + 4];
    const struct column *c = &s->column[i];
    snprintf(name, sizeof name, *c->unit ? "%s [%s]" : "%s", c->name, c->unit);
    if (i) putc(',', out);
    print_quoted(out, name, sizeof name);
  }
  for (size_t row = 0; row < (size_t)s->column[0].from->n_row; row++) {
    putc('\n', out);
    for (size_t i = 0; i < s->n_column; i++) {
      if (i) putc(',', out);
      print_cell(out, &s->column[i], row);
    }
  }
  putc('\n', out);
done:
  return status;
}

int cubix_row_table_hdf5(char **text, const char *path)
{
  int status = CUBIX_OK;
  size_t n = 0;
  char *made = NULL;
  FILE *out = NULL;
  struct source *s = NULL;
  struct cubix_h5_quiet quiet;
  cubix_h5_quiet_begin(&quiet);
  CUBIX_ALLOC(s, 1);
  *s = (struct source){ .path = path, .file = -1 };
  CUBIX_TRY(cubix_h5_open(&s->file, path));
  CUBIX_TRY(add_sets(s));
  out = open_memstream(&made, &n);
  CUBIX_CHECK(out, CUBIX_ENOMEM, "no memory for the rows of %s", path);
  CUBIX_TRY(print_table(out, s));
done:
  if (out && fclose(out) && !status)
    status = cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "no memory for the rows of %s", path);
  if (!status) *text = made;
  else free(made);
  for (size_t i = 0; s && i < s->n_column; i++) H5Tclose(s->column[i].type);
  for (size_t i = 0; s && i < s->n_set; i++) unload(&s->set[i]);
  if (s && s->file >= 0) H5Fclose(s->file);
  free(s);
  cubix_h5_quiet_end(&quiet);
  return status;
}
