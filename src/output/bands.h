/* bands.h -- SDSS's bands in the channels of a cube. */
#ifndef CUBIX_BANDS_H
#define CUBIX_BANDS_H

#include "instrument/instrument.h"
#include "output/provenance.h"

enum { CUBIX_N_BAND = 4 };
/* Those that a cube has, by wavelength. */
struct cubix_bands { int n, k[CUBIX_N_BAND]; char name[CUBIX_N_BAND]; };

/* The point spread function in them. */
struct cubix_band_psf {
  struct cubix_bands bands;
  double fwhm[CUBIX_N_BAND];                /* of each [arcsec] */
  double *image;                            /* [bands.n][n_y][n_x] */
};

/** The channels nearest the effective wavelengths of g, r, i and z (names in capitals).  Local.
 *  Source: Fukugita et al. 1996, AJ 111, 1748. */
void cubix_bands_find(struct cubix_bands *bands, const struct cubix_instrument *ins);
/** The channel whose centre is nearest, gaps apart; -1: there are only gaps.  Local. */
int cubix_bands_channel(const struct cubix_instrument *ins, double lambda);
/** What headers say of a PSF (NULL: nothing).  Local. */
void cubix_bands_facts(struct cubix_facts *facts, const struct cubix_band_psf *psf);

#endif
