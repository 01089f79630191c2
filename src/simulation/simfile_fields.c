/* simfile_fields.c -- where each quantity is, and what takes its place where it is not.
 *
 * A column is chosen once, in the first part that has it; other members and types must have the same
 * one, or something that stands in for it: the header's table of masses, StarAge, StarMetallicity.
 * What is found nowhere is asked for, not guessed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "math/cosmology.h"
#include "simulation/simfile_parts.h"

/* Quantities that only some parameters ask for, and those that only stars or gas have. */
static int is_wanted(const struct cubix_simfile *sim, const struct cubix_look *look, enum cubix_field f)
{
  const struct cubix_params *par = look->par;
  if (f == CUBIX_FIELD_ID) return sim->everything;
  if (sim->everything && (f == CUBIX_FIELD_POTENTIAL || f == CUBIX_FIELD_LENGTH)) return 1;
  if (sim->population == CUBIX_GAS) return look->species->field[f].dataset.n > 0;
  if (f == CUBIX_FIELD_MASS_FORMED) return par->StarInitialMass == CUBIX_StarInitialMass_auto;
  if (f == CUBIX_FIELD_POTENTIAL) return par->Centre.word && strcmp(par->Centre.word, "potential") == 0;
  if (f == CUBIX_FIELD_LENGTH) return !cubix_params_unmet(par, CUBIX_NEEDS_LENGTH " with SmoothingLength file");
  if (f == CUBIX_FIELD_SCALE_FACTOR) return !look->scales.isolated;
  if (f == CUBIX_FIELD_CONFORMAL_TIME) return !look->scales.isolated;
  return f < CUBIX_FIELD_DENSITY;
}

/* Which numbers of a row: all of a vector, the one of a scalar, one or the sum of some of several. */
static int find_pick(struct cubix_pick *pick, const struct cubix_look *look, enum cubix_field field, const char *path)
{
  int status = CUBIX_OK, index;
  const struct cubix_field_map *map = &look->species->field[field];
  struct cubix_shape shape;
  char labels[128] = "";
  const char *label = strchr(map->label, '@');
  *pick = (struct cubix_pick){ cubix_field_table[field].n_c, -1, -1 };
  CUBIX_TRY(cubix_source_shape(&shape, look->source, path));
  if (pick->n_c > 1 || (shape.n_c == 1 && map->first <= 0 && !map->of_mass)) {
    /* [N][1] is [N] */
    if (pick->n_c == 1) pick->first = pick->last = shape.n_d == 2 ? 0 : -1;
    goto done;
  }
  pick->first = map->first;
  pick->last = map->last;
  if (label) {
    snprintf(labels, sizeof labels, "%.*s", (int)(label - map->label), map->label);
    CUBIX_TRY(cubix_source_label(&index, look->source, labels, label + 1));
    CUBIX_CHECK(index >= 0 || pick->first >= 0, CUBIX_EINPUT,
                "%s: /%s has %d numbers a row, and /%s does not name one of them \"%s\": which one is %s?  Say "
                "`column` in a copy of %s",
                look->source->path, path, shape.n_c, labels, label + 1, cubix_field_table[field].name,
                look->format->path);
    if (index >= 0) pick->first = pick->last = index;
  }
  CUBIX_CHECK(pick->first >= 0, CUBIX_EINPUT,
              "%s: /%s has the shape [%lld][%d], and the format %s does not say which of its columns is %s: it must be "
              "[N]; or say `column` in a copy of %s",
              look->source->path, path, (long long)shape.n_row, shape.n_c, look->format->name,
              cubix_field_table[field].name, look->format->path);
done:
  return status;
}

/* The snapshot's time, as the formation times count it.  @param birth  path of their column */
static int find_now(struct cubix_simfile *sim, const struct cubix_look *look, const char *birth)
{
  int status = CUBIX_OK, found;
  const struct cubix_snapshot *s = &sim->snapshot;
  const char *path = look->source->path;
  double unit;
  char names[512];
  if (sim->birth == CUBIX_FIELD_AGE) goto done;
  if (look->scales.isolated) {
    CUBIX_TRY(cubix_header_number(&sim->now, &found, look->format, look->source, CUBIX_HEADER_TIME));
    cubix_header_names(look->format, CUBIX_HEADER_TIME, names, sizeof names);
    CUBIX_CHECK(found || look->par->StarAge[0], CUBIX_EINPUT,
                "%s: ages need the time of the snapshot: there is no %s.  If all stars were there from the beginning, "
                "give StarAge", path, names);
    if (!found)
      cubix_log(CUBIX_LOG_WARNING, "%s states no time (looked for %s): it counts as 0, and no star may have formed "
                "after that", path, names);
    CUBIX_TRY(cubix_simformat_factor(&unit, look->format, &look->species->field[sim->birth], sim->birth, look->source,
                                     birth, &look->scales));
    sim->now *= unit;
    goto done;
  }
  CUBIX_CHECK(s->omega_m > 0. && s->h > 0., CUBIX_EINPUT,
              "%s: ages need the cosmology; the file must state Omega_m > 0 (here %g), Omega_Lambda (%g) and h > 0 "
              "(%g) (looked for %s); or give OmegaMatter, OmegaLambda and HubbleParam",
              path, s->omega_m, s->omega_l, s->h,
              cubix_header_names(look->format, CUBIX_HEADER_OMEGA_M, names, sizeof names));
  sim->now = cubix_cosmology_age(s->omega_m, s->omega_l, s->h, sim->a);
  CUBIX_CHECK(isfinite(sim->now), CUBIX_EINPUT,
              "%s: a universe of Omega_m = %g and Omega_Lambda = %g had no beginning, and its stars have no age", path,
              s->omega_m, s->omega_l);
done:
  return status;
}

/* The first of the alternatives that a part has. */
static int choose(struct cubix_simfile *sim, const struct cubix_look *look, const struct cubix_simpart *part,
                  enum cubix_field f, const struct cubix_names *names)
{
  int status = CUBIX_OK, there;
  char path[256];
  struct cubix_shape shape;
  for (int i = 0; i < names->n && !sim->field[f].name[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", sim->group[part->type], names->name[i]);
    CUBIX_TRY(cubix_source_has(&there, look->source, path));
    if (!there) continue;
    CUBIX_TRY(cubix_source_shape(&shape, look->source, path));
    if (f == CUBIX_FIELD_ID && !shape.bits) continue;       /* written as floats: no identifiers */
    /* what can be done without may lack its column */
    if (f >= CUBIX_FIELD_DENSITY && look->species->field[f].last >= shape.n_c) continue;
    CUBIX_TRY(find_pick(&sim->field[f].pick, look, f, path));
    sim->field[f].of_mass = look->species->field[f].of_mass;
    sim->field[f].rest = look->species->field[f].rest;
    snprintf(sim->field[f].name, sizeof sim->field[f].name, "%s", names->name[i]);
    if (!cubix_field_is_birth(f)) continue;
    sim->birth = f;
    CUBIX_TRY(find_now(sim, look, path));
  }
done:
  return status;
}

/* The kernel's radius in units of the smoothing length; 1 where they are the same, 0 where that is unknown. */
static int find_support(double *support, const struct cubix_look *look)
{
  int status = CUBIX_OK, found;
  struct cubix_names name = { .n = 1 };
  char object[80], word[64];
  *support = 1;
  if (!look->species->kernel.n) goto done;
  const char *kernel = look->species->kernel.name[0], *at = strchr(kernel, '@');
  snprintf(object, sizeof object, "%.*s", (int)strcspn(kernel, "@"), kernel);
  snprintf(name.name[0], sizeof name.name[0], "%s", at ? at + 1 : "");
  CUBIX_TRY(cubix_source_has(&found, look->source, object));
  if (found) CUBIX_TRY(cubix_source_text(look->source, object, &name, word, sizeof word, &found));
  *support = found ? cubix_kernel_support(word) : 0;
done:
  return status;
}

/* A smoothing length that is no radius tells nothing without its kernel. */
static int is_measure(int *tells, const struct cubix_simfile *sim, const struct cubix_look *look, enum cubix_field f)
{
  int status = CUBIX_OK;
  double support;
  *tells = 1;
  if (f != CUBIX_FIELD_LENGTH) goto done;
  CUBIX_TRY(find_support(&support, look));
  *tells = support > 0;
  if (!*tells && sim->n_part == 0)
    cubix_log(CUBIX_LOG_WARNING, "%s: SmoothingLength of the gas is not read: its radius follows from %s, which is not "
              "there or none of the cubic, quartic and quintic spline and Wendland's C2, C4 and C6",
              look->source->path, look->species->kernel.name[0]);
done:
  return status;
}

int cubix_simfile_find_field(struct cubix_simfile *sim, const struct cubix_look *look, const struct cubix_simpart *part,
                             enum cubix_field f)
{
  int status = CUBIX_OK, tells;
  if (sim->field[f].name[0] || !is_wanted(sim, look, f)) goto done;
  if (cubix_field_is_birth(f) && sim->birth < CUBIX_N_FIELD) goto done;
  CUBIX_TRY(is_measure(&tells, sim, look, f));
  if (!tells) goto done;
  CUBIX_TRY(choose(sim, look, part, f, &look->species->field[f].dataset));
  CUBIX_TRY(choose(sim, look, part, f, &look->species->field[f].integer));
done:
  return status;
}

static int is_integer(const struct cubix_simfile *sim, const struct cubix_field_map *map, enum cubix_field field)
{
  for (int i = 0; i < map->integer.n; i++)
    if (!strcmp(sim->field[field].name, map->integer.name[i])) return 1;
  return 0;
}

/* Positions as integers are parts of the box. */
static int integer_unit(double *factor, const struct cubix_look *look, const char *path)
{
  int status = CUBIX_OK, found;
  double box = 0;
  struct cubix_shape shape;
  CUBIX_TRY(cubix_header_number(&box, &found, look->format, look->source, CUBIX_HEADER_BOX));
  CUBIX_CHECK(found && box > 0, CUBIX_EINPUT, "%s: /%s holds integers, which are parts of the box, and BoxSize is %g",
              look->source->path, path, box);
  CUBIX_TRY(cubix_source_shape(&shape, look->source, path));
  CUBIX_CHECK(shape.bits > 0, CUBIX_EINPUT, "%s: /%s must hold integers", look->source->path, path);
  *factor *= box / pow(2., shape.bits);
done:
  return status;
}

int cubix_simfile_factor(double *factor, const struct cubix_look *look, const struct cubix_simfile *sim,
                         enum cubix_field field, const char *path)
{
  int status = CUBIX_OK;
  struct cubix_field_map map = look->species->field[field];
  double support;
  *factor = 1;
  if (field == CUBIX_FIELD_ID) goto done;
  /* the box is in the units of the code, whatever is said of the integers */
  const int integer = is_integer(sim, &map, field);
  map.misstated |= integer;
  CUBIX_TRY(cubix_simformat_factor(factor, look->format, &map, field, look->source, path, &look->scales));
  CUBIX_TRY(cubix_simformat_warn(look->format, &map, look->source, path, &look->scales));
  if (integer) CUBIX_TRY(integer_unit(factor, look, path));
  if (field != CUBIX_FIELD_LENGTH) goto done;
  CUBIX_TRY(find_support(&support, look));
  *factor *= support;
done:
  return status;
}

int cubix_simfile_length(struct cubix_look *look, const struct cubix_simfile *sim, const char *path)
{
  int status = CUBIX_OK;
  const struct cubix_field_map *map = &look->species->field[CUBIX_FIELD_POSITION];
  /* integers have no unit */
  if (is_integer(sim, map, CUBIX_FIELD_POSITION))
    CUBIX_TRY(cubix_simformat_factor(&look->length, look->format, map, CUBIX_FIELD_POSITION, look->source, NULL,
                                     &look->scales));
  else
    CUBIX_TRY(cubix_simformat_header_length(&look->length, look->format, map, look->source, path, &look->scales));
done:
  return status;
}

/* ---- what stands in -------------------------------------------------------------------------- */

static int say_missing(const struct cubix_look *look, const struct cubix_simfile *sim, const struct cubix_simpart *part,
                       enum cubix_field f, const char *remedy)
{
  int status = CUBIX_OK;
  const struct cubix_names *names = &look->species->field[f].dataset;
  char looked_for[512], there[1024];
  const char *note = look->source->note, *and = note[0] ? "; " : "";
  cubix_source_list(look->source, sim->group[part->type], there, sizeof there);
  CUBIX_CHECK(!sim->field[f].name[0], CUBIX_EINPUT,
              "%s: /%s/%s is missing, but other files or types of this snapshot have it; there are: %s%s%s%s",
              look->source->path, sim->group[part->type], sim->field[f].name, there, remedy, and, note);
  CUBIX_CHECK(names->n > 0, CUBIX_EINPUT, "%s: the format %s has no dataset for %s of /%s%s; or add one to %s",
              look->source->path, look->format->name, cubix_field_table[f].name, sim->group[part->type], remedy,
              look->format->path);
  CUBIX_CHECK(0, CUBIX_EINPUT, "%s: there is no dataset for %s: looked in /%s for %s; there are: %s%s%s%s",
              look->source->path, cubix_field_table[f].name, sim->group[part->type],
              cubix_names_text(names, looked_for, sizeof looked_for), there, remedy, and, note);
done:
  return status;
}

static int mass_of_table(double *mass, const struct cubix_look *look, int type)
{
  enum { MOST = 32 };
  int status = CUBIX_OK, found;
  double table[MOST], factor;
  *mass = NAN;
  if (type < 0) goto done;
  CUBIX_TRY(cubix_header_numbers(table, MOST, &found, look->format, look->source, CUBIX_HEADER_MASS_TABLE));
  if (type >= found || type >= MOST || !(table[type] > 0)) goto done;
  CUBIX_TRY(cubix_simformat_factor(&factor, look->format, &look->species->field[CUBIX_FIELD_MASS_NOW],
                                   CUBIX_FIELD_MASS_NOW, look->source, NULL, &look->scales));
  *mass = table[type] * factor;
done:
  return status;
}

/* A value that the user gives for a type. */
static double given(const double by_type[CUBIX_N_BY_TYPE], int type) { return by_type[type < 0 ? 0 : type]; }

/* Which column would say when a star formed. */
static enum cubix_field birth_of(const struct cubix_simfile *sim, const struct cubix_look *look)
{
  for (int b = CUBIX_FIELD_AGE; b <= CUBIX_FIELD_CONFORMAL_TIME; b++)
    if (look->species->field[b].dataset.n && is_wanted(sim, look, b)) return (enum cubix_field)b;
  return CUBIX_FIELD_CONFORMAL_TIME;
}

/* Whether a part of the stars has neither a column nor anything that stands in for it. */
static int lacks(int *is, const struct cubix_look *look, const struct cubix_simfile *sim,
                 const struct cubix_simpart *part, enum cubix_field f)
{
  int status = CUBIX_OK, there = 0;
  const int type = sim->type[part->type];
  const enum cubix_field column = f == CUBIX_FIELD_AGE ? sim->birth : f;
  char path[256];
  if (column < CUBIX_N_FIELD && sim->field[column].name[0])
    CUBIX_TRY(cubix_source_has(&there, look->source, cubix_simfile_path(path, sizeof path, sim, part, column)));
  *is = !there && (f == CUBIX_FIELD_AGE           ? isnan(given(look->age, type))
                   : f == CUBIX_FIELD_METALLICITY ? isnan(given(look->metallicity, type))
                                                  : look->species->birth_mass == CUBIX_BIRTH_FILE);
done:
  return status;
}

/* `like StarAge "2: 5.0, 3: 5.0"`, for all types in this member that have none yet. */
static int give(char *text, size_t size, const struct cubix_look *look, const struct cubix_simfile *sim,
                const char *parameter, const double by_type[CUBIX_N_BY_TYPE], const char *value)
{
  int status = CUBIX_OK, there;
  size_t used = (size_t)snprintf(text, size, "like %s \"", parameter);
  const char *comma = "";
  for (int t = 0; t < sim->n_type; t++) {
    CUBIX_TRY(cubix_source_is_filled(&there, look->source, sim->group[t]));
    if (!there || !isnan(given(by_type, sim->type[t]))) continue;
    if (sim->type[t] < 0) used += (size_t)snprintf(text + used, size - used, "%s", value);
    else used += (size_t)snprintf(text + used, size - used, "%s%d: %s", comma, sim->type[t], value);
    comma = ", ";
  }
  snprintf(text + used, size - used, "\"");
done:
  return status;
}

/* All that a part of the stars lacks, in one message, and what the user can give for it. */
static int say_lacking(const struct cubix_look *look, const struct cubix_simfile *sim, const struct cubix_simpart *part)
{
  static const enum cubix_field asked[] = { CUBIX_FIELD_MASS_FORMED, CUBIX_FIELD_METALLICITY, CUBIX_FIELD_AGE };
  int status = CUBIX_OK, is;
  enum cubix_field first = CUBIX_N_FIELD;
  char either[128] = "", like[200], remedy[1024] = "", text[1200];
  for (int i = 0; i < 3; i++) {
    const size_t used = strlen(remedy);
    CUBIX_TRY(lacks(&is, look, sim, part, asked[i]));
    if (!is) continue;
    const enum cubix_field column = asked[i] == CUBIX_FIELD_AGE ? birth_of(sim, look) : asked[i];
    if (first == CUBIX_N_FIELD) first = column;
    else snprintf(either + strlen(either), sizeof either - strlen(either), "%s%s", either[0] ? " and " : "",
                  cubix_field_table[column].name);
    if (asked[i] == CUBIX_FIELD_MASS_FORMED) {
      snprintf(remedy, sizeof remedy, "; StarInitialMass says what stands in for masses at birth");
    } else if (asked[i] == CUBIX_FIELD_METALLICITY) {
      CUBIX_TRY(give(like, sizeof like, look, sim, "StarMetallicity", look->metallicity, "0.02"));
      snprintf(remedy + used, sizeof remedy - used, "; give StarMetallicity, %s", like);
    } else {
      CUBIX_TRY(give(like, sizeof like, look, sim, "StarAge", look->age, "5.0"));
      snprintf(remedy + used, sizeof remedy - used, "; give StarAge in Gyr, %s", like);
    }
  }
  snprintf(text, sizeof text, "%s%s%s", either[0] ? "; nor is there one for " : "", either, remedy);
  if (first < CUBIX_N_FIELD) CUBIX_TRY(say_missing(look, sim, part, first, text));
done:
  return status;
}

/* Gas that neither shines nor is made into stars, but dims: how fast it is changes nothing. */
static int still_will_do(const struct cubix_simfile *sim, const struct cubix_params *par)
{
  return sim->population == CUBIX_GAS && !sim->everything && par->Lines != CUBIX_Lines_sfr && !(par->ResampleYoung > 0);
}

int cubix_simfile_stand_in(double *value, const struct cubix_look *look, struct cubix_simfile *sim,
                           const struct cubix_simpart *part, enum cubix_field f)
{
  int status = CUBIX_OK;
  const int type = sim->type[part->type], stars = sim->population == CUBIX_STARS;
  char names[256];
  *value = NAN;
  switch (f) {
    case CUBIX_FIELD_POSITION: CUBIX_TRY(say_missing(look, sim, part, f, "")); break;
    case CUBIX_FIELD_VELOCITY:
      if (still_will_do(sim, look->par)) *value = 0;
      else CUBIX_TRY(say_missing(look, sim, part, f, ""));
      break;
    case CUBIX_FIELD_MASS_NOW:
      CUBIX_TRY(mass_of_table(value, look, type));
      if (isnan(*value)) CUBIX_TRY(say_missing(look, sim, part, f, ""));
      break;
    case CUBIX_FIELD_MASS_FORMED:
      if (!stars) break;
      sim->birth_mass = look->species->birth_mass;
      if (sim->birth_mass == CUBIX_BIRTH_FILE) CUBIX_TRY(say_lacking(look, sim, part));
      break;
    case CUBIX_FIELD_METALLICITY:
      if (stars) *value = given(look->metallicity, type);
      if (stars && isnan(*value)) CUBIX_TRY(say_lacking(look, sim, part));
      break;
    case CUBIX_FIELD_AGE:
      *value = given(look->age, type);
      if (isnan(*value)) CUBIX_TRY(say_lacking(look, sim, part));
      break;
    case CUBIX_FIELD_LENGTH:
      CUBIX_CHECK(!stars || sim->everything, CUBIX_EINPUT,
                  "%s: stars have no SmoothingLength (looked in /%s for %s), which Deposit %s takes with "
                  "SmoothingLength file: give a SmoothingLength in kpc, or another Deposit",
                  look->source->path, sim->group[part->type],
                  look->species->field[f].dataset.n
                      ? cubix_names_text(&look->species->field[f].dataset, names, sizeof names)
                      : "none: the format knows no name for it",
                  cubix_Deposit_word[look->par->Deposit]);
      break;
    case CUBIX_FIELD_POTENTIAL:
      if (!sim->everything) CUBIX_TRY(say_missing(look, sim, part, f, ""));
      break;
    default: break;
  }
done:
  return status;
}

int cubix_simfile_wants(const struct cubix_simfile *sim, const struct cubix_look *look, enum cubix_field f)
{
  if (cubix_field_is_birth(f))
    return sim->population == CUBIX_STARS &&
           (sim->birth < CUBIX_N_FIELD ? f == sim->birth : f == CUBIX_FIELD_AGE);
  return is_wanted(sim, look, f);
}

int cubix_simfile_note_gas(struct cubix_snapshot *snapshot, const struct cubix_look *look)
{
  const struct cubix_species *gas = &look->format->gas;
  int status = CUBIX_OK, there;
  char group[64], path[256];
  struct cubix_shape shape = { 0 };
  if (!gas->there) goto done;
  cubix_species_group(group, sizeof group, gas, gas->type[0]);
  for (int f = 0; f < CUBIX_N_FIELD; f++)
    for (int i = 0; i < gas->field[f].dataset.n; i++) {
      snprintf(path, sizeof path, "%s/%s", group, gas->field[f].dataset.name[i]);
      CUBIX_TRY(cubix_source_has(&there, look->source, path));
      if (!there) continue;
      if (f == CUBIX_FIELD_POSITION) CUBIX_TRY(cubix_source_shape(&shape, look->source, path));
      const size_t used = strlen(snapshot->gas);
      if (!snapshot->n_gas && shape.n_row > 0)
        snprintf(snapshot->gas + used, sizeof snapshot->gas - used, "%s%s", used ? ", " : "",
                 cubix_field_table[f].name);
      break;
    }
  snapshot->n_gas += shape.n_row;
done:
  return status;
}
