/* mock_gas.c -- the gas of a mock galaxy, and wind cells.
 *
 * The gas forms stars by the law of IllustrisTNG (Springel & Hernquist 2003, MNRAS 339, 289; values
 * of Vogelsberger et al. 2013, MNRAS 436, 3031): where n_H > n_t = 0.13 cm^-3, SFR = m/t_*, t_* =
 * 2.27 Gyr (n_t/n_H)^0.5; none elsewhere.  Its mass is what this law needs to form stars at the
 * rate at which the stellar model forms them at the snapshot: found by bisection over the first
 * 65536 cells (or fewer), so that gas and young stars agree.  Where the cells are, in a thin disc, in
 * clouds or in a thick hot disc: mock_clouds.c.  Densities that are written beside others (Subfind's)
 * are those of a smooth disc of the same law: 1.5 times as long as that of the youngest stars
 * (1.25 R_d), as Sigma_SFR goes as Sigma^1.5 at constant thickness, with z0 = R_d/10 and the arms of
 * the young stars.
 *
 * Cells: temperature 1e4 K (n_H/n_t)^0.3 where stars form (the effective equation of state, roughly),
 *   else 1e4 K/(1 + n_H/0.03 cm^-3), from warm gas to cool (TNG itself does not cool below 1e4 K), and
 *   3e5 K in the hot disc, with 0.1 dex of scatter.  Hydrogen is neutral as 1/(1 + (n_s/n_H)^1.5), n_s =
 *   0.006 cm^-3 (self-shielding, near the value of Rahmati et al. 2013, MNRAS 430, 2427), but nowhere in
 *   hot gas; each helium nucleus follows with one electron.  Energy per mass u = k T/((gamma - 1) mu
 *   m_p), mu = 4/(1 + 3 X + 4 X x_e), gamma = 5/3.  Turbulence of 8 km/s.  An azimuthal magnetic field of
 *   6 uG (n/cm^-3)^0.5 of the smooth disc, which has no divergence.  Net cooling, shocks and black-hole
 *   radiation are zero: the gas is in equilibrium.
 *
 * A wind cell stands where gas would, 1 to 10 kpc off the plane, flies outward at 350 km/s (the
 * least in TNG: Pillepich et al. 2018, MNRAS 473, 4077) and bears a negative formation time. */
#include "mock/mock_galaxy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "physics/random.h"

#define PROTON_G     1.67262192369e-24
#define BOLTZMANN    1.380649e-16          /* erg/K */
#define GAMMA        (5. / 3.)
#define THRESHOLD    0.13                  /* n_H where star formation begins [cm^-3] */
#define T_STAR       2.27                  /* Gyr */
#define HYDROGEN     0.76                  /* mass fraction behind the threshold, as in AREPO */
#define SHIELD       0.006                 /* cm^-3 */
#define COOL         0.03                  /* cm^-3: where warm gas becomes cool */
#define HOT          3e5                   /* K */
#define HOT_TURN     0.8                   /* of the speed of a circular orbit */
#define HOT_STIR     50.                   /* km/s */
#define TURBULENCE   8.                    /* km/s */
#define N_CALIBRATE  65536
#define ID_GAS       1u
#define ID_WIND      2000000000000u

static double hydrogen_number(double density, double fraction)
{
  return fraction * density * CUBIX_MSUN_G / (CUBIX_KPC_CM * CUBIX_KPC_CM * CUBIX_KPC_CM) / PROTON_G;
}

/* Stars formed per gas mass [1/Gyr]. */
static double formation_rate(double density)
{
  double n = hydrogen_number(density, HYDROGEN);
  return n > THRESHOLD ? sqrt(n / THRESHOLD) / T_STAR : 0.;
}

/* ln of the mass at which a rate, which grows with it, is that of the stars. */
static double find_mass(const struct cubix_mock *mock, const struct cubix_mock_cell *cell, const double *shape,
                        int64_t n)
{
  double low = 0., high = 40.;
  for (int turn = 0; turn < 60; turn++) {
    double middle = 0.5 * (low + high), mass = exp(middle), rate = 0.;
    for (int64_t i = 0; i < n; i++)
      rate += formation_rate(cell ? cubix_mock_cell_density(&cell[i], mock, mass) : mass * shape[i]);
    if (1e-9 * mass * rate / (double)n < mock->sfr) low = middle; else high = middle;
  }
  return high;
}

int cubix_mock_gas_init(struct cubix_mock *mock)
{
  int status = CUBIX_OK;
  double *shape = NULL;
  struct cubix_mock_cell *cell = NULL;
  int64_t n = mock->o.n_gas < N_CALIBRATE ? mock->o.n_gas : N_CALIBRATE;
  if (n == 0) goto done;                                   /* no cells, no gas */
  CUBIX_ALLOC(shape, n);
  CUBIX_ALLOC(cell, n);
  for (int64_t i = 0; i < n; i++) {
    double u[8];
    struct cubix_mock_place p;
    cubix_mock_draw(mock, CUBIX_MOCK_OF_GAS, i, 4, u);
    shape[i] = cubix_mock_gas_place(mock, u, mock->gas_height, &p);
    cubix_mock_cell_at(mock, i, &cell[i]);
  }
  mock->gas_mass = exp(find_mass(mock, NULL, shape, n));
  mock->total_mass = exp(find_mass(mock, cell, NULL, n));
done:
  free(shape);
  free(cell);
  return status;
}

/* The orbit of a place; hot gas turns more slowly, and is stirred more. */
static void orbit(const struct cubix_mock *m, const struct cubix_mock_place *p, const double *g, int hot, double x[3],
                  double v[3])
{
  double speed = (hot ? HOT_TURN : 1.) * cubix_mock_speed(m, p->radius, NULL), c = cos(p->phi), s = sin(p->phi),
         stir = hot ? HOT_STIR : TURBULENCE;
  x[0] = p->radius * c;
  x[1] = p->radius * s;
  x[2] = p->z;
  v[0] = -speed * s + stir * g[0];
  v[1] = speed * c + stir * g[1];
  v[2] = stir * g[2];
}

/* Temperature, ionisation, energy and star formation of a cell of a mass and density; g: a normal number. */
static void cell_state(struct cubix_mock_gas *gas, double mass, double density, int hot, double g)
{
  double rate = formation_rate(density), n = hydrogen_number(density, HYDROGEN), x = gas->GFM_Metals[0],
         y = gas->GFM_Metals[1];
  double temperature = (hot ? HOT : 1e4 / (1. + n / COOL)) * pow(10., 0.1 * g);
  if (rate > 0.) temperature = 1e4 * pow(n / THRESHOLD, 0.3);
  double neutral = hot ? 0. : 1. / (1. + pow(SHIELD / hydrogen_number(density, x), 1.5)),
         electrons = (1. - neutral) * (1. + y / (4. * x));
  double mu = 4. / (1. + 3. * x + 4. * x * electrons);
  gas->InternalEnergy[0] = (float)(BOLTZMANN * temperature / ((GAMMA - 1.) * mu * PROTON_G) / (TNG_CMS * TNG_CMS));
  gas->ElectronAbundance[0] = (float)electrons;
  gas->NeutralHydrogenAbundance[0] = (float)neutral;
  gas->StarFormationRate[0] = (float)(1e-9 * mass * rate);
}

void cubix_mock_gas_at(const struct cubix_mock *mock, int64_t row, struct cubix_mock_gas *gas)
{
  const struct cubix_mock *m = mock;
  struct cubix_mock_cell cell;
  double u[10], g[4], x[3], v[3], star_density, smooth, dark_density, n = (double)m->o.n_gas;
  memset(gas, 0, sizeof *gas);
  cubix_mock_draw(m, CUBIX_MOCK_OF_GAS, row, 5, u);
  cubix_mock_cell_at(m, row, &cell);
  const struct cubix_mock_place p = cell.place;
  double size = cubix_mock_cloud_size(&cell, m, m->total_mass),
         density = cubix_mock_cell_density(&cell, m, m->total_mass),
         mass = m->total_mass / n * cubix_mock_mass_factor(m, CUBIX_MOCK_OF_GAS_PAIR, row, m->o.n_gas);
  cubix_gauss_pair(g, u[6], u[7]);
  cubix_gauss_pair(g + 2, u[8], u[9]);
  double metals = cubix_mock_metallicity(cubix_mock_log_z(m, m->t_now, p.radius) + 0.05 * g[3]);
  cubix_mock_elements(metals, cubix_mock_alpha(m, m->t_now, 0), gas->GFM_Metals, gas->GFM_MetalsTagged);
  gas->GFM_Metallicity[0] = (float)metals;
  cell_state(gas, mass, density, cell.phase == CUBIX_MOCK_HOT, g[3]);

  orbit(m, &p, g, cell.phase == CUBIX_MOCK_HOT, x, v);
  for (int k = 0; k < 3; k++) x[k] += size * cell.offset[k];
  cubix_mock_to_file(m, m->a, x, v, gas->Coordinates, gas->Velocities);
  cubix_mock_density(m, p.radius, p.z, &star_density, &smooth, &dark_density);
  double field = 6e-6 * sqrt(hydrogen_number(smooth, HYDROGEN)) / TNG_GAUSS * m->a * m->a / MOCK_HUBBLE;
  double turn[3] = { -sin(p.phi), m->spin_cos * cos(p.phi), m->spin_sin * cos(p.phi) };
  for (int k = 0; k < 3; k++) {
    gas->CenterOfMass[k] = (float)gas->Coordinates[k];
    gas->MagneticField[k] = (float)(field * turn[k]);
  }
  gas->Masses[0] = (float)cubix_mock_file_mass(mass);
  gas->Density[0] = (float)cubix_mock_file_density(m, density);
  gas->ParticleIDs[0] = ID_GAS + (uint64_t)row;
  gas->Potential[0] = (float)(m->a * cubix_mock_at(m, m->phi, sqrt(p.radius * p.radius + p.z * p.z)));
  gas->GFM_WindDMVelDisp[0] = gas->SubfindVelDisp[0] = (float)(m->speed / sqrt(2.));
  gas->GFM_WindHostHaloMass[0] = (float)cubix_mock_file_mass(m->halo_mass);
  gas->SubfindDMDensity[0] = (float)cubix_mock_file_density(m, dark_density);
  gas->SubfindDensity[0] = (float)cubix_mock_file_density(m, star_density + density + dark_density);
  gas->SubfindHsml[0] =
      cubix_mock_sphere(m, 64., m->o.mass / (double)m->o.n_star * (MOCK_OMEGA_M / MOCK_OMEGA_B - 1.), dark_density);
}

void cubix_mock_wind_at(const struct cubix_mock *mock, int64_t i, struct cubix_mock_star *star)
{
  const struct cubix_mock *m = mock;
  struct cubix_mock_place p;
  double u[10], g[4], x[3], v[3], star_density, gas_density, dark_density, n = (double)m->o.n_star;
  memset(star, 0, sizeof *star);
  cubix_mock_draw(m, CUBIX_MOCK_OF_WIND, i, 5, u);
  cubix_mock_gas_place(m, u, m->gas_height, &p);
  p.z = (u[8] < 0.5 ? -1. : 1.) * (1. + 9. * u[9]);
  cubix_gauss_pair(g, u[6], u[7]);
  g[2] = 0.;
  orbit(m, &p, g, 0, x, v);
  v[2] = p.z > 0. ? 350. : -350.;
  cubix_mock_to_file(m, m->a, x, v, star->Coordinates, star->Velocities);
  for (int k = 0; k < 3; k++) {
    star->BirthPos[k] = (float)star->Coordinates[k];
    star->BirthVel[k] = star->Velocities[k];
  }
  double metals = cubix_mock_metallicity(cubix_mock_log_z(m, m->t_now, p.radius));
  cubix_mock_elements(metals, cubix_mock_alpha(m, m->t_now, 0), star->GFM_Metals, star->GFM_MetalsTagged);
  star->GFM_Metallicity[0] = (float)metals;
  star->GFM_InitialMass[0] = star->Masses[0] = (float)cubix_mock_file_mass(m->o.mass / n);
  star->GFM_StellarFormationTime[0] = (float)(-m->a * (1. - 0.01 * u[4]));
  star->ParticleIDs[0] = ID_WIND + (uint64_t)i;
  star->Potential[0] = (float)(m->a * cubix_mock_at(m, m->phi, sqrt(p.radius * p.radius + p.z * p.z)));
  cubix_mock_density(m, p.radius, p.z, &star_density, &gas_density, &dark_density);
  star->StellarHsml[0] = cubix_mock_sphere(m, 32., MOCK_STELLAR_NOW * m->o.mass / n, star_density);
  star->SubfindDMDensity[0] = (float)cubix_mock_file_density(m, dark_density);
  star->SubfindDensity[0] = (float)cubix_mock_file_density(m, star_density + gas_density + dark_density);
  star->SubfindHsml[0] = cubix_mock_sphere(m, 64., m->o.mass / n * (MOCK_OMEGA_M / MOCK_OMEGA_B - 1.), dark_density);
  star->SubfindVelDisp[0] = (float)(m->speed / sqrt(2.));
}

#define FIELD(record, type, name, n, minimal, a, h, l, m, v, cgs) \
  { #name, CUBIX_MOCK_##type, n, minimal, offsetof(struct record, name), (n) * sizeof(type), a, h, l, m, v, cgs },

const struct cubix_mock_field *cubix_mock_fields(int part_type, int *n)
{
  static const struct cubix_mock_field star[] = {
#define CUBIX_MOCK_STAR(type, name, n, minimal, a, h, l, m, v, cgs, meaning) \
  FIELD(cubix_mock_star, type, name, n, minimal, a, h, l, m, v, cgs)
#include "mock/mock_fields.def"
#undef CUBIX_MOCK_STAR
  };
  static const struct cubix_mock_field gas[] = {
#define CUBIX_MOCK_GAS(type, name, n, minimal, a, h, l, m, v, cgs, meaning) \
  FIELD(cubix_mock_gas, type, name, n, minimal, a, h, l, m, v, cgs)
#include "mock/mock_fields.def"
#undef CUBIX_MOCK_GAS
  };
  *n = (int)(part_type == 4 ? sizeof star / sizeof *star : sizeof gas / sizeof *gas);
  return part_type == 4 ? star : gas;
}
