/* field.h -- the quantities that are read of a particle: their names in format files, internal units and bounds. */
#ifndef CUBIX_FIELD_H
#define CUBIX_FIELD_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cubix_field {
  CUBIX_FIELD_POSITION,
  CUBIX_FIELD_VELOCITY,
  CUBIX_FIELD_MASS_FORMED,
  CUBIX_FIELD_MASS_NOW,
  CUBIX_FIELD_METALLICITY,
  /* when a star formed: one of these is read */
  CUBIX_FIELD_AGE,                /* at the snapshot */
  CUBIX_FIELD_SCALE_FACTOR,       /* of its formation */
  CUBIX_FIELD_TIME,               /* since the Big Bang, or on the clock of an isolated run */
  CUBIX_FIELD_CONFORMAL_TIME,     /* RAMSES: dt = a^2 dtau/H0, 0 today, negative before */
  CUBIX_FIELD_POTENTIAL,
  CUBIX_FIELD_LENGTH,             /* of a star its light's standard deviation, of gas the radius of its kernel */
  CUBIX_FIELD_ID,                 /* an integer of 64 bits, and never a double */
  /* of gas alone */
  CUBIX_FIELD_DENSITY,
  CUBIX_FIELD_SFR,
  CUBIX_FIELD_TEMPERATURE,
  CUBIX_FIELD_ENERGY,             /* internal, per mass; gives a temperature */
  CUBIX_FIELD_ELECTRONS,          /* per hydrogen nucleus; likewise */
  CUBIX_FIELD_HYDROGEN,
  CUBIX_FIELD_OXYGEN,
  CUBIX_FIELD_DUST_MASS,
  CUBIX_FIELD_MOLECULAR,          /* fraction of hydrogen */
  CUBIX_N_FIELD
};

/* Of what a unit is made, where it is the simulation's own: powers of its length, mass and velocity. */
struct cubix_dimension { int length, mass, velocity; };

struct cubix_field_info {
  const char *name, *unit;        /* key in a format file, internal unit */
  double cgs;                     /* its size in cgs */
  int n_c;                        /* components */
  double low, high;               /* numbers beyond make no sense */
  struct cubix_dimension dimension;
  double of_code;                 /* kpc^length Msun^mass (km/s)^velocity in the internal unit */
};
#define CUBIX_LARGEST 1e30        /* of any number, in internal units: its cube must be a number, too */
extern const struct cubix_field_info cubix_field_table[CUBIX_N_FIELD];

/** Is it one of those that say when a star formed?  Local. */
static inline int cubix_field_is_birth(enum cubix_field field)
{
  return field >= CUBIX_FIELD_AGE && field <= CUBIX_FIELD_CONFORMAL_TIME;
}
/** What the numbers of a quantity may be: the table's bounds, and round-off beyond them where they
 * end at 0 and files hold values near it (ages, metallicities).  Local. */
void cubix_field_bounds(double *low, double *high, enum cubix_field field);
/** Round-off below 0 counts as 0, in n numbers of a quantity.  Local. */
void cubix_field_settle(double *x, enum cubix_field field, size_t n);

#ifdef __cplusplus
}
#endif
#endif
