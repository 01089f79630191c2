/* mock_galaxy.c -- what stars and gas share: random numbers, rotation, spiral arms, the way into the file's box. */
#include "mock/mock_galaxy.h"

#include <math.h>
#include <stdlib.h>

#include "physics/constants.h"
#include "physics/random.h"

void cubix_mock_draw(const struct cubix_mock *mock, enum cubix_mock_stream stream, int64_t i, int n_pair, double *u)
{
  uint64_t seed = (uint64_t)mock->o.seed;
  uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) }, word[4];
  for (int j = 0; j < n_pair; j++) {
    uint32_t counter[4] = { (uint32_t)i, (uint32_t)((uint64_t)i >> 32), (uint32_t)j, (uint32_t)stream };
    cubix_philox(word, counter, key);
    u[2 * j] = cubix_uniform(word[0], word[1]);
    u[2 * j + 1] = cubix_uniform(word[2], word[3]);
  }
}

double cubix_mock_mass_factor(const struct cubix_mock *mock, enum cubix_mock_stream pairs, int64_t i, int64_t n)
{
  double u[2];
  if (i == n - 1 && n % 2) return 1.;                    /* the odd one out has no partner */
  cubix_mock_draw(mock, pairs, i / 2, 1, u);
  return i % 2 ? 1.5 - u[0] : 0.5 + u[0];
}

double cubix_mock_speed(const struct cubix_mock *mock, double radius, double *ratio2)
{
  double x = radius / mock->r_turn, angle = atan(x);
  if (ratio2) *ratio2 = 0.5 * (1. + (x > 1e-6 ? x / ((1. + x * x) * angle) : 1.));
  return mock->speed * (2. / CUBIX_PI) * angle;
}

double cubix_mock_at(const struct cubix_mock *mock, const double *table, double r)
{
  double x = (log(r) - mock->ln_r0) / mock->dln_r;
  if (!(x > 0.)) return table[0];
  if (x >= CUBIX_MOCK_N_RADIUS - 1) return table[CUBIX_MOCK_N_RADIUS - 1];
  int i = (int)x;
  return table[i] + (x - i) * (table[i + 1] - table[i]);
}

double cubix_mock_arm_strength(const struct cubix_mock *mock, double age, double radius)
{
  double rd = mock->o.radius;
  return mock->o.arms == 0 ? 0. : (0.15 + 0.6 * exp(-age)) * radius * radius / (radius * radius + 0.25 * rd * rd);
}

/* Trailing, because the disc turns towards growing phi. */
static double arm_azimuth(const struct cubix_mock *mock, double radius)
{
  return -mock->arm_cot * log(radius / mock->o.radius);
}

double cubix_mock_arm_density(const struct cubix_mock *mock, double strength, const struct cubix_mock_place *p)
{
  return strength > 0. ? 1. + strength * cos((double)mock->o.arms * (p->phi - arm_azimuth(mock, p->radius))) : 1.;
}

double cubix_mock_arm_phi(const struct cubix_mock *mock, double strength, double radius, double u)
{
  if (strength <= 0.) return 2. * CUBIX_PI * u;
  /* The cumulative distribution psi + A sin psi = mean over one arm is Kepler's equation for E =
   * psi - pi, e = A: Newton from Danby's start. */
  double arms = (double)mock->o.arms, which = floor(arms * u), mean = 2. * CUBIX_PI * (arms * u - which) - CUBIX_PI;
  double e = mean + 0.85 * strength * (sin(mean) >= 0. ? 1. : -1.);
  for (int i = 0; i < 5; i++) e -= (e - strength * sin(e) - mean) / (1. - strength * cos(e));
  return arm_azimuth(mock, radius) + (e + CUBIX_PI + 2. * CUBIX_PI * which) / arms;
}

void cubix_mock_to_file(const struct cubix_mock *mock, double a, const double x[3], const double v[3],
                        double position[3], float velocity[3])
{
  double c = mock->spin_cos, s = mock->spin_sin, box = mock->o.box,
         unit = cubix_mock_file_length(mock, 1.) * mock->a / a;
  double x_box[3] = { x[0], c * x[1] - s * x[2], s * x[1] + c * x[2] };
  double v_box[3] = { v[0], c * v[1] - s * v[2], s * v[1] + c * v[2] };
  for (int k = 0; k < 3; k++) {
    double y = mock->centre[k] + unit * x_box[k];
    y -= box * floor(y / box);
    position[k] = y < box ? y : 0.;
    velocity[k] = (float)((v_box[k] + mock->velocity[k]) / sqrt(a));
  }
}
