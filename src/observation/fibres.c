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
 * times its area over that of a core; spaxels that no fibre is near are 0. */
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

static int build_sample(struct cubix_sparse **out, const struct cubix_fibres *fibres, int n_box)
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
    cubix_bundle_place(ins->bundle, f, &x, &y);
    /* column and row, as numbers with a fraction, of the core's centre; x runs against the columns */
    const double at_x = 0.5 * grid.n_x - x / grid.a_x, at_y = 0.5 * grid.n_y + y / grid.a_y;
    const int i0 = (int)floor(at_x) - n_i / 2 + 1, j0 = (int)floor(at_y) - n_j / 2 + 1;
    for (int j = 0; j < n_j; j++)
      for (int i = 0; i < n_i; i++) {
        const double left = (i0 + i - at_x) * grid.a_x, low = (j0 + j - at_y) * grid.a_y;
        box[j * n_i + i] = cubix_disc_area(r, left, left + grid.a_x, low, low + grid.a_y) / (grid.a_x * grid.a_y);
      }
    if (smooth) {
      for (int j = 0; j < n_j; j++) sharpen(box + (size_t)j * (size_t)n_i, n_i, 1, n_box, copy);
      for (int i = 0; i < n_i; i++) sharpen(box + i, n_j, (size_t)n_i, n_box, copy);
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

static int build_rebuild(struct cubix_sparse **out, const struct cubix_fibres *fibres)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = fibres->ins;
  const double scale = ins->pixel_x * ins->pixel_y / cubix_bundle_area(ins->bundle);
  const size_t n_spaxel = (size_t)ins->n_x * (size_t)ins->n_y;
  struct cubix_sparse *w = NULL;
  for (int counted = 0; counted < 2; counted++) {          /* how many there are, and then what they are */
    size_t at = 0;
    for (size_t p = 0; p < n_spaxel; p++) {
      const int ix = (int)(p % (size_t)ins->n_x), iy = (int)(p / (size_t)ins->n_x);
      const size_t first = at;
      double sum = 0;
      for (int f = 0; ins->covered[p] && f < fibres->n_spectrum; f++) {
        const double weight = cubix_bundle_weight(ins->bundle, f, cubix_instrument_x(ins, ix),
                                                  cubix_instrument_y(ins, iy), ins->pixel_x, ins->pixel_y);
        if (weight == 0) continue;
        sum += weight;
        if (w) {
          w->column[at] = (uint32_t)f;
          w->value[at] = weight;
        }
        at++;
      }
      if (!w) continue;
      for (size_t e = first; e < at; e++) w->value[e] *= scale / sum;
      w->start[p + 1] = at;
    }
    if (!w) CUBIX_TRY(cubix_sparse_init(out, n_spaxel, (size_t)fibres->n_spectrum, at));
    w = *out;
  }
done:
  return status;
}

int cubix_fibres_open(struct cubix_fibres **out, const struct cubix_instrument *ins, enum cubix_Deposit deposit)
{
  int status = CUBIX_OK;
  const int n_box = 2 + (deposit == CUBIX_Deposit_tsc ? 3 : deposit == CUBIX_Deposit_cic ? 2 : 1);
  struct cubix_fibres *fibres = NULL;
  *out = NULL;
  CUBIX_ALLOC(fibres, 1);
  fibres->ins = ins;
  fibres->n_spectrum = fibres->spectra.n_x = cubix_bundle_spectra(ins->bundle);
  fibres->spectra.n_y = 1;
  fibres->n_group = 1;
  CUBIX_ALLOC(fibres->group, fibres->n_group + 1);
  fibres->group[fibres->n_group].first = ins->n_lambda;
  for (int g = 0; g < fibres->n_group; g++) {
    CUBIX_TRY(build_sample(&fibres->group[g].sample, fibres, n_box));
    CUBIX_TRY(build_rebuild(&fibres->group[g].rebuild, fibres));
  }
  cubix_log(CUBIX_LOG_INFO,
            "fibres: %d spectra (%d cores of %g arcsec, %d dithers), painted on spaxels of %.4g x %.4g arcsec%s",
            fibres->n_spectrum, ins->bundle->n_fibre, ins->bundle->core, ins->bundle->n_dither,
            ins->pixel_x / ins->sub, ins->pixel_y / ins->sub,
            deposit == CUBIX_Deposit_nearest ? ", to which stars are rounded (Deposit tsc does not)" : "");
  *out = fibres;
  fibres = NULL;
done:
  cubix_fibres_free(fibres);
  return status;
}

const struct cubix_fibre_group *cubix_fibres_group(const struct cubix_fibres *fibres, int k)
{
  const struct cubix_fibre_group *group = fibres->group;
  while (group[1].first <= k) group++;
  return group;
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
  const size_t n_painted = fibres->group->sample->n_col;
  CUBIX_CHECK(!cube->margin && (size_t)cube->n_x * (size_t)cube->n_y == n_painted, CUBIX_EFAIL,
              "fibres need the painted field of %zu spaxels without margin, not %d x %d with %d", n_painted, cube->n_x,
              cube->n_y, cube->margin);
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
  CUBIX_TRY(cubix_sums_init(seen, fibres->ins->n_x, fibres->ins->n_y, 0));
  CUBIX_TRY(cubix_sums_like(seen, painted));
  CUBIX_ALLOC(spectra, fibres->n_spectrum);
  for (int i = 0; i < cubix_sums_n(painted); i++) {
    cubix_sparse_apply_one(fibres->group->sample, cubix_sums_image(painted, i), spectra);
    cubix_sparse_apply_one(fibres->group->rebuild, spectra, cubix_sums_image(seen, i));
  }
done:
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

double cubix_fibres_bytes(const struct cubix_instrument *painted, double n_channel)
{
  const struct cubix_bundle *bundle = painted->bundle;
  if (!bundle) return 0;
  const double n = cubix_bundle_spectra(bundle), r = 0.5 * bundle->core;
  const double around = bundle->rebuild == CUBIX_REBUILD_SHEPARD ? bundle->limit : r;
  const double side_x = painted->pixel_x * painted->sub, side_y = painted->pixel_y * painted->sub;
  const double entries = (double)box_side(r, painted->pixel_x) * box_side(r, painted->pixel_y) +
                         (2 * around / side_x + 2) * (2 * around / side_y + 2);
  return n * (entries * (sizeof(double) + sizeof(uint32_t)) + n_channel * sizeof(cubix_real));
}

void cubix_fibres_free(struct cubix_fibres *fibres)
{
  if (!fibres) return;
  for (int g = 0; fibres->group && g < fibres->n_group; g++) {
    cubix_sparse_free(fibres->group[g].sample);
    cubix_sparse_free(fibres->group[g].rebuild);
  }
  free(fibres->group);
  free(fibres->spectra.flux);
  free(fibres);
}
