/* simformat_units.c -- what headers say, and the one place where powers of a and h are.
 *
 *   X_physical = X_file * a^p * h^q * unit
 *
 * p, q and the unit in cgs are taken from the dataset's own attributes where it has them
 * (IllustrisTNG: a_scaling, h_scaling, to_cgs; EAGLE: aexp-scale-exponent, h-scale-exponent,
 * CGSConversionFactor; to_cgs = 0 marks a pure number); the unit else from the units of the code that
 * the file states (UnitLength_in_cm ...), and last from the format file.  Where none of them says what
 * the unit is there is none to be had.  A stated unit within 0.1 % of the nominal one is the nominal
 * one: codes of different decades carry solar masses of 1.989e33 or 1.98841e33 g, and a megaparsec
 * with seven digits, but all of them mean the same mass and length.  Any other value is taken as it
 * is.  A dataset may name its unit instead (canonical files): then the name must be the nominal one.
 * In an isolated run there is no a, and no h but where the format says so. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/units.h"
#include "physics/constants.h"
#include "simulation/simformat.h"

/* ---- headers --------------------------------------------------------------------------------- */

/* What is wanted of a key: up to n numbers, one number (n 0), or a text. */
struct wanted { double *x; int n; char *text; size_t size; };

static int find(struct wanted to, int *n_found, const struct cubix_simformat *format, const struct cubix_source *source,
                enum cubix_header key)
{
  int status = CUBIX_OK, there;
  const struct cubix_names *names = &format->header[key];
  *n_found = 0;
  for (int i = 0; i < format->header_group.n && !*n_found; i++) {
    const char *group = format->header_group.name[i];
    CUBIX_TRY(cubix_source_has(&there, source, group));
    if (!there) continue;
    if (to.text) CUBIX_TRY(cubix_source_text(source, group, names, to.text, to.size, n_found));
    else if (to.n) CUBIX_TRY(cubix_source_numbers(source, group, names, to.x, to.n, n_found));
    else CUBIX_TRY(cubix_source_number(source, group, names, to.x, n_found));
  }
done:
  return status;
}

int cubix_header_numbers(double *x, int n, int *n_found, const struct cubix_simformat *format,
                         const struct cubix_source *source, enum cubix_header key)
{
  return find((struct wanted){ .x = x, .n = n }, n_found, format, source, key);
}

int cubix_header_number(double *x, int *n_found, const struct cubix_simformat *format,
                        const struct cubix_source *source, enum cubix_header key)
{
  int status = CUBIX_OK;
  double value = 0.;
  char names[512];
  CUBIX_TRY(find((struct wanted){ .x = &value }, n_found, format, source, key));
  if (!*n_found) goto done;
  CUBIX_CHECK(isfinite(value), CUBIX_EINPUT, "%s: the attribute %s is %g", source->path,
              cubix_header_names(format, key, names, sizeof names), value);
  *x = value;
done:
  return status;
}

int cubix_header_text(char *text, size_t size, int *n_found, const struct cubix_simformat *format,
                      const struct cubix_source *source, enum cubix_header key)
{
  return find((struct wanted){ .text = text, .size = size }, n_found, format, source, key);
}

const char *cubix_header_names(const struct cubix_simformat *format, enum cubix_header key, char *text, size_t size)
{
  struct cubix_names groups = format->header_group;
  size_t used;
  for (int i = 0; i < groups.n; i++) {
    groups.name[i][0] = '/';
    snprintf(groups.name[i] + 1, sizeof groups.name[i] - 1, "%.78s", format->header_group.name[i]);
  }
  cubix_names_text(&format->header[key], text, size);
  used = strlen(text);
  snprintf(text + used, size - used, " of ");
  used = strlen(text);
  cubix_names_text(&groups, text + used, size - used);
  return text;
}

/* ---- units ----------------------------------------------------------------------------------- */

/* One unit of the code, in cgs; NAN: the file does not say. */
static int find_unit(double *cgs, const struct cubix_code_units *units, const struct cubix_names *names,
                     const struct cubix_source *source)
{
  int status = CUBIX_OK, there, found = 0;
  char text[512];
  *cgs = NAN;
  for (int i = 0; i < units->group.n && !found; i++) {
    CUBIX_TRY(cubix_source_has(&there, source, units->group.name[i]));
    if (there) CUBIX_TRY(cubix_source_number(source, units->group.name[i], names, cgs, &found));
  }
  CUBIX_CHECK(!found || (isfinite(*cgs) && *cgs > 0), CUBIX_EINPUT, "%s: %s is %g; it must be a unit in cgs",
              source->path, cubix_names_text(names, text, sizeof text), *cgs);
done:
  return status;
}

/* The power of ten that a number within 0.1 % of one means. */
static double settle(double x)
{
  const double decade = x > 0 ? pow(10., round(log10(x))) : 0;
  return decade > 0 && fabs(x / decade - 1.) <= 1e-3 ? decade : x;
}

/* A stated unit, the nominal one or a power of ten where it is within 0.1 % of one.  @return 1 where it was */
static int settle_unit(double *unit, double nominal)
{
  const double settled = nominal > 0 && fabs(*unit / nominal - 1) <= 1e-3 ? nominal : settle(*unit),
               power = settled > 0 ? log10(settled) : 0.5;
  *unit = settled;
  return settled == nominal || fabs(power - round(power)) < 1e-12;
}

const struct cubix_names *cubix_code_unit_names(const struct cubix_simformat *format, int i)
{
  const struct cubix_code_units *units = &format->units;
  const struct cubix_names *const name[] = { &units->length, &units->mass, &units->velocity, &units->time };
  return name[i];
}

int cubix_code_units_stated(double cgs[CUBIX_N_UNIT], const struct cubix_simformat *format,
                            const struct cubix_source *source)
{
  int status = CUBIX_OK;
  for (int i = 0; i < CUBIX_N_UNIT; i++)
    CUBIX_TRY(find_unit(&cgs[i], &format->units, cubix_code_unit_names(format, i), source));
done:
  return status;
}

int cubix_code_units_find(double code[3], const struct cubix_simformat *format, const struct cubix_source *source,
                          double h)
{
  static const double size[] = { CUBIX_KPC_CM, CUBIX_MSUN_G, 1e5 };
  const struct cubix_code_units *units = &format->units;
  int status = CUBIX_OK;
  double cgs[CUBIX_N_UNIT];
  CUBIX_TRY(cubix_code_units_stated(cgs, format, source));
  if (isnan(cgs[2])) cgs[2] = cgs[0] / cgs[3];
  for (int i = 0; i < 3; i++) {
    code[i] = cgs[i] / size[i];
    if (isnan(code[i])) code[i] = units->nominal[i];
    else if (!settle_unit(&code[i], units->nominal[i]) && units->hold_h && h > 0 && i < 2) {
      code[i] *= h;
      settle_unit(&code[i], units->nominal[i]);
    }
  }
done:
  return status;
}

/* The unit that a column has where it does not say itself, in internal units.  0: nobody says. */
static double nominal_unit(const struct cubix_field_map *map, enum cubix_field field, const double code[3])
{
  const struct cubix_dimension *d = &cubix_field_table[field].dimension;
  const int power[3] = { d->length, d->mass, d->velocity };
  double unit = cubix_field_table[field].of_code;
  if (!map->code) return map->factor;
  for (int i = 0; i < 3; i++)
    if (power[i]) unit *= code[i] > 0 ? pow(code[i], power[i]) : 0;
  return unit;
}

int cubix_simformat_assumes(int *assumes, const struct cubix_simformat *format, const struct cubix_source *source,
                            const char *path)
{
  int status = CUBIX_OK, found, whole, code = 0;
  double cgs = 0;
  *assumes = 0;
  CUBIX_TRY(cubix_source_number(source, path, &format->cgs, &cgs, &found));
  CUBIX_TRY(cubix_source_number(source, path, &format->cgs_physical, &cgs, &whole));
  CUBIX_TRY(find_unit(&cgs, &format->units, &format->units.length, source));
  code = cgs > 0;
  *assumes = !found && !whole && !code && !format->unit.n;
done:
  return status;
}

/* A dataset that names its unit must name the nominal one. */
static int check_name(const struct cubix_simformat *format, const struct cubix_field_map *map,
                      const struct cubix_source *source, const char *path)
{
  int status = CUBIX_OK, found;
  char stated[64], names[256];
  CUBIX_TRY(cubix_source_text(source, path, &format->unit, stated, sizeof stated, &found));
  CUBIX_CHECK(found, CUBIX_EINPUT, "%s: /%s has no attribute %s; it must say \"%s\"", source->path, path,
              cubix_names_text(&format->unit, names, sizeof names), map->unit);
  CUBIX_CHECK(cubix_unit_same(stated, map->unit), CUBIX_EINPUT, "%s: /%s is in \"%s\"; it must be in \"%s\"",
              source->path, path, stated, map->unit);
done:
  return status;
}

static int is_pure(enum cubix_field field)
{
  const struct cubix_dimension *d = &cubix_field_table[field].dimension;
  return !d->length && !d->mass && !d->velocity;
}

const struct cubix_names *cubix_simformat_attribute_names(const struct cubix_simformat *format, int i)
{
  const struct cubix_names *const name[] = { &format->a, &format->h, &format->cgs, &format->cgs_physical,
                                             &format->physical };
  return name[i];
}

int cubix_simformat_attributes(double x[CUBIX_N_ATTRIBUTE], const struct cubix_simformat *format,
                               const struct cubix_source *source, const char *path)
{
  int status = CUBIX_OK, found;
  for (int i = 0; i < CUBIX_N_ATTRIBUTE; i++) {
    x[i] = NAN;
    CUBIX_TRY(cubix_source_number(source, path, cubix_simformat_attribute_names(format, i), &x[i], &found));
  }
done:
  return status;
}

/* What a dataset says of its conversion, and what the format says where it does not. */
struct conversion {
  double p, q, cgs;               /* powers of a and h, unit in cgs; 0: nobody says */
  double whole;                   /* to physical cgs at once; 0: not said */
};

static int find_conversion(struct conversion *c, const struct cubix_simformat *format,
                           const struct cubix_field_map *map, enum cubix_field field,
                           const struct cubix_source *source, const char *path)
{
  int status = CUBIX_OK, found, stated = 0;
  double physical = 0;
  const double nominal = c->cgs;
  c->p = map->a;
  c->q = map->h;
  c->whole = 0;
  if (map->misstated || !path) goto done;
  CUBIX_TRY(cubix_source_number(source, path, &format->a, &c->p, &found));
  CUBIX_TRY(cubix_source_number(source, path, &format->h, &c->q, &found));
  CUBIX_TRY(cubix_source_number(source, path, &format->cgs, &c->cgs, &stated));
  CUBIX_TRY(cubix_source_number(source, path, &format->cgs_physical, &c->whole, &found));
  CUBIX_CHECK(!found || (isfinite(c->whole) && c->whole > 0), CUBIX_EINPUT,
              "%s: /%s states the conversion to physical units %g cgs, which is impossible", source->path, path,
              c->whole);
  CUBIX_TRY(cubix_source_number(source, path, &format->physical, &physical, &found));
  /* 0 marks a pure number; of a quantity with a unit nothing was said */
  if (stated && c->cgs == 0.) {
    c->cgs = nominal;
    if (!is_pure(field)) {
      c->p = map->a;
      c->q = map->h;
    }
  }
  if (found && physical != 0) {
    c->p = 0;
    if (stated) c->whole = 0;
  }
done:
  return status;
}

/* Which of the quantities has one unit, whose size the codes' decades set. */
static int is_simple(const struct cubix_dimension *d)
{
  return d->length * d->length + d->mass * d->mass + d->velocity * d->velocity == 1;
}

/* A unit that codes use: the format's own, or of a simple quantity a power of ten. */
static int is_usual(double unit, double nominal, const struct cubix_dimension *d)
{
  const double decade = log10(settle(unit));
  return (nominal > 0 && fabs(unit / nominal - 1) <= 1e-3) ||
         (is_simple(d) && fabs(decade - round(decade)) < 1e-12);
}

/* A unit that is a usual one only without the powers of a and h that are asked for besides has them twice: kpc/h in
 * cgs, and h^-1.  @param nominal  of the format file, in internal units; 0: none */
static int check_twice(const struct conversion *c, double nominal, const struct cubix_simformat *format,
                       enum cubix_field field, const struct cubix_source *source, const char *what,
                       const struct cubix_scales *scales, int by_header)
{
  int status = CUBIX_OK;
  const struct cubix_dimension *d = &cubix_field_table[field].dimension;
  const double unit = c->cgs / cubix_field_table[field].cgs, by_a = c->p != 0 ? pow(scales->a, c->p) : 1,
               by_h = c->q != 0 ? pow(scales->h, c->q) : 1, scale[] = { by_h, by_a, by_a * by_h };
  static const char *const name[] = { "h", "a", "a and h" };
  if (!(unit > 0) || is_pure(field) || is_usual(unit, nominal, d)) goto done;
  for (int i = 0; i < 3; i++)
    CUBIX_CHECK(fabs(scale[i] - 1) <= 2e-3 || !is_usual(unit / scale[i], nominal, d), CUBIX_EINPUT,
                "%s: the unit of /%s is stated as %.6g cgs, which is a usual unit with %s = %.6g in it already, and "
                "a^%g h^%g besides: %s would count twice.  If the numbers hold it once copy %s, say `%s` %s there, and "
                "name it with SimulationFormat",
                source->path, what, c->cgs, name[i], i == 1 ? scales->a : scales->h, c->p, c->q, name[i], format->path,
                by_header ? "hold_h = true" : "misstated = true", by_header ? "in `units`" : "of this quantity");
done:
  return status;
}

int cubix_simformat_warn(const struct cubix_simformat *format, const struct cubix_field_map *map,
                         const struct cubix_source *source, const char *path, const struct cubix_scales *scales)
{
  int status = CUBIX_OK, found;
  double q = map->h;
  if (map->misstated || scales->isolated || scales->h == 1) goto done;
  CUBIX_TRY(cubix_source_number(source, path, &format->h, &q, &found));
  if (q != map->h)
    cubix_log(CUBIX_LOG_WARNING,
              "%s: /%s says that it holds h^%g, where files of the format %s hold h^%g: it is taken at its word",
              source->path, path, q, format->name, map->h);
done:
  return status;
}

int cubix_simformat_factor(double *factor, const struct cubix_simformat *format, const struct cubix_field_map *map,
                           enum cubix_field of, const struct cubix_source *source, const char *path,
                           const struct cubix_scales *scales)
{
  int status = CUBIX_OK;
  const enum cubix_field field = map->of_mass ? CUBIX_FIELD_MASS_NOW : of;
  const double size = cubix_field_table[field].cgs, nominal = nominal_unit(map, field, scales->code),
               usual = nominal_unit(map, field, format->units.nominal);
  struct conversion c = { .cgs = nominal * size };
  const char *what = path ? path : cubix_field_table[of].name;
  double power;
  char names[512];

  CUBIX_TRY(find_conversion(&c, format, map, field, source, path));
  if (format->unit.n && path) CUBIX_TRY(check_name(format, map, source, path));
  if (scales->isolated) c.p = 0;
  if (scales->isolated && !format->isolated_h) c.q = 0;
  CUBIX_CHECK(c.cgs != 0 || c.whole > 0, CUBIX_EINPUT,
              "%s: nobody says in which unit /%s is: it has no attribute %s, and the file states no units of the code "
              "(looked for %s in %s).  Copy %s, say so in its group `units` (nominal), and name it with "
              "SimulationFormat",
              source->path, what, format->cgs.n ? cubix_names_text(&format->cgs, names, 200) : "that says so",
              format->units.length.n ? format->units.length.name[0] : "none",
              format->units.group.n ? format->units.group.name[0] : "no group", format->path);
  CUBIX_CHECK(isfinite(c.p) && isfinite(c.q) && isfinite(c.cgs) && (c.cgs > 0. || c.whole > 0), CUBIX_EINPUT,
              "%s: /%s states the conversion a^%g h^%g %g cgs, which is impossible", source->path, what, c.p, c.q,
              c.cgs);
  CUBIX_CHECK(c.q == 0. || scales->h > 0., CUBIX_EINPUT,
              "%s: /%s is in units with h^%g, but the file states no h (looked for %s); give HubbleParam", source->path,
              what, c.q, cubix_header_names(format, CUBIX_HEADER_H, names, sizeof names));
  if (!(c.whole > 0)) CUBIX_TRY(check_twice(&c, usual, format, field, source, what, scales,
                                              fabs(c.cgs / (nominal * size) - 1) < 1e-12));
  power = (c.p == 0. ? 1. : pow(scales->a, c.p)) * (c.q == 0. ? 1. : pow(scales->h, c.q));
  if (c.whole > 0) c.cgs = c.whole / power;
  if (nominal > 0 && fabs(c.cgs / (nominal * size) - 1.) <= 1e-3) *factor = nominal * power;
  else *factor = (is_simple(&cubix_field_table[field].dimension) ? settle(c.cgs / size) : c.cgs / size) * power;
done:
  return status;
}

int cubix_simformat_header_length(double *length, const struct cubix_simformat *format,
                                  const struct cubix_field_map *position, const struct cubix_source *source,
                                  const char *path, const struct cubix_scales *scales)
{
  int status = CUBIX_OK;
  const int code = format->physical.n && position->code && scales->code[0] > 0;
  struct conversion c = { .cgs = 0 };
  CUBIX_TRY(cubix_simformat_factor(length, format, position, CUBIX_FIELD_POSITION, source, code ? NULL : path,
                                   scales));
  if (code || !format->physical.n || scales->isolated) goto done;
  CUBIX_TRY(find_conversion(&c, format, position, CUBIX_FIELD_POSITION, source, path));
  if (c.p != position->a) *length *= pow(scales->a, position->a - c.p);
done:
  return status;
}

double cubix_kernel_support(const char *kernel)
{
  static const struct { const char *word; double support; } known[] = { { "Cubic spline", 1.825742 },
                                                                        { "Quartic spline", 2.018932 },
                                                                        { "Quintic spline", 2.195775 },
                                                                        { "Wendland C2", 1.936492 },
                                                                        { "Wendland C4", 2.207940 },
                                                                        { "Wendland C6", 2.449490 } };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strncmp(kernel, known[i].word, strlen(known[i].word))) return known[i].support;
  return 0;
}
