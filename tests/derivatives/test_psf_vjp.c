/* test_psf_vjp.c -- the derivatives of the point spread function: adjoint and tangent against each
 * other, and against the forward by Taylor's theorem.
 *
 * Built twice: test_psf_vjp as the program is, cubes in float32, and test_psf_vjp64 with cubes in
 * float64, where every identity holds to 1e-12. */
#include "tests/check.h"

#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "observation/psf.h"
#include "observation/psf_parts.h"

enum { N_LAMBDA = 19 };
static const double dot_tolerance = sizeof(cubix_real) == 8 ? 1e-12 : 1e-6;   /* float32: of a sum of rounded numbers */
static double lopsided[25];

static const struct setup {
  enum cubix_psf_kind kind;
  int n_x, n_y;
  double pixel_y, fwhm, slope, beta;
  enum cubix_aperture aperture;
  int margin;                               /* -1: what the PSF needs */
  int first, n;                             /* channels held */
  double ratio, beta_slope;                 /* 0: round */
} setup[] = {
  { CUBIX_PSF_NONE,     7, 4, 0.5, 0.,  0.,    0.,  CUBIX_SQUARE,  -1, 0, N_LAMBDA, 0., 0. },
  { CUBIX_PSF_NONE,     9, 9, 0.5, 0.,  0.,    0.,  CUBIX_CIRCLE,  -1, 3, 6, 0., 0. },
  { CUBIX_PSF_GAUSSIAN, 8, 6, 0.5, 1.1, 0.,    0.,  CUBIX_SQUARE,  -1, 0, N_LAMBDA, 0., 0. },
  { CUBIX_PSF_GAUSSIAN, 9, 7, 0.3, 1.1, 0.,    0.,  CUBIX_HEXAGON, -1, 0, N_LAMBDA, 0., 0. },
  { CUBIX_PSF_GAUSSIAN, 9, 8, 0.5, 1.1, 2e-4,  0.,  CUBIX_CIRCLE,  -1, 2, 13, 0., 0. },
  { CUBIX_PSF_GAUSSIAN, 1, 1, 0.5, 1.1, 0.,    0.,  CUBIX_SQUARE,  -1, 0, N_LAMBDA, 0., 0. },
  { CUBIX_PSF_GAUSSIAN, 5, 5, 0.5, 1.1, 0.,    0.,  CUBIX_CIRCLE,   0, 0, N_LAMBDA, 0., 0. },
  { CUBIX_PSF_GAUSSIAN, 7, 6, 0.5, 1.9, 0.,    0.,  CUBIX_CIRCLE,   3, 0, N_LAMBDA, 0., 0. },
  { CUBIX_PSF_MOFFAT,   9, 7, 0.5, 0.9, 0.,    2.8, CUBIX_HEXAGON, -1, 0, N_LAMBDA, 0., 0. },
  { CUBIX_PSF_MOFFAT,   8, 5, 0.4, 0.9, -1e-4, 2.5, CUBIX_SQUARE,  -1, 7, 5, 0., 0. },
  { CUBIX_PSF_MOFFAT,   6, 6, 0.5, 0.8, 2e-5,  4.8, CUBIX_CIRCLE,  -1, 18, 1, 0., 0. },
  { CUBIX_PSF_GAUSSIAN, 9, 7, 0.5, 1.3, 0.,    0.,  CUBIX_HEXAGON, -1, 0, N_LAMBDA, 0.6, 0. },
  { CUBIX_PSF_GAUSSIAN, 8, 6, 0.3, 0.7, 2e-4,  0.,  CUBIX_SQUARE,  -1, 2, 13, 0.3, 0. },
  { CUBIX_PSF_MOFFAT,   8, 6, 0.4, 0.9, 0.,    2.8, CUBIX_SQUARE,  -1, 0, N_LAMBDA, 0.7, 0. },
  { CUBIX_PSF_MOFFAT,   9, 7, 0.5, 0.8, -1e-4, 2.5, CUBIX_CIRCLE,  -1, 3, 11, 0.8, 5e-4 },
  { CUBIX_PSF_FILE,     9, 7, 0.5, 0.,  0.,    0.,  CUBIX_HEXAGON, -1, 0, N_LAMBDA, 0., 0. },
  { CUBIX_PSF_FILE,     8, 6, 0.5, 0.,  0.,    0.,  CUBIX_SQUARE,  -1, 1, 4, 0., 0. },
};
enum { N_SETUP = sizeof setup / sizeof *setup };

/* Fields and kernels so long that columns are transformed; of the others they are summed. */
static const struct setup tall[] = {
  { CUBIX_PSF_GAUSSIAN, 2, 301, 0.5, 16., 0.,   0., CUBIX_SQUARE, -1, 0, 3, 0., 0. },
  { CUBIX_PSF_GAUSSIAN, 3, 100, 0.5, 5.,  2e-4, 0., CUBIX_CIRCLE, -1, 2, 9, 0.6, 0. },
};

static struct cubix_instrument instrument(const struct setup *s)
{
  struct cubix_instrument ins = { .n_x = s->n_x,
                                  .n_y = s->n_y,
                                  .pixel_x = 0.5,
                                  .pixel_y = s->pixel_y,
                                  .n_lambda = N_LAMBDA,
                                  .lambda_min = 5000.,
                                  .lambda_step = 50.,
                                  .psf = s->kind,
                                  .psf_beta = { .n_coef = s->beta_slope != 0. ? 2 : 1,
                                                .coef = { s->beta - s->beta_slope * 5000., s->beta_slope } },
                                  .psf_axis_ratio = s->ratio,
                                  .psf_angle = 0.4,
                                  .aperture = s->aperture };
  ins.psf_fwhm.n_coef = s->slope != 0. ? 2 : 1;
  ins.psf_fwhm.coef[0] = s->fwhm - s->slope * 5000.;
  ins.psf_fwhm.coef[1] = s->slope;
  if (s->kind == CUBIX_PSF_FILE) {
    ins.psf_n = 5;
    ins.psf_kernel = lopsided;
  }
  ins.margin = s->margin < 0 ? cubix_psf_margin(&ins) : s->margin;
  return ins;
}

static size_t size(const struct cubix_cube *cube)
{
  return (size_t)cube->n_x * (size_t)cube->n_y * (size_t)cube->n_lambda;
}

/* @param low, high random numbers between them */
static struct cubix_cube hold(const struct cubix_instrument *ins, int margin, int first, int n, double low, double high)
{
  struct cubix_cube cube = {
    .n_x = ins->n_x + 2 * margin, .n_y = ins->n_y + 2 * margin, .lambda_first = first, .n_lambda = n, .margin = margin
  };
  cube.flux = malloc(size(&cube) * sizeof *cube.flux);
  CHECK(cube.flux);
  for (size_t i = 0; i < size(&cube); i++) cube.flux[i] = (cubix_real)draw(low, high);
  return cube;
}

/* Channels first .. first + n - 1 of a cube, as a cube. */
static struct cubix_cube cut(const struct cubix_instrument *ins, const struct cubix_cube *whole, int first, int n)
{
  struct cubix_cube part = hold(ins, whole->margin, first, n, 0., 0.);
  for (size_t s = 0; s < (size_t)part.n_x * (size_t)part.n_y; s++)
    memcpy(part.flux + s * (size_t)n, whole->flux + s * (size_t)whole->n_lambda + first - whole->lambda_first,
           (size_t)n * sizeof *part.flux);
  return part;
}

static double product(const struct cubix_cube *a, const struct cubix_cube *b)
{
  double sum = 0.;
  for (size_t i = 0; i < size(a); i++) sum += (double)a->flux[i] * (double)b->flux[i];
  return sum;
}

static double along(const struct cubix_psf_bar *a, const struct cubix_psf_bar *b)
{
  return a->fwhm * b->fwhm + a->scale * b->scale + a->beta * b->beta;
}

/* <J (u, theta), w> = <(u, theta), J' w>, for the image, for the shape and for both. */
static void test_products(const struct setup *of, int n)
{
  for (const struct setup *s = of; s < of + n; s++) {
    struct cubix_instrument ins = instrument(s);
    CHECK_IS(cubix_psf_shape(&ins).n_y > 0, ==, of == tall);
    const struct cubix_psf_bar dot = { .fwhm = 0.7, .scale = -0.4, .beta = 0.3 };
    struct cubix_cube painted = hold(&ins, ins.margin, s->first, s->n, 0., 1.),
                      u = hold(&ins, ins.margin, s->first, s->n, -1., 1.);
    struct cubix_cube w = hold(&ins, 0, s->first, s->n, -1., 1.);
    for (int what = 1; what < 4; what++) {
      struct cubix_cube v = hold(&ins, 0, s->first, s->n, 0., 0.), bar = hold(&ins, ins.margin, s->first, s->n, 0., 0.);
      struct cubix_psf_bar psf_bar = { .fwhm = 0. };
      CHECK_IS(cubix_psf_apply_jvp(&ins, what & 2 ? &painted : NULL, what & 1 ? &u : NULL, what & 2 ? &dot : NULL, &v,
                                   NULL), ==, 0);
      CHECK_IS(cubix_psf_apply_vjp(&ins, what & 2 ? &painted : NULL, &w, what & 1 ? &bar : NULL,
               what & 2 ? &psf_bar : NULL, NULL), ==, 0);
      const double length = sqrt(product(&v, &v) * product(&w, &w));
      CHECK_CLOSE(product(&v, &w), (what & 1 ? product(&u, &bar) : 0.) + along(&dot, &psf_bar), dot_tolerance * length);
      const int shape = (s->kind == CUBIX_PSF_GAUSSIAN || s->kind == CUBIX_PSF_MOFFAT) && ins.margin > 0;
      CHECK(what == 1 || shape == (psf_bar.fwhm != 0.));
      CHECK(what == 1 || (shape && s->kind == CUBIX_PSF_MOFFAT) == (psf_bar.beta != 0.));
      CHECK(what == 2 || length > 0.);
      if (s->slope == 0.) CHECK_CLOSE(psf_bar.scale, s->fwhm * psf_bar.fwhm, 1e-13 * fabs(psf_bar.scale));
      free(v.flux);
      free(bar.flux);
    }
    free(painted.flux);
    free(u.flux);
    free(w.flux);
  }
}

/* The tangent of an image is what the forward makes of it; in place or not is the same; bars and dots are added to. */
static void test_linear(void)
{
  for (int t = 0; t < N_SETUP; t++) {
    const struct setup *s = setup + t;
    struct cubix_instrument ins = instrument(s);
    struct cubix_cube painted = hold(&ins, ins.margin, s->first, s->n, 0., 1.),
                      field = hold(&ins, 0, s->first, s->n, 9., 9.), dot = hold(&ins, 0, s->first, s->n, 2., 2.);
    struct cubix_cube bar = hold(&ins, ins.margin, s->first, s->n, 0., 0.),
                      more = hold(&ins, ins.margin, s->first, s->n, 2., 2.);
    double worst = 0., apart = 0.;
    int wrong = 0;
    CHECK_IS(cubix_psf_apply_to(&ins, &painted, &field, NULL), ==, 0);
    CHECK_IS(cubix_psf_apply_jvp(&ins, NULL, &painted, NULL, &dot, NULL), ==, 0);
    for (size_t i = 0; i < size(&field); i++)
      worst = check_worst(worst, fabs((double)dot.flux[i] - 2. - (double)field.flux[i]));
    CHECK_CLOSE(worst, 0., sizeof(cubix_real) == 8 ? 1e-14 : 3e-7);
    CHECK_IS(cubix_psf_apply_vjp(&ins, NULL, &field, &bar, NULL, NULL), ==, 0);
    CHECK_IS(cubix_psf_apply_vjp(&ins, NULL, &field, &more, NULL, NULL), ==, 0);
    for (size_t i = 0; i < size(&bar); i++)
      apart = check_worst(apart, fabs((double)more.flux[i] - 2. - (double)bar.flux[i]));
    CHECK_CLOSE(apart, 0., sizeof(cubix_real) == 8 ? 1e-15 : 3e-7);
    /* spaxels outside the aperture have no say, whatever stands there */
    for (int x = 0; x < ins.n_x * ins.n_y; x++)
      for (int k = 0; k < s->n && !cubix_instrument_inside(&ins, x % ins.n_x, x / ins.n_x); k++)
        field.flux[x * s->n + k] = (cubix_real)NAN;
    memset(more.flux, 0, size(&more) * sizeof *more.flux);
    CHECK_IS(cubix_psf_apply_vjp(&ins, NULL, &field, &more, NULL, NULL), ==, 0);
    CHECK_IS(memcmp(more.flux, bar.flux, size(&bar) * sizeof *bar.flux), ==, 0);
    CHECK_IS(cubix_psf_apply_to(&ins, &painted, &field, NULL), ==, 0);
    CHECK_IS(cubix_psf_apply(&ins, &painted, NULL), ==, 0);
    for (size_t i = 0; i < size(&field); i++)
      wrong += memcmp(painted.flux + i, field.flux + i, sizeof *field.flux) != 0;
    CHECK_IS(wrong, ==, 0);
    CHECK_IS(painted.margin, ==, 0);
    CHECK_IS(painted.n_x, ==, ins.n_x);
    CHECK_IS(painted.n_y, ==, ins.n_y);
    free(painted.flux);
    free(field.flux);
    free(dot.flux);
    free(bar.flux);
    free(more.flux);
  }
}

/* FWHM, a factor on it, or beta moved by step. */
static struct cubix_instrument moved(const struct setup *s, const struct cubix_psf_bar *direction, double step)
{
  struct cubix_instrument ins = instrument(s);
  for (int i = 0; i < 2; i++)
    ins.psf_fwhm.coef[i] = ins.psf_fwhm.coef[i] * (1. + step * direction->scale) + (i ? 0. : step * direction->fwhm);
  ins.psf_beta.coef[0] += step * direction->beta;
  return ins;
}

/* |F(theta + e d) - F(theta) - e J d| falls with the square of e. */
static void test_taylor(void)
{
  static const struct cubix_psf_bar direction[] = {
    { .fwhm = 1. }, { .scale = 1. }, { .beta = 1. }, { .fwhm = -0.5, .beta = 2. }
  };
  for (int t = 0; t < N_SETUP; t++) {
    const struct setup *s = setup + t;
    struct cubix_instrument ins = instrument(s);
    if ((s->kind != CUBIX_PSF_GAUSSIAN && s->kind != CUBIX_PSF_MOFFAT) || ins.margin == 0) continue;
    struct cubix_cube painted = hold(&ins, ins.margin, s->first, s->n, 1., 2.),
                      field = hold(&ins, 0, s->first, s->n, 0., 0.), there = hold(&ins, 0, s->first, s->n, 0., 0.);
    CHECK_IS(cubix_psf_apply_to(&ins, &painted, &field, NULL), ==, 0);
    for (size_t d = 0; d < sizeof direction / sizeof *direction; d++) {
      double rest[4], step = 1e-2;
      /* moves the nodes too, which are frozen in the derivative */
      if (direction[d].fwhm != 0. && s->slope != 0.) continue;
      if (direction[d].beta != 0. && (s->kind == CUBIX_PSF_GAUSSIAN || s->beta_slope != 0.)) continue;
      struct cubix_cube dot = hold(&ins, 0, s->first, s->n, 0., 0.);
      CHECK_IS(cubix_psf_apply_jvp(&ins, &painted, NULL, direction + d, &dot, NULL), ==, 0);
      for (int e = 0; e < 4; e++, step /= 10.) {
        struct cubix_instrument other = moved(s, direction + d, step);
        other.margin = ins.margin;
        CHECK_IS(cubix_psf_apply_to(&other, &painted, &there, NULL), ==, 0);
        rest[e] = 0.;
        for (size_t i = 0; i < size(&field); i++)
          rest[e] += pow((double)there.flux[i] - (double)field.flux[i] - step * (double)dot.flux[i], 2.);
        rest[e] = sqrt(rest[e]);
      }
      for (int e = 0; e < 3; e++) CHECK_CLOSE(log10(rest[e] / rest[e + 1]), 2., 0.1);
      free(dot.flux);
    }
    free(painted.flux);
    free(field.flux);
    free(there.flux);
  }
}

/* The kernel's derivative: central differences, and light is neither made nor lost. */
static void test_kernels(void)
{
  static const struct cubix_psf_bar direction[] = { { .fwhm = 1. }, { .scale = 1. }, { .beta = 1. } };
  for (int t = 0; t < N_SETUP; t++) {
    const struct setup *s = setup + t;
    struct cubix_instrument ins = instrument(s);
    if (s->kind == CUBIX_PSF_NONE) continue;
    size_t n = (size_t)(2 * ins.margin + 1) * (size_t)(2 * ins.margin + 1);
    double *dot = malloc(3 * n * sizeof *dot), h = 1e-5;
    for (size_t d = 0; d < sizeof direction / sizeof *direction && dot; d++) {
      const struct cubix_instrument more = moved(s, direction + d, h), less = moved(s, direction + d, -h);
      double sum = 0., worst = 0., largest = 0.;
      /* moves the cut by the widest channel's factor, not by this one's */
      if (direction[d].fwhm != 0. && s->slope != 0.) continue;
      CHECK_IS(cubix_psf_kernel_build_jvp(dot, &ins, 5200., ins.margin, direction + d), ==, 0);
      REQUIRE(cubix_psf_kernel_build(dot + n, &more, 5200., ins.margin) == 0);
      CHECK_IS(cubix_psf_kernel_build(dot + 2 * n, &less, 5200., ins.margin), ==, 0);
      for (size_t i = 0; i < n; i++) {
        sum += dot[i];
        largest = check_worst(largest, fabs(dot[i]));
        worst = check_worst(worst, fabs(dot[i] - (dot[n + i] - dot[2 * n + i]) / (2. * h)));
      }
      CHECK_CLOSE(sum, 0., 1e-14);
      CHECK_CLOSE(worst, 0., 2e-9);
      CHECK_IS(largest > 1e-3, ==, s->kind != CUBIX_PSF_FILE && ins.margin > 0 && (direction[d].beta == 0. ||
               s->kind == CUBIX_PSF_MOFFAT));
    }
    free(dot);
  }
}

/* Any cut through the channels, 1 thread or 2: the same bits. */
static void test_owners(void)
{
  const struct setup s = { CUBIX_PSF_MOFFAT, 9, 7, 0.5, 0.9, -1e-4, 2.5, CUBIX_HEXAGON, -1, 0, N_LAMBDA, 0., 0. };
  const struct cubix_psf_bar dot = { .scale = 0.5, .beta = -0.2 };
  struct cubix_instrument ins = instrument(&s);
  struct cubix_cube painted = hold(&ins, ins.margin, 0, s.n, 0., 1.), u = hold(&ins, ins.margin, 0, s.n, -1., 1.),
                    w = hold(&ins, 0, 0, s.n, -1., 1.), v[2], bar[2];
  struct cubix_psf_bar psf_bar[2] = { { .fwhm = 0. }, { .fwhm = 0. } }, sum = { .fwhm = 0. };
  for (int t = 0; t < 2; t++) {
    omp_set_num_threads(t + 1);
    v[t] = hold(&ins, 0, 0, s.n, 0., 0.);
    bar[t] = hold(&ins, ins.margin, 0, s.n, 0., 0.);
    CHECK_IS(cubix_psf_apply_jvp(&ins, &painted, &u, &dot, &v[t], NULL), ==, 0);
    CHECK_IS(cubix_psf_apply_vjp(&ins, &painted, &w, &bar[t], &psf_bar[t], NULL), ==, 0);
  }
  CHECK_IS(memcmp(v[0].flux, v[1].flux, size(v) * sizeof *v[0].flux), ==, 0);
  CHECK_IS(memcmp(bar[0].flux, bar[1].flux, size(bar) * sizeof *bar[0].flux), ==, 0);
  CHECK_IS(memcmp(&psf_bar[0], &psf_bar[1], sizeof sum), ==, 0);
  static const int at[] = { 0, 5, 5, 6, 17, N_LAMBDA, N_LAMBDA };
  for (size_t r = 0; r + 1 < sizeof at / sizeof *at; r++) {
    const int n = at[r + 1] - at[r];
    struct cubix_cube image = cut(&ins, &painted, at[r], n), w_part = cut(&ins, &w, at[r], n),
                      bar_part = hold(&ins, ins.margin, at[r], n, 0., 0.);
    struct cubix_cube u_part = cut(&ins, &u, at[r], n), v_part = hold(&ins, 0, at[r], n, 0., 0.),
                      bar_want = cut(&ins, bar, at[r], n), v_want = cut(&ins, v, at[r], n);
    CHECK_IS(cubix_psf_apply_vjp(&ins, &image, &w_part, &bar_part, &sum, NULL), ==, 0);
    CHECK_IS(cubix_psf_apply_jvp(&ins, &image, &u_part, &dot, &v_part, NULL), ==, 0);
    CHECK_IS(memcmp(bar_part.flux, bar_want.flux, size(&bar_part) * sizeof *bar_part.flux), ==, 0);
    CHECK_IS(memcmp(v_part.flux, v_want.flux, size(&v_part) * sizeof *v_part.flux), ==, 0);
    cubix_real *flux[] = {
      image.flux, w_part.flux, bar_part.flux, u_part.flux, v_part.flux, bar_want.flux, v_want.flux
    };
    for (size_t i = 0; i < sizeof flux / sizeof *flux; i++) free(flux[i]);
  }
  CHECK_CLOSE(sum.fwhm, psf_bar[0].fwhm, 1e-13 * fabs(sum.fwhm));
  CHECK_CLOSE(sum.scale, psf_bar[0].scale, 1e-13 * fabs(sum.scale));
  CHECK_CLOSE(sum.beta, psf_bar[0].beta, 1e-13 * fabs(sum.beta));
  /* beyond the last channel; then not the channels of the other; then not this instrument's margin;
   * then nothing to derive by */
  w.lambda_first = 1;
  CHECK_IS(cubix_psf_apply_vjp(&ins, NULL, &w, &bar[0], NULL, NULL), ==, CUBIX_EFAIL);
  w.lambda_first = 0;
  w.n_lambda--;
  CHECK_IS(cubix_psf_apply_vjp(&ins, NULL, &w, &bar[0], NULL, NULL), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "the same");
  CHECK_IS(cubix_psf_apply_to(&ins, &painted, &w, NULL), ==, CUBIX_EFAIL);
  CHECK_IS(cubix_psf_apply_jvp(&ins, NULL, &w, NULL, &v[0], NULL), ==, CUBIX_EFAIL);
  CHECK_IS(cubix_psf_apply_jvp(&ins, NULL, NULL, &dot, &v[0], NULL), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "painted");
  cubix_real *flux[] = { painted.flux, u.flux, w.flux, v[0].flux, v[1].flux, bar[0].flux, bar[1].flux };
  for (size_t i = 0; i < sizeof flux / sizeof *flux; i++) free(flux[i]);
}

/* Dark channels: no derivative, no NaN; and light where only the bar, or only the image, is. */
static void test_dark(void)
{
  struct cubix_instrument ins = instrument(setup + 8);
  struct cubix_cube painted = hold(&ins, ins.margin, 0, N_LAMBDA, 0., 0.), w = hold(&ins, 0, 0, N_LAMBDA, 0., 0.),
                    bar = hold(&ins, ins.margin, 0, N_LAMBDA, 0., 0.);
  struct cubix_psf_bar psf_bar = { .fwhm = 0. };
  const size_t centre = ((size_t)(3 + ins.margin) * (size_t)painted.n_x + 4 + (size_t)ins.margin) * N_LAMBDA;
  double sum = 0.;
  painted.flux[centre + 2] = 1;
  w.flux[(3 * 9 + 4) * N_LAMBDA + 5] = 1;
  CHECK_IS(cubix_psf_apply_vjp(&ins, &painted, &w, &bar, &psf_bar, NULL), ==, 0);
  CHECK_IS(psf_bar.fwhm, ==, 0.);
  CHECK_IS(psf_bar.scale, ==, 0.);
  CHECK_IS(psf_bar.beta, ==, 0.);
  for (size_t i = 0; i < size(&bar); i++) sum += (double)bar.flux[i];
  CHECK_CLOSE(sum, 1., 1e-6);     /* the kernel, mirrored */
  CHECK_IS(bar.flux[centre + 2], ==, 0);
  CHECK_IS(bar.flux[centre + 5], >, 0);
  painted.flux[centre + 5] = 1;   /* a wider PSF takes light from the centre */
  CHECK_IS(cubix_psf_apply_vjp(&ins, &painted, &w, NULL, &psf_bar, NULL), ==, 0);
  CHECK_IS(psf_bar.fwhm, <, -0.1);
  free(painted.flux);
  free(w.flux);
  free(bar.flux);
}

/* Another shape, within bounds: the instrument is then as one that was made with it. */
static void test_set(void)
{
  const struct setup gaussian = { CUBIX_PSF_GAUSSIAN, 8, 6, 0.5, 1.1, 0., 0., CUBIX_SQUARE, -1, 0, 1, 0., 0. };
  struct cubix_instrument ins = instrument(&gaussian);
  /* 2.5 FWHM are 6.5 spaxels */
  CHECK_IS(cubix_instrument_set_psf(&ins, 1.3, 0.), ==, 0);
  CHECK_IS(ins.margin, ==, 7);
  CHECK_IS(ins.psf_fwhm.coef[0], ==, 1.3);
  CHECK_IS(cubix_instrument_set_psf(&ins, 0., 0.), ==, CUBIX_EUSAGE);
  CHECK_IS(cubix_instrument_set_psf(&ins, NAN, 0.), ==, CUBIX_EUSAGE);
  CHECK_IS(cubix_instrument_set_psf(&ins, 9000., 0.), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "margin");
  CHECK_IS(ins.psf_fwhm.coef[0], ==, 1.3);
  CHECK_IS(ins.margin, ==, 7);
  ins = instrument(setup + 8);
  CHECK_IS(cubix_instrument_set_psf(&ins, 1., 3.), ==, 0);
  CHECK_IS(ins.psf_beta.coef[0], ==, 3.);
  CHECK_IS(ins.psf_fwhm.coef[0], ==, 1.);
  CHECK_IS(cubix_instrument_set_psf(&ins, 1., 1.), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "PsfBeta");
  CHECK_IS(ins.psf_beta.coef[0], ==, 3.);
  ins = instrument(setup + 4);    /* varies with wavelength; from a file; none */
  CHECK_IS(cubix_instrument_set_psf(&ins, 1., 3.), ==, CUBIX_EUSAGE);
  ins = instrument(setup + N_SETUP - 1);
  CHECK_IS(cubix_instrument_set_psf(&ins, 1., 3.), ==, CUBIX_EUSAGE);
  ins = instrument(setup);
  CHECK_IS(cubix_instrument_set_psf(&ins, 1., 3.), ==, CUBIX_EUSAGE);
}

/* The kernel is a smooth function of the FWHM where the radius grows by a spaxel: no jump beyond the slope. */
static void test_rim(enum cubix_psf_kind psf, double fwhm, double beta)
{
  enum { SIDE = 61 };
  static double before[SIDE * SIDE], after[SIDE * SIDE], dot[SIDE * SIDE];
  const struct setup narrow = { psf, 8, 6, 0.5, fwhm * (1. - 1e-7), 0., beta, CUBIX_SQUARE, 30, 0, 1, 0., 0. },
                     wide = { psf, 8, 6, 0.5, fwhm * (1. + 1e-7), 0., beta, CUBIX_SQUARE, 30, 0, 1, 0., 0. };
  struct cubix_instrument a = instrument(&narrow), b = instrument(&wide);
  const struct cubix_psf_bar along = { .fwhm = 1. };
  double worst = 0., largest = 0.;
  CHECK_IS(cubix_psf_margin(&b), ==, cubix_psf_margin(&a) + 1);
  REQUIRE(!cubix_psf_kernel_build(before, &a, 5000., 30));
  REQUIRE(!cubix_psf_kernel_build(after, &b, 5000., 30));
  CHECK(!cubix_psf_kernel_build_jvp(dot, &a, 5000., 30, &along));
  for (int i = 0; i < SIDE * SIDE; i++) {
    worst = check_worst(worst, fabs(after[i] - before[i] - 2e-7 * fwhm * dot[i]));
    largest = check_worst(largest, fabs(after[i] - before[i]));
  }
  CHECK_IS(worst, <, 1e-11);
  CHECK_IS(largest, >, 1e-9);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  for (int i = 0; i < 25; i++) lopsided[i] = (i * i % 7 + i + 1.) / 400.;
  omp_set_num_threads(2);
  CASE(test_products(setup, N_SETUP));
  CASE(test_products(tall, 2));
  CASE(test_linear());
  if (sizeof(cubix_real) == 8) CASE(test_taylor());
  CASE(test_kernels());
  CASE(test_owners());
  CASE(test_dark());
  CASE(test_set());
  CASE(test_rim(CUBIX_PSF_GAUSSIAN, 2., 0.));
  CASE(test_rim(CUBIX_PSF_MOFFAT, 1.25, 2.));   /* 8 FWHM are 20 spaxels */
  return check_done();
}
