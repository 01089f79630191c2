/* observed.c -- an observed cube on the instrument's grid: what a model is compared with.
 *
 * Read are the files that CUBIX writes and those in the format of MUSE: image extensions DATA and
 * STAT (the variance), perhaps DQ, each with its axes and unit. Nothing is resampled: spaxels and
 * channels must be the instrument's.  The field's position on the sky is not compared, since a
 * model galaxy has none; the size of its spaxels (2 %) and its handedness (east is to the left of
 * north) are.  Wavelengths are compared channel by channel in the instrument's medium, to 0.05
 * channel.
 *
 * A voxel counts with the weight 1/variance.  It is masked, weight 0, where its spaxel lies outside
 * the instrument's aperture or its channel in a gap, its value is not finite (MUSE's way of
 * masking), its variance not a positive number, or its DQ not 0.  In cubes that name CUBIX's bits
 * (keyword DQBIT8), 8 does not mask: there stars are few in the model as well.
 * Without variances (STAT absent) chi2 has no meaning and is refused; cosine and poisson take the
 * weight 1.
 *
 * A rank reads its own channels only, a few images at a time, and turns them into spectra. */
#include "fit/observed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cube/cube.h"
#include "cube/plane_names.h"
#include "fit/objective.h"
#include "fit/observed_parts.h"
#include "fit/range.h"

enum { BLOCK = 16 };                        /* channels read at a time */
static const double channel_tolerance = 0.05, pixel_tolerance = 0.02;

/* What flux, variance and quality are called, here and in the data products of instruments; and
 * which power of the flux the second is. */
struct names { const char *data, *stat, *dq; int power; };
static const struct names styles[] = {
  { CUBIX_PLAIN_DATA, CUBIX_PLAIN_STAT, CUBIX_PLAIN_DQ, 2 },
  { CUBIX_MANGA_DATA, CUBIX_MANGA_IVAR, CUBIX_MANGA_DQ, -2 },
  { CUBIX_JWST_DATA, CUBIX_JWST_ERR, CUBIX_JWST_DQ, 1 },
  { CUBIX_SAMI_DATA, CUBIX_SAMI_STAT, CUBIX_SAMI_DQ, 2 },
};
enum { N_STYLE = sizeof styles / sizeof *styles };

/* What the file says of itself. */
struct header {
  struct cubix_observed_file *file;
  const char *path;
  const struct names *names;
  int surface;                              /* 1: a surface brightness in MJy/sr */
  long long side[3];
  int has_stat, has_dq, spared;             /* spared: bits of DQ that do not mask */
  double flux, variance;                    /* a stored value times this is in the cube's unit, or that to its power */
};

/* ---- memory ---------------------------------------------------------------------------------- */
void cubix_observed_free(struct cubix_observed *obs)
{
  if (!obs) return;
  free(obs->data);
  free(obs->weight);
  free(obs->gain);
  free(obs->sum);
  cubix_range_free(obs->range);
  free(obs);
}

int cubix_observed_init(struct cubix_observed **out, int n_x, int n_y, int lambda_first, int n_lambda)
{
  int status = CUBIX_OK;
  const size_t n_xy = (size_t)n_x * (size_t)n_y, n = n_xy * (size_t)n_lambda;
  struct cubix_observed *obs = NULL;
  CUBIX_ALLOC(obs, 1);
  obs->n_x = n_x;
  obs->n_y = n_y;
  obs->lambda_first = lambda_first;
  obs->n_lambda = n_lambda;
  obs->has_variance = 1;
  CUBIX_ALLOC(obs->data, n);
  CUBIX_ALLOC(obs->weight, n);
  CUBIX_ALLOC(obs->gain, n_lambda);
  CUBIX_ALLOC(obs->sum, 3 * n_xy + 2);
  *out = obs;
  obs = NULL;
done:
  cubix_observed_free(obs);
  return status;
}

/* ---- what follows from the voxels ------------------------------------------------------------ */
void cubix_observed_settle(struct cubix_observed *obs)
{
  const size_t n_xy = (size_t)obs->n_x * (size_t)obs->n_y, n_lambda = (size_t)obs->n_lambda;
  double n_used = 0., n_counted = 0.;       /* whole numbers: any order gives the same */
#pragma omp parallel for schedule(static) reduction(+ : n_used, n_counted)
  for (size_t k0 = 0; k0 < n_lambda; k0 += BLOCK) {
    const size_t n_k = n_lambda - k0 < BLOCK ? n_lambda - k0 : BLOCK;
    double flux[BLOCK] = { 0. }, variance[BLOCK] = { 0. }, n[BLOCK] = { 0. };
    for (size_t s = 0; s < n_xy; s++) {
      const cubix_real *data = obs->data + s * n_lambda + k0, *weight = obs->weight + s * n_lambda + k0;
      for (size_t k = 0; k < n_k; k++) {
        if (!(weight[k] > 0)) continue;
        flux[k] += (double)data[k];
        variance[k] += 1. / (double)weight[k];
        n[k] += 1.;
      }
    }
    for (size_t k = 0; k < n_k; k++) {
      obs->gain[k0 + k] = !obs->has_variance ? 1. : flux[k] > 0. ? flux[k] / variance[k] : 0.;
      n_used += n[k];
      if (obs->gain[k0 + k] > 0.) n_counted += n[k];
    }
  }
  obs->n_used = n_used;
  obs->n_counted = n_counted;
}

void cubix_observed_mask_channels(struct cubix_observed *obs, const unsigned char *keep)
{
  const size_t n_xy = (size_t)obs->n_x * (size_t)obs->n_y, n_lambda = (size_t)obs->n_lambda;
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < n_xy; s++) {
    for (size_t k = 0; k < n_lambda; k++)
      if (!keep[(size_t)obs->lambda_first + k]) obs->data[s * n_lambda + k] = obs->weight[s * n_lambda + k] = 0;
  }
  cubix_observed_settle(obs);
}

/* ---- checks ---------------------------------------------------------------------------------- */
/* All planes have the instrument's shape. */
static int shape_check(struct header *h, const char *plane, const struct cubix_instrument *ins, int *is_there)
{
  int status = CUBIX_OK, n_axis;
  long long side[3];
  CUBIX_TRY(cubix_observed_file_shape(h->file, plane, &n_axis, side));
  *is_there = n_axis > 0;
  if (!*is_there) goto done;
  CUBIX_CHECK(n_axis == 3, CUBIX_EINPUT, "ObservedFile %s: %s has %d axes, it must have 3 (x, y, wavelength)", h->path,
              plane, n_axis);
  CUBIX_CHECK(side[0] == ins->n_x && side[1] == ins->n_y, CUBIX_EINPUT,
              "ObservedFile %s: %s has %lld x %lld spaxels, the field of %s has %d x %d; set FieldOfView and "
              "PixelScale, or cut the cube",
              h->path, plane, side[0], side[1], ins->name, ins->n_x, ins->n_y);
  CUBIX_CHECK(
      side[2] == ins->n_lambda, CUBIX_EINPUT,
      "ObservedFile %s: %s has %lld channels, %s has %d; set LambdaMin, LambdaMax and LambdaStep, or cut the cube",
      h->path, plane, side[2], ins->name, ins->n_lambda);
  memcpy(h->side, side, sizeof side);
done:
  return status;
}

/* The factor by which values of a plane, in the flux unit to a power, are multiplied. */
static int unit_check(struct header *h, const char *plane, int power, const struct cubix_instrument *ins,
                      double *factor)
{
  int status = CUBIX_OK;
  char text[128];
  if (!cubix_observed_file_text(h->file, plane, "BUNIT", text, sizeof text))
    cubix_observed_file_text(h->file, plane, "unit", text, sizeof text);
  *factor = pow(h->flux, power);
  if (plane != h->names->data && !text[0]) goto done;      /* that of the flux, to its power */
  if (!strcmp(text, "MJy/sr") && (plane == h->names->data || h->surface)) {
    h->surface = 1;
    *factor = 1.;
    goto done;
  }
  CUBIX_CHECK(!h->surface, CUBIX_EINPUT,
              "ObservedFile %s: %s has BUNIT = '%s', and %s MJy/sr: one does not fit the other", h->path, plane, text,
              h->names->data);
  CUBIX_TRY(cubix_observed_unit(factor, h->path, plane, text, power, ins->flux_unit));
done:
  return status;
}

/* Sizes of a spaxel on the sky and the sense in which its axes turn, where the file has them. */
static int sky_check(struct header *h, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK, has_cd = 0;
  static const char *const cd_name[4] = { "CD1_1", "CD1_2", "CD2_1", "CD2_2" }, *const pc_name[4] = { "PC1_1", "PC1_2",
                                                                                                      "PC2_1",
                                                                                                      "PC2_2" };
  double cd[4], step[2], pixel_x, pixel_y;
  char unit[32];
  for (int i = 0; i < 4; i++) has_cd |= cubix_observed_file_number(h->file, h->names->data, cd_name[i], &cd[i], 0.);
  if (!has_cd) {
    if (!cubix_observed_file_number(h->file, h->names->data, "CDELT1", &step[0], 1.) ||
        !cubix_observed_file_number(h->file, h->names->data, "CDELT2", &step[1], 1.))
      goto done;
    for (int i = 0; i < 4; i++) {
      cubix_observed_file_number(h->file, h->names->data, pc_name[i], &cd[i], i == 0 || i == 3);
      cd[i] *= step[i / 2];
    }
  }
  if (cubix_observed_file_text(h->file, h->names->data, "CUNIT1", unit, sizeof unit) && strcmp(unit, "deg")) goto done;
  pixel_x = 3600. * hypot(cd[0], cd[2]);
  pixel_y = 3600. * hypot(cd[1], cd[3]);
  CUBIX_CHECK(fabs(pixel_x - ins->pixel_x) <= pixel_tolerance * ins->pixel_x &&
                  fabs(pixel_y - ins->pixel_y) <= pixel_tolerance * ins->pixel_y,
              CUBIX_EINPUT,
              "ObservedFile %s: DATA has spaxels of %.5g x %.5g arcsec (%s), the instrument %.5g x %.5g; they may "
              "differ by %g %%: set PixelScale",
              h->path, pixel_x, pixel_y, has_cd ? "CD1_1 to CD2_2" : "CDELT1, CDELT2", ins->pixel_x, ins->pixel_y,
              100. * pixel_tolerance);
  CUBIX_CHECK(cd[0] * cd[3] - cd[1] * cd[2] < 0., CUBIX_EINPUT,
              "ObservedFile %s: DATA is a mirror image of the sky (the determinant of its %s is positive): reverse its "
              "first axis",
              h->path, has_cd ? "CD matrix" : "CDELT1 and CDELT2");
done:
  return status;
}

static double to_medium(double lambda, enum cubix_medium from, enum cubix_medium to)
{
  return from == to ? lambda : to == CUBIX_AIR ? cubix_vacuum_to_air(lambda) : cubix_air_to_vacuum(lambda);
}

/* The channels of the file, in its unit: linear, logarithmic (-LOG), or from a table (-TAB). */
static int wavelengths_read(struct header *h, const char *kind, int n, double *lambda)
{
  int status = CUBIX_OK;
  double first, pixel, step, pc;
  char table[80], column[80];
  CUBIX_CHECK(cubix_observed_file_number(h->file, h->names->data, "CRVAL3", &first, 0.) &&
                  (cubix_observed_file_number(h->file, h->names->data, "CD3_3", &step, 0.) ||
                   cubix_observed_file_number(h->file, h->names->data, "CDELT3", &step, 0.)),
              CUBIX_EINPUT,
              "ObservedFile %s: DATA states no wavelengths; it must have CRVAL3, and CD3_3 or CDELT3", h->path);
  if (!cubix_observed_file_number(h->file, h->names->data, "CD3_3", &pc, 0.)) {
    cubix_observed_file_number(h->file, h->names->data, "PC3_3", &pc, 1.);
    step *= pc;
  }
  cubix_observed_file_number(h->file, h->names->data, "CRPIX3", &pixel, 0.);
  for (int k = 0; k < n; k++) {
    const double from = (k + 1. - pixel) * step;
    lambda[k] = *kind && first > 0. ? first * exp(from / first) : first + from;
  }
  if (strcmp(kind, "-TAB")) goto done;
  CUBIX_CHECK(cubix_observed_file_text(h->file, h->names->data, "PS3_0", table, sizeof table) &&
                  cubix_observed_file_text(h->file, h->names->data, "PS3_1", column, sizeof column) && first == 1. &&
                  step == 1. && pixel == 1.,
              CUBIX_EINPUT,
              "ObservedFile %s: CTYPE3 of DATA ends in -TAB; then PS3_0 and PS3_1 must name a table and its column, "
              "and CRVAL3, CRPIX3 and CD3_3 or CDELT3 be 1",
              h->path);
  CUBIX_TRY(cubix_observed_file_column(h->file, table, column, n, lambda));
done:
  return status;
}

static int wavelengths_check(struct header *h, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK, k_worst = 0;
  static const char *const medium_name[] = { "air", "vacuum" };
  char type[32], unit[32];
  struct cubix_measure m = { 0 };
  double *stated = NULL, angstrom, worst = -1., lambda_worst = 0.;
  cubix_observed_file_text(h->file, h->names->data, "CTYPE3", type, sizeof type);
  cubix_observed_file_text(h->file, h->names->data, "CUNIT3", unit, sizeof unit);
  const char *kind = strlen(type) > 4 ? type + 4 : "";
  CUBIX_CHECK((!strncmp(type, "AWAV", 4) || !strncmp(type, "WAVE", 4)) &&
                  (!*kind || !strcmp(kind, "-LOG") || !strcmp(kind, "-TAB")),
              CUBIX_EINPUT,
              "ObservedFile %s: DATA has CTYPE3 = '%s'; it must be AWAV (air) or WAVE (vacuum), on a linear scale, "
              "or with -LOG or -TAB",
              h->path, type);
  CUBIX_CHECK(!cubix_measure_read(unit, &m) && m.length == 1 && !m.energy && !m.time, CUBIX_EINPUT,
              "ObservedFile %s: DATA has CUNIT3 = '%s'; it must be a unit of wavelength: Angstrom, nm, um or m",
              h->path, unit);
  CUBIX_ALLOC(stated, ins->n_lambda);
  CUBIX_TRY(wavelengths_read(h, kind, ins->n_lambda, stated));
  angstrom = m.factor * pow(10., m.ten + CUBIX_AA_IN_CM);
  enum cubix_medium medium = type[0] == 'A' ? CUBIX_AIR : CUBIX_VACUUM;
  for (int k = 0; k < ins->n_lambda; k++) {
    const double lambda = to_medium(angstrom * stated[k], medium, ins->medium),
                 off = fabs(lambda - cubix_instrument_lambda(ins, k)) / cubix_instrument_width(ins, k);
    if (isnan(worst) || off <= worst) continue;
    worst = off;
    k_worst = k;
    lambda_worst = lambda;
  }
  CUBIX_CHECK(worst <= channel_tolerance, CUBIX_EINPUT,
              "ObservedFile %s: channel %d of DATA lies at %.3f Angstrom (in %s), the instrument's at %.3f: %.3g "
              "channels apart, at most %g; set LambdaMin, LambdaMax and "
              "LambdaStep, or resample the cube",
              h->path, k_worst + 1, lambda_worst, medium_name[ins->medium], cubix_instrument_lambda(ins, k_worst),
              worst, channel_tolerance);
done:
  free(stated);
  return status;
}

static int header_read(struct header *h, const struct cubix_instrument *ins, const struct cubix_params *par)
{
  int status = CUBIX_OK, has_data = 0, marked;
  double unused;
  char text[80];
  for (h->names = styles; h->names < styles + N_STYLE && !has_data; h->names++)
    CUBIX_TRY(shape_check(h, h->names->data, ins, &has_data));
  h->names--;
  CUBIX_CHECK(
      has_data, CUBIX_EINPUT,
      "ObservedFile %s has no extension (HDF5: dataset) DATA, FLUX or SCI; give a cube like those of MUSE, with "
      "DATA (flux) and STAT (variance), or of MaNGA, JWST or SAMI",
      h->path);
  CUBIX_TRY(shape_check(h, h->names->stat, ins, &h->has_stat));
  CUBIX_TRY(shape_check(h, h->names->dq, ins, &h->has_dq));
  if (h->has_stat && cubix_observed_file_number(h->file, h->names->stat, CUBIX_NO_VARIANCE, &unused, 0.))
    h->has_stat = 0;
  CUBIX_TRY(unit_check(h, h->names->data, 1, ins, &h->flux));
  CUBIX_TRY(sky_check(h, ins));
  CUBIX_TRY(wavelengths_check(h, ins));
  CUBIX_CHECK(h->has_stat || par->Likelihood != CUBIX_Likelihood_chi2, CUBIX_EINPUT,
              "ObservedFile %s has no variance (STAT, IVAR, ERR or VARIANCE): Likelihood chi2 needs one; make "
              "the cube with Noise snr or exposure, or take "
              "Likelihood cosine or poisson",
              h->path);
  if (h->has_stat) CUBIX_TRY(unit_check(h, h->names->stat, h->names->power, ins, &h->variance));
  marked = h->has_dq && (cubix_observed_file_text(h->file, h->names->dq, "DQBIT8", text, sizeof text) ||
                         cubix_observed_file_number(h->file, h->names->dq, "DQBIT8", &unused, 0.));
  h->spared = marked ? CUBIX_DQ_FEW : 0;
done:
  return status;
}

/* ---- voxels ---------------------------------------------------------------------------------- */
/* A DQ of nothing but bits that are spared; what is no whole number has none. */
static int is_unmasked(double dq, int spared)
{
  return dq == 0. || (dq > 0. && dq <= spared && dq == floor(dq) && !((int)dq & ~spared));
}

/* A variance in the cube's unit, from what the file has of it. */
static double variance_of(const struct header *h, double stored, double factor)
{
  const double x = stored * h->variance;
  return h->names->power == -2 ? 1. / x * factor * factor
         : h->names->power == 1 ? (x > 0. ? x * x * factor * factor : x)
                                : x * factor * factor;
}

/* Up to BLOCK images, turned into spectra.  @return voxels whose numbers do not fit */
static double block_turn(struct cubix_observed *obs, const struct header *h, const struct cubix_instrument *ins,
                         const unsigned char *inside, int k0, int n_k, const double *data, const double *stat,
                         const double *dq)
{
  const size_t n_xy = (size_t)obs->n_x * (size_t)obs->n_y;
  double n_unfit = 0., factor[BLOCK];
  for (int k = 0; k < n_k; k++) factor[k] = h->surface ? 1. / cubix_instrument_mjy_sr(ins, k0 + k) : 1.;
#pragma omp parallel for schedule(static) reduction(+ : n_unfit)
  for (size_t s = 0; s < n_xy; s++) {
    for (int k = 0; k < n_k && inside[s]; k++) {
      if (cubix_instrument_gap(ins, k0 + k)) continue;
      const size_t from = (size_t)k * n_xy + s, to = s * (size_t)obs->n_lambda + (size_t)(k0 - obs->lambda_first + k);
      const double flux = data[from] * h->flux * factor[k],
                   variance = stat ? variance_of(h, stat[from], factor[k]) : 1., weight = 1. / variance;
      const int good =
          isfinite(data[from]) && variance > 0. && isfinite(variance) && (!dq || is_unmasked(dq[from], h->spared));
      if (!good) continue;
      if (!cubix_observed_fits(flux, weight)) n_unfit += 1.;
      obs->data[to] = (cubix_real)flux;
      obs->weight[to] = (cubix_real)weight;
    }
  }
  return n_unfit;
}

static int voxels_read(struct cubix_observed *obs, const struct header *h, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  const size_t n_xy = (size_t)obs->n_x * (size_t)obs->n_y,
               n = n_xy * (size_t)(obs->n_lambda < BLOCK ? obs->n_lambda : BLOCK);
  double *data = NULL, *stat = NULL, *dq = NULL, n_unfit = 0.;
  unsigned char *inside = NULL;
  CUBIX_ALLOC(data, n);
  if (h->has_stat) CUBIX_ALLOC(stat, n);
  if (h->has_dq) CUBIX_ALLOC(dq, n);
  CUBIX_ALLOC(inside, n_xy);
  for (size_t s = 0; s < n_xy; s++)
    inside[s] = cubix_instrument_inside(ins, (int)(s % (size_t)obs->n_x), (int)(s / (size_t)obs->n_x)) != 0;
  for (int k0 = obs->lambda_first, end = k0 + obs->n_lambda; k0 < end; k0 += BLOCK) {
    const int n_k = end - k0 < BLOCK ? end - k0 : BLOCK;
    CUBIX_TRY(cubix_observed_file_read(h->file, h->names->data, h->side, k0, n_k, data));
    if (stat) CUBIX_TRY(cubix_observed_file_read(h->file, h->names->stat, h->side, k0, n_k, stat));
    if (dq) CUBIX_TRY(cubix_observed_file_read(h->file, h->names->dq, h->side, k0, n_k, dq));
    n_unfit += block_turn(obs, h, ins, inside, k0, n_k, data, stat, dq);
  }
  CUBIX_TRY(cubix_observed_fit_check(h->path, n_unfit, "voxels", ins->flux_unit));
done:
  free(data);
  free(stat);
  free(dq);
  free(inside);
  return status;
}

int cubix_observed_cube_read(struct cubix_observed **out, struct cubix_observed_file *file, const char *path,
                             const struct cubix_instrument *ins, const struct cubix_params *par, int lambda_first,
                             int n_lambda)
{
  int status = CUBIX_OK;
  struct cubix_observed *obs = NULL;
  struct header h = { .file = file, .path = path };
  CUBIX_TRY(header_read(&h, ins, par));
  CUBIX_TRY(cubix_observed_init(&obs, ins->n_x, ins->n_y, lambda_first, n_lambda));
  obs->has_variance = h.has_stat;
  CUBIX_TRY(voxels_read(obs, &h, ins));
  *out = obs;
  obs = NULL;
done:
  cubix_observed_free(obs);
  return status;
}
