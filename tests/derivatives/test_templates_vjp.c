/* test_templates_vjp.c -- derivatives of the template rows: the pieces (splines, LSF, monotone slopes,
 * curves), the whole model, and models made again.
 *
 * The model's own files are compiled here with cubix_real = double.  The library: lines and ripples
 * on a slope, falling with age or rising once in between, on points of three spacings; part of it
 * broader than the line spread function. */
#include "tests/check.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "math/pchip.h"
#include "spectra/templates_parts.h"
#include "tests/library_lab.h"

enum { N_Z = 2, N_WAVE = 320 };
static const char *const library = "test_model_vjp.hdf5";

static double *random_array(size_t n, double scale)
{
  double *x = malloc(n * sizeof *x);
  for (size_t i = 0; i < n; i++) x[i] = scale * (uniform() - 0.5);
  return x;
}

/* |a - b| against the size of what was added up. */
static void check_same(double a, double b, double size, double tolerance)
{
  CHECK_CLOSE(a / size, b / size, tolerance);
}

/* ---- pieces ---------------------------------------------------------------------------------- */
static void spline_adjoint(void)
{
  static const int size[] = { 2, 3, 4, 5, 6, 61 };
  double x[61], (*f)[CUBIX_LANES], (*m)[CUBIX_LANES], (*f_bar)[CUBIX_LANES], (*m_bar)[CUBIX_LANES];
  for (int i = 0; i < 61; i++) x[i] = i ? x[i - 1] + 0.2 + uniform() : 5;
  for (int s = 0; s < 6; s++) {
    int n = size[s];
    double one = 0, other = 0, norm = 0;
    struct cubix_spline spline = { 0 };
    f = (double (*)[CUBIX_LANES])random_array((size_t)n * CUBIX_LANES, 1);
    m = (double (*)[CUBIX_LANES])random_array((size_t)n * CUBIX_LANES, 1);
    m_bar = (double (*)[CUBIX_LANES])random_array((size_t)n * CUBIX_LANES, 1);
    f_bar = calloc((size_t)n, sizeof *f_bar);
    CHECK_IS(cubix_spline_init(&spline, x, n), ==, CUBIX_OK);
    cubix_spline_curvature(&spline, (const double (*)[CUBIX_LANES])f, m);
    for (int i = 0; i < n; i++)
      for (int l = 0; l < CUBIX_LANES; l++) one += m[i][l] * m_bar[i][l], norm += fabs(m[i][l] * m_bar[i][l]);
    cubix_spline_curvature_vjp(&spline, m_bar, f_bar);
    for (int i = 0; i < n; i++)
      for (int l = 0; l < CUBIX_LANES; l++) other += f[i][l] * f_bar[i][l];
    CHECK(n < 3 ? one == 0 && other == 0 : norm > 0);
    check_same(one, other, norm > 0 ? norm : 1, 1e-13);
    cubix_spline_free(&spline);
    free(f), free(m), free(f_bar), free(m_bar);
  }
}

/* Broadened values of one spline or broken line, and their derivatives, with all variances larger by `more`. */
static void broadened(const double *x, const double *sigma, int n, double more, int is_spline,
                      double (*broad)[CUBIX_LANES], double (*slope)[CUBIX_LANES])
{
  struct cubix_spline spline = { 0 };
  struct cubix_lsf lsf = { 0 };
  double(*f)[CUBIX_LANES] = calloc((size_t)n, sizeof *f), (*m)[CUBIX_LANES] = calloc((size_t)n, sizeof *m),
  *wider = calloc((size_t)n, sizeof *wider);
  for (int i = 0; i < n; i++) {
    wider[i] = sigma[i] > 0 ? sqrt(sigma[i] * sigma[i] + more) : 0;
    for (int l = 0; l < CUBIX_LANES; l++) f[i][l] = 1 + sin(0.7 * x[i] + l) + 0.1 * x[i];
  }
  REQUIRE(cubix_spline_init(&spline, x, n) == CUBIX_OK);
  CHECK_IS(cubix_lsf_init(&lsf, x, wider, n, 1, CUBIX_LSF_GAUSSIAN), ==, CUBIX_OK);
  if (is_spline) cubix_spline_curvature(&spline, (const double (*)[CUBIX_LANES])f, m);
  cubix_lsf_apply(&lsf, (const double (*)[CUBIX_LANES])f, (const double (*)[CUBIX_LANES])m, broad);
  cubix_lsf_apply_slope(&lsf, (const double (*)[CUBIX_LANES])f, (const double (*)[CUBIX_LANES])m, slope);
  cubix_spline_free(&spline);
  cubix_lsf_free(&lsf);
  free(f), free(m), free(wider);
}

static void lsf_slope(int is_spline)
{
  enum { N = 80 };
  static double less[N][CUBIX_LANES], more[N][CUBIX_LANES], slope[N][CUBIX_LANES], unused[N][CUBIX_LANES];
  double x[N], sigma[N], h = 1e-4, most = 0;
  for (int i = 0; i < N; i++)
    x[i] = i ? x[i - 1] + 0.55 + 0.5 * uniform() : 0, sigma[i] = i % 9 == 5 ? 0 : 0.3 + 2 * i / (double)N;
  broadened(x, sigma, N, 0, is_spline, unused, slope);
  broadened(x, sigma, N, -h, is_spline, less, unused);
  broadened(x, sigma, N, h, is_spline, more, unused);
  for (int i = 0; i < N; i++) {
    CHECK_CLOSE(slope[i][3], (more[i][3] - less[i][3]) / (2 * h), 5e-7);
    if (!(sigma[i] > 0)) CHECK_IS(slope[i][3], ==, 0);
    most = check_worst(most, fabs(slope[i][3]));
  }
  CHECK_IS(most, >, 0.1);
  for (int i = 0; i < N; i++) sigma[i] = 1e-7;                /* a spline's limit: half the second derivative, inside */
  broadened(x, sigma, N, 0, is_spline, unused, slope);
  for (int i = 10; i < N - 10; i++) {
    CHECK(isfinite(slope[i][0]));
    CHECK(!is_spline || fabs(slope[i][0] + 0.5 * 0.49 * sin(0.7 * x[i])) < 0.05);
  }
}

static void pchip_slopes(void)
{
  double x[] = { 0, 0.7, 1.1, 2.4, 3, 4.1, 5 }, y[7], y_dot[7], shifted[7], bar[7];
  int held = 0;
  for (int trial = 0; trial < 400; trial++)
    for (int n = 1; n <= 7; n += n < 4 ? 1 : 3)
      for (int i = 0; i < n; i++) {
        double h = 1e-6, one = 0, both[2];
        for (int k = 0; k < 7; k++)
          y[k] = uniform() - 0.5 + (trial % 2 ? 0.4 * k : 0), y_dot[k] = uniform() - 0.5, bar[k] = 0;
        for (int s = 0; s < 2; s++) {
          for (int k = 0; k < 7; k++) shifted[k] = y[k] + (s ? h : -h) * y_dot[k];
          both[s] = cubix_pchip_slope(x, shifted, 1, n, i);
        }
        double dot = cubix_pchip_slope_jvp(x, y, y_dot, 1, n, i);
        held += both[0] == 0 && both[1] == 0;
        if ((both[0] == 0) == (both[1] == 0)) CHECK_CLOSE(dot, (both[1] - both[0]) / (2 * h), 2e-4 * (1 + fabs(dot)));
        cubix_pchip_slope_vjp(x, y, 1, n, i, 0.3, bar);
        for (int k = 0; k < 7; k++) one += bar[k] * y_dot[k];
        CHECK_CLOSE(one, 0.3 * dot, 1e-14 * (1 + fabs(dot)));
      }
  CHECK_IS(held, >, 100);
  for (int k = 0; k < 7; k++) y[k] = k == 2 ? 1e-200 : 0, y_dot[k] = 1;
  /* nothing overflows where there is next to nothing */
  for (int i = 0; i < 7; i++) CHECK_IS(cubix_pchip_slope_jvp(x, y, y_dot, 1, 7, i), ==, 0);
}

static void curves(void)
{
  struct cubix_curve poly = { .n_coef = 3, .coef = { 6, -9e-4, 6e-8 } },
                     table = { .n_table = 3, .lambda = (double[]){ 4000, 5000, 7000 }, .value = (double[]){ 2, 3, 1 } };
  for (double at = 3500; at < 8000; at += 333.3) {
    CHECK_CLOSE(cubix_curve_slope(&poly, at), (cubix_curve_at(&poly, at + 0.1) - cubix_curve_at(&poly, at - 0.1)) / 0.2,
                1e-10);
    CHECK_CLOSE(cubix_curve_slope(&table, at),
                (cubix_curve_at(&table, at + 0.1) - cubix_curve_at(&table, at - 0.1)) / 0.2, 1e-10);
    CHECK_CLOSE(cubix_vacuum_to_air_slope(at), (cubix_vacuum_to_air(at + 0.1) - cubix_vacuum_to_air(at - 0.1)) / 0.2,
                1e-10);
  }
  CHECK_IS(cubix_curve_slope(&table, 5000), ==, -1e-3);
  CHECK_IS(cubix_curve_slope(&table, 4000), ==, 1e-3);
  CHECK_IS(cubix_curve_slope(&table, 7000), ==, 0);
  CHECK_IS(cubix_vacuum_to_air_slope(1500), ==, 1);
}

/* ---- a library and a model of it ------------------------------------------------------------- */
static void write_library(int n_age)
{
  static double wave[N_WAVE], width[N_WAVE], luminosity[N_Z * 5 * N_WAVE];
  const double metallicity[N_Z] = { 0.004, 0.02 }, age[5] = { 0, 0.01, 0.3, 2, 13 };
  for (int i = 0; i < N_WAVE; i++) {
    wave[i] = i == 0 ? 4860 : wave[i - 1] + (i < 150 ? 0.9 : i < 240 ? 2.1 : 1);
    width[i] = i > 190 && i < 220 ? 5 : i % 100 ? 1.5 : 0;
  }
  for (int t = 0; t < N_Z * n_age; t++)
    for (int i = 0; i < N_WAVE; i++) {
      double z = t / n_age, a = t % n_age, x = wave[i], line = 0.8 * exp(-pow((x - 5007) / 3, 2)),
             ripple = 0.1 * sin(0.9 * x + 2 * a * a);
      luminosity[t * N_WAVE + i] = 1e30 * exp(-0.7 * a + 0.2 * z) * pow(x / 5000, z - a) * (1 - line) * (1.3 + ripple) *
                                   (z == 1 && a == 3 ? 8 : 1);
    }
  const struct lab_library lab = { N_Z, n_age, N_WAVE, metallicity, age, wave, width, luminosity };
  lab_library_write(library, &lab);
}

struct lab {
  struct cubix_instrument *ins;
  struct cubix_scene scene;
  struct cubix_templates *templates;
  double *luminosity;             /* as the library has them */
  size_t n, n_row;                /* numbers in the library, in the rows' bars */
};

static void lab_init(struct lab *lab, const char *lsf, const char *semantic, const char *interpolation, int kept,
                     const char *birth_tau)
{
  const char *const value[][2] = { { "Instrument", "MUSE" },
                                   { "FieldOfView", "2" },
                                   { "PixelScale", "1" },
                                   { "LambdaMin", "5000" },
                                   { "LambdaMax", "5300" },
                                   { "Psf", "none" },
                                   { "SspFile", library },
                                   { "Lsf", lsf },
                                   { "LsfFwhm", strcmp(lsf, "gaussian") ? "0" : "2.6" },
                                   { "TemplateSemantic", semantic },
                                   { "SspInterpolation", interpolation },
                                   { "BirthCloudTau", birth_tau } };
  struct cubix_params *par = NULL;
  *lab = (struct lab){ .scene = { .redshift = 0.02, .d_l_mpc = 88, .kpc_per_arcsec = 0.4, .flux_scale = 1e-32 } };
  CHECK_IS(cubix_params_init(&par), ==, CUBIX_OK);
  for (size_t i = 0; i < sizeof value / sizeof value[0]; i++)
    CHECK_IS(cubix_params_set(par, value[i][0], value[i][1]), ==, CUBIX_OK);
  int status = cubix_instrument_read(&lab->ins, par);
  if (!status)
    status =
        (kept ? cubix_templates_build_kept : cubix_templates_build)(&lab->templates, par, lab->ins, &lab->scene, 300);
  if (status) {
    printf("%s\n", cubix_error_message());
    abort();
  }
  cubix_params_free(par);
  const struct cubix_tables *v = &lab->templates->tables;
  lab->n = (size_t)v->n_z * (size_t)v->n_age * (size_t)v->n_knot;
  lab->n_row = (size_t)v->n_row * 2 * (size_t)(v->n_knot + 1);
  lab->luminosity = malloc(lab->n * sizeof *lab->luminosity);
  if (kept) memcpy(lab->luminosity, lab->templates->ssp->luminosity, lab->n * sizeof *lab->luminosity);
}

static void lab_free(struct lab *lab)
{
  cubix_templates_free(lab->templates);
  cubix_instrument_free(lab->ins);
  free(lab->luminosity);
}

/* ---- the whole model ------------------------------------------------------------------------- */
static double product(const cubix_real *a, const double *b, size_t n, double *size)
{
  double sum = 0;
  *size = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i], *size += fabs((double)a[i] * b[i]);
  return sum;
}

/* A direction that leaves no template negative. */
static double *direction(const struct lab *lab)
{
  double *dot = random_array(lab->n, 1);
  for (size_t i = 0; i < lab->n; i++) dot[i] *= 0.1 * lab->luminosity[i];
  return dot;
}

static void dot_product(const struct lab *lab, int gaussian)
{
  static const double scale[][4] = { { 1, 1, 1, 1 }, { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 }, { 0, 0, 0, 1 } };
  double *w = random_array(lab->n_row, 1), *dot = direction(lab), *bar[2];
  cubix_real *row_dot = malloc(lab->n_row * sizeof *row_dot);
  for (int s = 0; s < 5; s++) {
    double fwhm_bar[2] = { 0, 7 }, z_bar[2] = { 0, 7 }, tau_bar[2] = { 0, 7 }, size, other = 0;
    double fwhm_dot = gaussian ? 0.3 * scale[s][1] : 0, tau_dot = 0.4 * scale[s][3], z_dot = 0.02 * scale[s][2];
    for (int k = 0; k < 2; k++) {                 /* the second time added to what is there, by two threads */
      bar[k] = calloc(lab->n, sizeof *bar[k]);
      for (size_t i = 0; i < lab->n; i++) bar[k][i] = 1e-30 * k;
      omp_set_num_threads(1 + k);
      CHECK_IS(cubix_templates_vjp(lab->templates, lab->ins, w, bar[k], gaussian ? &fwhm_bar[k] : NULL, &z_bar[k],
                                   &tau_bar[k]), ==, CUBIX_OK);
      CHECK_IS(cubix_templates_jvp(lab->templates, lab->ins, scale[s][0] > 0 ? dot : NULL, fwhm_dot, z_dot, tau_dot,
                                   row_dot), ==, CUBIX_OK);
    }
    omp_set_num_threads(1);
    double one = product(row_dot, w, lab->n_row, &size);
    for (size_t i = 0; i < lab->n; i++) other += scale[s][0] * dot[i] * bar[0][i];
    other += fwhm_dot * fwhm_bar[0] + z_dot * z_bar[0] + tau_dot * tau_bar[0];
    check_same(one, other, size > 0 ? size : 1, 1e-14);
    CHECK_IS(size > 0, ==, scale[s][0] > 0 || tau_dot > 0 || (!lab->ins->lsf_none && (fwhm_dot > 0 || z_dot > 0)));
    CHECK_IS(z_bar[1], ==, 7 + z_bar[0]);
    CHECK_IS(fwhm_bar[1], ==, 7 + fwhm_bar[0]);
    CHECK_IS(tau_bar[1], ==, 7 + tau_bar[0]);
    for (size_t i = 0; i < lab->n; i += 17) CHECK_IS(bar[1][i], ==, 1e-30 + bar[0][i]);
    free(bar[0]), free(bar[1]);
  }
  free(w), free(dot), free(row_dot);
}

/* The rows as the library, the LSF, 1 + z or the birth clouds change by h. */
enum leaf { LUMINOSITY, FWHM, REDSHIFT, CLOUDS };
static void move(struct lab *lab, enum leaf leaf, const double *dot, double h)
{
  struct cubix_scene scene = lab->scene;
  double *luminosity = malloc(lab->n * sizeof *luminosity), fwhm = lab->ins->lsf_fwhm.coef[0],
         tau = lab->templates->birth.tau;
  for (size_t i = 0; i < lab->n; i++) luminosity[i] = lab->luminosity[i] + (leaf == LUMINOSITY ? h * dot[i] : 0);
  if (leaf == REDSHIFT) scene.redshift += h;
  if (leaf == FWHM) CHECK_IS(cubix_instrument_set_lsf(lab->ins, fwhm + h), ==, CUBIX_OK);
  if (leaf == CLOUDS) lab->templates->birth.tau += h;
  CHECK_IS(cubix_templates_remake(lab->templates, lab->ins, &scene, luminosity), ==, CUBIX_OK);
  lab->templates->birth.tau = tau;
  if (leaf == FWHM) CHECK_IS(cubix_instrument_set_lsf(lab->ins, fwhm), ==, CUBIX_OK);
  free(luminosity);
}

/* What is left of the rows' change after their tangents falls with the square of the step, over four decades. */
static void taylor(struct lab *lab, enum leaf leaf, double h)
{
  double *dot = direction(lab), last = 0;
  cubix_real *before = malloc(lab->n_row * sizeof *before), *row_dot = malloc(lab->n_row * sizeof *row_dot);
  memcpy(before, lab->templates->row, lab->n_row * sizeof *before);
  CHECK_IS(cubix_templates_jvp(lab->templates, lab->ins, leaf == LUMINOSITY ? dot : NULL, leaf == FWHM,
           leaf == REDSHIFT, leaf == CLOUDS, row_dot), ==, CUBIX_OK);
  for (int k = 0; k < 5; k++) {
    double step = h * pow(10, -k), remainder = 0;
    move(lab, leaf, dot, step);
    for (size_t i = 0; i < lab->n_row; i++)
      remainder += fabs((double)(lab->templates->row[i] - before[i] - step * row_dot[i]));
    if (k) CHECK_CLOSE(log10(last / remainder), 2, 0.1);
    last = remainder;
  }
  CHECK_IS(last, >, 0);
  move(lab, leaf, dot, 0);
  free(dot), free(before), free(row_dot);
}

/* Rows are linear in the luminosities without pchip. */
static void linear(struct lab *lab)
{
  double *dot = direction(lab), most = 0;
  cubix_real *before = malloc(lab->n_row * sizeof *before), *row_dot = malloc(lab->n_row * sizeof *row_dot);
  memcpy(before, lab->templates->row, lab->n_row * sizeof *before);
  CHECK_IS(cubix_templates_jvp(lab->templates, lab->ins, dot, 0, 0, 0, row_dot), ==, CUBIX_OK);
  move(lab, LUMINOSITY, dot, 1);
  for (size_t i = 0; i < lab->n_row; i++)
    most = check_worst(most, fabs((double)(lab->templates->row[i] - before[i] - row_dot[i])));
  CHECK_IS(most, <, 1e-14);
  move(lab, LUMINOSITY, dot, 0);
  CHECK(!memcmp(before, lab->templates->row, lab->n_row * sizeof *before));
  free(dot), free(before), free(row_dot);
}

static void models(void)
{
  static const char *const lsf[] = { "none", "gaussian", "instrument" }, *const semantic[] = { "spline", "linear" },
                           *const interpolation[] = { "linear", "pchip" };
  char which[100];
  for (int n_age = 1; n_age <= 5; n_age += n_age < 3 ? 1 : 2) {
    write_library(n_age);
    for (int a = n_age < 5 ? 1 : 0; a < (n_age < 5 ? 2 : 3); a++)
      for (int b = 0; b < 2; b++)
        for (int c = 0; c < 2; c++) {
          struct lab lab;
          lab_init(&lab, lsf[a], semantic[b], interpolation[c], 1, n_age == 5 ? "0.8" : "0");
          snprintf(which, sizeof which, "%d ages, lsf %s, %s, %s", n_age, lsf[a], semantic[b], interpolation[c]);
          CASE_OF(dot_product(&lab, a == 1), "%s", which);
          if (c == 0) CASE_OF(linear(&lab), "%s", which);
          if (n_age == 5 && c == 1) CASE_OF(taylor(&lab, LUMINOSITY, 0.3), "luminosity, %s", which);
          if (n_age == 5 && a == 1) CASE_OF(taylor(&lab, FWHM, 0.1), "fwhm, %s", which);
          if (n_age == 5 && a > 0) CASE_OF(taylor(&lab, REDSHIFT, 0.05), "redshift, %s", which);
          if (n_age == 5 && a > 0) CASE_OF(taylor(&lab, CLOUDS, 0.2), "clouds, %s", which);
          lab_free(&lab);
        }
  }
}

/* Made again is what it would have been; a redshift out of reach changes nothing. */
static void again(void)
{
  struct lab kept, fresh;
  struct cubix_scene outliers;
  double bar = 0;
  lab_init(&kept, "gaussian", "spline", "pchip", 1, "0.3");
  lab_init(&fresh, "gaussian", "spline", "pchip", 0, "0.3");
  CHECK_IS(kept.n_row, ==, fresh.n_row);
  CHECK(!memcmp(kept.templates->row, fresh.templates->row, kept.n_row * sizeof(cubix_real)));
  CHECK_IS(kept.templates->n_too_broad, >, 0);
  CHECK_IS(kept.templates->n_too_broad, <, kept.ins->n_lambda);
  CHECK_IS(kept.templates->n_uncovered, ==, 0);
  outliers = kept.scene;
  outliers.redshift += 0.01;
  /* the library ends before the range that was asked for */
  CHECK_IS(cubix_templates_remake(kept.templates, kept.ins, &outliers, NULL), ==, CUBIX_OK);
  CHECK(memcmp(kept.templates->row, fresh.templates->row, kept.n_row * sizeof(cubix_real)));
  CHECK_IS(kept.templates->tables.one_plus_z, ==, 1 + outliers.redshift);
  CHECK_IS(cubix_templates_remake(kept.templates, kept.ins, &kept.scene, NULL), ==, CUBIX_OK);
  CHECK(!memcmp(kept.templates->row, fresh.templates->row, kept.n_row * sizeof(cubix_real)));
  CHECK(!memcmp(kept.templates->light, fresh.templates->light, (size_t)kept.templates->tables.n_row * sizeof(double)));
  CHECK(!memcmp(kept.templates->covered, fresh.templates->covered, (size_t)kept.ins->n_lambda));
  CHECK_IS(kept.templates->n_too_broad, ==, fresh.templates->n_too_broad);
  kept.templates->ssp->lambda_first = 1000;                          /* as if there were more of it */
  CHECK_IS(cubix_templates_remake(kept.templates, kept.ins, &outliers, NULL), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "open again");
  CHECK(!memcmp(kept.templates->row, fresh.templates->row, kept.n_row * sizeof(cubix_real)));
  CHECK_IS(kept.templates->tables.one_plus_z, ==, 1 + kept.scene.redshift);
  outliers.redshift = kept.scene.redshift + 0.002;
  CHECK_IS(cubix_templates_remake(kept.templates, kept.ins, &outliers, NULL), ==, CUBIX_OK);
  CHECK_IS(cubix_templates_remake(fresh.templates, fresh.ins, &outliers, NULL), ==, CUBIX_EFAIL);
  CHECK_IS(cubix_templates_vjp(fresh.templates, fresh.ins, &bar, NULL, NULL, &bar, NULL), ==, CUBIX_EFAIL);
  kept.luminosity[5] = NAN;
  CHECK_IS(cubix_templates_remake(kept.templates, kept.ins, &outliers, kept.luminosity), ==, CUBIX_EINPUT);
  CHECK_IS(cubix_instrument_set_lsf(kept.ins, 0), ==, CUBIX_EUSAGE);
  CHECK_IS(cubix_instrument_set_lsf(kept.ins, NAN), ==, CUBIX_EUSAGE);
  CHECK_IS(cubix_instrument_set_lsf(kept.ins, 2e5), ==, CUBIX_EUSAGE);
  CHECK_IS(kept.ins->lsf_fwhm.coef[0], ==, 2.6);
  lab_free(&kept);
  lab_free(&fresh);
  lab_init(&kept, "instrument", "spline", "linear", 1, "0");
  CHECK_IS(cubix_templates_vjp(kept.templates, kept.ins, &bar, NULL, &bar, NULL, NULL), ==, CUBIX_EUSAGE);
  CHECK_IS(cubix_instrument_set_lsf(kept.ins, 2.6), ==, CUBIX_EUSAGE);
  lab_free(&kept);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  omp_set_num_threads(1);
  CASE(spline_adjoint());
  CASE(lsf_slope(1));
  CASE(lsf_slope(0));
  CASE(pchip_slopes());
  CASE(curves());
  models();
  CASE(again());
  remove(library);
  return check_done();
}
