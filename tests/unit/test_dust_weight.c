/* test_dust_weight.c -- which gas has dust, how much A(V) it gives, and the derivatives. */
#include "tests/check.h"

#include "dust/dust_weight.h"

enum { N = 50 };

struct cells { double mass[N], metallicity[N], dust_mass[N], temperature[N], sfr[N], dusty[N]; };

static struct cubix_dust_cells make(struct cells *c, int dust_mass)
{
  for (int i = 0; i < N; i++) {
    c->mass[i] = 1e5 * (0.5 + uniform());
    c->metallicity[i] = 0.03 * uniform();
    c->dust_mass[i] = 1e3 * uniform();
    c->temperature[i] = 2e4 * uniform();
    c->sfr[i] = i % 3 ? 0 : 0.1 * uniform();
  }
  return (struct cubix_dust_cells){ .n = N, .mass = c->mass, .metallicity = c->metallicity,
                                    .dust_mass = dust_mass ? c->dust_mass : NULL, .temperature = c->temperature,
                                    .sfr = c->sfr, .dusty = c->dusty };
}

/* 1.0857 kappa_V for a gram of dust in a square cm: 5.895 mag for a solar mass in a square pc. */
static void test_opacity(void)
{
  struct cubix_params *par = NULL;
  REQUIRE(!cubix_params_init(&par));
  CHECK_CLOSE(1e6 * cubix_dust_opacity(par), 5.89525, 1e-4);
  REQUIRE(!cubix_params_set(par, "DustEffect", "absorption"));
  CHECK_CLOSE(1e6 * cubix_dust_opacity(par), 5.89525 * 0.326, 2e-4);
  REQUIRE(!cubix_params_set(par, "DustEffect", "mixed"));
  CHECK_CLOSE(1e6 * cubix_dust_opacity(par), 5.89525 * (0.7 * sqrt(0.326) + 0.3 * 0.326), 5e-4);
  /* kappa_abs of Draine 2003, 8.48e3 cm^2/g of 2.60e4 */
  CHECK_CLOSE(2.6e4 * cubix_dust_effect(CUBIX_DustEffect_absorption, CUBIX_DUST_ALBEDO_V), 8.48e3, 5.);
  cubix_params_free(par);
}

/* By temperature or star formation; what is not known does not count. */
static void test_which(void)
{
  struct cells c;
  struct cubix_dust_cells cells = make(&c, 0);
  double cool[N], forming[N], all[N], blind[N];
  cubix_dust_choose(cool, CUBIX_DustGas_cool, &cells);
  cubix_dust_choose(forming, CUBIX_DustGas_starforming, &cells);
  cubix_dust_choose(all, CUBIX_DustGas_all, &cells);
  cells.sfr = NULL;
  cubix_dust_choose(blind, CUBIX_DustGas_cool, &cells);
  for (int i = 0; i < N; i++) {
    CHECK_IS(cool[i], ==, c.temperature[i] < 8000 || c.sfr[i] > 0);
    CHECK_IS(forming[i], ==, c.sfr[i] > 0);
    CHECK_IS(all[i], ==, 1);
    CHECK_IS(blind[i], ==, c.temperature[i] < 8000);
  }
}

static double dot(const double *a, const double *b)
{
  double sum = 0;
  for (int i = 0; i < N; i++) sum += a[i] * b[i];
  return sum;
}

/* Reverse against central differences along a random direction of everything at once. */
static void test_derivatives(int dust_mass)
{
  struct cells c, at[2];
  struct cubix_dust_cells cells = make(&c, dust_mass);
  struct cells dir, bars;
  double weight_bar[N], weight[2][N], opacity = 5.9e-6, f = 0.3, f_dir = 0.2, step = 1e-4;
  struct cubix_dust_bar bar = { bars.mass, bars.metallicity, bars.dust_mass, 0 };
  memset(&bars, 0, sizeof bars);
  cubix_dust_choose(c.dusty, CUBIX_DustGas_cool, &cells);
  for (int i = 0; i < N; i++) {
    weight_bar[i] = uniform() - 0.5;
    dir.mass[i] = c.mass[i] * (uniform() - 0.5);
    dir.metallicity[i] = c.metallicity[i] * (uniform() - 0.5);
    dir.dust_mass[i] = c.dust_mass[i] * (uniform() - 0.5);
  }
  for (int s = 0; s < 2; s++) {
    const double h = s ? -step : step;
    at[s] = c;
    for (int i = 0; i < N; i++) {
      at[s].mass[i] += h * dir.mass[i];
      at[s].metallicity[i] += h * dir.metallicity[i];
      at[s].dust_mass[i] += h * dir.dust_mass[i];
    }
    const struct cubix_dust_cells there = { .n = N, .mass = at[s].mass, .metallicity = at[s].metallicity,
                                            .dust_mass = dust_mass ? at[s].dust_mass : NULL, .dusty = c.dusty };
    cubix_dust_weight(weight[s], &there, opacity, f + h * f_dir);
  }
  cubix_dust_weight_vjp(&cells, opacity, f, weight_bar, &bar);
  const double got = dot(bars.mass, dir.mass) + dot(bars.metallicity, dir.metallicity) +
                     dot(bars.dust_mass, dir.dust_mass) + bar.to_metal * f_dir;
  const double want = (dot(weight_bar, weight[0]) - dot(weight_bar, weight[1])) / (2 * step);
  CHECK_CLOSE(got / want, 1, 1e-8);
  CHECK_IS(dust_mass ? bar.to_metal : dot(bars.dust_mass, bars.dust_mass), ==, 0);
  /* d/dln f is the weight itself */
  cubix_dust_weight(weight[0], &cells, opacity, f);
  if (!dust_mass) CHECK_CLOSE(f * bar.to_metal / dot(weight_bar, weight[0]), 1, 1e-12);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_opacity());
  CASE(test_which());
  CASE(test_derivatives(0));
  CASE(test_derivatives(1));
  return check_done();
}
