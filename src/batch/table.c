/* table.c -- CSV and ECSV, cut into cells in place.
 *
 * ECSV is CSV behind a header in comments, of which two things are taken: `delimiter: ','` (a blank otherwise) and the
 * unit of each column, from lines like `# - {name: SelectRadius, unit: kpc, datatype: float64}`, or the same with every
 * key in a line of its own. */
#include "batch/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { MOST_COLUMN = 1024 };

struct scanner {
  struct cubix_row_table *table;
  char *at;                       /* what is still to be read; fields are ended in place */
  size_t line;                    /* of it, from 1 on */
  char delimiter;
  size_t room;                    /* rows that there is memory for */
  size_t n_stated;                /* columns that an ECSV header has named so far */
  char *name[MOST_COLUMN], *unit[MOST_COLUMN];      /* of those, owned; or NULL */
};

/* ---- fields ---------------------------------------------------------------------------------- */

static int is_blank(char c) { return c == ' ' || c == '\t'; }
static int is_end(char c) { return !c || c == '\r' || c == '\n'; }

/* Behind the end of a line. */
static char *next_line(char *end) { return end[0] == '\r' && end[1] == '\n' ? end + 2 : end[0] ? end + 1 : end; }

/* The next field of a record.  @param[out] last  1: the record ends with it */
static int take_field(struct scanner *s, char **field, int *last)
{
  int status = CUBIX_OK;
  const size_t line = s->line;
  char *from = s->at, *to, *end;
  while (is_blank(*from) && (*from == ' ' || s->delimiter != '\t')) from++;
  to = *field = from;
  const int quoted = *from == '"';
  if (quoted) {
    for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
      if (*from == '"') from++;
      s->line += *from == '\n';
      *to++ = *from;
    }
    CUBIX_CHECK(*from, CUBIX_EUSAGE, "%s:%zu: a quote opens here and is never closed", s->table->file, line);
    from++;
  } else {
    while (!is_end(*from) && *from != s->delimiter) from++;
    to = from;
  }
  for (end = from; is_blank(*end) && (*end != s->delimiter || s->delimiter == ' '); end++) {}
  *last = is_end(*end);
  CUBIX_CHECK(
      *last || *end == s->delimiter || (s->delimiter == ' ' && end > from), CUBIX_EUSAGE,
      "%s:%zu: after a closing quote there must come %s or the end of the line, not %.20s (a quote within quotes "
      "is written \"\")",
      s->table->file, s->line, s->delimiter == ',' ? "a comma" : "the delimiter", end);
  s->line += *last && *end;
  s->at = *last ? next_line(end) : s->delimiter == ' ' ? end : end + 1;
  while (!quoted && to > *field && is_blank(to[-1])) to--;
  *to = '\0';
done:
  return status;
}

/* Pass over empty lines and comments.  @return 0: there is no more */
static int find_record(struct scanner *s)
{
  for (;;) {
    char *p = s->at;
    while (is_blank(*p)) p++;
    if (!*p) return 0;
    if (*p != '#' && !is_end(*p)) return 1;
    while (!is_end(*p)) p++;
    s->line += *p != '\0';
    s->at = next_line(p);
  }
}

/* ---- the header ------------------------------------------------------------------------------ */

/* A copy of the value of a key in a line of an ECSV header, "kpc" of "{name: a, unit: kpc}"; NULL: it is not there. */
static char *value_of(const char *line, size_t n_line, const char *key)
{
  const size_t n = strlen(key);
  for (const char *at = line; at + n < line + n_line; at++) {
    if (strncmp(at, key, n) || at[n] != ':' || !strchr("# {,-", at[-1])) continue;
    const char *value = at + n + 1, *end = line + n_line;
    while (value < end && is_blank(*value)) value++;
    const char quote = value < end && (*value == '\'' || *value == '"') ? *value++ : '\0';
    const char *to = value;
    while (to < end && (quote ? *to != quote : *to != ',' && *to != '}')) to++;
    while (!quote && to > value && is_blank(to[-1])) to--;
    char *copy = calloc((size_t)(to - value) + 1, 1);
    return copy ? memcpy(copy, value, (size_t)(to - value)) : NULL;
  }
  return NULL;
}

/* What an ECSV header says of delimiter and units; it stays to be read. */
static void read_header(struct scanner *s)
{
  s->delimiter = ' ';
  for (const char *line = s->at; *line == '#' && strncmp(line, "# meta:", 7);) {
    const size_t n = strcspn(line, "\r\n");
    char *delimiter = value_of(line + 1, n - 1, "delimiter"), *name = value_of(line + 1, n - 1, "name"),
         *unit = value_of(line + 1, n - 1, "unit");
    if (delimiter && *delimiter) s->delimiter = delimiter[0] == '\\' ? '\t' : delimiter[0];
    free(delimiter);
    if (name && s->n_stated < MOST_COLUMN) s->name[s->n_stated++] = name;
    else free(name);
    if (unit && s->n_stated && !s->unit[s->n_stated - 1]) s->unit[s->n_stated - 1] = unit;
    else free(unit);
    line += n;
    line += line[0] == '\r' && line[1] == '\n' ? 2 : line[0] != '\0';
  }
}

/* "Name [unit]" in two. */
static char *split_unit(char *name)
{
  static char none[] = "";
  char *open = strchr(name, '[');
  const size_t n = strlen(name);
  if (!open || open == name || name[n - 1] != ']') return none;
  name[n - 1] = '\0';
  char *end = open;
  while (end > name && is_blank(end[-1])) end--;
  *end = '\0';
  return open + 1;
}

static int take_names(struct scanner *s)
{
  int status = CUBIX_OK, last = 0;
  struct cubix_row_table *t = s->table;
  CUBIX_CHECK(find_record(s), CUBIX_EUSAGE, "%s: the table is empty: its first line must name the columns", t->file);
  CUBIX_ALLOC(t->column, MOST_COLUMN);
  CUBIX_ALLOC(t->unit, MOST_COLUMN);
  while (!last) {
    char *name;
    const size_t line = s->line;
    CUBIX_CHECK(t->n_column < MOST_COLUMN, CUBIX_EUSAGE, "%s: more than %d columns", t->file, MOST_COLUMN);
    CUBIX_TRY(take_field(s, &name, &last));
    CUBIX_CHECK(*name, CUBIX_EUSAGE, "%s:%zu: column %zu has no name", t->file, line, t->n_column + 1);
    t->unit[t->n_column] = split_unit(name);
    for (size_t i = 0; i < s->n_stated; i++)
      if (s->unit[i] && !strcmp(s->name[i], name)) {
        t->unit[t->n_column] = s->unit[i];
        t->stated[t->n_stated++] = s->unit[i];
        s->unit[i] = NULL;
      }
    CUBIX_CHECK(cubix_row_table_find(t, name) < 0, CUBIX_EUSAGE, "%s:%zu: two columns are called %s", t->file, line,
                name);
    t->column[t->n_column++] = name;
  }
done:
  return status;
}

/* ---- the rows -------------------------------------------------------------------------------- */

static int more_room(struct scanner *s)
{
  int status = CUBIX_OK;
  struct cubix_row_table *t = s->table;
  if (t->n_row < s->room) goto done;
  s->room = 2 * s->room + 256;
  char **cell = realloc(t->cell, s->room * t->n_column * sizeof *cell);
  if (cell) t->cell = cell;
  size_t *line = realloc(t->line, s->room * sizeof *line);
  if (line) t->line = line;
  CUBIX_CHECK(cell && line, CUBIX_ENOMEM, "no memory for %zu rows of %s", s->room, t->file);
done:
  return status;
}

static int take_row(struct scanner *s)
{
  int status = CUBIX_OK, last = 0;
  struct cubix_row_table *t = s->table;
  CUBIX_TRY(more_room(s));
  const size_t line = t->line[t->n_row] = s->line;
  for (size_t c = 0; c < t->n_column; c++) {
    CUBIX_CHECK(!last, CUBIX_EUSAGE, "%s:%zu: %zu fields, but %zu columns: %s and what follows it has none", t->file,
                line, c, t->n_column, t->column[c]);
    CUBIX_TRY(take_field(s, &t->cell[t->n_row * t->n_column + c], &last));
  }
  CUBIX_CHECK(last, CUBIX_EUSAGE,
              "%s:%zu: more fields than the %zu columns; what holds a %s is written in quotes, \"a, b\"", t->file, line,
              t->n_column, s->delimiter == ',' ? "comma" : "delimiter");
  t->n_row++;
done:
  return status;
}

int cubix_row_table_parse(struct cubix_row_table **out, const char *name, const char *text)
{
  int status = CUBIX_OK;
  struct cubix_row_table *t = NULL;
  struct scanner *s = NULL;
  CUBIX_ALLOC(s, 1);
  CUBIX_ALLOC(t, 1);
  snprintf(t->file, sizeof t->file, "%s", name);
  CUBIX_ALLOC(t->text, strlen(text) + 1);
  strcpy(t->text, text);
  *s = (struct scanner){ .table = t, .at = t->text, .line = 1, .delimiter = ',' };
  if (!strncmp(s->at, "\xef\xbb\xbf", 3)) s->at += 3;
  const int is_hdf5 = !strncmp(s->at, "# %HDF5\n", 8);     /* table_hdf5.c */
  if (is_hdf5) s->at += 8;
  if (!strncmp(s->at, "# %ECSV", 7)) read_header(s);
  CUBIX_TRY(take_names(s));
  while (find_record(s)) CUBIX_TRY(take_row(s));
  CUBIX_CHECK(t->n_row, CUBIX_EUSAGE, "%s: there are columns, but no rows", t->file);
  if (is_hdf5) {
    free(t->line);
    t->line = NULL;
  }
  *out = t;
  t = NULL;
done:
  for (size_t i = 0; s && i < s->n_stated; i++) {
    free(s->name[i]);
    free(s->unit[i]);
  }
  free(s);
  cubix_row_table_free(t);
  return status;
}

int cubix_row_table_find(const struct cubix_row_table *t, const char *column)
{
  for (size_t c = 0; c < t->n_column; c++)
    if (!strcmp(t->column[c], column)) return (int)c;
  return -1;
}

char *cubix_row_table_place(const struct cubix_row_table *t, size_t row, char *text, size_t size)
{
  if (t->line) snprintf(text, size, "%s:%zu", t->file, t->line[row]);
  else snprintf(text, size, "%s, row %zu", t->file, row + 1);
  return text;
}

void cubix_row_table_free(struct cubix_row_table *t)
{
  if (!t) return;
  for (size_t i = 0; i < t->n_stated; i++) free(t->stated[i]);
  free(t->column);
  free(t->unit);
  free(t->cell);
  free(t->line);
  free(t->text);
  free(t);
}
