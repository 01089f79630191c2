/* simformat.c -- format files: their grammar (doc/formats.md, "Another simulation"). */
#include "simulation/simformat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/configfile.h"
#include "base/error.h"
#include "base/units.h"

static const char *const header_key[CUBIX_N_HEADER] = {
  [CUBIX_HEADER_SIMULATION] = "simulation",
  [CUBIX_HEADER_REDSHIFT] = "redshift",
  [CUBIX_HEADER_SCALE_FACTOR] = "scale_factor",
  [CUBIX_HEADER_TIME] = "time",
  [CUBIX_HEADER_COSMOLOGICAL] = "cosmological",
  [CUBIX_HEADER_OMEGA_M] = "omega_m",
  [CUBIX_HEADER_OMEGA_L] = "omega_l",
  [CUBIX_HEADER_H] = "h",
  [CUBIX_HEADER_BOX] = "box",
  [CUBIX_HEADER_N_FILE] = "n_file",
  [CUBIX_HEADER_VIRTUAL] = "virtual",
  [CUBIX_HEADER_N_HERE] = "n_here",
  [CUBIX_HEADER_N_ALL] = "n_all",
  [CUBIX_HEADER_CENTRE] = "centre",
  [CUBIX_HEADER_VELOCITY] = "velocity",
  [CUBIX_HEADER_BIRTH_MASS] = "birth_mass",
  [CUBIX_HEADER_IMF] = "imf",
  [CUBIX_HEADER_MASS_TABLE] = "mass_table",
};

/* A place in a format file. */
struct place { const char *path; config_setting_t *at; };

static int line_of(const struct place *s) { return (int)config_setting_source_line(s->at); }

/* Every key of a group must be one of these. */
static int check_keys(struct place s, const char *const *known, int n_known)
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
    struct place key = { s.path, config_setting_get_elem(s.at, (unsigned)i) };
    int found = 0;
    for (int j = 0; j < n_known; j++) found |= strcmp(config_setting_name(key.at), known[j]) == 0;
    CUBIX_CHECK(found, CUBIX_EUSAGE, "%s:%d: unknown key '%s'; known here: %s", s.path, line_of(&key),
                config_setting_name(key.at), list);
  }
done:
  return status;
}

/* A group within, or at = NULL where there is none. */
static struct place member_of(struct place s, const char *key)
{
  return (struct place){ s.path, config_setting_get_member(s.at, key) };
}

static int read_text(struct place s, const char *key, char *text, size_t size)
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
static int read_names(struct place s, const char *key, struct cubix_names *names)
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

static double number_of(const config_setting_t *member)
{
  return config_setting_type(member) == CONFIG_TYPE_FLOAT ? config_setting_get_float(member)
                                                          : (double)config_setting_get_int64(member);
}

static int read_number(struct place s, const char *key, double *x)
{
  int status = CUBIX_OK;
  config_setting_t *member = config_setting_get_member(s.at, key);

  *x = 0.;
  if (!member) goto done;
  CUBIX_CHECK(config_setting_is_number(member), CUBIX_EUSAGE, "%s:%d: '%s' must be a number", s.path,
              (int)config_setting_source_line(member), key);
  *x = number_of(member);
done:
  return status;
}

/* One integer or a list of them, of low .. high. */
static int read_integers(struct place s, const char *key, int *x, int most, int *n, int low, int high, int distinct)
{
  int status = CUBIX_OK, several;
  config_setting_t *member = config_setting_get_member(s.at, key);

  *n = 0;
  if (!member) goto done;
  several = config_setting_is_aggregate(member);
  *n = several ? config_setting_length(member) : 1;
  CUBIX_CHECK(*n >= 1 && *n <= most, CUBIX_EUSAGE, "%s:%d: '%s' must have 1 to %d numbers", s.path,
              (int)config_setting_source_line(member), key, most);
  for (int i = 0; i < *n; i++) {
    const config_setting_t *at = several ? config_setting_get_elem(member, (unsigned)i) : member;
    CUBIX_CHECK(config_setting_type(at) == CONFIG_TYPE_INT && config_setting_get_int(at) >= low &&
                    config_setting_get_int(at) <= high,
                CUBIX_EUSAGE, "%s:%d: '%s' must hold whole numbers from %d to %d", s.path,
                (int)config_setting_source_line(member), key, low, high);
    x[i] = config_setting_get_int(at);
    for (int k = 0; k < i && distinct; k++)
      CUBIX_CHECK(x[k] != x[i], CUBIX_EUSAGE, "%s:%d: '%s' lists %d twice", s.path,
                  (int)config_setting_source_line(member), key, x[i]);
  }
done:
  return status;
}

static int read_bool(struct place s, const char *key, int *x)
{
  int status = CUBIX_OK;
  config_setting_t *member = config_setting_get_member(s.at, key);
  *x = 0;
  if (!member) goto done;
  CUBIX_CHECK(config_setting_type(member) == CONFIG_TYPE_BOOL, CUBIX_EUSAGE, "%s:%d: '%s' must be true or false",
              s.path, (int)config_setting_source_line(member), key);
  *x = config_setting_get_bool(member);
done:
  return status;
}

/* One of the words, by its number; without the key the first. */
static int read_word(struct place s, const char *key, const char *const *word, int n, int *x)
{
  int status = CUBIX_OK;
  char text[32], list[128] = "";
  *x = 0;
  if (!config_setting_get_member(s.at, key)) goto done;
  CUBIX_TRY(read_text(s, key, text, sizeof text));
  for (*x = 0; *x < n && strcmp(text, word[*x]); ++*x)
    snprintf(list + strlen(list), sizeof list - strlen(list), "%s\"%s\"", *x ? ", " : "", word[*x]);
  CUBIX_CHECK(*x < n, CUBIX_EUSAGE, "%s:%d: %s = \"%s\" must be one of %s", s.path,
              (int)config_setting_source_line(config_setting_get_member(s.at, key)), key, text, list);
done:
  return status;
}

/* "kpc", "1e10 Msun": a number, if any, and a unit of the kind of `unit`.  @param[out] factor  in that one */
static int read_unit(struct place s, const char *key, const char *what, const char *unit, char text[32],
                     double *factor)
{
  int status = CUBIX_OK;
  char *word = text;

  CUBIX_TRY(read_text(s, key, text, 32));
  *factor = strchr(text, ' ') ? strtod(text, &word) : 1.;
  word += strspn(word, " ");
  CUBIX_CHECK((strcmp(word, unit) == 0 || cubix_unit_convert(word, unit, 1, factor) == 0) && *factor > 0.,
              CUBIX_EUSAGE, "%s:%d: %s = \"%s\" is no unit of %s; write one like \"%s\" or \"1e10 %s\"", s.path,
              line_of(&s), key, text, what, unit, unit);
done:
  return status;
}

/* ---- stars and gas --------------------------------------------------------------------------- */

static int read_field(struct place s, const struct cubix_field_info *info, struct cubix_field_map *map)
{
  static const char *const key[] = { "dataset", "integer", "unit", "a",        "h",
                                     "column",  "label",   "rest", "of_mass",  "misstated" };
  int status = CUBIX_OK, column[2], n;

  CUBIX_TRY(check_keys(s, key, 10));
  CUBIX_TRY(read_names(s, "dataset", &map->dataset));
  CUBIX_CHECK(map->dataset.n > 0, CUBIX_EUSAGE, "%s:%d: %s names no dataset", s.path, line_of(&s), info->name);
  CUBIX_TRY(read_names(s, "integer", &map->integer));
  CUBIX_TRY(read_bool(s, "of_mass", &map->of_mass));
  CUBIX_TRY(read_bool(s, "rest", &map->rest));
  if (map->of_mass) info = &cubix_field_table[CUBIX_FIELD_MASS_NOW];
  CUBIX_TRY(read_text(s, "unit", map->unit, sizeof map->unit));
  map->code = !strcmp(map->unit, "code");
  if (!map->code) CUBIX_TRY(read_unit(s, "unit", info->name, info->unit, map->unit, &map->factor));
  CUBIX_TRY(read_number(s, "a", &map->a));
  CUBIX_TRY(read_number(s, "h", &map->h));
  CUBIX_TRY(read_integers(s, "column", column, 2, &n, 0, 1000, 0));
  map->first = n ? column[0] : -1;
  map->last = n ? column[n - 1] : -1;
  CUBIX_CHECK(map->last >= map->first, CUBIX_EUSAGE, "%s:%d: column = [%d, %d] must rise", s.path, line_of(&s),
              map->first, map->last);
  if (config_setting_get_member(s.at, "label")) CUBIX_TRY(read_text(s, "label", map->label, sizeof map->label));
  CUBIX_TRY(read_bool(s, "misstated", &map->misstated));
done:
  return status;
}

static int is_of(enum cubix_field f, int gas)
{
  if (f >= CUBIX_FIELD_DENSITY) return gas;
  return !gas || f == CUBIX_FIELD_POSITION || f == CUBIX_FIELD_VELOCITY || f == CUBIX_FIELD_MASS_NOW ||
         f == CUBIX_FIELD_METALLICITY || f == CUBIX_FIELD_LENGTH || f == CUBIX_FIELD_ID;
}

static int read_species(struct place s, struct cubix_species *species, int gas)
{
  static const char *const key[] = { "group",          "type",         "isolated_type",
                                     "kernel",         "group_number", "subgroup_number",
                                     "subhalo_number", "no_formation", "initial_mass" };
  static const char *const unborn[] = { "drop", "initial" };
  static const char *const birth_mass[] = { "file", "library", "current" };
  int status = CUBIX_OK, n_known = 0, x;
  const char *known[CUBIX_N_FIELD + 9];

  for (int f = 0; f < CUBIX_N_FIELD; f++)
    if (is_of(f, gas)) known[n_known++] = cubix_field_table[f].name;
  for (int i = 0; i < (gas ? 7 : 9); i++) known[n_known++] = key[i];
  CUBIX_TRY(check_keys(s, known, n_known));
  species->there = 1;
  CUBIX_TRY(read_text(s, "group", species->group, sizeof species->group));
  CUBIX_TRY(read_integers(s, "type", species->type, CUBIX_N_TYPE, &species->n_type, 0, 31, 1));
  CUBIX_TRY(read_integers(s, "isolated_type", species->isolated, CUBIX_N_TYPE, &species->n_isolated, 0, 31, 1));
  x = strstr(species->group, "%d") != NULL;
  CUBIX_CHECK(x == (species->n_type > 0), CUBIX_EUSAGE,
              "%s:%d: group = \"%s\" %s", s.path, line_of(&s), species->group,
              x ? "needs the key 'type': which numbers stand for %d" : "has no %d for the numbers of the key 'type'");
  if (!x) {
    species->n_type = 1;
    species->type[0] = -1;
  }
  CUBIX_TRY(read_word(s, "no_formation", unborn, 2, &x));
  species->unborn = (enum cubix_unborn)x;
  CUBIX_TRY(read_word(s, "initial_mass", birth_mass, 3, &x));
  species->birth_mass = (enum cubix_birth_mass)x;
  CUBIX_TRY(read_names(s, "kernel", &species->kernel));
  for (int i = 0; i < CUBIX_N_TAG; i++) CUBIX_TRY(read_names(s, key[4 + i], &species->tag[i]));
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    struct place entry = member_of(s, cubix_field_table[f].name);
    if (entry.at) CUBIX_TRY(read_field(entry, &cubix_field_table[f], &species->field[f]));
  }
  for (int f = 0; f <= CUBIX_FIELD_MASS_NOW; f++)
    CUBIX_CHECK(f == CUBIX_FIELD_MASS_FORMED || species->field[f].dataset.n > 0, CUBIX_EUSAGE,
                "%s:%d: the key '%s' is missing", s.path, line_of(&s), cubix_field_table[f].name);
  CUBIX_CHECK(gas || species->birth_mass || species->field[CUBIX_FIELD_MASS_FORMED].dataset.n > 0, CUBIX_EUSAGE,
              "%s:%d: the key 'InitialMass' is missing; or say initial_mass = \"library\" or \"current\"", s.path,
              line_of(&s));
done:
  return status;
}

const char *cubix_species_group(char *group, size_t size, const struct cubix_species *species, int type)
{
  const char *at = strstr(species->group, "%d");
  if (at) snprintf(group, size, "%.*s%d%s", (int)(at - species->group), species->group, type, at + 2);
  else snprintf(group, size, "%s", species->group);
  return group;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static int read_header(struct place s, struct cubix_simformat *format)
{
  int status = CUBIX_OK;
  const char *known[CUBIX_N_HEADER + 2];

  for (int i = 0; i < CUBIX_N_HEADER; i++) known[i] = header_key[i];
  known[CUBIX_N_HEADER] = "group";
  known[CUBIX_N_HEADER + 1] = "isolated_h";
  CUBIX_TRY(check_keys(s, known, CUBIX_N_HEADER + 2));
  CUBIX_TRY(read_names(s, "group", &format->header_group));
  CUBIX_CHECK(format->header_group.n, CUBIX_EUSAGE, "%s:%d: the key 'group' is missing", s.path, line_of(&s));
  for (int i = 0; i < CUBIX_N_HEADER; i++) CUBIX_TRY(read_names(s, header_key[i], &format->header[i]));
  CUBIX_TRY(read_bool(s, "isolated_h", &format->isolated_h));
  CUBIX_CHECK(format->header[CUBIX_HEADER_REDSHIFT].n + format->header[CUBIX_HEADER_SCALE_FACTOR].n > 0, CUBIX_EUSAGE,
              "%s:%d: either 'redshift' or 'scale_factor' must be there", s.path, line_of(&s));
done:
  return status;
}

static int read_units(struct place s, struct cubix_code_units *units)
{
  static const char *const key[] = { "group", "length", "mass", "velocity", "time", "nominal", "hold_h" };
  static const char *const unit[] = { "kpc", "Msun", "km/s" };
  int status = CUBIX_OK;
  char text[32];
  struct place nominal = member_of(s, "nominal");

  CUBIX_TRY(check_keys(s, key, 7));
  CUBIX_TRY(read_bool(s, "hold_h", &units->hold_h));
  CUBIX_TRY(read_names(s, "group", &units->group));
  CUBIX_TRY(read_names(s, "length", &units->length));
  CUBIX_TRY(read_names(s, "mass", &units->mass));
  CUBIX_TRY(read_names(s, "velocity", &units->velocity));
  CUBIX_TRY(read_names(s, "time", &units->time));
  if (!nominal.at) goto done;
  CUBIX_TRY(check_keys(nominal, key + 1, 3));
  for (int i = 0; i < 3; i++)
    if (config_setting_get_member(nominal.at, key[1 + i]))
      CUBIX_TRY(read_unit(nominal, key[1 + i], key[1 + i], unit[i], text, &units->nominal[i]));
done:
  return status;
}

static int read_attributes(struct place s, struct cubix_simformat *format)
{
  static const char *const key[] = { "a", "h", "cgs", "cgs_physical", "physical", "unit" };
  struct cubix_names *const to[] = { &format->a,        &format->h,    &format->cgs, &format->cgs_physical,
                                     &format->physical, &format->unit };
  int status = CUBIX_OK;
  CUBIX_TRY(check_keys(s, key, 6));
  for (int i = 0; i < 6; i++) CUBIX_TRY(read_names(s, key[i], to[i]));
done:
  return status;
}

static int read_recognise(struct place s, struct cubix_simformat *format)
{
  static const char *const key[] = { "file", "attribute", "contains", "dataset", "absent" };
  int status = CUBIX_OK;
  CUBIX_TRY(check_keys(s, key, 5));
  snprintf(format->recognise.file, sizeof format->recognise.file, "hdf5");
  if (config_setting_get_member(s.at, "file"))
    CUBIX_TRY(read_text(s, "file", format->recognise.file, sizeof format->recognise.file));
  CUBIX_TRY(read_names(s, "attribute", &format->recognise.attribute));
  CUBIX_TRY(read_names(s, "contains", &format->recognise.contains));
  CUBIX_TRY(read_names(s, "dataset", &format->recognise.dataset));
  CUBIX_TRY(read_names(s, "absent", &format->recognise.absent));
done:
  return status;
}

int cubix_simformat_read(struct cubix_simformat *format, const char *path)
{
  static const char *const key[] = { "description", "source", "imf",   "recognise", "header",
                                     "attributes",  "units",  "stars", "gas" };
  int status = CUBIX_OK;
  const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  config_t config;
  struct place root = { path, NULL }, part;

  config_init(&config);
  *format = (struct cubix_simformat){ 0 };
  strncat(format->path, path, sizeof format->path - 1);
  snprintf(format->name, sizeof format->name, "%.*s", (int)strcspn(base, "."), base);
  CUBIX_TRY(cubix_configfile_read(&config, path, "formats", CUBIX_EUSAGE));
  root.at = config_root_setting(&config);
  CUBIX_TRY(check_keys(root, key, 9));
  if (config_setting_get_member(root.at, "imf")) CUBIX_TRY(read_text(root, "imf", format->imf, sizeof format->imf));
  for (int i = 3; i < 8; i++)
    CUBIX_CHECK(i == 5 || i == 6 || config_setting_get_member(root.at, key[i]), CUBIX_EUSAGE,
                "%s: the group '%s' is missing", path, key[i]);
  CUBIX_TRY(read_recognise(member_of(root, "recognise"), format));
  CUBIX_TRY(read_header(member_of(root, "header"), format));
  if ((part = member_of(root, "attributes")).at) CUBIX_TRY(read_attributes(part, format));
  if ((part = member_of(root, "units")).at) CUBIX_TRY(read_units(part, &format->units));
  CUBIX_TRY(read_species(member_of(root, "stars"), &format->stars, 0));
  if ((part = member_of(root, "gas")).at) CUBIX_TRY(read_species(part, &format->gas, 1));
done:
  config_destroy(&config);
  return status;
}
