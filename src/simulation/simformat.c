/* simformat.c -- format files, and the one place where powers of a and h are.
 *
 *   X_physical = X_file * a^p * h^q * unit
 *
 * p, q and the unit in cgs are taken from the dataset's own attributes where it has them
 * (IllustrisTNG: a_scaling, h_scaling, to_cgs; EAGLE: aexp-scale-exponent, h-scale-exponent,
 * CGSConversionFactor; to_cgs = 0 marks a pure number), else from the format file. A stated unit
 * within 0.1 % of the nominal one is the nominal one: codes of different decades carry solar masses
 * of 1.989e33 or 1.98841e33 g, and a megaparsec with seven digits, but all of them mean the same
 * mass and length.  Any other value is taken as it is. A dataset may name its unit instead
 * (canonical files): then the name must be the nominal one. */
#include "simulation/simformat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/configfile.h"
#include "base/error.h"
#include "base/units.h"
#include "physics/constants.h"

const struct cubix_field_info cubix_field_table[CUBIX_N_FIELD] = {
  [CUBIX_FIELD_POSITION]    = { "Position",             "kpc",      CUBIX_KPC_CM,  3, -CUBIX_LARGEST, CUBIX_LARGEST },
  [CUBIX_FIELD_VELOCITY]    = { "Velocity",             "km/s",     1e5,           3, -CUBIX_LARGEST, CUBIX_LARGEST },
  [CUBIX_FIELD_MASS_FORMED] = { "InitialMass",          "Msun",     CUBIX_MSUN_G,  1, 0.,             CUBIX_LARGEST },
  [CUBIX_FIELD_MASS_NOW]    = { "Mass",                 "Msun",     CUBIX_MSUN_G,  1, 0.,             CUBIX_LARGEST },
  [CUBIX_FIELD_FORMATION]   = { "FormationScaleFactor", "1",        1.,            1, -CUBIX_LARGEST, CUBIX_LARGEST },
  [CUBIX_FIELD_AGE]         = { "Age",                  "Gyr",      CUBIX_GYR_S,   1, 0.,             CUBIX_LARGEST },
  [CUBIX_FIELD_METALLICITY] = { "Metallicity",          "1",        1.,            1, 0.,             1. },
  [CUBIX_FIELD_POTENTIAL]   = { "Potential",            "(km/s)^2", 1e10,          1, -CUBIX_LARGEST, CUBIX_LARGEST },
  [CUBIX_FIELD_LENGTH]      = { "SmoothingLength",      "kpc",      CUBIX_KPC_CM,  1, 0.,             CUBIX_LARGEST },
};

static double rounding(enum cubix_field field)
{
  return field == CUBIX_FIELD_METALLICITY || field == CUBIX_FIELD_AGE ? 1e-6 : 0.;
}

void cubix_field_bounds(double *low, double *high, enum cubix_field field)
{
  *low = cubix_field_table[field].low - rounding(field);
  *high = cubix_field_table[field].high + rounding(field);
}

void cubix_field_settle(double *x, enum cubix_field field, size_t n)
{
  const double least = -rounding(field);
  for (size_t i = 0; least < 0. && i < n; i++) x[i] = x[i] <= 0. && x[i] >= least ? 0. : x[i];
}

static const char *const header_key[CUBIX_N_HEADER] = {
  [CUBIX_HEADER_SIMULATION] = "simulation",
  [CUBIX_HEADER_REDSHIFT] = "redshift",
  [CUBIX_HEADER_SCALE_FACTOR] = "scale_factor",
  [CUBIX_HEADER_OMEGA_M] = "omega_m",
  [CUBIX_HEADER_OMEGA_L] = "omega_l",
  [CUBIX_HEADER_H] = "h",
  [CUBIX_HEADER_BOX] = "box",
  [CUBIX_HEADER_N_FILE] = "n_file",
  [CUBIX_HEADER_CENTRE] = "centre",
};

/* A reader's place in a format file. */
struct source { const char *path; config_setting_t *at; };

static int line_of(const struct source *s) { return (int)config_setting_source_line(s->at); }

/* Every key of a group must be one of these. */
static int check_keys(struct source s, const char *const *known, int n_known)
{
  int status = CUBIX_OK;
  char list[1024] = "";

  CUBIX_CHECK(config_setting_is_group(s.at), CUBIX_EUSAGE, "%s:%d: '%s' must be a group { ... }", s.path, line_of(&s),
              config_setting_name(s.at));
  for (int i = 0; i < n_known; i++) {
    size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known[i]);
  }
  for (int i = 0; i < config_setting_length(s.at); i++) {
    struct source key = { s.path, config_setting_get_elem(s.at, (unsigned)i) };
    int found = 0;
    for (int j = 0; j < n_known; j++) found |= strcmp(config_setting_name(key.at), known[j]) == 0;
    CUBIX_CHECK(found, CUBIX_EUSAGE, "%s:%d: unknown key '%s'; known here: %s", s.path, line_of(&key),
                config_setting_name(key.at), list);
  }
done:
  return status;
}

static int read_text(struct source s, const char *key, char *text, size_t size)
{
  int status = CUBIX_OK;
  const char *value = NULL;
  config_setting_t *member = config_setting_get_member(s.at, key);

  CUBIX_CHECK(member, CUBIX_EUSAGE, "%s:%d: the key '%s' is missing", s.path, line_of(&s), key);
  value = config_setting_get_string(member);
  CUBIX_CHECK(value && strlen(value) > 0 && strlen(value) < size, CUBIX_EUSAGE,
              "%s:%d: '%s' must be a text of 1 to %zu characters", s.path, (int)config_setting_source_line(member), key,
              size - 1);
  memcpy(text, value, strlen(value) + 1);
done:
  return status;
}

/* One text or an array of texts; without the key: none. */
static int read_names(struct source s, const char *key, struct cubix_names *names)
{
  int status = CUBIX_OK, n, line;
  config_setting_t *member = config_setting_get_member(s.at, key);

  names->n = 0;
  if (!member) goto done;
  line = (int)config_setting_source_line(member);
  n = config_setting_is_aggregate(member) ? config_setting_length(member) : 1;
  CUBIX_CHECK(n <= CUBIX_N_NAMES, CUBIX_EUSAGE, "%s:%d: '%s' lists %d names, there is room for %d", s.path, line, key,
              n, CUBIX_N_NAMES);
  for (int i = 0; i < n; i++) {
    const char *value = config_setting_is_aggregate(member) ? config_setting_get_string_elem(member, i)
                                                            : config_setting_get_string(member);
    CUBIX_CHECK(value && strlen(value) > 0 && strlen(value) < sizeof names->name[i], CUBIX_EUSAGE,
                "%s:%d: '%s' must hold texts of 1 to %zu characters: \"Name\" or [ \"Name\", \"OtherName\" ]", s.path,
                line, key, sizeof names->name[i] - 1);
    memcpy(names->name[i], value, strlen(value) + 1);
  }
  names->n = n;
done:
  return status;
}

static int read_number(struct source s, const char *key, double *x)
{
  int status = CUBIX_OK;
  config_setting_t *member = config_setting_get_member(s.at, key);

  *x = 0.;
  if (!member) goto done;
  CUBIX_CHECK(config_setting_is_number(member), CUBIX_EUSAGE, "%s:%d: '%s' must be a number", s.path,
              (int)config_setting_source_line(member), key);
  *x = config_setting_type(member) == CONFIG_TYPE_FLOAT ? config_setting_get_float(member)
                                                        : (double)config_setting_get_int64(member);
done:
  return status;
}

/* "kpc", "1e10 Msun": a number, if any, and a unit of the field's kind. */
static int read_unit(struct source s, const struct cubix_field_info *info, struct cubix_field_map *map)
{
  int status = CUBIX_OK;
  char *unit = map->unit;

  CUBIX_TRY(read_text(s, "unit", map->unit, sizeof map->unit));
  map->factor = strchr(map->unit, ' ') ? strtod(map->unit, &unit) : 1.;
  unit += strspn(unit, " ");
  CUBIX_CHECK((strcmp(unit, info->unit) == 0 || cubix_unit_convert(unit, info->unit, 1, &map->factor) == 0) &&
                  map->factor > 0.,
              CUBIX_EUSAGE, "%s:%d: unit = \"%s\" is no unit of %s; write one like \"%s\" or \"1e10 %s\"", s.path,
              line_of(&s), map->unit, info->name, info->unit, info->unit);
  map->cgs = map->factor * info->cgs;
done:
  return status;
}

static int read_stars(struct source s, struct cubix_simformat *format)
{
  static const char *const field_key[] = { "dataset", "unit", "a", "h" };
  int status = CUBIX_OK;
  const char *known[CUBIX_N_FIELD + 1];

  for (int f = 0; f < CUBIX_N_FIELD; f++) known[f] = cubix_field_table[f].name;
  known[CUBIX_N_FIELD] = "group";
  CUBIX_TRY(check_keys(s, known, CUBIX_N_FIELD + 1));
  CUBIX_TRY(read_text(s, "group", format->star_group, sizeof format->star_group));
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    const struct cubix_field_info *info = &cubix_field_table[f];
    struct cubix_field_map *map = &format->field[f];
    struct source entry = { s.path, config_setting_get_member(s.at, info->name) };
    if (!entry.at) continue;
    CUBIX_TRY(check_keys(entry, field_key, 4));
    CUBIX_TRY(read_names(entry, "dataset", &map->dataset));
    CUBIX_CHECK(map->dataset.n > 0, CUBIX_EUSAGE, "%s:%d: %s names no dataset", s.path, line_of(&entry), info->name);
    CUBIX_TRY(read_unit(entry, info, map));
    CUBIX_TRY(read_number(entry, "a", &map->a));
    CUBIX_TRY(read_number(entry, "h", &map->h));
  }
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    int optional =
        f == CUBIX_FIELD_AGE || f == CUBIX_FIELD_FORMATION || f == CUBIX_FIELD_POTENTIAL || f == CUBIX_FIELD_LENGTH;
    CUBIX_CHECK(optional || format->field[f].dataset.n > 0, CUBIX_EUSAGE, "%s:%d: the key '%s' is missing", s.path,
                line_of(&s), cubix_field_table[f].name);
  }
  CUBIX_CHECK(format->field[CUBIX_FIELD_AGE].dataset.n + format->field[CUBIX_FIELD_FORMATION].dataset.n > 0,
              CUBIX_EUSAGE, "%s:%d: either 'FormationScaleFactor' or 'Age' must be there", s.path, line_of(&s));
done:
  return status;
}

static int read_header(struct source s, struct cubix_simformat *format)
{
  int status = CUBIX_OK;
  const char *known[CUBIX_N_HEADER + 1];

  for (int i = 0; i < CUBIX_N_HEADER; i++) known[i] = header_key[i];
  known[CUBIX_N_HEADER] = "group";
  CUBIX_TRY(check_keys(s, known, CUBIX_N_HEADER + 1));
  CUBIX_TRY(read_text(s, "group", format->header_group, sizeof format->header_group));
  for (int i = 0; i < CUBIX_N_HEADER; i++) CUBIX_TRY(read_names(s, header_key[i], &format->header[i]));
  CUBIX_CHECK(format->header[CUBIX_HEADER_REDSHIFT].n + format->header[CUBIX_HEADER_SCALE_FACTOR].n > 0, CUBIX_EUSAGE,
              "%s:%d: either 'redshift' or 'scale_factor' must be there", s.path, line_of(&s));
done:
  return status;
}

int cubix_simformat_read(struct cubix_simformat *format, const char *path)
{
  static const char *const top_key[] = { "description", "source", "imf", "recognise", "header", "attributes", "stars" };
  static const char *const recognise_key[] = { "attribute", "contains", "dataset" }, *const attribute_key[] = {
    "a", "h", "cgs", "unit"
  };
  int status = CUBIX_OK;
  const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  config_t config;
  struct source s = { path, NULL };
  config_setting_t *root;

  config_init(&config);
  *format = (struct cubix_simformat){ 0 };
  strncat(format->path, path, sizeof format->path - 1);
  snprintf(format->name, sizeof format->name, "%.*s", (int)strcspn(base, "."), base);
  CUBIX_TRY(cubix_configfile_read(&config, path, CUBIX_EUSAGE));
  s.at = root = config_root_setting(&config);
  CUBIX_TRY(check_keys(s, top_key, 7));
  if (config_setting_get_member(root, "imf")) CUBIX_TRY(read_text(s, "imf", format->imf, sizeof format->imf));
  for (int i = 3; i < 7; i++)
    CUBIX_CHECK(config_setting_get_member(root, top_key[i]) || i == 5, CUBIX_EUSAGE, "%s: the group '%s' is missing",
                path, top_key[i]);
  s.at = config_setting_get_member(root, "recognise");
  CUBIX_TRY(check_keys(s, recognise_key, 3));
  CUBIX_TRY(read_names(s, "attribute", &format->recognise.attribute));
  CUBIX_TRY(read_names(s, "contains", &format->recognise.contains));
  CUBIX_TRY(read_names(s, "dataset", &format->recognise.dataset));
  s.at = config_setting_get_member(root, "header");
  CUBIX_TRY(read_header(s, format));
  if ((s.at = config_setting_get_member(root, "attributes"))) {
    CUBIX_TRY(check_keys(s, attribute_key, 4));
    CUBIX_TRY(read_names(s, "a", &format->a));
    CUBIX_TRY(read_names(s, "h", &format->h));
    CUBIX_TRY(read_names(s, "cgs", &format->cgs));
    CUBIX_TRY(read_names(s, "unit", &format->unit));
  }
  s.at = config_setting_get_member(root, "stars");
  CUBIX_TRY(read_stars(s, format));
done:
  config_destroy(&config);
  return status;
}

const char *cubix_simformat_path(const struct cubix_simformat *format, const char *dataset, char *path, size_t size)
{
  snprintf(path, size, "%s/%s", format->star_group, dataset);
  return path;
}

int cubix_simformat_factor(const struct cubix_simformat *format, enum cubix_field field, hid_t file,
                           const char *dataset, double a, double hubble, double *factor)
{
  int status = CUBIX_OK, found;
  const struct cubix_field_map *map = &format->field[field];
  double p = map->a, q = map->h, cgs = map->cgs;
  char path[256], stated[64], file_name[1024] = "", names[256];

  H5Fget_name(file, file_name, sizeof file_name);
  cubix_simformat_path(format, dataset, path, sizeof path);
  CUBIX_TRY(cubix_h5_number(file, path, &format->a, &p, &found));
  CUBIX_TRY(cubix_h5_number(file, path, &format->h, &q, &found));
  CUBIX_TRY(cubix_h5_number(file, path, &format->cgs, &cgs, &found));
  if (format->unit.n) {
    CUBIX_TRY(cubix_h5_text(file, path, &format->unit, stated, sizeof stated, &found));
    CUBIX_CHECK(found, CUBIX_EINPUT, "%s: /%s has no attribute %s; it must say \"%s\"", file_name, path,
                cubix_names_text(&format->unit, names, sizeof names), map->unit);
    CUBIX_CHECK(cubix_unit_same(stated, map->unit), CUBIX_EINPUT, "%s: /%s is in \"%s\"; it must be in \"%s\"",
                file_name, path, stated, map->unit);
  }
  if (cgs == 0.) cgs = 1.;
  CUBIX_CHECK(isfinite(p) && isfinite(q) && isfinite(cgs) && cgs > 0., CUBIX_EINPUT,
              "%s: /%s states the conversion a^%g h^%g %g cgs, which is impossible", file_name, path, p, q, cgs);
  CUBIX_CHECK(q == 0. || hubble > 0., CUBIX_EINPUT,
              "%s: /%s is in units with h^%g, but /%s states no h (looked for %s)", file_name, path, q,
              format->header_group, cubix_names_text(&format->header[CUBIX_HEADER_H], names, sizeof names));
  *factor = map->factor * (p == 0. ? 1. : pow(a, p)) * (q == 0. ? 1. : pow(hubble, q));
  if (fabs(cgs / map->cgs - 1.) > 1e-3) *factor *= cgs / map->cgs;
done:
  return status;
}
