/* by_type.c -- "2: 5.0, 3: 10.0". */
#include "simulation/by_type.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t,;";

void cubix_by_type_read(double x[CUBIX_N_BY_TYPE], const char *text, double low, double high, char *wrong, int size)
{
  const char *at = text + strspn(text, blanks);
  int n = 0, seen[CUBIX_N_BY_TYPE] = { 0 };
  wrong[0] = '\0';
  for (int t = 0; t < CUBIX_N_BY_TYPE; t++) x[t] = NAN;
  while (*at) {
    char *end, *after;
    double value = strtod(at, &end);
    long type = -1;
    after = end + strspn(end, " \t");
    if (end > at && *after == ':') {
      type = value >= 0 && value < CUBIX_N_BY_TYPE ? (long)value : -1;
      if (value != (double)type || type < 0) {
        snprintf(wrong, (size_t)size, "%g is no type of particles (0 to %d)", value, CUBIX_N_BY_TYPE - 1);
        return;
      }
      at = after + 1;
      value = strtod(at, &end);
    }
    if (end == at || (*end && !strchr(blanks, *end))) {
      snprintf(wrong, (size_t)size,
               "'%.40s' is not understood: write one number for all types, or \"2: 5.0, 3: 10.0\"", at);
      return;
    }
    if (!(value >= low && value <= high)) {
      snprintf(wrong, (size_t)size, "%g must be %g..%g", value, low, high);
      return;
    }
    if (type < 0 ? n > 0 : seen[type]++ > 0) {
      const int comma = type < 0 && at > text && at[-1] == ',';
      snprintf(wrong, (size_t)size, "%g would replace what stands before it: a number for all types comes first, and a "
               "type once%s", value, comma ? "; the decimal separator is a point" : "");
      return;
    }
    n++;
    for (int t = 0; t < CUBIX_N_BY_TYPE; t++)
      if (type < 0 || t == type) x[t] = value;
    at = end + strspn(end, blanks);
  }
}

int cubix_types_read(int *type, int most, const char *text)
{
  const char *at = text + strspn(text, blanks);
  int n = 0;
  while (*at) {
    char *end;
    long t = strtol(at, &end, 10);
    if (end == at || (*end && !strchr(blanks, *end)) || t < 0 || t >= CUBIX_N_BY_TYPE || n == most) return -1;
    for (int i = 0; i < n; i++)
      if (type[i] == (int)t) return -1;      /* twice would count twice */
    type[n++] = (int)t;
    at = end + strspn(end, blanks);
  }
  return n;
}
