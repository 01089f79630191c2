/* cosmology.c -- ages and distances in Friedmann universes of matter, curvature and a cosmological
 * constant; radiation is left out.
 *
 * With x = sqrt(a) and D(x) = sqrt(Om + Ok x^2 + OL x^6), Ok = 1 - Om - OL, both integrals lose
 * their singular ends:
 *   t(a)   = 1/H0 int_0^sqrt(a)           2 x^2 / D(x) dx        [Gyr]
 *   D_C(z) = c/H0 int_{1/sqrt(1+z)}^1     2 / D(x)     dx        [Mpc]
 * and 64 Gauss-Legendre points give both to round-off.  The flat age has the closed form of
 * doc/math.md section 1; stars by the million use a table of either.  A universe without a Big Bang
 * (D^2 < 0 on the way) gives NaN. */
#include "math/cosmology.h"

#include <math.h>

#include <gsl/gsl_integration.h>

#include "physics/constants.h"

struct densities { double m, k, l; };

static double age_integrand(double x, void *densities)
{
  const struct densities *o = densities;
  double x2 = x * x;
  return 2. * x2 / sqrt(o->m + o->k * x2 + o->l * x2 * x2 * x2);
}

static double distance_integrand(double x, void *densities)
{
  const struct densities *o = densities;
  double x2 = x * x;
  return 2. / sqrt(o->m + o->k * x2 + o->l * x2 * x2 * x2);
}

static double integral(double (*integrand)(double, void *), struct densities *o, double from, double to)
{
  gsl_function f = { integrand, o };
  gsl_integration_glfixed_table *points = gsl_integration_glfixed_table_alloc(64);
  if (!points) return NAN;
  double sum = gsl_integration_glfixed(&f, from, to, points);
  gsl_integration_glfixed_table_free(points);
  return sum;
}

/* Curvature: round-off of 1 - Om - OL is none. */
static double curvature(double omega_m, double omega_l)
{
  double k = 1. - omega_m - omega_l;
  return fabs(k) < 1e-12 ? 0. : k;
}

double cubix_cosmology_age(double omega_m, double omega_l, double h, double a)
{
  double hubble_time = CUBIX_HUBBLE_GYR / (100. * h);
  struct densities o = { omega_m, curvature(omega_m, omega_l), omega_l };
  if (!(a > 0.)) return 0.;
  if (o.k != 0. || omega_l < 0.) return hubble_time * integral(age_integrand, &o, 0., sqrt(a));
  if (omega_l == 0.) return hubble_time * 2. / 3. * a * sqrt(a);
  return hubble_time * 2. / (3. * sqrt(omega_l)) * asinh(sqrt(omega_l / omega_m) * a * sqrt(a));
}

void cubix_cosmology_tabulate(struct cubix_age_table *table, double omega_m, double omega_l, double h, double a_last)
{
  table->step_per_root = CUBIX_N_AGE_STEP / sqrt(a_last);
  for (int j = 0; j < CUBIX_N_AGE_NODE; j++) table->node[j] = -cos(CUBIX_PI * (j + 0.5) / CUBIX_N_AGE_NODE);
  for (int k = 0; k < CUBIX_N_AGE_STEP; k++) {
    double *d = table->newton[k];
    for (int j = 0; j < CUBIX_N_AGE_NODE; j++) {
      double root = (k + 0.5 * (1. + table->node[j])) / table->step_per_root;
      d[j] = cubix_cosmology_age(omega_m, omega_l, h, root * root);
    }
    for (int order = 1; order < CUBIX_N_AGE_NODE; order++)
      for (int j = CUBIX_N_AGE_NODE - 1; j >= order; j--)
        d[j] = (d[j] - d[j - 1]) / (table->node[j] - table->node[j - order]);
  }
}

/* Luminosity distance, or with slope its derivative by z: d D_C/dz = c/H(z). */
static double luminosity_distance(double omega_m, double omega_l, double h, double z, int slope)
{
  double hubble_distance = CUBIX_C_KMS / (100. * h);
  struct densities o = { omega_m, curvature(omega_m, omega_l), omega_l };
  double d = integral(distance_integrand, &o, 1. / sqrt(1. + z), 1.);
  double r = sqrt(fabs(o.k)), bend = o.k > 0. ? cosh(r * d) : o.k < 0. ? cos(r * d) : 1., a = 1. + z;
  if (o.k > 0.) d = sinh(r * d) / r;
  if (o.k < 0.) d = sin(r * d) / r;
  if (!slope) return a * hubble_distance * d;
  return hubble_distance * (d + a * bend / sqrt(o.m * a * a * a + o.k * a * a + o.l));
}

double cubix_cosmology_luminosity_distance(double omega_m, double omega_l, double h, double z)
{
  return luminosity_distance(omega_m, omega_l, h, z, 0);
}

double cubix_cosmology_luminosity_distance_slope(double omega_m, double omega_l, double h, double z)
{
  return luminosity_distance(omega_m, omega_l, h, z, 1);
}
