/* params_needs.c -- which parameters have no effect, under the values of the others.
 *
 * The column `needs` of params.def says it, in words that a message can use as they are: "Noise
 * snr", "Orientation faceon, edgeon or inclined", "Mode fit with FitModel bins", "Distance >
 * 0", "GroupCatalogue not none".  A condition is a parameter's name and the values that will do, as a
 * parameter file writes them, one that will not, or a bound; all conditions that are joined by
 * "with" must hold, and of such as are joined by ", or" one.  What follows a semicolon is for the reader alone. */
#include "params/params_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static const char or_else[] = ", or ";

/* Whether *s begins with a word; it is passed over then. */
static int skip(const char **s, const char *word)
{
  size_t n = strlen(word);
  int found = !strncmp(*s, word, n);
  if (found) *s += n;
  return found;
}

/* Whether a value is the one at *s, which is passed over. */
static int is_value(const char **s, const char *value)
{
  char *end;
  if (skip(s, "> ")) {
    double bound = strtod(*s, &end);
    *s = end;
    return strtod(value, NULL) > bound;
  }
  const int other = skip(s, "not ");
  size_t n = strcspn(*s, " ,;");
  int same = n == strlen(value) && !strncmp(*s, value, n);
  *s += n;
  return other ? !same : same;
}

/* Whether the condition at *s holds; it is passed over. */
static int holds(const char **s, const struct cubix_params *par)
{
  char name[64], value[1024];
  size_t n = strcspn(*s, " ");
  snprintf(name, sizeof name, "%.*s", (int)n, *s);
  cubix_param_text(par, cubix_param_find(name), value, sizeof value);
  *s += n;
  int any = 0;
  skip(s, " ");
  do any |= is_value(s, value);
  while ((strncmp(*s, or_else, sizeof or_else - 1) && skip(s, ", ")) || skip(s, " or "));
  return any;
}

const char *cubix_params_unmet(const struct cubix_params *par, const char *needs)
{
  const char *s = needs;
  int any = 0;
  if (!*needs) return NULL;
  do {
    int all = 1;
    do all &= holds(&s, par);
    while (skip(&s, " with "));
    any |= all;
  } while (skip(&s, or_else));
  return any ? NULL : needs;
}

void cubix_params_warn_idle(const struct cubix_params *par)
{
  struct cubix_params *defaults = NULL;
  if (cubix_params_init(&defaults)) return;
  for (int i = 0; i < cubix_param_n_row; i++) {
    const struct cubix_param_row *row = &cubix_param_table[i];
    char value[1024], untouched[1024], show[80];
    const char *unmet = cubix_params_unmet(par, row->needs);
    if (!unmet) continue;
    cubix_param_text(par, i, value, sizeof value);
    cubix_param_text(defaults, i, untouched, sizeof untouched);
    if (strcmp(value, untouched))
      cubix_log(CUBIX_LOG_WARNING, "%s = %s (%s) has no effect: it belongs to %s", row->name,
                cubix_param_show(value, show, sizeof show), cubix_params_origin(par, row->name), unmet);
  }
  cubix_params_free(defaults);
}
