/* source.c -- which kind a file is of, and questions that are the same for all kinds. */
#include "simulation/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/infile.h"

/* What the user says of files of another kind. */
static void say_in_vain(struct cubix_source *source, const struct cubix_source_options *options)
{
  const size_t used = strlen(source->assumed);
  if (options->gadget_blocks[0] && !source->takes_blocks)
    snprintf(source->assumed + used, sizeof source->assumed - used,
             "%sGadgetBlocks = %.200s has no effect: it names the blocks of Gadget's binary format 1, and this file is "
             "none", used ? "; " : "", options->gadget_blocks);
}

int cubix_source_open(struct cubix_source **source, const char *path, const struct cubix_source_options *options)
{
  static int (*const open_as[])(struct cubix_source **, const char *, const struct cubix_source_options *) = {
    cubix_source_hdf5_open, cubix_source_gadget_open, cubix_source_ramses_open, cubix_source_tipsy_open
  };
  int status = CUBIX_OK;
  struct stat s = { 0 };
  *source = NULL;
  CUBIX_TRY(cubix_infile_check(path, CUBIX_EINPUT));
  CUBIX_CHECK(strlen(path) < sizeof (*source)->path, CUBIX_EINPUT, "the path %.80s... is too long", path);
  for (size_t i = 0; i < sizeof open_as / sizeof *open_as && !*source; i++)
    CUBIX_TRY(open_as[i](source, path, options));
  if (!*source) stat(path, &s);
  CUBIX_CHECK(*source, CUBIX_EINPUT,
              "%s (%lld bytes) is not an HDF5 file, nor of another kind that "
              "is read: no Gadget binary (its first record "
              "is none of a header), no Tipsy file (header and size do not "
              "agree), no part_NNNNN.outMMMMM of RAMSES",
              path, (long long)s.st_size);
  say_in_vain(*source, options);
done:
  return status;
}

void cubix_source_close(struct cubix_source *source)
{
  if (source) source->ops->close(source);
}

int64_t cubix_source_bytes(const struct cubix_source *source) { return source->ops->bytes(source); }

int cubix_source_has(int *there, const struct cubix_source *source, const char *path)
{
  int status = CUBIX_OK;
  struct cubix_names name = { .n = 1 };
  char object[160], text[2];
  const char *at = strchr(path, '@');
  if (!at) return source->ops->has(there, source, path);
  snprintf(object, sizeof object, "%.*s", (int)(at - path), path);
  snprintf(name.name[0], sizeof name.name[0], "%s", at + 1);
  CUBIX_TRY(source->ops->has(there, source, object));
  if (!*there) goto done;
  /* of either type */
  if (source->ops->text(source, object, &name, text, sizeof text, there)) {
    cubix_error_clear();
    *there = 1;
  }
done:
  return status;
}

int cubix_source_numbers(const struct cubix_source *source, const char *object, const struct cubix_names *names,
                         double *x, int n, int *n_found)
{
  return source->ops->numbers(source, object, names, x, n, n_found);
}

int cubix_source_number(const struct cubix_source *source, const char *object, const struct cubix_names *names,
                        double *x, int *n_found)
{
  enum { MOST = 16 };
  int status = CUBIX_OK;
  double value[MOST];
  char text[1024];
  CUBIX_TRY(source->ops->numbers(source, object, names, value, MOST, n_found));
  for (int i = 1; i < *n_found && i < MOST; i++)
    CUBIX_CHECK(value[i] == value[0], CUBIX_EINPUT,
                "%s: the attribute %s of /%s has %d numbers, %g and %g among them; it must be one", source->path,
                cubix_names_text(names, text, sizeof text), object + strspn(object, "/"), *n_found, value[0], value[i]);
  if (*n_found) *x = value[0];
done:
  if (status) *n_found = 0;
  return status;
}

int cubix_source_text(const struct cubix_source *source, const char *object, const struct cubix_names *names,
                      char *text, size_t size, int *n_found)
{
  return source->ops->text(source, object, names, text, size, n_found);
}

int cubix_source_is_filled(int *is, const struct cubix_source *source, const char *group)
{
  int status = CUBIX_OK;
  CUBIX_TRY(source->ops->has(is, source, group));
  if (*is) CUBIX_TRY(source->ops->is_filled(is, source, group));
done:
  return status;
}

void cubix_source_list(const struct cubix_source *source, const char *group, char *text, size_t size)
{
  text[0] = '\0';
  source->ops->list(source, group, text, size);
}

int cubix_source_label(int *index, const struct cubix_source *source, const char *path, const char *label)
{
  enum { SIZE = 32, MOST = 256 };
  int status = CUBIX_OK, n = 0;
  char *text = NULL;
  *index = -1;
  CUBIX_ALLOC(text, SIZE * MOST);
  CUBIX_TRY(source->ops->labels(source, path, text, SIZE, &n));
  for (int i = 0; i < n && i < MOST && *index < 0; i++)
    if (!strcmp(text + SIZE * i, label)) *index = i;
done:
  free(text);
  return status;
}

int cubix_source_shape(struct cubix_shape *shape, const struct cubix_source *source, const char *path)
{
  return source->ops->shape(shape, source, path);
}

int cubix_column_open(struct cubix_column **column, const struct cubix_source *source, const char *path,
                      struct cubix_pick pick, int examine)
{
  int status = CUBIX_OK;
  *column = NULL;
  CUBIX_ALLOC(*column, 1);
  (*column)->source = source;
  (*column)->pick = pick;
  snprintf((*column)->path, sizeof (*column)->path, "%s", path);
  status = source->ops->column_open(*column, examine);
  if (status) {
    free(*column);
    *column = NULL;
  }
done:
  return status;
}

int cubix_column_read(const struct cubix_column *column, int64_t from, int64_t to, void *rows)
{
  return column->source->ops->column_read(column, from, to, rows);
}

int cubix_column_integers(const struct cubix_column *column, int64_t from, int64_t to, int64_t *rows)
{
  int status = CUBIX_OK;
  struct cubix_shape shape;
  CUBIX_TRY(cubix_source_shape(&shape, column->source, column->path));
  CUBIX_CHECK(shape.bits && shape.n_c == 1, CUBIX_EINPUT, "%s: /%s must hold integers, one a row",
              column->source->path, column->path);
  CUBIX_TRY(column->source->ops->column_integers(column, from, to, rows));
done:
  return status;
}

void cubix_column_want(const struct cubix_column *column, int64_t from, int64_t to)
{
  if (column->source->ops->column_want) column->source->ops->column_want(column, from, to);
}

void cubix_columns_unpack(struct cubix_column *const *column, int n)
{
  int i = 0;
  while (i < n && !column[i]) i++;
  if (i < n && column[i]->source->ops->columns_unpack) column[i]->source->ops->columns_unpack(column, n);
}

void cubix_column_soon(const struct cubix_column *column, int64_t from, int64_t to)
{
  if (column->source->ops->column_soon) column->source->ops->column_soon(column, from, to);
}

double cubix_column_bytes(const struct cubix_column *column)
{
  return column && column->source->ops->column_bytes ? column->source->ops->column_bytes(column) : 0;
}

void cubix_column_close(struct cubix_column *column)
{
  if (!column) return;
  column->source->ops->column_close(column);
  free(column);
}
