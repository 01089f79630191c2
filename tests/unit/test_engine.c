/* test_engine.c -- the rules by which a run is painted (src/engine/engine.c): who is faster, who
 * has no certificate, who owns which channels. */
#include <string.h>

#include "base/error.h"
#include "tests/check.h"
#include "engine/engine.h"
#include "physics/node.h"

static struct cubix_params *par;

/* A galaxy of n stars on n_spaxel spaxels, for ranks of two CPU cores. */
static struct cubix_workload a_galaxy(double n, double n_spaxel, int n_used, int n_rank)
{
  struct cubix_workload work = { .n_star = (int64_t)n,
                                 .values = n_spaxel * cubix_engine_values(n / n_spaxel),
                                 .n_spaxel = n_spaxel,
                                 .n_lambda = 3681,
                                 .n_row = n_used,
                                 .n_used = n_used,
                                 .n_rank = n_rank,
                                 .n_core = 2 * n_rank,
                                 .rates = { 2.25, 40, 0.025, 0 } };
  work.values_apart = n_spaxel * cubix_engine_values(n / n_spaxel / n_rank);
  return work;
}

static struct cubix_engine *choose(const struct cubix_workload *work, const char *engine, const char *combine,
                                   const char *tolerance)
{
  struct cubix_engine *chosen = NULL;
  CHECK(!cubix_params_set(par, "Engine", engine));
  CHECK(!cubix_params_set(par, "Combine", combine));
  CHECK(!cubix_params_set(par, "Tolerance", tolerance));
  CHECK_IS(cubix_engine_init(&chosen, par, work->n_row, work->n_rank, work->n_lambda), ==, CUBIX_OK);
  cubix_engine_set_reach(chosen, work);
  cubix_engine_choose(chosen, par, work);
  return chosen;
}

static enum cubix_method method(const struct cubix_workload *work, const char *engine, const char *tolerance,
                                const char *word)
{
  struct cubix_engine *chosen = choose(work, engine, "auto", tolerance);
  enum cubix_method found = chosen->method;
  CHECK_SAYS(chosen->why, word);
  cubix_engine_free(chosen);
  return found;
}

static void test_method(void)
{
  struct cubix_workload many = a_galaxy(6e6, 1e4, 1326, 1), few = a_galaxy(1e4, 900, 150, 1);
  CHECK_IS(method(&many, "auto", "1e-4", "histogram: about"), ==, CUBIX_HISTOGRAM);
  CHECK_IS(method(&many, "direct", "1e-4", "asked"), ==, CUBIX_DIRECT);
  /* the templates would take longer than the stars */
  CHECK_IS(method(&few, "auto", "1e-4", "direct: about"), ==, CUBIX_DIRECT);
  CHECK_IS(method(&few, "histogram", "1e-4", "asked"), ==, CUBIX_HISTOGRAM);
  few.prepared = 1;
  CHECK_IS(method(&few, "auto", "1e-4", "histogram: about"), ==, CUBIX_HISTOGRAM);
  CHECK_IS(method(&many, "histogram", "2.9e-6", "float32"), ==, CUBIX_DIRECT);
  CHECK_IS(method(&many, "histogram", "3e-6", "asked"), ==, CUBIX_HISTOGRAM);
  many.pchip = 1;
  CHECK_IS(method(&many, "histogram", "1e-4", "pchip"), ==, CUBIX_DIRECT);
  many.pchip = 0;
  for (int i = 0; i < CUBIX_N_REACH; i++) many.beyond[i] = 1001;
  CHECK_IS(method(&many, "histogram", "1e-4", "9600 km/s"), ==, CUBIX_DIRECT);
}

/* Dust in front of stars: more of everything, less room for float32, and nodes in A(V) that are not endless. */
static void test_dust(void)
{
  struct cubix_workload many = a_galaxy(6e6, 1e4, 1326, 1);
  struct cubix_engine *clear = choose(&many, "histogram", "histogram", "1e-4"), *dusty;
  CHECK_IS(cubix_engine_growth(0), ==, 1);
  CHECK_IS(cubix_engine_growth(1), >, 4);
  many.dust = 1;
  dusty = choose(&many, "histogram", "histogram", "1e-4");
  CHECK_IS(clear->dust, ==, 0);
  CHECK_IS(dusty->dust, ==, 1);
  CHECK_IS(method(&many, "histogram", "4.9e-6", "5e-6"), ==, CUBIX_DIRECT);
  CHECK_IS(method(&many, "histogram", "5e-6", "asked"), ==, CUBIX_HISTOGRAM);
  many.endless = 1;
  CHECK_IS(method(&many, "histogram", "1e-4", "so much dust"), ==, CUBIX_DIRECT);
  cubix_engine_free(clear);
  cubix_engine_free(dusty);
}

/* One GPU is as fast beside one core as beside sixteen; cores add up.  The GPU's rates are those of
 * cuda/device_cuda.c. */
static void test_processors(void)
{
  static const struct cubix_rates cpu = { 4.5, 80, 0.05, 1 }, gpu = { 5e-3, 1, 1e-4, 0 };
  struct cubix_workload work = a_galaxy(6e6, 1e4, 1326, 1);
  work.prepared = 1;
  for (int n_core = 1; n_core <= 64; n_core *= 4) {
    struct cubix_rates rank = cubix_rates_of_rank(&gpu, n_core);
    CHECK_IS(rank.direct, ==, 5e-3);
    CHECK_IS(rank.fill, ==, 1);
    CHECK_IS(rank.multiply, ==, 1e-4);
    work.rates = rank;
    work.n_core = n_core;
    double direct = 0;
    struct cubix_engine *chosen = choose(&work, "auto", "auto", "1e-4");
    const char *at = strstr(chosen->why, "directly about ");
    CHECK(n_core < 4 || chosen->method == CUBIX_HISTOGRAM);
    if (chosen->method == CUBIX_DIRECT) at = strstr(chosen->why, "direct: about ");
    REQUIRE(at);
    CHECK_IS(sscanf(strpbrk(at, "0123456789"), "%lf", &direct), ==, 1);
    CHECK_CLOSE(direct, 6e6 * 3681 * 5e-12, 0.05);                           /* 0.11 s, two digits of it */
    cubix_engine_free(chosen);
    rank = cubix_rates_of_rank(&cpu, n_core);
    CHECK_CLOSE(rank.direct, 4.5 / n_core, 1e-15);
    CHECK_CLOSE(rank.multiply, 0.05 / n_core, 1e-17);
    CHECK(!rank.per_core);
  }
}

/* The smallest reach with at most 1000 stars, and one in a hundred, beyond. */
static void test_reach(void)
{
  static const struct { double n; int64_t beyond[3]; double reach; int64_t left; } row[] = {
    { 1e6, { 1000, 10, 0 }, 300, 1000 }, { 1e6, { 1001, 1000, 0 }, 600, 1000 }, { 1e6, { 5000, 1001, 3 }, 1200, 3 },
    { 1e4, { 101, 100, 0 }, 600, 100 }, { 50, { 1, 0, 0 }, 600, 0 }, { 50, { 0, 0, 0 }, 300, 0 },
  };
  for (size_t r = 0; r < sizeof row / sizeof row[0]; r++) {
    struct cubix_workload work = a_galaxy(row[r].n, 100, 150, 1);
    memcpy(work.beyond, row[r].beyond, sizeof row[r].beyond);
    struct cubix_engine *chosen = choose(&work, "histogram", "auto", "1e-4");
    CHECK_CLOSE(chosen->reach, row[r].reach, 0);
    CHECK_IS(chosen->n_beyond, ==, row[r].left);
    cubix_engine_free(chosen);
  }
}

static void test_owners(void)
{
  for (int n_rank = 1; n_rank < 900; n_rank += n_rank < 6 ? 1 : 211) {
    struct cubix_workload work = a_galaxy(6e6, 1e4, 1326, n_rank);
    struct cubix_engine *cube = choose(&work, "histogram", "cube", "1e-4"),
                        *slabs = choose(&work, "histogram", "histogram", "1e-4"),
                        *direct = choose(&work, "direct", "histogram", "1e-4");
    CHECK_IS(cube->combine, ==, CUBIX_COMBINE_CUBE);
    CHECK_IS(slabs->combine, ==, CUBIX_COMBINE_HISTOGRAM);
    CHECK_IS(direct->combine, ==, CUBIX_COMBINE_CUBE);
    CHECK_IS(cube->lambda_first[0], ==, 0);
    CHECK_IS(slabs->lambda_first[0], ==, 0);
    CHECK_IS(slabs->lambda_first[n_rank], ==, 3681);
    int least = 3681, most = 0;
    for (int r = 0; r < n_rank; r++) {
      int n = slabs->lambda_first[r + 1] - slabs->lambda_first[r];
      CHECK_IS(cube->lambda_first[r + 1], ==, 3681);
      CHECK_IS(direct->lambda_first[r + 1], ==, 3681);
      CHECK_IS(n, >, 0);
      CHECK_IS(slabs->lambda_first[r] % 4, ==, 0);          /* what the PSF takes together */
      least = n < least ? n : least;
      most = n > most ? n : most;
    }
    CHECK_IS(most - least, <=, 0.06 * 3681 / n_rank + 11);
    if (n_rank > 1) CHECK_IS(slabs->lambda_first[n_rank / 2] % CUBIX_TILE, ==, 0);
    cubix_engine_free(cube);
    cubix_engine_free(slabs);
    cubix_engine_free(direct);
  }
}

/* Combine auto: a small field is added up, a large one shared; a single rank has nothing to combine. */
static void test_combine(void)
{
  struct cubix_workload one = a_galaxy(6e6, 1e4, 1326, 1), large = a_galaxy(6e6, 9e4, 1326, 16),
                        dense = a_galaxy(1e6, 1, 1326, 2);
  struct cubix_engine *alone = choose(&one, "auto", "auto", "1e-4"), *wide = choose(&large, "auto", "auto", "1e-4"),
                      *small;
  dense.n_lambda = 10;
  small = choose(&dense, "histogram", "auto", "1e-4");
  CHECK_IS(alone->combine, ==, CUBIX_COMBINE_HISTOGRAM);
  CHECK_IS(wide->combine, ==, CUBIX_COMBINE_HISTOGRAM);
  CHECK_IS(small->combine, ==, CUBIX_COMBINE_CUBE);
  cubix_engine_free(alone);
  cubix_engine_free(wide);
  cubix_engine_free(small);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CHECK_IS(cubix_params_init(&par), ==, CUBIX_OK);
  CASE(test_method());
  CASE(test_dust());
  CASE(test_processors());
  CASE(test_reach());
  CASE(test_owners());
  CASE(test_combine());
  cubix_params_free(par);
  return check_done();
}
