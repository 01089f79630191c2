/* bands.c -- SDSS's bands. */
#include "output/bands.h"

#include <math.h>

#include "output/provenance_parts.h"

static const struct { char name; double lambda; } bands[CUBIX_N_BAND] = { { 'G', 4686 }, { 'R', 6166 }, { 'I', 7480 },
                                                                          { 'Z', 8932 } };

int cubix_bands_channel(const struct cubix_instrument *ins, double lambda)
{
  int best = -1;
  for (int k = 0; k < ins->n_lambda; k++) {
    if (cubix_instrument_gap(ins, k)) continue;
    const double here = fabs(cubix_instrument_lambda(ins, k) - lambda);
    if (best < 0 || here < fabs(cubix_instrument_lambda(ins, best) - lambda)) best = k;
  }
  return best;
}

void cubix_bands_find(struct cubix_bands *found, const struct cubix_instrument *ins)
{
  found->n = 0;
  for (int b = 0; b < CUBIX_N_BAND; b++) {
    const double lambda = bands[b].lambda;
    if (lambda < cubix_instrument_border(ins, 0) || lambda > cubix_instrument_border(ins, ins->n_lambda)) continue;
    const int k = cubix_bands_channel(ins, lambda);
    if (k < 0 || (found->n && k == found->k[found->n - 1])) continue;
    found->k[found->n] = k;
    found->name[found->n++] = bands[b].name;
  }
}

void cubix_bands_facts(struct cubix_facts *facts, const struct cubix_band_psf *psf)
{
  static const char *const key[CUBIX_N_BAND] = { "GFWHM", "RFWHM", "IFWHM", "ZFWHM" };
  for (int b = 0; psf && b < psf->bands.n; b++)
    for (int i = 0; i < CUBIX_N_BAND; i++)
      if (key[i][0] == psf->bands.name[b] && psf->fwhm[b] > 0)
        real(facts, key[i], psf->fwhm[b], "arcsec", "FWHM of the rebuilt cube's PSF there");
}
