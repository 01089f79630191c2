/* test_occupancy.c -- stars in spaxels before there is a placement: few stars one by one, many from
 * a sample; how fast they are; and what a few spaxels tell of all (sounding.h). */
#include "engine/occupancy.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "tests/check.h"
#include "engine/sounding.h"
#include "params/params.h"
#include "spectra/templates.h"

enum { N_X = 50, N_Y = 37, MARGIN = 3, P_X = N_X + 2 * MARGIN, P_Y = N_Y + 2 * MARGIN };

static struct cubix_params *par;
static const struct cubix_instrument ins = { .n_x = N_X, .n_y = N_Y, .margin = MARGIN, .pixel_x = 1, .pixel_y = 1,
                                            .n_lambda = 1 };
static const struct cubix_scene scene = { .redshift = 0.01, .d_l_mpc = 44, .kpc_per_arcsec = 1, .flux_scale = 1 };

/* A disc of scale 6 spaxels, so that some of it lies outside; one star in 200 is faster than 300
 * km/s, the last of them outside the field. */
static struct cubix_slab *disc(size_t n)
{
  struct cubix_slab *slab = NULL;
  if (cubix_slab_init(&slab, n)) abort();
  for (uint32_t i = 0; i < n; i++) {
    const double r = -6 * log(uniform_of(i, 0) * uniform_of(i, 1)), phi = 6.283185307179586 * uniform_of(i, 2);
    slab->position[3 * i] = r * cos(phi);
    slab->position[3 * i + 1] = r * sin(phi);
    slab->position[3 * i + 2] = 0;
    slab->velocity[3 * i + 2] = i % 200 == 7 ? -700 : 250 * (2 * uniform_of(i, 3) - 1);
  }
  slab->position[3 * (n - 1)] = 1000;
  slab->velocity[3 * (n - 1) + 2] = 9000;
  return slab;
}

/* The same one by one: east is column 0, a footprint of `wide` spaxels to each side. */
static double by_hand(double *count, int64_t beyond[2], const struct cubix_slab *slab, int wide)
{
  double fastest = 0;
  beyond[0] = beyond[1] = 0;
  for (size_t i = 0; i < slab->n; i++) {
    const int x = (int)floor(N_X / 2. - slab->position[3 * i]) + MARGIN, y = (int)floor(N_Y / 2. +
                                                            slab->position[3 * i + 1]) + MARGIN;
    const double speed = fabs(slab->velocity[3 * i + 2]);
    int in = 0;
    for (int q = y - wide; q <= y + wide; q++)
      for (int p = x - wide; p <= x + wide; p++) {
        if (p < 0 || q < 0 || p >= P_X || q >= P_Y) continue;
        count[q * P_X + p]++;
        in = 1;
      }
    if (!in) continue;
    if (speed > fastest) fastest = speed;
    beyond[0] += speed > 300;
    beyond[1] += speed > 600;
  }
  return fastest;
}

static double values(const double *count)
{
  double sum = 0;
  for (int s = 0; s < P_X * P_Y; s++) sum += cubix_engine_values(count[s]);
  return sum;
}

static double sum_of(const double *count)
{
  double sum = 0;
  for (int s = 0; s < P_X * P_Y; s++) sum += count[s];
  return sum;
}

/* @param largest  difference of a spaxel from the count by hand, of the sums from its sums */
static void check(size_t n, const char *deposit, int wide, double largest, double of_sums)
{
  struct cubix_occupancy *o = NULL;
  struct cubix_slab *slab = disc(n);
  double *count = calloc(P_X * P_Y, sizeof *count), *exact = calloc(P_X * P_Y, sizeof *exact), worst = 0;
  int64_t beyond[2];
  const double fastest = by_hand(exact, beyond, slab, wide);
  if (cubix_params_set(par, "Deposit", deposit)) abort();
  CHECK_IS(cubix_occupancy_init(&o, &ins, (double)n), ==, CUBIX_OK);
  cubix_occupancy_add(o, par, &ins, &scene, slab);
  cubix_occupancy_counts(count, o);
  for (int s = 0; s < P_X * P_Y; s++) worst = check_worst(worst, fabs(count[s] - exact[s]));
  CHECK_IS(worst, <=, largest);
  CHECK_CLOSE(sum_of(count) / sum_of(exact), 1, of_sums);
  CHECK_CLOSE(values(count) / values(exact), 1, of_sums);
  CHECK_CLOSE(o->fastest, fastest, 0);
  CHECK_IS(o->beyond[0], ==, beyond[0]);
  CHECK_IS(o->beyond[1], ==, beyond[1]);
  CHECK_IS(o->beyond[2], ==, 0);
  CHECK_IS(o->slowest_in, ==, -700);
  CHECK_IS(o->fastest_in, >, 240);
  CHECK_IS(o->fastest_in, <=, 250);
  cubix_occupancy_free(o);
  cubix_slab_free(slab);
  free(count);
  free(exact);
}

/* Where nobody wants counts the fastest star is found all the same. */
static void test_fastest(void)
{
  struct cubix_occupancy *o = NULL;
  struct cubix_slab *slab = disc(5000);
  CHECK_IS(cubix_occupancy_init(&o, &ins, -1), ==, CUBIX_OK);
  cubix_occupancy_add(o, par, &ins, &scene, slab);
  CHECK_IS(o->fastest, ==, 700);
  CHECK(!o->every);
  CHECK(!o->change);
  cubix_occupancy_free(o);
  cubix_slab_free(slab);
}

/* ---- soundings ------------------------------------------------------------------------------- */
enum { N_Z = 3, N_AGE = 5, N_ROW = N_Z * N_AGE };

static int below(const double *node, int n, double x)
{
  int i = 0;
  while (i < n - 2 && node[i + 1] <= x) i++;
  return i;
}

static int window[P_X * P_Y][N_ROW][2];

static void widen(int w[2], int first, int last)
{
  if (first < w[0]) w[0] = first;
  if (last > w[1]) w[1] = last;
}

/* Values of all spaxels: in each row the nodes from the first that a star in it touches to the last. */
static double all_values(const struct cubix_slab *slab, const double *log_z, const double *log_age,
                         const struct cubix_nodes *nodes)
{
  double sum = 0;
  for (int s = 0; s < P_X * P_Y; s++)
    for (int r = 0; r < N_ROW; r++) window[s][r][0] = 1000, window[s][r][1] = -1;
  for (size_t i = 0; i < slab->n; i++) {
    const int x = (int)floor(N_X / 2. - slab->position[3 * i]) + MARGIN;
    const int y = (int)floor(N_Y / 2. + slab->position[3 * i + 1]) + MARGIN;
    const int iz = below(log_z, N_Z, log10(slab->metallicity[i])), ia = below(log_age, N_AGE, log10(slab->age[i]));
    const int j = (int)((slab->velocity[3 * i + 2] + nodes->reach) / nodes->step);
    if (x < 0 || y < 0 || x >= P_X || y >= P_Y || fabs(slab->velocity[3 * i + 2]) > nodes->reach) continue;
    for (int c = 0; c < 4; c++) widen(window[y * P_X + x][(iz + c / 2) * N_AGE + ia + c % 2], j, j + 5);
  }
  for (int s = 0; s < P_X * P_Y; s++)
    for (int r = 0; r < N_ROW; r++) sum += window[s][r][1] < 0 ? 0 : window[s][r][1] - window[s][r][0] + 1;
  return sum;
}

/* Neighbours look alike: the velocity is that of the place, the age that of the radius. */
static struct cubix_slab *alike(size_t n)
{
  struct cubix_slab *slab = disc(n);
  for (uint32_t i = 0; i < n; i++) {
    const double r = hypot(slab->position[3 * i], slab->position[3 * i + 1]);
    const double v = 150 * slab->position[3 * i] / (r + 1) + 40 * (uniform_of(i, 4) - 0.5);
    if (i % 200 != 7 && i + 1 < n) slab->velocity[3 * i + 2] = v;
    slab->age[i] = pow(10, 1.2 - 0.1 * r + 0.4 * uniform_of(i, 5));
    slab->metallicity[i] = pow(10, -2.1 - 0.05 * r - 0.3 * uniform_of(i, 6));
  }
  return slab;
}

static void test_soundings(void)
{
  static double log_z[N_Z] = { -4, -3, -2 }, log_age[N_AGE] = { -2, -1, 0, 1, 1.5 };
  const struct cubix_nodes nodes = { .n = 26, .reach = 300, .step = 30 };
  if (cubix_params_set(par, "Deposit", "nearest")) abort();
  for (size_t n = 3000; n <= 300000; n *= 10) {
    struct cubix_tables tables = { .n_z = N_Z, .n_age = N_AGE, .n_row = N_ROW, .log_z = log_z, .log_age = log_age };
    struct cubix_slab *slab = alike(n);
    struct cubix_occupancy *o = NULL;
    struct cubix_sounding *few = NULL;
    double *count = calloc(P_X * P_Y, sizeof *count);
    cubix_templates_sky(&tables, par, &ins, &scene);
    CHECK_IS(cubix_occupancy_init(&o, &ins, (double)n), ==, CUBIX_OK);
    cubix_occupancy_add(o, par, &ins, &scene, slab);
    cubix_occupancy_counts(count, o);
    CHECK_IS(cubix_sounding_init(&few, count, P_X, P_Y, N_ROW, nodes.reach), ==, CUBIX_OK);
    CHECK_IS(few->n, <=, 256);
    cubix_sounding_add(few, &tables, slab);
    const double exact = all_values(slab, log_z, log_age, &nodes);
    CHECK_CLOSE(cubix_sounding_values(few, &nodes) / exact, 1, 0.06);
    CHECK(n < 300000 || values(count) > 2 * exact);      /* what the rule of thumb says */
    cubix_sounding_free(few);
    cubix_occupancy_free(o);
    cubix_slab_free(slab);
    free(count);
  }
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  if (cubix_params_init(&par)) abort();
  CASE(check(20000, "nearest", 0, 0, 0));
  CASE(check(20000, "tsc", 1, 0, 0));
  CASE(check(1500000, "nearest", 0, HUGE_VAL, 0.02));          /* from one in five */
  CASE(check(1500000, "tsc", 1, HUGE_VAL, 0.02));
  CASE(test_fastest());
  CASE(test_soundings());
  cubix_params_free(par);
  return check_done();
}
