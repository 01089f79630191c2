/* observed_unit.c -- the units that cubes state, in all their spellings.
 *
 * "10**(-20)*erg/s/cm**2/Angstrom" (MUSE, MPDAF), "1e-20 erg / (Angstrom s cm2)" (astropy), "1E-17
 * erg/s/cm^2/Ang/spaxel" (MaNGA), "W m-2 um-1": a product of factors, each perhaps with a power, a
 * quotient's sign holding for the next factor alone.  Everything becomes factor 10^ten erg^a s^b
 * cm^c; an Angstrom is a length like the others.  Tens are counted as whole numbers, so that
 * 10**(-20) is the very 1e-20 that FluxUnit -20 means. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fit/observed_parts.h"

static const struct { const char *name; struct cubix_measure measure;
} unit[] = {
  { "erg", { 1., 0, 1, 0, 0 } },        { "ergs", { 1., 0, 1, 0, 0 } },      { "J", { 1., 7, 1, 0, 0 } },
  { "W", { 1., 7, 1, -1, 0 } },         { "s", { 1., 0, 0, 1, 0 } },         { "sec", { 1., 0, 0, 1, 0 } },
  { "m", { 1., 2, 0, 0, 1 } },          { "cm", { 1., 0, 0, 0, 1 } },        { "mm", { 1., -1, 0, 0, 1 } },
  { "um", { 1., -4, 0, 0, 1 } },        { "micron", { 1., -4, 0, 0, 1 } },   { "nm", { 1., -7, 0, 0, 1 } },
  { "Angstrom", { 1., -8, 0, 0, 1 } },  { "angstrom", { 1., -8, 0, 0, 1 } }, { "Angstroms", { 1., -8, 0, 0, 1 } },
  { "angstroms", { 1., -8, 0, 0, 1 } }, { "Ang", { 1., -8, 0, 0, 1 } },      { "AA", { 1., -8, 0, 0, 1 } },
  { "A", { 1., -8, 0, 0, 1 } },         { "spaxel", { 1., 0, 0, 0, 0 } },    { "spax", { 1., 0, 0, 0, 0 } },
  { "pixel", { 1., 0, 0, 0, 0 } },      { "pix", { 1., 0, 0, 0, 0 } },
  { "fiber", { 1., 0, 0, 0, 0 } },      { "fibre", { 1., 0, 0, 0, 0 } },
};

static int is_digit(char c) { return c >= '0' && c <= '9'; }
static int is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
static int starts_integer(const char *c) { return is_digit(*c) || ((*c == '-' || *c == '+') && is_digit(c[1])); }
static void skip_blanks(const char **at) { *at += strspn(*at, " "); }

/* A decimal number, its tens apart. */
static int number_read(const char **at, struct cubix_measure *m)
{
  char mantissa[32];
  const size_t n = strspn(*at, "0123456789.");
  if (n >= sizeof mantissa) return -1;
  memcpy(mantissa, *at, n);
  mantissa[n] = '\0';
  *at += n;
  *m = (struct cubix_measure){ .factor = strtod(mantissa, NULL) };
  if ((**at == 'e' || **at == 'E') && starts_integer(*at + 1)) {
    char *end;
    m->ten = (int)strtol(*at + 1, &end, 10);
    *at = end;
  }
  while (m->factor >= 10. && fmod(m->factor, 10.) == 0.) {
    m->factor /= 10.;
    m->ten++;
  }
  return m->factor > 0. ? 0 : -1;
}

/* "**2", "^(-1)", and after a unit "2" or "-1" as well; without any, 1. */
static int power_read(const char **at, int bare, int *power)
{
  char *end;
  int bracket = 0;
  *power = 1;
  if (!strncmp(*at, "**", 2)) *at += 2;
  else if (**at == '^') *at += 1;
  else if (!bare || !starts_integer(*at)) return 0;
  if (**at == '(') {
    bracket = 1;
    *at += 1;
  }
  if (!starts_integer(*at)) return -1;
  *power = (int)strtol(*at, &end, 10);
  *at = end;
  if (bracket && *(*at)++ != ')') return -1;
  return *power >= -99 && *power <= 99 ? 0 : -1;
}

static int product_read(const char **at, struct cubix_measure *product, int depth);

static int factor_read(const char **at, struct cubix_measure *m, int depth)
{
  int power, bare = 1;
  if (**at == '(') {
    *at += 1;
    if (depth > 8 || product_read(at, m, depth + 1) || *(*at)++ != ')') return -1;
  } else if (is_digit(**at)) {
    bare = 0;
    if (number_read(at, m)) return -1;
  } else {
    size_t n = 0, i = 0;
    while (is_letter((*at)[n])) n++;
    while (i < sizeof unit / sizeof *unit && (strlen(unit[i].name) != n || strncmp(unit[i].name, *at, n))) i++;
    if (i == sizeof unit / sizeof *unit) return -1;
    *m = unit[i].measure;
    *at += n;
  }
  if (power_read(at, bare, &power)) return -1;
  *m = (struct cubix_measure){ pow(m->factor, power), m->ten * power, m->energy * power, m->time * power,
                               m->length * power };
  return 0;
}

static int product_read(const char **at, struct cubix_measure *product, int depth)
{
  int sign = 1;
  *product = (struct cubix_measure){ .factor = 1. };
  for (skip_blanks(at); **at && **at != ')'; skip_blanks(at)) {
    struct cubix_measure m;
    if (factor_read(at, &m, depth)) return -1;
    *product = (struct cubix_measure){ product->factor * pow(m.factor, sign), product->ten + sign * m.ten,
                                       product->energy + sign * m.energy, product->time + sign * m.time,
                                       product->length + sign * m.length };
    skip_blanks(at);
    sign = **at == '/' ? -1 : 1;
    if (**at == '/' || **at == '*' || **at == '.') {
      *at += 1;
      skip_blanks(at);
      if (!**at || **at == ')') return -1;
    }
  }
  return 0;
}

int cubix_measure_read(const char *text, struct cubix_measure *measure)
{
  const char *at = text;
  return product_read(&at, measure, 0) || *at ? -1 : 0;
}

int cubix_observed_unit(double *factor, const char *path, const char *plane, const char *text, int power, int flux_unit)
{
  int status = CUBIX_OK;
  struct cubix_measure m;
  CUBIX_CHECK(!cubix_measure_read(text, &m) && m.energy == power && m.time == -power && m.length == -3 * power,
              CUBIX_EINPUT, "ObservedFile %s: %s has BUNIT = '%s'; it must be %s, as in %s", path, plane, text,
              power == 1   ? "a flux per wavelength, or MJy/sr"
              : power == 2 ? "the square of a flux per wavelength (a variance)"
                           : "the inverse square of a flux per wavelength (an inverse variance)",
              power == 1   ? "10**(-20)*erg/s/cm**2/Angstrom"
              : power == 2 ? "10**(-40)*erg**2/s**2/cm**4/Angstrom**2"
                           : "10**(40)*s**2*cm**4*Angstrom**2/erg**2");
  *factor = m.factor * pow(10., m.ten - power * (flux_unit + CUBIX_AA_IN_CM));
done:
  return status;
}

int cubix_observed_fits(double data, double weight)
{
  const double largest = sizeof(cubix_real) == sizeof(double) ? DBL_MAX : (double)FLT_MAX;
  return fabs(data) <= largest && weight <= largest && (cubix_real)weight > 0;
}

int cubix_observed_fit_check(const char *path, double n, const char *what, int flux_unit)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(n == 0, CUBIX_EINPUT,
              "ObservedFile %s: %g %s have a flux or variance beyond float32 in units of 10^%d erg/s/cm2/AA; set "
              "FluxUnit near the galaxy's flux",
              path, n, what, flux_unit);
done:
  return status;
}
