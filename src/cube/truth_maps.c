/* truth_maps.c -- from sums per spaxel to masses, means and dispersions.
 *
 * Ranks can add sums, not means; so the cube carries sum w, sum w x and sum w v^2 with w the mass
 * formed (M) or the light in the band (L), and the last step is taken here:
 *   mean = sum w x / sum w,        SIG = sqrt(sum w v^2 / sum w - mean^2).
 * A spaxel without weight has no mean: NaN, which every reader of FITS knows as blank; its mass and
 * number are an honest 0. Limit: SIG is a difference of squares in float64: below 3e-7 of the mean
 * velocity it is rounding, and 0 is written. Velocities are relative to the systemic one, receding
 * positive.
 *
 * An instrument sees the stars of neighbouring spaxels too, each with the share of its light that
 * the PSF brings.  Its means and dispersions come from the same formulas with sums that are
 * convolved (observation/psf_sums.h), never from convolved means. */
#include "cube/truth_maps.h"

#include <math.h>
#include <stdio.h>

#include "cube/gauss_hermite.h"

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
  { "LIGHT", "", "light in the band, which weighs the maps _L", SUM, CUBIX_MAP_LIGHT, 0, 0 },
  { "NSTAR", "1", "number of star particles", SUM, CUBIX_MAP_NSTAR, 0, 0 },
  { "AV_M", "mag", "A(V) of the dust in front of the stars, weighted with mass formed", MEAN, CUBIX_MAP_M_AV, 0,
    CUBIX_MAP_MASS },
  { "AV_L", "mag", "A(V) of the dust in front of the stars, weighted with light", MEAN, CUBIX_MAP_L_AV, 0,
    CUBIX_MAP_LIGHT },
};

void cubix_truth_name(char name[16], enum cubix_truth truth, int seen)
{
  snprintf(name, 16, "%s%s", table[truth].name, seen ? "_OBS" : "");
}

void cubix_truth_unit(char unit[80], enum cubix_truth truth, int flux_unit)
{
  if (truth == CUBIX_TRUTH_LIGHT) snprintf(unit, 80, "10**(%d)*erg/s/cm**2", flux_unit);
  else snprintf(unit, 80, "%s", table[truth].unit);
}

void cubix_truth_description(char text[120], enum cubix_truth truth, int seen)
{
  snprintf(text, 120, "%s%s", table[truth].description, seen ? "; seen through the PSF" : "");
}

int cubix_truth_of_light(enum cubix_truth truth)
{
  return truth == CUBIX_TRUTH_LIGHT || (table[truth].form != SUM && table[truth].weight == CUBIX_MAP_LIGHT);
}

void cubix_truth_map(const struct cubix_sums *sums, enum cubix_truth truth, double *map)
{
  const double *sum = sums->map[table[truth].sum], *square = sums->map[table[truth].square],
               *weight = sums->map[table[truth].weight];
  for (int j = 0; j < sums->n_y; j++)
    for (int i = 0; i < sums->n_x; i++, map++) {
      const size_t at = cubix_sums_at(sums, i, j);
      if (table[truth].form == SUM) {
        *map = sum[at];
        continue;
      }
      const double mean = weight[at] > 0. ? sum[at] / weight[at] : NAN,
                   variance = square[at] / weight[at] - mean * mean;
      *map = table[truth].form == MEAN ? mean : isnan(mean) ? NAN : variance > 1e-13 * mean * mean ? sqrt(variance) : 0;
    }
}

static const struct { const char *name, *unit, *description; } fits[CUBIX_N_FIT_MAP] = {
  { "V_GH",   "km/s", "velocity of the Gauss-Hermite fit, by light" },
  { "SIG_GH", "km/s", "dispersion of the Gauss-Hermite fit, by light" },
  { "H3_L",   "1",    "h3 of the Gauss-Hermite fit, by light" },
  { "H4_L",   "1",    "h4 of the Gauss-Hermite fit, by light" },
};

const char *cubix_fit_unit(enum cubix_fit_map which) { return fits[which].unit; }

void cubix_fit_name(char name[16], enum cubix_fit_map which, int seen)
{
  snprintf(name, 16, "%s%s", fits[which].name, seen ? "_OBS" : "");
}

void cubix_fit_description(char text[120], enum cubix_fit_map which, int seen)
{
  snprintf(text, 120, "%s%s", fits[which].description, seen ? "; seen through the PSF" : "");
}

void cubix_fit_maps(const struct cubix_sums *sums, double *map)
{
  const size_t n = (size_t)sums->n_x * (size_t)sums->n_y;
#pragma omp parallel for schedule(dynamic)
  for (int j = 0; j < sums->n_y; j++)
    for (int i = 0; i < sums->n_x; i++) {
      const size_t at = (size_t)j * (size_t)sums->n_x + (size_t)i;
      struct cubix_gauss_hermite fit;
      cubix_gauss_hermite_fit(&fit, sums->losvd + cubix_sums_at(sums, i, j), cubix_sums_size(sums), sums->n_v,
                              sums->v_step);
      map[CUBIX_FIT_V * n + at] = fit.v;
      map[CUBIX_FIT_SIGMA * n + at] = fit.sigma;
      map[CUBIX_FIT_H3 * n + at] = fit.h3;
      map[CUBIX_FIT_H4 * n + at] = fit.h4;
    }
}
