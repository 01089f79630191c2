/* params.c -- the table of parameters and the values in use.
 *
 * params.def is included three times: in params.h for the members of struct cubix_params, and here for the rows that describe
 * them and for the names that are no more.  A row knows where its member lies (offsetof), so that one loop serves all: defaults,
 * reader (params_text.c), values (params_value.c), help, template, documentation and the file of used values (params_doc.c).
 *
 * Words and texts are owned by par->origin[row].text; the members point there.  A member that a host code sets by hand is
 * written out as it stands: members, not texts, are the truth.  Names are compared exactly.  What to suggest for a wrong one
 * is the known name with the smallest edit distance (name.h), if it is near enough to be a slip, or the first that begins with
 * what was written. */
#include "params/params_table.h"

#include "base/error.h"
#include "base/log.h"
#include "base/spelling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* words, min, max, range of a row, by type: what the columns min and max mean */
#define LIMITS_STRING(min, max) min, 0., 0., ""
#define LIMITS_CHOICE(min, max) min, 0., 0., min
#define LIMITS_BOOL(min, max)   "yes|no", 0., 1., "yes|no"
#define LIMITS_INT(min, max)    NULL, min, max, #min ".." #max
#define LIMITS_DOUBLE(min, max) NULL, min, max, #min ".." #max
#define LIMITS_PAIR(min, max)   NULL, min, max, #min ".." #max
#define LIMITS_VECTOR(min, max) min, 0., 0., min

const struct cubix_param_row cubix_param_table[] = {
#define CUBIX_SECTION(title) { CUBIX_PARAM_SECTION, "section", title, NULL, NULL, 0., 0., "", "-", "", 0 },
#define CUBIX_PARAM(type, name, dflt, min, max, unit, help) \
  { CUBIX_PARAM_##type, #type, #name, dflt, LIMITS_##type(min, max), unit, help, offsetof(struct cubix_params, name) },
#include "params/params.def"
#undef CUBIX_PARAM
#undef CUBIX_SECTION
};
const int cubix_param_n_row = sizeof cubix_param_table / sizeof *cubix_param_table;

const struct cubix_param_rename cubix_param_renames[] = {
#define CUBIX_SECTION(title)
#define CUBIX_PARAM(type, name, dflt, min, max, unit, help)
#define CUBIX_RENAMED(other, name) { #other, #name },
#include "params/params.def"
#undef CUBIX_PARAM
#undef CUBIX_SECTION
  { NULL, NULL }
};

/* ---- the life of a struct cubix_params ------------------------------------------------------------------------------- */

int cubix_params_init(struct cubix_params **out)
{
  struct cubix_params *par = NULL;
  char wrong[1024];
  int status = CUBIX_OK;

  *out = NULL;
  CUBIX_ALLOC(par, 1);
  CUBIX_ALLOC(par->origin, cubix_param_n_row);
  for (int i = 0; i < cubix_param_n_row; i++) {
    if (!cubix_param_table[i].dflt) continue;
    CUBIX_TRY(cubix_param_put_text(par, i, cubix_param_table[i].dflt, NULL, wrong, sizeof wrong));
    CUBIX_CHECK(!wrong[0], CUBIX_EFAIL, "params.def has a default outside its own bounds: %s", wrong);
  }
  *out = par;
  par = NULL;
done:
  cubix_params_free(par);
  return status;
}

void cubix_params_free(struct cubix_params *par)
{
  if (!par) return;
  for (int i = 0; par->origin && i < cubix_param_n_row; i++) {
    free(par->origin[i].text);
    free(par->origin[i].place);
  }
  free(par->origin);
  free(par);
}

int cubix_params_set(struct cubix_params *par, const char *name, const char *value)
{
  char wrong[1024];
  int status = CUBIX_OK, i = cubix_param_find(name);

  if (i < 0) {
    cubix_param_unknown(name, wrong, sizeof wrong);
    CUBIX_CHECK(0, CUBIX_EUSAGE, "%s", wrong);
  }
  CUBIX_TRY(cubix_param_put_text(par, i, value, "set by the program", wrong, sizeof wrong));
  CUBIX_CHECK(!wrong[0], CUBIX_EUSAGE, "%s", wrong);
done:
  return status;
}

/* ---- one parameter ------------------------------------------------------------------------------------------------------ */

int cubix_params_count(void)
{
  int n = 0;
  for (int i = 0; i < cubix_param_n_row; i++) n += cubix_param_table[i].type != CUBIX_PARAM_SECTION;
  return n;
}

void cubix_params_info(const struct cubix_params *par, int i, struct cubix_param_info *info)
{
  const char *section = "";
  int row = 0;

  for (int n = -1; row < cubix_param_n_row; row++) {
    if (cubix_param_table[row].type == CUBIX_PARAM_SECTION) section = cubix_param_table[row].name;
    else if (++n == i) break;
  }
  memset(info, 0, sizeof *info);
  if (row == cubix_param_n_row) return;
  info->name = cubix_param_table[row].name;
  info->type = cubix_param_table[row].type_name;
  info->unit = cubix_param_table[row].unit;
  info->help = cubix_param_table[row].help;
  info->dflt = cubix_param_table[row].dflt;
  info->range = cubix_param_table[row].range;
  info->section = section;
  if (!par) return;
  cubix_param_text(par, row, info->value, sizeof info->value);
  cubix_param_show(cubix_params_origin(par, info->name), info->origin, sizeof info->origin);
}

const char *cubix_params_origin(const struct cubix_params *par, const char *name)
{
  int i = cubix_param_find(name);
  return i >= 0 && par->origin[i].place ? par->origin[i].place : "default";
}

/* ---- names, right and wrong -------------------------------------------------------------------------------------------------- */

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
    int distance = cubix_name_distance(name, known);
    if (distance > 1 && strlen(name) >= 3 && cubix_name_begins(known, name)) distance = 1;
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

/* ---- small things for text -------------------------------------------------------------------------------------------------- */

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

void cubix_params_warn_idle(const struct cubix_params *par, const char *names, const char *why)
{
  struct cubix_params *defaults = NULL;
  if (cubix_params_init(&defaults)) return;
  while (*names) {
    char name[64], value[1024], untouched[1024];
    size_t n = strcspn(names, " ");
    snprintf(name, sizeof name, "%.*s", (int)n, names);
    int i = cubix_param_find(name);
    cubix_param_text(par, i, value, sizeof value);
    cubix_param_text(defaults, i, untouched, sizeof untouched);
    if (strcmp(value, untouched)) cubix_log(CUBIX_LOG_WARNING, "%s (%s) has no effect: %s", name, cubix_params_origin(par, name), why);
    names += n + strspn(names + n, " ");
  }
  cubix_params_free(defaults);
}
