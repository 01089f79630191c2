/* mock_population.c -- what the stars of a mock galaxy are made of, what they lost and how they
 * shine; and how densely matter lies.
 *
 * Mass left: 1 - 0.05 ln(1 + tau/1.4 Myr) of the mass formed (Chabrier IMF; Behroozi, Wechsler &
 * Conroy 2013, ApJ 770, 57, eq. 14): 0.67 at
 *   1 Gyr, 0.56 at 10 Gyr.
 * Metallicity: log Z(t, R) = log Z_c + 0.6 log(t/t_now) - 0.15 R/R_d for what forms at cosmic time
 * t, + Gaussian scatter (0.1 dex stars,
 *   0.05 dex gas): for R_d = 3 kpc the gradient is the -0.05 dex/kpc that Cepheids and HII regions
 *   of the Milky Way show, and the age- metallicity relation one of steady enrichment.
 *   log(Z_c/0.0127) = 0.3 + 0.25 log(M/6e10 Msun) follows the slope of the stellar mass-
 *   metallicity relation near the knee (Gallazzi et al. 2005, MNRAS 362, 41).  The bulge: log Z_c -
 *   0.15 - 0.2 log(r/a), scatter 0.25 dex.
 * Elements: Y = 0.24 + 2 Z; the metals' shares are solar (Asplund et al. 2009, ARA&A 47, 481,
 * present photosphere), C, N and Fe lowered by
 *   [alpha/Fe] and all rescaled to Z. [alpha/Fe] = 0.3 exp(-(t - t_s)/2.5 Gyr), in the bulge with 3
 *   Gyr.  Tags: a share 10^([alpha/Fe] - 0.45) of the iron is from SNII, the rest from SNIa, which
 *   make 1.9 times their iron in metals (Nomoto et al. 1997, NuPhA 621, 467, W7); AGB stars made
 *   half the C and 0.8 of the N; the rest is from SNII; neutron star mergers 2e-6 of the iron.
 * Photometry: straight lines in log tau and log Z with round coefficients; from 0.1 to 14 Gyr
 * mostly within 0.3 mag of E-MILES (Vazdekis et al.
 *   2016, MNRAS 463, 3409), made brighter by the 0.45 mag between its Salpeter IMF and a Chabrier
 *   one.  CUBIX reads none of it.
 * Densities: exponential sech^2 discs of the old stars' mean height and of gas, a Hernquist bulge,
 * and dark matter V^2/(4 pi G (r^2 +
 *   R_d^2)), which gives the flat rotation far out. */
#include "mock/mock_galaxy.h"

#include <math.h>

double cubix_mock_surviving(double age) { return 1. - 0.05 * log1p(age / 1.4e-3); }

double cubix_mock_log_z(const struct cubix_mock *mock, double t, double radius)
{
  return mock->z_centre + 0.6 * log10(t / mock->t_now) - 0.15 * radius / mock->o.radius;
}

double cubix_mock_metallicity(double log_z) { return fmin(fmax(pow(10., log_z), 1e-5), 0.08); }

double cubix_mock_alpha(const struct cubix_mock *mock, double t, int in_bulge)
{
  return 0.3 * exp(-(t - mock->t_start) / (in_bulge ? 3. : 2.5));
}

void cubix_mock_elements(double z, double alpha, float *metals, float *tagged)
{
  enum { C, N, O, NE, MG, SI, FE, OTHER, N_METAL };
  static const double solar[N_METAL] = {
    2.365e-3, 6.928e-4, 5.733e-3, 1.257e-3, 7.079e-4, 6.649e-4, 1.292e-3, 6.87e-4
  };
  double x[N_METAL], sum = 0., less = pow(10., -alpha);
  for (int k = 0; k < N_METAL; k++) {
    x[k] = solar[k] * (k == C || k == N || k == FE ? less : 1.);
    sum += x[k];
  }
  double helium = 0.24 + 2. * z;
  metals[0] = (float)(1. - helium - z);
  metals[1] = (float)helium;
  for (int k = 0; k < N_METAL; k++) {
    x[k] *= z / sum;
    metals[2 + k] = (float)x[k];
  }
  double fe_ii = x[FE] * pow(10., alpha - 0.45), fe_ia = x[FE] - fe_ii, agb = 0.5 * x[C] + 0.8 * x[N];
  tagged[0] = (float)(1.9 * fe_ia);
  tagged[1] = (float)(z - 1.9 * fe_ia - agb);
  tagged[2] = (float)agb;
  tagged[3] = (float)(2e-6 * x[FE]);
  tagged[4] = (float)fe_ia;
  tagged[5] = (float)fe_ii;
}

void cubix_mock_photometry(double mass, double age, double z, float *magnitude)
{
  double x = log10(fmin(fmax(age, 3e-3), 14.)), metal = log10(z / 0.0127);
  double v = 4.5 + 2. * x + 0.4 * metal - 2.5 * log10(mass);
  double b_v = 0.5 + 0.37 * x + 0.15 * metal, u_b = 0.15 + 0.35 * x + 0.2 * metal, v_k = 2.3 + 0.6 * x + 0.4 * metal;
  double g_r = 0.42 + 0.42 * x + 0.12 * metal, r_i = 0.2 + 0.17 * x + 0.05 * metal,
         i_z = 0.16 + 0.12 * x + 0.05 * metal;
  double g = v + 0.59 * g_r + 0.01;                      /* Jester et al. 2005, AJ 130, 873 */
  magnitude[0] = (float)(v + b_v + u_b);
  magnitude[1] = (float)(v + b_v);
  magnitude[2] = (float)v;
  magnitude[3] = (float)(v - v_k);
  magnitude[4] = (float)g;
  magnitude[5] = (float)(g - g_r);
  magnitude[6] = (float)(g - g_r - r_i);
  magnitude[7] = (float)(g - g_r - r_i - i_z);
}

/* Exponential disc with sech^2 layers. */
static double disc_density(double mass, double length, double height, double radius, double z)
{
  double c = 1. / cosh(fmin(fabs(z) / height, 50.));
  return mass / (4. * CUBIX_PI * length * length * height) * exp(-radius / length) * c * c;
}

void cubix_mock_density(const struct cubix_mock *mock, double radius, double z, double *star, double *gas, double *dark)
{
  double rd = mock->o.radius, r2 = radius * radius + z * z, r = fmax(sqrt(r2), 1e-3 * rd), a = mock->bulge_scale;
  *star = disc_density(mock->disc_mass, rd, 0.6 * mock->height, radius, z) +
          mock->bulge_mass * a / (2. * CUBIX_PI * r * pow(r + a, 3.));
  *gas = disc_density(mock->gas_mass, mock->gas_radius, mock->gas_height, radius, z);
  *dark = mock->speed * mock->speed / (4. * CUBIX_PI * MOCK_G * (r2 + rd * rd));
}

float cubix_mock_sphere(const struct cubix_mock *mock, double n, double m, double density)
{
  double kpc = cbrt(3. * n * m / (4. * CUBIX_PI * fmax(density, 1e-30)));
  return (float)fmin(cubix_mock_file_length(mock, kpc), 0.5 * mock->o.box);
}
