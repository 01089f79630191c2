/* noise.c -- what the detector records: photons of the galaxy and of the sky, dark current and read
 * noise.
 *
 * In electrons, a voxel holds S + B (galaxy, sky; Poisson), and the variance of what is left after
 * the sky is subtracted is
 *   S + B (1 + 1/n_sky) + n_pix D t + n_pix n_exp R^2,
 * divided by (electrons per unit of flux)^2 in the units of the cube.  S is the noise-free signal:
 * the variance has no noise of its own, and voxels without light have that of sky and detector.
 * Source: doc/math.md section 10.
 *
 * Noise snr.  S/N grows with t in every voxel, S/N >= q from a time t_v on that a quadratic
 * equation gives: the median of S/N over the voxels reaches q at the median of t_v (for an even
 * number between the middle two, where a bracketed root is found).  Read-outs come in whole
 * numbers, n_exp = ceil(t/exposure), at whose steps S/N falls; but with n_exp = max(1, t/exposure)
 * it never falls, the root t_c of that case gives n_exp = ceil(t_c/exposure), and with n_exp fixed
 * so the root is the smallest t that has the S/N wanted (it lies in t_c .. n_exp exposure). The
 * k-th smallest of all voxels is found exactly and in little memory: positive doubles are ordered
 * as their bits are, and four histograms of 16 bits, each over the voxels that agree in the bits
 * before, name it.
 * Channels may be spread over ranks: counts are added and extremes compared over all of them, and
 * every rank comes to the same time, bit by bit. */
#include "observation/noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "physics/constants.h"

static const double longest_time = 1e12;    /* s */

/* The voxels that SignalToNoise speaks of, and what their S/N depends on. */
struct sample {
  const struct cubix_instrument *ins;
  const struct cubix_cube *cube;
  const struct cubix_collective *collective;
  size_t n_spaxel, *spaxel;                 /* [n_spaxel] places in the field */
  int k_first, n_k;                         /* channels of the band, whoever holds them */
  int n_open;                               /* those of them outside the instrument's gaps */
  int k_from, k_to;                         /* those of them that this rank holds: k_from .. k_to - 1 */
  uint64_t *count;                          /* [65536] */
  double *rate, *sky_rate;                  /* [n_lambda] electrons/s per unit of flux; electrons/s of the sky */
  double *dark, *read;                      /* [n_lambda] electrons/s; electrons^2 of one read */
  double exposure;                          /* longest single exposure, of all dithers together [s] */
  double sky_factor, *root_width;           /* [n_lambda] sqrt(channel's width) */
};

enum quantity { TIME, SNR };
/* A question to the sample: of every voxel the time for S/N = snr, or the S/N at `time`.  n_exp 0:
 * max(1, t/exposure), not a whole number. */
struct question {
  enum quantity quantity;
  double time, snr, n_exp;                  /* snr per sqrt(AA) */
};

static double real_exposures(const struct sample *a, double t, double n_exp)
{
  return n_exp > 0. ? n_exp : fmax(1., t / a->exposure);
}

/* t of s^2 t^2 = q^2 (c t + r): galaxy s, all variance c per second, r once. */
static double solve_time(double q, double s, double c, double r)
{
  double b = q * q * c, root = sqrt(b * b + 4. * s * s * q * q * r);
  return (b + root) / (2. * s * s);
}

static double answer(const struct sample *a, const struct question *ask, size_t spaxel, int k)
{
  const double flux = (double)a->cube->flux[spaxel * (size_t)a->cube->n_lambda + (size_t)(k - a->cube->lambda_first)],
               s = flux * a->rate[k];
  const double c = s + a->sky_rate[k] * a->sky_factor + a->dark[k], r = a->read[k];
  if (ask->quantity == SNR) {
    const double t = ask->time, variance = fmax(c, 0.) * t + r * real_exposures(a, t, ask->n_exp);
    return s > 0. ? s * t / sqrt(variance) / a->root_width[k] : 0.;
  }
  if (!(s > 0.)) return HUGE_VAL;
  const double q = ask->snr * a->root_width[k];
  double t = solve_time(q, s, c, r * fmax(1., ask->n_exp));
  if (ask->n_exp <= 0. && t > a->exposure) t = solve_time(q, s, c + r / a->exposure, 0.);
  return t > 0. ? t : HUGE_VAL;             /* light too faint to be squared */
}

static uint64_t bits_of(double x)
{
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* The answer of the voxel that has `rank` voxels before it. */
static double select_answer(const struct sample *a, const struct question *ask, uint64_t rank)
{
  uint64_t prefix = 0, mask = 0, *count = a->count;
  double result;
  for (int shift = 48; shift >= 0; shift -= 16) {
    uint64_t bucket = 0;
    memset(count, 0, 65536 * sizeof *count);
#pragma omp parallel for reduction(+ : count[:65536])
    for (size_t i = 0; i < a->n_spaxel; i++) {
      for (int k = a->k_from; k < a->k_to; k++) {
        if (cubix_instrument_gap(a->ins, k)) continue;
        uint64_t bits = bits_of(answer(a, ask, a->spaxel[i], k));
        if ((bits & mask) == prefix) count[bits >> shift & 0xffff]++;
      }
    }
    a->collective->add(count, 65536);
    while (rank >= count[bucket]) rank -= count[bucket++];
    prefix |= bucket << shift;
    mask |= (uint64_t)0xffff << shift;
  }
  memcpy(&result, &prefix, sizeof result);
  return result;
}

static uint64_t sample_size(const struct sample *a) { return (uint64_t)a->n_spaxel * (uint64_t)a->n_open; }

static double median_snr(const struct sample *a, double t, double n_exp)
{
  const uint64_t n = sample_size(a);
  const struct question ask = { SNR, t, 0., n_exp };
  const double above = select_answer(a, &ask, n / 2), below = n % 2 ? above : select_answer(a, &ask, n / 2 - 1);
  return 0.5 * (below + above);
}

/* Mean S/N of the middle two at a time between t_a and t_b, when those that are ready by t_a are the better half. */
static double middle_snr(const struct sample *a, const struct question *ready, double t_a, double t)
{
  const struct question at = { SNR, t, 0., ready->n_exp };
  double better = HUGE_VAL, worse = 0.;
#pragma omp parallel for reduction(min : better) reduction(max : worse)
  for (size_t i = 0; i < a->n_spaxel; i++) {
    for (int k = a->k_from; k < a->k_to; k++) {
      if (cubix_instrument_gap(a->ins, k)) continue;
      double snr = answer(a, &at, a->spaxel[i], k);
      if (answer(a, ready, a->spaxel[i], k) <= t_a) better = fmin(better, snr);
      else worse = fmax(worse, snr);
    }
  }
  better = -a->collective->largest(-better);
  worse = a->collective->largest(worse);
  return 0.5 * (better + worse);
}

/* The time at which the median S/N is the one wanted; HUGE_VAL: never. */
static double median_time(const struct sample *a, double snr, double n_exp)
{
  const uint64_t n = sample_size(a);
  const struct question ready = { TIME, 0., snr, n_exp };
  double lo = select_answer(a, &ready, n % 2 ? n / 2 : n / 2 - 1), hi = n % 2 ? lo : select_answer(a, &ready, n / 2);
  if (hi == HUGE_VAL && lo < HUGE_VAL) {   /* the better half alone must do it */
    const double t_a = lo;
    for (hi = 2. * lo; hi < 2. * longest_time && middle_snr(a, &ready, t_a, hi) < snr; ) hi *= 2.;
  }
  if (hi < 2. * longest_time) {
    const double t_a = lo;
    for (int i = 0; i < 200 && hi - lo > 1e-12 * hi; i++) {
      double middle = 0.5 * (lo + hi);
      if (middle_snr(a, &ready, t_a, middle) < snr) lo = middle;
      else hi = middle;
    }
  }
  return hi;
}

/* Where a spaxel's light comes from: its centre, or that of the core whose spectrum it is.  @return 0: from nowhere */
static int place_of(const struct cubix_instrument *ins, int ix, int iy, double *x, double *y)
{
  if (ins->bundle) {
    cubix_bundle_place(ins->bundle, CUBIX_AT_REFERENCE, ix, x, y);
    return 1;
  }
  *x = cubix_instrument_x(ins, ix);
  *y = cubix_instrument_y(ins, iy);
  return cubix_instrument_inside(ins, ix, iy);
}

/* Spaxels of the aperture, about the galaxy's centre (which Pointing and Roll put somewhere on the
 * detector); the nearest one always. */
static int choose_spaxels(struct sample *a, double radius)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = a->ins;
  const double c = cos(ins->roll), s = sin(ins->roll);
  const double x = -ins->pointing_x * c + ins->pointing_y * s, y = -ins->pointing_x * s - ins->pointing_y * c;
  double nearest = HUGE_VAL;
  size_t at = 0;
  CUBIX_ALLOC(a->spaxel, (size_t)a->cube->n_x * (size_t)a->cube->n_y);
  for (int iy = 0; iy < a->cube->n_y; iy++) {
    for (int ix = 0; ix < a->cube->n_x; ix++) {
      double at_x, at_y;
      if (!place_of(ins, ix, iy, &at_x, &at_y)) continue;
      const double dx = at_x - x, dy = at_y - y, r = sqrt(dx * dx + dy * dy);
      const size_t place = (size_t)iy * (size_t)a->cube->n_x + (size_t)ix;
      if (r < nearest) at = place;
      nearest = fmin(nearest, r);
      if (r <= radius) a->spaxel[a->n_spaxel++] = place;
    }
  }
  if (!a->n_spaxel) a->spaxel[a->n_spaxel++] = at;
done:
  return status;
}

static void choose_channels(struct sample *a, double from, double to)
{
  for (int k = 0; k < a->ins->n_lambda; k++) {
    const double slack = 1e-6 * cubix_instrument_width(a->ins, k);
    double lambda = cubix_instrument_lambda(a->ins, k);
    if ((from > 0. && lambda < from - slack) || (to > 0. && lambda > to + slack)) continue;
    if (!a->n_k++) a->k_first = k;
    a->n_open += !cubix_instrument_gap(a->ins, k);
  }
  const int held_to = a->cube->lambda_first + a->cube->n_lambda, band_to = a->k_first + a->n_k;
  a->k_from = a->k_first > a->cube->lambda_first ? a->k_first : a->cube->lambda_first;
  a->k_to = band_to < held_to ? band_to : held_to;
}

static int solve(struct cubix_noise *noise, const struct sample *a, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  double t, n_exp;
  CUBIX_CHECK(a->n_open > 0, CUBIX_EUSAGE,
              "SnrLambdaMin = %g (%s) .. SnrLambdaMax = %g (%s) holds no channel of the cube: %g .. %g AA",
              par->SnrLambdaMin, cubix_params_origin(par, "SnrLambdaMin"), par->SnrLambdaMax,
              cubix_params_origin(par, "SnrLambdaMax"), a->ins->lambda_min,
              cubix_instrument_lambda(a->ins, a->ins->n_lambda - 1));
  t = median_time(a, par->SignalToNoise, 0.);
  CUBIX_CHECK(t <= longest_time, CUBIX_EUSAGE,
              "SignalToNoise = %g (%s) cannot be reached: about half of the %zu spaxels x %d channels within "
              "SnrAperture = %g arcsec (%s) of the galaxy's centre hold no light, or too little; make "
              "SnrAperture smaller, or SignalToNoise",
              par->SignalToNoise, cubix_params_origin(par, "SignalToNoise"), a->n_spaxel, a->n_open, par->SnrAperture,
              cubix_params_origin(par, "SnrAperture"));
  n_exp = fmax(1., ceil(t / a->exposure * (1. - 1e-12)));
  noise->exposure_time = median_time(a, par->SignalToNoise, n_exp);
done:
  return status;
}

/* Rates of all channels, the spaxels and the channels of the sample. */
static int sample_init(struct sample *a, const struct cubix_params *par, double flux_unit)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = a->ins;
  const struct cubix_cube *cube = a->cube;
  const struct cubix_bundle *bundle = ins->bundle;
  const int n_x = bundle ? cubix_bundle_spectra(bundle) : ins->n_x, n_y = bundle ? 1 : ins->n_y;
  const double side_x = bundle ? cubix_bundle_area(bundle) : ins->pixel_x, side_y = bundle ? 1 : ins->pixel_y,
               share = bundle ? 1. / bundle->n_dither : 1;       /* of the time, for each dither */
  CUBIX_CHECK(cube->n_x == n_x && cube->n_y == n_y && !cube->margin && cube->lambda_first >= 0 &&
                  cube->lambda_first + cube->n_lambda <= ins->n_lambda,
              CUBIX_EFAIL, "noise needs the cube as the instrument sees it, without margin");
  a->exposure = ins->exposure / share;
  a->sky_factor = ins->n_sky > 0. ? 1. + 1. / ins->n_sky : 1.;
  CUBIX_ALLOC(a->count, 65536);
  CUBIX_ALLOC(a->rate, ins->n_lambda);
  CUBIX_ALLOC(a->sky_rate, ins->n_lambda);
  CUBIX_ALLOC(a->root_width, ins->n_lambda);
  CUBIX_ALLOC(a->dark, ins->n_lambda);
  CUBIX_ALLOC(a->read, ins->n_lambda);
  for (int k = 0; k < ins->n_lambda; k++) {
    const double lambda = cubix_instrument_lambda(ins, k), width = cubix_instrument_width(ins, k);
    const double rate =
        share * ins->area_cm2 * cubix_curve_at(&ins->throughput, lambda) * width * lambda / CUBIX_HC_ERG_AA;
    const double n_pixel = cubix_curve_at(&ins->n_pixel, lambda), noise = cubix_curve_at(&ins->read_noise, lambda);
    a->root_width[k] = sqrt(width);
    a->dark[k] = share * n_pixel * cubix_curve_at(&ins->dark, lambda);
    a->read[k] = n_pixel * noise * noise;
    a->rate[k] = rate * flux_unit;
    a->sky_rate[k] = rate * cubix_curve_at(&ins->sky, lambda) * side_x * side_y;
  }
  CUBIX_TRY(choose_spaxels(a, par->SnrAperture));
  choose_channels(a, par->SnrLambdaMin, par->SnrLambdaMax);
done:
  return status;
}

int cubix_noise_init(struct cubix_noise *noise, const struct cubix_params *par, const struct cubix_instrument *ins,
                     const struct cubix_cube *cube, double flux_unit, const struct cubix_collective *collective)
{
  int status = CUBIX_OK;
  double n_exp;
  struct sample a = { .ins = ins, .cube = cube, .collective = collective };

  memset(noise, 0, sizeof *noise);
  noise->kind = ins->noise;
  noise->n_lambda = ins->n_lambda;
  noise->seed = (unsigned)par->Seed;
  if (noise->kind == CUBIX_Noise_none) goto done;

  status = sample_init(&a, par, flux_unit);
  const int failed = collective->largest(status ? 1. : 0.) > 0.;  /* from here on all ranks or none */
  if (status) goto done;
  CUBIX_CHECK(!failed, CUBIX_EFAIL, "another rank could not prepare the noise");
  noise->exposure_time = par->ExposureTime;
  if (noise->kind == CUBIX_Noise_snr) CUBIX_TRY(solve(noise, &a, par));
  n_exp = fmax(1., ceil(noise->exposure_time / a.exposure * (1. - 1e-12)));
  CUBIX_CHECK(n_exp <= 2147483647. / (ins->bundle ? ins->bundle->n_dither : 1), CUBIX_EUSAGE,
              "an exposure time of %g s is %g exposures of %g s (%s); at most 2147483647", noise->exposure_time, n_exp,
              ins->exposure, ins->file);
  noise->n_exposure = (int)n_exp * (ins->bundle ? ins->bundle->n_dither : 1);
  if (a.n_open) noise->achieved_snr = median_snr(&a, noise->exposure_time, n_exp);

  noise->sky_factor = a.sky_factor;
  noise->electrons = a.rate;
  noise->sky = a.sky_rate;
  noise->detector = a.dark;
  a.rate = a.sky_rate = a.dark = NULL;
  for (int k = 0; k < ins->n_lambda; k++) {
    noise->electrons[k] *= noise->exposure_time;
    noise->sky[k] *= noise->exposure_time;
    noise->detector[k] = noise->detector[k] * noise->exposure_time + n_exp * a.read[k];
  }
done:
  free(a.rate);
  free(a.sky_rate);
  free(a.root_width);
  free(a.dark);
  free(a.read);
  free(a.spaxel);
  free(a.count);
  return status;
}

void cubix_noise_free(struct cubix_noise *noise)
{
  free(noise->electrons);
  free(noise->sky);
  free(noise->detector);
  memset(noise, 0, sizeof *noise);
}
