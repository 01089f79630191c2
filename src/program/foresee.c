/* foresee.c -- what a run will find, before it paints.
 *
 * The exposure follows from S/N in the voxels about the galaxy's centre.  Before painting only the light of each spaxel
 * is known.  So it goes through the PSF of the middle of the band and is spread evenly over the band; and the noise is
 * asked about a field that is cropped, on all sides alike, to what SignalToNoise speaks of.
 *
 * Dust is in front of each spaxel's light with its mean A(V): light of the stars that have less of it in front is
 * missed, so that more exposure is foreseen than is needed.  Emission lines are not known before they are painted; the
 * median is that of channels, few of which they fill.  What fibres collect is not foreseen. */
#include "program/foresee.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "instrument/instrument.h"
#include "observation/psf_sums.h"
#include "physics/screen.h"
#include "program/report.h"

/* Spaxels that may go on either side, where SnrAperture about the galaxy's centre is all that counts. */
static int spare(const struct cubix_params *par, const struct cubix_instrument *ins, int n, double pixel)
{
  const double need = (hypot(ins->pointing_x, ins->pointing_y) + par->SnrAperture) / pixel + 2;
  return need < 0.5 * n ? (int)(0.5 * n - need) : 0;
}

/* A spaxel's light, spread evenly over the band, behind its dust.  @param[out] flux [n_lambda] */
static void spread(cubix_real *flux, const struct cubix_sums *seen, size_t at, double band, int n_lambda,
                   const struct cubix_tables *v)
{
  const double light = seen->map[CUBIX_MAP_LIGHT][at];
  const double *l_av = seen->map[CUBIX_MAP_L_AV];
  const double own = l_av && light > 0 ? fmax(l_av[at] / light - v->dust_screen, 0) : 0;     /* the gas's */
  for (int k = 0; k < n_lambda; k++) {
    double left = 1;
    if (v->dust_k) left *= cubix_screen_through(own, v->dust_k[k]);
    if (v->dust_screen_k) left *= cubix_screen_through(v->dust_screen, v->dust_screen_k[k]);
    flux[k] = (cubix_real)(light / band * left);
  }
}

/* What makes it rougher. */
static const char *but(const struct cubix_params *par)
{
  const int gas = par->Dust == CUBIX_Dust_gas, lines = par->Lines != CUBIX_Lines_none;
  return gas && lines ? ", the mean dust in front of every spaxel, and no emission lines"
         : gas        ? " and the mean dust in front of every spaxel"
         : lines      ? " and no emission lines"
                      : "";
}

int cubix_foresee_noise(const struct cubix_result *r)
{
  int status = CUBIX_OK;
  const struct cubix_params *par = r->par;
  const struct cubix_instrument *ins = r->ins;
  struct cubix_sums painted = r->cube->sums, seen = { 0 };
  struct cubix_noise noise = { 0 };
  struct cubix_instrument small = *ins;
  struct cubix_cube cube = { .n_lambda = ins->n_lambda };
  if (ins->noise == CUBIX_Noise_none) goto done;
  if (ins->bundle) {
    cubix_log(CUBIX_LOG_INFO, "noise: not foreseen with Sampling fibres, whose spectra are known once they "
                              "are painted");
    goto done;
  }
  const int cut_x = spare(par, ins, ins->n_x, ins->pixel_x), cut_y = spare(par, ins, ins->n_y, ins->pixel_y);
  const double band = cubix_instrument_border(ins, ins->n_lambda) - cubix_instrument_border(ins, 0);
  small.n_x = cube.n_x = ins->n_x - 2 * cut_x;
  small.n_y = cube.n_y = ins->n_y - 2 * cut_y;
  if (cut_x || cut_y) small.aperture = CUBIX_SQUARE;
  painted.n_v = painted.n_gas = 0;
  CUBIX_TRY(cubix_psf_sums(&seen, &painted, ins));
  CUBIX_ALLOC(cube.flux, (size_t)cube.n_x * (size_t)cube.n_y * (size_t)cube.n_lambda);
  for (int j = 0; j < cube.n_y; j++)
    for (int i = 0; i < cube.n_x; i++) {
      cubix_real *flux = cube.flux + (size_t)(j * cube.n_x + i) * (size_t)cube.n_lambda;
      spread(flux, &seen, cubix_sums_at(&seen, i + cut_x, j + cut_y), band, cube.n_lambda, &r->templates->tables);
    }
  status = cubix_noise_init(&noise, par, &small, &cube, pow(10, ins->flux_unit), &cubix_collective_alone);
  if (status == CUBIX_EUSAGE) {            /* it is not certain: the run itself may find a way */
    cubix_log(CUBIX_LOG_WARNING, "the run will probably end with an error: %s", cubix_error_message());
    cubix_error_clear();
    status = CUBIX_OK;
  } else if (!status) {
    cubix_log(CUBIX_LOG_INFO, "foreseen for a flat spectrum%s, and so roughly:", but(par));
    cubix_report_noise(par, &noise);
  }
done:
  cubix_noise_free(&noise);
  cubix_sums_free(&seen);
  free(cube.flux);
  return status;
}
