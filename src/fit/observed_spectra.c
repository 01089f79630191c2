/* observed_spectra.c -- observed spectra of fibres, row by row: what a model's spectra are compared with
 * before a cube is rebuilt from them.
 *
 * Read are the files that CUBIX writes (STEM-rss.fits) and those of MaNGA's pipeline: image extensions
 * FLUX, IVAR and MASK, [n_spectrum][n_lambda], WAVE [n_lambda], XPOS and YPOS, [n_spectrum] or with
 * refraction [n_spectrum][n_lambda].  Nothing is resampled or sorted: channels
 * and fibres must be the instrument's.  A sample counts with the weight IVAR where that is above 0, MASK
 * is 0, FLUX is finite, and the channel lies in no gap. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "cube/plane_names.h"
#include "fit/observed.h"
#include "fit/observed_parts.h"

enum { BLOCK = 64, LOOKS = 64 };            /* spectra read at a time; channels in which places are looked at */
static const double channel_tolerance = 0.05, place_tolerance = 0.1;

struct spectra {
  struct cubix_observed_file *file;
  const char *path;
  int n, n_lambda, has_variance, has_mask;
  double flux, variance;                    /* stored values times these are in the model's unit, and its -2nd power */
};

/* The shape of FLUX, IVAR and MASK. */
static int shape_check(const struct spectra *s, const char *plane, const struct cubix_instrument *ins, int *is_there)
{
  int status = CUBIX_OK, n_axis;
  long long side[3];
  CUBIX_TRY(cubix_observed_file_shape(s->file, plane, &n_axis, side));
  *is_there = n_axis > 0;
  if (!*is_there) goto done;
  CUBIX_CHECK(n_axis == 2 && side[1] == s->n, CUBIX_EINPUT,
              "ObservedFile %s: %s has %lld spectra, %s has %d: %d fibres in %d dithers; set Instrument, or FibreFile "
              "and DitherFile, to the bundle that was observed",
              s->path, plane, n_axis > 1 ? side[1] : 1, ins->name, s->n, ins->bundle->n_fibre, ins->bundle->n_dither);
  CUBIX_CHECK(side[0] == ins->n_lambda, CUBIX_EINPUT,
              "ObservedFile %s: %s has %lld channels, %s has %d; set LambdaMin, LambdaMax and LambdaStep, or cut the "
              "spectra",
              s->path, plane, side[0], ins->name, ins->n_lambda);
done:
  return status;
}

/* An image of n numbers, or where that may be, of one in every channel.
 * @param[out] out [n], or if by_channel [n][n_lambda] */
static int vector_read(const struct spectra *s, const char *plane, int n, int by_channel, double *out)
{
  int status = CUBIX_OK, n_axis;
  long long side[3];
  CUBIX_TRY(cubix_observed_file_shape(s->file, plane, &n_axis, side));
  const int each = by_channel && n_axis == 2 && side[0] == s->n_lambda && side[1] == n;
  CUBIX_CHECK((n_axis == 1 && side[0] == n) || each, CUBIX_EINPUT,
              "ObservedFile %s: spectra of fibres need an extension %s of %d numbers%s", s->path, plane, n,
              n_axis ? ", not another shape" : ", and there is none: is it a whole file?");
  const long long whole[3] = { side[0], each ? side[1] : 1, 1 };
  CUBIX_TRY(cubix_observed_file_read(s->file, plane, whole, 0, 1, out));
  for (int i = n; i-- && by_channel && !each;)
    for (int k = s->n_lambda; k--;) out[(size_t)i * (size_t)s->n_lambda + (size_t)k] = out[i];
done:
  return status;
}

/* Where the cores are, at some of the wavelengths. */
static int places_check(const struct spectra *s, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  const int step = s->n_lambda / LOOKS + 1;
  const double far = place_tolerance * ins->bundle->core;
  double *x = NULL, *y = NULL;
  CUBIX_ALLOC(x, (size_t)s->n * (size_t)s->n_lambda);
  CUBIX_ALLOC(y, (size_t)s->n * (size_t)s->n_lambda);
  CUBIX_TRY(vector_read(s, "XPOS", s->n, 1, x));
  CUBIX_TRY(vector_read(s, "YPOS", s->n, 1, y));
  for (int i = 0; i < s->n; i++)
    for (int k = s->n_lambda - 1; k >= 0; k -= step) {
      const size_t at = (size_t)i * (size_t)s->n_lambda + (size_t)k;
      double east, north;
      cubix_bundle_place(ins->bundle, cubix_bundle_group(ins->bundle, k), i, &east, &north);
      CUBIX_CHECK(hypot(x[at] - east, y[at] - north) <= far, CUBIX_EINPUT,
                  "ObservedFile %s: in channel %d spectrum %d is of a core at %.3f %.3f arcsec (XPOS, YPOS), that of "
                  "%s at %.3f %.3f; they may be %g arcsec apart: give the places by FibreFile and DitherFile, and "
                  "refraction by Airmass and ParallacticAngle or AirmassFile",
                  s->path, k + 1, i, x[at], y[at], ins->name, east, north, far);
    }
done:
  free(x);
  free(y);
  return status;
}

static int wavelengths_check(const struct spectra *s, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  double *lambda = NULL;
  CUBIX_ALLOC(lambda, s->n_lambda);
  CUBIX_TRY(vector_read(s, "WAVE", s->n_lambda, 0, lambda));
  for (int k = 0; k < s->n_lambda; k++) {
    const double here = cubix_instrument_lambda(ins, k), off = fabs(lambda[k] - here) / cubix_instrument_width(ins, k);
    CUBIX_CHECK(off <= channel_tolerance, CUBIX_EINPUT,
                "ObservedFile %s: channel %d lies at %.3f Angstrom (WAVE), that of %s at %.3f (in %s): %.3g channels "
                "apart, at most %g; set LambdaMin, LambdaMax and LambdaStep, or resample the spectra",
                s->path, k + 1, lambda[k], ins->name, here, ins->medium == CUBIX_AIR ? "air" : "vacuum", off,
                channel_tolerance);
  }
done:
  free(lambda);
  return status;
}

/* The factor to the model's unit to a power; where IVAR states none it has that of the flux. */
static int unit_check(const struct spectra *s, const char *plane, int power, int flux_unit, double *factor)
{
  int status = CUBIX_OK;
  char text[128];
  const int stated = cubix_observed_file_text(s->file, plane, "BUNIT", text, sizeof text);
  *factor = pow(s->flux, power);
  if (power == 1 || stated) CUBIX_TRY(cubix_observed_unit(factor, s->path, plane, text, power, flux_unit));
done:
  return status;
}

static int header_read(struct spectra *s, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK, has_flux;
  CUBIX_CHECK(ins->bundle, CUBIX_EINPUT,
              "ObservedFile %s holds spectra of fibres (its FLUX has two axes), and with Sampling spaxels there are "
              "none: set Sampling fibres, or give a cube",
              s->path);
  s->n = cubix_bundle_spectra(ins->bundle);
  s->n_lambda = ins->n_lambda;
  CUBIX_TRY(shape_check(s, CUBIX_MANGA_DATA, ins, &has_flux));
  CUBIX_TRY(shape_check(s, CUBIX_MANGA_IVAR, ins, &s->has_variance));
  CUBIX_TRY(shape_check(s, CUBIX_MANGA_DQ, ins, &s->has_mask));
  CUBIX_TRY(unit_check(s, CUBIX_MANGA_DATA, 1, ins->flux_unit, &s->flux));
  if (s->has_variance) CUBIX_TRY(unit_check(s, CUBIX_MANGA_IVAR, -2, ins->flux_unit, &s->variance));
  CUBIX_TRY(wavelengths_check(s, ins));
  CUBIX_TRY(places_check(s, ins));
done:
  return status;
}

/* Whether any sample has a variance, on whatever rank: without noise none has. */
static int variance_check(struct spectra *s, const struct cubix_params *par)
{
  int status = CUBIX_OK, any = 0;
  double *ivar = NULL;
  const long long side[3] = { s->n_lambda, 1, s->n };
  CUBIX_ALLOC(ivar, (size_t)BLOCK * (size_t)s->n_lambda);
  for (int first = 0; first < s->n && s->has_variance && !any; first += BLOCK) {
    const int n = s->n - first < BLOCK ? s->n - first : BLOCK;
    CUBIX_TRY(cubix_observed_file_read(s->file, CUBIX_MANGA_IVAR, side, first, n, ivar));
    for (size_t i = 0; i < (size_t)n * (size_t)s->n_lambda && !any; i++) any = ivar[i] > 0;
  }
  s->has_variance = any;
  CUBIX_CHECK(any || par->Likelihood != CUBIX_Likelihood_chi2, CUBIX_EINPUT,
              "ObservedFile %s has no IVAR above 0: Likelihood chi2 needs variances; make the spectra with Noise snr "
              "or exposure, or take Likelihood cosine or poisson",
              s->path);
done:
  free(ivar);
  return status;
}

/* n spectra from `first` on.  @return samples whose numbers do not fit */
static double block_take(struct cubix_observed *obs, const struct spectra *s, const struct cubix_instrument *ins,
                         int first, int n, const double *flux, const double *ivar, const double *mask)
{
  double n_unfit = 0;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < obs->n_lambda; k++) {
      const int channel = obs->lambda_first + k;
      const size_t from = (size_t)i * (size_t)s->n_lambda + (size_t)channel,
                   to = (size_t)(first + i) * (size_t)obs->n_lambda + (size_t)k;
      const double data = flux[from] * s->flux, weight = s->has_variance ? ivar[from] * s->variance : 1;
      if (cubix_instrument_gap(ins, channel) || !isfinite(data) || !(weight > 0 && isfinite(weight)) ||
          (s->has_mask && mask[from] != 0))
        continue;
      if (!cubix_observed_fits(data, weight)) n_unfit += 1;
      obs->data[to] = (cubix_real)data;
      obs->weight[to] = (cubix_real)weight;
    }
  return n_unfit;
}

static int samples_read(struct cubix_observed *obs, const struct spectra *s, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  const long long side[3] = { s->n_lambda, 1, s->n };
  const size_t size = (size_t)BLOCK * (size_t)s->n_lambda;
  double *flux = NULL, *ivar = NULL, *mask = NULL, n_unfit = 0;
  CUBIX_ALLOC(flux, size);
  CUBIX_ALLOC(ivar, size);
  CUBIX_ALLOC(mask, size);
  for (int first = 0; first < s->n && obs->n_lambda; first += BLOCK) {
    const int n = s->n - first < BLOCK ? s->n - first : BLOCK;
    CUBIX_TRY(cubix_observed_file_read(s->file, CUBIX_MANGA_DATA, side, first, n, flux));
    if (s->has_variance) CUBIX_TRY(cubix_observed_file_read(s->file, CUBIX_MANGA_IVAR, side, first, n, ivar));
    if (s->has_mask) CUBIX_TRY(cubix_observed_file_read(s->file, CUBIX_MANGA_DQ, side, first, n, mask));
    n_unfit += block_take(obs, s, ins, first, n, flux, ivar, mask);
  }
  CUBIX_TRY(cubix_observed_fit_check(s->path, n_unfit, "samples", ins->flux_unit));
done:
  free(flux);
  free(ivar);
  free(mask);
  return status;
}

int cubix_observed_spectra_read(struct cubix_observed **out, struct cubix_observed_file *file, const char *path,
                                const struct cubix_instrument *ins, const struct cubix_params *par, int lambda_first,
                                int n_lambda)
{
  int status = CUBIX_OK;
  struct cubix_observed *obs = NULL;
  struct spectra s = { .file = file, .path = path };
  CUBIX_TRY(header_read(&s, ins));
  CUBIX_TRY(variance_check(&s, par));
  CUBIX_TRY(cubix_observed_init(&obs, s.n, 1, lambda_first, n_lambda));
  obs->of_fibres = 1;
  obs->has_variance = s.has_variance;
  CUBIX_TRY(samples_read(obs, &s, ins));
  *out = obs;
  obs = NULL;
done:
  cubix_observed_free(obs);
  return status;
}
