/* test_owners.c -- stars that travel to the owners of their spaxels and the cube's way to the owners
 * of its channels, run alone and under mpirun by test_share.py. */
#include "tests/check.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/outliers.h"
#include "mpi/comm/node_memory.h"
#include "mpi/cubix-mpi.h"
#include "mpi/engine/owners.h"
#include "mpi/engine/route.h"
#include "tests/share_lab.h"

static const double reach = 400;

/* ---- an allocation that fails on one rank ---------------------------------------------------- */

static int allocations_left = -1; /* until one fails; < 0: none does */

void *__real_cubix_alloc(unsigned long n, unsigned long size);
void *__real_cubix_reserve(unsigned long n, unsigned long size);
void *__wrap_cubix_alloc(unsigned long n, unsigned long size);
void *__wrap_cubix_reserve(unsigned long n, unsigned long size);

static int fails(void)
{
  int left;
#pragma omp atomic capture
  left = allocations_left--;
  return left == 0;
}

void *__wrap_cubix_alloc(unsigned long n, unsigned long size) { return fails() ? NULL : __real_cubix_alloc(n, size); }
void *__wrap_cubix_reserve(unsigned long n, unsigned long size)
{
  return fails() ? NULL : __real_cubix_reserve(n, size);
}

/* ---- what must be the same everywhere -------------------------------------------------------- */

static uint64_t hash_histogram(const struct cubix_histogram *h)
{
  uint64_t sum = 0xcbf29ce484222325u;
  sum = hash(sum, h->exponent, sizeof *h->exponent * h->n_spaxel);
  sum = hash(sum, h->start, sizeof *h->start * (h->n_spaxel + 1));
  for (size_t b = 0; b < h->start[h->n_spaxel]; b++) {
    const struct cubix_block *block = &h->block[b];
    uint64_t field[4] = { (uint64_t)block->row, (uint64_t)block->node, (uint64_t)block->n, block->at };
    sum = hash(sum, field, sizeof field);
  }
  return hash(sum, h->value, sizeof *h->value * h->n_value);
}

static struct cubix_nodes grid(double step)
{
  return (struct cubix_nodes){ .n = (int)ceil(2 * reach / step) + CUBIX_N_WEIGHT, .reach = reach, .step = step };
}

static struct cubix_tables small_view(int n_z, int n_age)
{
  struct cubix_tables v = { .n_z = n_z, .n_age = n_age, .n_row = n_z * n_age };
  return v;
}

/* An engine whose ranks own spaxels, and some channels each: none for rank 1 of three or more. */
static struct cubix_engine *an_engine(void)
{
  struct cubix_engine *engine = NULL;
  struct cubix_params par = { .Tolerance = 1e-4 };
  const int size = cubix_mpi_size(), idle = size > 2;
  if (cubix_engine_init(&engine, &par, N_ROW, size, N_LAMBDA)) abort();
  engine->combine = CUBIX_COMBINE_HISTOGRAM;
  engine->rates = (struct cubix_rates){ .fill = 80, .multiply = 0.05 };
  for (int r = 0; r <= size; r++) engine->lambda_first[r] = N_LAMBDA * (idle && r > 1 ? r - 1 : r) / (size - idle);
  if (idle) engine->lambda_first[2] = engine->lambda_first[1];
  return engine;
}

/* The owners that all ranks' stars make: they survey what they have. */
static int own(struct cubix_owners *owners, int32_t **exponent, const struct cubix_engine *engine,
               const struct cubix_placement *mine, int n_group)
{
  int status;
  struct cubix_tables tables = small_view(N_Z, N_AGE);
  struct cubix_survey *survey = NULL;
  int left = allocations_left;
  allocations_left = -1;
  if (cubix_survey_init(&survey, mine->n_spaxel, N_ROW)) abort();
  cubix_survey_add(survey, &tables, mine);
  cubix_mpi_survey_sum(survey);
  *exponent = calloc(mine->n_spaxel, sizeof **exponent);
  cubix_histogram_scale(*exponent, survey->count, survey->heaviest, mine->n_spaxel);
  allocations_left = left;
  status = cubix_mpi_owners_init(owners, engine, survey, n_group);
  cubix_survey_free(survey);
  return status;
}

/* Every spaxel is in one owner's strips, in every channel once, and no rank has much more work than the others, but
 * for its last spaxel. */
static void check_owners(const struct cubix_owners *owners, const struct cubix_placement *whole)
{
  const int size = owners->n_rank;
  size_t n_star = whole->start[N_SPAXEL], giant = whole->start[GIANT + 1] - whole->start[GIANT];
  uint64_t seen[N_SPAXEL] = { 0 };
  CHECK_IS(owners->spaxel_first[0], ==, 0);
  CHECK_IS(owners->spaxel_first[size], ==, N_SPAXEL);
  for (int r = 0; r < size; r++) {
    CHECK_IS(owners->spaxel_first[r], <=, owners->spaxel_first[r + 1]);
    if (n_star > 1000)
      CHECK_IS(whole->start[owners->spaxel_first[r + 1]] - whole->start[owners->spaxel_first[r]], <=,
               n_star / (size_t)size + giant);
    for (int k = 0; k < owners->n_round; k++) {
      struct cubix_strip s = cubix_mpi_owners_strip(owners, r, k);
      CHECK_IS(s.n, <=, (size_t)(N_SPAXEL * owners->n_group) / (size_t)size + 1);
      for (size_t i = s.first; i < s.first + s.n; i++) seen[i] += (uint64_t)s.n_lambda;
    }
  }
  for (size_t s = 0; s < N_SPAXEL; s++) CHECK_IS(seen[s], ==, N_LAMBDA);
}

static int differ(const struct cubix_star *a, const struct cubix_star *b)
{
  return a->mass_formed != b->mass_formed || a->velocity != b->velocity || a->f_z != b->f_z || a->f_age != b->f_age ||
         a->iz != b->iz || a->ia != b->ia;
}

/* The stars that arrive are all ranks' in the spaxels of this one, in the order of the file; their
 * histogram is that of all stars; what they take with them comes along, and back again. */
static void test_histograms(uint32_t n, int split)
{
  struct cubix_nodes nodes = grid(20);
  struct cubix_tables tables = small_view(N_Z, N_AGE);
  struct cubix_placement *mine = my_part(n, split, N_SPAXEL, N_Z, N_AGE), *whole = place(0, n, N_SPAXEL, N_Z, N_AGE),
                         *arrived = NULL;
  struct cubix_engine *engine = an_engine();
  struct cubix_histogram *want = NULL, *got = NULL;
  struct cubix_owners owners;
  struct cubix_route route;
  int32_t *exponent = NULL, of_all[N_SPAXEL];
  uint64_t count[N_SPAXEL];
  double heaviest[N_SPAXEL] = { 0 };
  for (size_t s = 0; s < N_SPAXEL; s++) {
    count[s] = whole->start[s + 1] - whole->start[s];
    for (size_t i = whole->start[s]; i < whole->start[s + 1]; i++)
      heaviest[s] = check_worst(heaviest[s], whole->star[i].mass_formed);
  }
  cubix_histogram_scale(of_all, count, heaviest, N_SPAXEL);
  REQUIRE(own(&owners, &exponent, engine, mine, engine->n_rank) == CUBIX_OK);
  CHECK_IS(memcmp(exponent, of_all, sizeof of_all), ==, 0);
  check_owners(&owners, whole);
  REQUIRE(cubix_mpi_route_init(&route, &owners, mine) == CUBIX_OK);
  REQUIRE(cubix_mpi_route_stars(&arrived, &route, mine) == CUBIX_OK);
  const size_t first = owners.spaxel_first[cubix_mpi_rank()], end = owners.spaxel_first[cubix_mpi_rank() + 1];
  const size_t before = whole->start[first], n_here = whole->start[end] - before, n_mine = mine->start[N_SPAXEL];
  size_t wrong = 0;
  CHECK_IS(arrived->n_spaxel, ==, end - first);
  CHECK_IS(arrived->start[end - first], ==, n_here);
  for (size_t s = first; s <= end; s++) wrong += arrived->start[s - first] != whole->start[s] - before;
  for (size_t i = 0; i < n_here; i++) wrong += differ(&arrived->star[i], &whole->star[before + i]);
  CHECK_IS(wrong, ==, 0);

  CHECK_IS(cubix_histogram_build(&want, &nodes, of_all, whole, &tables), ==, 0);
  CHECK_IS(cubix_histogram_build(&got, &nodes, exponent + first, arrived, &tables), ==, 0);
  const struct cubix_histogram part = cubix_histogram_part(want, first, end);
  const size_t value = cubix_histogram_value_start(want, first);
  CHECK_IS(got->n_value, ==, part.n_value - value);
  CHECK(!memcmp(got->value, want->value + value, got->n_value * sizeof *got->value));
  CHECK(!memcmp(got->exponent, part.exponent, part.n_spaxel * sizeof *got->exponent));
  for (size_t b = 0; b < got->start[got->n_spaxel]; b++) {
    const struct cubix_block *x = &got->block[b], *y = &want->block[want->start[first] + b];
    wrong += x->row != y->row || x->node != y->node || x->n != y->n || x->at != y->at - value;
  }
  CHECK_IS(wrong, ==, 0);
  CHECK(n == 0 || want->n_value > 0);
  print_once(split ? "histogram on the last rank" : "histogram", (int)n, hash_histogram(want));

  double *mass = malloc((n_mine + 1) * sizeof *mass);
  for (size_t i = 0; i < n_mine; i++) mass[i] = mine->star[i].mass_formed;
  REQUIRE(cubix_mpi_route_forth((void **)&mass, sizeof *mass, &route) == CUBIX_OK);
  for (size_t i = 0; i < n_here; i++) {
    wrong += mass[i] != arrived->star[i].mass_formed;
    mass[i] *= 2;
  }
  REQUIRE(cubix_mpi_route_back((void **)&mass, sizeof *mass, &route) == CUBIX_OK);
  for (size_t i = 0; i < n_mine; i++) wrong += mass[i] != 2 * mine->star[i].mass_formed;
  CHECK_IS(wrong, ==, 0);
  free(mass);
  cubix_mpi_route_free(&route);
  cubix_mpi_owners_free(&owners);
  cubix_engine_free(engine);
  cubix_histogram_free(got);
  cubix_histogram_free(want);
  cubix_placement_free(arrived);
  cubix_placement_free(mine);
  cubix_placement_free(whole);
  free(exponent);
}

/* The far stars, noted in two chunks, are those of this rank's stars in their order. */
static void test_far(uint32_t n, int split)
{
  struct cubix_placement *mine = my_part(n, split, N_SPAXEL, N_Z, N_AGE), *outliers = NULL;
  struct cubix_outliers noted = { 0 };
  CHECK_IS(cubix_outliers_add(&noted, mine, cubix_placement_beyond, &reach), ==, 0);
  CHECK_IS(cubix_outliers_place(&outliers, &noted, N_SPAXEL), ==, 0);
  cubix_outliers_free(&noted);
  size_t at = 0, wrong = 0;
  for (size_t s = 0; s < N_SPAXEL; s++) {
    wrong += outliers->start[s] != at;
    for (size_t i = mine->start[s]; i < mine->start[s + 1]; i++)
      if (fabs(mine->star[i].velocity) > reach) wrong += differ(&outliers->star[at++], &mine->star[i]);
  }
  CHECK_IS(wrong, ==, 0);
  CHECK_IS(outliers->start[N_SPAXEL], ==, at);
  CHECK(n < 300 || cubix_mpi_sum_int((int64_t)at) > n / 300);
  cubix_placement_free(mine);
  cubix_placement_free(outliers);
}

static cubix_real voxel_of(size_t s, size_t k) { return (cubix_real)(1 + s + 1000 * k); }

/* Whether a rank is the only one of its group: ranks cut into groups as evenly as whole numbers allow. */
static int is_alone(int rank, int n_rank, int n_group)
{
  for (int g = 0; g < n_group; g++)
    if (g * n_rank / n_group == rank && (g + 1) * n_rank / n_group == rank + 1) return 1;
  return 0;
}

/* Strips come to the owners of the channels, round by round, from their places in the cube as well, and back. */
static void test_strips(uint32_t n, int split, int n_group)
{
  struct cubix_placement *mine = my_part(n, split, N_SPAXEL, N_Z, N_AGE);
  struct cubix_engine *engine = an_engine();
  struct cubix_owners owners;
  struct cubix_cube cube = { .n_x = N_X, .n_y = N_Y }, held = { .flux = NULL };
  int32_t *exponent = NULL;
  size_t wrong = 0, n_place = 0;
  const int me = cubix_mpi_rank(), first = engine->lambda_first[me], n_mine = engine->lambda_first[me + 1] - first;
  REQUIRE(own(&owners, &exponent, engine, mine, n_group) == CUBIX_OK);
  REQUIRE(cubix_cube_hold(&cube, first, n_mine) == CUBIX_OK);
  for (int round = 0; round < owners.n_round; round++) {
    const struct cubix_strip s = cubix_mpi_owners_strip(&owners, me, round);
    struct cubix_cube place = cubix_mpi_strip_place(&cube, &owners, round), *strip = place.flux ? &place : &held;
    const size_t n_k = (size_t)s.n_lambda;
    n_place += place.flux != NULL;
    if (!place.flux) REQUIRE(cubix_mpi_strip_hold(&held, &owners, round) == CUBIX_OK);
    CHECK_IS((size_t)strip->n_x * (size_t)strip->n_y, ==, s.n);
    CHECK_IS(strip->lambda_first, ==, s.lambda_first);
    CHECK_IS(strip->n_lambda, ==, s.n_lambda);
    for (size_t i = 0; i < s.n; i++)
      for (size_t k = 0; k < n_k; k++) {
        wrong += strip->flux[i * n_k + k] != 0;
        strip->flux[i * n_k + k] = voxel_of(s.first + i, (size_t)s.lambda_first + k);
      }
    REQUIRE(cubix_mpi_strip_give(&cube, strip, &owners, round) == CUBIX_OK);
  }
  CHECK_IS(n_place, ==, (size_t)(is_alone(me, engine->n_rank, n_group) ? owners.n_round / n_group : 0));
  for (size_t s = 0; s < N_SPAXEL; s++)
    for (size_t k = 0; k < (size_t)n_mine; k++)
      wrong += cube.flux[s * (size_t)n_mine + k] != voxel_of(s, (size_t)first + k);
  CHECK_IS(wrong, ==, 0);
  for (int round = 0; round < owners.n_round; round++) {
    const struct cubix_strip s = cubix_mpi_owners_strip(&owners, me, round);
    const size_t n_k = (size_t)s.n_lambda;
    REQUIRE(cubix_mpi_strip_hold(&held, &owners, round) == CUBIX_OK);
    REQUIRE(cubix_mpi_strip_take(&held, &cube, &owners, round) == CUBIX_OK);
    for (size_t i = 0; i < s.n; i++)
      for (size_t k = 0; k < n_k; k++)
        wrong += held.flux[i * n_k + k] != voxel_of(s.first + i, (size_t)s.lambda_first + k);
  }
  CHECK_IS(wrong, ==, 0);
  free(held.flux);
  free(cube.flux);
  free(exponent);
  cubix_mpi_owners_free(&owners);
  cubix_engine_free(engine);
  cubix_placement_free(mine);
}

/* Owners, route, stars, what they take with them, and the cube's strips. */
static int everything(const struct cubix_engine *engine, const struct cubix_placement *mine)
{
  int status = CUBIX_OK, me = cubix_mpi_rank();
  struct cubix_owners owners = { .n_rank = 0 };
  struct cubix_route route = { .n_own = 0 };
  struct cubix_placement *arrived = NULL;
  struct cubix_cube cube = { .n_x = N_X, .n_y = N_Y }, strip = { .flux = NULL };
  double *number = calloc(mine->start[N_SPAXEL] + 1, sizeof *number);
  int32_t *exponent = NULL;
  CUBIX_TRY(own(&owners, &exponent, engine, mine, 1));
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_strip_hold(&strip, &owners, 0)));
  CUBIX_TRY(cubix_mpi_agree(
      cubix_cube_hold(&cube, engine->lambda_first[me], engine->lambda_first[me + 1] - engine->lambda_first[me])));
  CUBIX_TRY(cubix_mpi_route_init(&route, &owners, mine));
  CUBIX_TRY(cubix_mpi_route_stars(&arrived, &route, mine));
  CUBIX_TRY(cubix_mpi_route_forth((void **)&number, sizeof *number, &route));
  CUBIX_TRY(cubix_mpi_route_back((void **)&number, sizeof *number, &route));
  CUBIX_TRY(cubix_mpi_strip_give(&cube, &strip, &owners, 0));
  CUBIX_TRY(cubix_mpi_strip_take(&strip, &cube, &owners, 0));
done:
  allocations_left = -1;
  free(number);
  free(exponent);
  free(strip.flux);
  free(cube.flux);
  cubix_placement_free(arrived);
  cubix_mpi_route_free(&route);
  cubix_mpi_owners_free(&owners);
  return status;
}

/* One rank without memory, at every allocation that there is: all ranks learn of it, none waits for ever. */
static void test_no_memory(void)
{
  struct cubix_placement *mine = my_part(500, SHARES, N_SPAXEL, N_Z, N_AGE);
  struct cubix_engine *engine = an_engine();
  int failed = 0, status = CUBIX_ENOMEM, poor = cubix_mpi_size() - 1;
  for (int k = 0; status && k < 1000; k++) {
    if (cubix_mpi_rank() == poor) allocations_left = k;
    status = everything(engine, mine);
    CHECK(status == CUBIX_OK || (status == CUBIX_ENOMEM && strstr(cubix_error_message(), "cannot allocate")));
    failed += status != 0;
    cubix_error_clear();
  }
  CHECK_IS(status, ==, CUBIX_OK);
  CHECK_IS(failed, >, 15);
  cubix_engine_free(engine);
  cubix_placement_free(mine);
}

/* The ranks of a node see each other's writing in the memory that they share. */
static void test_node_memory(void)
{
  enum { N = 5000 };
  struct cubix_shared_memory memory;
  struct cubix_share share;
  const int size = cubix_mpi_local_size(), me = cubix_mpi_local_rank();
  REQUIRE(cubix_mpi_node_memory(&memory, &share, N * sizeof(int)) == CUBIX_OK);
  int *number = (int *)(void *)memory.at, wrong = 0;
  CHECK_IS(share.n_part, ==, size);
  CHECK_IS(share.part, ==, me);
  for (int i = 0; i < N; i++) wrong += number[i] != 0;
  CHECK_IS(wrong, ==, 0);
  CHECK_IS(cubix_mpi_sum_int(0), ==, 0);
  for (int i = share.part; i < N; i += share.n_part) number[i] = 3 * i;
  CHECK_IS(cubix_mpi_sum_int(0), ==, 0);
  for (int i = 0; i < N; i++) wrong += number[i] != 3 * i;
  CHECK_IS(wrong, ==, 0);
  cubix_shared_memory_free(&memory);
  CHECK(!memory.at);
}

int main(int argc, char **argv)
{
  static const uint32_t number[] = { 0, 1, 7, 300, 20000 };
  check_init(argc, argv);
  if (cubix_mpi_start(&argc, &argv)) return 1;
  for (int split = 0; split < N_SPLIT; split++)
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
      CASE_OF(test_histograms(number[i], split), "%u stars, %s", (unsigned)number[i], split_name[split]);
      CASE_OF(test_far(number[i], split), "%u stars, %s", (unsigned)number[i], split_name[split]);
      for (int n_group = 1; n_group <= cubix_mpi_size(); n_group++)
        CASE_OF(test_strips(number[i], split, n_group), "%u stars, %s, %d groups of channels", (unsigned)number[i],
                split_name[split], n_group);
    }
  CASE(test_no_memory());
  CASE(test_node_memory());
  int failed = check_done();
  return cubix_mpi_finish(cubix_mpi_sum_int(failed) ? CUBIX_EFAIL : CUBIX_OK);
}
