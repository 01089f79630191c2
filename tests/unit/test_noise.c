/* test_noise.c -- noise: the variance that is stated is the variance that is drawn, and the S/N
 * that is asked for is the S/N that is had. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "observation/noise.h"
#include "physics/constants.h"

static const double unit = 1e-20;

#define CONSTANT(x) { .n_coef = 1, .coef = { x } }

/* A small field of known figures. */
static struct cubix_instrument small(enum cubix_Noise kind)
{
  struct cubix_instrument ins = { .n_x = 11,
                                  .n_y = 9,
                                  .pixel_x = 0.5,
                                  .pixel_y = 0.4,
                                  .n_lambda = 40,
                                  .lambda_min = 5000.,
                                  .lambda_step = 1.25,
                                  .noise = kind,
                                  .area_cm2 = 5e5,
                                  .dark = CONSTANT(1e-3),
                                  .read_noise = CONSTANT(2.5),
                                  .n_pixel = CONSTANT(1.5),
                                  .exposure = 600.,
                                  .n_sky = 20. };
  ins.throughput.n_coef = ins.sky.n_coef = 2;
  ins.throughput.coef[0] = 0.1;
  ins.throughput.coef[1] = 2e-5;
  ins.sky.coef[0] = 1e-17;
  return ins;
}

static struct cubix_cube cube_of(const struct cubix_instrument *ins)
{
  struct cubix_cube cube = { .n_x = ins->n_x, .n_y = ins->n_y, .n_lambda = ins->n_lambda };
  cube.flux = calloc((size_t)cube.n_x * (size_t)cube.n_y * (size_t)cube.n_lambda, sizeof *cube.flux);
  CHECK(cube.flux);
  for (int j = 0; j < cube.n_y; j++)
    for (int i = 0; i < cube.n_x; i++)
      for (int k = 0; k < cube.n_lambda; k++)
        cube.flux[(j * cube.n_x + i) * cube.n_lambda + k] =
            (cubix_real)(1000. * exp(-0.4 * hypot(i - 5., j - 4.)) * (1. + 0.3 * sin(k * 1.7)) *
                         (1. + 0.04 * i + 0.03 * j));
  return cube;
}

static int init(struct cubix_noise *noise, const struct cubix_instrument *ins, const struct cubix_cube *cube,
                const char *const (*set)[2], int n)
{
  struct cubix_params *par = NULL;
  int status = cubix_params_init(&par);
  for (int i = 0; i < n && !status; i++) status = cubix_params_set(par, set[i][0], set[i][1]);
  if (!status) status = cubix_noise_init(noise, par, ins, cube, unit, &cubix_collective_alone);
  cubix_params_free(par);
  return status;
}

/* The variance by its formula, written once more. */
static double slow_variance(const struct cubix_instrument *ins, int k, double flux, double t, int n_exp)
{
  double lambda = ins->lambda_min + k * ins->lambda_step,
         photons = (0.1 + 2e-5 * lambda) * ins->area_cm2 * t * ins->lambda_step * lambda / CUBIX_HC_ERG_AA;
  double signal = flux * unit * photons, sky = 1e-17 * ins->pixel_x * ins->pixel_y * photons;
  double variance =
      signal + sky * (1. + (ins->n_sky > 0. ? 1. / ins->n_sky : 0.)) +
      ins->n_pixel.coef[0] * (ins->dark.coef[0] * t + n_exp * ins->read_noise.coef[0] * ins->read_noise.coef[0]);
  return variance / (photons * unit) / (photons * unit);
}

static void test_variance(void)
{
  static const char *const set[][2] = { { "ExposureTime", "1300" } };
  struct cubix_instrument ins = small(CUBIX_Noise_exposure);
  struct cubix_cube cube = cube_of(&ins);
  struct cubix_noise noise;
  CHECK_IS(init(&noise, &ins, &cube, set, 1), ==, 0);
  CHECK_IS(noise.exposure_time, ==, 1300.);
  CHECK_IS(noise.n_exposure, ==, 3);
  for (int k = 0; k < 40; k += 13)
    for (double flux = 0.; flux < 1e5; flux = 10. * flux + 1.)
      CHECK_CLOSE(cubix_noise_variance(&noise, k, flux) / slow_variance(&ins, k, flux, 1300., 3), 1., 1e-12);
  cubix_noise_free(&noise);
  static const char *const seven[][2] = { { "ExposureTime", "2.1" } };
  ins.exposure = 0.3;          /* 2.1/0.3 is more than 7 in the last bit */
  CHECK_IS(init(&noise, &ins, &cube, seven, 1), ==, 0);
  CHECK_IS(noise.n_exposure, ==, 7);
  cubix_noise_free(&noise);
  ins.noise = CUBIX_Noise_none;
  CHECK_IS(init(&noise, &ins, &cube, set, 1), ==, 0);
  CHECK_IS(cubix_noise_variance(&noise, 3, 10.), ==, 0.);
  CHECK_IS(cubix_noise_draw(&noise, 3, 10., 5), ==, 0.);
  cubix_noise_free(&noise);
  free(cube.flux);
}

static int rising(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov distance to N(0,1) times sqrt(n); above 1.63 in one of a hundred cases. */
static double ks_normal(double *x, int n)
{
  double worst = 0.;
  qsort(x, (size_t)n, sizeof *x, rising);
  for (int i = 0; i < n; i++) {
    double p = 0.5 * erfc(-x[i] / sqrt(2.));
    worst = check_worst(check_worst(worst, fabs(p - (double)i / n)), fabs(p - (i + 1.) / n));
  }
  return worst * sqrt(n);
}

static void moments(const double *x, int n, double *mean, double *variance, double *third)
{
  *mean = *variance = *third = 0.;
  for (int i = 0; i < n; i++) *mean += x[i] / n;
  for (int i = 0; i < n; i++) *variance += (x[i] - *mean) * (x[i] - *mean) / (n - 1.);
  for (int i = 0; i < n; i++) *third += pow(x[i] - *mean, 3.) / n;
}

/* P12: chi = (noisy - clean)/sqrt(variance) is N(0, 1); its mean is 0 (RUBIX B20: a uniform number
 * in 0..1 has the mean +0.5). */
static void test_P12_chi(void)
{
  enum { N = 200000 };
  static const struct { const char *t; double flux, n_sky; int normal;
  } row[] = {
    { "3000", 0., 0., 1 }, { "3000", 500., 20., 1 }, { "3000", 1e5, 3., 1 }, { "5", 0., 20., 0 },
    { "5", 100., 3., 0 },  { "40", 300., 1., 0 },    { "600", 20., 0., 0 },
  };
  double *chi = malloc(N * sizeof *chi), mean, variance, third;
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    const char *const set[][2] = { { "ExposureTime", row[i].t } };
    struct cubix_instrument ins = small(CUBIX_Noise_exposure);
    struct cubix_cube cube = cube_of(&ins);
    struct cubix_noise noise;
    ins.n_sky = row[i].n_sky;
    CHECK_IS(init(&noise, &ins, &cube, set, 1), ==, 0);
    double photons = row[i].flux * noise.electrons[7] + noise.sky[7],
           all = cubix_noise_variance(&noise, 7, row[i].flux) * pow(noise.electrons[7], 2.);
    for (int v = 0; v < N; v++)
      chi[v] =
          cubix_noise_draw(&noise, 7, row[i].flux, (uint64_t)v) / sqrt(cubix_noise_variance(&noise, 7, row[i].flux));
    moments(chi, N, &mean, &variance, &third);
    CHECK_CLOSE(mean, 0., 4. / sqrt(N));
    /* the fourth moment of a Poisson number counts too */
    CHECK_CLOSE(variance, 1., 4. * sqrt((2. + photons / (all * all)) / N));
    /* a Poisson number's, if the rest is independent of it */
    CHECK_CLOSE(third, row[i].normal ? 0. : photons / pow(all, 1.5), 0.04);
    if (row[i].normal) {
      CHECK_IS(photons, >, 50.);
      CHECK_IS(ks_normal(chi, N), <, 1.63);
    }
    else CHECK_IS(photons, <, 50.);
    cubix_noise_free(&noise);
    free(cube.flux);
  }
  free(chi);
}

/* Without detector noise and with a known sky, few photons are counted: whole numbers, with
 * Poisson's frequencies (chi-square, 1 % level). */
static void test_P12_poisson(void)
{
  enum { N = 200000 };
  static const char *const set[][2] = { { "ExposureTime", "100" } };
  struct cubix_instrument ins = small(CUBIX_Noise_exposure);
  struct cubix_cube cube = cube_of(&ins);
  struct cubix_noise noise;
  ins.dark.coef[0] = ins.read_noise.coef[0] = ins.n_sky = 0.;
  CHECK_IS(init(&noise, &ins, &cube, set, 1), ==, 0);
  for (int t = 0; t < 3; t++) {
    double wanted = t == 0   ? 1.5
                    : t == 1 ? 12.
                             : 49.9,
           flux = fmax(wanted - noise.sky[7], 0.) / noise.electrons[7], mean = flux * noise.electrons[7] + noise.sky[7];
    double chi2 = 0., p = exp(-mean), off = 0.;
    int count[200] = { 0 }, n_bin = 0, beyond = 0;
    for (int v = 0; v < N; v++) {
      double n = cubix_noise_draw(&noise, 7, flux, (uint64_t)v * 977) * noise.electrons[7] + mean;
      off = check_worst(off, fabs(n - floor(n + 0.5)));
      if (n > -0.5 && n < 199.) count[(int)floor(n + 0.5)]++;
      else beyond++;
    }
    for (int n = 0; n < 200; n++) {
      double expected = N * p;
      if (expected > 25.) {
        chi2 += (count[n] - expected) * (count[n] - expected) / expected;
        n_bin++;
      }
      p *= mean / (n + 1);
    }
    CHECK_CLOSE(off, 0., 1e-9);
    CHECK_IS(beyond, ==, 0);
    CHECK_IS(n_bin, >, 3);
    CHECK_IS(chi2, <, n_bin + 2.33 * sqrt(2. * n_bin) + 2.);
  }
  cubix_noise_free(&noise);
  free(cube.flux);
}

/* The same seed and voxel: the same number, in any order; another seed or voxel: an independent
 * one.  RUBIX B5: empty spaxels have the sky's noise. */
static void test_B5_and_seeds(void)
{
  enum { N = 20000 };
  static const char *const set[][2] = { { "ExposureTime", "3000" }, { "Seed", "5" } }, *const other[][2] = {
    { "ExposureTime", "3000" }, { "Seed", "6" }
  };
  struct cubix_instrument ins = small(CUBIX_Noise_exposure);
  struct cubix_cube cube = cube_of(&ins);
  struct cubix_noise a, b, c;
  double dot_seed = 0., dot_next = 0., sum = 0.;
  int same = 0;
  for (int k = 0; k < 40; k++) cube.flux[k] = 0;   /* an empty spaxel does not switch noise off */
  CHECK_IS(init(&a, &ins, &cube, set, 2), ==, 0);
  CHECK_IS(init(&b, &ins, &cube, set, 2), ==, 0);
  CHECK_IS(init(&c, &ins, &cube, other, 2), ==, 0);
  double sigma = sqrt(cubix_noise_variance(&a, 3, 0.)), sky = 1e-17 * 0.2 / unit;
  CHECK_IS(sigma, >, 0.005 * sky);
  CHECK_IS(sigma, <, 5. * sky);
  for (int v = 0; v < N; v++) {
    uint64_t voxel = (uint64_t)v << 20;   /* beyond 32 bits */
    double x = cubix_noise_draw(&a, 3, 0., voxel) / sigma, y = cubix_noise_draw(&c, 3, 0., voxel) / sigma,
           z = cubix_noise_draw(&a, 3, 0., voxel + 1) / sigma;
    same -= x == cubix_noise_draw(&a, 3, 0., voxel + ((uint64_t)1 << 32)) / sigma;
    same += x == cubix_noise_draw(&b, 3, 0., ((uint64_t)v) << 20) / sigma;
    dot_seed += x * y;
    dot_next += x * z;
    sum += x * x;
  }
  CHECK_IS(same, ==, N);
  CHECK_CLOSE(dot_seed / N, 0., 4. / sqrt(N));
  CHECK_CLOSE(dot_next / N, 0., 4. / sqrt(N));
  CHECK_CLOSE(sum / N, 1., 4. * sqrt(2. / N));
  cubix_noise_free(&a);
  cubix_noise_free(&b);
  cubix_noise_free(&c);
  free(cube.flux);
}

/* Twice the time, half the variance where the sky rules. */
static void test_time(void)
{
  static const char *const once[][2] = { { "ExposureTime", "1e6" } }, *const twice[][2] = { { "ExposureTime", "2e6" } };
  struct cubix_instrument ins = small(CUBIX_Noise_exposure);
  struct cubix_cube cube = cube_of(&ins);
  struct cubix_noise a, b;
  ins.read_noise.coef[0] = 0.;
  CHECK_IS(init(&a, &ins, &cube, once, 1), ==, 0);
  CHECK_IS(init(&b, &ins, &cube, twice, 1), ==, 0);
  CHECK_CLOSE(cubix_noise_variance(&a, 3, 0.) / cubix_noise_variance(&b, 3, 0.), 2., 1e-12);
  CHECK_CLOSE(b.achieved_snr / a.achieved_snr, sqrt(2.), 1e-9);
  cubix_noise_free(&a);
  cubix_noise_free(&b);
  free(cube.flux);
}

/* The median S/N by sorting all of it. */
static double slow_snr(const struct cubix_instrument *ins, const struct cubix_cube *cube, double x0, double y0,
                       double radius, int k0, int k1, double t)
{
  static double snr[11 * 9 * 40];
  int n = 0, n_exp = (int)ceil(t / ins->exposure * (1. - 1e-12));
  for (int j = 0; j < 9; j++) {
    for (int i = 0; i < 11; i++) {
      double x = (5 - i) * ins->pixel_x - x0, y = (j - 4) * ins->pixel_y - y0;
      if (x * x + y * y > radius * radius || !cubix_instrument_inside(ins, i, j)) continue;
      for (int k = k0; k <= k1; k++) {
        double flux = (double)cube->flux[(j * 11 + i) * 40 + k];
        snr[n++] = flux / sqrt(slow_variance(ins, k, flux, t, n_exp < 1 ? 1 : n_exp)) / sqrt(ins->lambda_step);
      }
    }
  }
  qsort(snr, (size_t)n, sizeof *snr, rising);
  return 0.5 * (snr[n / 2] + snr[(n - 1) / 2]);
}

/* Noise snr: the S/N is what was asked for, in the aperture and band, at exact numbers of
 * read-outs; and no shorter time has it. */
static void test_snr(void)
{
  static const struct { const char *snr, *aperture, *from, *to; double read_noise, exposure; int k0, k1;
  } row[] = {
    { "30", "1", "0", "0", 2.5, 600., 0, 39 },           { "3", "1", "5010", "5020", 2.5, 600., 8, 16 },
    { "0.01", "5", "0", "0", 2.5, 600., 0, 39 },         { "100", "0.1", "5010", "5010", 50., 10., 8, 8 },
    { "10", "0.1", "5010", "5011.25", 20., 100., 8, 9 }, { "5", "2", "0", "5020", 30., 1., 0, 16 },
    { "200", "0.6", "5030", "0", 0., 600., 24, 39 },
  };
  for (size_t r = 0; r < sizeof row / sizeof *row; r++) {
    for (int shape = 0; shape < 2; shape++) {
      const char *const set[][2] = { { "SignalToNoise", row[r].snr },
                                     { "SnrAperture", row[r].aperture },
                                     { "SnrLambdaMin", row[r].from },
                                     { "SnrLambdaMax", row[r].to } };
      struct cubix_instrument ins = small(CUBIX_Noise_snr);
      struct cubix_cube cube = cube_of(&ins);
      struct cubix_noise noise;
      double want = atof(row[r].snr), radius = atof(row[r].aperture);
      ins.read_noise.coef[0] = row[r].read_noise;
      ins.exposure = row[r].exposure;
      ins.aperture = shape ? CUBIX_CIRCLE : CUBIX_SQUARE;
      CHECK_IS(init(&noise, &ins, &cube, set, 4), ==, 0);
      CHECK_CLOSE(noise.achieved_snr / want, 1., 1e-9);
      CHECK_CLOSE(slow_snr(&ins, &cube, 0., 0., radius, row[r].k0, row[r].k1, noise.exposure_time) / want, 1., 1e-9);
      CHECK_IS(noise.n_exposure, ==, (int)fmax(1., ceil(noise.exposure_time / ins.exposure * (1. - 1e-12))));
      int shorter = 0;
      for (int i = 1; i < 300; i++)
        shorter += slow_snr(&ins, &cube, 0., 0., radius, row[r].k0, row[r].k1, noise.exposure_time * i / 300.) >= want;
      CHECK_IS(shorter, ==, 0);
      cubix_noise_free(&noise);
      free(cube.flux);
    }
  }
}

/* The aperture is about the galaxy's centre, wherever Pointing and Roll put it; far from the field
 * the nearest spaxel counts. */
static void test_aperture(void)
{
  static const char *const set[][2] = { { "SignalToNoise", "20" }, { "SnrAperture", "0.7" } };
  struct cubix_instrument ins = small(CUBIX_Noise_snr);
  struct cubix_cube cube = cube_of(&ins);
  struct cubix_noise noise;
  ins.pointing_x = 1.;
  ins.pointing_y = -0.8;
  CHECK_IS(init(&noise, &ins, &cube, set, 2), ==, 0);
  CHECK_CLOSE(slow_snr(&ins, &cube, -1., 0.8, 0.7, 0, 39, noise.exposure_time), 20., 1e-7);
  cubix_noise_free(&noise);
  ins.roll = CUBIX_PI / 2.;   /* the galaxy, (-1, 0.8) from the field's centre, is at X_d = -0.8, Y_d = -1 */
  CHECK_IS(init(&noise, &ins, &cube, set, 2), ==, 0);
  CHECK_CLOSE(slow_snr(&ins, &cube, -0.8, -1., 0.7, 0, 39, noise.exposure_time), 20., 1e-7);
  cubix_noise_free(&noise);
  ins.roll = 0.;
  ins.pointing_x = 100.;      /* the galaxy is far to the west: the last column is the nearest */
  ins.pointing_y = 0.;
  CHECK_IS(init(&noise, &ins, &cube, set, 2), ==, 0);
  CHECK_CLOSE(slow_snr(&ins, &cube, -2.5, 0., 0.1, 0, 39, noise.exposure_time), 20., 1e-7);
  cubix_noise_free(&noise);
  free(cube.flux);
}

static void test_refusals(void)
{
  static const char *const set[][2] = { { "SignalToNoise", "20" }, { "SnrLambdaMin", "9000" } }, *const time[][2] = {
    { "ExposureTime", "1e12" }
  };
  struct cubix_instrument ins = small(CUBIX_Noise_snr);
  struct cubix_cube cube = cube_of(&ins);
  struct cubix_noise noise;
  CHECK_IS(init(&noise, &ins, &cube, set, 2), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "SnrLambdaMin = 9000");
  cubix_noise_free(&noise);
  memset(cube.flux, 0, 11 * 9 * 40 * sizeof *cube.flux);
  CHECK_IS(init(&noise, &ins, &cube, set, 1), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "SnrAperture");
  cubix_noise_free(&noise);
  /* light in exactly half of the voxels of one spaxel: the median is half the S/N of the faintest of them */
  static const char *const one[][2] = { { "SignalToNoise", "4" }, { "SnrAperture", "0.1" } };
  for (int k = 0; k < 20; k++) cube.flux[(4 * 11 + 5) * 40 + k] = 100;
  CHECK_IS(init(&noise, &ins, &cube, one, 2), ==, 0);
  CHECK_CLOSE(noise.achieved_snr, 4., 1e-8);
  cubix_noise_free(&noise);
  ins.noise = CUBIX_Noise_exposure;
  ins.exposure = 1.;
  CHECK_IS(init(&noise, &ins, &cube, time, 1), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "exposures");
  cubix_noise_free(&noise);
  free(cube.flux);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_variance());
  CASE(test_P12_chi());
  CASE(test_P12_poisson());
  CASE(test_B5_and_seeds());
  CASE(test_time());
  CASE(test_snr());
  CASE(test_aperture());
  CASE(test_refusals());
  return check_done();
}
