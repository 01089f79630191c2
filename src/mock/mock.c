/* mock.c -- a spiral galaxy made up from closed formulae, one star at a time.
 *
 * Star i is a pure function of (seed, i): its random numbers are Philox blocks with counter (i,
 * block, stream), so that any rank or thread can make any star and a file does not depend on who
 * wrote it.  R: cylindrical, r: spherical radius, t: cosmic time, tau: age, R_d: --radius.
 *
 * Disc.  Born at rate exp(-(t - t_s)/8 Gyr) from t_s = 1 Gyr (at most 0.3 of the age of the
 * universe) to the snapshot; exponential with
 *   scale length R_d (0.75 + 0.5 (t - t_s)/(t_now - t_s)): inside-out growth.  Vertically
 *   sech^2(z/z0), z0 = 2 h_z ((tau + 0.3)/10.3)^0.7. Logarithmic, trailing arms with a pitch of 15
 *   deg modulate the azimuth by 1 + A cos(m (phi - phi_arm(R))), A = (0.15 + 0.6 exp(-tau/1 Gyr))
 *   R^2/(R^2 + R_d^2/4): strong in the young stars, weak in the old.
 * Rotation.  v_c = V (2/pi) atan(R/R_t), R_t = R_d/4 (Courteau 1997, AJ 114, 2402); V by the
 * baryonic Tully-Fisher relation M = 47 V^4
 *   (McGaugh 2012, AJ 143, 40) unless given. The curve stands for all matter, taken as spherical:
 *   it fixes the potential (out to 300 R_d, Keplerian beyond).
 * Dispersions.  sigma_z^2 = pi G Sigma(R) z0(tau), the self-gravitating isothermal sheet (van der
 * Kruit 1988, A&A 192, 117): falls as
 *   exp(-R/2R_d), rises with age; plus (5 km/s)^2 at birth. sigma_R = sigma_z/0.6; sigma_phi^2 =
 *   sigma_R^2 (1 + dln v_c/dln R)/2, the epicycle approximation; asymmetric drift v_phi^2 = v_c^2 -
 *   sigma_R^2 (sigma_phi^2/sigma_R^2 - 1 + 2R/R_d) (Binney & Tremaine 2008, eq. 4.228, with density
 *   and dispersion both exponential), not below zero.
 * Bulge.  Hernquist (1990, ApJ 356, 359) with a = R_d/5, cut at 20 a; isotropic Gaussian velocities
 * whose sigma(r) solves the Jeans
 *   equation in the potential above; born at rate exp(-(t - t_s)/1 Gyr); no rotation.
 * Metals, masses left, photometry: mock_population.c.  Stars are born in mock_birth.c.  Gas and
 * winds: mock_clouds.c, mock_gas.c.
 *
 * The galaxy's spin is +z (tilted about x by --inclination); its centre lies somewhere in the box
 * and it moves as a whole.  Cosmology: flat, Planck 2015, as IllustrisTNG.
 * Limits: no self-consistent distribution function, so it would not stay in perfect equilibrium if
 * evolved; Gaussian velocities; no stars
 *   in the arms beyond the density's modulation (no streaming). */
#include "mock/mock_galaxy.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "math/cosmology.h"

#define PITCH_DEG    15.
#define DISC_TAU     8.     /* Gyr */
#define BULGE_CUT    20.    /* in units of its scale */
#define ID_STAR      1000000000000u

/* Potential and bulge dispersion: two integrals from outside in, by the trapezoidal rule in ln r. */
static void fill_tables(struct cubix_mock *m)
{
  double rd = m->o.radius, a = m->bulge_scale, phi = 0., pressure = 0., before = 0., before_p = 0.;
  m->ln_r0 = log(1e-4 * rd);
  m->dln_r = log(3e6) / (CUBIX_MOCK_N_RADIUS - 1);
  for (int i = CUBIX_MOCK_N_RADIUS - 1; i >= 0; i--) {
    double r = exp(m->ln_r0 + i * m->dln_r), v = cubix_mock_speed(m, r, NULL), v2 = v * v;
    double density = 1. / (r * (r + a) * (r + a) * (r + a)), p = r < BULGE_CUT * a ? density * v2 : 0.;
    /* at the end all mass is inside: -G M/r */
    phi -= i == CUBIX_MOCK_N_RADIUS - 1 ? v2 : 0.5 * m->dln_r * (v2 + before);
    pressure += 0.5 * m->dln_r * (p + before_p);
    before = v2;
    before_p = p;
    m->phi[i] = phi;
    m->sigma[i] = sqrt(pressure / density);
  }
}

static void place_in_box(struct cubix_mock *m)
{
  static const double inside[3] = { 0.41, 0.57, 0.33 }, velocity[3] = { -183., 251., 97. };
  double edge = cubix_mock_file_length(m, 0.5 * m->o.radius);
  for (int k = 0; k < 3; k++) {
    m->centre[k] = m->o.wrap ? (k == 1 ? m->o.box - edge : edge) : inside[k] * m->o.box;
    m->velocity[k] = velocity[k];
  }
  m->spin_cos = cos(m->o.inclination * CUBIX_PI / 180.);
  m->spin_sin = sin(m->o.inclination * CUBIX_PI / 180.);
}

/* Present rate of a population that forms `mass` at rate exp(-(t - t_s)/tau) [Msun/yr]. */
static double rate_now(const struct cubix_mock *m, double mass, double tau)
{
  double x = (m->t_now - m->t_start) / tau;
  return 1e-9 * mass / tau * exp(-x) / -expm1(-x);
}

int cubix_mock_init(struct cubix_mock **mock, const struct cubix_mock_options *options)
{
  int status = CUBIX_OK;
  struct cubix_mock *m = NULL;
  int64_t rows = options->n_star + options->n_wind, most = rows > options->n_gas ? rows : options->n_gas;
  CUBIX_CHECK(options->n_wind == 0 || rows < INT64_MAX / options->n_wind, CUBIX_EUSAGE,
              "--winds %lld is too many for --stars %lld: choose fewer", (long long)options->n_wind,
              (long long)options->n_star);
  CUBIX_CHECK(most / options->n_file < INT32_MAX - 1, CUBIX_EUSAGE,
              "%lld particles of a type in %lld file(s): the layout counts to %d in a file; use --files %lld or more",
              (long long)most, (long long)options->n_file, INT32_MAX, (long long)(most / (INT32_MAX - 1) + 1));
  CUBIX_ALLOC(m, 1);
  m->o = *options;
  m->a = 1. / (1. + options->redshift);
  m->t_now = cubix_cosmology_age(MOCK_OMEGA_M, MOCK_OMEGA_L, MOCK_HUBBLE, m->a);
  m->t_start = fmin(1., 0.3 * m->t_now);
  m->tau = DISC_TAU;
  if (m->o.thickness <= 0.) m->o.thickness = 0.1 * m->o.radius;
  double now = MOCK_STELLAR_NOW * m->o.mass;
  if (m->o.speed <= 0.) m->o.speed = pow(1.1 * now / 47., 0.25);                 /* a tenth of the stars' mass in gas */
  CUBIX_CHECK(
      m->o.box >= cubix_mock_file_length(m, 200. * m->o.radius), CUBIX_EUSAGE,
      "--box %g comoving kpc/h is narrow for --radius %g kpc at redshift %g: at least %.0f, or a smaller radius",
      m->o.box, m->o.radius, m->o.redshift, ceil(cubix_mock_file_length(m, 200. * m->o.radius)));
  m->speed = m->o.speed;
  m->r_turn = 0.25 * m->o.radius;
  m->disc_mass = (1. - m->o.bulge) * now;
  m->bulge_mass = m->o.bulge * now;
  m->height = 2. * m->o.thickness;
  m->bulge_scale = 0.2 * m->o.radius;
  m->bulge_inside = BULGE_CUT * BULGE_CUT / ((BULGE_CUT + 1.) * (BULGE_CUT + 1.));
  m->arm_cot = 1. / tan(PITCH_DEG * CUBIX_PI / 180.);
  m->sfr = rate_now(m, (1. - m->o.bulge) * m->o.mass, DISC_TAU) + rate_now(m, m->o.bulge * m->o.mass, MOCK_BULGE_TAU);
  m->z_centre = log10(0.0127) + 0.3 + 0.25 * log10(m->o.mass / 6e10);
  m->halo_mass = pow(m->speed, 3.) / (10. * MOCK_G * 0.1 * MOCK_HUBBLE);
  place_in_box(m);
  fill_tables(m);
  CUBIX_TRY(cubix_mock_clouds_init(m));
  CUBIX_TRY(cubix_mock_gas_init(m));
  *mock = m;
  m = NULL;
done:
  cubix_mock_free(m);
  return status;
}

/* Scale factor at cosmic time t, flat LCDM; as a float below the snapshot's, whatever the rounding. */
static float birth_scale_factor(const struct cubix_mock *m, double t)
{
  double x = 1.5 * sqrt(MOCK_OMEGA_L) * 100. * MOCK_HUBBLE / CUBIX_HUBBLE_GYR * t;
  float a = (float)(cbrt(MOCK_OMEGA_M / MOCK_OMEGA_L) * pow(sinh(x), 2. / 3.));
  return (double)a < m->a ? a : nextafterf((float)m->a, 0.f);
}

static void star_at(const struct cubix_mock *m, int64_t i, struct cubix_mock_star *star)
{
  struct cubix_mock_birth b;
  double u[10], position[3], star_density, gas_density, dark_density;
  cubix_mock_draw(m, CUBIX_MOCK_OF_STAR, i, 5, u);
  cubix_mock_birth_of(m, u, &b);
  double n = (double)m->o.n_star,
         formed = m->o.mass / n * cubix_mock_mass_factor(m, CUBIX_MOCK_OF_STAR_PAIR, i, m->o.n_star);
  double metals = cubix_mock_metallicity(b.log_z), r = sqrt(b.radius * b.radius + b.z * b.z);
  float a_birth = birth_scale_factor(m, b.t);

  cubix_mock_to_file(m, a_birth, b.x_birth, b.v_birth, position, star->BirthVel);
  for (int k = 0; k < 3; k++) star->BirthPos[k] = (float)position[k];
  cubix_mock_to_file(m, m->a, b.x, b.v, star->Coordinates, star->Velocities);
  star->GFM_InitialMass[0] = (float)cubix_mock_file_mass(formed);
  star->Masses[0] = (float)cubix_mock_file_mass(formed * cubix_mock_surviving(b.age));
  star->GFM_Metallicity[0] = (float)metals;
  star->GFM_StellarFormationTime[0] = a_birth;
  cubix_mock_elements(metals, b.alpha, star->GFM_Metals, star->GFM_MetalsTagged);
  cubix_mock_photometry(formed, b.age, metals, star->GFM_StellarPhotometrics);
  star->ParticleIDs[0] = ID_STAR + (uint64_t)i;
  star->Potential[0] = (float)(m->a * cubix_mock_at(m, m->phi, r));
  cubix_mock_density(m, b.radius, b.z, &star_density, &gas_density, &dark_density);
  star->StellarHsml[0] = cubix_mock_sphere(m, 32., MOCK_STELLAR_NOW * m->o.mass / n, star_density);
  star->SubfindDMDensity[0] = (float)cubix_mock_file_density(m, dark_density);
  star->SubfindDensity[0] = (float)cubix_mock_file_density(m, star_density + gas_density + dark_density);
  star->SubfindHsml[0] = cubix_mock_sphere(m, 64., m->o.mass / n * (MOCK_OMEGA_M / MOCK_OMEGA_B - 1.), dark_density);
  star->SubfindVelDisp[0] = (float)(m->speed / sqrt(2.));
}

void cubix_mock_star_at(const struct cubix_mock *mock, int64_t row, struct cubix_mock_star *star)
{
  int64_t n_wind = mock->o.n_wind, n_row = mock->o.n_star + n_wind, winds = n_wind ? row * n_wind / n_row : 0;
  if (n_wind && (row + 1) * n_wind / n_row > winds) cubix_mock_wind_at(mock, winds, star);
  else star_at(mock, row - winds, star);
}

void cubix_mock_free(struct cubix_mock *mock)
{
  if (mock) free(mock->cloud);
  free(mock);
}
