/* templates.c -- from a library and an instrument to the tables that painting needs, made once.
 *
 * The order: which rest wavelengths the channels can see at the velocities of a class that holds
 * those there are (1200 km/s, doubled as often as needed: the templates of almost all galaxies are
 * the same, bit for bit, and can be kept); the library in that range; the width by which each point
 * must be broadened (doc/math.md section 6); the broadened values and their spline curvatures as
 * template rows; with SspInterpolation pchip also the rows of d/dlog age; the light of every row in
 * the band; and a table from wavelength to interval. Everything is prepared in float64 and stored
 * as cubix_real (template_rows.c).
 *
 * A model whose library is kept can be made again for another redshift, LSF or library without
 * reading: the same points, the same arrays. */
#include "spectra/templates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "instrument/instrument.h"
#include "params/params.h"
#include "physics/constants.h"
#include "math/kernel_table.h"
#include "physics/deposit.h"
#include "physics/doppler.h"
#include "physics/population.h"
#include "spectra/lsf.h"
#include "spectra/ssp.h"
#include "spectra/templates_parts.h"

/* knot[first[cell]] <= the cell's blue end: cells as wide as the narrowest interval. */
static int index_knots(struct cubix_templates *templates)
{
  int status = CUBIX_OK;
  struct cubix_tables *v = &templates->tables;
  double range = v->knot[v->n_knot - 1] - v->knot[0], narrowest = range;
  for (int i = 0; i + 1 < v->n_knot; i++) narrowest = fmin(narrowest, v->knot[i + 1] - v->knot[i]);
  narrowest = fmax(narrowest, range / (1 << 20));
  v->cell_origin = v->knot[0];
  v->cell_per_AA = 1 / narrowest;
  v->n_cell = (int)(range / narrowest) + 1;
  CUBIX_ALLOC(templates->first, v->n_cell);
  for (int cell = 0, i = 0; cell < v->n_cell; cell++) {
    while (i < v->n_knot - 2 && v->knot[i + 1] <= v->cell_origin + cell * narrowest) i++;
    templates->first[cell] = i;
  }
  v->first = templates->first;
done:
  return status;
}

/* What the LSF can reach to beyond the channels [observed AA]. */
static double lsf_reach(const struct cubix_instrument *ins)
{
  double widest = 0;
  for (int k = 0; k < ins->n_lambda && !ins->lsf_none; k++)
    widest = fmax(widest, cubix_curve_at(&ins->lsf_fwhm, cubix_instrument_lambda(ins, k)));
  return cubix_lsf_reach(ins->lsf_shape) * widest / CUBIX_FWHM_SIGMA;
}

static void place_grid(struct cubix_tables *v, const struct cubix_instrument *ins, const struct cubix_scene *scene)
{
  v->n_lambda = ins->n_lambda;
  v->edge = ins->edge;
  v->one_plus_z = 1 + scene->redshift;
  v->oldest = scene->age > 0 ? 1.001 * scene->age : INFINITY;
  v->light_scale = CUBIX_TEMPLATE_UNIT * scene->flux_scale;
  v->star_scale = v->light_scale / ins->lambda_step;
  v->margin = ins->margin;
  v->n_x = ins->n_x + 2 * ins->margin;
  v->n_y = ins->n_y + 2 * ins->margin;
  v->arcsec_per_kpc = 1 / scene->kpc_per_arcsec;
  v->inv_pixel_x = 1 / ins->pixel_x;
  v->inv_pixel_y = 1 / ins->pixel_y;
  v->pointing_x = ins->pointing_x;
  v->pointing_y = ins->pointing_y;
  v->cos_roll = cos(ins->roll);
  v->sin_roll = sin(ins->roll);
}

static void choose_deposit(struct cubix_tables *v, const struct cubix_params *par)
{
  static const enum cubix_deposit_kind kind[] = { [CUBIX_Deposit_nearest] = CUBIX_DEPOSIT_NEAREST,
                                                  [CUBIX_Deposit_cic] = CUBIX_DEPOSIT_CIC,
                                                  [CUBIX_Deposit_tsc] = CUBIX_DEPOSIT_TSC,
                                                  [CUBIX_Deposit_gaussian] = CUBIX_DEPOSIT_GAUSSIAN,
                                                  [CUBIX_Deposit_cubic] = CUBIX_DEPOSIT_CUBIC,
                                                  [CUBIX_Deposit_wendland] = CUBIX_DEPOSIT_WENDLAND };
  v->deposit = kind[par->Deposit];
  v->deposit_length = par->SmoothingLength.x;
  v->deposit_most = par->SmoothingLengthMax;
}

void cubix_templates_sky(struct cubix_tables *tables, const struct cubix_params *par,
                         const struct cubix_instrument *ins, const struct cubix_scene *scene)
{
  place_grid(tables, ins, scene);
  choose_deposit(tables, par);
}

static void report(const struct cubix_templates *templates, const struct cubix_instrument *ins)
{
  const struct cubix_ssp *ssp = templates->ssp;
  if (ssp->demo)
    cubix_log(CUBIX_LOG_WARNING,
              "%s is no real library, but a closed-form demonstration or normalised spectra: fluxes are for show "
              "(cubix-ssp get bc03-miles gets a real one)",
              ssp->file);
  if (templates->birth.tau > 0 && ssp->age[0] > templates->birth.age_gyr)
    cubix_log(CUBIX_LOG_WARNING,
              "BirthCloudTau = %g has next to no effect: %s begins at %g Myr, and stars leave their clouds at "
              "BirthCloudAge = %g Myr; a library with younger stars has light to dim (cubix-ssp get bc03-miles)",
              templates->birth.tau, ssp->name, 1e3 * ssp->age[0], 1e3 * templates->birth.age_gyr);
  if (templates->n_uncovered)
    cubix_log(CUBIX_LOG_WARNING,
              "%d of %d channels are not covered by %s (%.1f..%.1f AA rest): flux there is incomplete or zero, DQ 2",
              templates->n_uncovered, ins->n_lambda, ssp->name, ssp->lambda_first, ssp->lambda_last);
  if (templates->n_too_broad || templates->n_pixel_broad) cubix_templates_report_width(templates, ins);
}

int cubix_templates_dust(struct cubix_templates *templates, const struct cubix_params *par,
                         const struct cubix_instrument *ins, const struct cubix_scene *scene)
{
  int status = CUBIX_OK;
  struct cubix_tables *v = &templates->tables;
  CUBIX_TRY(cubix_law_init(&templates->law, par, ins->edge, ins->n_lambda, 1 + scene->redshift));
  v->dust_k = templates->law.k;
  v->dust_screen_k = templates->law.screen;
  v->dust_screen = templates->law.k ? par->DustScreen : 0;
done:
  return status;
}

static const double SPARE = 600;  /* km/s, a redshift of 0.002: what a model that is made again may move by */

/* Up to which velocity the library is read [km/s]: a coarse class, so that galaxies share their
 * templates bit for bit, whatever their fastest star. */
static double velocity_class(double v_max)
{
  double v = 1200;
  while (v < v_max) v *= 2;
  return v;
}

/* The rest wavelengths that the channels see at |v| <= v, LSF included. */
static void needed_range(const struct cubix_instrument *ins, double one_plus_z, double v, double *lo, double *hi)
{
  double reach = lsf_reach(ins);
  *lo = (ins->edge[0] - reach) / cubix_doppler(one_plus_z, v);
  *hi = (ins->edge[ins->n_lambda] + reach) / cubix_doppler(one_plus_z, -v);
}

/* The library's axes, as the logarithms that stars are looked up with. */
static int lay_axes(struct cubix_templates *templates)
{
  int status = CUBIX_OK;
  const struct cubix_ssp *ssp = templates->ssp;
  struct cubix_tables *v = &templates->tables;
  CUBIX_ALLOC(templates->log_z, ssp->n_z);
  CUBIX_ALLOC(templates->log_age, ssp->n_age);
  for (int i = 0; i < ssp->n_z; i++) templates->log_z[i] = log10(ssp->metallicity[i] > 0 ? ssp->metallicity[i] : 1e-10);
  for (int i = 0; i < ssp->n_age; i++) templates->log_age[i] = log10(ssp->age[i] > 0 ? ssp->age[i] : 1e-4);
  CUBIX_CHECK(ssp->n_z < 2 || templates->log_z[1] > templates->log_z[0], CUBIX_EINPUT,
              "%s: /Metallicity[1] = %g must be above 1e-10, which stands for 0", ssp->file, ssp->metallicity[1]);
  CUBIX_CHECK(ssp->n_age < 2 || templates->log_age[1] > templates->log_age[0], CUBIX_EINPUT,
              "%s: /Age[1] = %g Gyr must be above 1e-4, which stands for age 0", ssp->file, ssp->age[1]);
  v->n_z = ssp->n_z;
  v->n_age = ssp->n_age;
  v->zero_z = !(ssp->metallicity[0] > 0);
  v->zero_age = !(ssp->age[0] > 0);
  v->log_z = templates->log_z;
  v->log_age = templates->log_age;
  cubix_index_ages(v, templates->age_first);
done:
  return status;
}

/* Room for the rows and for what is known of the channels. */
static int lay_rows(struct cubix_templates *templates, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  const struct cubix_ssp *ssp = templates->ssp;
  struct cubix_tables *v = &templates->tables;
  v->knot = ssp->lambda;
  v->n_knot = ssp->n_lambda;
  v->n_row = ssp->n_z * ssp->n_age * (v->pchip ? 2 : 1);
  v->row_stride = 2 * (v->n_knot + 1);
  CUBIX_CHECK((templates->row = cubix_reserve((size_t)v->n_row * (size_t)v->row_stride, sizeof *templates->row)),
              CUBIX_ENOMEM, "no memory for %d templates of %d wavelengths", v->n_row, v->n_knot);
  CUBIX_ALLOC(templates->light, v->n_row);
  CUBIX_ALLOC(templates->covered, ins->n_lambda);
  CUBIX_ALLOC(templates->fwhm_template, ins->n_lambda);
  CUBIX_ALLOC(templates->fwhm_cube, ins->n_lambda);
  v->row = templates->row;
  v->light = templates->light;
done:
  return status;
}

/* A hash of what the tables hold.  They change nowhere but here. */
static void mark(struct cubix_tables *v)
{
  const struct { const void *table; size_t bytes;
  } all[] = {
    { v->row, sizeof *v->row * (size_t)v->n_row * (size_t)v->row_stride },
    { v->light, sizeof *v->light * (size_t)v->n_row },
    { v->log_z, sizeof *v->log_z * (size_t)v->n_z },
    { v->log_age, sizeof *v->log_age * (size_t)v->n_age },
    { v->knot, sizeof *v->knot * (size_t)v->n_knot },
    { v->first, sizeof *v->first * (size_t)v->n_cell },
  };
  enum { N = sizeof all / sizeof all[0] };
  uint64_t hash[N][2], hash_all[2];
  for (int t = 0; t < N; t++) cubix_hash(all[t].table, all[t].bytes, hash[t]);
  cubix_hash(hash, sizeof hash, hash_all);
  v->edition = hash_all[0] ? hash_all[0] : 1;
}

static int build(struct cubix_templates **out, const struct cubix_params *par, const struct cubix_instrument *ins,
                 const struct cubix_scene *scene, double v_max, double v_read, int keep)
{
  int status = CUBIX_OK;
  struct cubix_templates *templates = NULL;
  CUBIX_ALLOC(templates, 1);
  templates->v_max = v_max;
  templates->birth =
      (struct cubix_birth_cloud){ par->BirthCloudTau, par->BirthCloudAge / 1e3, par->BirthCloudSlope };
  templates->is_spline = par->TemplateSemantic == CUBIX_TemplateSemantic_spline;
  templates->tables.pchip = par->SspInterpolation == CUBIX_SspInterpolation_pchip;
  needed_range(ins, 1 + scene->redshift, v_read, &templates->read_first, &templates->read_last);
  CUBIX_TRY(cubix_ssp_read(&templates->ssp, par->SspFile, templates->read_first, templates->read_last));
  CUBIX_TRY(lay_axes(templates));
  CUBIX_TRY(lay_rows(templates, ins));
  place_grid(&templates->tables, ins, scene);
  choose_deposit(&templates->tables, par);
  CUBIX_TRY(cubix_templates_dust(templates, par, ins, scene));
  CUBIX_TRY(cubix_kernel_table(&templates->kernel, templates->tables.deposit));
  templates->tables.kernel = templates->kernel;
  CUBIX_TRY(cubix_templates_fill(templates, ins));
  if (!keep) free(templates->ssp->luminosity);
  if (!keep) templates->ssp->luminosity = NULL;
  CUBIX_TRY(index_knots(templates));
  mark(&templates->tables);
  cubix_templates_channels(templates, ins);
  report(templates, ins);
  *out = templates;
  templates = NULL;
done:
  cubix_templates_free(templates);
  return status;
}

int cubix_templates_build(struct cubix_templates **templates, const struct cubix_params *par,
                          const struct cubix_instrument *ins, const struct cubix_scene *scene, double v_max)
{
  return build(templates, par, ins, scene, v_max, velocity_class(v_max), 0);
}

int cubix_templates_build_kept(struct cubix_templates **templates, const struct cubix_params *par,
                               const struct cubix_instrument *ins, const struct cubix_scene *scene, double v_max)
{
  return build(templates, par, ins, scene, v_max, velocity_class(v_max + SPARE), 1);
}

int cubix_templates_serve(const struct cubix_templates *templates, const struct cubix_instrument *ins,
                          const struct cubix_scene *scene, double v_max)
{
  const double one_plus_z = 1 + scene->redshift, first = templates->read_first, last = templates->read_last;
  double lo, hi;
  needed_range(ins, one_plus_z, velocity_class(v_max), &lo, &hi);
  return !memcmp(&one_plus_z, &templates->tables.one_plus_z, sizeof one_plus_z) && !memcmp(&lo, &first, sizeof lo) &&
         !memcmp(&hi, &last, sizeof hi);
}

void cubix_templates_renew(struct cubix_templates *templates, int *covered, const struct cubix_params *par,
                           const struct cubix_instrument *ins, const struct cubix_scene *scene, double v_max)
{
  cubix_templates_place(templates, par, ins, scene);
  templates->v_max = v_max;
  *covered = !cubix_templates_cover(templates, ins);
  report(templates, ins);
}

int cubix_templates_reaches(const struct cubix_templates *templates, const struct cubix_instrument *ins,
                            const struct cubix_scene *scene, double v_max)
{
  const struct cubix_ssp *ssp = templates->ssp;
  double lo, hi;
  needed_range(ins, 1 + scene->redshift, v_max, &lo, &hi);
  return (lo >= templates->read_first || ssp->lambda[0] <= ssp->lambda_first) &&
         (hi <= templates->read_last || ssp->lambda[ssp->n_lambda - 1] >= ssp->lambda_last);
}

int cubix_templates_remake(struct cubix_templates *templates, const struct cubix_instrument *ins,
                           const struct cubix_scene *scene, const double *luminosity)
{
  int status = CUBIX_OK;
  struct cubix_ssp *ssp = templates->ssp;
  double lo, hi, sum = 0;
  size_t n = (size_t)templates->tables.n_z * (size_t)templates->tables.n_age * (size_t)templates->tables.n_knot;
  CUBIX_CHECK(ssp->luminosity, CUBIX_EFAIL,
              "the library %s was released once its templates were made: make them with cubix_templates_build_kept",
              ssp->file);
  CUBIX_CHECK(ins->n_lambda == templates->tables.n_lambda, CUBIX_EFAIL,
              "%d channels, but the templates were made for %d", ins->n_lambda, templates->tables.n_lambda);
  needed_range(ins, 1 + scene->redshift, templates->v_max, &lo, &hi);
  CUBIX_CHECK(cubix_templates_reaches(templates, ins, scene, templates->v_max), CUBIX_EUSAGE,
              "at Redshift = %g with stars of up to %g km/s the channels need %.1f..%.1f AA (rest) of %s, of which "
              "%.1f..%.1f AA were read: open again with this redshift and line spread function",
              scene->redshift, templates->v_max, lo, hi, ssp->name, templates->read_first, templates->read_last);
  for (size_t i = 0; i < n && luminosity; i++) sum += 0 * luminosity[i];
  CUBIX_CHECK(sum == 0, CUBIX_EINPUT, "a new value for a template of %s is not finite", ssp->name);
  if (luminosity) memcpy(ssp->luminosity, luminosity, n * sizeof *luminosity);
  place_grid(&templates->tables, ins, scene);
  templates->tables.edition = 0;
  CUBIX_TRY(cubix_templates_fill(templates, ins));
  mark(&templates->tables);
  cubix_templates_channels(templates, ins);
done:
  return status;
}

void cubix_templates_place(struct cubix_templates *templates, const struct cubix_params *par,
                           const struct cubix_instrument *ins, const struct cubix_scene *scene)
{
  place_grid(&templates->tables, ins, scene);
  choose_deposit(&templates->tables, par);
}

void cubix_templates_free(struct cubix_templates *templates)
{
  if (!templates) return;
  cubix_ssp_free(templates->ssp);
  free(templates->row);
  free(templates->light);
  free(templates->kernel);
  cubix_law_free(&templates->law);
  free(templates->log_z);
  free(templates->log_age);
  free(templates->first);
  free(templates->covered);
  free(templates->fwhm_template);
  free(templates->fwhm_cube);
  free(templates);
}
