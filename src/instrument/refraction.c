/* refraction.c -- where the cores of a bundle are on the sky at each wavelength.
 *
 * Light of wavelength l arrives R(l) = 206265 (n(l) - 1) tan z above where it comes from, towards the
 * zenith.  The telescope follows ReferenceWavelength, so that a core sees the place that is
 * R(l) - R(l_ref) below its own.  tan z = sqrt(X^2 - 1) for the airmass X; the zenith lies at the
 * parallactic angle q, from north through east. */
#include "instrument/refraction.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "physics/constants.h"

static const double hpa_per_mmhg = 1.33322387415, shortest = 2000;      /* the formula's pole is at 1562 AA */
static const double step = 0.02;                           /* of a spaxel, that cores of a group move at most */

/* Of each dither. */
struct sky { int n; double *airmass, *angle; };

/* n - 1 of air for vacuum AA, hPa and degrees Celsius: Filippenko 1982, PASP 94, 715, equations 1 to 3. */
static double index_of(double lambda, double pressure, double temperature, double water_vapour)
{
  const double s2 = 1e8 / (lambda * lambda), p = pressure / hpa_per_mmhg, f = water_vapour / hpa_per_mmhg,
               warm = 1 + 0.003661 * temperature;
  const double dry = 64.328 + 29498.1 / (146 - s2) + 255.4 / (41 - s2);
  return 1e-6 * (dry * p * (1 + (1.049 - 0.0157 * temperature) * 1e-6 * p) / (720.883 * warm) -
                 f * (0.0624 - 0.000680 * s2) / warm);
}

int cubix_refraction_wanted(const struct cubix_params *par) { return par->Airmass > 1 || par->AirmassFile[0]; }

static double to_vacuum(const struct cubix_instrument *ins, double lambda)
{
  return ins->medium == CUBIX_AIR ? cubix_air_to_vacuum(lambda) : lambda;
}

/* How far light at channel k is lifted above that at ReferenceWavelength, for tan z = 1 [arcsec]. */
static double lift(const struct cubix_instrument *ins, const struct cubix_params *par, int k)
{
  const double at = to_vacuum(ins, cubix_instrument_lambda(ins, k)), from = to_vacuum(ins, par->ReferenceWavelength);
  const double p = par->AirPressure, t = par->AirTemperature, f = par->WaterVapour;
  return (index_of(at, p, t, f) - index_of(from, p, t, f)) * 3600 * 180 / CUBIX_PI;
}

static int read_sky(struct sky *sky, const struct cubix_bundle *bundle, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  if (!par->AirmassFile[0]) {
    sky->n = bundle->n_dither;
    CUBIX_ALLOC(sky->airmass, sky->n);
    CUBIX_ALLOC(sky->angle, sky->n);
    for (int d = 0; d < sky->n; d++) {
      sky->airmass[d] = par->Airmass;
      sky->angle[d] = par->ParallacticAngle;
    }
    goto done;
  }
  CUBIX_TRY(cubix_bundle_table(&sky->airmass, &sky->angle, &sky->n, par->AirmassFile, "the airmass of dithers",
                               "airmass and parallactic angle in degrees"));
  CUBIX_CHECK(sky->n == bundle->n_dither, CUBIX_EINPUT,
              "%s has %d lines, and the bundle %d dithers: give one for each", par->AirmassFile, sky->n,
              bundle->n_dither);
  for (int d = 0; d < sky->n; d++)
    CUBIX_CHECK(sky->airmass[d] >= 1 && sky->airmass[d] <= 10 && fabs(sky->angle[d]) <= 360, CUBIX_EINPUT,
                "%s: dither %d has airmass %g and parallactic angle %g deg; they must be in 1 .. 10 and -360 .. 360",
                par->AirmassFile, d + 1, sky->airmass[d], sky->angle[d]);
done:
  return status;
}

/* Channels from the first on, as long as cores move by less than `far` for tan z = 1.
 *  @param[out] first NULL: they are counted only  @return how many groups */
static int group(const struct cubix_instrument *ins, const struct cubix_params *par, double far, int *first)
{
  int n = 0;
  for (int k = 0, begin = 0; k < ins->n_lambda; k++) {
    if (k && fabs(lift(ins, par, k) - lift(ins, par, begin)) < far) continue;
    begin = k;
    if (first) first[n] = k;
    n++;
  }
  if (first) first[n] = ins->n_lambda;
  return n;
}

static double tan_z(double airmass) { return sqrt((airmass - 1) * (airmass + 1)); }

int cubix_refraction_lay(struct cubix_instrument *ins, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct cubix_bundle *bundle = ins->bundle;
  struct sky sky = { .n = 0 };
  double most = 0;
  if (!cubix_refraction_wanted(par)) goto done;
  const char *name = par->AirmassFile[0] ? "AirmassFile" : "Airmass";
  CUBIX_CHECK(bundle, CUBIX_EUSAGE,
              "%s (%s): the air's refraction moves fibres over the sky, and here spaxels sample the field (Sampling = "
              "%s, %s): set Sampling fibres, or leave %s out",
              name, cubix_params_origin(par, name), cubix_Sampling_word[par->Sampling],
              cubix_params_origin(par, "Sampling"), name);
  CUBIX_CHECK(ins->edge[0] >= shortest, CUBIX_EUSAGE,
              "%s (%s): the air's refraction is known from %g AA on, and the first channel begins at %g AA: raise "
              "LambdaMin",
              name, cubix_params_origin(par, name), shortest, ins->edge[0]);
  CUBIX_TRY(read_sky(&sky, bundle, par));
  for (int d = 0; d < sky.n; d++) most = fmax(most, tan_z(sky.airmass[d]));
  if (most == 0) goto done;
  const double far = step * fmin(ins->pixel_x, ins->pixel_y) / most;
  bundle->n_group = group(ins, par, far, NULL);
  CUBIX_ALLOC(bundle->first, bundle->n_group + 1);
  CUBIX_ALLOC(bundle->air_x, (size_t)bundle->n_group * (size_t)sky.n);
  CUBIX_ALLOC(bundle->air_y, (size_t)bundle->n_group * (size_t)sky.n);
  group(ins, par, far, bundle->first);
  bundle->reference = par->ReferenceWavelength;
  for (int d = 0; d < sky.n; d++) bundle->airmass += sky.airmass[d] / sky.n;
  for (int g = 0; g < bundle->n_group; g++) {
    const double up = 0.5 * (lift(ins, par, bundle->first[g]) + lift(ins, par, bundle->first[g + 1] - 1));
    for (int d = 0; d < sky.n; d++) {
      const double below = up * tan_z(sky.airmass[d]), angle = sky.angle[d] * CUBIX_PI / 180 - ins->roll;
      bundle->air_x[g * sky.n + d] = -below * sin(angle);
      bundle->air_y[g * sky.n + d] = -below * cos(angle);
    }
  }
done:
  free(sky.airmass);
  free(sky.angle);
  return status;
}
