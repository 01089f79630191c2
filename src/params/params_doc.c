/* params_doc.c -- everything that is written from the table: the file of used values, help,
 * template and documentation.
 *
 * None of it is kept by hand: parameterfiles/cubix.param and doc/parameters.md are what
 * cubix_params_write_doc writes, and tests/tree/params_docs.sh compares them.  The file of used
 * values holds each parameter with its value in the table's unit and the place it came from; it is
 * itself a parameter file, and reading it gives the same values bit by bit (params_value.c). */
#include "params/params_table.h"

#include "base/error.h"
#include "base/spelling.h"
#include "base/units.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_include)
#if __has_include("version.h")   /* the build writes it; a program compiled by hand has none */
#include "version.h"
#endif
#endif
#ifndef CUBIX_VERSION
#define CUBIX_VERSION "of unknown version"
#define CUBIX_COMMIT  "unknown commit"
#endif

enum { WIDTH = 100 };   /* columns of what is written for reading */

#define FOR_ROWS(row) \
  for (const struct cubix_param_row *row = cubix_param_table; row < cubix_param_table + cubix_param_n_row; row++)

/* ---- pieces of text -------------------------------------------------------------------------- */

static int is_section(const struct cubix_param_row *row) { return row->type == CUBIX_PARAM_SECTION; }
static int has_unit(const struct cubix_param_row *row) { return strcmp(row->unit, "-") != 0; }
static int is_number(const char *value)
{
  return isdigit((unsigned char)value[0]) || value[0] == '-' || value[0] == '.';
}

/* " arcsec" after a number of a parameter that has a unit, else "" */
static const char *unit_after(const struct cubix_param_row *row, const char *value, char text[32])
{
  text[0] = '\0';
  const char *last = value + strlen(value) - (*value != '\0');       /* a letter: of a unit that is there already */
  if (has_unit(row) && is_number(value) && !isalpha((unsigned char)*last)) snprintf(text, 32, " %s", row->unit);
  return text;
}

/* How much of a text goes into a line of `room` columns: whole words, at least one. */
static int wrapped(const char *text, int room)
{
  int n = (int)strlen(text);
  if (n <= room) return n;
  for (n = room; n > 0 && text[n] != ' '; n--) ;
  return n ? n : (int)strcspn(text, " ");
}

/* A text in lines of at most WIDTH columns, each begun with `begin`. */
static void wrap(FILE *out, const char *begin, const char *text)
{
  while (*text) {
    int n = wrapped(text, WIDTH - (int)strlen(begin));
    fprintf(out, "%s%.*s\n", begin, n, text);
    text += n;
    while (*text == ' ') text++;
  }
}

static int written(FILE *out)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(!fflush(out) && !ferror(out), CUBIX_EOUTPUT,
              "cannot write the text of the parameters: is the disk full?");
done:
  return status;
}

/* ---- the values in use ----------------------------------------------------------------------- */

int cubix_params_write_used(const struct cubix_params *par, FILE *out)
{
  return cubix_params_write_found(par, out, 0, NULL);
}

int cubix_params_write_found(const struct cubix_params *par, FILE *out, int n, const struct cubix_param_found *found)
{
  char *value = NULL, origin[4200], unit[32];
  int status = CUBIX_OK;

  fprintf(out, "%% CUBIX %s (%s): every parameter of one run, with the place its value came from.\n"
               "%% This is a parameter file: cubix reads it again, to the same cube.\n", CUBIX_VERSION, CUBIX_COMMIT);
  for (int i = 0; i < cubix_param_n_row; i++) {
    const struct cubix_param_row *row = &cubix_param_table[i];
    if (is_section(row)) {
      fprintf(out, "\n%% ---- %s ----\n", row->name);
      continue;
    }
    size_t size = cubix_param_text(par, i, NULL, 0) + 1;
    free(value);
    CUBIX_ALLOC(value, size);
    cubix_param_text(par, i, value, size);
    if (*value) fprintf(out, "%-18s %s%s", row->name, value, unit_after(row, value, unit));
    else fprintf(out, "%% %-16s (required, not given)", row->name);
    int used = (int)(strlen(value) + strlen(unit));
    fprintf(out, "%*s  %% %s", used < 24 ? 24 - used : 0, "",
            cubix_param_show(cubix_params_origin(par, row->name), origin, sizeof origin));
    for (int k = 0; k < n; k++)
      if (!strcmp(found[k].name, row->name)) fprintf(out, ": %s", found[k].text);
    fputc('\n', out);
  }
  CUBIX_TRY(written(out));
done:
  free(value);
  return status;
}

/* ---- documentation --------------------------------------------------------------------------- */

static void template_row(FILE *out, const struct cubix_param_row *row)
{
  char bounds[256], unit[32];
  const char *value = row->dflt ? row->dflt : row->words;
  cubix_param_bounds(row, 0, bounds, sizeof bounds);
  wrap(out, "% ", row->help);
  if (!row->dflt) {
    fprintf(out, "%%%-18s %s\n\n", row->name, value);
    return;
  }
  fprintf(out, "%-18s %s%s", row->name, *value ? value : "\"\"", unit_after(row, value, unit));
  int used = (int)(strlen(*value ? value : "\"\"") + strlen(unit));
  if (row->type == CUBIX_PARAM_STRING) fprintf(out, "\n\n");
  else fprintf(out, "%*s  %% %s\n\n", used < 16 ? 16 - used : 0, "", bounds);
}

static void write_template(FILE *out)
{
  fprintf(out,
          "%% Every parameter of CUBIX, with its default.  Made by `cubix --params=template`: copy it, keep what you "
          "need.\n"
          "%%\n"
          "%% A line is `Name  value [unit]  %% comment`; # also starts a comment; a value with blanks is put in "
          "\"quotes\".\n"
          "%% A number without a unit is in the unit shown here; with one it is converted: 0.2 arcsec is 200 mas.\n"
          "%% What is left out has its default.  The command line overrides the file: cubix my.param Redshift=0.05\n"
          "\n%% ==== Required: remove the %% and set your own ====\n\n");
  FOR_ROWS(row) if (!is_section(row) && !row->dflt) template_row(out, row);
  FOR_ROWS(row) {
    if (is_section(row)) fprintf(out, "\n%% ==== %s ====\n\n", row->name);
    else if (row->dflt) template_row(out, row);
  }
}

static void write_markdown(FILE *out)
{
  char bounds[256], unit[160];
  fprintf(
      out,
      "# Parameters of `cubix`\n\n"
      "<!-- Made by `cubix --params=markdown` from src/params/params.def; tests/tree/params_docs.sh compares. -->\n\n"
      "A parameter file has lines of the form `Name  value [unit]   %% comment`; `#` also starts a comment.\n"
      "A value with blanks is put in \"quotes\" (a quote within is doubled). Names are case-sensitive. A\n"
      "number without a unit is in the unit listed here; another unit of the same kind is converted\n"
      "(`PixelScale 200 mas`). Several numbers are separated by blanks or commas (`1 2 3 kpc`,\n"
      "`1, 2, 3 kpc` or `\"1 2 3\" kpc`). The decimal separator is a point; `12,5` is refused. `Name=value` on\n"
      "the command line overrides the file. All errors in a file are reported at once, with their lines.\n\n"
      "`cubix --help Name` explains one parameter, and `cubix --params=template` writes a file to begin\n"
      "with. Every result comes with a file of the values in use, which makes the same cube again.\n\n"
      "Units: ");
  const char *told = "";
  FOR_ROWS(row) {   /* each kind of unit once: in the words of the first parameter that has it */
    double nothing = 0.;
    const struct cubix_param_row *first = cubix_param_table;
    while (first < row && cubix_unit_convert(first->unit, row->unit, 1, &nothing)) first++;
    if (!has_unit(row) || first < row) continue;
    cubix_unit_list(row->unit, unit, sizeof unit);
    fprintf(out, "%s%s", told, unit);
    told = "; ";
  }
  fprintf(out, ".\n");
  FOR_ROWS(row) {
    if (is_section(row)) {
      fprintf(out, "\n## %s\n\n| Name | Default | Range | Unit | Meaning |\n|---|---|---|---|---|\n", row->name);
      continue;
    }
    struct cubix_param_row plain = *row;
    plain.unit = "-";   /* it has a column of its own */
    cubix_param_bounds(&plain, 0, bounds, sizeof bounds);
    fprintf(out, "| `%s` | %s | %s | %s | %s |\n", row->name,
            !row->dflt   ? "required"
            : *row->dflt ? row->dflt
                         : "(empty)",
            row->type == CUBIX_PARAM_STRING ? "" : bounds, has_unit(row) ? row->unit : "", row->help);
  }
}

static void json_text(FILE *out, const char *name, const char *text, const char *after)
{
  fprintf(out, "\"%s\": \"", name);
  for (; *text; text++) fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
  fprintf(out, "\"%s", after);
}

static void write_json(FILE *out)
{
  const char *section = "", *before = "";
  char number[32];
  fprintf(out, "[");
  FOR_ROWS(row) {
    if (is_section(row)) {
      section = row->name;
      continue;
    }
    fprintf(out, "%s\n  {", before);
    before = ",";
    json_text(out, "name", row->name, ", ");
    json_text(out, "type", row->type_name, ", ");
    json_text(out, "section", section, ", ");
    if (row->dflt) json_text(out, "default", row->dflt, ", ");
    fprintf(out, "\"required\": %s, ", row->dflt ? "false" : "true");
    if (row->words && row->dflt) json_text(out, "words", row->words, ", ");
    if (row->max > row->min && !row->words) {
      fprintf(out, "\"min\": %s, ", cubix_param_number(row->min, number));
      fprintf(out, "\"max\": %s, ", cubix_param_number(row->max, number));
    }
    if (has_unit(row)) json_text(out, "unit", row->unit, ", ");
    json_text(out, "help", row->help, "}");
  }
  fprintf(out, "\n]\n");
}

/* A text for man: what would be commands and escapes is none. */
static void man_text(FILE *out, const char *text)
{
  if (*text == '.' || *text == '\'') fputs("\\&", out);
  for (; *text; text++) {
    if (*text == '\\') fputs("\\e", out);
    else fputc(*text, out);
  }
  fputc('\n', out);
}

static void write_man(FILE *out)
{
  char bounds[256], unit[160];
  fprintf(out, ".SH PARAMETERS\n"
               "A parameter file has lines of the form\n.B Name value [unit] %% comment\n"
               "(# also starts a comment); on the command line it is\n.BR Name=value .\n");
  FOR_ROWS(row) {
    if (is_section(row)) {
      fprintf(out, ".SS %s\n", row->name);
      continue;
    }
    cubix_param_bounds(row, 1, bounds, sizeof bounds);
    fprintf(out, ".TP\n.B %s\n", row->name);
    man_text(out, row->help);
    fprintf(out, ".br\n");
    if (row->type != CUBIX_PARAM_STRING) man_text(out, bounds);
    if (!row->dflt) fprintf(out, "(required)\n");
    else fprintf(out, "[%s%s]\n", *row->dflt ? row->dflt : "empty", unit_after(row, row->dflt, unit));
  }
}

int cubix_params_write_doc(FILE *out, const char *form)
{
  char show[64];
  int status = CUBIX_OK;
  if (!strcmp(form, "template")) write_template(out);
  else if (!strcmp(form, "markdown")) write_markdown(out);
  else if (!strcmp(form, "json")) write_json(out);
  else if (!strcmp(form, "man")) write_man(out);
  else
    CUBIX_CHECK(0, CUBIX_EUSAGE, "--params=%s must be template, markdown, json or man",
                cubix_param_show(form, show, sizeof show));
  CUBIX_TRY(written(out));
done:
  return status;
}

/* ---- help ------------------------------------------------------------------------------------ */

/* A line in the list: name, default, and the first sentence of the help, in lines of at most WIDTH columns. */
static void help_line(FILE *out, const struct cubix_param_row *row)
{
  enum { INDENT = 33 };
  char value[80], unit[32], left[120], text[1024];
  const char *dflt = !row->dflt ? "(required)" : *row->dflt ? row->dflt : "(empty)", *end = strstr(row->help, ". ");
  snprintf(value, sizeof value, "%s%s", dflt, unit_after(row, dflt, unit));
  const int used = snprintf(left, sizeof left, "  %-18s %-11s ", row->name, value);
  snprintf(text, sizeof text, "%.*s", end ? (int)(end - row->help + 1) : (int)strlen(row->help), row->help);
  const char *s = text;
  for (int first = 1; *s; first = 0) {
    int begin = first ? used : INDENT, n = wrapped(s, WIDTH - begin);
    fprintf(out, "%*s%.*s\n", begin, first ? left : "", n, s);
    for (s += n; *s == ' '; ) s++;
  }
}

static int has_word(const char *text, const char *word)
{
  for (; *text; text++)
    if (cubix_spelling_begins(text, word)) return 1;
  return 0;
}

/* The rows whose name, help or section has a word, or all.  @return how many */
static int help_list(FILE *out, const char *word)
{
  const struct cubix_param_row *section = NULL, *told = NULL;
  int n = 0;
  FOR_ROWS(row) {
    if (is_section(row)) section = row;
    if (is_section(row) ||
        (word && !has_word(row->name, word) && !has_word(row->help, word) && !has_word(section->name, word)))
      continue;
    if (section != told) fprintf(out, "\n%s\n", section->name);
    told = section;
    help_line(out, row);
    n++;
  }
  return n;
}

static void help_one(FILE *out, const struct cubix_param_row *row)
{
  char bounds[256], unit[160], after[32];
  const struct cubix_param_row *section = row;
  while (!is_section(section)) section--;
  cubix_param_bounds(row, 1, bounds, sizeof bounds);
  fprintf(out, "%s   (%s)\n", row->name, section->name);
  wrap(out, "  ", row->help);
  fprintf(out, "\n  Value     %s\n", bounds);
  if (has_unit(row)) {
    cubix_unit_list(row->unit, unit, sizeof unit);
    fprintf(out, "  Unit      %s\n", unit);
  }
  if (!row->dflt) fprintf(out, "  Default   none: it is required\n  Example   %s  %s\n", row->name, row->words);
  else fprintf(out, "  Default   %s%s\n", *row->dflt ? row->dflt : "\"\"", unit_after(row, row->dflt, after));
}

int cubix_params_write_help(FILE *out, const char *name)
{
  int status = CUBIX_OK;
  const struct cubix_param_row *known = NULL;
  FOR_ROWS(row)
    if (name && !is_section(row) && cubix_name_same(row->name, strlen(row->name), name, strlen(name))) known = row;
  if (known) help_one(out, known);
  /* "dust" is a subject as well as a parameter, "Dust" is not */
  const int looks = !known || (strcmp(known->name, name) != 0 && cubix_spelling_begins(known->name, name));
  if (known && looks) fprintf(out, "\nAll that has to do with \"%s\":\n", name);
  if (looks && !help_list(out, name)) {
    char wrong[256];
    cubix_param_unknown(name, wrong, sizeof wrong);
    CUBIX_CHECK(0, CUBIX_EUSAGE, "%s", wrong);
  } else if (looks) fprintf(out, "\nName, default and unit, meaning.  cubix --help Name tells more about one.\n");
  CUBIX_TRY(written(out));
done:
  return status;
}
