/* mock_clouds.c -- where the gas of a mock galaxy is: a thin disc with arms, clouds at young stars, a hot disc.
 *
 * Of the cells, which all have nearly the same mass,
 *   20 % are in clouds.  A cloud lies about each star of the disc that is younger than 30 Myr, among the first
 *        2^20 stars, 8192 clouds at most: gas that forms stars is where they have just formed, in the arms and in
 *        patches.  Cloud k of n takes ((k + 1)/n)^(2/3) - (k/n)^(2/3) of this gas.  All have the same column, as
 *        clouds do (Larson 1981, MNRAS 194, 809): a Gaussian ball of mass M and deviation s on each axis has M =
 *        2 pi s^2 Sigma with Sigma = 40 Msun/pc^2, so rho = Sigma^1.5 M^-0.5 exp(-r^2/(2 s^2)) on top of the disc;
 *   10 % are in the hot disc: z0 = R_d/2, otherwise as the thin one, and not dense enough to form stars;
 *   the rest is in the thin disc: the smooth disc (cubix_mock_gas_place) with z0 = 0.07 R_d, its arms and its scatter.
 * Without young stars, as with a few hundred stars, clouds' cells are the thin disc's. */
#include "mock/mock_galaxy.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "physics/random.h"

static const double in_clouds = 0.2, in_hot = 0.1;
static const double young = 0.03;              /* Gyr */
static const double column = 4e7;              /* of a cloud [Msun/kpc2] */
#define THIN 0.07                              /* z0 of the thin disc [R_d] */
enum { LOOKED_AT = 1 << 20, MOST = 8192 };

int cubix_mock_clouds_init(struct cubix_mock *mock)
{
  int status = CUBIX_OK;
  const int64_t n = mock->o.n_star < LOOKED_AT ? mock->o.n_star : LOOKED_AT;
  mock->gas_radius = 1.5 * 1.25 * mock->o.radius;
  mock->gas_height = 0.1 * mock->o.radius;
  if (!mock->o.n_gas) goto done;
  CUBIX_ALLOC(mock->cloud, MOST);
  for (int64_t i = 0; i < n && mock->n_cloud < MOST; i++)
    mock->n_cloud += cubix_mock_young_at(mock, i, young, &mock->cloud[mock->n_cloud]);
done:
  return status;
}

double cubix_mock_gas_place(const struct cubix_mock *m, const double *u, double height, struct cubix_mock_place *p)
{
  double g[2];
  p->radius = -m->gas_radius * log(u[0] * u[1]);
  double strength = cubix_mock_arm_strength(m, 0., p->radius);
  p->phi = cubix_mock_arm_phi(m, strength, p->radius, u[2]);
  p->z = 0.5 * height * log(u[3] / (1. - u[3]));
  cubix_gauss_pair(g, u[4], u[5]);
  double c = 1. / cosh(p->z / height), volume = 4. * CUBIX_PI * m->gas_radius * m->gas_radius * height;
  return exp(-p->radius / m->gas_radius) * c * c / volume * cubix_mock_arm_density(m, strength, p) *
         exp(0.3 * g[0] - 0.045);
}

/* Mass of a phase, of this mass of all gas. */
static double phase_mass(const struct cubix_mock *m, enum cubix_mock_phase phase, double total)
{
  const double clouds = m->n_cloud ? in_clouds : 0;
  return total * (phase == CUBIX_MOCK_CLOUD ? clouds : phase == CUBIX_MOCK_HOT ? in_hot : 1 - clouds - in_hot);
}

/* Into the cell of a cloud: which, and how far from its middle.  u: 5 uniforms */
static void put_into_cloud(struct cubix_mock_cell *cell, const struct cubix_mock *m, const double *u)
{
  const double n = (double)m->n_cloud, at = fmin(floor(n * pow(u[0], 1.5)), n - 1);
  const double c = 1 / cosh(m->cloud[(int64_t)at].z / (THIN * m->o.radius));
  double g[4];
  cell->phase = CUBIX_MOCK_CLOUD;
  cell->place = m->cloud[(int64_t)at];
  cell->share = pow((at + 1) / n, 2. / 3) - pow(at / n, 2. / 3);
  cubix_gauss_pair(g, u[1], u[2]);
  cubix_gauss_pair(g + 2, u[3], u[4]);
  for (int k = 0; k < 3; k++) cell->offset[k] = g[k];
  cell->shape = exp(-cell->place.radius / m->gas_radius) * c * c /
                (4 * CUBIX_PI * m->gas_radius * m->gas_radius * THIN * m->o.radius) *
                cubix_mock_arm_density(m, cubix_mock_arm_strength(m, 0, cell->place.radius), &cell->place);
}

void cubix_mock_cell_at(const struct cubix_mock *m, int64_t i, struct cubix_mock_cell *cell)
{
  double u[16];
  *cell = (struct cubix_mock_cell){ .phase = CUBIX_MOCK_THIN };
  cubix_mock_draw(m, CUBIX_MOCK_OF_GAS, i, 8, u);
  if (u[10] < in_hot) {
    cell->phase = CUBIX_MOCK_HOT;
    cell->shape = cubix_mock_gas_place(m, u, 0.5 * m->o.radius, &cell->place);
  } else if (m->n_cloud && u[10] < in_hot + in_clouds) {
    put_into_cloud(cell, m, u + 11);
  } else {
    cell->shape = cubix_mock_gas_place(m, u, THIN * m->o.radius, &cell->place);
  }
}

double cubix_mock_cloud_size(const struct cubix_mock_cell *cell, const struct cubix_mock *m, double total)
{
  if (cell->phase != CUBIX_MOCK_CLOUD) return 0;
  return sqrt(cell->share * phase_mass(m, CUBIX_MOCK_CLOUD, total) / (2 * CUBIX_PI * column));
}

double cubix_mock_cell_density(const struct cubix_mock_cell *cell, const struct cubix_mock *m, double total)
{
  const double *r = cell->offset, r2 = r[0] * r[0] + r[1] * r[1] + r[2] * r[2];
  if (cell->phase != CUBIX_MOCK_CLOUD) return phase_mass(m, cell->phase, total) * cell->shape;
  const double mass = cell->share * phase_mass(m, CUBIX_MOCK_CLOUD, total);
  return phase_mass(m, CUBIX_MOCK_THIN, total) * cell->shape + column * sqrt(column / mass) * exp(-0.5 * r2);
}
