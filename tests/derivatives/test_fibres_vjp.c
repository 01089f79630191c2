/* test_fibres_vjp.c -- the derivatives of spectra of fibres and of the cube rebuilt from them: adjoint
 * and tangent against each other and against the forward.
 *
 * Built twice: test_fibres_vjp as the program is, cubes in float32, and test_fibres_vjp64 with cubes in
 * float64, where every identity holds to 1e-13. */
#include "tests/check.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "observation/fibres_vjp.h"

enum { N_LAMBDA = 131, N_X = 12, N_Y = 10 };
static const double dot_tolerance = sizeof(cubix_real) == 8 ? 1e-13 : 1e-6;   /* float32: of a sum of rounded numbers */
static unsigned char covered[N_X * N_Y];
static double fibre_x[] = { 0., 1.2, -1.2, 0.6, -0.6, 0.6, -0.6 }, fibre_y[] = { 0., 0., 0., 1.04, 1.04, -1.04, -1.04 };
static double dither_x[] = { 0.2, -0.4, 0.1 }, dither_y[] = { 0.3, 0., -0.35 };
static struct cubix_bundle bundle = { .n_fibre = 7, .n_dither = 3, .core = 1., .x = fibre_x, .y = fibre_y,
                                      .shift_x = dither_x, .shift_y = dither_y, .sigma = 0.5, .limit = 1.1,
                                      .drop = 0.8, .n_group = 1 };

static struct cubix_instrument instrument(enum cubix_rebuild rebuild, int apron)
{
  bundle.rebuild = rebuild;
  memset(covered, 1, sizeof covered);
  covered[5] = covered[60] = 0;
  return (struct cubix_instrument){ .n_x = N_X, .n_y = N_Y, .pixel_x = 0.5, .pixel_y = 0.5, .sub = 2, .apron = apron,
                                    .n_lambda = N_LAMBDA, .lambda_min = 5000., .lambda_step = 1.,
                                    .psf = CUBIX_PSF_GAUSSIAN, .psf_fwhm = { .n_coef = 1, .coef = { 1.2 } },
                                    .bundle = &bundle, .covered = covered };
}

static size_t size(const struct cubix_cube *cube)
{
  return (size_t)cube->n_x * (size_t)cube->n_y * (size_t)cube->n_lambda;
}

/* Random numbers in channels first .. first + n - 1. */
static struct cubix_cube hold(int n_x, int n_y, int first, int n)
{
  struct cubix_cube cube = { .n_x = n_x, .n_y = n_y, .lambda_first = first, .n_lambda = n };
  cube.flux = malloc((size(&cube) + 1) * sizeof *cube.flux);
  REQUIRE(cube.flux);
  for (size_t i = 0; i < size(&cube); i++) cube.flux[i] = (cubix_real)draw(-1., 1.);
  return cube;
}

static struct cubix_cube painted_of(const struct cubix_instrument *ins, int first, int n)
{
  return hold((ins->n_x + 2 * ins->apron) * ins->sub, (ins->n_y + 2 * ins->apron) * ins->sub, first, n);
}

static double product(const struct cubix_cube *a, const struct cubix_cube *b)
{
  double sum = 0.;
  for (size_t i = 0; i < size(a); i++) sum += (double)a->flux[i] * (double)b->flux[i];
  return sum;
}

static double length(const struct cubix_cube *a, const struct cubix_cube *b)
{
  return sqrt(product(a, a) * product(b, b));
}

/* <S u, w> = <u, S' w>, <W S u, w> = <u, S' W' w>; the tangent has the bits of the forward, whose spectra it leaves as
 * they are. */
static void test_products(enum cubix_rebuild rebuild, int apron)
{
  struct cubix_instrument ins = instrument(rebuild, apron);
  struct cubix_fibres *fibres = NULL;
  REQUIRE(!cubix_fibres_open(&fibres, &ins, CUBIX_Deposit_tsc));
  struct cubix_cube u = painted_of(&ins, 0, N_LAMBDA), bar = painted_of(&ins, 0, N_LAMBDA);
  struct cubix_cube w = hold(N_X, N_Y, 0, N_LAMBDA), v = hold(N_X, N_Y, 0, N_LAMBDA);
  struct cubix_cube w_s = hold(21, 1, 0, N_LAMBDA), v_s = hold(21, 1, 0, N_LAMBDA);
  CHECK_IS(cubix_fibres_sample_jvp(fibres, &u, &v_s), ==, 0);
  CHECK_IS(cubix_fibres_sample_vjp(fibres, &w_s, &bar), ==, 0);
  CHECK_CLOSE(product(&v_s, &w_s), product(&u, &bar), dot_tolerance * length(&v_s, &w_s));
  CHECK_IS(cubix_fibres_apply_jvp(fibres, &u, &v), ==, 0);
  CHECK_IS(cubix_fibres_apply_vjp(fibres, &w, &bar), ==, 0);
  CHECK_IS(length(&v, &w), >, 0.);
  CHECK_CLOSE(product(&v, &w), product(&u, &bar), dot_tolerance * length(&v, &w));
  CHECK_IS(fibres->spectra.flux == NULL, ==, 1);
  CHECK_IS(cubix_fibres_apply(fibres, &u), ==, 0);
  CHECK_IS(memcmp(u.flux, v.flux, size(&v) * sizeof *v.flux), ==, 0);
  CHECK_IS(memcmp(fibres->spectra.flux, v_s.flux, size(&v_s) * sizeof *v.flux), ==, 0);
  cubix_real *flux[] = { u.flux, bar.flux, w.flux, v.flux, w_s.flux, v_s.flux };
  for (size_t i = 0; i < sizeof flux / sizeof *flux; i++) free(flux[i]);
  cubix_fibres_free(fibres);
}

/* Any cut through the channels, 1 thread or 2: the same bits. */
static void test_owners(void)
{
  static const int at[] = { 0, 1, 65, 65, 130, N_LAMBDA };
  struct cubix_instrument ins = instrument(CUBIX_REBUILD_SHEPARD, 1);
  struct cubix_fibres *fibres = NULL;
  REQUIRE(!cubix_fibres_open(&fibres, &ins, CUBIX_Deposit_nearest));
  struct cubix_cube w = hold(N_X, N_Y, 0, N_LAMBDA), bar[2];
  for (int t = 0; t < 2; t++) {
    omp_set_num_threads(t + 1);
    bar[t] = painted_of(&ins, 0, N_LAMBDA);
    CHECK_IS(cubix_fibres_apply_vjp(fibres, &w, &bar[t]), ==, 0);
  }
  CHECK_IS(memcmp(bar[0].flux, bar[1].flux, size(bar) * sizeof *bar[0].flux), ==, 0);
  for (size_t r = 0; r + 1 < sizeof at / sizeof *at; r++) {
    const int n = at[r + 1] - at[r];
    struct cubix_cube part = painted_of(&ins, at[r], n), w_part = hold(N_X, N_Y, at[r], n);
    size_t wrong = 0;
    for (size_t s = 0; s < N_X * N_Y; s++)
      memcpy(w_part.flux + s * (size_t)n, w.flux + s * N_LAMBDA + at[r], (size_t)n * sizeof *w.flux);
    CHECK_IS(cubix_fibres_apply_vjp(fibres, &w_part, &part), ==, 0);
    for (size_t s = 0; s < (size_t)part.n_x * (size_t)part.n_y; s++)
      wrong += memcmp(part.flux + s * (size_t)n, bar->flux + s * N_LAMBDA + at[r], (size_t)n * sizeof *w.flux) != 0;
    CHECK_IS(wrong, ==, 0);
    free(part.flux);
    free(w_part.flux);
  }
  /* other spaxels; other channels */
  struct cubix_cube small = hold(N_X - 1, N_Y, 0, N_LAMBDA), late = hold(N_X, N_Y, 1, N_LAMBDA - 1);
  CHECK_IS(cubix_fibres_apply_vjp(fibres, &small, &bar[0]), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "painted field of 672 spaxels");
  CHECK_IS(cubix_fibres_apply_vjp(fibres, &late, &bar[0]), ==, CUBIX_EFAIL);
  CHECK_IS(cubix_fibres_apply_jvp(fibres, &bar[0], &late), ==, CUBIX_EFAIL);
  cubix_real *flux[] = { w.flux, bar[0].flux, bar[1].flux, small.flux, late.flux };
  for (size_t i = 0; i < sizeof flux / sizeof *flux; i++) free(flux[i]);
  cubix_fibres_free(fibres);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  omp_set_num_threads(2);
  CASE(test_products(CUBIX_REBUILD_SHEPARD, 0));
  CASE(test_products(CUBIX_REBUILD_SHEPARD, 2));
  CASE(test_products(CUBIX_REBUILD_DRIZZLE, 1));
  CASE(test_owners());
  return check_done();
}
