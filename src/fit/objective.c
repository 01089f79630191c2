/* objective.c -- how far a cube is from an observed one, and how that changes with every voxel.
 *
 * With d the observed flux, w its weight (1/variance, 0 where masked) and m the model's flux, all
 * in 10^FluxUnit erg/s/cm2/AA:
 *
 *   chi2     sum w (d - m)^2, not half of it: divided by the number of voxels it is the reduced
 *            chi2.        bar = 2 w (m - d)    W = 2 w.  Of spectra that were found from a cube: with P, see
 *            chi2_in_range.
 *
 *   poisson  2 sum g (m - d + d ln(d/m)), the deviance of counts (Cash 1979, ApJ 228, 939), g being
 *   counts per unit of flux in a channel.  A detector's
 *            counts are those of the object alone (no sky, no read-out), so that their variance is
 *            their number: g = sum d / sum variance over the channel's voxels, one number for all,
 *            since a number of each voxel's own noise would bias the fit.  Without variances the
 *            data are counts, g = 1.  A negative number is no count: taken as 0.  For small
 *            differences a term is g (d - m)^2/d, chi2's.
 *            bar = 2 g (1 - d/m).  W = 2 g/m, the expectation of the second derivative (Fisher),
 *            where the second derivative itself is 2 g d/m^2. A model must be positive; below m_0 =
 *            1e-3 counts a term goes on as a parabola with the value and the slope it has there,
 *            and the curvature 2 g max(d, m_0)/m_0^2: an empty spaxel with light in the data gets a
 *            large, finite pull.
 *
 *   cosine   sum over spaxels of 1 - c, c = <d,m>/(|d||m|) with <a,b> = sum over channels of w a b:
 *            the shape of spectra, not their height.
 *            bar = -w (d/(|d||m|) - c m/|m|^2).  A spaxel where data or model are dark has no
 *            shape: it counts 0, with bar 0.  Dark is a model of less than 1e-30 of the brightest
 *            spaxel, too: what much dust leaves in float32 has no shape either.
 *            With the unit vectors u = d/|d|, v = m/|m|, 1 - c is |u - v|^2/2, and the derivative
 *            of v is (1 - v v^T)/|m|.  W = w/|m|^2 is that without the projection: too large along
 *            m itself, a bound elsewhere.
 *
 * A spaxel's channels may lie with several ranks: their sums are added by `collective`, cosine's
 * for every spaxel.  All sums are float64, along a spaxel in eight partial sums of fixed order,
 * then over spaxels one by one: the same bits with any number of threads, 1e-13 or so with other
 * ranks. */
#include "fit/objective.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fit/range.h"

enum { LANES = 8 };
static const double count_floor = 1e-3, dark = 1e-30;

/* A spaxel's channels; bar may be NULL. */
struct row { const cubix_real *d, *w, *m; cubix_real *bar; const double *gain; int n; };

static struct row row_of(const struct cubix_observed *obs, const struct cubix_cube *cube, const struct cubix_cube *bar,
                         size_t s)
{
  const size_t at = s * (size_t)cube->n_lambda;
  return (struct row){ obs->data + at, obs->weight + at, cube->flux + at, bar ? bar->flux + at : NULL,
                       obs->gain,      cube->n_lambda };
}

static size_t spaxels(const struct cubix_cube *cube) { return (size_t)cube->n_x * (size_t)cube->n_y; }

static double add_lanes(const double part[LANES])
{
  double sum = 0.;
  for (int l = 0; l < LANES; l++) sum += part[l];
  return sum;
}

/* ---- chi2 ------------------------------------------------------------------------------------ */
static double chi2_row(const struct row *r)
{
  double part[LANES] = { 0. };
  for (int k0 = 0; k0 < r->n; k0 += LANES) {
    const int n = r->n - k0 < LANES ? r->n - k0 : LANES;
    double pull[LANES] = { 0. };
    for (int l = 0; l < n; l++) {
      const double difference = (double)r->m[k0 + l] - (double)r->d[k0 + l];
      pull[l] = (double)r->w[k0 + l] * difference;
      part[l] += pull[l] * difference;
    }
    for (int l = 0; r->bar && l < n; l++) r->bar[k0 + l] = (cubix_real)(2. * pull[l]);
  }
  return add_lanes(part);
}

/* Of spectra that were found from a cube, which may not tell all of them: with z = w^(1/2) (m - d) the terms are those
 * of z P z, and bar = 2 w^(1/2) P z.
 * @param term [spaxels] */
static int chi2_in_range(double *term, const struct cubix_observed *obs, const struct cubix_cube *cube,
                         struct cubix_cube *bar)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)cube->n_lambda, size = (size_t)cube->n_x * (size_t)cube->n_y * n;
  double *z = NULL, *p = NULL;
  CUBIX_ALLOC(z, size);
  CUBIX_ALLOC(p, size);
  for (size_t i = 0; i < size; i++)
    z[i] = p[i] = sqrt((double)obs->weight[i]) * ((double)cube->flux[i] - (double)obs->data[i]);
  CUBIX_TRY(cubix_range_project(obs->range, p));
  for (size_t i = 0; bar && i < size; i++) bar->flux[i] = (cubix_real)(2. * sqrt((double)obs->weight[i]) * p[i]);
  for (size_t s = 0; n && s < size / n; s++) {
    double part[LANES] = { 0. };
    for (size_t k = 0; k < n; k++) part[k % LANES] += z[s * n + k] * p[s * n + k];
    term[s] = add_lanes(part);
  }
done:
  free(z);
  free(p);
  return status;
}

/* ---- poisson --------------------------------------------------------------------------------- */
/* Half a voxel's term per gain: m - d + d ln(d/m), and its derivative. */
static double cash(double d, double m, double *slope)
{
  *slope = 1. - d / m;
  const double x = (m - d) / d;
  return d > 0. && isfinite(x) ? d * (x - log1p(x)) : m - d;
}

static double poisson_row(const struct row *r)
{
  double part[LANES] = { 0. };
  for (int k = 0; k < r->n; k++) {
    const double g = r->gain[k], d = fmax((double)r->d[k], 0.), m = (double)r->m[k];
    double slope = 0., term = 0.;
    if (r->w[k] > 0 && g > 0.) {
      const double least = count_floor / g;
      term = cash(d, m < least ? least : m, &slope);
      if (m < least) {
        const double curvature = fmax(d, least) / (least * least), beyond = m - least;
        term += beyond * (slope + 0.5 * curvature * beyond);
        slope += curvature * beyond;
      }
      part[k % LANES] += 2. * g * term;
    }
    if (r->bar) r->bar[k] = (cubix_real)(2. * g * slope);
  }
  return add_lanes(part);
}

/* ---- cosine ---------------------------------------------------------------------------------- */
/* Three sums of a spaxel over the channels held here. */
enum { DD, DM, MM, N_PRODUCT };

static void products_row(const struct row *r, double sum[N_PRODUCT])
{
  double part[N_PRODUCT][LANES] = { { 0. } };
  for (int k0 = 0; k0 < r->n; k0 += LANES) {
    const int n = r->n - k0 < LANES ? r->n - k0 : LANES;
    for (int l = 0; l < n; l++) {
      const double d = (double)r->d[k0 + l], m = (double)r->m[k0 + l], w = (double)r->w[k0 + l];
      part[DD][l] += w * d * d;
      part[DM][l] += w * d * m;
      part[MM][l] += w * m * m;
    }
  }
  for (int p = 0; p < N_PRODUCT; p++) sum[p] = add_lanes(part[p]);
}

/* NaN passes, to be found in the value */
static int is_lit(const double sum[N_PRODUCT]) { return sum[DD] != 0. && sum[MM] != 0.; }

static double cosine_row(const struct row *r, const double sum[N_PRODUCT])
{
  const int lit = is_lit(sum);
  const double length = lit ? 1. / (sqrt(sum[DD]) * sqrt(sum[MM])) : 0., c = sum[DM] * length,
               shrink = lit ? c / sum[MM] : 0.;
  for (int k = 0; r->bar && k < r->n; k++)
    r->bar[k] = (cubix_real)((double)r->w[k] * (shrink * (double)r->m[k] - length * (double)r->d[k]));
  return lit ? 1. - c : 0.;
}

/* ---- over spaxels and ranks ------------------------------------------------------------------ */
static int fits(const struct cubix_observed *obs, const struct cubix_cube *cube, const struct cubix_cube *other)
{
  return cube->margin == 0 && cube->n_x == obs->n_x && cube->n_y == obs->n_y &&
         cube->lambda_first == obs->lambda_first && cube->n_lambda == obs->n_lambda &&
         (!other ||
          (other->margin == 0 && other->n_x == obs->n_x && other->n_y == obs->n_y && other->n_lambda == obs->n_lambda));
}

static double voxels_here(enum cubix_Likelihood kind, const struct cubix_observed *obs)
{
  return kind == CUBIX_Likelihood_poisson ? obs->n_counted : obs->n_used;
}

double cubix_objective_voxels(const struct cubix_params *par, const struct cubix_observed *obs,
                              const struct cubix_collective *collective)
{
  return collective->total(voxels_here(par->Likelihood, obs));
}

/* Add up n numbers and, behind them, what says that all is well: the same verdict on every rank. */
static int share(double *sum, size_t n, int matches, enum cubix_Likelihood kind, const struct cubix_observed *obs,
                 const struct cubix_collective *collective)
{
  int status = CUBIX_OK;
  sum[n] = voxels_here(kind, obs);
  sum[n + 1] = matches ? 0. : 1.;
  collective->sum(sum, n + 2);
  CUBIX_CHECK(sum[n + 1] == 0., CUBIX_EFAIL,
              "on %g ranks the cube (%s%d x %d spaxels, %d channels here) does not have the shape of the observed one",
              sum[n + 1], matches ? "" : "among them this one; ", obs->n_x, obs->n_y, obs->n_lambda);
  CUBIX_CHECK(
      sum[n] > 0., CUBIX_EINPUT,
      "ObservedFile %s: no voxel is left to compare with: all are masked, outside the aperture or without a positive "
      "variance (STAT)%s",
      obs->file,
      kind != CUBIX_Likelihood_poisson
          ? ""
          : ", or no channel's flux adds up to more than 0: Likelihood poisson compares counts");
done:
  return status;
}

/* Products of all spaxels with all channels, in obs->sum. */
static int products(const struct cubix_observed *obs, const struct cubix_cube *cube, int matches,
                    const struct cubix_collective *collective)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)obs->n_x * (size_t)obs->n_y;
  size_t n_lit = 0;
  double most = 0.;
  memset(obs->sum, 0, N_PRODUCT * n * sizeof *obs->sum);
  if (matches) {
#pragma omp parallel for schedule(static)
    for (size_t s = 0; s < n; s++) {
      const struct row r = row_of(obs, cube, NULL, s);
      products_row(&r, obs->sum + N_PRODUCT * s);
    }
  }
  CUBIX_TRY(share(obs->sum, N_PRODUCT * n, matches, CUBIX_Likelihood_cosine, obs, collective));
  for (size_t s = 0; s < n; s++) n_lit += obs->sum[N_PRODUCT * s + DD] != 0.;
  for (size_t s = 0; s < n; s++) most = fmax(most, obs->sum[N_PRODUCT * s + MM]);
  for (size_t s = 0; s < n; s++)
    if (obs->sum[N_PRODUCT * s + MM] < dark * dark * most) obs->sum[N_PRODUCT * s + MM] = 0.;
  CUBIX_CHECK(n_lit > 0, CUBIX_EINPUT,
              "ObservedFile %s: its flux is 0 in every spaxel: there are no spectra whose shape Likelihood cosine "
              "could compare",
              obs->file);
done:
  return status;
}

int cubix_objective(double *value, const struct cubix_params *par, const struct cubix_observed *obs,
                    const struct cubix_cube *cube, struct cubix_cube *cube_bar,
                    const struct cubix_collective *collective)
{
  int status = CUBIX_OK, failed = CUBIX_OK;
  const int matches = fits(obs, cube, cube_bar);
  const enum cubix_Likelihood kind = par->Likelihood;
  const size_t n = spaxels(cube);
  double *term = obs->sum, total[3] = { 0. };      /* cosine: a spaxel's term replaces the first of its products */
  const size_t stride = kind == CUBIX_Likelihood_cosine ? N_PRODUCT : 1;
  if (kind == CUBIX_Likelihood_cosine) CUBIX_TRY(products(obs, cube, matches, collective));
  if (matches && obs->range) failed = chi2_in_range(term, obs, cube, cube_bar);
  if (matches) {
#pragma omp parallel for schedule(static)
    for (size_t s = 0; s < (obs->range ? 0 : n); s++) {
      const struct row r = row_of(obs, cube, cube_bar, s);
      term[stride * s] = kind == CUBIX_Likelihood_chi2      ? chi2_row(&r)
                         : kind == CUBIX_Likelihood_poisson ? poisson_row(&r)
                                                 : cosine_row(&r, term + stride * s);
    }
    for (size_t s = 0; s < n; s++) total[0] += term[stride * s];
  }
  if (kind != CUBIX_Likelihood_cosine) CUBIX_TRY(share(total, 1, matches, kind, obs, collective));
  CUBIX_TRY(failed);
  CUBIX_CHECK(isfinite(total[0]), CUBIX_EFAIL,
              "the objective (Likelihood %s) is not finite: there is a voxel in the model that is not",
              cubix_Likelihood_word[par->Likelihood]);
  *value = total[0];
done:
  return status;
}

int cubix_objective_curvature(struct cubix_cube *weight, const struct cubix_params *par,
                              const struct cubix_observed *obs, const struct cubix_cube *cube,
                              const struct cubix_collective *collective)
{
  int status = CUBIX_OK, matches = fits(obs, cube, weight);
  const enum cubix_Likelihood kind = par->Likelihood;
  const size_t n = spaxels(cube);
  double nothing[2];
  if (kind == CUBIX_Likelihood_cosine) CUBIX_TRY(products(obs, cube, matches, collective));
  else CUBIX_TRY(share(nothing, 0, matches, kind, obs, collective));
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < n; s++) {
    const struct row r = row_of(obs, cube, weight, s);
    const double *sum = obs->sum + N_PRODUCT * s;
    const double scale = kind == CUBIX_Likelihood_chi2 ? 2.
                         : kind == CUBIX_Likelihood_cosine && is_lit(sum) ? 1. / sum[MM] : 0.;
    for (int k = 0; k < r.n; k++) {
      const double g = r.gain[k];
      r.bar[k] = kind != CUBIX_Likelihood_poisson ? (cubix_real)(scale * (double)r.w[k])
               : r.w[k] > 0 && g > 0. ? (cubix_real)(2. * g / fmax((double)r.m[k], count_floor / g)) : 0;
    }
  }
done:
  return status;
}

/* cube = weight^(1/2) P cube, or weight^(1/2) P weight^(1/2) cube */
static int weigh(const struct cubix_observed *obs, const struct cubix_cube *weight, int before, struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  const size_t size = spaxels(cube) * (size_t)cube->n_lambda;
  double *z = NULL;
  CUBIX_ALLOC(z, size);
  for (size_t i = 0; i < size; i++)
    z[i] = (double)cube->flux[i] * (before ? sqrt((double)weight->flux[i]) : 1.);
  CUBIX_TRY(cubix_range_project(obs->range, z));
  for (size_t i = 0; i < size; i++) cube->flux[i] = (cubix_real)(sqrt((double)weight->flux[i]) * z[i]);
done:
  free(z);
  return status;
}

int cubix_objective_weigh(const struct cubix_observed *obs, const struct cubix_cube *weight, struct cubix_cube *cube)
{
  return weigh(obs, weight, 1, cube);
}

int cubix_objective_root(const struct cubix_observed *obs, const struct cubix_cube *weight, struct cubix_cube *cube)
{
  return weigh(obs, weight, 0, cube);
}
