/* output_psf.c -- GPSF, RPSF, IPSF and ZPSF as MaNGA's cubes have them (Law et al. 2016, AJ 152, 83, section 9.2 and
 * appendix B), with their FWHM in the first header. */
#include "output/output_psf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "observation/point_source.h"
#include "output/fits_cards.h"
#include "output/layout.h"

int cubix_band_psf_init(struct cubix_band_psf **out, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)result->ins->n_x * (size_t)result->ins->n_y;
  struct cubix_band_psf *psf = NULL;
  *out = NULL;
  if (!result->fibres || strcmp(cubix_layout_fits(result->par, result->ins)->name, "manga")) goto done;
  CUBIX_ALLOC(psf, 1);
  cubix_bands_find(&psf->bands, result->ins);
  CUBIX_ALLOC(psf->image, ((size_t)psf->bands.n + 1) * n);
  for (int b = 0; b < psf->bands.n; b++) {
    double *image = psf->image + (size_t)b * n;
    CUBIX_TRY(cubix_point_source_image(image, result->fibres, result->painted, psf->bands.k[b]));
    psf->fwhm[b] = cubix_point_source_fwhm(image, result->ins);
  }
  *out = psf;
  psf = NULL;
done:
  cubix_band_psf_free(psf);
  return status;
}

static int image_write(fitsfile *fits, const char *shown, const struct cubix_result *result, int b)
{
  int status = CUBIX_OK;
  const struct cubix_band_psf *psf = result->band_psf;
  LONGLONG side[2] = { result->ins->n_x, result->ins->n_y };
  double lambda = cubix_instrument_lambda(result->ins, psf->bands.k[b]);
  struct cubix_facts *wcs = NULL;
  char name[8];
  snprintf(name, sizeof name, "%cPSF", psf->bands.name[b]);
  TRY_FITS(fits_create_imgll(fits, FLOAT_IMG, 2, side, &fits_status));
  CUBIX_TRY(cubix_card_name(fits, shown, name, "a point source in the field's centre"));
  CUBIX_TRY(cubix_wcs_init(&wcs, result->ins, 2, NULL));
  CUBIX_TRY(cubix_card_facts(fits, shown, wcs));
  TRY_FITS(fits_write_key(fits, TDOUBLE, "BBWAVE", &lambda, "[Angstrom] centre of the channel", &fits_status));
  TRY_FITS(fits_write_img(fits, TDOUBLE, 1, side[0] * side[1], psf->image + b * side[0] * side[1], &fits_status));
done:
  cubix_facts_free(wcs);
  return status;
}

int cubix_band_psf_fits(fitsfile *fits, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  for (int b = 0; result->band_psf && b < result->band_psf->bands.n; b++)
    CUBIX_TRY(image_write(fits, shown, result, b));
done:
  return status;
}

void cubix_band_psf_free(struct cubix_band_psf *psf)
{
  if (!psf) return;
  free(psf->image);
  free(psf);
}
