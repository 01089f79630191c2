/* field.c -- the table of quantities. */
#include "simulation/field.h"

#include "physics/constants.h"

#define ANY -CUBIX_LARGEST, CUBIX_LARGEST
#define POSITIVE 0., CUBIX_LARGEST
#define FRACTION 0., 1.
#define KPC3 (CUBIX_KPC_CM * CUBIX_KPC_CM * CUBIX_KPC_CM)
#define MSUN_YR (CUBIX_MSUN_G / CUBIX_GYR_S * 1e9)
#define GYR_PER_CODE (CUBIX_HUBBLE_GYR / 1e3) /* 1 kpc/(km/s) */

const struct cubix_field_info cubix_field_table[CUBIX_N_FIELD] = {
  [CUBIX_FIELD_POSITION] = { "Position", "kpc", CUBIX_KPC_CM, 3, ANY, { 1, 0, 0 }, 1. },
  [CUBIX_FIELD_VELOCITY] = { "Velocity", "km/s", 1e5, 3, ANY, { 0, 0, 1 }, 1. },
  [CUBIX_FIELD_MASS_FORMED] = { "InitialMass", "Msun", CUBIX_MSUN_G, 1, POSITIVE, { 0, 1, 0 }, 1. },
  [CUBIX_FIELD_MASS_NOW] = { "Mass", "Msun", CUBIX_MSUN_G, 1, POSITIVE, { 0, 1, 0 }, 1. },
  [CUBIX_FIELD_METALLICITY] = { "Metallicity", "1", 1., 1, FRACTION, { 0, 0, 0 }, 1. },
  [CUBIX_FIELD_AGE] = { "Age", "Gyr", CUBIX_GYR_S, 1, POSITIVE, { 1, 0, -1 }, GYR_PER_CODE },
  [CUBIX_FIELD_SCALE_FACTOR] = { "FormationScaleFactor", "1", 1., 1, ANY, { 0, 0, 0 }, 1. },
  [CUBIX_FIELD_TIME] = { "FormationTime", "Gyr", CUBIX_GYR_S, 1, ANY, { 1, 0, -1 }, GYR_PER_CODE },
  [CUBIX_FIELD_CONFORMAL_TIME] = { "FormationConformalTime", "1", 1., 1, ANY, { 0, 0, 0 }, 1. },
  [CUBIX_FIELD_POTENTIAL] = { "Potential", "(km/s)^2", 1e10, 1, ANY, { 0, 0, 2 }, 1. },
  [CUBIX_FIELD_LENGTH] = { "SmoothingLength", "kpc", CUBIX_KPC_CM, 1, POSITIVE, { 1, 0, 0 }, 1. },
  [CUBIX_FIELD_ID] = { "Id", "1", 1., 1, ANY, { 0, 0, 0 }, 1. },
  [CUBIX_FIELD_DENSITY] = { "Density", "Msun/kpc^3", CUBIX_MSUN_G / KPC3, 1, POSITIVE, { -3, 1, 0 }, 1. },
  [CUBIX_FIELD_SFR] = { "StarFormationRate", "Msun/yr", MSUN_YR, 1, ANY, { -1, 1, 1 }, 1e-9 / GYR_PER_CODE },
  [CUBIX_FIELD_TEMPERATURE] = { "Temperature", "K", 1., 1, POSITIVE, { 0, 0, 0 }, 1. },
  [CUBIX_FIELD_ENERGY] = { "InternalEnergy", "(km/s)^2", 1e10, 1, POSITIVE, { 0, 0, 2 }, 1. },
  [CUBIX_FIELD_ELECTRONS] = { "ElectronAbundance", "1", 1., 1, 0., 10., { 0, 0, 0 }, 1. },
  [CUBIX_FIELD_HYDROGEN] = { "HydrogenFraction", "1", 1., 1, FRACTION, { 0, 0, 0 }, 1. },
  [CUBIX_FIELD_OXYGEN] = { "OxygenFraction", "1", 1., 1, FRACTION, { 0, 0, 0 }, 1. },
  [CUBIX_FIELD_DUST_MASS] = { "DustMass", "Msun", CUBIX_MSUN_G, 1, POSITIVE, { 0, 1, 0 }, 1. },
  [CUBIX_FIELD_MOLECULAR] = { "MolecularFraction", "1", 1., 1, FRACTION, { 0, 0, 0 }, 1. },
};

/* How far below 0 a number counts as 0.  Where no stars form SWIFT writes, below 0, when there were some last. */
static double rounding(enum cubix_field field)
{
  if (field == CUBIX_FIELD_SFR) return CUBIX_LARGEST;
  return cubix_field_table[field].high <= 1. || field == CUBIX_FIELD_AGE ? 1e-6 : 0.;
}

void cubix_field_bounds(double *low, double *high, enum cubix_field field)
{
  const double beyond = field == CUBIX_FIELD_SFR ? 0. : rounding(field);
  *low = cubix_field_table[field].low - beyond;
  *high = cubix_field_table[field].high + beyond;
}

void cubix_field_settle(double *x, enum cubix_field field, size_t n)
{
  const double least = -rounding(field);
  for (size_t i = 0; least < 0. && i < n; i++) x[i] = x[i] <= 0. && x[i] >= least ? 0. : x[i];
}
