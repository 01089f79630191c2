/* units.c -- from the unit a user wrote to the one CUBIX computes in.
 *
 * units.def lists each unit with its dimension and its size in the dimension's base unit; a value
 * in unit a is value * size(a) / size(b) in unit b.  Lengths in space (pc, kpc, Mpc) and
 * wavelengths (AA, nm, um) count as different dimensions: nobody means parsecs of wavelength, and a
 * slip between the two should be told.  The factors a^n h^m of cosmological simulations are no
 * units and live in the format files.
 * A file that must be in a certain unit may still spell it in another way: those spellings are in
 * units.def too. */
#include "base/units.h"

#include "physics/constants.h"

#include <stdio.h>
#include <string.h>

static const struct unit { const char *name, *dimension; double size; } table[] = {
#define CUBIX_UNIT(name, dimension, size) { name, dimension, size },
#define CUBIX_SPELLING(name, other)
#include "base/units.def"
#undef CUBIX_UNIT
#undef CUBIX_SPELLING
};
static const struct spelling { const char *name, *other; } spellings[] = {
#define CUBIX_UNIT(name, dimension, size)
#define CUBIX_SPELLING(name, other) { name, other },
#include "base/units.def"
#undef CUBIX_UNIT
#undef CUBIX_SPELLING
};
static const size_t n_table = sizeof table / sizeof *table;

static const struct unit *find(const char *name)
{
  for (size_t i = 0; i < n_table; i++)
    if (!strcmp(table[i].name, name)) return &table[i];
  return NULL;
}

int cubix_unit_convert(const char *from, const char *to, int n, double *x)
{
  const struct unit *a = find(from), *b = find(to);
  if (!a) return -1;
  if (!b || strcmp(a->dimension, b->dimension)) return -2;
  if (a->size != b->size)
    for (int i = 0; i < n; i++) x[i] = x[i] * a->size / b->size;
  return 0;
}

void cubix_unit_list(const char *unit, char *text, size_t size)
{
  const struct unit *wanted = find(unit);
  size_t used = (size_t)snprintf(text, size, "%s", unit);
  const char *between = " (or ";
  for (size_t i = 0; wanted && i < n_table && used < size; i++) {
    if (&table[i] == wanted || strcmp(table[i].dimension, wanted->dimension)) continue;
    used += (size_t)snprintf(text + used, size - used, "%s%s", between, table[i].name);
    between = ", ";
  }
  if (used < size && between[0] == ',') snprintf(text + used, size - used, ")");
}

int cubix_unit_same(const char *have, const char *want)
{
  if (!strcmp(have, want)) return 1;
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
    if (!strcmp(spellings[i].name, want) && !strcmp(spellings[i].other, have)) return 1;
  return 0;
}
