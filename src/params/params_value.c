/* params_value.c -- from the words a user wrote to a value in its unit and bounds, and back to words.
 *
 * A value is judged first (into struct value) and stored only when it is right: a wrong one leaves
 * the old in place and a sentence that names value, bounds and unit.  Numbers are decimal: strtod
 * and strtol must use up the whole word, and NaN, infinity and hexadecimal are no numbers here.
 * Quotes and commas only hold numbers together or apart: "1 2 3" kpc, 1, 2, 3 kpc and 1,2,3 kpc
 * are 1 2 3 kpc; a single comma between digits is refused, as 12,5 may mean 12.5 or two numbers.  A
 * last word that begins with a letter is a unit and is converted before the bounds are asked.  On
 * the way back the number with the fewest digits (15 to 17) that reads to the same bits is written,
 * in the table's own unit, in which reading multiplies by nothing: what is written reads back bit
 * by bit.
 * Limit: strtod follows the host's LC_NUMERIC; CUBIX's own programs never leave the C locale. */
#include "params/params_table.h"

#include "base/error.h"
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct value {
  const char *text;   /* word or text; NULL: numbers */
  double x[3];
  int n;              /* numbers given */
  int comoving;       /* 1: x is in ckpc/h */
};

enum { N_TOKEN = 8 };   /* more than any value has, so that too many are seen and told */

struct given {
  char *text;             /* owned: the words with blanks between, as messages show them */
  char *cut;              /* owned: the same in pieces */
  char *token[N_TOKEN];   /* the pieces, in `cut` */
  int n;
};

/* ---- what a value may be, in words ----------------------------------------------------------- */

/* "a|b|c" as "a, b or c", or with a last member of its own: "a, b, c or three numbers" */
static void words_say(const char *words, const char *last, char *text, size_t size)
{
  size_t used = 0;
  text[0] = '\0';
  for (const char *w = words; *w && used < size; ) {
    size_t n = strcspn(w, "|");
    const char *before = w == words ? "" : w[n] || last ? ", " : " or ";
    used += (size_t)snprintf(text + used, size - used, "%s%.*s", before, (int)n, w);
    w += n + (w[n] == '|');
  }
  if (last && used < size) snprintf(text + used, size - used, " or %s", last);
}

void cubix_param_bounds(const struct cubix_param_row *row, int form, char *text, size_t size)
{
  const char *what = "", *unit = strcmp(row->unit, "-") ? row->unit : "", *blank = *unit ? " " : "";
  char numbers[80], most[32];

  switch (row->type) {
  case CUBIX_PARAM_SECTION: text[0] = '\0'; return;
  case CUBIX_PARAM_STRING:  snprintf(text, size, "a text, in \"quotes\" where it has blanks"); return;
  case CUBIX_PARAM_CHOICE:
  case CUBIX_PARAM_BOOL:    words_say(row->words, NULL, text, size); return;
  case CUBIX_PARAM_VECTOR:
    snprintf(numbers, sizeof numbers, "three numbers%s%s", *unit ? " in " : "", unit);
    words_say(row->words, numbers, text, size);
    return;
  case CUBIX_PARAM_NUMBER:
    snprintf(numbers, sizeof numbers, "a number above 0, up to %s%s%s", cubix_param_number(row->max, most), blank,
             unit);
    words_say(row->words, numbers, text, size);
    return;
  case CUBIX_PARAM_WORDED:
    snprintf(text, size, "%s%s%s%s or %s", form ? "a number, " : "", row->range, blank, unit, row->words);
    return;
  case CUBIX_PARAM_INT:    what = "a whole number, "; break;
  case CUBIX_PARAM_DOUBLE: what = "a number, "; break;
  case CUBIX_PARAM_PAIR:   what = "one or two numbers, "; break;
  }
  snprintf(text, size, "%s%s%s%s", form ? what : "", row->range, blank, unit);
}

/* ---- judging --------------------------------------------------------------------------------- */

/* A sentence about a wrong value: "PixelScale = -0.2 must be ..."; one that begins with a colon
 * follows the value at once. */
static void blame(const struct cubix_param_row *row, const struct given *given, char *wrong, size_t size,
                  const char *fmt, ...) CUBIX_PRINTF(5, 6);
static void blame(const struct cubix_param_row *row, const struct given *given, char *wrong, size_t size,
                  const char *fmt, ...)
{
  char show[80];
  size_t used = (size_t)snprintf(wrong, size, "%s = %s%s", row->name,
                                 *given->text ? cubix_param_show(given->text, show, sizeof show) : "\"\"",
                                 fmt[0] == ':' ? "" : " ");
  if (used >= size) return;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(wrong + used, size - used, fmt, ap);
  va_end(ap);
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static int is_blank(char c) { return c == ' ' || c == '\t'; }

/* Part the piece at s, of n letters without a blank, at its commas.  Returns 0 where a single one
 * may be a decimal comma. */
static int commas_part(struct given *given, char *s, size_t n)
{
  int n_comma = 0;
  char *end = s + n;
  while (s < end && *s == ',') s++;
  while (s < end && end[-1] == ',') end--;
  for (char *c = s; c < end; c++) n_comma += *c == ',';
  char *comma = n_comma == 1 ? memchr(s, ',', (size_t)(end - s)) : NULL;
  if (comma && isdigit((unsigned char)comma[1]) && (comma == s || isdigit((unsigned char)comma[-1]))) return 0;
  while (s < end && given->n < N_TOKEN) {
    given->token[given->n++] = s;
    while (s < end && *s != ',') s++;
    if (s < end) *s++ = '\0';
  }
  *end = '\0';
  return 1;
}

/* Whether a comma stands where nothing is on one side of it. */
static int comma_loose(const char *text)
{
  int last = ',';                          /* of what is not blank */
  for (const char *c = text; *c; c++) {
    if (is_blank(*c)) continue;
    if (*c == ',' && last == ',') return 1;
    last = *c;
  }
  return last == ',' && *text;
}

static void comma_blame(const struct cubix_param_row *row, const struct given *given, const char *piece, size_t n,
                        char *wrong, size_t size)
{
  char point[64];
  while (*piece == ',') piece++, n--;
  snprintf(point, sizeof point, "%.*s", (int)n, piece);
  while (*point && point[strlen(point) - 1] == ',') point[strlen(point) - 1] = '\0';
  /* what is too long to be shown has lost its comma */
  if (row->type == CUBIX_PARAM_INT || !strchr(point, ',')) {
    blame(row, given, wrong, size,
          row->type == CUBIX_PARAM_INT ? ": write a whole number without a comma" : ": write numbers without commas");
    return;
  }
  char two[sizeof point];
  int has_point = strchr(point, '.') != NULL;
  memcpy(two, point, sizeof two);
  *strchr(point, ',') = '.';
  *strchr(two, ',') = ' ';
  if (cubix_param_is_real(row) && has_point)
    blame(row, given, wrong, size, ": write one number without a comma");
  else if (has_point) blame(row, given, wrong, size, ": two numbers? write %s", two);
  else if (cubix_param_is_real(row)) blame(row, given, wrong, size, ": a decimal comma? write %s", point);
  else blame(row, given, wrong, size, ": a decimal comma? write %s; two numbers? write %s", point, two);
}

/* Take the words apart into numbers, units and words of their own.  wrong: what is amiss with the commas. */
static int given_cut(struct given *given, const struct cubix_param_row *row, int n, char *const *word, char *wrong,
                     size_t size)
{
  int status = CUBIX_OK;
  size_t length = 1;
  for (int k = 0; k < n; k++) length += strlen(word[k]) + 1;
  CUBIX_ALLOC(given->text, length);
  for (int k = 0; k < n; k++) {
    if (k) strcat(given->text, " ");
    strcat(given->text, word[k]);
  }
  if (row->type == CUBIX_PARAM_STRING) goto done;
  CUBIX_TRY(cubix_param_copy(given->text, &given->cut));
  for (char *s = given->cut; *s; ) {
    size_t piece = strcspn(s, " \t");
    char *next = s + piece + (s[piece] != '\0');
    if (piece && !commas_part(given, s, piece)) {
      if (row->type == CUBIX_PARAM_CHOICE || row->type == CUBIX_PARAM_BOOL) given->token[given->n++] = s;
      else comma_blame(row, given, s, piece, wrong, size);
      goto done;
    }
    s = next;
  }
  if (comma_loose(given->text)) blame(row, given, wrong, size, "must have something on both sides of a comma");
done:
  return status;
}

/* Which of "a|b|c" a word is, without regard to case where asked; -1: none. */
static int word_index(const char *words, const char *word, int any_case)
{
  int i = 0;
  for (const char *w = words; *w; i++) {
    size_t n = strcspn(w, "|"), k = 0;
    while (k < n && word[k] && (word[k] == w[k] || (any_case && tolower((unsigned char)word[k]) == w[k]))) k++;
    if (k == n && !word[k]) return i;
    w += n + (w[n] == '|');
  }
  return -1;
}

static int number_read(const char *word, double *x)
{
  char *end;
  if (!*word || strspn(word, "0123456789+-.eE") != strlen(word)) return 0;
  *x = strtod(word, &end);
  return !*end && isfinite(*x);
}

static int whole_read(const char *word, double *x)
{
  char *end;
  if (!*word || strspn(word, "0123456789+-") != strlen(word)) return 0;
  errno = 0;
  long whole = strtol(word, &end, 10);
  *x = errno == ERANGE ? (word[0] == '-' ? -HUGE_VAL : HUGE_VAL) : (double)whole;   /* beyond any bound, but a number */
  return !*end;
}

/* Convert what was given with a unit; returns whether that is possible. */
static int unit_judge(const struct cubix_param_row *row, const struct given *given, struct value *v, char *wrong,
                      size_t size)
{
  char list[160];
  const char *unit = given->token[given->n - 1];
  if (!strcmp(row->unit, "-")) {
    blame(row, given, wrong, size, "must be a number without unit");
    return 0;
  }
  v->comoving = row->type == CUBIX_PARAM_VECTOR && !strcmp(row->unit, "kpc") &&
                !cubix_unit_convert(unit, "ckpc/h", v->n, v->x);
  int bad = v->comoving ? 0 : cubix_unit_convert(unit, row->unit, v->n, v->x);
  if (!bad) return 1;
  cubix_unit_list(row->unit, list, sizeof list);
  const char *known = !strcmp(unit, "\u00c5") || !strcmp(unit, "\u212b") ? ": write AA" : "; the unit is unknown";
  blame(row, given, wrong, size, "must be in %s%s", list, bad == -1 ? known : "");
  return 0;
}

/* Why a word that looks like a number is none, where the eye may miss it; "" otherwise. */
static const char *number_hint(const struct cubix_param_row *row, const struct given *given, char hint[96])
{
  for (int k = 0; k < given->n; k++) {          /* 60arcsec */
    char *unit;
    double x = strtod(given->token[k], &unit);
    if (unit == given->token[k] || !isalpha((unsigned char)*unit) || *unit == 'x' || *unit == 'X') continue;
    if (!strcmp(row->unit, "-")) return "; it has no unit";
    if (cubix_unit_convert(unit, row->unit, 1, &x)) return "; a blank must come before a unit";
    const int n = (int)(unit - given->token[k]);
    snprintf(hint, 96, "; a blank must come before the unit: %.*s %s", n < 40 ? n : 40, given->token[k], unit);
    return hint;
  }
  if (strstr(given->text, "\u00c5") || strstr(given->text, "\u212b")) return "; write AA for Angstrom, after a blank";
  for (const char *c = given->text; *c; c++) {
    if ((unsigned char)*c >= 0x80)
      return "; a letter in it is not ASCII: a minus sign, blank or quote of a word processor?";
    if (*c == '%' || *c == '#') return "; a blank must come before a comment";
  }
  return "";
}

static void numbers_judge(const struct cubix_param_row *row, const struct given *given, struct value *v, char *wrong,
                          size_t size)
{
  int (*read)(const char *, double *) = row->type == CUBIX_PARAM_INT ? whole_read : number_read;
  int most = row->type == CUBIX_PARAM_VECTOR ? 3 : row->type == CUBIX_PARAM_PAIR ? 2 : 1;
  int least = row->type == CUBIX_PARAM_VECTOR ? 3 : 1;
  const int n = given->n;
  char *const *token = given->token;
  int has_unit = n > 1 && (isalpha((unsigned char)token[n - 1][0]) || (unsigned char)token[n - 1][0] >= 0x80);
  char bounds[256], number[3][32], in_unit[160] = "", hint[96];

  v->n = n - has_unit;
  int ok = v->n >= least && v->n <= most;
  for (int k = 0; ok && k < v->n; k++) ok = read(token[k], &v->x[k]);
  if (!ok) {
    cubix_param_bounds(row, 1, bounds, sizeof bounds);
    blame(row, given, wrong, size, "must be %s%s", bounds, number_hint(row, given, hint));
    return;
  }
  if (has_unit && !unit_judge(row, given, v, wrong, size)) return;
  int inside = 1;
  for (int k = 0; k < v->n; k++)
    inside &= row->type == CUBIX_PARAM_VECTOR   ? isfinite(v->x[k])
              : row->type == CUBIX_PARAM_NUMBER ? v->x[k] > 0 && v->x[k] <= row->max
                                                : v->x[k] >= row->min && v->x[k] <= row->max;
  if (inside) return;
  for (int k = 0; k < v->n; k++) cubix_param_number(v->x[k], number[k]);
  if (has_unit && strcmp(token[n - 1], row->unit) && v->n < 3)
    snprintf(in_unit, sizeof in_unit, " and is %s%s%s %s", number[0], v->n > 1 ? " " : "", v->n > 1 ? number[1] : "",
             row->unit);
  cubix_param_bounds(row, 0, bounds, sizeof bounds);
  blame(row, given, wrong, size, "must be %s%s", bounds, in_unit);
}

static void words_judge(const struct cubix_param_row *row, const struct given *given, struct value *v, char *wrong,
                        size_t size)
{
  char bounds[256];
  int i = given->n == 1 ? word_index(row->words, given->token[0], 0) : -1;
  if (row->type == CUBIX_PARAM_BOOL && given->n == 1) {
    i = word_index("no|yes|0|1|false|true|off|on", given->token[0], 1);
    v->x[0] = i & 1;
  }
  if (row->type == CUBIX_PARAM_CHOICE) v->x[0] = i;
  v->text = given->token[0];
  if (i >= 0) return;
  cubix_param_bounds(row, 1, bounds, sizeof bounds);
  blame(row, given, wrong, size, "must be %s", bounds);
}

static void string_judge(const struct cubix_param_row *row, const struct given *given, int n_word, struct value *v,
                         char *wrong, size_t size)
{
  v->text = given->text;
  if (n_word > 1 && row->max == 0.) {
    blame(row, given, wrong, size, "must be one text; put \"quotes\" about a value with blanks");
    return;
  }
  if (!row->dflt && !*v->text) blame(row, given, wrong, size, "must not be empty");
  for (const char *c = v->text; *c; c++)
    if ((unsigned char)*c < 0x20 || *c == 0x7f) {
      blame(row, given, wrong, size, "must not hold tabs, line ends or other control characters");
      return;
    }
}

/* ---- storing --------------------------------------------------------------------------------- */

_Static_assert(sizeof(enum cubix_Noise) == sizeof(int), "choices are read and written as int");

/* text: the owned copy that pointers point to, NULL for numbers and choices */
static void store(struct cubix_params *par, const struct cubix_param_row *row, const struct value *v, const char *text)
{
  void *member = (char *)par + row->offset;
  switch (row->type) {
  case CUBIX_PARAM_SECTION: break;
  case CUBIX_PARAM_STRING: *(const char **)member = text; break;
  case CUBIX_PARAM_CHOICE:
  case CUBIX_PARAM_BOOL:
  case CUBIX_PARAM_INT:    *(int *)member = (int)v->x[0]; break;
  case CUBIX_PARAM_WORDED:
  case CUBIX_PARAM_DOUBLE: *(double *)member = v->x[0]; break;
  case CUBIX_PARAM_PAIR:   *(struct cubix_pair *)member = (struct cubix_pair){ v->x[0], v->x[v->n - 1] }; break;
  case CUBIX_PARAM_VECTOR:
    *(struct cubix_vector *)member = (struct cubix_vector){ text, { v->x[0], v->x[1], v->x[2] }, v->comoving };
    break;
  case CUBIX_PARAM_NUMBER: *(struct cubix_number *)member = (struct cubix_number){ text, v->x[0] }; break;
  }
}

int cubix_param_put(struct cubix_params *par, int i, int n, char *const *word, const char *place, char *wrong,
                    size_t size)
{
  const struct cubix_param_row *row = &cubix_param_table[i];
  struct cubix_params_origin *origin = &par->origin[i];
  struct value v = { 0 };
  struct given given = { 0 };
  char *text = NULL, *where = NULL;
  int status = CUBIX_OK;

  wrong[0] = '\0';
  CUBIX_TRY(given_cut(&given, row, n, word, wrong, size));
  if (wrong[0]) goto done;
  if (n == 0 || (!given.n && row->type != CUBIX_PARAM_STRING)) snprintf(wrong, size, "%s has no value", row->name);
  else if (row->type == CUBIX_PARAM_STRING) string_judge(row, &given, n, &v, wrong, size);
  else if (row->type == CUBIX_PARAM_CHOICE || row->type == CUBIX_PARAM_BOOL) words_judge(row, &given, &v, wrong, size);
  else if (row->type == CUBIX_PARAM_VECTOR && given.n == 1) words_judge(row, &given, &v, wrong, size);
  else if (row->type == CUBIX_PARAM_NUMBER && word_index(row->words, given.text, 0) >= 0) v.text = given.text;
  else if (row->type == CUBIX_PARAM_WORDED && word_index(row->words, given.text, 0) >= 0) v.x[0] = NAN;
  else numbers_judge(row, &given, &v, wrong, size);
  if (wrong[0]) goto done;

  if (v.text && row->type != CUBIX_PARAM_CHOICE && row->type != CUBIX_PARAM_BOOL)
    CUBIX_TRY(cubix_param_copy(v.text, &text));
  if (place) CUBIX_TRY(cubix_param_copy(place, &where));
  free(origin->text);
  free(origin->place);
  origin->text = text;
  origin->place = where;
  store(par, row, &v, text);
  text = where = NULL;
done:
  free(text);
  free(where);
  free(given.text);
  free(given.cut);
  return status;
}

/* ---- and back to words ----------------------------------------------------------------------- */

/* "1e+06" as "1e6", "1e-06" as "1e-6" */
static void exponent_trim(char *text)
{
  char *e = strchr(text, 'e');
  if (!e) return;
  char *to = e + 1, *from = e + 1;
  if (*from == '-') to++;
  from++;
  while (from[0] == '0' && from[1]) from++;
  memmove(to, from, strlen(from) + 1);
}

char *cubix_param_number(double x, char text[32])
{
  char shorter[32];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, 32, "%.*g", digits, x);
    if (strtod(text, NULL) == x) break;
  }
  exponent_trim(text);
  for (int digits = 1; digits <= 3 && strlen(text) > 6; digits++) {   /* 1e12 reads better than its zeros */
    snprintf(shorter, sizeof shorter, "%.*g", digits, x);
    exponent_trim(shorter);
    if (strtod(shorter, NULL) == x && strlen(shorter) < strlen(text)) strcpy(text, shorter);
  }
  return text;
}

/* In quotes where a reader would otherwise see no value, a comment, two words or a quote; a quote inside is doubled. */
static size_t string_text(const char *s, char *text, size_t size)
{
  int quotes = !*s || *s == '%' || *s == '#' || strpbrk(s, " \"") != NULL;
  size_t n = 0;
  if (!quotes) return (size_t)snprintf(text, size, "%s", s);
#define PUT(c) do { if (n + 1 < size) text[n] = (c); n++; } while (0)
  PUT('"');
  for (; *s; s++) {
    if (*s == '"') PUT('"');
    PUT(*s);
  }
  PUT('"');
#undef PUT
  if (size) text[n < size ? n : size - 1] = '\0';
  return n;
}

size_t cubix_param_text(const struct cubix_params *par, int i, char *text, size_t size)
{
  const struct cubix_param_row *row = &cubix_param_table[i];
  const void *member = (const char *)par + row->offset;
  const char *word = NULL;
  double x[3] = { 0. };
  int n = 0;
  char number[3][32];

  switch (row->type) {
  case CUBIX_PARAM_SECTION: break;
  case CUBIX_PARAM_STRING:
    word = *(const char *const *)member;
    return word ? string_text(word, text, size) : (size_t)snprintf(text, size, "%s", "");
  case CUBIX_PARAM_CHOICE: word = row->word[*(const int *)member]; break;
  case CUBIX_PARAM_BOOL:   word = *(const int *)member ? "yes" : "no"; break;
  case CUBIX_PARAM_INT:    return (size_t)snprintf(text, size, "%d", *(const int *)member);
  case CUBIX_PARAM_WORDED: if (isnan(*(const double *)member)) word = row->words; /* fall through */
  case CUBIX_PARAM_DOUBLE: x[n++] = *(const double *)member; break;
  case CUBIX_PARAM_PAIR:
    x[n++] = ((const struct cubix_pair *)member)->x;
    x[n++] = ((const struct cubix_pair *)member)->y;
    if (!memcmp(&x[0], &x[1], sizeof x[0])) n = 1;
    break;
  case CUBIX_PARAM_VECTOR:
    word = ((const struct cubix_vector *)member)->word;
    while (n < 3) {
      x[n] = ((const struct cubix_vector *)member)->x[n];
      n++;
    }
    break;
  case CUBIX_PARAM_NUMBER:
    word = ((const struct cubix_number *)member)->word;
    x[n++] = ((const struct cubix_number *)member)->x;
    break;
  }
  if (word) return (size_t)snprintf(text, size, "%s", word);
  for (int k = 0; k < n; k++) cubix_param_number(x[k], number[k]);
  const int comoving = row->type == CUBIX_PARAM_VECTOR && ((const struct cubix_vector *)member)->comoving;
  return (size_t)snprintf(text, size, "%s%s%s%s%s%s", n > 0 ? number[0] : "", n > 1 ? " " : "", n > 1 ? number[1] : "",
                          n > 2 ? " " : "", n > 2 ? number[2] : "", comoving ? " ckpc/h" : "");
}
