/* test_paint_vjp.c -- derivatives of the direct method on the CPU, in float32 and, as
 * test_paint_vjp64, in float64: against the plain kernel, against each other (forward against
 * reverse), and in float64 against differences of what the forward paints. */
#define LAB_N_SPAXEL 5
#define LAB_N_STAR 70
#include <float.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tests/check.h"
#include "direct/dim.h"
#include "direct/paint_screen.h"
#include "engine/device.h"
#include "physics/paint_vjp.h"
#include "tests/paint_lab.h"

static const int is_double = sizeof(cubix_real) == 8;
static size_t start[N_SPAXEL + 1] = { 0, 1, 1, 8, 20, N_STAR };

static const struct setting settings[] = {
  { "as MUSE on E-MILES",    900,  500, 1, 0, 0, 0.9,  0,   4150, 1.25 },
  { "uneven knots, pchip",   700,  400, 1, 1, 0, 1.2,  0.8, 4200, 1.25 },
  { "straight lines",        800,  403, 0, 0, 0, 0.95, 0.01, 4180, 1.25 },
  { "narrow channels, pchip", 210, 600, 1, 1, 0, 8,   0.1, 4300, 1.5 },
  { "broad channels",       1500,   37, 1, 0, 0, 0.9,  0.3, 4100, 21 },
  { "beyond both ends",      200,  300, 1, 1, 1, 1.1,  0,   4100, 1.25 },
  { "one channel",            30,    1, 0, 1, 0, 1.1,  0.5, 4097, 1.25 },
};

struct bench {
  struct cubix_tables tables;
  struct cubix_placement place;
  struct cubix_device dev;
  struct cubix_cube cube;
  size_t n_flux, n_row;           /* numbers in the cube, in the rows */
};

static void open_bench(struct bench *b, const struct setting *s, int n_thread)
{
  *b = (struct bench){ .tables = tables_of(s),
                       .place = { .n_spaxel = N_SPAXEL, .start = start, .star = star },
                       .dev = { .ops = &cubix_device_cpu_ops } };
  b->n_flux = (size_t)N_SPAXEL * (size_t)s->n_lambda;
  b->n_row = (size_t)b->tables.n_row * (size_t)b->tables.row_stride;
  omp_set_num_threads(n_thread);
  CHECK_IS(b->dev.ops->open(&b->dev, 0), ==, CUBIX_OK);
}

static void close_bench(struct bench *b)
{
  b->dev.ops->close(&b->dev);
  free((void *)b->tables.row);
}

static double dot_flux(const cubix_real *a, const cubix_real *b, size_t n)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

/* What the forward paints.  @param[out] flux the caller's */
static void forward(struct bench *b, cubix_real *flux)
{
  struct cubix_cube cube = cube_of(&b->tables, flux);
  memset(flux, 0, b->n_flux * sizeof *flux);
  CHECK_IS(cubix_device_paint(&b->dev, &b->tables, &b->place, &cube), ==, CUBIX_OK);
}

static double dot_bar(const struct cubix_star_bar *a, const struct cubix_star_bar *b, size_t n)
{
  double sum = 0;
  for (size_t j = 0; j < n; j++)
    sum += a[j].mass_formed * b[j].mass_formed + a[j].velocity * b[j].velocity + a[j].f_z * b[j].f_z +
           a[j].f_age * b[j].f_age + a[j].screen * b[j].screen;
  return sum;
}

/* What rounding is measured by. */
static double size_bar(const struct cubix_star_bar *a, const struct cubix_star_bar *b, size_t n)
{
  double sum = 0;
  for (size_t j = 0; j < n; j++)
    sum += fabs(a[j].mass_formed * b[j].mass_formed) + fabs(a[j].velocity * b[j].velocity) +
           fabs(a[j].f_z * b[j].f_z) + fabs(a[j].f_age * b[j].f_age) + fabs(a[j].screen * b[j].screen);
  return sum;
}

/* A direction; `which` bits: mass, velocity, f_z, f_age, A(V). */
static void random_dot(struct cubix_star_bar *dot, int which)
{
  for (int j = 0; j < N_STAR; j++)
    dot[j] = (struct cubix_star_bar){ which & 1 ? uniform() - 0.3 : 0, which & 2 ? 40 * (uniform() - 0.3) : 0,
                                      which & 4 ? uniform() - 0.3 : 0, which & 8 ? uniform() - 0.3 : 0,
                                      which & 16 && lab_dust ? uniform() - 0.3 : 0 };
}

/* All of them apart by at most tol of the largest of their kind; those of velocity, which are differences, by more. */
static void check_same(const struct cubix_star_bar *a, const struct cubix_star_bar *b, double tol)
{
  double most[5] = { 0 }, worst[5] = { 0 };
  for (int j = 0; j < N_STAR; j++) {
    double x[5] = { a[j].mass_formed, a[j].velocity, a[j].f_z, a[j].f_age, a[j].screen },
           y[5] = { b[j].mass_formed, b[j].velocity, b[j].f_z, b[j].f_age, b[j].screen };
    for (int q = 0; q < 5; q++) {
      CHECK(isfinite(x[q]));
      most[q] = check_worst(most[q], fabs(y[q]));
      worst[q] = check_worst(worst[q], fabs(x[q] - y[q]));
    }
  }
  for (int q = 0; q < (lab_dust ? 5 : 4); q++) CHECK_CLOSE(worst[q] / most[q], 0, q == 1 ? 50 * tol : tol);
}

/* Reverse against the plain kernel and against forward; it adds; exactly 0 where that is the truth. */
static void test_reverse(const struct setting *s)
{
  struct bench b;
  struct cubix_star_bar bar[N_STAR] = { 0 }, twice[N_STAR], plain[N_STAR] = { 0 }, dot[N_STAR];
  open_bench(&b, s, 1);
  cubix_real *flux_bar = random_flux(b.n_flux, 0), *flux_dot = cubix_alloc(b.n_flux, sizeof *flux_dot);
  struct cubix_cube cube_bar = cube_of(&b.tables, flux_bar), cube_dot = cube_of(&b.tables, flux_dot);
  CHECK_IS(cubix_device_paint_vjp(&b.dev, &b.tables, &b.place, &cube_bar, bar, NULL), ==, CUBIX_OK);
  plain_vjp(&b.tables, start, flux_bar, plain);
  check_same(bar, plain, is_double ? 1e-12 : 1e-6);
  CHECK_IS(bar[3].velocity, ==, 0);
  CHECK_IS(bar[3].f_z, ==, 0);
  CHECK_IS(bar[3].f_age, ==, 0);
  CHECK_IS(bar[3].mass_formed, !=, 0);
  for (int j = 4; j < 6; j++) {
    CHECK_IS(bar[j].mass_formed, ==, 0);
    CHECK_IS(bar[j].velocity, ==, 0);
    CHECK_IS(bar[j].f_z, ==, 0);
    CHECK_IS(bar[j].f_age, ==, 0);
  }
  memcpy(twice, bar, sizeof bar);
  CHECK_IS(cubix_device_paint_vjp(&b.dev, &b.tables, &b.place, &cube_bar, twice, NULL), ==, CUBIX_OK);
  for (int j = 0; j < N_STAR; j++) CHECK_CLOSE(twice[j].velocity, 2 * bar[j].velocity, 1e-14 * fabs(bar[j].velocity));
  static const int directions[] = { 1, 2, 4, 8, 15, 16, 31 };
  for (int q = 0; q < (lab_dust ? 7 : 5); q++) {
    random_dot(dot, directions[q]);
    memset(flux_dot, 0, b.n_flux * sizeof *flux_dot);
    CHECK_IS(cubix_device_paint_jvp(&b.dev, &b.tables, &b.place, dot, &cube_dot), ==, CUBIX_OK);
    double ahead = dot_flux(flux_dot, flux_bar, b.n_flux), reverse = dot_bar(bar, dot, N_STAR);
    CHECK_CLOSE(ahead, reverse, is_double ? 1e-12 * size_bar(bar, dot, N_STAR) : 1e-5 * fabs(reverse));
  }
  free(flux_bar);
  free(flux_dot);
  close_bench(&b);
}

/* Differences of the forward, float64, from the largest step to the smallest by factors of ten:
 * what the tangent leaves of them falls with the square of the step, or is nothing where the flux
 * is linear.  (That reverse is forward's transpose, test_reverse says.) */
static void test_taylor(const struct setting *s, int which, double largest, double smallest, int is_linear)
{
  struct bench b;
  struct cubix_star_bar dot[N_STAR];
  struct cubix_star at[N_STAR];
  double before = 0;
  open_bench(&b, s, 1);
  cubix_real *slope = cubix_alloc(b.n_flux, sizeof *slope), *here = cubix_alloc(b.n_flux, sizeof *here),
             *there = cubix_alloc(b.n_flux, sizeof *there);
  struct cubix_cube cube_dot = cube_of(&b.tables, slope);
  random_dot(dot, which);
  CHECK_IS(cubix_device_paint_jvp(&b.dev, &b.tables, &b.place, dot, &cube_dot), ==, CUBIX_OK);
  memcpy(at, star, sizeof at);
  forward(&b, here);
  for (double h = largest; h > 0.5 * smallest; h /= 10) {
    for (int j = 0; j < N_STAR; j++) {
      star[j].mass_formed = at[j].mass_formed + h * dot[j].mass_formed;
      star[j].velocity = at[j].velocity + h * dot[j].velocity;
      star[j].f_z = at[j].f_z + h * dot[j].f_z;
      star[j].f_age = at[j].f_age + h * dot[j].f_age;
      star[j].screen = at[j].screen + (cubix_real)(h * dot[j].screen);
    }
    forward(&b, there);
    for (size_t i = 0; i < b.n_flux; i++) there[i] -= here[i] + h * slope[i];
    double rest = sqrt(dot_flux(there, there, b.n_flux)), whole = h * sqrt(dot_flux(slope, slope, b.n_flux));
    if (is_linear) CHECK_CLOSE(rest / whole, 0, 1e-13 / h);
    else if (h < largest) CHECK_CLOSE(log10(before / rest), 2, 0.1);
    before = rest;
  }
  memcpy(star, at, sizeof at);
  free(slope);
  free(here);
  free(there);
  close_bench(&b);
}

/* The rows' cotangents: the flux is linear in the rows. */
static void test_rows(const struct setting *s)
{
  struct bench b;
  struct cubix_star_bar bar[N_STAR] = { 0 };
  open_bench(&b, s, 1);
  cubix_real *flux_bar = random_flux(b.n_flux, 0), *row_dot = random_flux(b.n_row, 0),
             *flux = cubix_alloc(b.n_flux, sizeof *flux);
  const cubix_real *row = b.tables.row;
  double *row_bar = cubix_alloc(b.n_row, sizeof *row_bar), reverse = 0;
  struct cubix_cube cube_bar = cube_of(&b.tables, flux_bar);
  CHECK_IS(cubix_device_paint_vjp(&b.dev, &b.tables, &b.place, &cube_bar, bar, row_bar), ==, CUBIX_OK);
  for (size_t i = 0; i < b.n_row; i++) reverse += row_bar[i] * (double)row_dot[i];
  for (int r = 0; r < b.tables.n_row; r++) CHECK_IS(row_bar[(size_t)(r + 1) * (size_t)b.tables.row_stride - 1], ==, 0);
  b.tables.row = row_dot;
  forward(&b, flux);
  CHECK_CLOSE(dot_flux(flux, flux_bar, b.n_flux) / reverse, 1, is_double ? 1e-12 : 1e-5);
  b.tables.row = row;
  free(flux_bar);
  free(row_dot);
  free(flux);
  free(row_bar);
  close_bench(&b);
}

/* The same bits by one thread and by two; and the channels in two parts. */
static void test_shares(const struct setting *s)
{
  struct cubix_star_bar bar[2][N_STAR] = { 0 }, part_bar[N_STAR] = { 0 };
  struct bench b;
  open_bench(&b, s, 1);
  cubix_real *flux_bar = random_flux(b.n_flux, 0), *flux_dot[2], *part = cubix_alloc(b.n_flux, sizeof *part);
  double *row_bar[2];
  for (int t = 0; t < 2; t++) {
    struct cubix_cube cube_bar = cube_of(&b.tables, flux_bar),
                      cube_dot = cube_of(&b.tables, flux_dot[t] = cubix_alloc(b.n_flux, sizeof **flux_dot));
    row_bar[t] = cubix_alloc(b.n_row, sizeof **row_bar);
    b.dev.ops->close(&b.dev);
    omp_set_num_threads(t + 1);
    CHECK_IS(b.dev.ops->open(&b.dev, 0), ==, CUBIX_OK);
    CHECK_IS(cubix_device_paint_vjp(&b.dev, &b.tables, &b.place, &cube_bar, bar[t], row_bar[t]), ==, CUBIX_OK);
    CHECK_IS(cubix_device_paint_jvp(&b.dev, &b.tables, &b.place, bar[t], &cube_dot), ==, CUBIX_OK);
  }
  CHECK(!memcmp(bar[0], bar[1], sizeof bar[0]));
  CHECK(!memcmp(row_bar[0], row_bar[1], b.n_row * sizeof **row_bar));
  CHECK(!memcmp(flux_dot[0], flux_dot[1], b.n_flux * sizeof **flux_dot));
  for (int from = 0, half = s->n_lambda / 3; from < s->n_lambda; from += half, half = s->n_lambda - from) {
    struct cubix_cube cube_bar = { .n_x = N_SPAXEL, .n_y = 1, .lambda_first = from, .n_lambda = half, .flux = part };
    for (size_t i = 0; i < (size_t)N_SPAXEL * (size_t)half; i++)
      part[i] = flux_bar[i / (size_t)half * (size_t)s->n_lambda + (size_t)from + i % (size_t)half];
    CHECK_IS(cubix_device_paint_vjp(&b.dev, &b.tables, &b.place, &cube_bar, part_bar, NULL), ==, CUBIX_OK);
  }
  check_same(part_bar, bar[0], is_double ? 1e-12 : 1e-6);
  for (int t = 0; t < 2; t++) {
    free(flux_dot[t]);
    free(row_bar[t]);
  }
  free(flux_bar);
  free(part);
  close_bench(&b);
}

/* exp(-t A k), to the last digits however little is left. */
static void test_dim(void)
{
  cubix_real through[N_MOST];
  double worst = 0;
  for (int i = 0; i < N_MOST; i++) lab_k[i] = 6. * i / N_MOST;
  for (double screen = 0; screen < 15; screen = screen * 1.7 + 0.001) {
    cubix_dim(through, lab_k, screen, N_MOST - 3);
    for (int i = 0; i < N_MOST - 3; i++)
      worst = check_worst(worst, fabs((double)through[i] / exp(-0.4 * log(10.) * screen * lab_k[i]) - 1));
    CHECK_IS(through[0], ==, 1);
  }
  CHECK_CLOSE(worst, 0, is_double ? 1e-13 : 3e-7);
  cubix_dim(through, lab_k, 1e30, 2);                     /* nothing, and no fault */
  CHECK_IS(through[1], <, 1e-30);
}

/* By A(lambda)/A(V): forward against reverse, threads, channels in two parts, and differences. */
static void test_law(const struct setting *s)
{
  struct bench b;
  open_bench(&b, s, 1);
  const int n = s->n_lambda;
  cubix_real *flux_bar = random_flux(b.n_flux, 0), *flux_dot = cubix_alloc(b.n_flux, sizeof *flux_dot),
             *here = cubix_alloc(b.n_flux, sizeof *here), *there = cubix_alloc(b.n_flux, sizeof *there);
  struct cubix_cube cube_bar = cube_of(&b.tables, flux_bar), cube_dot = cube_of(&b.tables, flux_dot);
  double *k_dot = cubix_alloc((size_t)n, sizeof *k_dot), *k_bar = cubix_alloc((size_t)n, sizeof *k_bar),
         *again = cubix_alloc((size_t)n, sizeof *again), reverse = 0, h = is_double ? 1e-5 : 1e-2;
  for (int k = 0; k < n; k++) k_dot[k] = uniform() - 0.4;
  CHECK_IS(cubix_paint_screen_jvp(&b.tables, &b.place, k_dot, &cube_dot), ==, CUBIX_OK);
  CHECK_IS(cubix_paint_screen_vjp(&b.tables, &b.place, &cube_bar, k_bar), ==, CUBIX_OK);
  for (int k = 0; k < n; k++) reverse += k_bar[k] * k_dot[k];
  CHECK_CLOSE(dot_flux(flux_dot, flux_bar, b.n_flux) / reverse, 1, is_double ? 1e-12 : 1e-5);
  omp_set_num_threads(2);
  CHECK_IS(cubix_paint_screen_vjp(&b.tables, &b.place, &cube_bar, again), ==, CUBIX_OK);
  CHECK(!memcmp(k_bar, again, (size_t)n * sizeof *k_bar));
  for (int k = 0; k < n; k++) lab_k[k] += h * k_dot[k];
  forward(&b, there);
  for (int k = 0; k < n; k++) lab_k[k] -= 2 * h * k_dot[k];
  forward(&b, here);
  for (size_t i = 0; i < b.n_flux; i++) there[i] = (there[i] - here[i]) / (cubix_real)(2 * h) - flux_dot[i];
  CHECK_CLOSE(sqrt(dot_flux(there, there, b.n_flux) / dot_flux(flux_dot, flux_dot, b.n_flux)), 0,
              is_double ? 1e-8 : 1e-3);
  free(flux_bar), free(flux_dot), free(here), free(there), free(k_dot), free(k_bar), free(again);
  close_bench(&b);
}

/* Nobody, and no channel. */
static void test_empty(void)
{
  struct bench b;
  size_t nobody[N_SPAXEL + 1] = { 0 };
  cubix_real flux[2 * N_SPAXEL] = { 0 };
  struct cubix_star_bar bar[N_STAR] = { 0 };
  open_bench(&b, &settings[0], 1);
  struct cubix_cube cube = { .n_x = N_SPAXEL, .n_y = 1, .n_lambda = 2, .flux = flux },
                    none = { .n_x = N_SPAXEL, .n_y = 1 };
  struct cubix_placement empty = { .n_spaxel = N_SPAXEL, .start = nobody };
  CHECK_IS(cubix_device_paint_vjp(&b.dev, &b.tables, &empty, &cube, NULL, NULL), ==, CUBIX_OK);
  CHECK_IS(cubix_device_paint_jvp(&b.dev, &b.tables, &empty, NULL, &cube), ==, CUBIX_OK);
  CHECK_IS(cubix_device_paint_vjp(&b.dev, &b.tables, &b.place, &none, bar, NULL), ==, CUBIX_OK);
  CHECK_IS(cubix_device_paint_jvp(&b.dev, &b.tables, &b.place, bar, &none), ==, CUBIX_OK);
  for (int i = 0; i < 2 * N_SPAXEL; i++) CHECK_IS(flux[i], ==, 0);
  for (int j = 0; j < N_STAR; j++) {
    CHECK_IS(bar[j].mass_formed, ==, 0);
    CHECK_IS(bar[j].velocity, ==, 0);
  }
  close_bench(&b);
}

static void test_setting(const struct setting *s)
{
  const char *behind = lab_dust ? ", behind dust" : "";
  make_stars();
  CASE_OF(test_reverse(s), "%s%s", s->name, behind);
  CASE_OF(test_rows(s), "%s%s", s->name, behind);
  CASE_OF(test_shares(s), "%s%s", s->name, behind);
  if (lab_dust) CASE_OF(test_law(s), "%s", s->name);
  if (!is_double || s->n_lambda == 1) return;
  if (!s->has_end) star[6].velocity = 60;
  CASE_OF(test_taylor(s, 1, 1, 1e-4, 1), "%s, masses%s", s->name, behind);
  double steps = s->spacing > 5 ? 20 : 1;
  /* where an edge crosses the library's end, there is a kink */
  CASE_OF(test_taylor(s, 2, s->has_end ? 1e-2 : steps, 1e-4 * steps, 0), "%s, velocities%s", s->name, behind);
  CASE_OF(test_taylor(s, 4, 0.1, 1e-5, 1), "%s, metallicities%s", s->name, behind);
  CASE_OF(test_taylor(s, 8, s->pchip ? 1e-2 : 0.1, s->pchip ? 1e-6 : 1e-5, !s->pchip), "%s, ages%s", s->name, behind);
  CASE_OF(test_taylor(s, 15, s->has_end ? 1e-2 : 0.03, 3e-6, 0), "%s, all%s", s->name, behind);
  if (lab_dust) CASE_OF(test_taylor(s, 16, 0.03, 3e-6, 0), "%s, dust", s->name);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_dim());
  for (lab_dust = 0; lab_dust < 2; lab_dust++)
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) test_setting(&settings[i]);
  lab_dust = 0;
  CASE(test_empty());
  return check_done();
}
