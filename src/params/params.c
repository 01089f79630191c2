/* params.c -- the table of parameters and the values in use.
 *
 * params.def is included in params.h, for the enumerators of choices and the members of struct
 * cubix_params, and in params_table.c, for the rows that describe them and for the names that are
 * no more.  A row knows where its member lies (offsetof), so that one loop serves all: defaults,
 * reader (params_text.c), values (params_value.c), help, template, documentation and the file of
 * used values (params_doc.c).
 *
 * Texts are owned by par->origin[row].text; the members point there.  A choice is an enumerator,
 * whose word the table has.  A member that a host code sets by hand is written out as it stands:
 * members, not texts, are the truth.  Names are compared exactly.  What to suggest for a wrong one
 * is the known name with the smallest edit distance (spelling.h), if it is near enough to be a
 * slip, or the first that begins with what was written. */
#include "params/params_table.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/spelling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the life of a struct cubix_params ------------------------------------------------------- */

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

/* The pointer to text in the member of a row; NULL: it has none. */
static const char **text_of(struct cubix_params *par, int i)
{
  void *member = (char *)par + cubix_param_table[i].offset;
  switch (cubix_param_table[i].type) {
  case CUBIX_PARAM_STRING: return member;
  case CUBIX_PARAM_VECTOR: return &((struct cubix_vector *)member)->word;
  case CUBIX_PARAM_NUMBER: return &((struct cubix_number *)member)->word;
  default: return NULL;
  }
}

int cubix_params_copy(struct cubix_params **out, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct cubix_params *copy = NULL;
  CUBIX_ALLOC(copy, 1);
  *copy = *par;
  copy->origin = NULL;
  CUBIX_ALLOC(copy->origin, cubix_param_n_row);
  for (int i = 0; i < cubix_param_n_row; i++) {
    const char **text = text_of(copy, i);
    if (par->origin[i].place) CUBIX_TRY(cubix_param_copy(par->origin[i].place, &copy->origin[i].place));
    if (!text || !*text) continue;
    CUBIX_TRY(cubix_param_copy(*text, &copy->origin[i].text));
    *text = copy->origin[i].text;
  }
  *out = copy;
  copy = NULL;
done:
  cubix_params_free(copy);
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
  return cubix_params_set_at(par, name, value, "set by the program");
}

int cubix_params_set_at(struct cubix_params *par, const char *name, const char *value, const char *place)
{
  char wrong[1024];
  int status = CUBIX_OK, i = cubix_param_find(name);

  if (i < 0) {
    cubix_param_unknown(name, wrong, sizeof wrong);
    CUBIX_CHECK(0, CUBIX_EUSAGE, "%s", wrong);
  }
  CUBIX_TRY(cubix_param_put_text(par, i, value, place, wrong, sizeof wrong));
  CUBIX_CHECK(!wrong[0], CUBIX_EUSAGE, "%s", wrong);
done:
  return status;
}

/* ---- one parameter --------------------------------------------------------------------------- */

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
  if (strstr(info->value, " ckpc/h") && !strcmp(info->unit, "kpc")) info->unit = "";         /* it is in the value */
  cubix_param_show(cubix_params_origin(par, info->name), info->origin, sizeof info->origin);
}

int cubix_params_hash(uint64_t hash[2], const struct cubix_params *par, int skip(const char *name))
{
  int status = CUBIX_OK;
  uint64_t sum[2] = { 0, 0 };
  char *text = NULL;
  for (int i = 0; i < cubix_param_n_row; i++) {
    const struct cubix_param_row *row = &cubix_param_table[i];
    if (row->type == CUBIX_PARAM_SECTION || (skip && skip(row->name))) continue;
    const size_t n = cubix_param_text(par, i, NULL, 0) + 1;
    CUBIX_ALLOC(text, n + sizeof sum);
    memcpy(text, sum, sizeof sum);
    cubix_param_text(par, i, text + sizeof sum, n);
    cubix_hash(text, n + sizeof sum, sum);
    free(text);
    text = NULL;
  }
  memcpy(hash, sum, sizeof sum);
done:
  return status;
}

const char *cubix_params_origin(const struct cubix_params *par, const char *name)
{
  int i = cubix_param_find(name);
  return i >= 0 && par->origin[i].place ? par->origin[i].place : "default";
}
