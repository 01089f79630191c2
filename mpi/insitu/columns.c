/* columns.c -- a host's columns: by name, in its units, checked as those of a file are. */
#include "mpi/insitu/columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"
#include "mpi/particles/star_check.h"
#include "simulation/clock.h"
#include "simulation/simformat.h"

enum unit { NONE, LENGTH, VELOCITY, MASS, DENSITY, POTENTIAL };
enum { STARS, GAS };

static const struct column {
  const char *name;
  int of;
  enum cubix_field field;
  enum unit unit;
  size_t member;                  /* of the slab */
  int needed;
} table[] = {
#define COLUMN(name, of, field, unit, member, needed) \
  { name, of, CUBIX_FIELD_##field, unit, offsetof(struct cubix_slab, member), needed }
  COLUMN("Stars/Position", STARS, POSITION, LENGTH, position, 1),
  COLUMN("Stars/Velocity", STARS, VELOCITY, VELOCITY, velocity, 1),
  COLUMN("Stars/InitialMass", STARS, MASS_FORMED, MASS, mass_formed, 1),
  COLUMN("Stars/Mass", STARS, MASS_NOW, MASS, mass_now, 0),
  COLUMN("Stars/Age", STARS, AGE, NONE, age, 0),
  COLUMN("Stars/FormationFactor", STARS, SCALE_FACTOR, NONE, age, 0),
  COLUMN("Stars/Metallicity", STARS, METALLICITY, NONE, metallicity, 1),
  COLUMN("Stars/Potential", STARS, POTENTIAL, POTENTIAL, potential, 0),
  COLUMN("Stars/SmoothingLength", STARS, LENGTH, LENGTH, smoothing_length, 0),
  COLUMN("Gas/Position", GAS, POSITION, LENGTH, position, 1),
  COLUMN("Gas/Velocity", GAS, VELOCITY, VELOCITY, velocity, 1),
  COLUMN("Gas/Mass", GAS, MASS_NOW, MASS, mass_now, 1),
  COLUMN("Gas/Density", GAS, DENSITY, DENSITY, density, 0),
  COLUMN("Gas/SmoothingLength", GAS, LENGTH, LENGTH, smoothing_length, 0),
  COLUMN("Gas/Metallicity", GAS, METALLICITY, NONE, metallicity, 0),
  COLUMN("Gas/Temperature", GAS, TEMPERATURE, NONE, temperature, 0),
  COLUMN("Gas/StarFormationRate", GAS, SFR, NONE, sfr, 0),
  COLUMN("Gas/DustMass", GAS, DUST_MASS, MASS, dust_mass, 0),
#undef COLUMN
};
enum { N_COLUMN = sizeof table / sizeof table[0], MASS_NOW = 3, AGE = 4, FORMATION = 5, GAS_POSITION = 9 };
_Static_assert((int)N_COLUMN <= (int)CUBIX_MOST_INSITU_COLUMN, "room for all columns");
static const char *const header_name[CUBIX_N_INSITU_HEADER] = { "Header/Redshift", "Header/OmegaMatter",
                                                                "Header/OmegaLambda", "Header/HubbleParam",
                                                                "Header/BoxSize" };
enum { REDSHIFT, OMEGA_M, OMEGA_L, HUBBLE, BOX };

void cubix_insitu_columns_init(struct cubix_insitu_columns *columns)
{
  *columns = (struct cubix_insitu_columns){ .unit = { 1, 1, 1 } };
}

void cubix_insitu_columns_forget(struct cubix_insitu_columns *columns)
{
  memset(columns->value, 0, sizeof columns->value);
  memset(columns->put, 0, sizeof columns->put);
  columns->n[STARS] = columns->n[GAS] = 0;
  columns->n_put[STARS] = columns->n_put[GAS] = 0;
}

int cubix_insitu_columns_units(struct cubix_insitu_columns *columns, const double unit[3])
{
  static const char *const what[3] = { "length [kpc]", "velocity [km/s]", "mass [Msun]" };
  int status = CUBIX_OK;
  for (int i = 0; i < 3; i++)
    CUBIX_CHECK(isfinite(unit[i]) && unit[i] > 0, CUBIX_EUSAGE, "the unit of %s is %g; it must be finite and above 0",
                what[i], unit[i]);
  memcpy(columns->unit, unit, sizeof columns->unit);
done:
  return status;
}

/* ---- put ------------------------------------------------------------------------------------- */

static int put_numbers(double *to, const char *name, const double *value, size_t n, size_t wanted)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(value && n == wanted, CUBIX_EUSAGE, "%s is %zu number(s), not %zu", name, wanted, value ? n : 0);
  memcpy(to, value, n * sizeof *to);
done:
  return status;
}

/* @return 1 if the name is one of the simulation's own numbers */
static int put_header(int *status, struct cubix_insitu_columns *columns, const char *name, const double *value,
                      size_t n)
{
  for (int i = 0; i < CUBIX_N_INSITU_HEADER; i++) {
    if (strcmp(name, header_name[i])) continue;
    *status = put_numbers(&columns->header[i], name, value, n, 1);
    return 1;
  }
  const int centre = !strcmp(name, "Header/Centre");
  if (!centre && strcmp(name, "Header/CentreVelocity")) return 0;
  *status = put_numbers(centre ? columns->centre : columns->velocity, name, value, n, 3);
  if (!*status) *(centre ? &columns->has_centre : &columns->has_velocity) = 1;
  return 1;
}

int cubix_insitu_columns_put(struct cubix_insitu_columns *columns, const char *name, const double *value, size_t n)
{
  int status = CUBIX_OK, c = 0;
  if (put_header(&status, columns, name, value, n)) return status;
  while (c < N_COLUMN && strcmp(name, table[c].name)) c++;
  CUBIX_CHECK(c < N_COLUMN, CUBIX_EUSAGE,
              "there is no column %s: names are those of a canonical particle file, as in Stars/Position, Gas/Mass or "
              "Header/Redshift (insitu.h lists them)",
              name);
  const int of = table[c].of;
  CUBIX_CHECK(value || !n, CUBIX_EUSAGE, "%s has %zu rows and no values (from Fortran: the array must be contiguous)",
              name, n);
  CUBIX_CHECK(!columns->n_put[of] || columns->n[of] == n, CUBIX_EUSAGE, "%s has %zu rows, and what was put before %zu",
              name, n, columns->n[of]);
  columns->n[of] = n;
  columns->n_put[of] += !columns->put[c];
  columns->put[c] = 1;
  columns->value[c] = value;
done:
  return status;
}

/* ---- take ------------------------------------------------------------------------------------ */

static double factor(const struct cubix_insitu_columns *columns, enum unit unit)
{
  const double *u = columns->unit;
  switch (unit) {
    case LENGTH: return u[0];
    case VELOCITY: return u[1];
    case MASS: return u[2];
    case DENSITY: return u[2] / (u[0] * u[0] * u[0]);
    case POTENTIAL: return u[1] * u[1];
    case NONE: break;
  }
  return 1;
}

static double **column_of(struct cubix_slab *slab, int c)
{
  return (double **)(void *)((char *)slab + table[c].member);
}

/* Ages from the scale factors at which stars formed. */
static int find_ages(struct cubix_slab *stars, const struct cubix_insitu_columns *columns)
{
  int status = CUBIX_OK;
  struct cubix_clock *clock = NULL;
  const double *header = columns->header, a = 1 / (1 + header[REDSHIFT]);
  CUBIX_CHECK(header[HUBBLE] > 0 && header[OMEGA_M] > 0, CUBIX_EINPUT,
              "Stars/FormationFactor needs a cosmology: put Header/OmegaMatter (now %g), Header/OmegaLambda and "
              "Header/HubbleParam (now %g)",
              header[OMEGA_M], header[HUBBLE]);
  CUBIX_TRY(cubix_clock_init(&clock, CUBIX_FIELD_SCALE_FACTOR,
                             cubix_cosmology_age(header[OMEGA_M], header[OMEGA_L], header[HUBBLE], a), header[OMEGA_M],
                             header[OMEGA_L], header[HUBBLE], a));
  const double latest = cubix_clock_latest(clock, a);
  for (size_t i = 0; i < stars->n; i++)
    CUBIX_CHECK(stars->age[i] > 0 && stars->age[i] <= latest, CUBIX_EINPUT,
                "Stars/FormationFactor of star %zu (of 0 to %zu) is %g; it must be above 0 and at most %g, that of the "
                "snapshot",
                i, stars->n - 1, stars->age[i], a);
  cubix_clock_ages(stars->age, stars->n, clock);
done:
  cubix_clock_free(clock);
  return status;
}

/* One column, in our units, where any rank has it. */
static int take_column(struct cubix_slab *slab, const struct cubix_insitu_columns *columns, int c)
{
  int status = CUBIX_OK;
  const size_t n = columns->n[table[c].of], n_c = (size_t)cubix_field_table[table[c].field].n_c;
  const double unit = factor(columns, table[c].unit), *from = columns->value[c];
  double *to;
  CUBIX_CHECK(columns->put[c] || !n, CUBIX_EUSAGE, "this rank has put no %s, and others have", table[c].name);
  CUBIX_CHECK((to = malloc((n * n_c + 1) * sizeof *to)), CUBIX_ENOMEM, "cannot allocate %zu numbers", n * n_c);
  for (size_t i = 0; i < n * n_c; i++) to[i] = from[i] * unit;
  *column_of(slab, c) = to;
  if (c != FORMATION) CUBIX_TRY(cubix_star_check(table[c].name, table[c].field, to, n, CUBIX_EINPUT));
done:
  return status;
}

static int take_all(struct cubix_slab *stars, struct cubix_slab *gas, const struct cubix_insitu_columns *columns,
                    const double *there)
{
  int status = CUBIX_OK;
  const int has_gas = there[GAS_POSITION] > 0;
  stars->n = columns->n[STARS];
  gas->n = columns->n[GAS];
  for (int c = 0; c < N_COLUMN; c++) {
    CUBIX_CHECK(there[c] > 0 || !table[c].needed || (table[c].of == GAS && !has_gas), CUBIX_EUSAGE,
                "no rank has put %s, which is needed", table[c].name);
    if (there[c] > 0) CUBIX_TRY(take_column(table[c].of == STARS ? stars : gas, columns, c));
  }
  CUBIX_CHECK((there[AGE] > 0) != (there[FORMATION] > 0), CUBIX_EUSAGE,
              "put either Stars/Age or Stars/FormationFactor, and not both");
  if (there[FORMATION] > 0) {
    CUBIX_TRY(find_ages(stars, columns));
    CUBIX_TRY(cubix_star_check("Stars/Age", CUBIX_FIELD_AGE, stars->age, stars->n, CUBIX_EINPUT));
  }
  if (!(there[MASS_NOW] > 0)) {
    CUBIX_CHECK((stars->mass_now = malloc((stars->n + 1) * sizeof *stars->mass_now)), CUBIX_ENOMEM,
                "cannot allocate %zu numbers", stars->n);
    for (size_t i = 0; i < stars->n; i++) stars->mass_now[i] = stars->mass_formed[i];
  }
done:
  return status;
}

static void state(struct cubix_snapshot *snapshot, const struct cubix_insitu_columns *columns)
{
  *snapshot = (struct cubix_snapshot){ .redshift = columns->header[REDSHIFT],
                                       .omega_m = columns->header[OMEGA_M],
                                       .omega_l = columns->header[OMEGA_L],
                                       .h = columns->header[HUBBLE],
                                       .box = columns->header[BOX] * columns->unit[0],
                                       .has_centre = columns->has_centre,
                                       .has_velocity = columns->has_velocity };
  strcpy(snapshot->format, "memory");
  for (int i = 0; i < 3; i++) {
    snapshot->centre[i] = columns->centre[i] * columns->unit[0];
    snapshot->velocity[i] = columns->velocity[i] * columns->unit[1];
  }
}

int cubix_insitu_columns_take(struct cubix_slab *stars, struct cubix_slab *gas, int *has_gas,
                              const struct cubix_insitu_columns *columns)
{
  int status = CUBIX_OK;
  double there[N_COLUMN];
  for (int c = 0; c < N_COLUMN; c++) there[c] = columns->put[c];
  cubix_mpi_max_all(there, N_COLUMN);
  *has_gas = there[GAS_POSITION] > 0;
  CUBIX_TRY(cubix_mpi_agree(cubix_snapshot_given_check(columns->header)));
  status = take_all(stars, gas, columns, there);
  if (status && cubix_mpi_size() > 1) cubix_error_about("rank %d", cubix_mpi_rank());
  CUBIX_TRY(cubix_mpi_agree(status));
  state(&stars->snapshot, columns);
  stars->n_total = stars->n_file_total = cubix_mpi_sum_int((int64_t)stars->n);
  CUBIX_CHECK(stars->n_total > 0, CUBIX_EINPUT, "there are no stars: the columns of all ranks are empty");
  CUBIX_TRY(cubix_mpi_star_box_check(stars->position, stars->n, stars->snapshot.box, CUBIX_EINPUT));
done:
  return status;
}
