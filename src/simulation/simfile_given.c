/* simfile_given.c -- what the user gives for stars, against what the files state of them.
 *
 * StarAge and StarMetallicity are for what the files do not have, and a warning says where they have it;
 * StarInitialMass, where it is not auto, stands above what they have, and that is said as well. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "simulation/simfile_parts.h"

int cubix_simfile_note_births(struct cubix_look *look, const struct cubix_simfile *sim,
                              const struct cubix_simpart *part)
{
  const struct cubix_names *names = &look->species->field[CUBIX_FIELD_MASS_FORMED].dataset;
  int status = CUBIX_OK, there = 0;
  char path[256];
  if (look->par->StarInitialMass == CUBIX_StarInitialMass_auto) goto done;
  for (int i = 0; i < names->n && !look->births[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", sim->group[part->type], names->name[i]);
    CUBIX_TRY(cubix_source_has(&there, look->source, path));
    if (there) memcpy(look->births, path, sizeof path);
  }
done:
  return status;
}

static void say_births(struct cubix_simfile *sim, const struct cubix_look *look)
{
  static const char *const word[] = { "file", "library", "current" };
  static const char *const text[] = { "", "the masses today divided by the library's surviving fractions",
                                      "the masses today, as if these stars lost none" };
  const char *file = sim->snapshot.file[0];
  if (sim->birth_mass != CUBIX_BIRTH_FILE || !sim->snapshot.birth_mass[0])
    snprintf(sim->snapshot.birth_mass, sizeof sim->snapshot.birth_mass, "%s", word[sim->birth_mass]);
  if (look->births[0])
    cubix_log(CUBIX_LOG_WARNING,
              "%s states masses at birth, /%s, which are not read: StarInitialMass = %s (%s) takes %s", file,
              look->births, word[sim->birth_mass], cubix_params_origin(look->par, "StarInitialMass"),
              text[sim->birth_mass]);
  else if (sim->birth_mass != CUBIX_BIRTH_FILE)
    cubix_log(CUBIX_LOG_INFO, "%s: stars without a mass at birth have %s (%s)", file, text[sim->birth_mass],
              look->par->StarInitialMass == CUBIX_StarInitialMass_auto ? "as the format says" : "StarInitialMass");
  if (sim->unborn == CUBIX_UNBORN_INITIAL && sim->field[CUBIX_FIELD_MASS_FORMED].name[0])
    cubix_log(CUBIX_LOG_INFO, "%s: stars without a time of formation, whose mass at birth is 0, have that of today",
              file);
}

/* Whether all stars of a type, of which there are some, have a column. */
static int all_read(const struct cubix_simfile *sim, int t, enum cubix_field f)
{
  int read = 0;
  for (int i = 0; i < sim->n_part && f < CUBIX_N_FIELD; i++) {
    if (sim->part[i].type != t) continue;
    if (!sim->part[i].reads[f]) return 0;
    read = 1;
  }
  return read;
}

/* What the user gives for a type whose stars all have it.  @param some  1: but for those without a time of formation */
static void say_unused(const struct cubix_simfile *sim, const struct cubix_look *look, int t, const char *parameter,
                       const char *value, enum cubix_field f, int some)
{
  cubix_log(some ? CUBIX_LOG_INFO : CUBIX_LOG_WARNING,
            "%s = %s (%s) has no effect on stars in /%s%s: the file states it, /%s/%s", parameter, value,
            cubix_params_origin(look->par, parameter), sim->group[t],
            some ? " that have a time of formation" : "", sim->group[t], sim->field[f].name);
}

void cubix_simfile_say_given(struct cubix_simfile *sim, const struct cubix_look *look)
{
  const struct cubix_params *par = look->par;
  say_births(sim, look);
  for (int t = 0; t < sim->n_type; t++) {
    const int type = sim->type[t] < 0 ? 0 : sim->type[t];
    if (!isnan(look->age[type]) && all_read(sim, t, sim->birth))
      say_unused(sim, look, t, "StarAge", par->StarAge, sim->birth,
                 sim->birth != CUBIX_FIELD_AGE && sim->unborn == CUBIX_UNBORN_INITIAL);
    if (!isnan(look->metallicity[type]) && all_read(sim, t, CUBIX_FIELD_METALLICITY))
      say_unused(sim, look, t, "StarMetallicity", par->StarMetallicity, CUBIX_FIELD_METALLICITY, 0);
  }
}
