/* source_raw.c -- attributes and columns by an index: looked up, and rows read block by block.
 *
 * A block of rows is read with one request, from the first byte of its first row to the last of its
 * last: components and fields of a record that lie between are passed over in memory. */
#define _POSIX_C_SOURCE 200809L
#include "simulation/source_raw.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/infile.h"

enum { BLOCK_BYTES = 1 << 22 };

struct raw_attribute {
  char object[64], name[64], text[512];
  int n;                          /* numbers; 0: a text */
  double x[32];
};

struct cubix_raw {
  struct cubix_source source;
  struct cubix_source_ops ops;
  FILE *stream;
  int64_t size;
  struct raw_attribute *attribute;
  struct cubix_raw_column *column;
  void **kept;
  size_t n_attribute, n_column, n_kept, kept_bytes;
};

static const size_t size_of[] = { 4, 8, 1, 4, 8, 4, 8 };

/* Where row 0 of component k stands. */
static int64_t place(const struct cubix_raw_column *c, int k)
{
  return c->n_c <= 3 ? c->at[k] : c->at[0] + k * (int64_t)size_of[c->type];
}

static const struct cubix_raw *raw_of(const struct cubix_source *source) { return (const struct cubix_raw *)source; }

/* ---- making the index ------------------------------------------------------------------------ */

int64_t cubix_raw_size(const struct cubix_raw *raw) { return raw->size; }

static void turn(unsigned char *p, size_t n, size_t word)
{
  for (size_t i = 0; word > 1 && i + word <= n; i += word)
    for (size_t k = 0; k < word / 2; k++) {
      unsigned char c = p[i + k];
      p[i + k] = p[i + word - 1 - k];
      p[i + word - 1 - k] = c;
    }
}

union raw_number { float f4; double f8; int8_t i1; int32_t i4; int64_t i8; uint32_t u4; uint64_t u8; };

static union raw_number decode(const void *p, enum cubix_raw_type type, int swap)
{
  unsigned char b[8] = { 0 };
  union raw_number u;
  memcpy(b, p, size_of[type]);
  if (swap) turn(b, size_of[type], size_of[type]);
  memcpy(&u, b, sizeof u);
  return u;
}

int64_t cubix_raw_integer(const void *p, enum cubix_raw_type type, int swap)
{
  const union raw_number u = decode(p, type, swap);
  switch (type) {
    case CUBIX_RAW_I1: return u.i1;
    case CUBIX_RAW_I4: return u.i4;
    case CUBIX_RAW_U4: return u.u4;
    default: return u.i8;
  }
}

double cubix_raw_number(const void *p, enum cubix_raw_type type, int swap)
{
  switch (type) {
    case CUBIX_RAW_F4: return (double)decode(p, type, swap).f4;
    case CUBIX_RAW_F8: return decode(p, type, swap).f8;
    case CUBIX_RAW_U8: return (double)decode(p, type, swap).u8;
    default: return (double)cubix_raw_integer(p, type, swap);
  }
}

int cubix_raw_bytes(const struct cubix_raw *raw, int64_t at, void *to, size_t n, size_t word)
{
  size_t done = 0;
  cubix_infile_add_bytes((int64_t)n);
  while (done < n) {
    ssize_t got = pread(fileno(raw->stream), (char *)to + done, n - done, (off_t)(at + (int64_t)done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    done += (size_t)got;
  }
  turn(to, n, word);
  return 0;
}

/* The list with room for one more entry, set to 0, behind its n.  @return NULL without memory: it is as it was */
static void *grow(void *list, size_t n, size_t size)
{
  void *more = n & (n - 1) ? list : realloc(list, (n ? 2 * n : 1) * size);   /* at 0, 1, 2, 4, ... */
  if (more) memset((char *)more + n * size, 0, size);
  return more;
}

static int add_attribute(struct raw_attribute **a, struct cubix_raw *raw, const char *object, const char *name)
{
  int status = CUBIX_OK;
  struct raw_attribute *more = grow(raw->attribute, raw->n_attribute, sizeof *more);
  CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate memory for the index of %s", raw->source.path);
  raw->attribute = more;
  *a = &more[raw->n_attribute++];
  snprintf((*a)->object, sizeof (*a)->object, "%s", object);
  snprintf((*a)->name, sizeof (*a)->name, "%s", name);
done:
  return status;
}

int cubix_raw_add_numbers(struct cubix_raw *raw, const char *object, const char *name, const double *x, int n)
{
  int status = CUBIX_OK;
  struct raw_attribute *a = NULL;
  CUBIX_TRY(add_attribute(&a, raw, object, name));
  a->n = n < 32 ? n : 32;
  memcpy(a->x, x, (size_t)a->n * sizeof *x);
done:
  return status;
}

int cubix_raw_add_text(struct cubix_raw *raw, const char *object, const char *name, const char *text)
{
  int status = CUBIX_OK;
  struct raw_attribute *a = NULL;
  CUBIX_TRY(add_attribute(&a, raw, object, name));
  snprintf(a->text, sizeof a->text, "%s", text);
done:
  return status;
}

int cubix_raw_add_column(struct cubix_raw *raw, const struct cubix_raw_column *column)
{
  int status = CUBIX_OK;
  struct cubix_raw_column *more;
  const int64_t last = column->row && column->n_row ? column->row[column->n_row - 1] : column->n_row - 1;
  for (int c = 0; c < column->n_c && !column->value && column->n_row > 0; c++)
    CUBIX_CHECK(place(column, c) >= 0 && last <= (raw->size - place(column, c)) / column->stride &&
                    place(column, c) + last * column->stride + (int64_t)size_of[column->type] <= raw->size,
                CUBIX_EINPUT, "%s ends within %s: it has %lld bytes, and row %lld of %s should end at byte %lld",
                raw->source.path, column->path, (long long)raw->size, (long long)last, column->path,
                (long long)(place(column, c) + last * column->stride + (int64_t)size_of[column->type]));
  more = grow(raw->column, raw->n_column, sizeof *more);
  CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate memory for the index of %s", raw->source.path);
  raw->column = more;
  more[raw->n_column++] = *column;
done:
  return status;
}

int cubix_raw_keep(struct cubix_raw *raw, void *memory, size_t bytes)
{
  int status = CUBIX_OK;
  void **more = grow(raw->kept, raw->n_kept, sizeof *more);
  if (!more) free(memory);
  CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate memory for the index of %s", raw->source.path);
  raw->kept = more;
  more[raw->n_kept++] = memory;
  raw->kept_bytes += bytes;
done:
  return status;
}

/* ---- what a source is asked ------------------------------------------------------------------ */

static const struct cubix_raw_column *find_column(const struct cubix_source *source, const char *path)
{
  const struct cubix_raw *raw = raw_of(source);
  for (size_t i = 0; i < raw->n_column; i++)
    if (!strcmp(raw->column[i].path, path)) return &raw->column[i];
  return NULL;
}

static const struct raw_attribute *find_attribute(const struct cubix_source *source, const char *object,
                                                  const struct cubix_names *names)
{
  const struct cubix_raw *raw = raw_of(source);
  for (int i = 0; i < names->n; i++)
    for (size_t k = 0; k < raw->n_attribute; k++)
      if (!strcmp(raw->attribute[k].object, object) && !strcmp(raw->attribute[k].name, names->name[i]))
        return &raw->attribute[k];
  return NULL;
}

/* Is a group there?  The index has none without columns. */
static int is_filled(int *is, const struct cubix_source *source, const char *group)
{
  const struct cubix_raw *raw = raw_of(source);
  const size_t n = strlen(group);
  *is = 0;
  for (size_t i = 0; i < raw->n_column && !*is; i++)
    *is = !strncmp(raw->column[i].path, group, n) && raw->column[i].path[n] == '/';
  return CUBIX_OK;
}

/* A column, a group, or the object of an attribute. */
static int has(int *there, const struct cubix_source *source, const char *path)
{
  const struct cubix_raw *raw = raw_of(source);
  is_filled(there, source, path);
  *there |= find_column(source, path) != NULL;
  for (size_t i = 0; i < raw->n_attribute && !*there; i++) *there = !strcmp(raw->attribute[i].object, path);
  return CUBIX_OK;
}

static int numbers(const struct cubix_source *source, const char *object, const struct cubix_names *names, double *x,
                   int n, int *n_found)
{
  int status = CUBIX_OK;
  const struct raw_attribute *a = find_attribute(source, object, names);
  *n_found = 0;
  if (!a) goto done;
  CUBIX_CHECK(a->n, CUBIX_EINPUT, "%s: %s of %s is a text, and must be a number", source->path, a->name, object);
  for (int i = 0; i < n && i < a->n; i++) x[i] = a->x[i];
  *n_found = a->n;
done:
  return status;
}

static int text(const struct cubix_source *source, const char *object, const struct cubix_names *names, char *to,
                size_t size, int *n_found)
{
  int status = CUBIX_OK;
  const struct raw_attribute *a = find_attribute(source, object, names);
  *n_found = 0;
  if (!a) goto done;
  CUBIX_CHECK(!a->n, CUBIX_EINPUT, "%s: %s of %s is a number, and must be a text", source->path, a->name, object);
  snprintf(to, size, "%s", a->text);
  *n_found = 1;
done:
  return status;
}

static int labels(const struct cubix_source *source, const char *path, char *to, size_t size, int *n_found)
{
  (void)source, (void)path, (void)to, (void)size;
  *n_found = 0;
  return CUBIX_OK;
}

/* Is the group of column i, of a name of that length, that of an earlier one? */
static int is_listed(const struct cubix_raw *raw, size_t i, int length)
{
  for (size_t k = 0; k < i; k++)
    if (!strncmp(raw->column[i].path, raw->column[k].path, (size_t)length + 1)) return 1;
  return 0;
}

/* What a group holds; of "/" the groups. */
static void list(const struct cubix_source *source, const char *group, char *to, size_t size)
{
  const struct cubix_raw *raw = raw_of(source);
  const size_t n = strlen(group);
  const int root = !strcmp(group, "/");
  size_t used = 0;
  for (size_t i = 0; i < raw->n_column && used + 80 < size; i++) {
    const char *path = raw->column[i].path, *name = root ? path : path + n + 1;
    const int length = (int)(root ? strcspn(path, "/") : strlen(path) - n - 1);
    if (!root && (strncmp(path, group, n) || path[n] != '/')) continue;
    if (root && is_listed(raw, i, length)) continue;
    used += (size_t)snprintf(to + used, size - used, "%s%.*s", used ? ", " : "", length, name);
  }
}

static int shape(struct cubix_shape *shape, const struct cubix_source *source, const char *path)
{
  int status = CUBIX_OK;
  const struct cubix_raw_column *c = find_column(source, path);
  CUBIX_CHECK(c, CUBIX_EINPUT, "%s: there is no %s", source->path, path);
  shape->n_row = c->n_row;
  shape->n_d = c->n_c > 1 ? 2 : 1;
  shape->n_c = c->n_c;
  shape->bits = c->type == CUBIX_RAW_F4 || c->type == CUBIX_RAW_F8 ? 0 : 8 * (int)size_of[c->type];
done:
  return status;
}

static int column_open(struct cubix_column *column, int examine)
{
  int status = CUBIX_OK;
  const struct cubix_raw_column *c = find_column(column->source, column->path);
  (void)examine;
  CUBIX_CHECK(c, CUBIX_EINPUT, "%s: there is no %s", column->source->path, column->path);
  const int sum = column->pick.first >= 0;
  CUBIX_CHECK(sum ? column->pick.last < c->n_c && !c->value : c->n_c == column->pick.n_c, CUBIX_EINPUT,
              "%s: %s has %d number(s) a row; %s%d %s wanted", column->source->path, column->path, c->n_c,
              sum ? "number " : "", sum ? column->pick.last : column->pick.n_c, sum ? "(from 0) is" : "are");
  column->n_row = c->n_row;
  column->single = !sum && c->type == CUBIX_RAW_F4 && !c->value && c->factor == 1 && c->shift == 0;
  column->in_rows = !c->row && !c->value;
  column->own = (void *)(uintptr_t)c;
done:
  return status;
}

/* What is read into: rows of n_c numbers. */
struct raw_rows {
  int64_t from, to;
  int n_c, single, add;           /* add: to what stands there */
  void *into;
  unsigned char *block;           /* of BLOCK_BYTES and a row */
};

/* Component k of the column into component `out` of the rows. */
static int read_component(const struct cubix_raw *raw, const struct cubix_raw_column *c, int k,
                          const struct raw_rows *rows, int out)
{
  const int64_t from = rows->from, to = rows->to, block_rows = BLOCK_BYTES / c->stride + 1;
  unsigned char *block = rows->block;
  for (int64_t at = from; at < to;) {
    const int64_t first = c->row ? c->row[at] : at;
    int64_t end = at + 1;
    while (end < to && (c->row ? c->row[end] : end) - first < block_rows) end++;
    const int64_t last = c->row ? c->row[end - 1] : end - 1;
    if (cubix_raw_bytes(raw, place(c, k) + first * c->stride, block,
                        (size_t)((last - first) * c->stride) + size_of[c->type], 1))
      return -1;
    for (int64_t i = at; i < end; i++) {
      const double x = cubix_raw_number(block + ((c->row ? c->row[i] : i) - first) * c->stride, c->type, c->swap);
      const int64_t at_row = (i - from) * rows->n_c + out;
      if (rows->single) ((float *)rows->into)[at_row] = (float)x;
      else if (rows->add) ((double *)rows->into)[at_row] += c->factor * x + c->shift;
      else ((double *)rows->into)[at_row] = c->factor * x + c->shift;
    }
    at = end;
  }
  return 0;
}

static int column_read(const struct cubix_column *column, int64_t from, int64_t to, void *rows)
{
  int status = CUBIX_OK, lost = 0;
  const struct cubix_raw *raw = raw_of(column->source);
  const struct cubix_raw_column *c = column->own;
  unsigned char *block = NULL;
  if (c->value) {
    memcpy(rows, c->value + from, (size_t)(to - from) * sizeof *c->value);
    goto done;
  }
  CUBIX_ALLOC(block, BLOCK_BYTES + (size_t)c->stride);
  const int sum = column->pick.first >= 0, first = sum ? column->pick.first : 0,
            last = sum ? column->pick.last : c->n_c - 1;
  for (int k = first; k <= last && !lost; k++) {
    const struct raw_rows to_rows = { from, to, column->pick.n_c, column->single, sum && k > first, rows, block };
    lost = read_component(raw, c, k, &to_rows, sum ? 0 : k);
  }
  CUBIX_CHECK(!lost, CUBIX_EINPUT, "%s: %s cannot be read in rows %lld to %lld; the file is damaged or incomplete",
              column->source->path, column->path, (long long)from, (long long)to);
done:
  free(block);
  return status;
}

static int column_integers(const struct cubix_column *column, int64_t from, int64_t to, int64_t *rows)
{
  int status = CUBIX_OK, lost = 0;
  const struct cubix_raw_column *c = column->own;
  const int64_t block_rows = c->value ? 0 : BLOCK_BYTES / c->stride;
  unsigned char *block = NULL;
  if (c->value) {
    for (int64_t i = from; i < to; i++) rows[i - from] = (int64_t)c->value[i];
    goto done;
  }
  CUBIX_ALLOC(block, BLOCK_BYTES + (size_t)c->stride);
  for (int64_t at = from, end; at < to && !lost; at = end) {
    const int64_t first = c->row ? c->row[at] : at;
    for (end = at + 1; end < to && (c->row ? c->row[end] : end) - first < block_rows; end++) continue;
    const int64_t last = c->row ? c->row[end - 1] : end - 1;
    lost = cubix_raw_bytes(raw_of(column->source), place(c, 0) + first * c->stride, block,
                           (size_t)((last - first) * c->stride) + size_of[c->type], 1);
    for (int64_t i = at; i < end && !lost; i++)
      rows[i - from] = cubix_raw_integer(block + ((c->row ? c->row[i] : i) - first) * c->stride, c->type, c->swap);
  }
  CUBIX_CHECK(!lost, CUBIX_EINPUT, "%s: %s cannot be read in rows %lld to %lld; the file is damaged or incomplete",
              column->source->path, column->path, (long long)from, (long long)to);
done:
  free(block);
  return status;
}

static void column_close(struct cubix_column *column) { (void)column; }

/* Lists grow by doubling. */
static int64_t bytes(const struct cubix_source *source)
{
  const struct cubix_raw *raw = raw_of(source);
  return (int64_t)(sizeof *raw + 2 * raw->n_attribute * sizeof *raw->attribute +
                   2 * raw->n_column * sizeof *raw->column + raw->kept_bytes);
}

static void close_file(struct cubix_source *source)
{
  struct cubix_raw *raw = (struct cubix_raw *)source;
  if (raw->stream) fclose(raw->stream);
  for (size_t i = 0; i < raw->n_kept; i++) free(raw->kept[i]);
  free(raw->kept);
  free(raw->attribute);
  free(raw->column);
  free(raw);
}

int cubix_raw_open(struct cubix_raw **raw, const char *kind, const char *path)
{
  int status = CUBIX_OK;
  struct cubix_raw *r = NULL;
  struct stat s;
  CUBIX_ALLOC(r, 1);
  r->ops = (struct cubix_source_ops){ kind, has, numbers, text, labels, is_filled, list, shape,
                                      column_open, column_read, column_integers, column_close, bytes, close_file, NULL,
                                      NULL, NULL, NULL };
  r->source.ops = &r->ops;
  snprintf(r->source.path, sizeof r->source.path, "%s", path);
  r->stream = fopen(path, "rb");
  CUBIX_CHECK(r->stream && !fstat(fileno(r->stream), &s), CUBIX_EINPUT, "cannot open %s: %s", path, strerror(errno));
  r->size = (int64_t)s.st_size;
  *raw = r;
  r = NULL;
done:
  if (r) close_file(&r->source);
  return status;
}

struct cubix_source *cubix_raw_source(struct cubix_raw *raw) { return &raw->source; }

void cubix_raw_close(struct cubix_raw *raw)
{
  if (raw) close_file(&raw->source);
}
