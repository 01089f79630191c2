/* test_cosmology.c -- ages and distances against the check values of doc/math.md, closed forms, and
 * each other; and the scene made of them. */
#include "tests/check.h"

#include <string.h>

#include "base/error.h"
#include "geometry/scene.h"
#include "math/cosmology.h"
#include "physics/constants.h"

#define OM 0.3089
#define OL 0.6911
#define H  0.6774

static double kpc_per_arcsec(double z)
{
  return 1000. * cubix_cosmology_luminosity_distance(OM, OL, H, z) / ((1. + z) * (1. + z)) * CUBIX_ARCSEC_RAD;
}

static void check_values(void)
{
  CHECK_CLOSE(cubix_cosmology_age(OM, OL, H, 1.), 13.8027, 5e-5);
  CHECK_CLOSE(cubix_cosmology_age(OM, OL, H, .5), 5.8670, 5e-5);
  CHECK_CLOSE(cubix_cosmology_age(OM, OL, H, 1. / 3.), 3.2877, 5e-5);
  CHECK_CLOSE(cubix_cosmology_luminosity_distance(OM, OL, H, .01), 44.595, 5e-4);
  CHECK_CLOSE(cubix_cosmology_luminosity_distance(OM, OL, H, .1), 475.341, 5e-4);
  CHECK_CLOSE(cubix_cosmology_luminosity_distance(OM, OL, H, 1.), 6792.42, 5e-3);
  CHECK_CLOSE(kpc_per_arcsec(.01), .21194, 5e-6);
  CHECK_CLOSE(kpc_per_arcsec(.1), 1.90456, 5e-6);
  CHECK_CLOSE(kpc_per_arcsec(1.), 8.23265, 5e-6);
  CHECK_IS(cubix_cosmology_age(OM, OL, H, 0.), ==, 0.);
  CHECK_IS(cubix_cosmology_age(OM, OL, H, -1.), ==, 0.);
  CHECK_IS(cubix_cosmology_luminosity_distance(OM, OL, H, 0.), ==, 0.);
}

/* Universes whose integrals are known. */
static void closed_forms(void)
{
  const double t_h = CUBIX_HUBBLE_GYR / 70., d_h = CUBIX_C_KMS / 70., z = 3.;
  /* Einstein-de Sitter */
  CHECK_CLOSE(cubix_cosmology_age(1., 0., .7, .25), t_h * 2. / 3. * .125, 1e-14 * t_h);
  CHECK_CLOSE(cubix_cosmology_luminosity_distance(1., 0., .7, z), d_h * (1. + z) * 2. * (1. - 1. / sqrt(1. + z)),
              1e-13 * d_h);
  /* matter only, open and closed: Mattig 1958 */
  for (double om = .2; om < 2.; om += .5) {
    double mattig = d_h * 2. / (om * om) * (om * z + (om - 2.) * (sqrt(1. + om * z) - 1.));
    CHECK_CLOSE(cubix_cosmology_luminosity_distance(om, 0., .7, z), mattig, 1e-12 * mattig);
  }
  double eta = acosh(2. / .2 - 1.);   /* open, Om = 0.2, today: t = Om/(2 (1-Om)^1.5) (sinh eta - eta)/H0 */
  CHECK_CLOSE(cubix_cosmology_age(.2, 0., .7, 1.), t_h * .2 / (2. * pow(.8, 1.5)) * (sinh(eta) - eta), 1e-13 * t_h);
  /* the quadrature just beside flatness meets the closed form of the flat age */
  for (double a = .01; a < 1.2; a += .07)
    CHECK_CLOSE(cubix_cosmology_age(.3, .7 + 1e-11, .7, a), cubix_cosmology_age(.3, .7, .7, a), 1e-9);
  /* a universe without a Big Bang has no age */
  CHECK(isnan(cubix_cosmology_age(.05, 2.5, .7, 1.)));
}

/* The table against what it is made of, in between and at the ends: flat, curved, without Lambda,
 * with a negative one. */
static void table(void)
{
  static const double universe[4][3] = { { OM, OL, H }, { .2, 0., .7 }, { .3, .8, .7 }, { .3, -.1, .7 } };
  struct cubix_age_table t;
  for (int u = 0; u < 4; u++)
    for (double a_last = 1.; a_last > .05; a_last *= .3) {
      const double *o = universe[u], last = cubix_cosmology_age(o[0], o[1], o[2], a_last);
      cubix_cosmology_tabulate(&t, o[0], o[1], o[2], a_last);
      for (int i = 0; i <= 20000; i++) {
        double a = a_last * i / 20000;
        CHECK_CLOSE(cubix_cosmology_look_up(&t, a), cubix_cosmology_age(o[0], o[1], o[2], a), 1e-14 * last);
      }
      CHECK_IS(fabs(cubix_cosmology_look_up(&t, -1.)), <, 1e-14 * last);
    }
}

static void scene(void)
{
  struct cubix_params *par = NULL;
  struct cubix_snapshot s = { .omega_m = OM, .omega_l = OL, .h = H }, unknown = { .omega_m = 0. };
  struct cubix_scene c;
  CHECK_IS(cubix_params_init(&par), ==, CUBIX_OK);
  if (!par) return;
  par->Redshift = .1;
  CHECK_IS(cubix_scene_init(&c, par, &s, -20), ==, CUBIX_OK);
  CHECK_CLOSE(c.d_l_mpc, 475.341, 5e-4);
  CHECK_CLOSE(c.kpc_per_arcsec, 1.90456, 5e-6);
  CHECK_CLOSE(c.flux_scale * 4. * CUBIX_PI * pow(c.d_l_mpc * CUBIX_MPC_CM, 2.) / 1e20, 1., 1e-14);
  /* the observer's own cosmology, number by number */
  par->OmegaMatter = 1.;
  par->HubbleParam = .5;
  CHECK_IS(cubix_scene_init(&c, par, &s, -20), ==, CUBIX_OK);
  CHECK_IS(c.omega_m, ==, 1.);
  CHECK_IS(c.omega_l, ==, OL);
  CHECK_IS(c.h, ==, .5);
  CHECK_CLOSE(c.d_l_mpc, cubix_cosmology_luminosity_distance(1., OL, .5, .1), 0.);
  /* a given distance needs no cosmology, and no redshift */
  par->OmegaMatter = par->HubbleParam = par->Redshift = 0.;
  par->Distance = 10.;
  CHECK_IS(cubix_scene_init(&c, par, &unknown, -20), ==, CUBIX_OK);
  CHECK_CLOSE(c.kpc_per_arcsec, 1e4 * CUBIX_PI / 648000., 1e-15);
  par->Redshift = 1.;
  CHECK_IS(cubix_scene_init(&c, par, &unknown, -20), ==, CUBIX_OK);
  CHECK_CLOSE(c.kpc_per_arcsec, 1e4 / 4. * CUBIX_PI / 648000., 1e-15);
  /* and what cannot be known is an error that says what to do */
  par->Distance = 0.;
  CHECK_IS(cubix_scene_init(&c, par, &unknown, -20), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "Distance");
  par->Redshift = 0.;
  CHECK_IS(cubix_scene_init(&c, par, &s, -20), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "Redshift = 0");
  cubix_params_free(par);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(check_values());
  CASE(closed_forms());
  CASE(table());
  CASE(scene());
  return check_done();
}
