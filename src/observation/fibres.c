/* fibres.c -- the matrices of a bundle of fibres, and what they make of a cube.
 *
 * S.  A spaxel of the painted field gives a core the share of its light that its area in the core is
 * of its own.  Light is spread over spaxels n times on the way: by Deposit (once where a star goes to
 * its spaxel, twice by cic, three times by tsc), by the PSF, which gives each spaxel its mean, and by
 * the core, which takes it to be even there.  With a PSF wider than a spaxel that blur is taken out
 * up to its fourth moment: n boxes of side a dampen exp(i k x) by
 *   sinc^n(ka/2) = exp(-n u/24 - n u^2/2880 ...),   u = (ka)^2,
 * and the weights are sharpened along x and y with
 *   1 + s (2 - 2 cos ka) + (s/12 + s^2/2 + n/2880) (2 - 2 cos ka)^2,   s = n/24,
 * whose logarithm is the opposite to that order.  Its sum is 1: even light stays even light.  Weights
 * are a little below 0 at the rim of a core.
 *
 * W.  A spaxel of the cube is the mean of the spectra near it, with weights that the bundle knows,
 * times its area over that of a core; spaxels that no fibre is near are 0.
 *
 * With refraction cores are at other places in each group of channels, in S and in W alike. */
#include "observation/fibres.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "math/disc.h"

enum { REACH = 2 };               /* spaxels on each side that sharpening adds */

/* The grid that is painted: spaxels of one side, and how many. */
struct grid { int n_x, n_y; double a_x, a_y; };

static struct grid painted_grid(const struct cubix_instrument *ins)
{
  return (struct grid){ (ins->n_x + 2 * ins->apron) * ins->sub, (ins->n_y + 2 * ins->apron) * ins->sub,
                        ins->pixel_x / ins->sub, ins->pixel_y / ins->sub };
}

/* Is the PSF wide enough for the blur of painted spaxels to be taken out? */
static int is_smooth(const struct cubix_instrument *ins, const struct grid *grid)
{
  if (ins->psf == CUBIX_PSF_NONE || ins->psf == CUBIX_PSF_FILE) return 0;
  for (int k = 0; k < ins->n_lambda; k++)
    if (cubix_curve_at(&ins->psf_fwhm, cubix_instrument_lambda(ins, k)) < 2 * fmax(grid->a_x, grid->a_y)) return 0;
  return 1;
}

/* n numbers `step` apart, of which the outer REACH on each side are 0. */
static void sharpen(double *value, int n, size_t step, int n_box, double *copy)
{
  const double one = n_box / 24., two = one / 12 + one * one / 2 + n_box / 2880.;
  const double w0 = 1 + 2 * one + 6 * two, w1 = -one - 4 * two, w2 = two;
  for (int i = 0; i < n; i++) copy[i] = value[(size_t)i * step];
  for (int i = 0; i < n; i++) {
    double sum = w0 * copy[i];
    if (i >= 1) sum += w1 * copy[i - 1];
    if (i + 1 < n) sum += w1 * copy[i + 1];
    if (i >= 2) sum += w2 * copy[i - 2];
    if (i + 2 < n) sum += w2 * copy[i + 2];
    value[(size_t)i * step] = sum;
  }
}

/* Spaxels across the box that holds a core and what sharpening adds. */
static int box_side(double r, double side) { return 2 * ((int)ceil(r / side) + REACH + 1); }

static int build_sample(struct cubix_sparse **out, const struct cubix_fibres *fibres, int group)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = fibres->ins;
  const struct grid grid = painted_grid(ins);
  const int smooth = is_smooth(ins, &grid);
  const double r = 0.5 * ins->bundle->core;
  const int n_i = box_side(r, grid.a_x), n_j = box_side(r, grid.a_y);
  double *box = NULL, *copy = NULL;
  struct cubix_sparse *s;
  size_t at = 0;
  CUBIX_ALLOC(box, (size_t)n_i * (size_t)n_j);
  CUBIX_ALLOC(copy, n_i > n_j ? n_i : n_j);
  CUBIX_TRY(cubix_sparse_init(out, (size_t)fibres->n_spectrum, (size_t)grid.n_x * (size_t)grid.n_y,
                              (size_t)fibres->n_spectrum * (size_t)n_i * (size_t)n_j));
  s = *out;
  for (int f = 0; f < fibres->n_spectrum; f++) {
    double x, y;
    cubix_bundle_place(ins->bundle, group, f, &x, &y);
    /* column and row, as numbers with a fraction, of the core's centre; x runs against the columns */
    const double at_x = 0.5 * grid.n_x - x / grid.a_x, at_y = 0.5 * grid.n_y + y / grid.a_y;
    const int i0 = (int)floor(at_x) - n_i / 2 + 1, j0 = (int)floor(at_y) - n_j / 2 + 1;
    for (int j = 0; j < n_j; j++)
      for (int i = 0; i < n_i; i++) {
        const double left = (i0 + i - at_x) * grid.a_x, low = (j0 + j - at_y) * grid.a_y;
        box[j * n_i + i] = cubix_disc_area(r, left, left + grid.a_x, low, low + grid.a_y) / (grid.a_x * grid.a_y);
      }
    if (smooth) {
      for (int j = 0; j < n_j; j++) sharpen(box + (size_t)j * (size_t)n_i, n_i, 1, fibres->n_box, copy);
      for (int i = 0; i < n_i; i++) sharpen(box + i, n_j, (size_t)n_i, fibres->n_box, copy);
    }
    for (int j = 0; j < n_j; j++)
      for (int i = 0; i < n_i; i++) {
        const int ix = i0 + i, iy = j0 + j;
        if (box[j * n_i + i] == 0 || ix < 0 || iy < 0 || ix >= grid.n_x || iy >= grid.n_y) continue;
        s->column[at] = (uint32_t)iy * (uint32_t)grid.n_x + (uint32_t)ix;
        s->value[at++] = box[j * n_i + i];
      }
    s->start[f + 1] = at;
  }
done:
  free(box);
  free(copy);
  return status;
}

/* A spectrum's weights in the spaxels of the cube, to the end of their rows; or, without w, how many rows get one. */
static void add_weights(struct cubix_sparse *w, size_t *end, const struct cubix_instrument *ins, int group, int f)
{
  const struct cubix_window near = cubix_instrument_near(ins, group, f);
  for (int iy = near.y0; iy < near.y1; iy++)
    for (int ix = near.x0; ix < near.x1; ix++) {
      const size_t p = (size_t)iy * (size_t)ins->n_x + (size_t)ix;
      if (!ins->covered[p]) continue;
      const double weight = cubix_bundle_weight(ins->bundle, group, f, cubix_instrument_x(ins, ix),
                                                cubix_instrument_y(ins, iy), ins->pixel_x, ins->pixel_y);
      if (weight == 0) continue;
      if (w) {
        w->column[end[p]] = (uint32_t)f;
        w->value[end[p]] = weight;
      }
      end[p]++;
    }
}

static int build_rebuild(struct cubix_sparse **out, const struct cubix_fibres *fibres, int group)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = fibres->ins;
  const double scale = ins->pixel_x * ins->pixel_y / cubix_bundle_area(ins->bundle);
  const size_t n_spaxel = (size_t)ins->n_x * (size_t)ins->n_y;
  size_t *end = NULL, n = 0;                               /* of each row */
  CUBIX_ALLOC(end, n_spaxel);
  for (int f = 0; f < fibres->n_spectrum; f++) add_weights(NULL, end, ins, group, f);
  for (size_t p = 0; p < n_spaxel; p++) n += end[p];
  CUBIX_TRY(cubix_sparse_init(out, n_spaxel, (size_t)fibres->n_spectrum, n));
  struct cubix_sparse *w = *out;
  for (size_t p = 0; p < n_spaxel; p++) {
    w->start[p + 1] = w->start[p] + end[p];
    end[p] = w->start[p];
  }
  for (int f = 0; f < fibres->n_spectrum; f++) add_weights(w, end, ins, group, f);
  for (size_t p = 0; p < n_spaxel; p++) {
    double sum = 0;
    for (size_t e = w->start[p]; e < w->start[p + 1]; e++) sum += w->value[e];
    for (size_t e = w->start[p]; e < w->start[p + 1]; e++) w->value[e] *= scale / sum;
  }
done:
  free(end);
  return status;
}

int cubix_fibres_rebuild(struct cubix_sparse **rebuild, const struct cubix_fibres *fibres, int k)
{
  return build_rebuild(rebuild, fibres, cubix_bundle_group(fibres->ins->bundle, k));
}

static int build(struct cubix_fibre_group *to, const struct cubix_fibres *fibres, int group)
{
  int status = CUBIX_OK;
  CUBIX_TRY(build_sample(&to->sample, fibres, group));
  CUBIX_TRY(build_rebuild(&to->rebuild, fibres, group));
done:
  return status;
}

static void drop(struct cubix_fibre_group *group)
{
  cubix_sparse_free(group->sample);
  cubix_sparse_free(group->rebuild);
}

/* How often light is spread over spaxels: by Deposit, the PSF and the cores. */
static int box_number(enum cubix_Deposit deposit)
{
  return 2 + (deposit == CUBIX_Deposit_tsc ? 3 : deposit == CUBIX_Deposit_cic ? 2 : 1);
}

int cubix_fibres_open(struct cubix_fibres **out, const struct cubix_instrument *ins, enum cubix_Deposit deposit)
{
  int status = CUBIX_OK;
  const struct cubix_bundle *bundle = ins->bundle;
  struct cubix_fibres *fibres = NULL;
  *out = NULL;
  CUBIX_ALLOC(fibres, 1);
  fibres->ins = ins;
  fibres->n_box = box_number(deposit);
  fibres->n_spectrum = fibres->spectra.n_x = cubix_bundle_spectra(bundle);
  fibres->spectra.n_y = 1;
  fibres->n_group = bundle->n_group;
  CUBIX_ALLOC(fibres->group, fibres->n_group + 1);
  for (int g = 0; bundle->first && g < fibres->n_group; g++) fibres->group[g].first = bundle->first[g];
  fibres->group[fibres->n_group].first = ins->n_lambda;
  if (!bundle->first) CUBIX_TRY(build(fibres->group, fibres, 0));
  cubix_log(CUBIX_LOG_INFO,
            "fibres: %d spectra (%d cores of %g arcsec, %d dithers), painted on spaxels of %.4g x %.4g arcsec%s",
            fibres->n_spectrum, bundle->n_fibre, bundle->core, bundle->n_dither, ins->pixel_x / ins->sub,
            ins->pixel_y / ins->sub,
            deposit == CUBIX_Deposit_nearest ? ", to which stars are rounded (Deposit tsc does not)" : "");
  if (bundle->first)
    cubix_log(CUBIX_LOG_INFO, "refraction: airmass %.4g; fibres are at %d places of the sky in %d channels",
              bundle->airmass, bundle->n_group, ins->n_lambda);
  *out = fibres;
  fibres = NULL;
done:
  cubix_fibres_free(fibres);
  return status;
}

const struct cubix_fibre_group *cubix_fibres_group(const struct cubix_fibres *fibres, int k)
{
  return fibres->group + cubix_bundle_group(fibres->ins->bundle, k);
}

/* The matrices of groups that have channels from first to end - 1, where they are not there yet. */
static int hold(struct cubix_fibres *fibres, int first, int end)
{
  int status = CUBIX_OK;
  for (int g = 0; g < fibres->n_group; g++) {
    struct cubix_fibre_group *group = &fibres->group[g];
    if (!group->sample && group->first < end && group[1].first > first) CUBIX_TRY(build(group, fibres, g));
  }
done:
  return status;
}

const struct cubix_fibre_group *cubix_fibres_part(const struct cubix_fibres *fibres, const struct cubix_cube *cube,
                                                  size_t at, size_t *n)
{
  const int k = cube->lambda_first + (int)at, end = cube->lambda_first + cube->n_lambda;
  const struct cubix_fibre_group *group = cubix_fibres_group(fibres, k);
  *n = (size_t)((group[1].first < end ? group[1].first : end) - k);
  return group;
}

void cubix_fibres_multiply(const struct cubix_fibres *fibres, int rebuild, const struct cubix_cube *in,
                           cubix_real *out)
{
  const size_t n_k = (size_t)in->n_lambda;
  for (size_t at = 0, n; at < n_k; at += n) {
    const struct cubix_fibre_group *group = cubix_fibres_part(fibres, in, at, &n);
    cubix_sparse_apply(rebuild ? group->rebuild : group->sample, in->flux, n_k, at, n, out);
  }
}

int cubix_fibres_apply(struct cubix_fibres *fibres, struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  const struct grid grid = painted_grid(fibres->ins);
  CUBIX_CHECK(!cube->margin && cube->n_x == grid.n_x && cube->n_y == grid.n_y, CUBIX_EFAIL,
              "fibres need the painted field of %d x %d spaxels without margin, not %d x %d with %d", grid.n_x,
              grid.n_y, cube->n_x, cube->n_y, cube->margin);
  CUBIX_TRY(hold(fibres, cube->lambda_first, cube->lambda_first + cube->n_lambda));
  CUBIX_TRY(cubix_cube_hold(&fibres->spectra, cube->lambda_first, cube->n_lambda));
  cubix_fibres_multiply(fibres, 0, cube, fibres->spectra.flux);
  cube->n_x = fibres->ins->n_x;
  cube->n_y = fibres->ins->n_y;
  CUBIX_TRY(cubix_cube_hold(cube, cube->lambda_first, cube->n_lambda));
  cubix_fibres_multiply(fibres, 1, &fibres->spectra, cube->flux);
done:
  return status;
}

int cubix_fibres_sums(struct cubix_sums *seen, const struct cubix_fibres *fibres, const struct cubix_sums *painted)
{
  int status = CUBIX_OK;
  double *spectra = NULL;
  struct cubix_fibre_group own = { 0 };
  const struct cubix_fibre_group *at = fibres->group;
  if (fibres->ins->bundle->first) {
    CUBIX_TRY(build(&own, fibres, CUBIX_AT_REFERENCE));
    at = &own;
  }
  CUBIX_TRY(cubix_sums_init(seen, fibres->ins->n_x, fibres->ins->n_y, 0));
  CUBIX_TRY(cubix_sums_like(seen, painted));
  CUBIX_ALLOC(spectra, fibres->n_spectrum);
  for (int i = 0; i < cubix_sums_n(painted); i++) {
    cubix_sparse_apply_one(at->sample, cubix_sums_image(painted, i), spectra);
    cubix_sparse_apply_one(at->rebuild, spectra, cubix_sums_image(seen, i));
  }
done:
  drop(&own);
  free(spectra);
  return status;
}

int cubix_fibres_image(double *seen, const struct cubix_fibres *fibres, int k, const double *painted)
{
  int status = CUBIX_OK;
  struct cubix_fibres twice = *fibres;
  struct cubix_fibre_group own = { 0 };
  double *spectra = NULL;
  twice.n_box = box_number(CUBIX_Deposit_cic);
  CUBIX_TRY(build(&own, &twice, cubix_bundle_group(fibres->ins->bundle, k)));
  CUBIX_ALLOC(spectra, fibres->n_spectrum);
  cubix_sparse_apply_one(own.sample, painted, spectra);
  cubix_sparse_apply_one(own.rebuild, spectra, seen);
done:
  drop(&own);
  free(spectra);
  return status;
}

int cubix_fibres_gather(struct cubix_sums *cube, const struct cubix_instrument *ins, const struct cubix_sums *painted)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_sums_init(cube, ins->n_x, ins->n_y, 0));
  CUBIX_TRY(cubix_sums_like(cube, painted));
  for (int i = 0; i < cubix_sums_n(painted); i++) {
    const double *from = cubix_sums_image(painted, i);
    double *to = cubix_sums_image(cube, i);
    for (int y = 0; y < ins->n_y * ins->sub; y++)
      for (int x = 0; x < ins->n_x * ins->sub; x++)
        to[cubix_sums_at(cube, x / ins->sub, y / ins->sub)] +=
            from[cubix_sums_at(painted, x + ins->apron * ins->sub, y + ins->apron * ins->sub)];
  }
done:
  return status;
}

/* Groups that so many neighbouring channels are in at most. */
static int most_groups(const struct cubix_bundle *bundle, double n_channel)
{
  int most = 1;
  for (int g = 0, end = 0; bundle->first && g < bundle->n_group; g++) {
    while (end < bundle->n_group && bundle->first[end] < bundle->first[g + 1] - 1 + n_channel) end++;
    if (end - g > most) most = end - g;
  }
  return most;
}

double cubix_fibres_bytes(const struct cubix_instrument *painted, double n_channel)
{
  const struct cubix_bundle *bundle = painted->bundle;
  if (!bundle) return 0;
  const double n = cubix_bundle_spectra(bundle), r = 0.5 * bundle->core;
  const double around = bundle->rebuild == CUBIX_REBUILD_SHEPARD ? bundle->limit : r;
  const double side_x = painted->pixel_x * painted->sub, side_y = painted->pixel_y * painted->sub;
  const double entries = (double)box_side(r, painted->pixel_x) * box_side(r, painted->pixel_y) +
                         (2 * around / side_x + 2) * (2 * around / side_y + 2);
  const double matrices = most_groups(bundle, n_channel) * entries * (sizeof(double) + sizeof(uint32_t));
  return n * (matrices + n_channel * sizeof(cubix_real));
}

void cubix_fibres_free(struct cubix_fibres *fibres)
{
  if (!fibres) return;
  for (int g = 0; fibres->group && g < fibres->n_group; g++) drop(&fibres->group[g]);
  free(fibres->group);
  free(fibres->spectra.flux);
  free(fibres);
}
