/* model.c -- from a library and an instrument to the tables that painting needs, made once.
 *
 * The order: which rest wavelengths the channels can see at the velocities of a class that holds those there are (1200 km/s, doubled as often as needed:
 * the templates of almost all galaxies are the same, bit for bit, and can be kept); the library in that range; the width by which each
 * point must be broadened (doc/math.md section 6); the broadened values and their spline curvatures as template rows; with
 * SspInterpolation pchip also the rows of d/dlog age; the light of every row in the band; and a table from wavelength to interval.
 * Everything is prepared in float64 and stored as cubix_real.                                                                  */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "constants.h"
#include "error.h"
#include "log.h"
#include "lsf.h"
#include "physics/doppler.h"
#include "physics/population.h"
#include "physics/project.h"
#include "spline.h"

static const double UNIT = 1e30;  /* erg/s/AA per Msun: keeps float32 in the middle of its range */

/* Observed vacuum wavelength -> the instrument's medium. */
static double in_medium(const struct cubix_instrument *ins, double lambda_vac)
{
  return ins->medium == CUBIX_AIR ? cubix_vacuum_to_air(lambda_vac) : lambda_vac;
}

static double pixel_variance(const struct cubix_instrument *ins)
{
  return ins->lsf_pixel_included ? ins->lambda_step * ins->lambda_step / 12 : 0;
}

/* sigma_inst^2 - pixel^2 - ((1+z) sigma_template)^2 at an observed vacuum wavelength [AA^2]. */
static double missing_variance(const struct cubix_instrument *ins, double lambda_vac, double fwhm_template)
{
  double inst = cubix_curve_at(&ins->lsf_fwhm, in_medium(ins, lambda_vac)) / CUBIX_FWHM_SIGMA;
  double own = fwhm_template / CUBIX_FWHM_SIGMA;
  return inst * inst - pixel_variance(ins) - own * own;
}

/* The library's FWHM at a rest wavelength. */
static double library_fwhm(const struct cubix_ssp *ssp, double lambda)
{
  int i;
  double f;
  cubix_bracket(ssp->lambda, ssp->n_lambda, lambda, &i, &f);
  return (1 - f) * ssp->lsf_fwhm[i] + f * ssp->lsf_fwhm[ssp->n_lambda > 1 ? i + 1 : i];
}

int cubix_model_too_broad(const struct cubix_model *mod, const struct cubix_instrument *ins, int k)
{
  return !ins->lsf_none && mod->fwhm_template[k] > cubix_curve_at(&ins->lsf_fwhm, cubix_instrument_lambda(ins, k));
}

/* Coverage and widths per channel, for DQ and the LSF table. */
static int describe_channels(struct cubix_model *mod, const struct cubix_instrument *ins, double one_plus_z, double v_max)
{
  int status = CUBIX_OK, n = ins->n_lambda;
  double blue = cubix_doppler(one_plus_z, v_max), red = cubix_doppler(one_plus_z, -v_max);
  CUBIX_ALLOC(mod->covered, n);
  CUBIX_ALLOC(mod->fwhm_template, n);
  CUBIX_ALLOC(mod->fwhm_cube, n);
  for (int k = 0; k < n; k++) {
    double centre = 0.5 * (ins->edge[k] + ins->edge[k + 1]), box = ins->lambda_step * ins->lambda_step / 12;
    mod->covered[k] = ins->edge[k] / blue >= mod->ssp->lambda_first && ins->edge[k + 1] / red <= mod->ssp->lambda_last;
    mod->n_uncovered += !mod->covered[k];
    mod->fwhm_template[k] = one_plus_z * library_fwhm(mod->ssp, centre / one_plus_z);
    double own = mod->fwhm_template[k] / CUBIX_FWHM_SIGMA, missing = ins->lsf_none ? 0 : missing_variance(ins, centre, mod->fwhm_template[k]);
    mod->fwhm_cube[k] = CUBIX_FWHM_SIGMA * sqrt(own * own + fmax(missing, 0) + box);
    if (ins->lsf_none) continue;
    double inst = cubix_curve_at(&ins->lsf_fwhm, cubix_instrument_lambda(ins, k));
    int too_broad = cubix_model_too_broad(mod, ins, k);
    mod->n_too_broad += too_broad;
    mod->n_pixel_broad += !too_broad && missing <= 0 && mod->fwhm_cube[k] > 1.01 * inst;
  }
done:
  return status;
}

/* Widths [rest AA] at the library's points. */
static int find_widths(double **sigma, const struct cubix_ssp *ssp, const struct cubix_instrument *ins, double one_plus_z)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(*sigma, ssp->n_lambda);
  for (int i = 0; i < ssp->n_lambda && !ins->lsf_none; i++) {
    double missing = missing_variance(ins, one_plus_z * ssp->lambda[i], one_plus_z * ssp->lsf_fwhm[i]);
    if (missing > 0) (*sigma)[i] = sqrt(missing) / one_plus_z;
  }
done:
  return status;
}

/* Fritsch-Carlson slopes of y at nodes x, with the three-point ends of Fritsch & Butland 1984, as PCHIP has them. */
static double pchip_end(double h0, double h1, double d0, double d1)
{
  double s = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1);
  if (s * d0 <= 0) return 0;
  return d0 * d1 <= 0 && fabs(s) > 3 * fabs(d0) ? 3 * d0 : s;
}

static double pchip_slope(const double *x, const double *y, size_t stride, int n, int i)
{
  if (n < 2) return 0;
#define CHORD(j) ((y[((j) + 1) * stride] - y[(j) * stride]) / (x[(j) + 1] - x[j]))
  size_t at = (size_t)i, last = (size_t)n - 2;
  if (n == 2) return CHORD((size_t)0);
  if (i == 0) return pchip_end(x[1] - x[0], x[2] - x[1], CHORD((size_t)0), CHORD((size_t)1));
  if (i == n - 1) return pchip_end(x[n - 1] - x[n - 2], x[n - 2] - x[n - 3], CHORD(last), CHORD(last - 1));
  double h0 = x[i] - x[i - 1], h1 = x[i + 1] - x[i], d0 = CHORD(at - 1), d1 = CHORD(at);
#undef CHORD
  if (d0 * d1 <= 0) return 0;
  double w0 = 2 * h1 + h0, w1 = h1 + 2 * h0;
  return (w0 + w1) / (w0 / d0 + w1 / d1);
}

/* What is the same for all rows. */
struct maker {
  struct cubix_model *mod;
  int is_spline;
  struct cubix_spline spline;
  struct cubix_lsf lsf;
  double *light_value, *light_curvature;    /* [n_knot] the light in the band is their product with values and curvatures */
  double *broad;                            /* [n_template][n_knot] broadened templates; pchip alone needs them */
};

struct lanes { double (*f)[CUBIX_LANES], (*m)[CUBIX_LANES], (*broad)[CUBIX_LANES]; };    /* one thread's scratch */

/* The integral from x0 to x1 as weights of values and curvatures: physics/spectrum.h, one interval after the other, in float64. */
static void weigh_band(struct maker *k, double x0, double x1)
{
  const struct cubix_view *v = &k->mod->view;
  for (int i = 0; i + 1 < v->n_knot; i++) {
    double at = v->knot[i], h = v->knot[i + 1] - at, a = fmax(x0, at), b = fmin(x1, v->knot[i + 1]);
    if (!(b > a)) continue;
    double d = b - a, u = (0.5 * (a + b) - at) / h, w = 1 - u, bend = 0.25 * d * d;
    k->light_value[i] += d * w;
    k->light_value[i + 1] += d * u;
    k->light_curvature[i] += d * w * (bend - h * h * (1 - w * w));
    k->light_curvature[i + 1] += d * u * (bend - h * h * (1 - u * u));
  }
}

/* Values of n rows from `first` on -> rows and their light. */
static void store_rows(const struct maker *k, int first, int n, const double (*f)[CUBIX_LANES], double (*m)[CUBIX_LANES])
{
  const struct cubix_view *v = &k->mod->view;
  double light[CUBIX_LANES] = { 0 };
  if (k->is_spline) cubix_spline_curvature(&k->spline, f, m);
  else memset(m, 0, sizeof *m * (size_t)v->n_knot);
  for (int i = 0; i < v->n_knot; i++)
    for (int l = 0; l < CUBIX_LANES; l++) light[l] += k->light_value[i] * f[i][l] + k->light_curvature[i] * m[i][l];
  for (int l = 0; l < n; l++) {
    cubix_real *row = k->mod->row + (size_t)(first + l) * (size_t)v->row_stride;
    for (int i = 0; i < v->n_knot; i++) {
      row[2 * i] = (cubix_real)f[i][l];
      row[2 * i + 1] = (cubix_real)m[i][l];
    }
    row[2 * v->n_knot] = row[2 * v->n_knot + 1] = 0;
    k->mod->light[first + l] = light[l];
  }
}

/* Templates first .. first + n - 1: broadened, stored. */
static void make_templates(const struct maker *k, int first, int n, const struct lanes *s)
{
  const struct cubix_ssp *ssp = k->mod->ssp;
  size_t n_knot = (size_t)ssp->n_lambda;
  for (size_t l = 0; l < CUBIX_LANES; l++) {
    const double *luminosity = ssp->luminosity + ((size_t)first + (l < (size_t)n ? l : 0)) * n_knot;
    for (size_t i = 0; i < n_knot; i++) s->f[i][l] = luminosity[i] / UNIT;
  }
  if (k->is_spline) cubix_spline_curvature(&k->spline, (const double (*)[CUBIX_LANES])s->f, s->m);
  else memset(s->m, 0, sizeof *s->m * n_knot);
  cubix_lsf_apply(&k->lsf, (const double (*)[CUBIX_LANES])s->f, (const double (*)[CUBIX_LANES])s->m, s->broad);
  store_rows(k, first, n, (const double (*)[CUBIX_LANES])s->broad, s->m);
  for (size_t l = 0; l < (size_t)n && k->broad; l++)
    for (size_t i = 0; i < n_knot; i++) k->broad[((size_t)first + l) * n_knot + i] = s->broad[i][l];
}

/* The derivatives d/dlog age of the same templates, which follow all templates. */
static void make_slopes(const struct maker *k, int first, int n, const struct lanes *s)
{
  const struct cubix_ssp *ssp = k->mod->ssp;
  size_t n_knot = (size_t)ssp->n_lambda;
  for (int l = 0; l < CUBIX_LANES; l++) {
    int t = first + (l < n ? l : 0), z = t / ssp->n_age;
    const double *column = k->broad + (size_t)z * (size_t)ssp->n_age * n_knot;
    for (size_t i = 0; i < n_knot; i++) s->f[i][l] = pchip_slope(k->mod->log_age, column + i, n_knot, ssp->n_age, t % ssp->n_age);
  }
  store_rows(k, ssp->n_z * ssp->n_age + first, n, (const double (*)[CUBIX_LANES])s->f, s->m);
}

static void lanes_free(struct lanes *s)
{
  free(s->f);
  free(s->m);
  free(s->broad);
}

/* All rows, CUBIX_LANES at a time, by all threads. */
static int fill_rows(const struct maker *k, int n_template, void make(const struct maker *, int, int, const struct lanes *))
{
  int status = CUBIX_OK, there = 1;
  size_t n = (size_t)k->mod->view.n_knot;
#pragma omp parallel
  {
    struct lanes s = { cubix_reserve(n, sizeof *s.f), cubix_reserve(n, sizeof *s.m), cubix_reserve(n, sizeof *s.broad) };
    int mine = s.f && s.m && s.broad;
#pragma omp atomic
    there &= mine;
#pragma omp barrier
#pragma omp for schedule(dynamic)
    for (int first = 0; first < n_template; first += CUBIX_LANES)
      if (there) make(k, first, n_template - first < CUBIX_LANES ? n_template - first : CUBIX_LANES, &s);
    lanes_free(&s);
  }
  CUBIX_CHECK(there, CUBIX_ENOMEM, "no memory for the templates of %zu wavelengths each thread works on", n);
done:
  return status;
}

/* Templates in float64 -> broadened -> rows, with the light of each in the band. */
static int make_rows(struct cubix_model *mod, const struct cubix_instrument *ins, double one_plus_z, int is_spline, int pchip)
{
  int status = CUBIX_OK;
  struct cubix_ssp *ssp = mod->ssp;
  struct cubix_view *v = &mod->view;
  struct maker k = { .mod = mod, .is_spline = is_spline };
  double *sigma = NULL;
  int n = ssp->n_lambda, n_template = ssp->n_z * ssp->n_age;
  v->n_row = n_template * (pchip ? 2 : 1);
  v->n_knot = n;
  v->row_stride = 2 * (n + 1);
  CUBIX_CHECK((mod->row = cubix_reserve((size_t)v->n_row * (size_t)v->row_stride, sizeof *mod->row)), CUBIX_ENOMEM, "no memory for %d templates of %d wavelengths", v->n_row, n);
  CUBIX_ALLOC(mod->light, v->n_row);
  CUBIX_ALLOC(k.light_value, n);
  CUBIX_ALLOC(k.light_curvature, n);
  if (pchip) CUBIX_ALLOC(k.broad, (size_t)n_template * (size_t)n);
  weigh_band(&k, v->edge[0] / one_plus_z, v->edge[v->n_lambda] / one_plus_z);
  CUBIX_TRY(cubix_spline_init(&k.spline, ssp->lambda, n));
  CUBIX_TRY(find_widths(&sigma, ssp, ins, one_plus_z));
  CUBIX_TRY(cubix_lsf_init(&k.lsf, ssp->lambda, sigma, n));
  CUBIX_TRY(fill_rows(&k, n_template, make_templates));
  if (pchip) CUBIX_TRY(fill_rows(&k, n_template, make_slopes));
  v->row = mod->row;
  v->light = mod->light;
done:
  cubix_spline_free(&k.spline);
  cubix_lsf_free(&k.lsf);
  free(k.light_value);
  free(k.light_curvature);
  free(k.broad);
  free(sigma);
  return status;
}

/* knot[first[cell]] <= the cell's blue end: cells as wide as the narrowest interval. */
static int index_knots(struct cubix_model *mod)
{
  int status = CUBIX_OK;
  struct cubix_view *v = &mod->view;
  double range = v->knot[v->n_knot - 1] - v->knot[0], narrowest = range;
  for (int i = 0; i + 1 < v->n_knot; i++) narrowest = fmin(narrowest, v->knot[i + 1] - v->knot[i]);
  narrowest = fmax(narrowest, range / (1 << 20));
  v->cell_origin = v->knot[0];
  v->cell_per_AA = 1 / narrowest;
  v->n_cell = (int)(range / narrowest) + 1;
  CUBIX_ALLOC(mod->first, v->n_cell);
  for (int cell = 0, i = 0; cell < v->n_cell; cell++) {
    while (i < v->n_knot - 2 && v->knot[i + 1] <= v->cell_origin + cell * narrowest) i++;
    mod->first[cell] = i;
  }
  v->first = mod->first;
done:
  return status;
}

/* What the LSF can reach to beyond the channels [observed AA]. */
static double lsf_reach(const struct cubix_instrument *ins)
{
  double widest = 0;
  for (int k = 0; k < ins->n_lambda && !ins->lsf_none; k++) widest = fmax(widest, cubix_curve_at(&ins->lsf_fwhm, cubix_instrument_lambda(ins, k)));
  return CUBIX_LSF_REACH * widest / CUBIX_FWHM_SIGMA;
}

static void place_grid(struct cubix_view *v, const struct cubix_instrument *ins, const struct cubix_scene *scene)
{
  v->n_lambda = ins->n_lambda;
  v->edge = ins->edge;
  v->one_plus_z = 1 + scene->redshift;
  v->light_scale = UNIT * scene->flux_scale;
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

static void report(const struct cubix_model *mod, const struct cubix_instrument *ins)
{
  const struct cubix_ssp *ssp = mod->ssp;
  if (ssp->demo) cubix_log(CUBIX_LOG_WARNING, "%s is a closed-form demonstration, not a real library: fluxes are for show (cubix-ssp get bc03-miles gets a real one)", ssp->file);
  if (mod->n_uncovered)
    cubix_log(CUBIX_LOG_WARNING, "%d of %d channels are not covered by %s (%.1f..%.1f AA rest): flux there is incomplete or zero, DQ 2",
              mod->n_uncovered, ins->n_lambda, ssp->name, ssp->lambda_first, ssp->lambda_last);
  if (mod->n_too_broad)
    cubix_log(CUBIX_LOG_WARNING, "%d of %d channels: %s is broader than the line spread function; not broadened further, DQ 4",
              mod->n_too_broad, ins->n_lambda, ssp->name);
  if (mod->n_pixel_broad)
    cubix_log(CUBIX_LOG_WARNING, "%d of %d channels: %s and the pixel together are more than 1 %% broader than the line spread function; see FWHM_CUBE in the table LSF",
              mod->n_pixel_broad, ins->n_lambda, ssp->name);
}

/* Up to which velocity the library is read [km/s]: a coarse class, so that galaxies share their templates bit for bit, whatever their fastest star. */
static double velocity_class(double v_max)
{
  double v = 1200;
  while (v < v_max) v *= 2;
  return v;
}

double cubix_model_fastest(const struct cubix_instrument *ins, const struct cubix_scene *scene, const struct cubix_slab *slab)
{
  struct cubix_view view = { 0 };
  double fastest = 0;
  place_grid(&view, ins, scene);
#pragma omp parallel for schedule(static) reduction(max : fastest)
  for (size_t i = 0; i < slab->n; i++) {
    double v = fabs(slab->velocity[3 * i + 2]);
    if (v > fastest && cubix_project(&view, slab->position + 3 * i) >= 0) fastest = v;
  }
  return fastest;
}

int cubix_model_build(struct cubix_model **out, const struct cubix_params *par, const struct cubix_instrument *ins,
                      const struct cubix_scene *scene, double v_max)
{
  int status = CUBIX_OK, pchip = !strcmp(par->SspInterpolation, "pchip");
  double one_plus_z = 1 + scene->redshift, v_read = velocity_class(v_max);
  struct cubix_model *mod = NULL;
  CUBIX_ALLOC(mod, 1);
  CUBIX_TRY(cubix_ssp_read(&mod->ssp, par->SspFile, (ins->edge[0] - lsf_reach(ins)) / cubix_doppler(one_plus_z, v_read),
                           (ins->edge[ins->n_lambda] + lsf_reach(ins)) / cubix_doppler(one_plus_z, -v_read)));
  struct cubix_ssp *ssp = mod->ssp;
  struct cubix_view *v = &mod->view;
  CUBIX_ALLOC(mod->log_z, ssp->n_z);
  CUBIX_ALLOC(mod->log_age, ssp->n_age);
  for (int i = 0; i < ssp->n_z; i++) mod->log_z[i] = log10(ssp->metallicity[i] > 0 ? ssp->metallicity[i] : 1e-10);
  for (int i = 0; i < ssp->n_age; i++) mod->log_age[i] = log10(ssp->age[i] > 0 ? ssp->age[i] : 1e-4);
  CUBIX_CHECK(ssp->n_z < 2 || mod->log_z[1] > mod->log_z[0], CUBIX_EINPUT, "%s: /Metallicity[1] = %g must be above 1e-10, which stands for 0", ssp->file, ssp->metallicity[1]);
  CUBIX_CHECK(ssp->n_age < 2 || mod->log_age[1] > mod->log_age[0], CUBIX_EINPUT, "%s: /Age[1] = %g Gyr must be above 1e-4, which stands for age 0", ssp->file, ssp->age[1]);
  v->n_z = ssp->n_z;
  v->n_age = ssp->n_age;
  v->zero_z = !(ssp->metallicity[0] > 0);
  v->zero_age = !(ssp->age[0] > 0);
  v->pchip = pchip;
  v->log_z = mod->log_z;
  v->log_age = mod->log_age;
  v->knot = ssp->lambda;
  place_grid(v, ins, scene);
  CUBIX_TRY(make_rows(mod, ins, one_plus_z, !strcmp(par->TemplateSemantic, "spline"), pchip));
  free(ssp->luminosity);
  ssp->luminosity = NULL;
  CUBIX_TRY(index_knots(mod));
  CUBIX_TRY(describe_channels(mod, ins, one_plus_z, v_max));
  report(mod, ins);
  *out = mod;
  mod = NULL;
done:
  cubix_model_free(mod);
  return status;
}

void cubix_model_free(struct cubix_model *mod)
{
  if (!mod) return;
  cubix_ssp_free(mod->ssp);
  free(mod->row);
  free(mod->light);
  free(mod->log_z);
  free(mod->log_age);
  free(mod->first);
  free(mod->covered);
  free(mod->fwhm_template);
  free(mod->fwhm_cube);
  free(mod);
}
