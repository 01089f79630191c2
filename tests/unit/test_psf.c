/* test_psf.c -- the point spread function against slow formulas: kernels by brute integration,
 * convolution by double sums. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include <fitsio.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "observation/psf.h"
#include "observation/psf_parts.h"

static char folder[] = "/tmp/cubix-test-XXXXXX";
static const double eps = sizeof(cubix_real) == 4 ? 1.2e-7 : 2.3e-16;

static struct cubix_instrument plain(enum cubix_psf_kind kind, double fwhm, double slope, double beta)
{
  struct cubix_instrument ins = { .n_x = 9,
                                  .n_y = 7,
                                  .pixel_x = 0.5,
                                  .pixel_y = 0.5,
                                  .n_lambda = 37,
                                  .lambda_min = 5000.,
                                  .lambda_step = 50.,
                                  .psf = kind,
                                  .psf_beta = { .n_coef = 1, .coef = { beta } } };
  ins.psf_fwhm.n_coef = 2;
  ins.psf_fwhm.coef[0] = fwhm - slope * 5000.;
  ins.psf_fwhm.coef[1] = slope;
  ins.margin = cubix_psf_margin(&ins);
  return ins;
}

static struct cubix_cube empty_cube(const struct cubix_instrument *ins)
{
  struct cubix_cube cube = { .n_x = ins->n_x + 2 * ins->margin,
                             .n_y = ins->n_y + 2 * ins->margin,
                             .n_lambda = ins->n_lambda,
                             .margin = ins->margin };
  cube.flux = calloc((size_t)cube.n_x * (size_t)cube.n_y * (size_t)cube.n_lambda, sizeof *cube.flux);
  CHECK(cube.flux);
  return cube;
}

static size_t at(const struct cubix_cube *cube, int i, int j, int k)
{
  return ((size_t)j * (size_t)cube->n_x + (size_t)i) * (size_t)cube->n_lambda + (size_t)k;
}

static double profile(const struct cubix_instrument *ins, double fwhm, double r2)
{
  double beta = ins->psf_beta.coef[0], a2 = fwhm * fwhm / 4. / (pow(2., 1. / beta) - 1.);
  return ins->psf == CUBIX_PSF_MOFFAT ? pow(1. + r2 / a2, -beta) : exp(-4. * log(2.) * r2 / (fwhm * fwhm));
}

/* r^2 of an elongated profile: of the round one of the same area, across and along its axis, which lies psf_angle from
 * the y axis against that of x. */
static double stretched(const struct cubix_instrument *ins, double x, double y)
{
  const double e = ins->psf_axis_ratio, c = cos(ins->psf_angle), s = sin(ins->psf_angle), along = y * c - x * s,
               across = y * s + x * c;
  return e > 0. ? e * along * along + across * across / e : x * x + y * y;
}

/* What counts of row i from the middle: all up to the cut, none from a spaxel beyond it. */
static double share(const struct cubix_instrument *ins, double fwhm, int i)
{
  double beta = ins->psf_beta.coef[0], a = 0.5 * fwhm / sqrt(pow(2., 1. / beta) - 1.),
         r = ins->psf == CUBIX_PSF_MOFFAT ? fmin(a * sqrt(pow(1000., 1. / (beta - 1.)) - 1.), 8. * fwhm)
                                          : 2.5 * fwhm;
  if (ins->psf_axis_ratio > 0.) r /= sqrt(ins->psf_axis_ratio);
  double t = fmin(fmax(r / fmin(ins->pixel_x, ins->pixel_y) + 1. - abs(i), 0.), 1.);
  return t * t * t * (10. - 15. * t + 6. * t * t);
}

/* Kernels by the midpoint rule, 200 x 200 points a spaxel (error some 1e-6). */
static void test_kernels(void)
{
  static const struct { enum cubix_psf_kind kind; double fwhm, beta, pixel_x, pixel_y, ratio, angle;
  } row[] = {
    { CUBIX_PSF_GAUSSIAN, 1.0, 0., 0.5, 0.5, 0., 0. },    { CUBIX_PSF_GAUSSIAN, 0.3, 0., 0.5, 0.25, 0., 0. },
    { CUBIX_PSF_MOFFAT, 0.65, 2.8, 0.2, 0.2, 0., 0. },    { CUBIX_PSF_MOFFAT, 1.0, 2.5, 0.5, 0.3, 0., 0. },
    { CUBIX_PSF_MOFFAT, 0.2, 4.765, 0.5, 0.5, 0., 0. },   { CUBIX_PSF_GAUSSIAN, 1.0, 0., 0.5, 0.5, 0.6, 0.5 },
    { CUBIX_PSF_GAUSSIAN, 0.5, 0., 0.5, 0.25, 0.1, 2. },  { CUBIX_PSF_MOFFAT, 0.8, 2.5, 0.5, 0.3, 0.5, -1. },
    { CUBIX_PSF_MOFFAT, 0.4, 2.8, 0.2, 0.2, 0.8, 1.57 },
  };
  enum { N = 200 };
  for (size_t t = 0; t < sizeof row / sizeof *row; t++) {
    struct cubix_instrument ins = plain(row[t].kind, row[t].fwhm, 0., row[t].beta);
    ins.pixel_x = row[t].pixel_x;
    ins.pixel_y = row[t].pixel_y;
    ins.psf_axis_ratio = row[t].ratio;
    ins.psf_angle = row[t].angle;
    int r = 3, side = 2 * r + 1;
    double kernel[49], slow[49], sum = 0., total = 0., worst = 0., skew = 0.;
    CHECK_IS(cubix_psf_kernel_build(kernel, &ins, 5000., r), ==, 0);
    for (int j = 0; j < side; j++) {
      for (int i = 0; i < side; i++) {
        double s = 0.;
        for (int v = 0; v < N; v++) {
          for (int u = 0; u < N; u++) {
            double x = (i - r - 0.5 + (u + 0.5) / N) * ins.pixel_x, y = (j - r - 0.5 + (v + 0.5) / N) * ins.pixel_y;
            s += profile(&ins, row[t].fwhm, stretched(&ins, x, y));
          }
        }
        sum += slow[j * side + i] = s * share(&ins, row[t].fwhm, i - r) * share(&ins, row[t].fwhm, j - r);
      }
    }
    for (int i = 0; i < 49; i++) {
      worst = check_worst(worst, fabs(slow[i] / sum - kernel[i]));
      skew = check_worst(skew, fabs(kernel[i] - kernel[48 - i]));
      total += kernel[i];
    }
    CHECK_CLOSE(worst, 0., 1e-5);
    CHECK_CLOSE(total, 1., 1e-14);
    CHECK_IS(skew, ==, 0.);
  }
}

/* The margin: 2.5 FWHM, or 99.9 % of a Moffat's light, which is 1 - (1 + r^2/a^2)^(1 - beta) within
 * r; at most 8 FWHM. */
static void test_margin(void)
{
  struct cubix_instrument ins = plain(CUBIX_PSF_GAUSSIAN, 1.1, 0., 0.);
  CHECK_IS(ins.margin, ==, 6);   /* 2.75 arcsec */
  for (double beta = 1.5; beta < 6.; beta += 0.25) {
    ins = plain(CUBIX_PSF_MOFFAT, 0.7, 0., beta);
    double a = 0.35 / sqrt(pow(2., 1. / beta) - 1.), r = ins.margin * 0.5,
           outside = pow(1. + r * r / (a * a), 1. - beta);
    double smaller = r - 0.5, outside_smaller = pow(1. + smaller * smaller / (a * a), 1. - beta);
    CHECK(outside <= 1e-3 || ins.margin == 12);   /* 8 FWHM = 5.6 arcsec */
    CHECK_IS(outside_smaller, >, 1e-3);
  }
  ins = plain(CUBIX_PSF_GAUSSIAN, 1.1, -1e-4, 0.);   /* FWHM 1.1 at 5000, 0.92 at 6800 AA: the largest counts */
  CHECK_IS(ins.margin, ==, 6);
  ins.pixel_y = 0.25;
  CHECK_IS(cubix_psf_margin(&ins), ==, 11);
  ins.psf = CUBIX_PSF_NONE;
  CHECK_IS(cubix_psf_margin(&ins), ==, 0);
}

/* The field by direct sums with the kernel of each channel's own wavelength. */
static double slow_value(const struct cubix_instrument *ins, const struct cubix_cube *painted, const double *kernel,
                         int i, int j, int k)
{
  int r = ins->margin, side = 2 * r + 1;
  double sum = 0.;
  for (int v = -r; v <= r; v++)
    for (int u = -r; u <= r; u++)
      sum += kernel[(v + r) * side + u + r] * (double)painted->flux[at(painted, i + r - u, j + r - v, k)];
  return sum;
}

static void compare_with_sums(const struct cubix_instrument *ins, double tolerance)
{
  struct cubix_cube painted = empty_cube(ins), cube = empty_cube(ins);
  int side = 2 * ins->margin + 1, negative = 0;
  size_t n = (size_t)painted.n_x * (size_t)painted.n_y * (size_t)painted.n_lambda;
  double *kernel = malloc((size_t)side * (size_t)side * sizeof *kernel), worst = 0.;
  srand(7);
  for (size_t i = 0; i < n; i++)
    painted.flux[i] = (cubix_real)(rand() % 4 ? 0. : pow(10., rand() % 6) * (rand() % 1000));
  memcpy(cube.flux, painted.flux, n * sizeof *cube.flux);
  CHECK_IS(cubix_psf_apply(ins, &cube, NULL), ==, 0);
  CHECK_IS(cube.n_x, ==, ins->n_x);
  CHECK_IS(cube.n_y, ==, ins->n_y);
  CHECK_IS(cube.margin, ==, 0);
  for (int k = 0; k < ins->n_lambda; k++) {
    double largest = 0., apart = 0.;
    CHECK_IS(cubix_psf_kernel_build(kernel, ins, ins->lambda_min + k * ins->lambda_step, ins->margin), ==, 0);
    for (int j = 0; j < ins->n_y; j++) {
      for (int i = 0; i < ins->n_x; i++) {
        double want = slow_value(ins, &painted, kernel, i, j, k), got = (double)cube.flux[at(&cube, i, j, k)];
        largest = check_worst(largest, fabs(want));
        apart = check_worst(apart, fabs(want - got));
        negative += got < 0.;
      }
    }
    worst = check_worst(worst, apart / largest);
  }
  CHECK_CLOSE(worst, 0., tolerance + 2. * eps);
  CHECK_IS(negative, ==, 0);
  free(kernel);
  free(painted.flux);
  free(cube.flux);
}

static void test_convolution(void)
{
  struct cubix_instrument ins = plain(CUBIX_PSF_GAUSSIAN, 1.2, 0., 0.);
  compare_with_sums(&ins, 1e-14);
  ins = plain(CUBIX_PSF_MOFFAT, 0.9, 0., 2.8);
  compare_with_sums(&ins, 1e-14);
  ins = plain(CUBIX_PSF_MOFFAT, 0.9, -1e-4, 2.8);   /* nodes: linear between kernels half a percent apart */
  compare_with_sums(&ins, 3e-5);
  ins = plain(CUBIX_PSF_GAUSSIAN, 1.2, 2e-4, 0.);
  ins.pixel_y = 0.35;
  ins.margin = cubix_psf_margin(&ins);
  compare_with_sums(&ins, 3e-5);
  ins.n_lambda = 1;
  compare_with_sums(&ins, 1e-14);
}

/* Fields so high, and kernels so long, that columns are transformed and not summed: a round kernel, and one that has no
 * mirror image.  Narrow, for the sake of time. */
static void test_tall(void)
{
  struct cubix_instrument ins = plain(CUBIX_PSF_GAUSSIAN, 16., 0., 0.);
  ins.n_x = 2;
  ins.n_y = 301;
  ins.n_lambda = 2;
  CHECK_IS(ins.margin, ==, 80);
  CHECK_IS(cubix_psf_shape(&ins).n_y, >, 461);
  compare_with_sums(&ins, 1e-14);
  ins = plain(CUBIX_PSF_GAUSSIAN, 5., 2e-4, 0.);
  ins.n_x = 3;
  ins.n_y = 100;
  ins.n_lambda = 9;
  ins.lambda_step = 20.;
  ins.psf_axis_ratio = 0.6;
  ins.psf_angle = 0.4;
  ins.margin = cubix_psf_margin(&ins);
  CHECK_IS(cubix_psf_shape(&ins).n_y, >, 100 + 2 * ins.margin);
  compare_with_sums(&ins, 3e-5);
  ins = plain(CUBIX_PSF_GAUSSIAN, 1.2, 0., 0.);
  CHECK_IS(cubix_psf_shape(&ins).n_y, ==, 0);
}

/* Kernels that are kept make the same bits, and are those of no other PSF, field or channels. */
static void test_keep(void)
{
  static const struct { enum cubix_psf_kind kind; double fwhm, slope, beta, ratio; int n_x, n_lambda; } row[] = {
    { CUBIX_PSF_MOFFAT, 0.9, -1e-4, 2.5, 0., 9, 37 },    { CUBIX_PSF_MOFFAT, 0.9, -1e-4, 2.5, 0., 9, 37 },
    { CUBIX_PSF_MOFFAT, 0.9, -1e-4, 2.6, 0., 9, 37 },    { CUBIX_PSF_MOFFAT, 0.91, -1e-4, 2.6, 0., 9, 37 },
    { CUBIX_PSF_GAUSSIAN, 0.91, -1e-4, 2.6, 0., 9, 37 }, { CUBIX_PSF_GAUSSIAN, 0.91, -1e-4, 2.6, 0.7, 9, 37 },
    { CUBIX_PSF_GAUSSIAN, 0.91, -1e-4, 2.6, 0.7, 8, 37 },    { CUBIX_PSF_GAUSSIAN, 0.91, -1e-4, 2.6, 0.7, 8, 11 },
    { CUBIX_PSF_GAUSSIAN, 0.91, -1e-4, 2.6, 0.7, 8, 11 },
  };
  struct cubix_psf_plan *keep = NULL;
  srand(17);
  for (size_t t = 0; t < sizeof row / sizeof *row; t++) {
    struct cubix_instrument ins = plain(row[t].kind, row[t].fwhm, row[t].slope, row[t].beta);
    ins.psf_axis_ratio = row[t].ratio;
    ins.n_x = row[t].n_x;
    ins.n_lambda = row[t].n_lambda;
    ins.margin = cubix_psf_margin(&ins);
    struct cubix_cube cube = empty_cube(&ins), other = empty_cube(&ins);
    const size_t n = at(&cube, 0, cube.n_y, 0), n_seen = (size_t)(ins.n_x * ins.n_y * ins.n_lambda);
    for (size_t i = 0; i < n; i++) other.flux[i] = cube.flux[i] = (cubix_real)(rand() % 100);
    CHECK_IS(cubix_psf_apply(&ins, &cube, NULL), ==, 0);
    CHECK_IS(cubix_psf_apply(&ins, &other, &keep), ==, 0);
    CHECK(keep);
    CHECK_IS(memcmp(cube.flux, other.flux, n_seen * sizeof *cube.flux), ==, 0);
    free(cube.flux);
    free(other.flux);
  }
  cubix_psf_plan_free(keep);
}

static const char *write_image(const char *name, int n_dim, long n_x, long n_y, const double *pixels)
{
  static char path[256];
  int fits = 0;
  fitsfile *f;
  long size[3] = { n_x, n_y, 2 };
  double *image = calloc((size_t)(2 * n_x * n_y), sizeof *image);
  snprintf(path, sizeof path, "!%s/%s", folder, name);
  CHECK(image);
  CHECK(!fits_create_file(&f, path, &fits));
  if (image) memcpy(image, pixels, (size_t)(n_x * n_y) * sizeof *image);
  fits_create_img(f, DOUBLE_IMG, n_dim, size, &fits);
  fits_write_img(f, TDOUBLE, 1, n_x * n_y * (n_dim == 3 ? 2 : 1), image, &fits);
  CHECK(!fits_close_file(f, &fits));
  free(image);
  return path + 1;
}

/* A lopsided image, wider than high: what a point becomes is that image, the right way up. */
static void test_file(void)
{
  const double image[15] = { 1, 2, 3, 4, 5,  6, 20, 40, 7, 8,  9, 10, 11, 12, 13 };
  double bad[15];
  struct cubix_instrument ins = plain(CUBIX_PSF_FILE, 0., 0., 0.);
  double *kernel = NULL, sum = 0.;
  int n = 0;
  CHECK_IS(cubix_psf_kernel_read(&ins.psf_kernel, &ins.psf_n, write_image("k.fits", 2, 5, 3, image)), ==, 0);
  CHECK_IS(ins.psf_n, ==, 5);
  for (int i = 0; i < 15; i++) sum += image[i];
  ins.margin = cubix_psf_margin(&ins);
  CHECK_IS(ins.margin, ==, 2);
  compare_with_sums(&ins, 1e-14);
  struct cubix_cube cube = empty_cube(&ins);
  cube.flux[at(&cube, 4 + 2, 3 + 2, 5)] = 1;
  CHECK_IS(cubix_psf_apply(&ins, &cube, NULL), ==, 0);
  for (int j = -2; j <= 2; j++)
    for (int i = -2; i <= 2; i++)
      CHECK_CLOSE(cube.flux[at(&cube, 4 + i, 3 + j, 5)], j < -1 || j > 1 ? 0. : image[(j + 1) * 5 + i + 2] / sum,
                  2. * eps);
  free(cube.flux);
  free(ins.psf_kernel);
  memcpy(bad, image, sizeof bad);
  CHECK_IS(cubix_psf_kernel_read(&kernel, &n, write_image("k.fits", 2, 4, 3, bad)), ==, CUBIX_EINPUT);
  CHECK_SAYS(cubix_error_message(), "4 x 3");
  CHECK_IS(cubix_psf_kernel_read(&kernel, &n, write_image("k.fits", 3, 5, 3, bad)), ==, CUBIX_EINPUT);
  CHECK_SAYS(cubix_error_message(), "3 dimensions");
  bad[7] = NAN;
  CHECK_IS(cubix_psf_kernel_read(&kernel, &n, write_image("k.fits", 2, 5, 3, bad)), ==, CUBIX_EINPUT);
  CHECK_SAYS(cubix_error_message(), "(3, 2)");
  bad[7] = -1000.;
  CHECK_IS(cubix_psf_kernel_read(&kernel, &n, write_image("k.fits", 2, 5, 3, bad)), ==, CUBIX_EINPUT);
  CHECK_SAYS(cubix_error_message(), "positive");
  CHECK(!unlink(write_image("k.fits", 2, 5, 3, image)));
  CHECK_IS(cubix_psf_kernel_read(&kernel, &n, "/nowhere/k.fits"), ==, CUBIX_EINPUT);
  CHECK(!kernel);
}

/* Light is neither made nor lost, a uniform sky stays uniform up to the edge, nothing is negative,
 * and where no light can fall there is none. */
static void test_light(void)
{
  struct cubix_instrument ins = plain(CUBIX_PSF_MOFFAT, 0.9, -5e-5, 2.8);
  ins.n_x = 101;
  ins.n_y = 90;
  struct cubix_cube cube = empty_cube(&ins);
  int r = ins.margin, wrong = 0, negative = 0;
  double in[37] = { 0. }, out[37] = { 0. };
  srand(3);
  for (int k = 0; k < 36; k++) {   /* the last channel stays dark */
    for (int s = 0; s < 20; s++) {
      size_t place = at(&cube, 50 + rand() % 5, 40 + rand() % 5, k);   /* light cannot come further than r from there */
      cube.flux[place] = (cubix_real)pow(10., rand() % 8 - 4);
    }
    for (int j = 40; j < 45; j++)
      for (int i = 50; i < 55; i++) in[k] += (double)cube.flux[at(&cube, i, j, k)];
  }
  CHECK_IS(cubix_psf_apply(&ins, &cube, NULL), ==, 0);
  for (int j = 0; j < ins.n_y; j++) {
    for (int i = 0; i < ins.n_x; i++) {
      int far = i < 50 - 2 * r || i > 54 || j < 40 - 2 * r || j > 44;
      for (int k = 0; k < 37; k++) {
        double value = (double)cube.flux[at(&cube, i, j, k)];
        out[k] += value;
        negative += value < 0.;
        wrong += far && value != 0.;
      }
    }
  }
  for (int k = 0; k < 36; k++) CHECK_CLOSE(out[k] / in[k], 1., 1e-6);
  CHECK_IS(out[36], ==, 0.);
  CHECK_IS(negative, ==, 0);
  CHECK_IS(wrong, ==, 0);
  free(cube.flux);

  ins.n_x = ins.n_y = 10;
  cube = empty_cube(&ins);
  for (size_t i = 0; i < at(&cube, 0, cube.n_y, 0); i++) cube.flux[i] = 3;
  CHECK_IS(cubix_psf_apply(&ins, &cube, NULL), ==, 0);
  double worst = 0.;
  for (size_t i = 0; i < at(&cube, 0, 10, 0); i++) worst = check_worst(worst, fabs((double)cube.flux[i] / 3. - 1.));
  CHECK_CLOSE(worst, 0., 1e-14 + 4. * eps);
  free(cube.flux);
}

/* Without a PSF the cube is the field; outside the aperture it is dark, with and without. */
static void test_aperture(void)
{
  for (int with = 0; with < 2; with++) {
    struct cubix_instrument ins = plain(with ? CUBIX_PSF_GAUSSIAN : CUBIX_PSF_NONE, 1., 0., 0.);
    ins.n_x = ins.n_y = 13;
    ins.aperture = CUBIX_HEXAGON;
    struct cubix_cube cube = empty_cube(&ins);
    int wrong = 0;
    for (int j = 0; j < cube.n_y; j++)
      for (int i = 0; i < cube.n_x; i++)
        for (int k = 0; k < cube.n_lambda; k++)
          cube.flux[at(&cube, i, j, k)] = (cubix_real)(with ? 1 : 1 + i + 100 * j);
    CHECK_IS(cubix_psf_apply(&ins, &cube, NULL), ==, 0);
    for (int j = 0; j < 13; j++) {
      for (int i = 0; i < 13; i++) {
        double want = !cubix_instrument_inside(&ins, i, j) ? 0. : with ? 1. : 1. + i + 100. * j;
        for (int k = 0; k < 37; k++) wrong += !(fabs((double)cube.flux[at(&cube, i, j, k)] - want) <= 4. * eps * want);
      }
    }
    CHECK_IS(wrong, ==, 0);
    CHECK_IS(cube.flux[at(&cube, 0, 0, 0)], ==, 0);
    ins.margin++;
    CHECK_IS(cubix_psf_apply(&ins, &cube, NULL), ==, CUBIX_EFAIL);
    free(cube.flux);
  }
}

/* Threads share the work, not the result. */
static void test_threads(void)
{
  struct cubix_instrument ins = plain(CUBIX_PSF_MOFFAT, 0.9, -1e-4, 2.5);
  struct cubix_cube cube[2];
  for (int t = 0; t < 2; t++) {
    omp_set_num_threads(t ? 3 : 1);
    cube[t] = empty_cube(&ins);
    srand(11);
    for (size_t i = 0; i < at(&cube[t], 0, cube[t].n_y, 0); i++) cube[t].flux[i] = (cubix_real)(rand() % 100);
    CHECK_IS(cubix_psf_apply(&ins, &cube[t], NULL), ==, 0);
  }
  CHECK_IS(memcmp(cube[0].flux, cube[1].flux, at(&cube[0], 0, ins.n_y, 0) * sizeof *cube[0].flux), ==, 0);
  free(cube[0].flux);
  free(cube[1].flux);
}

/* Whoever holds a channel makes the same bits of it: any cut through the channels, and a rank that holds none. */
static void test_owners(void)
{
  static const int cut[] = { 0, 5, 5, 6, 23, 37, 37 };
  struct cubix_instrument ins = plain(CUBIX_PSF_MOFFAT, 0.9, -1e-4, 2.5);
  ins.aperture = CUBIX_CIRCLE;
  struct cubix_cube whole = empty_cube(&ins), painted = empty_cube(&ins);
  int wrong = 0, cropped = 1;
  srand(13);
  for (size_t i = 0; i < at(&whole, 0, whole.n_y, 0); i++) whole.flux[i] = painted.flux[i] = (cubix_real)(rand() % 100);
  CHECK_IS(cubix_psf_apply(&ins, &whole, NULL), ==, 0);
  for (size_t r = 0; r + 1 < sizeof cut / sizeof *cut; r++) {
    struct cubix_cube part = painted;
    part.lambda_first = cut[r];
    part.n_lambda = cut[r + 1] - cut[r];
    part.flux =
        part.n_lambda ? calloc((size_t)part.n_x * (size_t)part.n_y * (size_t)part.n_lambda, sizeof *part.flux) : NULL;
    for (size_t s = 0; part.n_lambda && s < (size_t)part.n_x * (size_t)part.n_y; s++)
      memcpy(part.flux + s * (size_t)part.n_lambda, painted.flux + s * 37 + cut[r],
             (size_t)part.n_lambda * sizeof *part.flux);
    CHECK_IS(cubix_psf_apply(&ins, &part, NULL), ==, 0);
    cropped &= part.n_x == ins.n_x && part.n_y == ins.n_y && part.margin == 0;
    for (int s = 0; part.n_lambda && s < ins.n_x * ins.n_y; s++)
      wrong += memcmp(part.flux + s * part.n_lambda, whole.flux + s * 37 + cut[r],
                      (size_t)part.n_lambda * sizeof *part.flux) != 0;
    free(part.flux);
  }
  CHECK(cropped);
  CHECK_IS(wrong, ==, 0);
  painted.lambda_first = 1;       /* beyond the last channel */
  CHECK_IS(cubix_psf_apply(&ins, &painted, NULL), ==, CUBIX_EFAIL);
  free(whole.flux);
  free(painted.flux);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CHECK(mkdtemp(folder));
  CASE(test_kernels());
  CASE(test_margin());
  CASE(test_convolution());
  CASE(test_tall());
  CASE(test_keep());
  CASE(test_file());
  CASE(test_light());
  CASE(test_aperture());
  CASE(test_threads());
  CASE(test_owners());
  rmdir(folder);
  return check_done();
}
