/* imf.c -- what is said of an IMF in words, as far as masses go.
 *
 * A population of given light has 1.64 times the mass with Salpeter's IMF (0.1 to 100 Msun) that it
 * has with Chabrier's, and 1.52 times that with Kroupa's: most of it in faint dwarfs.  Between
 * Chabrier's and Kroupa's there are 10 %, less than between libraries.  So two classes do.  What a
 * text says first counts: "Chabrier 2003, Salpeter slope above 1 Msun" is Chabrier's.  The bimodal one of
 * slope 1.3 (Vazdekis et al. 1996) is nearly Kroupa's; other slopes are none of these. */
#include "spectra/imf.h"

#include <stddef.h>

#include "base/spelling.h"

enum { UNKNOWN, HEAVY, LIGHT };

static int class_of(const char *text)
{
  static const struct {
    const char *name;
    int class;
  } known[] = { { "Salpeter", HEAVY }, { "Chabrier", LIGHT }, { "Kroupa", LIGHT }, { "bimodal, slope 1.3", LIGHT } };
  for (; *text; text++)
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      if (cubix_spelling_begins(text, known[i].name)) return known[i].class;
  return UNKNOWN;
}

int cubix_imf_is_known(const char *text)
{
  return class_of(text) != UNKNOWN;
}

double cubix_imf_factor(const char *library, const char *stars)
{
  const int a = class_of(library), b = class_of(stars);
  if (a == UNKNOWN || b == UNKNOWN || a == b) return 1;
  return a == HEAVY ? 1.6 : 1 / 1.6;
}
