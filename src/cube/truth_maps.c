/* truth_maps.c -- from sums per spaxel to masses, means and dispersions.
 *
 * Ranks can add sums, not means; so the cube carries sum w, sum w x and sum w v^2 with w the mass
 * formed (M) or the light in the band (L), and the last step is taken here:
 *   mean = sum w x / sum w,        SIG = sqrt(sum w v^2 / sum w - mean^2).
 * A spaxel without weight has no mean: NaN, which every reader of FITS knows as blank; its mass and
 * number are an honest 0. Limit: SIG is a difference of squares in float64: below 3e-7 of the mean
 * velocity it is rounding, and 0 is written. Velocities are relative to the systemic one, receding
 * positive; the maps are those of the stars before the PSF. */
#include "cube/truth_maps.h"

#include <math.h>

enum form { SUM, MEAN, SIGMA };

static const struct {
  const char *name, *unit, *description;
  enum form form;
  enum cubix_map sum, square, weight;     /* square: of SIGMA only; weight: not of SUM */
} table[CUBIX_N_TRUTH] = {
  { "MASS", "solMass", "stellar mass formed", SUM, CUBIX_MAP_MASS, 0, 0 },
  { "MASS_NOW", "solMass", "present stellar mass", SUM, CUBIX_MAP_MASS_NOW, 0, 0 },
  { "AGE_M", "Gyr", "mean age, weighted with the mass formed", MEAN, CUBIX_MAP_M_AGE, 0, CUBIX_MAP_MASS },
  { "AGE_L", "Gyr", "mean age, weighted with the light in the band", MEAN, CUBIX_MAP_L_AGE, 0, CUBIX_MAP_LIGHT },
  { "Z_M", "1", "mean metallicity (mass fraction), weighted with mass formed", MEAN, CUBIX_MAP_M_Z, 0, CUBIX_MAP_MASS },
  { "Z_L", "1", "mean metallicity (mass fraction), weighted with light", MEAN, CUBIX_MAP_L_Z, 0, CUBIX_MAP_LIGHT },
  { "VEL_M", "km/s", "mean velocity, receding positive, weighted with mass formed", MEAN, CUBIX_MAP_M_V, 0,
    CUBIX_MAP_MASS },
  { "VEL_L", "km/s", "mean velocity, receding positive, weighted with light", MEAN, CUBIX_MAP_L_V, 0, CUBIX_MAP_LIGHT },
  { "SIG_M", "km/s", "velocity dispersion, weighted with the mass formed", SIGMA, CUBIX_MAP_M_V, CUBIX_MAP_M_V2,
    CUBIX_MAP_MASS },
  { "SIG_L", "km/s", "velocity dispersion, weighted with the light in the band", SIGMA, CUBIX_MAP_L_V, CUBIX_MAP_L_V2,
    CUBIX_MAP_LIGHT },
  { "NSTAR", "1", "number of star particles", SUM, CUBIX_MAP_NSTAR, 0, 0 },
};

const char *cubix_truth_name(enum cubix_truth truth) { return table[truth].name; }
const char *cubix_truth_unit(enum cubix_truth truth) { return table[truth].unit; }
const char *cubix_truth_description(enum cubix_truth truth) { return table[truth].description; }

void cubix_truth_map(const struct cubix_cube *cube, enum cubix_truth truth, size_t n, double *map)
{
  const double *sum = cube->map[table[truth].sum], *square = cube->map[table[truth].square],
               *weight = cube->map[table[truth].weight];
  for (size_t i = 0; i < n; i++) {
    double mean;
    if (table[truth].form == SUM) {
      map[i] = sum[i];
      continue;
    }
    mean = weight[i] > 0. ? sum[i] / weight[i] : NAN;
    double variance = square[i] / weight[i] - mean * mean;
    map[i] = table[truth].form == MEAN ? mean : isnan(mean) ? NAN : variance > 1e-13 * mean * mean ? sqrt(variance) : 0;
  }
}
