/* output_rss.c -- row-stacked spectra: what each fibre recorded in each dither, before a cube is
 * rebuilt from them.
 *
 * HDUs, as those of MaNGA's RSS files (Law et al. 2016, AJ 152, 83, appendix B): FLUX, IVAR and MASK
 * [n_spectrum][n_lambda], the rows in order of dithers and, in each, of fibres; WAVE and FWHM (of a
 * narrow line) [n_lambda]; XPOS and YPOS, the centre of the core in arcsec from the field's centre, with
 * refraction [n_spectrum][n_lambda]: the places that FLUX and the cube were made with.
 * FLUX is what enters a core.  Noise is that which the cube has been rebuilt with. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "observation/fibres.h"
#include "output/fits_cards.h"
#include "output/output_parts.h"
#include "output/provenance_parts.h"

enum { FITS_BLOCK = 2880, MASK_GAP = 1, MASK_UNCOVERED = 2 };

void cubix_rss_channel(double *value, double *flux, const struct cubix_result *result, int k, int variance)
{
  const struct cubix_cube *spectra = &result->fibres->spectra;
  const struct cubix_noise *noise = result->noise;
  const size_t n = (size_t)result->fibres->n_spectrum;
  for (size_t i = 0; i < n; i++)
    flux[i] = (double)spectra->flux[i * (size_t)spectra->n_lambda + (size_t)(k - spectra->lambda_first)];
  if (noise->kind == CUBIX_Noise_none) memset(value, 0, n * sizeof *value);
  else if (variance) cubix_noise_variances(noise, k, n, flux, value);
  else cubix_noise_draws(noise, k, n, flux, (uint64_t)k * n, value);
  for (size_t i = 0; i < n && !variance; i++) value[i] += flux[i];
}

int cubix_rss_block(const struct cubix_result *result, int what, int k0, int n_k, cubix_real *block)
{
  int status = CUBIX_OK;
  const int variance = what == CUBIX_BLOCK_RSS_IVAR;
  const size_t n = (size_t)result->fibres->n_spectrum;
  double *flux = NULL, *value = NULL;
  CUBIX_ALLOC(flux, n);
  CUBIX_ALLOC(value, n);
  for (int k = k0; k < k0 + n_k; k++, block += n) {
    cubix_rss_channel(value, flux, result, k, variance);
    for (size_t i = 0; i < n; i++) {
      if (variance) value[i] = value[i] > 0 ? 1 / value[i] : 0;
      block[i] = (cubix_real)(cubix_instrument_gap(result->ins, k) ? 0 : value[i]);
      CUBIX_CHECK(block[i] - block[i] == 0, CUBIX_EFAIL,
                  "spectrum %zu of the fibres has a value that is not finite in channel %d; nothing was written", i, k);
    }
  }
done:
  free(flux);
  free(value);
  return status;
}

int cubix_rss_take(const struct cubix_result *result, struct cubix_blocks *blocks, int what, int r, int k0, int n_k,
                   cubix_real *block)
{
  if (!blocks || r == blocks->me) return cubix_rss_block(result, what, k0, n_k, block);
  return cubix_output_take(blocks, r, what, k0, n_k, block,
                           (size_t)n_k * (size_t)result->fibres->n_spectrum * sizeof *block);
}

/* Channels of all ranks.  @param[out] rows [n_spectrum][n_lambda] */
static int collect(cubix_real *rows, const struct cubix_result *result, struct cubix_blocks *blocks, int what)
{
  int status = CUBIX_OK;
  const int n_lambda = result->ins->n_lambda, whole[2] = { 0, n_lambda };
  const int *first = blocks ? blocks->lambda_first : whole;
  const size_t n = (size_t)result->fibres->n_spectrum;
  cubix_real *block = NULL;
  CUBIX_ALLOC(block, n * (size_t)n_lambda);
  for (int r = 0; r < (blocks ? blocks->n_rank : 1); r++) {
    const int n_k = first[r + 1] - first[r];
    if (!n_k) continue;
    CUBIX_TRY(cubix_rss_take(result, blocks, what, r, first[r], n_k, block));
    for (int k = 0; k < n_k; k++)
      for (size_t i = 0; i < n; i++) rows[i * (size_t)n_lambda + (size_t)(first[r] + k)] = block[(size_t)k * n + i];
  }
done:
  free(block);
  return status;
}

double cubix_rss_bytes(const struct cubix_instrument *ins)
{
  if (!ins->bundle) return 0;
  const double n = cubix_bundle_spectra(ins->bundle), n_k = ins->n_lambda;
  return n * n_k * (2. * sizeof(cubix_real) + sizeof(int32_t)) + 2. * sizeof(double) * n_k +
         2. * sizeof(double) * n * (ins->bundle->first ? n_k : 1);
}

static int image_write(fitsfile *fits, const char *shown, const char *name, const char *unit, const char *description,
                       int type, int n_axis, LONGLONG n_x, LONGLONG n_y, void *value)
{
  int status = CUBIX_OK;
  LONGLONG side[2] = { n_x, n_y };
  const int bitpix = type == TDOUBLE ? DOUBLE_IMG : type == TFLOAT ? FLOAT_IMG : LONG_IMG;
  TRY_FITS(fits_create_imgll(fits, bitpix, n_axis, side, &fits_status));
  CUBIX_TRY(cubix_card_name(fits, shown, name, description));
  if (*unit) CUBIX_TRY(cubix_card_text(fits, shown, "BUNIT", unit, ""));
  TRY_FITS(fits_write_img(fits, type, 1, n_axis == 2 ? n_x * n_y : n_x, value, &fits_status));
done:
  return status;
}

/* What readers want to know of the spectra: the words of the layout, and the wavelengths, where they are linear or
 * logarithmic. */
static int spectra_cards(fitsfile *fits, const char *shown, const struct cubix_result *result)
{
  static const char *const type[2][2] = { { "AWAV", "AWAV-LOG" }, { "WAVE", "WAVE-LOG" } };
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = result->ins;
  const double step = ins->grid == CUBIX_LOG ? ins->lambda_min * ins->log_step : ins->lambda_step;
  struct cubix_facts *facts = NULL;
  CUBIX_TRY(cubix_card_words(fits, shown, cubix_layout_fits(result->par, ins), 1));
  if (ins->grid == CUBIX_TABLE) goto done;
  CUBIX_ALLOC(facts, 1);
  text(facts, "CTYPE1", type[ins->medium == CUBIX_VACUUM][ins->grid == CUBIX_LOG], "");
  text(facts, "CUNIT1", "Angstrom", "");
  real(facts, "CRVAL1", ins->lambda_min, "Angstrom", "centre of the first channel");
  real(facts, "CRPIX1", 1., "pixel", "");
  real(facts, "CDELT1", step, "Angstrom", ins->grid == CUBIX_LOG ? "CRVAL1 times the step of ln lambda" : "");
  text(facts, "CTYPE2", "FIBER", "number of the spectrum");
  real(facts, "CRVAL2", 1., "", "");
  real(facts, "CRPIX2", 1., "pixel", "");
  real(facts, "CDELT2", 1., "", "");
  CUBIX_CHECK(!facts->n_lost, CUBIX_ENOMEM, "no memory for what the spectra say of themselves");
  CUBIX_TRY(cubix_card_facts(fits, shown, facts));
done:
  cubix_facts_free(facts);
  return status;
}

static int spectra_write(fitsfile *fits, const char *shown, const struct cubix_result *result,
                         struct cubix_blocks *blocks)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = result->ins;
  const LONGLONG n_k = ins->n_lambda, n = result->fibres->n_spectrum;
  const int type = sizeof(cubix_real) == sizeof(double) ? TDOUBLE : TFLOAT;
  char unit[80], unit_inverse[80];
  cubix_real *rows = NULL;
  int *mask = NULL;
  CUBIX_ALLOC(rows, n * n_k);
  CUBIX_ALLOC(mask, n * n_k);
  snprintf(unit, sizeof unit, "10**(%d)*erg/s/cm**2/Angstrom", ins->flux_unit);
  snprintf(unit_inverse, sizeof unit_inverse, "10**(%d)*s**2*cm**4*Angstrom**2/erg**2", -2 * ins->flux_unit);
  CUBIX_TRY(collect(rows, result, blocks, CUBIX_BLOCK_RSS_FLUX));
  CUBIX_TRY(image_write(fits, shown, "FLUX", unit, "flux density in a core", type, 2, n_k, n, rows));
  CUBIX_TRY(spectra_cards(fits, shown, result));
  CUBIX_TRY(collect(rows, result, blocks, CUBIX_BLOCK_RSS_IVAR));
  CUBIX_TRY(image_write(fits, shown, "IVAR", unit_inverse, "inverse variance of FLUX; 0: no noise", type, 2, n_k, n,
                        rows));
  CUBIX_TRY(spectra_cards(fits, shown, result));
  for (LONGLONG i = 0; i < n * n_k; i++) {
    const int k = (int)(i % n_k);
    mask[i] = (cubix_instrument_gap(ins, k) ? MASK_GAP : 0) | (result->templates->covered[k] ? 0 : MASK_UNCOVERED);
  }
  CUBIX_TRY(image_write(fits, shown, "MASK", "", "1: gap of the instrument; 2: library does not cover the channel",
                        TINT, 2, n_k, n, mask));
  CUBIX_TRY(spectra_cards(fits, shown, result));
done:
  free(rows);
  free(mask);
  return status;
}

static int vectors_write(fitsfile *fits, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  const int n_k = result->ins->n_lambda;
  double *value = NULL;
  CUBIX_ALLOC(value, n_k);
  cubix_lsf_values(result, 0, value);
  CUBIX_TRY(image_write(fits, shown, "WAVE", "Angstrom", "centres of the channels", TDOUBLE, 1, n_k, 1, value));
  cubix_lsf_values(result, 3, value);
  CUBIX_TRY(image_write(fits, shown, "FWHM", "Angstrom", "width of a narrow line", TDOUBLE, 1, n_k, 1, value));
done:
  free(value);
  return status;
}

static int places_write(fitsfile *fits, const char *shown, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  const struct cubix_bundle *bundle = ins->bundle;
  const int n = cubix_bundle_spectra(bundle), moves = bundle->first != NULL, n_k = moves ? ins->n_lambda : 1;
  double *value = NULL;
  CUBIX_ALLOC(value, (size_t)n * (size_t)n_k);
  for (int north = 0; north < 2; north++) {
    for (int k = 0; k < n_k; k++) {
      const int group = cubix_bundle_group(bundle, k);
      for (int i = 0; i < n; i++) {
        double place[2];
        cubix_bundle_place(bundle, group, i, &place[0], &place[1]);
        value[(size_t)i * (size_t)n_k + (size_t)k] = place[north];
      }
    }
    CUBIX_TRY(image_write(fits, shown, north ? "YPOS" : "XPOS", "arcsec",
                          north ? "centre of the core, to the north without Roll"
                                : "centre of the core, to the east without Roll",
                          TDOUBLE, moves ? 2 : 1, moves ? n_k : n, moves ? n : 1, value));
  }
done:
  free(value);
  return status;
}

int cubix_rss_write(const struct cubix_result *result, struct cubix_blocks *blocks,
                    const struct cubix_atomic_file *file)
{
  int status = CUBIX_OK;
  const char *shown = file->path;
  fitsfile *fits = NULL, *closing;
  void *draft = NULL;
  size_t size = FITS_BLOCK;
  LONGLONG begin, data, end;
  struct cubix_facts *facts = NULL;
  CUBIX_CHECK((draft = malloc(size)), CUBIX_ENOMEM, "cannot allocate %zu bytes for a header", size);
  TRY_FITS(fits_create_memfile(&fits, &draft, &size, 1000 * FITS_BLOCK, realloc, &fits_status));
  CUBIX_TRY(cubix_provenance_init(&facts, result));
  TRY_FITS(fits_create_imgll(fits, BYTE_IMG, 0, NULL, &fits_status));
  CUBIX_TRY(cubix_card_facts(fits, shown, facts));
  CUBIX_TRY(cubix_card_words(fits, shown, cubix_layout_fits(result->par, result->ins), 0));
  CUBIX_TRY(spectra_write(fits, shown, result, blocks));
  CUBIX_TRY(vectors_write(fits, shown, result));
  CUBIX_TRY(places_write(fits, shown, result->ins));
  TRY_FITS(fits_get_hduaddrll(fits, &begin, &data, &end, &fits_status));
  closing = fits;
  fits = NULL;                    /* released by fits_close_file even where that fails */
  TRY_FITS(fits_close_file(closing, &fits_status));
  CUBIX_TRY(cubix_atomic_file_write(file, draft, (size_t)end, 0));
done:
  if (fits) {
    int fits_status = 0;
    fits_close_file(fits, &fits_status);
    fits_clear_errmsg();
  }
  cubix_facts_free(facts);
  free(draft);
  return status;
}
