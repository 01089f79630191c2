/* group_keys.c -- GroupIndex: which groups, and files that are named after them. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "catalogue/catalogue.h"

/* A group that is listed twice is one. */
static void drop_repeats(struct cubix_group_key *keys, size_t *n)
{
  size_t kept = 0;
  for (size_t i = 0, k; i < *n; i++) {
    for (k = 0; k < kept && (keys[k].index != keys[i].index || keys[k].sub != keys[i].sub); k++) continue;
    if (k == kept) keys[kept++] = keys[i];
  }
  *n = kept;
}

/* "3, 7:0, 12" */
int cubix_group_keys(struct cubix_group_key **keys, size_t *n, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const char *at = par->GroupIndex, blanks[] = " \t,;";
  *n = 0;
  CUBIX_ALLOC(*keys, strlen(at) + 1);
  for (at += strspn(at, blanks); *at; at += strspn(at, blanks)) {
    char *end = NULL;
    struct cubix_group_key key = { isdigit((unsigned char)*at) ? strtoll(at, &end, 10) : -1, -1 };
    if (end && *end == ':') key.sub = isdigit((unsigned char)end[1]) ? strtoll(end + 1, &end, 10) : -2;
    CUBIX_CHECK(key.index >= 0 && key.sub > -2 && (!*end || strchr(blanks, *end)), CUBIX_EUSAGE,
                "GroupIndex = %s (%s): '%.20s' is no number from 0 on; write one like 12, or several like 3, 7, 12",
                par->GroupIndex, cubix_params_origin(par, "GroupIndex"), at);
    CUBIX_CHECK(key.sub < 0 || (key.index <= INT32_MAX && key.sub <= INT32_MAX), CUBIX_EUSAGE,
                "GroupIndex = %s (%s): '%.40s' is no pair of numbers from 0 to %d", par->GroupIndex,
                cubix_params_origin(par, "GroupIndex"), at, INT32_MAX);
    (*keys)[(*n)++] = key;
    at = end;
  }
  drop_repeats(*keys, n);
  CUBIX_CHECK(*n, CUBIX_EUSAGE, "GroupIndex (%s) lists no group", cubix_params_origin(par, "GroupIndex"));
done:
  return status;
}

const char *cubix_group_number(char *text, size_t size, const struct cubix_group_key *key)
{
  const int n = snprintf(text, size, "%lld", (long long)key->index);
  if (key->sub >= 0 && (size_t)n < size) snprintf(text + n, size - (size_t)n, ":%lld", (long long)key->sub);
  return text;
}

int cubix_group_file(char *to, size_t size, const char *pattern, const struct cubix_group_key *key)
{
  int status = CUBIX_OK;
  size_t used = 0;
  char word[64];
  cubix_group_number(word, sizeof word, key);
  for (const char *at = pattern; *at && used + 1 < size; at++) {
    if (strncmp(at, "%d", 2)) {
      to[used++] = *at;
      continue;
    }
    for (const char *w = word; *w && used + 1 < size; w++) to[used++] = *w == ':' ? '_' : *w;
    at++;
  }
  to[used] = '\0';
  CUBIX_CHECK(used + 1 < size, CUBIX_EUSAGE, "OutputFile has more than %zu characters", size - 1);
done:
  return status;
}
