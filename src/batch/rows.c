/* rows.c -- cells become parameters, and OutputFile becomes a name for each row. */
#include "batch/rows.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "output/output.h"

static int is_parameter(const char *column) { return isupper((unsigned char)column[0]) != 0; }

/* ---- cells ----------------------------------------------------------------------------------- */

/* A number gets the unit of its column. */
static int set_cell(struct cubix_params *par, const struct cubix_row_table *t, size_t row, size_t c)
{
  int status = CUBIX_OK;
  char place[1200];
  const char *cell = t->cell[row * t->n_column + c], *unit = t->unit[c];
  char *value = NULL;
  CUBIX_ALLOC(value, strlen(cell) + strlen(unit) + 2);
  const int is_number = cell[strspn(cell, "+-.")] >= '0' && cell[strspn(cell, "+-.")] <= '9';
  sprintf(value, "%s%s%s", cell, *unit && is_number ? " " : "", is_number ? unit : "");
  cubix_row_table_place(t, row, place, sizeof place);
  status = cubix_params_set_at(par, t->column[c], value, place);
  if (status) cubix_error_about("%s", place);
done:
  free(value);
  return status;
}

/* ---- names of outputs ------------------------------------------------------------------------ */

struct text { char *at; size_t used, room; };

static void put(struct text *to, const char *from, size_t n)
{
  for (size_t i = 0; i < n && to->used + 1 < to->room; i++) to->at[to->used++] = from[i];
  to->at[to->used] = '\0';
}

/* What {name} stands for, without what may not be in the name of a file. */
static int put_value(struct text *to, const struct cubix_rows *rows, const struct cubix_params *par, size_t row,
                     const char *name, size_t n)
{
  int status = CUBIX_OK;
  const struct cubix_row_table *t = rows->table;
  struct cubix_param_info info = { .name = NULL };
  char key[80], number[32];
  const char *value = NULL;
  snprintf(key, sizeof key, "%.*s", (int)n, name);
  const int c = cubix_row_table_find(t, key), width = snprintf(number, sizeof number, "%zu", t->n_row);
  if (!strcmp(key, "row")) {
    snprintf(number, sizeof number, "%0*zu", width, row + 1);
    value = number;
  } else if (c >= 0 && rows->is_label[c]) {
    value = t->cell[row * t->n_column + (size_t)c];
  }
  for (int i = 0; !value && i < cubix_params_count(); i++) {
    cubix_params_info(par, i, &info);
    if (!strcmp(info.name, key)) value = info.value;
  }
  CUBIX_CHECK(value, CUBIX_EUSAGE, "OutputFile (%s): {%s} is neither {row} nor a parameter nor a column of %s",
              cubix_params_origin(par, "OutputFile"), key, t->file);
  for (const char *v = value; *v; v++) {
    const char safe = strchr("/\\, \t\"", *v) ? '_' : *v;
    if (*v != '"') put(to, &safe, 1);
  }
done:
  return status;
}

/* Where in a list of names a suffix begins; its end where it has none. */
static size_t suffix_at(const char *name, size_t n)
{
  for (size_t i = n; i > 0 && name[i - 1] != '/'; i--)
    if (name[i - 1] == '.') return i - 1;
  return n;
}

static int name_output(struct cubix_params *par, const struct cubix_rows *rows, size_t row)
{
  int status = CUBIX_OK;
  char name[4 * CUBIX_OUTPUT_PATH];
  struct text to = { name, 0, sizeof name };
  const char *from = par->OutputFile, *origin = cubix_params_origin(par, "OutputFile");
  const int c = cubix_row_table_find(rows->table, "OutputFile"),
            own = strchr(from, '{') || (c >= 0 && *rows->table->cell[row * rows->table->n_column + (size_t)c]);
  name[0] = '\0';
  CUBIX_CHECK(!strstr(from, "%d"), CUBIX_EUSAGE,
              "OutputFile = %s (%s): give every group a row of its own, and write {GroupIndex} for %%d", from, origin);
  while (*from) {
    const size_t n = strcspn(from, own ? "{" : ","), cut = own ? n : suffix_at(from, n);
    put(&to, from, cut);
    if (own && !from[n]) break;
    if (own) {
      const char *end = strchr(from + n, '}');
      CUBIX_CHECK(end, CUBIX_EUSAGE, "OutputFile = %s (%s): a { that is never closed", par->OutputFile, origin);
      CUBIX_TRY(put_value(&to, rows, par, row, from + n + 1, (size_t)(end - from) - n - 1));
      from = end + 1;
      continue;
    }
    put(&to, "_", 1);
    CUBIX_TRY(put_value(&to, rows, par, row, "row", 3));
    put(&to, from + cut, n - cut + (from[n] != '\0'));
    from += n + (from[n] != '\0');
  }
  char *place = NULL;
  CUBIX_ALLOC(place, strlen(origin) + 1);
  strcpy(place, origin);
  status = cubix_params_set_at(par, "OutputFile", name, place);
  free(place);
done:
  return status;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Is there such a parameter, and said in one way only? */
static int check_column(struct cubix_rows *rows, size_t c, int n_override, char *const *overrides)
{
  int status = CUBIX_OK;
  const struct cubix_row_table *t = rows->table;
  const char *name = t->column[c];
  struct cubix_param_info info = { .name = "" };
  rows->is_label[c] = !is_parameter(name);
  for (int i = 0; !rows->is_label[c] && i < cubix_params_count() && strcmp(info.name, name); i++)
    cubix_params_info(NULL, i, &info);
  if (!rows->is_label[c] && strcmp(info.name, name)) {
    status = cubix_params_set(rows->base, name, "");
    cubix_error_about("%s, column %zu (labels begin with a small letter)", t->file, c + 1);
    goto done;
  }
  for (int k = 0; k < n_override; k++)
    CUBIX_CHECK(strncmp(overrides[k], name, strlen(name)) || overrides[k][strlen(name)] != '=', CUBIX_EUSAGE,
                "%s is given on the command line (%s) and as a column of %s", name, overrides[k], t->file);
done:
  return status;
}

/* A required parameter that is a column need not be in the file; every row must have it then. */
static int check_required(const struct cubix_rows *rows, size_t c, const char *stand_in)
{
  int status = CUBIX_OK;
  const struct cubix_row_table *t = rows->table;
  char place[1200];
  if (rows->is_label[c] || strcmp(cubix_params_origin(rows->base, t->column[c]), stand_in)) goto done;
  for (size_t row = 0; row < t->n_row; row++)
    CUBIX_CHECK(*t->cell[row * t->n_column + c], CUBIX_EUSAGE, "%s: %s is empty, and no parameter file gives it",
                cubix_row_table_place(t, row, place, sizeof place), t->column[c]);
done:
  return status;
}

int cubix_rows_open(struct cubix_rows **out, const struct cubix_row_table *t, const char *file, const char *text,
                    const char *stack, int n_override, char *const *overrides)
{
  int status = CUBIX_OK;
  static const char stand_in[] = "the table", *const required[] = { "InputFile", "SspFile", "OutputFile" };
  struct cubix_rows *rows = NULL;
  CUBIX_ALLOC(rows, 1);
  rows->table = t;
  CUBIX_ALLOC(rows->is_label, t->n_column);
  CUBIX_TRY(cubix_params_init(&rows->base));
  for (size_t c = 0; c < t->n_column; c++) CUBIX_TRY(check_column(rows, c, n_override, overrides));
  for (int i = 0; i < 3; i++)
    if (cubix_row_table_find(t, required[i]) >= 0)
      CUBIX_TRY(cubix_params_set_at(rows->base, required[i], "as the table says", stand_in));
  if (stack && cubix_row_table_find(t, "OutputFile") < 0)
    CUBIX_TRY(cubix_params_set_at(rows->base, "OutputFile", "cube.fits", "--stack"));
  CUBIX_TRY(cubix_params_parse(rows->base, file, text, n_override, overrides));
  for (size_t c = 0; c < t->n_column; c++) CUBIX_TRY(check_required(rows, c, stand_in));
  *out = rows;
  rows = NULL;
done:
  cubix_rows_free(rows);
  return status;
}

int cubix_rows_params(struct cubix_params **out, const struct cubix_rows *rows, size_t row)
{
  int status = CUBIX_OK;
  const struct cubix_row_table *t = rows->table;
  struct cubix_params *par = NULL;
  char place[1200];
  CUBIX_TRY(cubix_params_copy(&par, rows->base));
  for (size_t c = 0; c < t->n_column; c++)
    if (!rows->is_label[c] && *t->cell[row * t->n_column + c]) CUBIX_TRY(set_cell(par, t, row, c));
  CUBIX_CHECK(
      par->Mode == CUBIX_Mode_cube, CUBIX_EUSAGE, "%s: Mode = %s (%s): cubix-batch makes cubes; Mode must be cube",
      cubix_row_table_place(t, row, place, sizeof place), cubix_Mode_word[par->Mode], cubix_params_origin(par, "Mode"));
  CUBIX_TRY(name_output(par, rows, row));
  *out = par;
  par = NULL;
done:
  cubix_params_free(par);
  return status;
}

void cubix_rows_free(struct cubix_rows *rows)
{
  if (!rows) return;
  cubix_params_free(rows->base);
  free(rows->is_label);
  free(rows);
}
