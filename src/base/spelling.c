/* spelling.c -- how alike two names are.
 *
 * Files are found by names that people remember: case, '-', '_' and spaces do not count there
 * ("illustris-tng" is IllustrisTNG). Parameters and keys are compared exactly, but a wrong one is
 * answered with the known one that is nearest in Levenshtein's edit distance (1966), letters
 * compared without case.  The distance is computed row by row of the usual table, in place. */
#define _POSIX_C_SOURCE 200809L
#include "base/spelling.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 63 };

static int same_letter(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

static int counts(char c) { return c != '-' && c != '_' && c != ' '; }

int cubix_name_same(const char *a, size_t n_a, const char *b, size_t n_b)
{
  const char *a_end = a + n_a, *b_end = b + n_b;
  for (;;) {
    while (a < a_end && !counts(*a)) a++;
    while (b < b_end && !counts(*b)) b++;
    if (a == a_end || b == b_end) return a == a_end && b == b_end;
    if (!same_letter(*a++, *b++)) return 0;
  }
}

int cubix_spelling_distance(const char *a, const char *b)
{
  int row[LONGEST + 1], n = (int)strnlen(b, LONGEST);
  for (int j = 0; j <= n; j++) row[j] = j;
  for (int i = 0; i < LONGEST && a[i]; i++) {
    int diagonal = row[0];
    row[0] = i + 1;
    for (int j = 1; j <= n; j++) {
      int best = diagonal + !same_letter(a[i], b[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[n];
}

int cubix_spelling_begins(const char *name, const char *begin)
{
  for (; *begin && *name && same_letter(*name, *begin); begin++) name++;
  return !*begin;
}

int cubix_name_folder(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? (int)(slash + 1 - path) : 0;
}
