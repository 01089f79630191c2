/* test_cuda_paint_vjp.c -- derivatives of the direct method by the GPU's code without a GPU: cuda/,
 * unchanged, on the stand-in runtime of tests/cuda/on_cpu, against the CPU's and, forward against
 * reverse, against themselves; and with every failure that CUDA and memory can have.
 *
 * A cargo has 13 stars here and one spectrum or a few (tests/Makefile.inc), so that 90 stars need many.
 */
#define LAB_N_SPAXEL 7
#define LAB_N_STAR 90
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tests/check.h"
#include "tests/cuda/gpu_lab.h"
#include "engine/device.h"
#include "physics/paint_vjp.h"
#include "tests/paint_lab.h"

static size_t start[N_SPAXEL + 1] = { 0, 0, 1, 1, 7, 76, N_STAR, N_STAR }, none[N_SPAXEL + 1],
                               one[N_SPAXEL + 1] = { 0, 0, 0, 1, 1, 1, 1, 1 };
enum backend { CPU, CUDA, N_BACKEND };
static struct cubix_params *params[N_BACKEND];

/* ---- a model, stars, cubes ------------------------------------------------------------------- */

static const struct setting settings[] = {
  { "spline",                 400, 200, 1, 0, 0, 0.9, 0,   4150, 1.25 },
  { "uneven knots, pchip",    300, 130, 1, 1, 0, 1.2, 0.8, 4200, 1.25 },
  { "several channels to an interval", 110, 203, 0, 0, 0, 8, 0.1, 4300, 1.5 },
  { "many intervals to a channel", 600, 17, 1, 0, 0, 0.9, 0.3, 4100, 21 },   /* a few rows to a cargo */
  { "beyond both ends",       100, 160, 1, 1, 1, 1.1, 0,   4040, 1.25 },
  { "one channel",            30,    1, 0, 1, 0, 1.1, 0.5, 4097, 1.25 },
};
enum { N_SETTING = sizeof settings / sizeof *settings };
static const struct setting quick = { "quick", 60, 17, 1, 0, 0, 9, 0.3, 4100, 21 };   /* painted hundreds of times */

/* ---- what the processors make ---------------------------------------------------------------- */

/* Everything that is asked for; all that is not NULL holds something already. */
struct result { struct cubix_star_bar bar[N_STAR]; double *row_bar; cubix_real *flux_dot; };

static void result_begin(struct result *r, const struct cubix_tables *v, int rows)
{
  size_t n_row = (size_t)v->n_row * (size_t)v->row_stride, n_flux = N_SPAXEL * (size_t)v->n_lambda;
  for (int j = 0; j < N_STAR; j++) r->bar[j] = (struct cubix_star_bar){ 0.25, -0.5, 3, j, 7 };
  r->row_bar = rows ? malloc(n_row * sizeof *r->row_bar) : NULL;
  r->flux_dot = malloc(n_flux * sizeof *r->flux_dot);
  for (size_t i = 0; i < n_row && rows; i++) r->row_bar[i] = 0.125;
  for (size_t i = 0; i < n_flux; i++) r->flux_dot[i] = 0.5;
}

static void result_free(struct result *r)
{
  free(r->row_bar);
  free(r->flux_dot);
}

static int derive(enum backend backend, const struct cubix_tables *v, size_t *from, cubix_real *flux_bar,
                  const struct cubix_star_bar *dot, struct result *r)
{
  int status = CUBIX_OK;
  const struct cubix_placement p = { .n_spaxel = N_SPAXEL, .start = from, .star = star };
  struct cubix_device *dev = NULL;
  struct cubix_cube cube_bar = cube_of(v, flux_bar), cube_dot = cube_of(v, r->flux_dot);
  CUBIX_TRY(cubix_device_open(&dev, params[backend], 0, 1));
  CUBIX_TRY(cubix_device_paint_vjp(dev, v, &p, &cube_bar, r->bar, r->row_bar));
  CUBIX_TRY(cubix_device_paint_jvp(dev, v, &p, dot, &cube_dot));
done:
  cubix_device_close(dev);
  return status;
}

/* Largest difference of n kinds of bars from one on, in units of the largest of the kind. */
static double kinds_apart(const struct cubix_star_bar *a, const struct cubix_star_bar *b, int first, int n)
{
  double worst = 0, most[5] = { 0 }, off[5] = { 0 };
  for (int j = 0; j < N_STAR; j++) {
    const double x[5] = { a[j].mass_formed, a[j].velocity, a[j].f_z, a[j].f_age, a[j].screen },
                 y[5] = { b[j].mass_formed, b[j].velocity, b[j].f_z, b[j].f_age, b[j].screen };
    for (int c = 0; c < 5; c++) {
      most[c] = check_worst(most[c], fabs(y[c]));
      off[c] = check_worst(off[c], fabs(x[c] - y[c]));
    }
  }
  for (int c = first; c < first + n; c++) worst = check_worst(worst, off[c] / most[c]);
  return worst;
}

static double bars_apart(const struct cubix_star_bar *a, const struct cubix_star_bar *b)
{
  return kinds_apart(a, b, 0, lab_dust ? 5 : 4);
}

static double rows_apart(const double *a, const double *b, size_t n)
{
  double most = 0, off = 0;
  for (size_t i = 0; i < n; i++) {
    most = check_worst(most, fabs(b[i]));
    off = check_worst(off, fabs(a[i] - b[i]));
  }
  return off / most;
}

static double flux_apart(const cubix_real *a, const cubix_real *b, size_t n)
{
  double most = 0, off = 0;
  for (size_t i = 0; i < n; i++) {
    most = check_worst(most, fabs((double)b[i]));
    off = check_worst(off, fabs((double)a[i] - (double)b[i]));
  }
  return off / most;
}

static void random_dots(struct cubix_star_bar *dot)
{
  for (int j = 0; j < N_STAR; j++)
    dot[j] = (struct cubix_star_bar){ uniform() - 0.4, j % 4 ? 40 * (uniform() - 0.5) : 0, uniform() - 0.5,
                                      uniform() - 0.6, lab_dust ? uniform() - 0.5 : 0 };
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void test_parity(void)
{
  static struct {
    size_t *start;
    int dark, rows;
  } row[] = { { start, 0, 1 }, { start, 0, 0 }, { start, 1, 1 }, { one, 0, 1 }, { none, 0, 1 } };
  for (int i = 0; i < N_SETTING; i++)
    for (int r = 0; r < (i ? 1 : 5); r++) {
      struct cubix_tables v = tables_of(&settings[i]);
      size_t n_row = (size_t)v.n_row * (size_t)v.row_stride, n_flux = N_SPAXEL * (size_t)v.n_lambda,
             n_star = row[r].start[N_SPAXEL];
      cubix_real *flux_bar = random_flux(n_flux, row[r].dark);
      struct cubix_star_bar dot[N_STAR];
      struct result cpu, before, plain;
      random_dots(dot);
      result_begin(&cpu, &v, row[r].rows);
      result_begin(&before, &v, row[r].rows);
      result_begin(&plain, &v, 0);
      plain_vjp(&v, row[r].start, flux_bar, plain.bar);
      CHECK_IS(derive(CPU, &v, row[r].start, flux_bar, dot, &cpu), ==, CUBIX_OK);
      CHECK_IS(bars_apart(cpu.bar, before.bar) > 0.01, ==, n_star > 0 && !row[r].dark);
      for (cuda_on_cpu.lazy = 0; cuda_on_cpu.lazy < 2; cuda_on_cpu.lazy++) {
        struct result gpu;
        result_begin(&gpu, &v, row[r].rows);
        cuda_on_cpu.n_launch = 0;
        CHECK_IS(derive(CUDA, &v, row[r].start, flux_bar, dot, &gpu), ==, CUBIX_OK);
        CHECK_IS(cuda_on_cpu.n_launch > 0, ==, n_star > 0);
        CHECK_IS(cuda_on_cpu.n_launch > 8, ==, n_star > 1);
        CHECK_CLOSE(kinds_apart(gpu.bar, plain.bar, 0, 4), 0, 1e-12);
        /* a sum of channels as they are painted, in float32, where nvcc fuses what the host rounds twice */
        if (lab_dust) CHECK_CLOSE(kinds_apart(gpu.bar, plain.bar, 4, 1), 0, 5e-7);
        CHECK_CLOSE(bars_apart(gpu.bar, cpu.bar), 0, 1e-6);
        CHECK_CLOSE(flux_apart(gpu.flux_dot, cpu.flux_dot, n_flux), 0, 1e-6);
        if (row[r].rows) CHECK_CLOSE(rows_apart(gpu.row_bar, cpu.row_bar, n_row), 0, 1e-6);
        /* nothing of these two is in the band */
        if (n_star > 6) CHECK(!memcmp(&gpu.bar[4], &before.bar[4], 2 * sizeof *gpu.bar));
        CHECK_IS(cuda_on_cpu.n_live, ==, 0);
        result_free(&gpu);
      }
      result_free(&cpu);
      result_free(&before);
      result_free(&plain);
      free(flux_bar);
      free((void *)v.row);
    }
  cuda_on_cpu.lazy = 0;
}

/* Forward against reverse, both on the GPU: <J dot, flux_bar> = <dot, J^T flux_bar>. */
static void test_adjoint(void)
{
  for (int i = 0; i < N_SETTING; i++) {
    struct cubix_tables v = tables_of(&settings[i]);
    cubix_real *flux_bar = random_flux(N_SPAXEL * (size_t)v.n_lambda, 0);
    struct cubix_star_bar dot[N_STAR];
    struct result r;
    double forward = 0, reverse = 0, terms = 0;
    random_dots(dot);
    result_begin(&r, &v, 0);
    memset(r.bar, 0, sizeof r.bar);
    memset(r.flux_dot, 0, N_SPAXEL * (size_t)v.n_lambda * sizeof *r.flux_dot);
    CHECK_IS(derive(CUDA, &v, start, flux_bar, dot, &r), ==, CUBIX_OK);
    for (size_t k = 0; k < N_SPAXEL * (size_t)v.n_lambda; k++) {
      forward += (double)r.flux_dot[k] * (double)flux_bar[k];
      terms += fabs((double)r.flux_dot[k] * (double)flux_bar[k]);
    }
    for (int j = 0; j < N_STAR; j++)
      reverse += r.bar[j].mass_formed * dot[j].mass_formed + r.bar[j].velocity * dot[j].velocity +
                 r.bar[j].f_z * dot[j].f_z + r.bar[j].f_age * dot[j].f_age + r.bar[j].screen * dot[j].screen;
    CHECK_IS(terms, >, 0);
    CHECK_CLOSE((forward - reverse) / terms, 0, 2e-6);
    result_free(&r);
    free(flux_bar);
    free((void *)v.row);
  }
}

/* Every call of CUDA, and every allocation of ours, fails once: an error with a message, or, where
 * all is done and only given back, the right result; and nothing is kept. */
static void test_failures(void)
{
  struct cubix_tables v = tables_of(&quick);
  cubix_real *flux_bar = random_flux(N_SPAXEL * (size_t)v.n_lambda, 0);
  struct cubix_star_bar dot[N_STAR];
  struct result want, got;
  random_dots(dot);
  for (int kind = 0; kind < 3; kind++) {       /* calls, calls with work done late, allocations */
    int n_error = 0, n_ignored = 0;
    cuda_on_cpu.lazy = kind == 1;
    result_begin(&want, &v, 1);
    cuda_on_cpu.n_call = n_alloc = 0;
    CHECK_IS(derive(CUDA, &v, start, flux_bar, dot, &want), ==, CUBIX_OK);
    for (long n = kind == 2 ? n_alloc : cuda_on_cpu.n_call, i = 1; i <= n; i++) {
      result_begin(&got, &v, 1);
      cuda_on_cpu.n_call = n_alloc = 0;
      if (kind == 2) fail_alloc_at = i;
      else cuda_on_cpu.fail_at = i;
      int status = derive(CUDA, &v, start, flux_bar, dot, &got);
      cuda_on_cpu.fail_at = fail_alloc_at = 0;
      if (kind == 2) n_error += status == CUBIX_ENOMEM && strstr(cubix_error_message(), "cannot allocate");
      else n_error += status == CUBIX_EDEVICE && strstr(cubix_error_message(), "use Backend cpu");
      n_ignored += status == CUBIX_OK && !memcmp(got.bar, want.bar, sizeof want.bar) &&
                   !memcmp(got.flux_dot, want.flux_dot, N_SPAXEL * (size_t)v.n_lambda * sizeof *want.flux_dot);
      CHECK_IS(n_error + n_ignored, ==, i);
      CHECK_IS(cuda_on_cpu.n_live, ==, 0);
      cubix_error_clear();
      result_free(&got);
    }
    if (kind == 2) {
      CHECK_IS(n_error, >, 2);
      CHECK_IS(n_ignored, ==, 0);
    } else {
      /* the three streams after both ways and on closing; the context, there */
      CHECK_IS(n_error, >, 100);
      CHECK_IS(n_ignored, ==, 10);
    }
    result_free(&want);
  }
  cuda_on_cpu.lazy = 0;
  free(flux_bar);
  free((void *)v.row);
}

/* Where the memory does not suffice it is said. */
static void test_memory(void)
{
  struct cubix_tables v = tables_of(&settings[1]);
  const struct cubix_placement p = { .n_spaxel = N_SPAXEL, .start = start, .star = star };
  size_t memory = cuda_on_cpu.memory;
  struct cubix_device *dev = NULL;
  struct result r;
  cubix_real *flux_bar = random_flux(N_SPAXEL * (size_t)v.n_lambda, 0);
  struct cubix_cube cube_bar = cube_of(&v, flux_bar);
  result_begin(&r, &v, 1);
  REQUIRE(cubix_device_open(&dev, params[CUDA], 0, 1) == CUBIX_OK);
  CHECK_IS(dev->ops->load(dev, &v), ==, CUBIX_OK);
  cuda_on_cpu.memory = 160000;                 /* the tables, and not the templates' derivatives */
  CHECK_IS(dev->ops->paint_vjp(dev, &p, &cube_bar, r.bar, r.row_bar), ==, CUBIX_EDEVICE);
  CHECK_SAYS(cubix_error_message(), "stand-in GPU 0");
  CHECK_SAYS(cubix_error_message(), "for derivatives by the templates");
  CHECK_SAYS(cubix_error_message(), "of 0.2 MiB are free");
  CHECK_SAYS(cubix_error_message(), "use Backend cpu");
  CHECK_IS(dev->ops->paint_vjp(dev, &p, &cube_bar, r.bar, NULL), ==, CUBIX_OK);
  cuda_on_cpu.memory = memory;
  cubix_error_clear();
  cubix_device_close(dev);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  result_free(&r);
  free(flux_bar);
  free((void *)v.row);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  static const char *const backend[] = { "cpu", "cuda" };
  for (int b = 0; b < N_BACKEND; b++)
    if (cubix_params_init(&params[b]) || cubix_params_set(params[b], "Backend", backend[b])) abort();
  omp_set_num_threads(1);
  for (int i = 0; cuda_on_cpu_pass(i); i++)
    for (lab_dust = 0; lab_dust < 2; lab_dust++) {
      make_stars();
      CASE_OF(test_parity(), "seed %lu%s", cuda_on_cpu.seed, lab_dust ? ", dust" : "");
      CASE_OF(test_adjoint(), "seed %lu%s", cuda_on_cpu.seed, lab_dust ? ", dust" : "");
    }
  lab_dust = 0;
  make_stars();
  if (!cuda_on_cpu_brief()) {
    CASE(test_failures());
    CASE(test_memory());
  }
  for (int b = 0; b < N_BACKEND; b++) cubix_params_free(params[b]);
  return check_done();
}
