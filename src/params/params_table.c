/* params_table.c -- the rows of params.def, and what to say of a name that is none. */
#include "params/params_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/spelling.h"
#include "params/params.h"

/* words, min, max, range of a row, by type: what the columns min and max mean */
#define LIMITS_STRING(min, max) min, 0., max, ""
#define LIMITS_BOOL(min, max)   "yes|no", 0., 1., "yes|no"
#define LIMITS_INT(min, max)    NULL, min, max, #min ".." #max
#define LIMITS_DOUBLE(min, max) NULL, min, max, #min ".." #max
#define LIMITS_WORDED(min, max) "snapshot", min, max, #min ".." #max
#define LIMITS_PAIR(min, max)   NULL, min, max, #min ".." #max
#define LIMITS_VECTOR(min, max) min, 0., 0., min
#define LIMITS_NUMBER(min, max) min, 0., max, min

#define CUBIX_CHOICE(name, dflt, words, needs, help) \
  const char *const cubix_##name##_word[] = { CUBIX_EACH(WORD, name, words) };
#define WORD(name, word) #word,
#include "params/params.def"

const struct cubix_param_row cubix_param_table[] = {
#define CUBIX_SECTION(title) { CUBIX_PARAM_SECTION, "section", title, NULL, NULL, NULL, 0., 0., "", "-", "", "", 0 },
#define CUBIX_PARAM(type, name, dflt, min, max, unit, needs, help) \
  { CUBIX_PARAM_##type,     #type, #name, dflt, NULL, \
    LIMITS_##type(min, max), unit, help, needs, offsetof(struct cubix_params, name) },
#define CUBIX_CHOICE(name, dflt, words, needs, help) \
  { CUBIX_PARAM_CHOICE, "CHOICE", #name, dflt, cubix_##name##_word, \
    WORDS(name, words), 0., 0., WORDS(name, words), "-", help, needs, offsetof(struct cubix_params, name) },
#define WORDS(name, words) &(CUBIX_EACH(BAR_WORD, name, words))[1]   /* "a|b|c" */
#define BAR_WORD(name, word) "|" #word
#include "params/params.def"
};
const int cubix_param_n_row = sizeof cubix_param_table / sizeof *cubix_param_table;

const struct cubix_param_rename cubix_param_renames[] = {
#define CUBIX_RENAMED(other, name) { #other, #name },
#include "params/params.def"
  { NULL, NULL }
};

/* ---- names, right and wrong ------------------------------------------------------------------ */

int cubix_param_find(const char *name)
{
  for (int i = 0; i < cubix_param_n_row; i++)
    if (cubix_param_table[i].type != CUBIX_PARAM_SECTION && !strcmp(cubix_param_table[i].name, name)) return i;
  return -1;
}

static const char *nearest(const char *name)
{
  int best = 2 + (int)strlen(name) / 3;   /* as many slips are no slip any more */
  const char *found = NULL;
  for (int i = 0; i < cubix_param_n_row; i++) {
    const char *known = cubix_param_table[i].name;
    if (cubix_param_table[i].type == CUBIX_PARAM_SECTION) continue;
    int distance = cubix_spelling_distance(name, known);
    if (distance > 1 && strlen(name) >= 3 && cubix_spelling_begins(known, name)) distance = 1;
    if (distance < best) {
      best = distance;
      found = known;
    }
  }
  return found;
}

void cubix_param_unknown(const char *name, char *text, size_t size)
{
  const char *near = nearest(name);
  char show[64];
  cubix_param_show(name, show, sizeof show);
  for (const struct cubix_param_rename *r = cubix_param_renames; r->other; r++)
    if (!strcmp(r->other, name)) {
      snprintf(text, size, "parameter %s is called %s here", show, r->name);
      return;
    }
  if (near) snprintf(text, size, "unknown parameter %s; did you mean %s?", show, near);
  else snprintf(text, size, "unknown parameter %s; cubix --help lists all", show);
}

/* ---- small things for text ------------------------------------------------------------------- */

char *cubix_param_show(const char *text, char *show, size_t size)
{
  size_t n = strlen(text), keep = n < size ? n : size - 1;
  for (size_t k = 0; k < keep; k++) show[k] = (unsigned char)text[k] < 0x20 || text[k] == 0x7f ? '?' : text[k];
  show[keep] = '\0';
  if (keep < n && keep >= 3) {
    while (keep > 3 && ((unsigned char)show[keep - 3] & 0xc0) == 0x80) keep--;   /* never half a UTF-8 letter */
    memcpy(show + keep - 3, "...", 4);
  }
  return show;
}

int cubix_param_copy(const char *text, char **copy)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(*copy, strlen(text) + 1);
  memcpy(*copy, text, strlen(text) + 1);
done:
  return status;
}
