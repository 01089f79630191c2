/* test_frame_vjp.c -- derivatives of the rotation with its angles, and of the scene with redshift
 * and distance: central differences, and forward against reverse. */
#include <string.h>

#include "base/error.h"
#include "tests/check.h"
#include "geometry/frame.h"
#include "geometry/scene.h"
#include "params/params.h"

static struct cubix_params *par;

static void set(const char *name, const char *value) { CHECK_IS(cubix_params_set(par, name, value), ==, CUBIX_OK); }

/* The parameters that the members of struct cubix_turn_bar stand for. */
static double *angle(int i)
{
  double *const of[5] = { &par->Alpha, &par->Beta, &par->Gamma, &par->Inclination, &par->PositionAngle };
  return of[i];
}

/* @param depends  bits: the angles that this orientation looks at */
static void test_turn(const char *orientation, int depends)
{
  struct cubix_frame frame = { .body = { { 0.6, 0.8, 0 }, { 0, 0, 1 }, { 0.8, -0.6, 0 } } };
  const double start[5] = { 20, -70, 130, 52, 33 },
               bar_of[3][3] = { { 0.3, -1, 0.7 }, { 0.2, 0.9, -0.4 }, { -0.6, 0.1, 0.5 } };
  struct cubix_turn_bar bar = { 1, 1, 1, 1, 1 }, whole = { 0.5, -0.3, 0.8, 0.2, -0.9 };
  double h = 1e-3, there[3][3], dot[3][3], forward = 0, reverse = 0;
  set("Orientation", orientation);
  for (int i = 0; i < 5; i++) *angle(i) = start[i];
  cubix_frame_turn(&frame, par);
  cubix_frame_turn_vjp(&frame, par, bar_of, &bar);
  for (int i = 0; i < 5; i++) {
    struct cubix_turn_bar one = { 0 };
    double sum = 0;
    ((double *)&one)[i] = 1;
    cubix_frame_turn_jvp(dot, &frame, par, &one);
    *angle(i) = start[i] + h;
    cubix_frame_turn(&frame, par);
    memcpy(there, frame.rotation, sizeof there);
    *angle(i) = start[i] - h;
    cubix_frame_turn(&frame, par);
    *angle(i) = start[i];
    for (int k = 0; k < 9; k++) {
      CHECK_CLOSE(dot[k / 3][k % 3], (there[k / 3][k % 3] - frame.rotation[k / 3][k % 3]) / (2 * h), 1e-11);
      sum += dot[k / 3][k % 3] * bar_of[k / 3][k % 3];
    }
    CHECK_CLOSE(((double *)&bar)[i], 1 + sum, 1e-15);
    CHECK_IS(sum != 0, ==, depends >> i & 1);
    reverse += (((double *)&bar)[i] - 1) * ((double *)&whole)[i];
  }
  cubix_frame_turn_jvp(dot, &frame, par, &whole);
  for (int k = 0; k < 9; k++) forward += dot[k / 3][k % 3] * bar_of[k / 3][k % 3];
  CHECK_CLOSE(forward, reverse, 1e-15);
}

/* {redshift, d_l_mpc, kpc_per_arcsec, flux_scale} */
static void members(double of[4], const struct cubix_scene *s)
{
  of[0] = s->redshift, of[1] = s->d_l_mpc, of[2] = s->kpc_per_arcsec, of[3] = s->flux_scale;
}

static void test_scene(const char *distance, const char *redshift, double omega_m, double omega_l)
{
  struct cubix_snapshot snapshot = { .omega_m = omega_m, .omega_l = omega_l, .h = 0.7 };
  struct cubix_scene scene, less, more, dot,
      bar = { .redshift = 0.3, .d_l_mpc = 0.01, .kpc_per_arcsec = -2, .flux_scale = 1e20 };
  double here[4], a[4], b[4], slope[4], weight[4], by[2] = { 0.25, -4 }, both = 0, before[2] = { 0.25, -4 };
  set("Distance", distance);
  set("Redshift", redshift);
  CHECK_IS(cubix_scene_init(&scene, par, &snapshot, -20), ==, CUBIX_OK);
  bar.flux_scale = 1 / scene.flux_scale;
  cubix_scene_vjp(&scene, par, &bar, &by[0], &by[1]);
  members(here, &scene);
  members(weight, &bar);
  for (int i = 0; i < 2; i++) {
    double *x = i ? &par->Distance : &par->Redshift, at = *x, h = 1e-4 * at, sum = 0, most = 0;
    if (at == 0) {                                           /* no Distance: nothing changes with it */
      CHECK_CLOSE(by[i], before[i], 0);
      continue;
    }
    *x = at - h;
    CHECK_IS(cubix_scene_init(&less, par, &snapshot, -20), ==, CUBIX_OK);
    *x = at + h;
    CHECK_IS(cubix_scene_init(&more, par, &snapshot, -20), ==, CUBIX_OK);
    *x = at;
    cubix_scene_jvp(&dot, &scene, par, i == 0, i == 1);
    members(a, &less);
    members(b, &more);
    members(slope, &dot);
    for (int q = 0; q < 4; q++) {
      CHECK_CLOSE(slope[q] * at / here[q], (b[q] - a[q]) / (2 * h) * at / here[q], 1e-7);
      sum += weight[q] * slope[q];
      most += fabs(weight[q] * slope[q]);
    }
    CHECK_CLOSE(by[i] - before[i], sum, 1e-13 * (most + 4));
    both += sum;
  }
  cubix_scene_jvp(&dot, &scene, par, 1, par->Distance > 0);
  members(slope, &dot);
  CHECK_CLOSE((weight[0] * slope[0] + weight[1] * slope[1] + weight[2] * slope[2] + weight[3] * slope[3]) / both, 1,
              1e-12);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CHECK_IS(cubix_params_init(&par), ==, CUBIX_OK);
  CASE(test_turn("none", 0));
  CASE(test_turn("angles", 7));
  CASE(test_turn("faceon", 16));
  CASE(test_turn("edgeon", 16));
  CASE(test_turn("inclined", 24));
  CASE(test_scene("0", "0.02", 0.3, 0.7));
  CASE(test_scene("0", "1.5", 0.3, 0.6));
  CASE(test_scene("0", "0.1", 1.2, 0.3));
  CASE(test_scene("35", "0.02", 0.3, 0.7));
  cubix_params_free(par);
  return check_done();
}
