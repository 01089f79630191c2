/* leaves.c -- the table leaves.def, and the names in it. */
#include "fit/leaves.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "params/params_table.h"

static const struct cubix_leaf_info table[] = {
#define CUBIX_LEAF(of, name, n, unit, needs, help) { CUBIX_OF_##of, #name, n, unit, needs, help },
#include "fit/leaves.def"
#undef CUBIX_LEAF
};

const struct cubix_leaf_info *cubix_leaf_info(enum cubix_leaf leaf) { return &table[leaf]; }

const char *cubix_leaf_unmet(const struct cubix_params *par, enum cubix_leaf leaf)
{
  const char *needs = table[leaf].needs;
  int row = cubix_param_find(table[leaf].name);
  if (!*needs && row >= 0) needs = cubix_param_table[row].needs;
  return cubix_params_unmet(par, needs);
}

/* Equal but for case and underscores. */
static int same(const char *word, size_t n, const char *name)
{
  size_t i = 0;
  for (; *name; name++, i++) {
    while (i < n && word[i] == '_') i++;
    if (i >= n || tolower((unsigned char)word[i]) != tolower((unsigned char)*name)) return 0;
  }
  return i == n;
}

int cubix_leaves_parse(unsigned char wanted[CUBIX_N_LEAF], const char *list, const char *origin)
{
  int status = CUBIX_OK;
  char known[512] = "";
  memset(wanted, 0, CUBIX_N_LEAF);
  for (int i = 0; i < CUBIX_N_LEAF; i++)
    snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "", table[i].name);
  for (const char *p = list + strspn(list, ", \t"); *p; p += strspn(p, ", \t")) {
    size_t n = strcspn(p, ", \t");
    int i = 0;
    while (i < CUBIX_N_LEAF && !same(p, n, table[i].name)) i++;
    CUBIX_CHECK(i < CUBIX_N_LEAF, CUBIX_EUSAGE, "Parameters = %s (%s): nothing is called %.*s; there are %s", list,
                origin, (int)n, p, known);
    wanted[i] = 1;
    p += n;
  }
done:
  return status;
}

void cubix_leaves_free(struct cubix_leaves *leaves)
{
  for (int i = 0; i < CUBIX_N_LEAF; i++) {
    free(leaves->value[i]);
    leaves->value[i] = NULL;
  }
}
