/* clock.c -- ages from scale factors, times and conformal times of formation.
 *
 * RAMSES counts in units of 1/H0 and calls tau = -int_a^1 da'/(a'^3 E(a')), E = H/H0: 0 today, and
 * negative before.  It is tabulated against the age of the universe, which is a smooth function of it
 * with the slope dt/dtau = a^2/H0, and interpolated by cubics (Hermite). */
#include "simulation/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "physics/constants.h"

/* How much later than the snapshot a star may be born: scale factors by rounding, times by as much as codes
 * are off that look their own clock up in a table (RAMSES). */
static const double least_a = 1e-4, rounding = 1e-6, own_tables = 1e-4;

/* d tau/d ln a. */
static double rate(double a, double omega_m, double omega_l)
{
  const double e2 = omega_m / (a * a * a) + (1 - omega_m - omega_l) / (a * a) + omega_l;
  return 1 / (a * a * sqrt(e2));
}

/* int d ln a of it, by Gauss and Legendre with five points. */
static double step(double from, double to, double omega_m, double omega_l)
{
  static const double x[] = { 0, 0.5384693101056831, 0.9061798459386640 },
                      w[] = { 0.5688888888888889, 0.4786286704993665, 0.2369268850561891 };
  const double middle = 0.5 * (from + to), half = 0.5 * (to - from);
  double sum = w[0] * rate(exp(middle), omega_m, omega_l);
  for (int i = 1; i < 3; i++)
    sum += w[i] * (rate(exp(middle - half * x[i]), omega_m, omega_l) +
                   rate(exp(middle + half * x[i]), omega_m, omega_l));
  return half * sum;
}

static int tabulate(struct cubix_conformal_table **out, double omega_m, double omega_l, double h, double a)
{
  int status = CUBIX_OK;
  const int n = CUBIX_N_CONFORMAL, parts = 256;
  const double last = log(a * (1 + own_tables)),
               width = (last - log(least_a)) / (n - 1),
               hubble_time = CUBIX_HUBBLE_GYR / (100 * h);
  struct cubix_conformal_table *t = NULL;
  double tau = 0;
  CUBIX_ALLOC(t, 1);
  for (int i = 0; i < parts; i++)
    tau -= step(last * (parts - i) / parts, last * (parts - i - 1) / parts,
                omega_m, omega_l);
  for (int i = n - 1; i >= 0; i--) {
    const double x = last - width * (n - 1 - i);
    if (i < n - 1) tau -= step(x, x + width, omega_m, omega_l);
    t->tau[i] = tau;
    t->age[i] = cubix_cosmology_age(omega_m, omega_l, h, exp(x));
    t->slope[i] = exp(2 * x) * hubble_time;
  }
  *out = t;
done:
  return status;
}

static double age_at(const struct cubix_conformal_table *t, double tau)
{
  int low = 0, left = CUBIX_N_CONFORMAL - 1;
  if (tau <= t->tau[0]) return 0;
  while (left > 1) {
    const int half = left / 2;
    if (t->tau[low + half] <= tau) low += half;
    left -= half;
  }
  const double d = t->tau[low + 1] - t->tau[low], f = (tau - t->tau[low]) / d, g = 1 - f;
  return g * g * ((1 + 2 * f) * t->age[low] + f * d * t->slope[low]) +
         f * f * ((1 + 2 * g) * t->age[low + 1] - g * d * t->slope[low + 1]);
}

int cubix_clock_init(struct cubix_clock **out, enum cubix_field birth, double now, double omega_m, double omega_l,
                     double h, double a)
{
  int status = CUBIX_OK;
  struct cubix_clock *clock = NULL;
  CUBIX_ALLOC(clock, 1);
  clock->birth = birth;
  clock->now = now;
  if (birth == CUBIX_FIELD_SCALE_FACTOR) {
    CUBIX_ALLOC(clock->ages, 1);
    cubix_cosmology_tabulate(clock->ages, omega_m, omega_l, h, a * (1. + rounding));
  } else if (birth == CUBIX_FIELD_CONFORMAL_TIME) {
    CUBIX_TRY(tabulate(&clock->conformal, omega_m, omega_l, h, a));
  }
  *out = clock;
  clock = NULL;
done:
  cubix_clock_free(clock);
  return status;
}

void cubix_clock_ages(double *x, size_t n, const struct cubix_clock *clock)
{
  for (size_t i = 0; i < n; i++) {
    const double age = clock->now - (clock->ages        ? cubix_cosmology_look_up(clock->ages, x[i])
                                     : clock->conformal ? age_at(clock->conformal, x[i])
                                                        : x[i]);
    x[i] = age > 0. ? age : 0.;
  }
}

double cubix_clock_latest(const struct cubix_clock *clock, double a)
{
  if (clock->birth == CUBIX_FIELD_SCALE_FACTOR) return a * (1. + rounding);
  if (clock->birth == CUBIX_FIELD_CONFORMAL_TIME) return clock->conformal->tau[CUBIX_N_CONFORMAL - 1];
  return clock->now + own_tables * (1 + fabs(clock->now));
}

void cubix_clock_free(struct cubix_clock *clock)
{
  if (!clock) return;
  free(clock->ages);
  free(clock->conformal);
  free(clock);
}
