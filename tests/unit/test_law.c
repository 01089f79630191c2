/* test_law.c -- extinction laws against the table of the papers' formulas, and their derivatives. */
#include "tests/check.h"

#include "base/error.h"
#include "dust/extinction.h"
#include "dust/law.h"
#include "physics/screen.h"

enum { N_LAW = CUBIX_DustLaw_powerlaw + 1 };

static double shape_of(enum cubix_DustLaw law) { return law == CUBIX_DustLaw_powerlaw ? 0.7 : 3.1; }
static double k_of(enum cubix_DustLaw law, double l) { return cubix_extinction_at(law, shape_of(law), l).k; }

/* A(lambda)/A(V) for R_V = 3.1, of the package dust_extinction; Calzetti: of the paper's formula; 0: not there. */
static void test_table(void)
{
  static const struct { double lambda, ccm, od, f99, g23, smc, calzetti; } row[] = {
    { 1500, 2.6639, 2.6639, 2.6025, 2.8235, 4.7670, 2.5516 },   { 2175, 3.1851, 3.1851, 3.0759, 0, 3.1311, 2.0935 },
    { 3000, 1.8182, 1.8182, 1.7967, 1.8709, 2.0173, 1.7100 },
    { 4400, 1.3245, 1.3222, 1.3094, 1.3204, 1.3740, 1.2495 },
    { 4862.7, 1.1637, 1.1811, 1.1658, 0, 1.1940, 1.1349 },      { 5500, .9989, .9987, .9779, .9985, 1.0000, .9995 },
    { 6564.6, .8175, .8122, .7601, .8012, .7901, .8209 },       { 8000, .5975, .6079, .5532, .5900, .5795, .6343 },
    { 12500, .2821, .2821, .2567, .2685, .2500, .3270 },        { 21900, .1144, .1144, .1099, .1039, .1106, .0926 },
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    const double l = row[i].lambda;
    CHECK_CLOSE(k_of(CUBIX_DustLaw_CCM89, l), row[i].ccm, 1e-4);
    CHECK_CLOSE(k_of(CUBIX_DustLaw_O94, l), row[i].od, 1e-4);
    CHECK_CLOSE(k_of(CUBIX_DustLaw_F99, l), row[i].f99, 1e-4);
    if (row[i].g23 > 0) CHECK_CLOSE(k_of(CUBIX_DustLaw_G23, l), row[i].g23, 1e-4);
    CHECK_CLOSE(k_of(CUBIX_DustLaw_SMC, l), row[i].smc, 1e-4);
    CHECK_CLOSE(k_of(CUBIX_DustLaw_Calzetti, l), row[i].calzetti, 1e-4);
  }
}

/* A(V)/A(V) = 1: RUBIX's CCM89 is 6 times too weak there. */
static void test_one_at_v(void)
{
  for (double r = 2; r <= 6; r += 0.5) {
    CHECK_CLOSE(cubix_extinction_at(CUBIX_DustLaw_CCM89, r, 1e4 / 1.82).k, 1, 1e-14);
    CHECK_CLOSE(cubix_extinction_at(CUBIX_DustLaw_O94, r, 1e4 / 1.82).k, 1, 1e-14);
  }
  CHECK_CLOSE(cubix_extinction_at(CUBIX_DustLaw_powerlaw, 1.3, 5500).k, 1, 1e-15);
  for (int law = 0; law < N_LAW; law++) CHECK_CLOSE(k_of((enum cubix_DustLaw)law, 5495), 1, 0.03);
}

/* E(B-V) = A(V)/R_V, which is what R_V means: A(4400)/A(V) - 1 within some percent of 1/R_V. */
static void test_r_v(void)
{
  for (double r = 2.5; r <= 5.5; r += 0.5) {
    CHECK_CLOSE(r * (cubix_extinction_at(CUBIX_DustLaw_CCM89, r, 4400).k - 1), 1, 0.04);
    CHECK_CLOSE(r * (cubix_extinction_at(CUBIX_DustLaw_G23, r, 4400).k - 1), 1, 0.06);
  }
}

/* Against central differences, over the whole range but at joints of formulas. */
static void test_slopes(enum cubix_DustLaw law)
{
  double low, high, worst_shape = 0, worst_lambda = 0, from, to;
  int has = cubix_extinction_shape(law, &from, &to) != NULL;
  cubix_extinction_range(law, &low, &high);
  if (law == CUBIX_DustLaw_powerlaw) low = 500, high = 1e6;
  for (int i = 0; i < 2000; i++) {
    const double lambda = low * pow(high / low, 0.001 + 0.998 * uniform()), h = 1e-5 * lambda, s = 1e-4;
    const double shape = has ? draw(from + s, to - s) : 0;
    const struct cubix_extinction at = cubix_extinction_at(law, shape, lambda),
                                  blue = cubix_extinction_at(law, shape, lambda - h),
                                  red = cubix_extinction_at(law, shape, lambda + h);
    if (fabs(red.k - 2 * at.k + blue.k) > 1e-7 * at.k) continue;       /* a joint: there are few */
    worst_lambda = check_worst(worst_lambda, fabs(lambda * ((red.k - blue.k) / (2 * h) - at.by_lambda) / (1 + at.k)));
    const double more = cubix_extinction_at(law, shape + s, lambda).k,
                 less = cubix_extinction_at(law, shape - s, lambda).k;
    worst_shape = check_worst(worst_shape, fabs(((more - less) / (2 * s) - at.by_shape) / (1 + at.k)));
  }
  CHECK_IS(worst_lambda, <, 1e-5);
  CHECK_IS(worst_shape, <, has ? 1e-6 : 1e-300);
}

/* Where formulas join: two laws have a step (O94 of 0.0095, Calzetti's of 0.0062), as published. */
static void test_joints(void)
{
  static const double joint[] = { 2700, 3000, 1e4 / 3.3, 3300, 6300, 9000, 1e4 / 1.1, 11000, 1e4 / 5.9, 1250 };
  for (size_t i = 0; i < sizeof joint / sizeof *joint; i++)
    for (int law = 0; law < N_LAW; law++) {
      const double step = k_of((enum cubix_DustLaw)law, joint[i] * (1 - 1e-7)) -
                          k_of((enum cubix_DustLaw)law, joint[i] * (1 + 1e-7));
      const double known = law == CUBIX_DustLaw_O94 && i == 2        ? 0.0095
                           : law == CUBIX_DustLaw_Calzetti && i == 4 ? -0.0062
                                                                     : 0;
      CHECK_CLOSE(step, known, 1.5e-3);
    }
}

/* ---- in channels ------------------------------------------------------------------------------- */
static struct cubix_params *parameters(const char *dust, const char *law)
{
  struct cubix_params *par = NULL;
  REQUIRE(!cubix_params_init(&par) && !cubix_params_set(par, "Dust", dust) && !cubix_params_set(par, "DustLaw", law));
  return par;
}

static void test_channels(void)
{
  static const double edge[] = { 4000, 4010, 4030, 4600 };
  const double z1 = 1.1, t = 1e-5;
  struct cubix_params *par = parameters("screen", "G23");
  struct cubix_law law = { 0 }, more = { 0 }, less = { 0 };
  CHECK_IS(cubix_law_init(&law, par, edge, 3, z1), ==, CUBIX_OK);
  CHECK_IS(law.n, ==, 3);
  for (int i = 0; i < 2; i++) CHECK_CLOSE(law.k[i], k_of(CUBIX_DustLaw_G23, (edge[i] + edge[i + 1]) / 2 / z1), 1e-15);
  double mean = 0;                                        /* a wide channel: its mean, by 20000 midpoints */
  for (int p = 0; p < 20000; p++) mean += k_of(CUBIX_DustLaw_G23, (4030 + 570 * (p + 0.5) / 20000) / z1) / 20000;
  CHECK_CLOSE(law.k[2], mean, 1e-9);
  CHECK_CLOSE(fmax(fmax(law.k[0], law.k[1]), law.k[2]), law.k[0], 0);
  CHECK_CLOSE(fmin(fmin(law.k[0], law.k[1]), law.k[2]), law.k[2], 0);
  CHECK_IS(cubix_law_init(&more, par, edge, 3, z1 + t), ==, CUBIX_OK);
  CHECK_IS(cubix_law_init(&less, par, edge, 3, z1 - t), ==, CUBIX_OK);
  for (int i = 0; i < 3; i++) CHECK_CLOSE(law.by_one_plus_z[i], (more.k[i] - less.k[i]) / (2 * t), 1e-7);
  const double k_bar[] = { 0.3, -2, 0.7 };
  double shape_bar = 1, one_plus_z_bar = 2, forth = 0;
  cubix_law_vjp(&law, k_bar, &shape_bar, &one_plus_z_bar);
  for (int i = 0; i < 3; i++) forth += k_bar[i] * cubix_law_jvp(&law, i, 0.4, -0.8);
  CHECK_CLOSE(0.4 * (shape_bar - 1) - 0.8 * (one_plus_z_bar - 2), forth, 1e-14);
  CHECK_CLOSE(cubix_screen_through(1.5, 2), pow(10, -0.4 * 3), 1e-15);
  CHECK_IS(cubix_params_set(par, "Dust", "none"), ==, CUBIX_OK);
  CHECK_IS(cubix_law_init(&law, par, edge, 3, z1), ==, CUBIX_OK);
  CHECK(!law.k && !law.n);
  cubix_law_free(&law);
  cubix_law_free(&more);
  cubix_law_free(&less);
  cubix_params_free(par);
}

/* Never clamped in silence. */
static void test_refused(void)
{
  static const double blue[] = { 1000, 1300, 5000 }, red[] = { 10000, 22000, 33500 };
  struct cubix_params *par = parameters("screen", "Calzetti");
  struct cubix_law law = { 0 };
  CHECK_IS(cubix_law_init(&law, par, blue, 2, 1), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "DustLaw Calzetti (set by the program) was made for 1200..22000 AA, and at "
                                    "Redshift = 0 the channels see 1000.0..5000.0 AA");
  CHECK_IS(cubix_law_init(&law, par, red, 2, 1), ==, CUBIX_EUSAGE);
  CHECK_IS(cubix_params_set(par, "DustLaw", "CCM89"), ==, CUBIX_OK);
  CHECK_IS(cubix_law_init(&law, par, red, 2, 1), ==, CUBIX_EUSAGE);
  CHECK_IS(cubix_law_init(&law, par, red, 2, 1.01), ==, CUBIX_OK);
  CHECK_IS(cubix_params_set(par, "DustRv", "2.2"), ==, CUBIX_OK);
  CHECK_IS(cubix_law_init(&law, par, red, 2, 1.01), ==, CUBIX_OK);
  CHECK_IS(cubix_params_set(par, "DustLaw", "G23"), ==, CUBIX_OK);
  CHECK_IS(cubix_law_init(&law, par, red, 2, 1.01), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "DustRv = 2.2 (set by the program) is beyond 2.3..5.6");
  CHECK_IS(law.n, ==, 2);                                 /* that of before */
  CHECK_IS(cubix_params_set(par, "DustLaw", "Calzetti"), ==, CUBIX_OK);
  CHECK_IS(cubix_params_set(par, "Dust", "gas"), ==, CUBIX_OK);
  CHECK_IS(cubix_law_init(&law, par, red, 2, 2), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "choose another DustLaw, or Dust screen");
  cubix_law_free(&law);
  cubix_params_free(par);
}

/* What gas scatters: k times the part of it that dims, by the albedo of the wavelength. */
static void test_effects(void)
{
  static const double edge[] = { 4395, 4405, 5495, 5505, 7995, 8005 }, albedo[] = { 0.653, 0, 0.674, 0, 0.658 };
  struct cubix_params *par = parameters("gas", "G23");
  struct cubix_law all = { 0 }, law = { 0 }, more = { 0 }, less = { 0 };
  const double t = 1e-5;
  REQUIRE(!cubix_law_init(&all, par, edge, 5, 1));
  for (int mixed = 0; mixed < 2; mixed++) {
    CHECK(!cubix_params_set(par, "DustEffect", mixed ? "mixed" : "absorption"));
    REQUIRE(!cubix_law_init(&law, par, edge, 5, 1));
    for (int i = 0; i < 5; i += 2) {
      const double a = 1 - albedo[i], part = mixed ? 0.7 * sqrt(a) + 0.3 * a : a;
      CHECK_CLOSE(law.k[i], all.k[i] * part / (mixed ? 0.7 * sqrt(0.326) + 0.3 * 0.326 : 0.326), 1e-12);
    }
    REQUIRE(!cubix_law_init(&more, par, edge, 5, 1 + t) && !cubix_law_init(&less, par, edge, 5, 1 - t));
    for (int i = 0; i < 5; i++) CHECK_CLOSE(law.by_one_plus_z[i], (more.k[i] - less.k[i]) / (2 * t), 1e-6);
    for (int i = 0; i < 5; i++) {                       /* a screen is far in front */
      CHECK_IS(law.screen[i], ==, all.k[i]);
      CHECK_IS(law.screen_by_shape[i], ==, all.by_shape[i]);
      CHECK_IS(law.screen_by_one_plus_z[i], ==, all.by_one_plus_z[i]);
    }
  }
  CHECK_IS(cubix_law_init(&law, par, edge, 5, 3.1), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "DustEffect mixed (set by the program) needs to know how much dust scatters");
  CHECK(!cubix_params_set(par, "Dust", "screen"));
  CHECK_IS(cubix_law_init(&law, par, edge, 5, 1), ==, CUBIX_OK);
  for (int i = 0; i < 5; i++) CHECK_IS(law.k[i], ==, all.k[i]);
  cubix_law_free(&all);
  cubix_law_free(&law);
  cubix_law_free(&more);
  cubix_law_free(&less);
  cubix_params_free(par);
}

/* With as many channels the arrays stay where they are: others point into them. */
static void test_in_place(void)
{
  static const double edge[] = { 5000, 5010, 5020 };
  struct cubix_params *par = parameters("screen", "CCM89");
  struct cubix_law law = { 0 };
  REQUIRE(!cubix_law_init(&law, par, edge, 2, 1));
  const double *k = law.k, before = law.k[0];
  CHECK(!cubix_params_set(par, "DustRv", "5"));
  REQUIRE(!cubix_law_init(&law, par, edge, 2, 1));
  CHECK(law.k == k && law.k[0] != before);
  cubix_law_free(&law);
  cubix_params_free(par);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_table());
  CASE(test_one_at_v());
  CASE(test_r_v());
  for (int law = 0; law < N_LAW; law++)
    CASE_OF(test_slopes((enum cubix_DustLaw)law), "%s", cubix_DustLaw_word[law]);
  CASE(test_joints());
  CASE(test_channels());
  CASE(test_refused());
  CASE(test_effects());
  CASE(test_in_place());
  return check_done();
}
