/* test_lines_vjp.c -- derivatives of emission lines: forward against differences of the painted lines, reverse against
 * forward; on the grid of velocities and by themselves; cells that form stars and young stars. */
#include "tests/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "geometry/scene.h"
#include "instrument/instrument.h"
#include "lines/line_paint.h"
#include "lines/line_vjp.h"
#include "params/params.h"
#include "tests/library_lab.h"
#include "tests/numbers.h"

enum { N_SPAXEL = 3, N_SOURCE = 40, N_Z = 2, N_AGE = 4, N_WAVE = 4 };
static const double z_redshift = 0.02;
static const int is_double = sizeof(cubix_real) == sizeof(double);
static char library[64];

/* A library that states ionising photons. */
static void write_library(void)
{
  static const double metallicity[N_Z] = { 0.001, 0.03 }, age[N_AGE] = { 0.0005, 0.003, 0.02, 1 },
                      wave[N_WAVE] = { 4000, 5000, 6000, 9000 }, width[N_WAVE] = { 0 };
  static const double photons[N_Z * N_AGE] = { 6e46, 4e46, 1e45, 1e41, 4e46, 2e46, 3e44, 1e41 };
  double luminosity[N_Z * N_AGE * N_WAVE];
  const hsize_t dim[2] = { N_Z, N_AGE };
  for (int i = 0; i < N_Z * N_AGE * N_WAVE; i++) luminosity[i] = 1e28;
  const struct lab_library lab = { N_Z, N_AGE, N_WAVE, metallicity, age, wave, width, luminosity };
  snprintf(library, sizeof library, "/tmp/cubix-lines-%d.hdf5", (int)getpid());
  lab_library_write(library, &lab);
  hid_t file = H5Fopen(library, H5F_ACC_RDWR, H5P_DEFAULT);
  put_table(file, "/IonizingPhotons", "1/s/Msun", 2, dim, photons);
  H5Fclose(file);
}

struct lab {
  struct cubix_params *par;
  struct cubix_instrument *ins;
  struct cubix_scene scene;
  struct cubix_lines *lines;
  struct cubix_placement *sources;
  struct cubix_cube cube, dot;
};

static int put(struct lab *lab, const char *name, double value)
{
  char text[40];
  snprintf(text, sizeof text, "%.17g", value);
  return cubix_params_set(lab->par, name, text);
}

/* The lines of the parameters as they are; on a grid if reach > 0. */
static int open_lines(struct lab *lab, double reach)
{
  cubix_lines_free(lab->lines);
  lab->lines = NULL;
  int status = cubix_lines_open(&lab->lines, lab->par, lab->ins, &lab->scene, 500);
  if (!status && reach > 0) status = cubix_lines_prepare(lab->lines, reach, 1e-6, 1);
  if (status) printf("%s\n", cubix_error_message());
  return status;
}

static void cube_init(struct cubix_cube *cube, int n_lambda)
{
  *cube = (struct cubix_cube){ .n_x = N_SPAXEL, .n_y = 1 };
  CHECK(!cubix_cube_hold(cube, 0, n_lambda));
}

/* Sources of every kind: at nodes of the table, within, and some of them fast. */
static void sources_init(struct lab *lab)
{
  const int stars = lab->lines->n_age > 1;
  CHECK(!cubix_placement_init(&lab->sources, N_SPAXEL, N_SOURCE));
  for (int i = 0; i < N_SOURCE; i++)
    lab->sources->star[i] = (struct cubix_star){ .mass_formed = (stars ? 1e3 : 0.01) * (0.2 + uniform()),
                                                 .velocity = i % 9 ? 400 * (uniform() - 0.5) : 450,
                                                 .f_z = 0.1 + 0.8 * uniform(),
                                                 .f_age = stars ? 0.1 + 0.8 * uniform() : 0,
                                                 .iz = (int16_t)(uniform() * (lab->lines->n_z - 1)),
                                                 .ia = (int16_t)(stars ? uniform() * (lab->lines->n_age - 1) : 0),
                                                 .screen = (cubix_real)(0.5 * (1 + i % 3)) };
  const size_t start[N_SPAXEL + 1] = { 0, 10, 10, N_SOURCE };
  memcpy(lab->sources->start, start, sizeof start);
}

static void lab_open(struct lab *lab, const char *lines, double reach)
{
  *lab = (struct lab){ 0 };
  CHECK(!cubix_params_init(&lab->par));
  const char *const set[][2] = {
    { "SspFile", library },     { "Lines", lines },      { "Dust", "screen" },      { "Lsf", "gaussian" },
    { "DustRv", "3.3" },        { "BirthCloudTau", "0.4" },
    { "LsfFwhm", "2.2" },       { "FluxUnit", "-20" },   { "LambdaMin", "6640" },   { "LambdaMax", "6760" },
    { "LineLogU", "-2.7" },     { "LineEscape", "0.2" }, { "LineDust", "0.1" },     { "LineTurbulence", "20" },
    { "Instrument", "MUSE-WFM" }
  };
  for (size_t i = 0; i < sizeof set / sizeof *set; i++) CHECK(!cubix_params_set(lab->par, set[i][0], set[i][1]));
  CHECK(!cubix_instrument_read(&lab->ins, lab->par));
  lab->scene = (struct cubix_scene){ .redshift = z_redshift, .flux_scale = 1e-34 };
  CHECK(!open_lines(lab, reach));
  sources_init(lab);
  cube_init(&lab->cube, lab->ins->n_lambda);
  cube_init(&lab->dot, lab->ins->n_lambda);
}

static void lab_close(struct lab *lab)
{
  cubix_lines_free(lab->lines);
  cubix_placement_free(lab->sources);
  cubix_instrument_free(lab->ins);
  cubix_params_free(lab->par);
  free(lab->cube.flux);
  free(lab->dot.flux);
}

static size_t n_voxel(const struct lab *lab) { return (size_t)N_SPAXEL * (size_t)lab->cube.n_lambda; }

static void paint(struct lab *lab, struct cubix_cube *cube)
{
  memset(cube->flux, 0, n_voxel(lab) * sizeof *cube->flux);
  CHECK(!cubix_lines_paint(lab->lines, lab->sources, cube, lab->scene.flux_scale, NULL, 0));
}

static void random_dot(struct cubix_star_bar *dot, struct cubix_lines_bar *shared, const struct lab *lab)
{
  for (int i = 0; i < N_SOURCE; i++)
    dot[i] = (struct cubix_star_bar){ lab->sources->star[i].mass_formed * (uniform() - 0.5), 5 * (uniform() - 0.5),
                                      0.1 * (uniform() - 0.5), lab->lines->n_age > 1 ? 0.1 * (uniform() - 0.5) : 0,
                                      0.1 * (uniform() - 0.5) };
  *shared = (struct cubix_lines_bar){ 0.05, 1.5, 0.03, -0.02, 0.04, 0.1, 0.05 };
}

/* The lines a step along the tangents. */
static void step(struct lab *lab, const struct cubix_star_bar *dot, const struct cubix_lines_bar *shared, double h,
                 double reach, struct cubix_cube *cube)
{
  struct cubix_star keep[N_SOURCE];
  memcpy(keep, lab->sources->star, sizeof keep);
  for (int i = 0; i < N_SOURCE; i++) {
    struct cubix_star *s = &lab->sources->star[i];
    s->mass_formed += h * dot[i].mass_formed;
    s->velocity += h * dot[i].velocity;
    s->f_z += h * dot[i].f_z;
    s->f_age += h * dot[i].f_age;
    s->screen = (cubix_real)((double)s->screen + h * dot[i].screen);
  }
  CHECK(!put(lab, "LineLogU", -2.7 + h * shared->log_u) && !put(lab, "LineTurbulence", 20 + h * shared->turbulence) &&
        !put(lab, "LineEscape", 0.2 + h * shared->escape) && !put(lab, "LineDust", 0.1 + h * shared->dust) &&
        !put(lab, "DustRv", 3.3 + h * shared->shape) && !put(lab, "BirthCloudTau", 0.4 + h * shared->cloud) &&
        !cubix_instrument_set_lsf(lab->ins, 2.2 + h * shared->lsf));
  CHECK(!open_lines(lab, reach));
  paint(lab, cube);
  memcpy(lab->sources->star, keep, sizeof keep);
}

/* Tangents against a central difference.  float32 holds screens and cubes: the step is wide, and what is left is its
 * third order and their rounding. */
static void test_forward(const char *lines, double reach)
{
  struct lab lab;
  struct cubix_star_bar dot[N_SOURCE];
  struct cubix_lines_bar shared;
  struct cubix_cube more;
  double peak = 0, worst = 0;
  const double h = is_double ? 0.005 : 0.05;
  lab_open(&lab, lines, reach);
  random_dot(dot, &shared, &lab);
  for (int i = 0; i < N_SOURCE; i++)   /* a screen is float32: steps that it can hold */
    dot[i].screen = (double)(float)dot[i].screen;
  memset(lab.dot.flux, 0, n_voxel(&lab) * sizeof *lab.dot.flux);
  CHECK(!cubix_lines_paint_jvp(lab.lines, lab.sources, dot, &shared, lab.scene.flux_scale, &lab.dot));
  cube_init(&more, lab.ins->n_lambda);
  step(&lab, dot, &shared, h, reach, &more);
  step(&lab, dot, &shared, -h, reach, &lab.cube);
  for (size_t i = 0; i < n_voxel(&lab); i++) {
    const double got = (double)lab.dot.flux[i], want = ((double)more.flux[i] - (double)lab.cube.flux[i]) / (2 * h);
    peak = check_worst(peak, fabs(want));
    worst = check_worst(worst, fabs(got - want));
  }
  CHECK_IS(peak, >, 0);
  CHECK_IS(worst / peak, <, is_double ? 2e-5 : 3e-4);
  free(more.flux);
  lab_close(&lab);
}

/* <bar, J dot> = <J^T bar, dot>, each kind of tangent by itself. */
static void test_adjoint(const char *lines, double reach)
{
  struct lab lab;
  struct cubix_star_bar dot[N_SOURCE], none[N_SOURCE] = { { 0 } }, bar[N_SOURCE] = { { 0 } };
  struct cubix_lines_bar shared, shared_bar = { 0 };
  lab_open(&lab, lines, reach);
  random_dot(dot, &shared, &lab);
  for (size_t i = 0; i < n_voxel(&lab); i++) lab.cube.flux[i] = (cubix_real)(uniform() - 0.5);
  CHECK(!cubix_lines_paint_vjp(lab.lines, lab.sources, &lab.cube, lab.scene.flux_scale, bar, &shared_bar));
  for (int kind = 0; kind < 12; kind++) {
    struct cubix_star_bar one[N_SOURCE];
    struct cubix_lines_bar some = { 0 };
    double forward = 0, back = 0, size = 0;
    memcpy(one, none, sizeof one);
    for (int i = 0; i < N_SOURCE && kind < 5; i++) {
      ((double *)&one[i])[kind] = ((double *)&dot[i])[kind];
      back += ((double *)&one[i])[kind] * ((double *)&bar[i])[kind];
    }
    if (kind >= 5) {
      ((double *)&some)[kind - 5] = ((double *)&shared)[kind - 5];
      back = ((double *)&some)[kind - 5] * ((double *)&shared_bar)[kind - 5];
    }
    memset(lab.dot.flux, 0, n_voxel(&lab) * sizeof *lab.dot.flux);
    CHECK(!cubix_lines_paint_jvp(lab.lines, lab.sources, one, &some, lab.scene.flux_scale, &lab.dot));
    for (size_t i = 0; i < n_voxel(&lab); i++) {
      forward += (double)lab.dot.flux[i] * (double)lab.cube.flux[i];
      size += fabs((double)lab.dot.flux[i] * (double)lab.cube.flux[i]);
    }
    if (kind != 3 || lab.lines->n_age > 1) CHECK_IS(size, >, 0);
    CHECK_CLOSE(back, forward, (is_double ? 1e-12 : 1e-7) * size);     /* the tangents are float32 */
  }
  lab_close(&lab);
}

/* Where all photons escape, or dust takes them all, no line shines, and less of that makes it shine. */
static void test_dark(const char *name, double reach)
{
  struct lab lab;
  struct cubix_star_bar none[N_SOURCE] = { { 0 } }, bar[N_SOURCE] = { { 0 } };
  struct cubix_lines_bar back = { 0 };
  double brighter = 0, darker = 0;
  const int escape = !strcmp(name, "LineEscape");
  const struct cubix_lines_bar less = { .escape = escape ? -1 : 0, .dust = escape ? 0 : -1 };
  lab_open(&lab, "sfr", reach);
  CHECK(!put(&lab, name, 0) && !open_lines(&lab, reach));
  paint(&lab, &lab.cube);
  for (size_t i = 0; i < n_voxel(&lab); i++) brighter += (double)lab.cube.flux[i];
  CHECK(!put(&lab, name, 1) && !open_lines(&lab, reach));
  paint(&lab, &lab.cube);
  for (size_t i = 0; i < n_voxel(&lab); i++) darker += (double)lab.cube.flux[i];
  CHECK(brighter > 0 && darker == 0);
  memset(lab.dot.flux, 0, n_voxel(&lab) * sizeof *lab.dot.flux);
  CHECK(!cubix_lines_paint_jvp(lab.lines, lab.sources, none, &less, lab.scene.flux_scale, &lab.dot));
  for (size_t i = 0; i < n_voxel(&lab); i++) {
    darker += (double)lab.dot.flux[i];
    lab.cube.flux[i] = 1;
  }
  CHECK_CLOSE(darker, brighter, 1e-6 * brighter);
  CHECK(!cubix_lines_paint_vjp(lab.lines, lab.sources, &lab.cube, lab.scene.flux_scale, bar, &back));
  CHECK_CLOSE(-(escape ? back.escape : back.dust), brighter, 1e-6 * brighter);
  lab_close(&lab);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  write_library();
  CASE(test_forward("sfr", 0));
  CASE(test_forward("stars", 0));
  CASE(test_forward("sfr", 300));
  CASE(test_forward("stars", 300));
  CASE(test_adjoint("sfr", 0));
  CASE(test_adjoint("stars", 0));
  CASE(test_adjoint("sfr", 300));
  CASE(test_adjoint("stars", 300));
  CASE(test_dark("LineEscape", 0));
  CASE(test_dark("LineDust", 300));
  remove(library);
  return check_done();
}
