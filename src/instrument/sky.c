/* sky.c -- the brightness of the sky in every channel, with its lines where they are.
 *
 * A broad-band mean puts the light of the OH lines into the gaps between them, where most of an
 * infrared spectrum's information is.  So the sky is a continuum and a list of lines, or a spectrum
 * from ESO SkyCalc (Noll et al. 2012, A&A 543, A92; Jones et al. 2013, A&A 560, A91), and what a
 * channel gets is its mean over the channel after the line spread function, taken as a Gaussian of
 * the FWHM that the instrument states: with its variance s^2 = (FWHM/2.3548)^2 - w^2/12, if the pixel
 * is included in it, a line at l puts (Phi((b - l)/s) - Phi((a - l)/s))/w of its light into a channel
 * a .. b of width w.
 * A spectrum of SkyCalc may have been broadened already, as its comments say (lsf_type Gaussian of
 * lsf_gauss_fwhm points); its variance is then subtracted from s^2, and h^2/6, by which straight lines
 * between points at distances h broaden it.
 * Photons/s/m2/um/arcsec2 times h c/lambda times 10^-8 are erg/s/cm2/AA/arcsec2. */
#include "instrument/sky.h"

#include <fitsio.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/infile.h"
#include "base/log.h"
#include "physics/constants.h"

enum { MOST_POINT = 10000000 };
static const double reach = 5., least_width = 1e-3;    /* sigmas that count; AA, of a line that is not broadened */

static double to_medium(double lambda, enum cubix_medium from, enum cubix_medium to)
{
  return from == to ? lambda : to == CUBIX_AIR ? cubix_vacuum_to_air(lambda) : cubix_air_to_vacuum(lambda);
}

/* sigma of the LSF before the pixel, less a variance that is there already. */
static double sigma_at(const struct cubix_instrument *ins, int k, double own)
{
  const double w = cubix_instrument_width(ins, k),
               fwhm = ins->lsf_none ? 0. : cubix_curve_at(&ins->lsf_fwhm, cubix_instrument_lambda(ins, k));
  const double variance =
      fwhm * fwhm / (CUBIX_FWHM_SIGMA * CUBIX_FWHM_SIGMA) - own - (ins->lsf_pixel_included ? w * w / 12. : 0.);
  return sqrt(fmax(variance, least_width * least_width));
}

/* Part of a line at x that falls between a and b. */
static double part(double a, double b, double x, double sigma)
{
  const double s = 1. / (sqrt(2.) * sigma);
  return x < 0.5 * (a + b) ? 0.5 * (erfc((a - x) * s) - erfc((b - x) * s))
                           : 0.5 * (erfc((x - b) * s) - erfc((x - a) * s));
}

static int table_begin(struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(ins->sky.lambda, ins->n_lambda);
  CUBIX_ALLOC(ins->sky.value, ins->n_lambda);
  ins->sky.n_table = ins->n_lambda;
  for (int k = 0; k < ins->n_lambda; k++) ins->sky.lambda[k] = cubix_instrument_lambda(ins, k);
done:
  return status;
}

/* First point of a rising table at or above x. */
static int first_from(const double *table, int n, double x)
{
  int low = 0, high = n;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (table[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

int cubix_sky_lay(struct cubix_instrument *ins, const struct cubix_instrument_file *file)
{
  int status = CUBIX_OK;
  const enum cubix_medium medium = (enum cubix_medium)file->sky_medium;
  const struct cubix_curve *lines = &file->sky_lines;
  CUBIX_TRY(table_begin(ins));
  for (int k = 0; k < ins->n_lambda; k++) {
    const double a = cubix_instrument_border(ins, k), b = cubix_instrument_border(ins, k + 1),
                 sigma = sigma_at(ins, k, 0.);
    double sum = cubix_curve_at(&file->sky_continuum, to_medium(ins->sky.lambda[k], ins->medium, medium));
    for (int i = first_from(lines->lambda, lines->n_table, to_medium(a - reach * sigma, ins->medium, medium));
         i < lines->n_table; i++) {
      const double x = to_medium(lines->lambda[i], medium, ins->medium);
      if (x > b + reach * sigma) break;
      sum += lines->value[i] * part(a, b, x, sigma) / (b - a);
    }
    ins->sky.value[k] = sum;
  }
done:
  return status;
}

/* ---- ESO SkyCalc ----------------------------------------------------------------------------- */
/* What a file says: a table, in its own medium, and how broad its lines are made [points]. */
struct spectrum { int n; double *lambda, *value; enum cubix_medium medium; double broadened; };

/* A number behind "key": in the comments, which repeat the request in JSON; or the keyword LSFPIX. */
static double commented(const char *comments, const char *key)
{
  const char *at = strstr(comments, key);
  return at && (at = strchr(at, ':')) ? strtod(at + 1, NULL) : 0.;
}

/* All comment cards in one text. */
static int comments_read(char **out, fitsfile *f)
{
  int status = CUBIX_OK, fits = 0, n = 0;
  char card[FLEN_CARD], *text = NULL;
  fits_get_hdrspace(f, &n, NULL, &fits);
  CUBIX_ALLOC(text, (size_t)(n + 1) * FLEN_CARD);
  for (int i = 1; i <= n; i++) {
    if (fits_read_record(f, i, card, &fits)) break;
    if (strncmp(card, "COMMENT ", 8) == 0) strcat(strcat(text, card + 8), "\n");
  }
  *out = text;
  text = NULL;
done:
  free(text);
  return status;
}

/* The line of the comments that speaks of the column lam. */
static void about_lambda(char word[128], const char *comments)
{
  const char *line = strstr(comments, "column lam:");
  snprintf(word, 128, "%.*s", line ? (int)fmin(127., (double)strcspn(line, "\n")) : 0, line ? line : "");
}

/* TUNIT of a column, "" without one. */
static void column_unit(char unit[FLEN_VALUE], fitsfile *f, int column)
{
  char key[FLEN_KEYWORD];
  int fits = 0;
  unit[0] = '\0';
  fits_make_keyn("TUNIT", column, key, &fits);
  if (fits_read_key(f, TSTRING, key, unit, NULL, &fits)) fits_clear_errmsg();
  if (fits) unit[0] = '\0';
}

/* AA per unit that a text states by one of its words: in any case, and for a stem anything that holds it; a single
 * letter is a unit only where it is the whole text.  @return 0: none */
static double unit_word(const char *text)
{
  static const struct { const char *word; int stem; double factor; } known[] = {
    { "nm", 0, 10. },   { "nanom", 1, 10. }, { "um", 0, 1e4 }, { "micro", 1, 1e4 },
    { "ngstr", 1, 1. }, { "aa", 0, 1. },     { "a", 0, 1. },   { "m", 0, 1e10 },
  };
  char word[64];
  for (const char *s = text; *s;) {
    size_t n = 0;
    for (; isalpha((unsigned char)s[n]) && n + 1 < sizeof word; n++) word[n] = (char)tolower((unsigned char)s[n]);
    word[n] = '\0';
    for (size_t i = 0; i < sizeof known / sizeof *known && (n > 1 || strlen(text) == 1); i++)
      if (known[i].stem ? strstr(word, known[i].word) != NULL : !strcmp(word, known[i].word)) return known[i].factor;
    s += n + (s[n] != '\0');
  }
  return 0.;
}

/* AA per unit of the column lam: as the column or the comments state; without a word nm, or um where
 * the numbers are small. */
static int unit_of(double *factor, fitsfile *f, int column, const char *comments, double last, const char *path)
{
  int status = CUBIX_OK;
  char unit[FLEN_VALUE], word[128];
  column_unit(unit, f, column);
  *factor = unit_word(unit);
  CUBIX_CHECK(!*unit || *factor > 0., CUBIX_EINPUT,
              "SkyFile %s: the unit of lam is '%s'; it must be nm, um, Angstrom or m", path, unit);
  if (*unit) goto done;
  about_lambda(word, comments);
  *factor = unit_word(word);
  if (!(*factor > 0.)) *factor = last < 100. ? 1e4 : 10.;
done:
  return status;
}

/* The flux is photons/s/m2/micron/arcsec2: a column that says otherwise is not one of SkyCalc. */
static int flux_check(fitsfile *f, int column, const char *path)
{
  int status = CUBIX_OK;
  char unit[FLEN_VALUE];
  column_unit(unit, f, column);
  CUBIX_CHECK(!*unit || (!strncasecmp(unit, "ph", 2) && strstr(unit, "arcsec") && !strstr(unit, "cm")), CUBIX_EINPUT,
              "SkyFile %s: the unit of flux is '%s'; it must be ph/s/m2/micron/arcsec2, as SkyCalc writes", path, unit);
done:
  return status;
}

static int column_read(double *value, fitsfile *f, const char *name, int *column, long n, const char *path)
{
  int status = CUBIX_OK, fits = 0, any = 0;
  double blank = NAN;
  char text[32];
  snprintf(text, sizeof text, "%s", name);
  fits_get_colnum(f, CASEINSEN, text, column, &fits);
  fits_read_col(f, TDOUBLE, *column, 1, 1, n, &blank, value, &any, &fits);
  if (fits) fits_clear_errmsg();
  CUBIX_CHECK(!fits, CUBIX_EINPUT,
              "SkyFile %s: its first table has no numbers 'lam' and 'flux', as those of ESO SkyCalc", path);
done:
  return status;
}

static int spectrum_read(struct spectrum *s, const char *path)
{
  int status = CUBIX_OK, fits = 0, type = 0, column, n_hdu = 0;
  long n = 0;
  char *comments = NULL, word[128];
  double unit;
  fitsfile *f = NULL;
  status = cubix_infile_check(path, CUBIX_EINPUT);
  if (status) cubix_error_about("SkyFile");
  CUBIX_TRY(status);
  fits_open_diskfile(&f, path, READONLY, &fits);
  fits_get_num_hdus(f, &n_hdu, &fits);
  for (int hdu = 1; hdu <= n_hdu && !fits; hdu++)
    if (!fits_movabs_hdu(f, hdu, &type, &fits) && type != IMAGE_HDU) break;
  if (!fits && type != IMAGE_HDU) fits_get_num_rows(f, &n, &fits);
  if (fits) fits_clear_errmsg();
  CUBIX_CHECK(!fits && n >= 2 && n <= MOST_POINT, CUBIX_EINPUT,
              "SkyFile %s is no FITS file with a table of 2 to %d rows; ESO SkyCalc makes such files", path,
              MOST_POINT);
  CUBIX_ALLOC(s->lambda, n);
  CUBIX_ALLOC(s->value, n);
  s->n = (int)n;
  CUBIX_TRY(column_read(s->value, f, "flux", &column, n, path));
  CUBIX_TRY(flux_check(f, column, path));
  CUBIX_TRY(column_read(s->lambda, f, "lam", &column, n, path));
  CUBIX_TRY(comments_read(&comments, f));
  CUBIX_TRY(unit_of(&unit, f, column, comments, s->lambda[n - 1], path));
  about_lambda(word, comments);
  s->medium = strstr(word, "Air") || strstr(comments, "\"vacair\": \"air\"") ? CUBIX_AIR : CUBIX_VACUUM;
  if (strstr(comments, "\"lsf_type\": \"Gaussian\"")) s->broadened = commented(comments, "\"lsf_gauss_fwhm\"");
  for (int i = 0; i < s->n; i++) {
    s->lambda[i] *= unit;
    s->value[i] *= 1e-8 * CUBIX_HC_ERG_AA / s->lambda[i];
    CUBIX_CHECK(isfinite(s->lambda[i]) && isfinite(s->value[i]) && s->value[i] >= 0. &&
                    (i == 0 || s->lambda[i] > s->lambda[i - 1]),
                CUBIX_EINPUT, "SkyFile %s, row %d: lam must rise, and flux be a number that is not negative", path,
                i + 1);
  }
done:
  fits = 0;
  if (f) fits_close_file(f, &fits);
  free(comments);
  return status;
}

/* Mean over channel k of the spectrum, straight between its points, at points that are close enough
 * for it and the LSF. */
static double channel_mean(const struct spectrum *s, const struct cubix_curve *table,
                           const struct cubix_instrument *ins, int k)
{
  const double a = cubix_instrument_border(ins, k), b = cubix_instrument_border(ins, k + 1),
               here = to_medium(cubix_instrument_lambda(ins, k), ins->medium, s->medium);
  int i = first_from(s->lambda, s->n, here);
  i = i < 1 ? 1 : i > s->n - 1 ? s->n - 1 : i;
  const double spacing = s->lambda[i] - s->lambda[i - 1], own = s->broadened * spacing / CUBIX_FWHM_SIGMA,
               sigma = sigma_at(ins, k, own * own + spacing * spacing / 6.);
  const double from = a - reach * sigma, to = b + reach * sigma, step = fmin(0.2 * spacing, 0.1 * fmax(b - a, sigma));
  const int n = (int)fmin(1e6, ceil((to - from) / step));
  double sum = 0., norm = 0.;
  for (int j = 0; j < n; j++) {
    const double x = from + (to - from) * (j + 0.5) / n, g = part(a, b, x, sigma);
    norm += g;
    sum += g * cubix_curve_at(table, to_medium(x, ins->medium, s->medium));
  }
  return sum / norm;
}

int cubix_sky_read(struct cubix_instrument *ins, const char *path)
{
  int status = CUBIX_OK;
  struct spectrum s = { 0 };
  static const char *const name[] = { "air", "vacuum" };
  CUBIX_TRY(spectrum_read(&s, path));
  const struct cubix_curve table = { .n_table = s.n, .lambda = s.lambda, .value = s.value };
  const double blue = to_medium(cubix_instrument_lambda(ins, 0), ins->medium, s.medium),
               red = to_medium(cubix_instrument_lambda(ins, ins->n_lambda - 1), ins->medium, s.medium);
  CUBIX_CHECK(
      s.lambda[0] <= blue && s.lambda[s.n - 1] >= red, CUBIX_EINPUT,
      "SkyFile %s covers %.1f .. %.1f AA in %s, and the cube needs %.1f .. %.1f AA; ask SkyCalc for more, or set "
      "LambdaMin and LambdaMax",
      path, s.lambda[0], s.lambda[s.n - 1], name[s.medium], blue, red);
  CUBIX_TRY(table_begin(ins));
#pragma omp parallel for schedule(static)
  for (int k = 0; k < ins->n_lambda; k++) ins->sky.value[k] = channel_mean(&s, &table, ins, k);
  cubix_log(CUBIX_LOG_INFO, "sky from %s: %.1f .. %.1f AA in %s%s", path, s.lambda[0], s.lambda[s.n - 1],
            name[s.medium],
            s.broadened > 0. ? ", broadened before; that is subtracted from the line spread function" : "");
done:
  free(s.lambda);
  free(s.value);
  return status;
}
