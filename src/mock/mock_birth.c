/* mock_birth.c -- when and where a star of the mock galaxy formed, and where it is now. */
#include "mock/mock_galaxy.h"

#include <math.h>

#include "physics/random.h"

#define BIRTH_SIGMA  5.     /* km/s */

/* Cosmic time of birth where the rate goes as exp(-(t - t_s)/tau). */
static double birth_time(const struct cubix_mock *m, double tau, double u)
{
  return m->t_start - tau * log1p(u * expm1(-(m->t_now - m->t_start) / tau));
}

static void disc_star(const struct cubix_mock *m, const double *u, struct cubix_mock_birth *b)
{
  double g[4], ratio2, rd = m->o.radius;
  b->t = birth_time(m, m->tau, u[1]);
  b->age = m->t_now - b->t;
  double length = rd * (0.75 + 0.5 * (b->t - m->t_start) / (m->t_now - m->t_start)),
         radius = -length * log(u[2] * u[3]);
  double phi = cubix_mock_arm_phi(m, cubix_mock_arm_strength(m, b->age, radius), radius, u[4]);
  double z0 = m->height * pow((b->age + 0.3) / 10.3, 0.7), v = cubix_mock_speed(m, radius, &ratio2);
  double surface = m->disc_mass / (2. * CUBIX_PI * rd * rd) * exp(-radius / rd);
  double sigma_z2 = CUBIX_PI * MOCK_G * surface * z0 + BIRTH_SIGMA * BIRTH_SIGMA, sigma_r2 = sigma_z2 / 0.36;
  double turn2 = v * v - sigma_r2 * (ratio2 - 1. + 2. * radius / rd), back = MOCK_RAD_GYR * v / radius * b->age;
  cubix_gauss_pair(g, u[6], u[7]);
  cubix_gauss_pair(g + 2, u[8], u[9]);
  double v_r = sqrt(sigma_r2) * g[0], v_phi = sqrt(fmax(0., turn2)) + sqrt(sigma_r2 * ratio2) * g[1], c = cos(phi),
         s = sin(phi);
  b->radius = radius;
  b->z = 0.5 * z0 * log(u[5] / (1. - u[5]));
  b->x[0] = radius * c;
  b->x[1] = radius * s;
  b->x[2] = b->z;
  b->v[0] = v_r * c - v_phi * s;
  b->v[1] = v_r * s + v_phi * c;
  b->v[2] = sqrt(sigma_z2) * g[2];
  /* Born in the midplane, on its circle, where the turning of the disc puts it back to. */
  b->x_birth[0] = radius * cos(phi - back);
  b->x_birth[1] = radius * sin(phi - back);
  b->x_birth[2] = 0.;
  b->v_birth[0] = -v * sin(phi - back);
  b->v_birth[1] = v * cos(phi - back);
  b->v_birth[2] = 0.;
  b->log_z = cubix_mock_log_z(m, b->t, radius) + 0.1 * g[3];
  b->alpha = cubix_mock_alpha(m, b->t, 0);
}

static void bulge_star(const struct cubix_mock *m, const double *u, struct cubix_mock_birth *b)
{
  double g[4], s = sqrt(u[2] * m->bulge_inside), r = m->bulge_scale * s / (1. - s), cosine = 2. * u[3] - 1.,
               sine = sqrt(1. - cosine * cosine);
  double phi = 2. * CUBIX_PI * u[4], sigma = cubix_mock_at(m, m->sigma, r);
  b->t = birth_time(m, MOCK_BULGE_TAU, u[1]);
  b->age = m->t_now - b->t;
  cubix_gauss_pair(g, u[6], u[7]);
  cubix_gauss_pair(g + 2, u[8], u[9]);
  b->x[0] = r * sine * cos(phi);
  b->x[1] = r * sine * sin(phi);
  b->x[2] = r * cosine;
  for (int k = 0; k < 3; k++) {
    b->v[k] = b->v_birth[k] = sigma * g[k];
    b->x_birth[k] = b->x[k];
  }
  b->radius = r * sine;
  b->z = r * cosine;
  b->log_z = m->z_centre - 0.15 - 0.2 * log10(r / m->bulge_scale) + 0.25 * g[3];
  b->alpha = cubix_mock_alpha(m, b->t, 1);
}

void cubix_mock_birth_of(const struct cubix_mock *m, const double *u, struct cubix_mock_birth *b)
{
  if (u[0] < m->o.bulge) bulge_star(m, u, b); else disc_star(m, u, b);
}

int cubix_mock_young_at(const struct cubix_mock *m, int64_t i, double age, struct cubix_mock_place *place)
{
  struct cubix_mock_birth b;
  double u[10];
  cubix_mock_draw(m, CUBIX_MOCK_OF_STAR, i, 1, u);         /* kind and time of birth */
  if (u[0] < m->o.bulge || birth_time(m, m->tau, u[1]) < m->t_now - age) return 0;
  cubix_mock_draw(m, CUBIX_MOCK_OF_STAR, i, 5, u);
  disc_star(m, u, &b);
  *place = (struct cubix_mock_place){ b.radius, atan2(b.x[1], b.x[0]), b.z };
  return 1;
}
