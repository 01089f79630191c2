/* templates_vjp.c -- derivatives of the template rows with the library's luminosities, the LSF's
 * width, 1 + z, and the optical depth of birth clouds.
 *
 * A template passes, along its wavelength points, through f (values) -> m = C f (curvatures) -> f'
 * = V f + W m (broadened: lsf.c) -> m' = C f'; its row holds f' and m'.  V and W depend on the
 * width s_i^2 at each point alone, and that on the LSF's FWHM F and on 1 + z:
 *   s_i^2 = (sigma_inst(l)^2 - pixel^2)/(1+z)^2 - sigma_template^2,  sigma_inst = F/2.355,  l =
 *   (1+z) x_i in the instrument's medium.
 * The variance is the variable: sigma itself has no derivative where it comes to 0.  At points
 * where s_i^2 is not positive the template stays as it is and the derivative is 0, also at s_i^2 =
 * 0: it stands for the side on which nothing happens.
 *   row_bar -> f'_bar = row_bar_value + C^T row_bar_curvature;
 *   F_bar += sum over i of ds_i^2/dF sum over templates of f'_bar_i df'_i/ds_i^2;
 *   f_bar = V^T f'_bar + C^T W^T f'_bar.
 * f itself is the library's light behind birth clouds, f = g exp(-s tau k): g_bar = exp(-s tau k) f_bar, and
 *   tau_bar -= sum over templates and points of s k_i f_i f_bar_i.
 * With pchip, rows of the slopes d/dlog age follow; they depend on f' of two or three neighbouring
 * ages, not linearly (pchip.c), and their bars are carried back to f'_bar first.  The band's light
 * of a row (cubix_view.light) serves maps and has no derivative here.
 *
 * Everything is in float64, whatever the rows are kept in.  What the forward run had is computed
 * again: it costs less than memory would. */
#include "spectra/templates_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "math/pchip.h"

struct job {
  struct cubix_maker k;
  const struct cubix_templates *templates;
  const double *width[2];         /* [n_knot] derivatives of s_i^2 with F and 1 + z */
  double *broad;                  /* [n_template][n_knot] f', pchip alone */
  /* reverse */
  const double *row_bar;
  double *luminosity_bar;
  int wants_width, wants_birth;
  double (*shared_bar)[3];        /* [groups of CUBIX_LANES templates] of F, 1 + z and the clouds' tau */
  /* [n_template][n_knot] bars of the pchip slopes, and what they give to f'; pchip alone */
  double *slope_bar, *broad_bar;
  /* forward */
  const double *luminosity_dot;
  double dot[2];                  /* of F and 1 + z */
  double birth_dot;
  cubix_real *row_dot;
  double *broad_dot;              /* [n_template][n_knot] pchip alone */
};

typedef const double (*lanes)[CUBIX_LANES];

static void job_free(struct job *job)
{
  cubix_maker_free(&job->k);
  free((void *)job->width[0]);
  free((void *)job->width[1]);
  free(job->broad);
  free(job->shared_bar);
  free(job->slope_bar);
  free(job->broad_bar);
  free(job->broad_dot);
}

/* f' of all templates: the slopes of pchip depend on it. */
static void broaden_all(void *all, int first, int n, const struct cubix_lanes *s)
{
  struct job *job = all;
  size_t n_knot = (size_t)job->templates->tables.n_knot;
  cubix_maker_load(&job->k, job->templates->ssp->luminosity, first, n, s);
  cubix_maker_broaden(&job->k, s);
  for (size_t l = 0; l < (size_t)n; l++)
    for (size_t i = 0; i < n_knot; i++) job->broad[((size_t)first + l) * n_knot + i] = s->broad[i][l];
}

static int job_init(struct job *job, const struct cubix_templates *templates, const struct cubix_instrument *ins,
                    int wants_width, int wants_fwhm)
{
  int status = CUBIX_OK, n = templates->tables.n_knot, n_template = templates->tables.n_z * templates->tables.n_age;
  double *width[2] = { NULL, NULL };
  CUBIX_CHECK(templates->ssp->luminosity, CUBIX_EFAIL,
              "the library %s was released once its templates were made: make them with cubix_templates_build_kept",
              templates->ssp->file);
  CUBIX_CHECK(!wants_fwhm || ins->lsf_none || (!ins->lsf_fwhm.n_table && ins->lsf_fwhm.n_coef == 1), CUBIX_EUSAGE,
              "the line spread function of %s varies with wavelength, so there is no LsfFwhm for a derivative: set Lsf "
              "gaussian",
              ins->name);
  job->templates = templates;
  job->wants_width = wants_width && !ins->lsf_none;
  CUBIX_TRY(cubix_maker_init(&job->k, templates, ins, job->wants_width));
  for (int a = 0; a < 2; a++) {
    CUBIX_ALLOC(width[a], n);
    job->width[a] = width[a];
  }
  for (int i = 0; i < n && job->wants_width; i++)
    cubix_templates_width_slopes(templates, ins, i, &width[0][i], &width[1][i]);
  if (!templates->tables.pchip) goto done;
  CUBIX_ALLOC(job->broad, (size_t)n_template * (size_t)n);
  CUBIX_TRY(cubix_maker_run(job, n, n_template, 0, broaden_all));
done:
  return status;
}

/* ---- reverse --------------------------------------------------------------------------------- */
/* Bars of n rows from `first` on, curvatures folded into values: values_bar = row_bar_value + C^T row_bar_curvature. */
static void load_bars(const struct job *job, int first, int n, double (*value_bar)[CUBIX_LANES],
                      double (*m_bar)[CUBIX_LANES])
{
  size_t n_knot = (size_t)job->templates->tables.n_knot;
  for (size_t l = 0; l < CUBIX_LANES; l++) {
    const double *bar = job->row_bar + ((size_t)first + (l < (size_t)n ? l : 0)) * 2 * (n_knot + 1);
    for (size_t i = 0; i < n_knot; i++) {
      value_bar[i][l] = l < (size_t)n ? bar[2 * i] : 0;
      m_bar[i][l] = l < (size_t)n ? bar[2 * i + 1] : 0;
    }
  }
  if (job->templates->is_spline) cubix_spline_curvature_vjp(&job->k.spline, m_bar, value_bar);
}

static void slopes_reverse(void *all, int first, int n, const struct cubix_lanes *s)
{
  struct job *job = all;
  size_t n_knot = (size_t)job->templates->tables.n_knot;
  load_bars(job, job->templates->tables.n_z * job->templates->tables.n_age + first, n, s->broad_bar, s->m_bar);
  for (size_t l = 0; l < (size_t)n; l++)
    for (size_t i = 0; i < n_knot; i++) job->slope_bar[((size_t)first + l) * n_knot + i] = s->broad_bar[i][l];
}

/* Bars of the slopes -> what they give to the broadened templates. */
static int ages_reverse(struct job *job)
{
  int status = CUBIX_OK;
  const struct cubix_tables *v = &job->templates->tables;
  size_t n = (size_t)v->n_knot, n_all = (size_t)v->n_z * (size_t)v->n_age * n;
  CUBIX_ALLOC(job->slope_bar, n_all);
  CUBIX_ALLOC(job->broad_bar, n_all);
  CUBIX_TRY(cubix_maker_run(job, v->n_knot, v->n_z * v->n_age, 1, slopes_reverse));
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++)
    for (int t = 0; t < v->n_z * v->n_age; t++) {
      size_t column = (size_t)(t / v->n_age * v->n_age) * n + i;
      cubix_pchip_slope_vjp(v->log_age, job->broad + column, n, v->n_age, t % v->n_age,
                            job->slope_bar[(size_t)t * n + i], job->broad_bar + column);
    }
done:
  return status;
}

static void widths_reverse(const struct job *job, int first, int n, const struct cubix_lanes *s)
{
  double *bar = job->shared_bar[first / CUBIX_LANES];
  cubix_maker_load(&job->k, job->templates->ssp->luminosity, first, n, s);
  cubix_lsf_apply_slope(&job->k.lsf, (lanes)s->f, (lanes)s->m, s->broad);
  for (int i = 0; i < job->templates->tables.n_knot; i++) {
    double sum = 0;
    for (int l = 0; l < n; l++) sum += s->broad_bar[i][l] * s->broad[i][l];
    for (int a = 0; a < 2; a++) bar[a] += job->width[a][i] * sum;
  }
}

/* Templates behind clouds: to the clouds' tau. */
static void clouds_reverse(const struct job *job, int first, int n, const struct cubix_lanes *s)
{
  cubix_maker_load(&job->k, job->templates->ssp->luminosity, first, n, s);
  for (int l = 0; l < n; l++) {
    double sum = 0;
    for (int i = 0; i < job->templates->tables.n_knot; i++) sum += job->k.birth_k[i] * s->f[i][l] * s->f_bar[i][l];
    job->shared_bar[first / CUBIX_LANES][2] -= cubix_maker_birth(&job->k, first + l) * sum;
  }
}

static void templates_reverse(void *all, int first, int n, const struct cubix_lanes *s)
{
  struct job *job = all;
  size_t n_knot = (size_t)job->templates->tables.n_knot;
  load_bars(job, first, n, s->broad_bar, s->m_bar);
  for (size_t l = 0; l < (size_t)n && job->broad_bar; l++)
    for (size_t i = 0; i < n_knot; i++) s->broad_bar[i][l] += job->broad_bar[((size_t)first + l) * n_knot + i];
  if (job->wants_width) widths_reverse(job, first, n, s);
  if (!job->luminosity_bar && !job->wants_birth) return;
  memset(s->f_bar, 0, n_knot * sizeof *s->f_bar);
  memset(s->m_bar, 0, n_knot * sizeof *s->m_bar);
  cubix_lsf_apply_vjp(&job->k.lsf, (lanes)s->broad_bar, s->f_bar, s->m_bar);
  if (job->templates->is_spline) cubix_spline_curvature_vjp(&job->k.spline, s->m_bar, s->f_bar);
  if (job->wants_birth) clouds_reverse(job, first, n, s);
  for (size_t l = 0; l < (size_t)n && job->luminosity_bar; l++) {
    const double behind = cubix_maker_birth(&job->k, first + (int)l);
    for (size_t i = 0; i < n_knot; i++)
      job->luminosity_bar[((size_t)first + l) * n_knot + i] +=
          s->f_bar[i][l] * cubix_maker_cloud(&job->k, behind, i) / CUBIX_TEMPLATE_UNIT;
  }
}

int cubix_templates_vjp(const struct cubix_templates *templates, const struct cubix_instrument *ins,
                        const double *row_bar, double *luminosity_bar, double *lsf_fwhm_bar, double *one_plus_z_bar,
                        double *birth_tau_bar)
{
  int status = CUBIX_OK, n_template = templates->tables.n_z * templates->tables.n_age,
      n_group = (n_template + CUBIX_LANES - 1) / CUBIX_LANES;
  struct job job = { .row_bar = row_bar, .luminosity_bar = luminosity_bar, .wants_birth = birth_tau_bar != NULL };
  CUBIX_TRY(job_init(&job, templates, ins, lsf_fwhm_bar || one_plus_z_bar, lsf_fwhm_bar != NULL));
  CUBIX_ALLOC(job.shared_bar, n_group);
  if (templates->tables.pchip) CUBIX_TRY(ages_reverse(&job));
  CUBIX_TRY(cubix_maker_run(&job, templates->tables.n_knot, n_template, 1, templates_reverse));
  for (int g = 1; g < n_group; g++)
    for (int a = 0; a < 3; a++) job.shared_bar[0][a] += job.shared_bar[g][a];
  if (lsf_fwhm_bar) *lsf_fwhm_bar += job.shared_bar[0][0];
  if (one_plus_z_bar) *one_plus_z_bar += job.shared_bar[0][1];
  if (birth_tau_bar) *birth_tau_bar += job.shared_bar[0][2];
done:
  job_free(&job);
  return status;
}

/* ---- forward --------------------------------------------------------------------------------- */
static void store_dots(const struct job *job, int first, int n, lanes f, double (*m)[CUBIX_LANES])
{
  const struct cubix_tables *v = &job->templates->tables;
  cubix_maker_curvature(&job->k, f, m);
  for (int l = 0; l < n; l++) {
    cubix_real *row = job->row_dot + (size_t)(first + l) * (size_t)v->row_stride;
    for (int i = 0; i < v->n_knot; i++) {
      row[2 * i] = (cubix_real)f[i][l];
      row[2 * i + 1] = (cubix_real)m[i][l];
    }
    row[2 * v->n_knot] = row[2 * v->n_knot + 1] = 0;
  }
}

/* Tangent of the templates behind clouds, from s->f: added. */
static void clouds_forward(const struct job *job, int first, int n, const struct cubix_lanes *s,
                           const struct cubix_lanes *dot)
{
  for (int l = 0; l < n; l++) {
    const double by = -job->birth_dot * cubix_maker_birth(&job->k, first + l);
    for (int i = 0; i < job->templates->tables.n_knot; i++) dot->f[i][l] += by * job->k.birth_k[i] * s->f[i][l];
  }
  cubix_maker_curvature(&job->k, (lanes)dot->f, dot->m);
}

static void templates_forward(void *all, int first, int n, const struct cubix_lanes *s)
{
  struct job *job = all;
  size_t n_knot = (size_t)job->templates->tables.n_knot;
  struct cubix_lanes dot = { s->f_bar, s->m_bar, s->broad_bar, NULL, NULL, NULL };
  if (job->luminosity_dot) cubix_maker_load(&job->k, job->luminosity_dot, first, n, &dot);
  else memset(dot.f, 0, n_knot * sizeof *dot.f);
  if (job->wants_width || job->birth_dot != 0)
    cubix_maker_load(&job->k, job->templates->ssp->luminosity, first, n, s);
  if (job->birth_dot != 0) clouds_forward(job, first, n, s, &dot);
  if (job->luminosity_dot || job->birth_dot != 0) cubix_maker_broaden(&job->k, &dot);
  else memset(dot.broad, 0, n_knot * sizeof *dot.broad);
  if (job->wants_width) {
    cubix_lsf_apply_slope(&job->k.lsf, (lanes)s->f, (lanes)s->m, s->broad);
    for (size_t i = 0; i < n_knot; i++) {
      double by = job->width[0][i] * job->dot[0] + job->width[1][i] * job->dot[1];
      for (int l = 0; l < CUBIX_LANES; l++) dot.broad[i][l] += by * s->broad[i][l];
    }
  }
  for (size_t l = 0; l < (size_t)n && job->broad_dot; l++)
    for (size_t i = 0; i < n_knot; i++) job->broad_dot[((size_t)first + l) * n_knot + i] = dot.broad[i][l];
  store_dots(job, first, n, (lanes)dot.broad, dot.m);
}

static void slopes_forward(void *all, int first, int n, const struct cubix_lanes *s)
{
  struct job *job = all;
  const struct cubix_tables *v = &job->templates->tables;
  size_t n_knot = (size_t)v->n_knot;
  for (int l = 0; l < CUBIX_LANES; l++) {
    int t = first + (l < n ? l : 0);
    size_t column = (size_t)(t / v->n_age * v->n_age) * n_knot;
    for (size_t i = 0; i < n_knot; i++)
      s->f[i][l] = cubix_pchip_slope_jvp(v->log_age, job->broad + column + i, job->broad_dot + column + i, n_knot,
                                         v->n_age, t % v->n_age);
  }
  store_dots(job, v->n_z * v->n_age + first, n, (lanes)s->f, s->m);
}

int cubix_templates_jvp(const struct cubix_templates *templates, const struct cubix_instrument *ins,
                        const double *luminosity_dot, double lsf_fwhm_dot, double one_plus_z_dot, double birth_tau_dot,
                        cubix_real *row_dot)
{
  int status = CUBIX_OK, n = templates->tables.n_knot, n_template = templates->tables.n_z * templates->tables.n_age;
  struct job job = { .luminosity_dot = luminosity_dot,
                     .dot = { lsf_fwhm_dot, one_plus_z_dot },
                     .birth_dot = birth_tau_dot,
                     .row_dot = row_dot };
  CUBIX_TRY(job_init(&job, templates, ins, lsf_fwhm_dot != 0 || one_plus_z_dot != 0, lsf_fwhm_dot != 0));
  if (templates->tables.pchip) CUBIX_ALLOC(job.broad_dot, (size_t)n_template * (size_t)n);
  CUBIX_TRY(cubix_maker_run(&job, n, n_template, 1, templates_forward));
  if (templates->tables.pchip) CUBIX_TRY(cubix_maker_run(&job, n, n_template, 1, slopes_forward));
done:
  job_free(&job);
  return status;
}
