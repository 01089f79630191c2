/* test_unknowns.c -- unknowns of a fit: what they stand for, their bounds, and their derivatives
 * against each other and against differences. */
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fit/unknowns.h"

enum { N_STAR = 500 };

static struct cubix_params *par;
static struct cubix_leaves start_value;
static const double age_range[2] = { 1e-3, 14 }, z_range[2] = { 1e-4, 0.05 };

/* Stars first .. end - 1 of a galaxy; some are beyond the library, some without mass or metals. */
static struct cubix_unknowns_start start_of(size_t n)
{
  struct cubix_unknowns_start start = {
    .n_star = n, .value = &start_value, .age = { age_range[0], age_range[1] }, .metallicity = { z_range[0], z_range[1] }
  };
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const struct cubix_leaf_info *info = cubix_leaf_info((enum cubix_leaf)leaf);
    size_t all = (info->of == CUBIX_OF_STAR ? n : info->of == CUBIX_OF_GLOBAL ? 1 : 0) * (size_t)info->n;
    free(start_value.value[leaf]);
    start_value.value[leaf] = calloc(all + 1, sizeof(double));
    for (size_t i = 0; i < all; i++) {
      double r = uniform_of((uint32_t)i, (uint32_t)leaf);
      start_value.value[leaf][i] = leaf == CUBIX_LEAF_Mass          ? (i % 9 == 4 ? 0 : 1e4 * (1 + r))
                                   : leaf == CUBIX_LEAF_Age         ? 16 * pow(r, 6)
                                   : leaf == CUBIX_LEAF_Metallicity ? (i % 11 == 3 ? 0 : 0.06 * r * r)
                                   : leaf == CUBIX_LEAF_Velocity    ? 300 * (r - 0.5)
                                   : leaf == CUBIX_LEAF_Position    ? 20 * pow(r - 0.5, 3)
                                   : leaf == CUBIX_LEAF_DustRv      ? 3 + r
                                   : leaf == CUBIX_LEAF_DustToMetal ? 0.2 + 0.1 * r
                                   : leaf == CUBIX_LEAF_LineLogU    ? -3 + r
                                   : leaf == CUBIX_LEAF_LineEscape || leaf == CUBIX_LEAF_LineDust ? 0.2 + 0.3 * r
                                                                    : 1.5 + r;
    }
  }
  return start;
}

static struct cubix_unknowns *unknowns_of(const char *model, const char *list, size_t n)
{
  unsigned char varied[CUBIX_N_LEAF];
  struct cubix_unknowns *u = NULL;
  struct cubix_unknowns_start start = start_of(n);
  CHECK(!cubix_params_set(par, "FitModel", model));
  CHECK(!cubix_params_set(par, "Parameters", list));
  CHECK(!cubix_leaves_parse(varied, list, "test"));
  CHECK(!cubix_unknowns_init(&u, par, varied, &start, &cubix_collective_alone));
  if (!u) printf("%s\n", cubix_error_message()), exit(1);
  return u;
}

static size_t leaf_size(const struct cubix_unknowns *u, int leaf)
{
  const struct cubix_leaf_info *info = cubix_leaf_info((enum cubix_leaf)leaf);
  return (info->of == CUBIX_OF_STAR ? u->n_star : 1) * (size_t)info->n;
}

/* Something within the bounds, 0 where there is no room. */
static double inside(const struct cubix_unknowns *u, size_t i, double share)
{
  double lo = fmax(u->lower[i], -0.4), hi = fmin(u->upper[i], 0.4);
  return lo + share * (hi - lo);
}

/* <J x_dot, bar> = <x_dot, J' bar>, and J x_dot against differences. */
static void test_derivatives(const char *model, const char *list, size_t n_star)
{
  struct cubix_unknowns *u = unknowns_of(model, list, n_star);
  struct cubix_leaves dot, bar, here, plus, minus;
  double *x = calloc(u->n + 1, 8), *x_dot = calloc(u->n + 1, 8), *x_bar = calloc(u->n + 1, 8),
         *moved = calloc(u->n + 1, 8);
  double left = 0, right = 0, size = 0, worst = 0;
  const double step = 1e-5;
  CHECK(!cubix_unknowns_leaves(u, &dot));
  CHECK(!cubix_unknowns_leaves(u, &bar));
  CHECK(!cubix_unknowns_leaves(u, &here));
  CHECK(!cubix_unknowns_leaves(u, &plus));
  CHECK(!cubix_unknowns_leaves(u, &minus));
  for (size_t i = 0; i < u->n; i++) {
    CHECK_IS(u->lower[i], <=, 0);
    CHECK_IS(u->upper[i], >=, 0);
    x[i] = inside(u, i, 0.2 + 0.6 * uniform_of((uint32_t)i, 101));
    x_dot[i] = u->lower[i] < u->upper[i] ? uniform_of((uint32_t)i, 102) - 0.5 : 0;
  }
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    for (size_t i = 0; bar.value[leaf] && i < leaf_size(u, leaf); i++)
      bar.value[leaf][i] = uniform_of((uint32_t)i, 200 + (uint32_t)leaf) - 0.5;
  cubix_unknowns_apply_jvp(u, x, x_dot, &dot);
  cubix_unknowns_apply_vjp(u, x, &bar, x_bar);
  cubix_unknowns_apply_vjp(u, x, &bar, x_bar);             /* bars add */
  for (size_t i = 0; i < u->n; i++) right += 0.5 * x_dot[i] * x_bar[i];
  cubix_unknowns_apply(u, x, &here);
  for (int side = 0; side < 2; side++) {
    for (size_t i = 0; i < u->n; i++) moved[i] = x[i] + (side ? step : -step) * x_dot[i];
    cubix_unknowns_apply(u, moved, side ? &plus : &minus);
  }
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    for (size_t i = 0; bar.value[leaf] && i < leaf_size(u, leaf); i++) {
      double term = dot.value[leaf][i] * bar.value[leaf][i],
             difference = (plus.value[leaf][i] - minus.value[leaf][i]) / (2 * step);
      left += term;
      size += fabs(term);
      worst = check_worst(worst, fabs(difference - dot.value[leaf][i]) /
                                     (fabs(dot.value[leaf][i]) + 1e-4 * fabs(here.value[leaf][i]) + 1e-12));
    }
  CHECK_IS(size, >, 0);
  CHECK_CLOSE(left, right, 1e-13 * size);
  CHECK_IS(worst, <, 1e-6);
  printf("%s %s: %zu unknowns, %zu shared: <J x, y> %.15g, apart by %.1e; differences %.1e\n", model, list, u->n,
         u->n_shared, left, fabs(left - right) / size, worst);
  cubix_leaves_free(&dot);
  cubix_leaves_free(&bar);
  cubix_leaves_free(&here);
  cubix_leaves_free(&plus);
  cubix_leaves_free(&minus);
  cubix_unknowns_free(u);
  free(moved);
  free(x_bar);
  free(x_dot);
  free(x);
}

/* At the start the values are the start's, at the bounds they are those that are allowed. */
static void test_stars(void)
{
  struct cubix_unknowns *u = unknowns_of("stars", "mass,age,metallicity,velocity,inclination,psf_fwhm", N_STAR);
  struct cubix_leaves value;
  double *x = calloc(u->n, 8);
  int wrong = 0;
  CHECK_IS(u->n_star_unknown, ==, 6);
  CHECK_IS(u->n_shared, ==, 2);
  CHECK_IS(u->n, ==, 6 * N_STAR + 2);
  CHECK(!cubix_unknowns_leaves(u, &value));
  cubix_unknowns_apply(u, x, &value);
  for (size_t i = 0; i < N_STAR; i++) {
    double age = start_value.value[CUBIX_LEAF_Age][i], z = start_value.value[CUBIX_LEAF_Metallicity][i];
    wrong += value.value[CUBIX_LEAF_Mass][i] != start_value.value[CUBIX_LEAF_Mass][i];
    wrong += value.value[CUBIX_LEAF_Velocity][3 * i + 1] != start_value.value[CUBIX_LEAF_Velocity][3 * i + 1];
    wrong +=
        !(fabs(value.value[CUBIX_LEAF_Age][i] - fmin(fmax(age, age_range[0]), age_range[1])) <= 2e-9 * age_range[1]);
    wrong +=
        !(fabs(value.value[CUBIX_LEAF_Metallicity][i] - fmin(fmax(z, z_range[0]), z_range[1])) <= 2e-9 * z_range[1]);
    wrong += age > 1.01e-3 && age < 13.9 && value.value[CUBIX_LEAF_Age][i] != age;
    wrong += start_value.value[CUBIX_LEAF_Mass][i] == 0 && (u->lower[6 * i] != 0 || u->upper[6 * i] != 0);
  }
  CHECK_IS(wrong, ==, 0);
  for (int side = 0; side < 2; side++) {
    cubix_unknowns_apply(u, side ? u->upper : u->lower, &value);
    wrong = 0;
    for (size_t i = 0; i < N_STAR; i++) {
      wrong += !(fabs(value.value[CUBIX_LEAF_Age][i] / age_range[side] - 1) <= 1.1e-9) ||
               value.value[CUBIX_LEAF_Age][i] >= age_range[1] || value.value[CUBIX_LEAF_Age][i] <= age_range[0];
      wrong += !(fabs(value.value[CUBIX_LEAF_Metallicity][i] / z_range[side] - 1) <= 1.1e-9);
      wrong += !(fabs(value.value[CUBIX_LEAF_Velocity][3 * i] - start_value.value[CUBIX_LEAF_Velocity][3 * i] -
                      (side ? 1000 : -1000)) < 1e-9);
    }
    CHECK_IS(wrong, ==, 0);
    CHECK_CLOSE(value.value[CUBIX_LEAF_Inclination][0], side ? 180 : 0, 1e-12);
  }
  struct cubix_unknown_info info;
  x[u->n - 2] = 1;
  x[u->n - 1] = log(2);
  cubix_unknowns_info(u, x, 0, &info);
  CHECK_TEXT(info.name, "Inclination");
  CHECK_TEXT(info.unit, "deg");
  CHECK(!info.range_unit);
  CHECK(!info.frozen);
  CHECK_CLOSE(info.value, start_value.value[CUBIX_LEAF_Inclination][0] + 10, 1e-12);
  CHECK_CLOSE(info.slope, 10, 0);
  cubix_unknowns_info(u, x, 1, &info);
  CHECK_CLOSE(info.value, 2 * start_value.value[CUBIX_LEAF_PsfFwhm][0], 1e-12);
  CHECK_CLOSE(info.slope, info.value, 0);
  double mark = cubix_unknowns_mark(u);
  CHECK(isfinite(mark));
  cubix_leaves_free(&value);
  cubix_unknowns_free(u);
  free(x);
}

static double youngest(void)
{
  double age = INFINITY;
  for (size_t i = 0; i < N_STAR; i++) age = fmin(age, fmax(start_value.value[CUBIX_LEAF_Age][i], age_range[0]));
  return age;
}

static void test_bins(void)
{
  CHECK(!cubix_params_set(par, "FitAgeBins", "5"));
  CHECK(!cubix_params_set(par, "FitRadiusBins", "4"));
  struct cubix_unknowns *u = unknowns_of("bins", "mass,metallicity,velocity,redshift,centre", N_STAR);
  struct cubix_leaves value;
  struct cubix_unknown_info info;
  double x[18] = { 0 }, edge = 0;
  size_t inside_shell = 0;
  CHECK_IS(u->n_star_unknown, ==, 0);
  CHECK_IS(u->n, ==, 18);
  CHECK_IS(u->n_shared, ==, 18);
  CHECK(!cubix_unknowns_leaves(u, &value));
  cubix_unknowns_apply(u, x, &value);
  CHECK(!memcmp(value.value[CUBIX_LEAF_Mass], start_value.value[CUBIX_LEAF_Mass], N_STAR * sizeof(double)));
  CHECK(!memcmp(value.value[CUBIX_LEAF_Velocity], start_value.value[CUBIX_LEAF_Velocity], 3 * N_STAR * sizeof(double)));
  for (size_t i = 0; i < 18; i++) {
    cubix_unknowns_info(u, x, i, &info);
    if (i < 5) {
      CHECK(!strncmp(info.name, "MassFactor[", 11));
      CHECK_IS(info.value, ==, 1);
      CHECK_TEXT(info.range_unit, "Gyr");
    }
    else if (i < 10) {
      CHECK(!strncmp(info.name, "MetallicityShift[", 17));
      CHECK_IS(info.value, ==, 0);
      CHECK_TEXT(info.unit, "dex");
    }
    else if (i < 14) {
      CHECK(!strncmp(info.name, "VelocityFactor[", 15));
      CHECK_IS(info.value, ==, 1);
      CHECK_TEXT(info.range_unit, "kpc");
    }
    else CHECK(!info.range_unit);
    if (i == 0) CHECK_IS(info.from, ==, youngest());
    if (i > 0 && i < 5) CHECK_IS(info.from, ==, edge);
    if (i == 4) CHECK_IS(info.to, ==, age_range[1]);            /* older stars count as the library's oldest */
    edge = info.to;
  }
  cubix_unknowns_info(u, x, 2, &info);
  x[2] = log(3);
  x[7] = -1;
  x[10] = 1;                                               /* the innermost shell twice as fast */
  cubix_unknowns_apply(u, x, &value);
  struct cubix_unknown_info shell;
  cubix_unknowns_info(u, x, 10, &shell);
  int wrong = 0;
  for (size_t i = 0; i < N_STAR; i++) {
    double age = start_value.value[CUBIX_LEAF_Age][i], in = age >= info.from && age < info.to, r = 0,
           *s = start_value.value[CUBIX_LEAF_SystemicVelocity];
    wrong += !(fabs(value.value[CUBIX_LEAF_Mass][i] - (in ? 3 : 1) * start_value.value[CUBIX_LEAF_Mass][i]) <= 1e-9);
    wrong += !(fabs(value.value[CUBIX_LEAF_Metallicity][i] -
                    (in ? 0.1 : 1) * start_value.value[CUBIX_LEAF_Metallicity][i]) <= 1e-15);
    for (size_t c = 0; c < 3; c++)
      r += pow(start_value.value[CUBIX_LEAF_Position][3 * i + c] - start_value.value[CUBIX_LEAF_Centre][c], 2);
    if (sqrt(r) <= shell.to) inside_shell++;
    double f = sqrt(r) <= shell.to ? 2 : 1;
    for (size_t c = 0; c < 3; c++)
      wrong += !(fabs(value.value[CUBIX_LEAF_Velocity][3 * i + c] - s[c] -
                      f * (start_value.value[CUBIX_LEAF_Velocity][3 * i + c] - s[c])) < 1e-9);
  }
  CHECK_IS(wrong, ==, 0);
  CHECK_IS(inside_shell, >, N_STAR / 4 - 25);
  CHECK_IS(inside_shell, <, N_STAR / 4 + 25);
  cubix_leaves_free(&value);
  cubix_unknowns_free(u);
}

static void refused(const char *model, const char *list, const char *words)
{
  unsigned char varied[CUBIX_N_LEAF];
  struct cubix_unknowns *u = NULL;
  struct cubix_unknowns_start start = start_of(3);
  CHECK(!cubix_params_set(par, "FitModel", model));
  CHECK(!cubix_params_set(par, "Parameters", list));
  CHECK(!cubix_leaves_parse(varied, list, "test"));
  CHECK_IS(cubix_unknowns_init(&u, par, varied, &start, &cubix_collective_alone), ==, CUBIX_EUSAGE);
  CHECK(!u);
  CHECK_SAYS(cubix_error_message(), words);
  cubix_error_clear();
}

/* Ages and metallicities may have several minima, over the library; nothing else has, and what is
 * frozen has no choice. */
static void test_several(void)
{
  struct cubix_unknowns *u = unknowns_of("stars", "mass,age,metallicity,velocity,psf_fwhm", 40);
  double range[2];
  int wrong = 0;
  for (size_t i = 0; i < u->n; i++) {
    /* mass, age, metallicity, three of velocity */
    const int several = i < u->n - u->n_shared && (i % 6 == 1 || i % 6 == 2);
    cubix_unknowns_scan(u, i, range);
    wrong +=
        several ? range[0] != u->lower[i] || range[1] != u->upper[i] || !(range[0] < range[1]) : range[0] != range[1];
  }
  CHECK_IS(wrong, ==, 0);
  cubix_unknowns_free(u);
  CHECK(!cubix_params_set(par, "FitAgeBins", "5"));
  u = unknowns_of("bins", "mass,metallicity,velocity,redshift", N_STAR);
  for (size_t i = 0; i < u->n; i++) {
    cubix_unknowns_scan(u, i, range);
    if (i < 5 || i >= 10) {
      CHECK_IS(range[0], ==, range[1]);
    } else {
      CHECK_IS(fabs(range[1] - range[0] - log10(z_range[1] / z_range[0])), <, 1e-12);
      CHECK_IS(range[0], <, 0);
      CHECK_IS(range[1], >, 0);
    }
  }
  u->lower[7] = u->upper[7] = 0;
  cubix_unknowns_scan(u, 7, range);
  CHECK_IS(range[0], ==, range[1]);
  cubix_unknowns_free(u);
}

/* Shares of light are equal to a cell of ln age and the last star; what is dark has no say, and a
 * bin of nothing else is no unknown. */
static void test_light(void)
{
  unsigned char varied[CUBIX_N_LEAF];
  struct cubix_unknowns *u = NULL;
  struct cubix_unknowns_start start = start_of(N_STAR);
  double light[N_STAR], x[70] = { 0 }, all = 0, worst = 0;
  for (size_t i = 0; i < N_STAR; i++) all += light[i] = i % 3 ? 1 + 5 * uniform_of((uint32_t)i, 77) : 0;
  start.light = light;
  CHECK(!cubix_params_set(par, "FitAgeBins", "4"));
  CHECK(!cubix_params_set(par, "FitModel", "bins"));
  CHECK(!cubix_leaves_parse(varied, "mass", "test"));
  CHECK(!cubix_unknowns_init(&u, par, varied, &start, &cubix_collective_alone));
  CHECK_IS(u->n, ==, 4);
  for (size_t j = 0; j < u->n; j++) {
    struct cubix_unknown_info info;
    double share = 0;
    cubix_unknowns_info(u, x, j, &info);
    CHECK(!info.frozen);
    for (size_t i = 0; i < N_STAR; i++) {
      const double age = start_value.value[CUBIX_LEAF_Age][i];
      share += (j == 0 || age >= info.from) && (j == u->n - 1 || age < info.to) ? light[i] : 0;
    }
    worst = check_worst(worst, fabs(share / all - 0.25));
  }
  CHECK_IS(worst, <, 0.01);
  cubix_unknowns_free(u);

  CHECK(!cubix_params_set(par, "FitAgeEdges", " 0.5,2 5  9, 13"));
  for (size_t i = 0; i < N_STAR; i++)
    light[i] *= start_value.value[CUBIX_LEAF_Age][i] < 5 || start_value.value[CUBIX_LEAF_Age][i] >= 9;
  CHECK(!cubix_unknowns_init(&u, par, varied, &start, &cubix_collective_alone));
  CHECK_IS(u->n, ==, 4);
  for (size_t j = 0; j < 4; j++) {
    static const double edge[5] = { 0.5, 2, 5, 9, 13 };
    struct cubix_unknown_info info;
    cubix_unknowns_info(u, x, j, &info);
    CHECK_IS(info.from, ==, edge[j]);
    CHECK_IS(info.to, ==, edge[j + 1]);
    CHECK_IS(info.frozen, ==, j == 2);
  }
  x[0] = log(2);
  struct cubix_leaves value;
  CHECK(!cubix_unknowns_leaves(u, &value));
  cubix_unknowns_apply(u, x, &value);
  int wrong = 0;
  for (size_t i = 0; i < N_STAR; i++)                      /* younger ones belong to the first bin */
    wrong += !(fabs(value.value[CUBIX_LEAF_Mass][i] - (start_value.value[CUBIX_LEAF_Age][i] < 2 ? 2 : 1) *
                                                          start_value.value[CUBIX_LEAF_Mass][i]) <= 1e-9);
  CHECK_IS(wrong, ==, 0);
  cubix_leaves_free(&value);
  cubix_unknowns_free(u);
  CHECK(!cubix_params_set(par, "FitAgeEdges", ""));
}

static void refused_edges(const char *edges, const char *words)
{
  double edge[CUBIX_UNKNOWN_MOST_BINS + 1];
  int n;
  CHECK(!cubix_params_set(par, "FitAgeEdges", edges));
  CHECK_IS(cubix_unknowns_edges(edge, &n, par), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), words);
  CHECK_SAYS(cubix_error_message(), "FitAgeEdges");
  CHECK(!cubix_params_set(par, "FitAgeEdges", ""));
  cubix_error_clear();
}

/* One old star: one bin, whatever was asked for.  The user's bins without stars are frozen.  No
 * stars: nothing but the whole. */
static void test_edges(void)
{
  struct cubix_unknown_info info;
  double x[20] = { 0 };
  CHECK(!cubix_params_set(par, "FitAgeBins", "20"));
  struct cubix_unknowns *u = unknowns_of("bins", "mass", 1);
  CHECK_IS(u->n, ==, 1);
  cubix_unknowns_free(u);
  CHECK(!cubix_params_set(par, "FitAgeEdges", "0,1e-3,2e-3,0.01,0.03,0.1,0.3,0.5,1,2,3,4,5,6,7,8,9,10,11,12,14"));
  u = unknowns_of("bins", "mass", 1);
  CHECK(!cubix_params_set(par, "FitAgeEdges", ""));
  CHECK_IS(u->n, ==, 20);
  int frozen = 0;
  for (size_t i = 0; i < u->n; i++) {
    cubix_unknowns_info(u, x, i, &info);
    frozen += info.frozen;
  }
  CHECK_IS(frozen, ==, 19);
  cubix_unknowns_free(u);
  u = unknowns_of("stars", "mass,velocity,roll", 0);
  CHECK_IS(u->n, ==, 1);
  CHECK_IS(u->n_shared, ==, 1);
  cubix_unknowns_free(u);
  u = unknowns_of("bins", "velocity", 0);
  cubix_unknowns_free(u);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CHECK(!cubix_params_init(&par));
  CASE(test_derivatives("stars", "mass", 1));
  CASE(test_derivatives("stars", "mass,age,metallicity,velocity,position,smoothinglength", N_STAR));
  test_derivatives("stars",
                   "age,centre,systemicvelocity,alpha,beta,gamma,inclination,positionangle,pointingx,pointingy,roll,"
                   "redshift,distance,psffwhm,psfbeta,lsffwhm,dustscreen,dustrv,dustslope,birthcloudtau,massscale,"
                   "fluxscale",
                   20);
  CASE(test_derivatives("bins", "mass,metallicity,velocity", N_STAR));
  CASE(test_derivatives("bins", "mass,inclination,psffwhm,velocity", N_STAR));
  CASE(test_derivatives("bins", "redshift", 3));
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)          /* every leaf by itself, those included that come later */
    if (cubix_leaf_info((enum cubix_leaf)leaf)->of != CUBIX_OF_LIBRARY &&
        cubix_leaf_info((enum cubix_leaf)leaf)->of != CUBIX_OF_GAS)                /* which fits do not vary */
      CASE_OF(test_derivatives("stars", cubix_leaf_info((enum cubix_leaf)leaf)->name, 7), "stars, %s",
              cubix_leaf_info((enum cubix_leaf)leaf)->name);
  CASE(test_stars());
  CASE(test_bins());
  CASE(test_several());
  CASE(test_light());
  CASE(test_edges());
  CASE(refused_edges("1", "one edge"));
  CASE(refused_edges("1,x", "no number"));
  CASE(refused_edges("1,1", "larger than the one before"));
  CASE(refused_edges("-1,2", "larger than the one before"));
  CASE(refused_edges("1,nan", "larger than the one before"));
  CASE(refused_edges("1 Gyr", "no number"));
  char many[400] = "0";
  for (int i = 1; i <= CUBIX_UNKNOWN_MOST_BINS + 1; i++)
    snprintf(many + strlen(many), sizeof many - strlen(many), ",%d", i);
  CASE_OF(refused_edges(many, "65 edges"), "65 edges");
  CASE(refused("bins", "mass,age", "not Age"));
  CASE(refused("stars", "mass,luminosity", "cannot vary Luminosity"));
  CASE(refused("stars", "", "is empty"));
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) free(start_value.value[leaf]);
  cubix_params_free(par);
  return check_done();
}
