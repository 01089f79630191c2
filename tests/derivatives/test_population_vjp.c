/* test_population_vjp.c -- derivatives of what a star is painted from: its place on the library's
 * grid, the weights of rows and of velocity nodes. */
#include "tests/check.h"

#include "physics/node.h"
#include "physics/population.h"

enum { N_Z = 3, N_AGE = 7, N_ROW = N_Z * N_AGE };

static const double log_z[N_Z] = { -3., -2., -1.5 }, log_age[N_AGE] = { -2., -1., -0.5, 0., 0.5, 0.8, 1.1 };
static const struct cubix_tables tables = {
  .n_z = N_Z, .n_age = N_AGE, .n_row = N_ROW, .log_z = log_z, .log_age = log_age
};

/* Splines against differences of their values; the slopes keep the light. */
static void test_slopes(void)
{
  for (int i = 0; i <= 20; i++) {
    double f = i / 20., h = 1e-4, a[6], b[6], d[6], sum = 0;
    cubix_node_weights(f - h, a);
    cubix_node_weights(f + h, b);
    cubix_node_slopes(f, d);
    for (int j = 0; j < 6; j++) {
      CHECK_CLOSE(d[j], (b[j] - a[j]) / (2 * h), 1e-8);
      sum += d[j];
    }
    CHECK_CLOSE(sum, 0., 1e-15);
  }
}

/* Weights with places: differences, and forward against reverse; both interpolations, also where
 * the library has one metallicity or age. */
static void test_mix(int n_z, int n_age, int pchip)
{
  struct cubix_tables v = tables;
  v.n_z = n_z;
  v.n_age = n_age;
  v.pchip = pchip;
  for (int i = 0; i < 200; i++) {
    struct cubix_star star = { .iz = (int16_t)(uniform() * (n_z - 1)), .ia = (int16_t)(uniform() * (n_age - 1)) }, less,
                      more;
    double h = 1e-5, z_dot = n_z == 1 ? 0 : uniform() - 0.5, age_dot = n_age == 1 ? 0 : uniform() - 0.5,
           dot[CUBIX_MAX_CORNER], bar[CUBIX_MAX_CORNER], z_bar = 0.25, age_bar = -1, forward = 0;
    struct cubix_mix a, b;
    star.f_z = n_z == 1 ? 0 : i % 7 ? uniform() : i % 2;
    star.f_age = n_age == 1 ? 0 : i % 11 ? uniform() : i % 2;
    less = more = star;
    less.f_z -= h * z_dot, less.f_age -= h * age_dot;
    more.f_z += h * z_dot, more.f_age += h * age_dot;
    cubix_mix_of(&v, &less, &a);
    cubix_mix_of(&v, &more, &b);
    cubix_mix_of_jvp(&v, &star, z_dot, age_dot, dot);
    for (int k = 0; k < a.n; k++) {
      CHECK_CLOSE(dot[k], (b.weight[k] - a.weight[k]) / (2 * h), 1e-9);
      forward += dot[k] * (bar[k] = uniform() - 0.5);
    }
    cubix_mix_of_vjp(&v, &star, bar, &z_bar, &age_bar);
    if (n_z == 1) CHECK_IS(z_bar, ==, 0.25);
    if (n_age == 1) CHECK_IS(age_bar, ==, -1);
    CHECK_CLOSE((z_bar - 0.25) * z_dot + (age_bar + 1) * age_dot, forward, 1e-14);
  }
}

/* Places with metallicity and age: differences inside, one-sided at the nodes, 0 beyond and where
 * there is one node only. */
static double slope_at(const double *log_node, int n, double x)
{
  int i;
  double f;
  cubix_bracket(log_node, n, x > 0 ? log10(x) : -1e3, &i, &f);
  return cubix_place_slope(log_node, n, i, f, x);
}

static void test_locate(void)
{
  struct cubix_tables v = tables;
  for (int i = 0; i < 300; i++) {
    double x = i % 3 ? pow(10., -3.2 + 2 * uniform()) : pow(10., log_z[i % N_Z]),
           age = i % 5 ? pow(10., -2.2 + 3.5 * uniform()) : pow(10., log_age[i % N_AGE]);
    double z_bar = 3, age_bar = -2, h = 1e-7;
    struct cubix_star low, high;
    struct cubix_star_bar bar = { .f_z = uniform() + 0.1, .f_age = uniform() + 0.1 }, dot = { 0 };
    int clamped = cubix_locate(&v, x, age, &low);
    cubix_locate(&v, x * (1 + h), age * (1 + h), &high);
    cubix_locate_vjp(&v, x, age, &low, &bar, &z_bar, &age_bar);
    cubix_locate_jvp(&v, x, age, &low, 0.7 * x, 1.3 * age, &dot);
    CHECK_CLOSE((z_bar - 3) * 0.7 * x + (age_bar + 2) * 1.3 * age, bar.f_z * dot.f_z + bar.f_age * dot.f_age, 1e-12);
    if (clamped & CUBIX_CLAMP_Z) {
      CHECK_IS(dot.f_z, ==, 0);
      CHECK_IS(z_bar, ==, 3);
    }
    else if (i % 3 && low.iz == high.iz) CHECK_CLOSE(dot.f_z, 0.7 * (high.f_z - low.f_z) / h, 1e-5);
    if (clamped & CUBIX_CLAMP_AGE) {
      CHECK_IS(dot.f_age, ==, 0);
      CHECK_IS(age_bar, ==, -2);
    }
    else if (i % 5 && low.ia == high.ia) CHECK_CLOSE(dot.f_age, 1.3 * (high.f_age - low.f_age) / h, 1e-5);
  }
  static const double end[] = { 0., -1., 1e-3, 1e-4, 1e300, HUGE_VAL, -HUGE_VAL, NAN };
  for (int i = 0; i < 8; i++) CHECK_IS(slope_at(log_z, N_Z, end[i]), ==, 0);
  CHECK_IS(slope_at(log_z, 1, 1e-2), ==, 0);
  CHECK_CLOSE(slope_at(log_age, N_AGE, 1.) * log(10.), 1 / 0.5, 1e-12);   /* at log age 0: of 0 .. 0.5 */
  CHECK_CLOSE(slope_at(log_z, N_Z, 1e-2) * 1e-2 * log(10.), 1 / 0.5, 1e-12);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_slopes());
  for (int pchip = 0; pchip < 2; pchip++) {
    CASE_OF(test_mix(N_Z, N_AGE, pchip), "Z and age%s", pchip ? ", pchip" : "");
    CASE_OF(test_mix(1, N_AGE, pchip), "age%s", pchip ? ", pchip" : "");
    CASE_OF(test_mix(N_Z, 1, pchip), "Z%s", pchip ? ", pchip" : "");
    CASE_OF(test_mix(1, 1, pchip), "one row%s", pchip ? ", pchip" : "");
  }
  CASE(test_locate());
  return check_done();
}
