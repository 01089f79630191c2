/* template_rows.c -- templates in float64 -> broadened -> rows, with the light of each in the band.
 *
 * At a library point x the variance that the templates lack is (all of it per (1 + z)^2, in rest AA^2)
 *   s^2 = (sigma_inst(l)^2 - pixel^2)/(1 + z)^2 - sigma_template(x)^2,   l = (1 + z) x in the output's medium,
 * and where it is not positive the template stays as it is (doc/math.md section 6).  A sinc is applied
 * whole: s = sigma_inst(l)/(1 + z).
 *
 * Before that, the light of young populations passes through their birth clouds (struct cubix_birth_cloud):
 * templates at the library's ages are dimmed, and a star between two of them has their mean, as of
 * everything else. */
#include "spectra/templates_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "math/pchip.h"
#include "physics/spectrum.h"

static const double unseen = 1e-22;         /* an optical depth at 5500 AA that changes no number */

struct job {
  struct cubix_maker k;
  struct cubix_templates *templates;
  /* [n_knot] the light in the band is their product with values and curvatures */
  double *light_value, *light_curvature;
  double *broad;                            /* [n_template][n_knot] broadened templates; pchip alone needs them */
};

/* ---- what is the same for all rows ----------------------------------------------------------- */
int cubix_maker_init(struct cubix_maker *k, const struct cubix_templates *templates, const struct cubix_instrument *ins,
                     int slope)
{
  int status = CUBIX_OK;
  const struct cubix_ssp *ssp = templates->ssp;
  double *sigma = NULL, one_plus_z = templates->tables.one_plus_z;
  memset(k, 0, sizeof *k);
  k->templates = templates;
  CUBIX_ALLOC(k->birth_k, ssp->n_lambda);
  for (int i = 0; i < ssp->n_lambda; i++) k->birth_k[i] = pow(ssp->lambda[i] / 5500, -templates->birth.slope);
  CUBIX_ALLOC(sigma, ssp->n_lambda);
  for (int i = 0; i < ssp->n_lambda && !ins->lsf_none; i++) {
    double missing = cubix_templates_missing_variance(ins, one_plus_z * ssp->lambda[i], one_plus_z * ssp->lsf_fwhm[i]);
    if (missing > 0) sigma[i] = sqrt(missing) / one_plus_z;
  }
  CUBIX_TRY(cubix_spline_init(&k->spline, ssp->lambda, ssp->n_lambda));
  CUBIX_TRY(cubix_lsf_init(&k->lsf, ssp->lambda, sigma, ssp->n_lambda, slope, ins->lsf_shape));
done:
  free(sigma);
  return status;
}

void cubix_maker_free(struct cubix_maker *k)
{
  cubix_spline_free(&k->spline);
  cubix_lsf_free(&k->lsf);
  free(k->birth_k);
}

double cubix_maker_birth(const struct cubix_maker *k, int t)
{
  const double age = k->templates->ssp->age[t % k->templates->tables.n_age];
  return 1 / (1 + pow(age / k->templates->birth.age_gyr, 8));
}

void cubix_maker_curvature(const struct cubix_maker *k, const double (*f)[CUBIX_LANES], double (*m)[CUBIX_LANES])
{
  if (k->templates->is_spline) cubix_spline_curvature(&k->spline, f, m);
  else memset(m, 0, sizeof *m * (size_t)k->templates->tables.n_knot);
}

void cubix_maker_load(const struct cubix_maker *k, const double *luminosity, int first, int n,
                      const struct cubix_lanes *s)
{
  size_t n_knot = (size_t)k->templates->tables.n_knot;
  for (size_t l = 0; l < CUBIX_LANES; l++) {
    const double *mine = luminosity + ((size_t)first + (l < (size_t)n ? l : 0)) * n_knot;
    for (size_t i = 0; i < n_knot; i++) s->f[i][l] = mine[i] / CUBIX_TEMPLATE_UNIT;
    const double behind = cubix_maker_birth(k, first + (l < (size_t)n ? (int)l : 0));
    for (size_t i = 0; i < n_knot && behind * k->templates->birth.tau > unseen; i++)
      s->f[i][l] *= cubix_maker_cloud(k, behind, i);
  }
  cubix_maker_curvature(k, (const double (*)[CUBIX_LANES])s->f, s->m);
}

void cubix_maker_broaden(const struct cubix_maker *k, const struct cubix_lanes *s)
{
  cubix_lsf_apply(&k->lsf, (const double (*)[CUBIX_LANES])s->f, (const double (*)[CUBIX_LANES])s->m, s->broad);
}

static void lanes_free(struct cubix_lanes *s)
{
  double (*const all[])[CUBIX_LANES] = { s->f, s->m, s->broad, s->f_bar, s->m_bar, s->broad_bar };
  for (int a = 0; a < 6; a++) free(all[a]);
}

int cubix_maker_run(void *job, int n_knot, int n_template, int bars,
                    void make(void *, int, int, const struct cubix_lanes *))
{
  int status = CUBIX_OK, there = 1;
  size_t n = (size_t)n_knot;
#pragma omp parallel
  {
    struct cubix_lanes s = {
      cubix_reserve(n, sizeof *s.f), cubix_reserve(n, sizeof *s.m), cubix_reserve(n, sizeof *s.broad), NULL, NULL, NULL
    };
    if (bars)
      s.f_bar = cubix_reserve(n, sizeof *s.f_bar), s.m_bar = cubix_reserve(n, sizeof *s.m_bar),
      s.broad_bar = cubix_reserve(n, sizeof *s.broad_bar);
    int mine = s.f && s.m && s.broad && (!bars || (s.f_bar && s.m_bar && s.broad_bar));
#pragma omp atomic
    there &= mine;
#pragma omp barrier
#pragma omp for schedule(dynamic)
    for (int first = 0; first < n_template; first += CUBIX_LANES)
      if (there) make(job, first, n_template - first < CUBIX_LANES ? n_template - first : CUBIX_LANES, &s);
    lanes_free(&s);
  }
  CUBIX_CHECK(there, CUBIX_ENOMEM, "no memory for the templates of %zu wavelengths each thread works on", n);
done:
  return status;
}

/* ---- the rows -------------------------------------------------------------------------------- */
/* The integral from x0 to x1 as weights of values and curvatures: physics/spectrum.h, one interval
 * after the other, in float64. */
static void weigh_band(struct job *job, double x0, double x1)
{
  const struct cubix_tables *v = &job->templates->tables;
  for (int i = 0; i + 1 < v->n_knot; i++) {
    double at = v->knot[i], h = v->knot[i + 1] - at, a = fmax(x0, at), b = fmin(x1, v->knot[i + 1]);
    if (!(b > a)) continue;
    double part[4] = { 0 };
    cubix_piece_vjp(h, (a - at) / h, (b - at) / h, 1, part);
    for (int end = 0; end < 2; end++) {
      job->light_value[i + end] += part[2 * end];
      job->light_curvature[i + end] += part[2 * end + 1];
    }
  }
}

/* Values of n rows from `first` on -> rows and their light. */
static void store_rows(const struct job *job, int first, int n, const double (*f)[CUBIX_LANES],
                       double (*m)[CUBIX_LANES])
{
  const struct cubix_tables *v = &job->templates->tables;
  double light[CUBIX_LANES] = { 0 };
  cubix_maker_curvature(&job->k, f, m);
  for (int i = 0; i < v->n_knot; i++)
    for (int l = 0; l < CUBIX_LANES; l++) light[l] += job->light_value[i] * f[i][l] + job->light_curvature[i] * m[i][l];
  for (int l = 0; l < n; l++) {
    cubix_real *row = job->templates->row + (size_t)(first + l) * (size_t)v->row_stride;
    for (int i = 0; i < v->n_knot; i++) {
      row[2 * i] = (cubix_real)f[i][l];
      row[2 * i + 1] = (cubix_real)m[i][l];
    }
    row[2 * v->n_knot] = row[2 * v->n_knot + 1] = 0;
    job->templates->light[first + l] = light[l];
  }
}

/* Templates first .. first + n - 1: broadened, stored. */
static void make_templates(void *all, int first, int n, const struct cubix_lanes *s)
{
  const struct job *job = all;
  size_t n_knot = (size_t)job->templates->tables.n_knot;
  cubix_maker_load(&job->k, job->templates->ssp->luminosity, first, n, s);
  cubix_maker_broaden(&job->k, s);
  store_rows(job, first, n, (const double (*)[CUBIX_LANES])s->broad, s->m);
  for (size_t l = 0; l < (size_t)n && job->broad; l++)
    for (size_t i = 0; i < n_knot; i++) job->broad[((size_t)first + l) * n_knot + i] = s->broad[i][l];
}

/* The derivatives d/dlog age of the same templates, which follow all templates. */
static void make_slopes(void *all, int first, int n, const struct cubix_lanes *s)
{
  const struct job *job = all;
  const struct cubix_tables *v = &job->templates->tables;
  size_t n_knot = (size_t)v->n_knot;
  for (int l = 0; l < CUBIX_LANES; l++) {
    int t = first + (l < n ? l : 0), z = t / v->n_age;
    const double *column = job->broad + (size_t)z * (size_t)v->n_age * n_knot;
    for (size_t i = 0; i < n_knot; i++)
      s->f[i][l] = cubix_pchip_slope(v->log_age, column + i, n_knot, v->n_age, t % v->n_age);
  }
  store_rows(job, v->n_z * v->n_age + first, n, (const double (*)[CUBIX_LANES])s->f, s->m);
}

int cubix_templates_fill(struct cubix_templates *templates, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  const struct cubix_tables *v = &templates->tables;
  struct job job = { .templates = templates };
  int n = v->n_knot, n_template = v->n_z * v->n_age;
  CUBIX_ALLOC(job.light_value, n);
  CUBIX_ALLOC(job.light_curvature, n);
  if (v->pchip) CUBIX_ALLOC(job.broad, (size_t)n_template * (size_t)n);
  weigh_band(&job, v->edge[0] / v->one_plus_z, v->edge[v->n_lambda] / v->one_plus_z);
  CUBIX_TRY(cubix_maker_init(&job.k, templates, ins, 0));
  CUBIX_TRY(cubix_maker_run(&job, n, n_template, 0, make_templates));
  if (v->pchip) CUBIX_TRY(cubix_maker_run(&job, n, n_template, 0, make_slopes));
done:
  cubix_maker_free(&job.k);
  free(job.light_value);
  free(job.light_curvature);
  free(job.broad);
  return status;
}
