/* listing.c -- tables over files: which file holds a row is known once their lengths have been seen. */
#define _POSIX_C_SOURCE 200809L
#include "catalogue/listing.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5read.h"
#include "base/h5search.h"
#include "base/h5table.h"
#include "simulation/members.h"

static const struct cubix_source_options plain = { .catalogue = 1 };
static const struct cubix_pick one = { 1, -1, -1 };

int cubix_listing_go(struct cubix_listing *listing, int file)
{
  int status = CUBIX_OK;
  if (listing->source && listing->open == file) goto done;
  cubix_source_close(listing->source);
  listing->source = NULL;
  CUBIX_TRY(cubix_source_open(&listing->source, listing->file[file], &plain));
  listing->open = file;
done:
  return status;
}

/* How many files there are: an attribute of the header, or a number that is a dataset; 0: it does not say. */
static int count_files(double *n, struct cubix_listing *listing)
{
  static const struct cubix_names counts = { 2, { "NumFiles", "NumFilesPerSnapshot" } };
  static const char *const datasets[] = { "NumberOfFiles", "Num_of_files" };
  int status = CUBIX_OK, found;
  hid_t file = -1;
  *n = 0;
  CUBIX_TRY(cubix_listing_number(n, &found, listing, "Header", &counts));
  if (found || !cubix_h5_is(listing->file[0])) goto done;
  CUBIX_TRY(cubix_h5_open(&file, listing->file[0]));
  for (int i = 0; i < 2 && !found; i++) CUBIX_TRY(cubix_h5_value(n, &found, file, datasets[i]));
done:
  if (file >= 0) H5Fclose(file);
  return status;
}

int cubix_listing_open(struct cubix_listing *listing, const char *path)
{
  int status = CUBIX_OK;
  char first[4096];
  double n_file = 0;
  struct cubix_snapshot files = { 0 };
  char *alone = NULL;

  *listing = (struct cubix_listing){ 0 };
  CUBIX_TRY(cubix_members_first(first, sizeof first, path, "GroupCatalogue"));
  CUBIX_CHECK((alone = strdup(first)), CUBIX_ENOMEM, "cannot allocate a file name");
  listing->file = &alone;
  listing->n_file = 1;
  CUBIX_TRY(count_files(&n_file, listing));
  CUBIX_TRY(cubix_members_find(&files, first, n_file, strcmp(first, path) != 0));
done:
  cubix_source_close(listing->source);
  free(alone);
  *listing = (struct cubix_listing){ .n_file = files.n_file, .file = files.file };
  free(files.file_size);
  return status;
}

void cubix_listing_free(struct cubix_listing *listing)
{
  cubix_source_close(listing->source);
  for (int i = 0; listing->file && i < listing->n_file; i++) free(listing->file[i]);
  free(listing->file);
  *listing = (struct cubix_listing){ 0 };
}

int cubix_listing_has(int *there, struct cubix_listing *listing, const char *path)
{
  int status = CUBIX_OK;
  enum { MOST = sizeof listing->known / sizeof *listing->known };
  *there = 0;
  for (int i = 0; i < listing->n_known; i++)
    if (!strcmp(listing->known[i].path, path)) {
      *there = listing->known[i].there;
      goto done;
    }
  for (int i = 0; i < listing->n_file && !*there; i++) {
    CUBIX_TRY(cubix_listing_go(listing, i));
    CUBIX_TRY(cubix_source_has(there, listing->source, path));
  }
  if (listing->n_known < MOST && strlen(path) < sizeof listing->known[0].path) {
    strcpy(listing->known[listing->n_known].path, path);
    listing->known[listing->n_known++].there = *there;
  }
done:
  return status;
}

int cubix_listing_table(struct cubix_table *table, struct cubix_listing *listing, const char *column)
{
  int status = CUBIX_OK, there;
  struct cubix_shape shape;
  CUBIX_ALLOC(table->before, listing->n_file + 1);
  table->before[0] = 0;
  for (int i = 0; i < listing->n_file; i++) {
    CUBIX_TRY(cubix_listing_go(listing, i));
    CUBIX_TRY(cubix_source_has(&there, listing->source, column));
    if (there) CUBIX_TRY(cubix_source_shape(&shape, listing->source, column));
    table->before[i + 1] = table->before[i] + (there ? shape.n_row : 0);
  }
  table->n = table->before[listing->n_file];
done:
  return status;
}

void cubix_table_free(struct cubix_table *table)
{
  free(table->before);
  *table = (struct cubix_table){ 0 };
}

/* Floats become doubles, the last first: they lie in each other's way. */
static void widen(double *x, size_t n)
{
  for (size_t i = n; i-- > 0;) {
    float single;
    memcpy(&single, (const char *)x + i * sizeof single, sizeof single);
    x[i] = (double)single;
  }
}

/* Rows of a column over files, one file's after the other's. */
static int read_rows(char *x, size_t row_bytes, struct cubix_listing *listing, const struct cubix_table *table,
                     const char *name, struct cubix_pick pick, int64_t from, int64_t to, int integers)
{
  int status = CUBIX_OK;
  struct cubix_column *column = NULL;
  for (int i = 0; i < listing->n_file && from < to; i++) {
    const int64_t first = table->before[i], end = table->before[i + 1], last = to < end ? to : end;
    if (from >= end) continue;
    CUBIX_TRY(cubix_listing_go(listing, i));
    CUBIX_TRY(cubix_column_open(&column, listing->source, name, pick, 1));
    CUBIX_CHECK(column->n_row == end - first, CUBIX_EINPUT, "%s: /%s has %lld rows where its table has %lld",
                listing->file[i], name, (long long)column->n_row, (long long)(end - first));
    if (integers) CUBIX_TRY(cubix_column_integers(column, from - first, last - first, (int64_t *)x));
    else CUBIX_TRY(cubix_column_read(column, from - first, last - first, x));
    if (!integers && column->single) widen((double *)x, (size_t)(last - from) * (size_t)pick.n_c);
    x += (size_t)(last - from) * row_bytes;
    from = last;
    cubix_column_close(column);
    column = NULL;
  }
done:
  cubix_column_close(column);
  return status;
}

int cubix_listing_read(double *x, struct cubix_listing *listing, const struct cubix_table *table, const char *name,
                       struct cubix_pick pick, int64_t from, int64_t to)
{
  return read_rows((char *)x, (size_t)pick.n_c * sizeof *x, listing, table, name, pick, from, to, 0);
}

int cubix_listing_integers(int64_t *x, struct cubix_listing *listing, const struct cubix_table *table,
                           const char *name, int64_t from, int64_t to)
{
  return read_rows((char *)x, sizeof *x, listing, table, name, one, from, to, 1);
}

int cubix_listing_number(double *x, int *found, struct cubix_listing *listing, const char *object,
                         const struct cubix_names *names)
{
  int status = CUBIX_OK, there;
  *found = 0;
  CUBIX_TRY(cubix_listing_go(listing, 0));
  CUBIX_TRY(cubix_source_has(&there, listing->source, object));
  if (there) CUBIX_TRY(cubix_source_number(listing->source, object, names, x, found));
done:
  return status;
}
