/* params_text.c -- the parameter file: lines of `Name value [unit]   % comment`.
 *
 * A line is cut into words at blanks (tabs count, CR and LF end it, in any mixture).  % or # at the
 * beginning of a word starts a comment, so that names of files may hold either.  "..." holds blanks
 * together, and "" within it is one ". A byte-order mark, empty lines, lines of any length and a
 * last line without an end are fine.
 *
 * Nothing stops at the first mistake: the whole file and all overrides are read, every wrong thing
 * becomes a line of one message, "muse.param:14: PixelScale = -0.2 must be 0..1000 arcsec", and
 * what does not fit into the message is counted. */
#include "params/params_table.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_WORD = 128 }; /* more than any value has, so that too many are seen and told */

struct reader {
  struct cubix_params *par;
  char name[128];      /* of the file, as messages show it */
  const char *path;    /* and as it was given */
  int *line;           /* [n_row] where the file gave each parameter; 0: not yet */
  int *given;          /* [n_row] whether the command line did */
  char wrong[3900];    /* the message so far: within what error.c holds */
  size_t used;
  int n_wrong, n_untold;
};

static void blame(struct reader *r, const char *fmt, ...) CUBIX_PRINTF(2, 3);
static void blame(struct reader *r, const char *fmt, ...)
{
  char line[1200];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  r->n_wrong++;
  if (r->n_untold || r->used + strlen(line) + 2 > sizeof r->wrong) r->n_untold++;
  else r->used += (size_t)snprintf(r->wrong + r->used, sizeof r->wrong - r->used, "%s%s", r->used ? "\n" : "", line);
}

/* ---- words ----------------------------------------------------------------------------------- */

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }

/* Take the quotes off the word at s, in place.  Returns what follows it, NULL when the closing quote is missing. */
static char *unquote(char *s)
{
  char *to = s;
  for (char *from = s + 1; *from; from++) {
    if (*from == '"' && *++from != '"') {
      *to = '\0';
      return from;
    }
    *to++ = *from;
  }
  return NULL;
}

/* Cut a line into words, in place.  *flaw: what is wrong with the line, NULL if nothing. */
static int words_cut(char *s, char *word[N_WORD], const char **flaw)
{
  int n = 0;
  *flaw = NULL;
  for (;;) {
    while (is_blank(*s)) s++;
    if (!*s || *s == '%' || *s == '#') break;
    if (n == N_WORD) {
      *flaw = "there are more than 128 words";
      break;
    }
    word[n++] = s;
    if (*s == '"') {
      s = unquote(s);
      if (!s) *flaw = "the closing quote is missing";
      else if (*s && !is_blank(*s))
        *flaw = "a blank must follow the closing quote (a quote within quotes is written \"\")";
      if (*flaw) break;
    } else {
      while (*s && !is_blank(*s)) s++;
      if (*s) *s++ = '\0';
    }
  }
  return n;
}

int cubix_param_put_text(struct cubix_params *par, int i, const char *value, const char *place, char *wrong,
                         size_t size)
{
  int whole = cubix_param_table[i].type == CUBIX_PARAM_STRING, n = 1;
  const char *flaw = NULL;
  char *copy = NULL, *word[N_WORD];
  int status = CUBIX_OK;

  while (is_blank(*value)) value++;
  CUBIX_TRY(cubix_param_copy(value, &copy));
  for (size_t end = strlen(copy); end > 0 && is_blank(copy[end - 1]); end--) copy[end - 1] = '\0';
  word[0] = copy;
  if (!whole || copy[0] == '"') n = words_cut(copy, word, &flaw);
  if (flaw) snprintf(wrong, size, "%s: %s", cubix_param_table[i].name, flaw);
  else CUBIX_TRY(cubix_param_put(par, i, n, word, place, wrong, size));
done:
  free(copy);
  return status;
}

/* ---- the file -------------------------------------------------------------------------------- */

static int line_read(struct reader *r, char *s, int number)
{
  char place[4200], wrong[1024], *word[N_WORD];
  const char *flaw;
  int status = CUBIX_OK;

  while (is_blank(*s)) s++;
  if (!*s || *s == '%' || *s == '#') goto done;
  char *name = s;
  while (*s && !is_blank(*s)) s++;
  if (*s) *s++ = '\0';
  while (is_blank(*s)) s++;

  int i = cubix_param_find(name);
  if (*s == '=' || (i < 0 && strchr(name, '='))) {
    char show[64];
    blame(r, "%s:%d: %s: write the name, a blank and the value; = belongs to the command line", r->name, number,
          cubix_param_show(name, show, sizeof show));
  } else if (i < 0) {
    cubix_param_unknown(name, wrong, sizeof wrong);
    blame(r, "%s:%d: %s", r->name, number, wrong);
  } else if (r->line[i]) {
    blame(r, "%s:%d: %s is given twice, first in line %d", r->name, number, name, r->line[i]);
  } else {
    r->line[i] = number;
    int n = words_cut(s, word, &flaw);
    if (flaw) {
      blame(r, "%s:%d: %s: %s", r->name, number, name, flaw);
      goto done;
    }
    snprintf(place, sizeof place, "%.4096s:%d", r->path, number);
    CUBIX_TRY(cubix_param_put(r->par, i, n, word, place, wrong, sizeof wrong));
    if (wrong[0]) blame(r, "%s:%d: %s", r->name, number, wrong);
  }
done:
  return status;
}

static int file_read(struct reader *r, const char *text)
{
  char *copy = NULL;
  int status = CUBIX_OK;

  CUBIX_TRY(cubix_param_copy(text, &copy));
  char *s = strncmp(copy, "\xef\xbb\xbf", 3) ? copy : copy + 3;
  for (int number = 1; *s; number++) {
    char *end = s + strcspn(s, "\r\n");
    char *next = end[0] == '\r' && end[1] == '\n' ? end + 2 : end[0] ? end + 1 : end;
    *end = '\0';
    CUBIX_TRY(line_read(r, s, number));
    s = next;
  }
done:
  free(copy);
  return status;
}

/* ---- the command line ------------------------------------------------------------------------ */

static int override_read(struct reader *r, const char *text)
{
  char *name = NULL, wrong[1024], show[100];
  int status = CUBIX_OK;

  CUBIX_TRY(cubix_param_copy(text, &name));
  char *equals = strchr(name, '=');
  if (equals)
    for (*equals = '\0'; equals > name && is_blank(equals[-1]); equals--) equals[-1] = '\0';
  if (!equals || !*name) {
    blame(r, "command line: %s must be Name=value", cubix_param_show(text, show, sizeof show));
    goto done;
  }
  int i = cubix_param_find(name);
  if (i < 0) {
    cubix_param_unknown(name, wrong, sizeof wrong);
    blame(r, "command line: %s", wrong);
  } else if (r->given[i]) {
    blame(r, "command line: %s is given twice", name);
  } else {
    r->given[i] = 1;
    CUBIX_TRY(cubix_param_put_text(r->par, i, strchr(text, '=') + 1, "command line", wrong, sizeof wrong));
    if (wrong[0]) blame(r, "command line: %s", wrong);
  }
done:
  free(name);
  return status;
}

static void missing_find(struct reader *r)
{
  for (int i = 0; i < cubix_param_n_row; i++) {
    const struct cubix_param_row *row = &cubix_param_table[i];
    if (row->type == CUBIX_PARAM_SECTION || row->dflt || r->line[i] || r->given[i]) continue;
    const char *value = *(const char *const *)((const char *)r->par + row->offset);   /* only texts can be required */
    if (!value) blame(r, "%s: %s is missing: %s", r->name, row->name, row->help);
  }
}

int cubix_params_parse(struct cubix_params *par, const char *name, const char *text, int n_override,
                       char *const *overrides)
{
  struct reader *r = NULL;
  int status = CUBIX_OK;

  CUBIX_ALLOC(r, 1);
  r->par = par;
  r->path = name;
  size_t skip = strlen(name) < 100 ? 0 : strlen(name) - 97;   /* of a long path the end tells more */
  char end[128];
  snprintf(r->name, sizeof r->name, "%s%s", skip ? "..." : "", cubix_param_show(name + skip, end, sizeof end));
  CUBIX_ALLOC(r->line, cubix_param_n_row);
  CUBIX_ALLOC(r->given, cubix_param_n_row);

  CUBIX_TRY(file_read(r, text));
  for (int k = 0; k < n_override; k++) CUBIX_TRY(override_read(r, overrides[k]));
  missing_find(r);
  CUBIX_CHECK(!r->n_untold, CUBIX_EUSAGE, "%s\n... and %d more", r->wrong, r->n_untold);
  CUBIX_CHECK(!r->n_wrong, CUBIX_EUSAGE, "%s", r->wrong);
done:
  if (r) {
    free(r->line);
    free(r->given);
  }
  free(r);
  return status;
}
