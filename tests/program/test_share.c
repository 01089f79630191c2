/* test_share.c -- what ranks share and check together, run alone and under mpirun by test_share.py.
 *
 * A made-up galaxy is known to every rank, which takes its part: what the ranks find together must
 * be, bit for bit, what one finds alone. Rank 0 prints what must not depend on the number of ranks,
 * for test_share.py to compare. */
#include "tests/check.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "mpi/cubix-mpi.h"
#include "physics/paint.h"

enum {
  N_X = 12,
  N_Y = 10,
  MARGIN = 1,
  N_SPAXEL = N_X * N_Y,
  GIANT = 17,
  N_Z = 3,
  N_AGE = 5,
  N_ROW = N_Z * N_AGE,
  N_KNOT = 301,
  N_LAMBDA = 200
};
enum { SHARES, LAST_HAS_ALL, N_SPLIT };
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

/* ---- a galaxy -------------------------------------------------------------------------------- */

/* Spaxel of star i: half of them in one, none in every fifth. */
static size_t spaxel_of(uint32_t i, size_t n_spaxel)
{
  size_t s = (size_t)(uniform_of(i, 0) * (double)n_spaxel);
  if (uniform_of(i, 1) < 0.5) return GIANT;
  return s % 5 ? s : s + 1;
}

static struct cubix_star star_of(uint32_t i, int n_z, int n_age)
{
  double v = 2 * uniform_of(i, 3) - 1;
  struct cubix_star star = {
    pow(10, 3 + 3 * uniform_of(i, 2)),
    180 * v + (uniform_of(i, 4) < 0.02 ? 900 * v : 0),
    uniform_of(i, 5),
    uniform_of(i, 6),
    (int16_t)(uniform_of(i, 7) * (n_z - 1)),
    (int16_t)(uniform_of(i, 8) * (n_age - 1))
  };
  return star;
}

/* Stars first .. end - 1, by spaxel. */
static struct cubix_placement *place(uint32_t first, uint32_t end, size_t n_spaxel, int n_z, int n_age)
{
  struct cubix_placement *p = NULL;
  if (cubix_placement_init(&p, n_spaxel, end - first)) abort();
  size_t *next = calloc(n_spaxel + 1, sizeof *next);
  for (uint32_t i = first; i < end; i++) p->start[spaxel_of(i, n_spaxel) + 1]++;
  for (size_t s = 0; s < n_spaxel; s++) p->start[s + 1] += p->start[s];
  memcpy(next, p->start, sizeof *next * (n_spaxel + 1));
  for (uint32_t i = first; i < end; i++) p->star[next[spaxel_of(i, n_spaxel)]++] = star_of(i, n_z, n_age);
  free(next);
  return p;
}

/* This rank's part of n stars. */
static struct cubix_placement *my_part(uint32_t n, int split, size_t n_spaxel, int n_z, int n_age)
{
  uint32_t me = (uint32_t)cubix_mpi_rank(), size = (uint32_t)cubix_mpi_size();
  uint32_t first = (uint32_t)((uint64_t)n * me / size), end = (uint32_t)((uint64_t)n * (me + 1) / size);
  if (split == LAST_HAS_ALL) {
    first = 0;
    end = me == size - 1 ? n : 0;
  }
  return place(first, end, n_spaxel, n_z, n_age);
}

/* ---- what must be the same everywhere -------------------------------------------------------- */

static uint64_t hash(uint64_t h, const void *data, size_t n)
{
  const unsigned char *byte = data;
  for (size_t i = 0; i < n; i++) h = (h ^ byte[i]) * 0x100000001b3u;
  return h;
}

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

static void print_once(const char *what, int n, uint64_t value)
{
  if (cubix_mpi_rank() == 0) printf("same: %s %d %016llx\n", what, n, (unsigned long long)value);
}

static struct cubix_nodes grid(double step)
{
  return (struct cubix_nodes){ (int)ceil(2 * reach / step) + CUBIX_N_WEIGHT, reach, step };
}

static struct cubix_tables small_view(int n_z, int n_age)
{
  struct cubix_tables v = { .n_z = n_z, .n_age = n_age, .n_row = n_z * n_age };
  return v;
}

/* The scale that all ranks' stars give together: they survey what they have. */
static int scale(int32_t **exponent, const struct cubix_placement *mine)
{
  struct cubix_tables tables = small_view(N_Z, N_AGE);
  struct cubix_survey *survey = NULL;
  if (cubix_survey_init(&survey, mine->n_spaxel, N_ROW)) abort();
  cubix_survey_add(survey, &tables, mine);
  cubix_mpi_survey_sum(survey);
  *exponent = calloc(mine->n_spaxel, sizeof **exponent);
  cubix_histogram_scale(*exponent, survey->count, survey->heaviest, mine->n_spaxel);
  cubix_survey_free(survey);
  return 0;
}

/* The sum of all ranks' histograms is the histogram of all stars. */
static void test_histograms(uint32_t n, int split)
{
  struct cubix_nodes nodes = grid(20);
  struct cubix_tables tables = small_view(N_Z, N_AGE);
  struct cubix_placement *mine = my_part(n, split, N_SPAXEL, N_Z, N_AGE), *whole = place(0, n, N_SPAXEL, N_Z, N_AGE);
  struct cubix_histogram *shared = NULL, *want = NULL;
  int32_t *exponent = NULL, of_all[N_SPAXEL];
  uint64_t count[N_SPAXEL];
  double heaviest[N_SPAXEL] = { 0 };
  for (size_t s = 0; s < N_SPAXEL; s++) {
    count[s] = whole->start[s + 1] - whole->start[s];
    for (size_t i = whole->start[s]; i < whole->start[s + 1]; i++)
      heaviest[s] = check_worst(heaviest[s], whole->star[i].mass_formed);
  }
  cubix_histogram_scale(of_all, count, heaviest, N_SPAXEL);
  CHECK_IS(scale(&exponent, mine), ==, 0);
  CHECK_IS(memcmp(exponent, of_all, sizeof of_all), ==, 0);
  CHECK_IS(cubix_histogram_build(&want, &nodes, of_all, whole, &tables), ==, 0);
  CHECK_IS(cubix_histogram_build(&shared, &nodes, exponent, mine, &tables), ==, 0);
  CHECK_IS(cubix_mpi_histogram_share(&shared), ==, 0);
  CHECK_IS(shared->n_spaxel, ==, N_SPAXEL);
  CHECK_IS(shared->nodes.n, ==, nodes.n);
  CHECK_IS(shared->n_value, ==, want->n_value);
  CHECK_IS(hash_histogram(shared), ==, hash_histogram(want));
  CHECK(n == 0 || want->n_value > 0);
  print_once(split ? "histogram on the last rank" : "histogram", (int)n, hash_histogram(shared));
  cubix_histogram_free(shared);
  cubix_histogram_free(want);
  cubix_placement_free(mine);
  cubix_placement_free(whole);
  free(exponent);
}

/* The far stars of all ranks are those of the whole galaxy, in its order. */
static void test_far(uint32_t n, int split)
{
  struct cubix_placement *mine = my_part(n, split, N_SPAXEL, N_Z, N_AGE), *whole = place(0, n, N_SPAXEL, N_Z, N_AGE),
                         *outliers = NULL, *own = NULL;
  struct cubix_outliers noted = { 0 };
  CHECK_IS(cubix_mpi_outliers_add(&noted, mine, cubix_placement_beyond, &reach), ==, 0);
  CHECK_IS(cubix_mpi_outliers_gather(&outliers, &noted, N_SPAXEL, 1), ==, 0);
  CHECK_IS(cubix_mpi_outliers_gather(&own, &noted, N_SPAXEL, 0), ==, 0);
  cubix_mpi_outliers_free(&noted);
  size_t at = 0, wrong = 0;
  for (size_t s = 0; s < N_SPAXEL; s++) {
    wrong += outliers->start[s] != at;
    for (size_t i = whole->start[s]; i < whole->start[s + 1]; i++)
      if (fabs(whole->star[i].velocity) > reach) {
        const struct cubix_star *a = &outliers->star[at++], *b = &whole->star[i];
        wrong += a->mass_formed != b->mass_formed || a->velocity != b->velocity || a->f_z != b->f_z ||
                 a->f_age != b->f_age || a->iz != b->iz || a->ia != b->ia;
      }
  }
  CHECK_IS(wrong, ==, 0);
  CHECK_IS(outliers->start[N_SPAXEL], ==, at);
  CHECK(n < 300 || at > n / 300);
  CHECK_IS((size_t)cubix_mpi_sum_int((int64_t)own->start[N_SPAXEL]), ==, at);
  cubix_placement_free(mine);
  cubix_placement_free(whole);
  cubix_placement_free(outliers);
  cubix_placement_free(own);
}

/* One rank without memory, at every allocation that there is: all ranks learn of it, none waits for ever. */
static void test_no_memory(void)
{
  struct cubix_nodes nodes = grid(20);
  struct cubix_tables tables = small_view(N_Z, N_AGE);
  struct cubix_placement *mine = my_part(500, SHARES, N_SPAXEL, N_Z, N_AGE);
  int failed = 0, status = CUBIX_ENOMEM, poor = cubix_mpi_size() - 1;
  for (int k = 0; status && k < 1000; k++) {
    struct cubix_histogram *h = NULL;
    struct cubix_placement *outliers = NULL;
    int32_t *exponent = NULL;
    allocations_left = -1;
    struct cubix_outliers noted = { 0 };
    if (scale(&exponent, mine) || cubix_histogram_build(&h, &nodes, exponent, mine, &tables) ||
        cubix_mpi_outliers_add(&noted, mine, cubix_placement_beyond, &reach))
      abort();
    if (cubix_mpi_rank() == poor) allocations_left = k;
    status = cubix_mpi_histogram_share(&h);
    if (!status) status = cubix_mpi_outliers_gather(&outliers, &noted, N_SPAXEL, 1);
    allocations_left = -1;
    CHECK(status == CUBIX_OK || (status == CUBIX_ENOMEM && strstr(cubix_error_message(), "cannot allocate")));
    failed += status != 0;
    free(exponent);
    cubix_histogram_free(h);
    cubix_mpi_outliers_free(&noted);
    cubix_placement_free(outliers);
    cubix_error_clear();
  }
  CHECK_IS(status, ==, CUBIX_OK);
  CHECK_IS(failed, >, cubix_mpi_size() > 1 ? 15 : 5);
  cubix_placement_free(mine);
}

/* ---- the audit ------------------------------------------------------------------------------- */

struct stage_set {                /* a model by hand, and a cube painted with the plain kernel */
  struct cubix_templates templates;
  double log_z[N_Z], log_age[N_AGE], knot[N_KNOT], light[N_ROW], edge[N_LAMBDA + 1];
  int32_t first;
  unsigned char covered[N_LAMBDA], unbounded[N_LAMBDA];
  cubix_real row[N_ROW][2 * (N_KNOT + 1)];
  struct cubix_cube cube;
};

static void set_up(struct stage_set *set)
{
  for (int i = 0; i < N_KNOT; i++) set->knot[i] = 4900 + i * (1.5 + 0.001 * i);
  for (int r = 0; r < N_ROW; r++)
    for (int i = 0; i < N_KNOT; i++) {
      set->row[r][2 * i] = (cubix_real)(1.5 + 0.1 * r + sin(0.3 * i + r));
      set->row[r][2 * i + 1] = (cubix_real)(0.01 * cos(0.7 * i));
    }
  for (int k = 0; k <= N_LAMBDA; k++) set->edge[k] = 5250 + 2.5 * k;
  for (int k = 0; k < N_LAMBDA; k++) {                      /* what has no bound is painted wrong on purpose */
    set->covered[k] = k < 150;
    set->unbounded[k] = k < 20 || k >= 150;
  }
  struct cubix_tables v = { .n_z = N_Z,
                            .n_age = N_AGE,
                            .log_z = set->log_z,
                            .log_age = set->log_age,
                            .n_row = N_ROW,
                            .n_knot = N_KNOT,
                            .row_stride = 2 * (N_KNOT + 1),
                            .row = set->row[0],
                            .light = set->light,
                            .knot = set->knot,
                            .n_cell = 1,
                            .cell_origin = 4900,
                            .cell_per_AA = 1e-4,
                            .first = &set->first,
                            .n_lambda = N_LAMBDA,
                            .edge = set->edge,
                            .one_plus_z = 1.05,
                            .star_scale = 1e-3,
                            .n_x = N_X,
                            .n_y = N_Y,
                            .margin = MARGIN };
  for (int r = 0; r < N_ROW; r++) {
    struct cubix_blend blend = { 1, { set->row[r] }, { 1 } };
    set->light[r] = (double)cubix_integral(&v, &blend, set->edge[0] / v.one_plus_z, set->edge[N_LAMBDA] / v.one_plus_z);
  }
  set->templates.tables = v;
  set->templates.covered = set->covered;
}

/* This rank's channels, of all stars: a slab each, none for rank 1 of three or more. */
static void paint(struct stage_set *set, const struct cubix_placement *whole)
{
  struct cubix_cube *cube = &set->cube;
  int size = cubix_mpi_size(), me = cubix_mpi_rank(), idle = size > 2, n_part = size - idle,
      part = idle && me > 0 ? me - 1 : me;
  cube->n_x = N_X;
  cube->n_y = N_Y;
  cube->margin = MARGIN;
  cube->lambda_first = N_LAMBDA * part / n_part;
  cube->n_lambda = idle && me == 1 ? 0 : N_LAMBDA * (part + 1) / n_part - cube->lambda_first;
  free(cube->flux);
  cube->flux = calloc((size_t)N_SPAXEL * (size_t)cube->n_lambda + 1, sizeof *cube->flux);
  for (size_t s = 0; s < N_SPAXEL; s++)
    for (int k = 0; k < cube->n_lambda; k++) {
      double sum = set->unbounded[cube->lambda_first + k] ? 1e9 : 0;
      for (size_t i = whole->start[s]; i < whole->start[s + 1]; i++) {
        struct cubix_blend blend;
        cubix_blend_of(&set->templates.tables, &whole->star[i], &blend);
        sum += (double)cubix_star_channel(&set->templates.tables, &blend, cubix_doppler(1.05, whole->star[i].velocity),
                                          cube->lambda_first + k);
      }
      cube->flux[s * (size_t)cube->n_lambda + (size_t)k] = (cubix_real)sum;
    }
}

/* Multiply the voxels of every step-th channel of a spaxel (N_SPAXEL: of all). */
static void spoil(struct stage_set *set, size_t spaxel, int step, double factor)
{
  struct cubix_cube *cube = &set->cube;
  for (size_t s = 0; s < N_SPAXEL; s++)
    for (int k = 0; k < cube->n_lambda; k++)
      if ((spaxel == N_SPAXEL || spaxel == s) && (cube->lambda_first + k) % step == 0)
        cube->flux[s * (size_t)cube->n_lambda + (size_t)k] *= (cubix_real)factor;
}

/* The stars come in two chunks: every other star, then the rest. */
static int audit(struct cubix_audit *result, struct stage_set *set, const struct cubix_placement *mine, int seed,
                 double tolerance, enum cubix_method method)
{
  int status = CUBIX_OK;
  struct cubix_params par = { .Seed = seed };
  struct cubix_engine engine = { .method = method, .tolerance = tolerance };
  struct cubix_basis basis = { .unbounded = set->unbounded };
  struct cubix_survey *survey = NULL;
  size_t start[N_SPAXEL + 1];
  *result = (struct cubix_audit){ 0 };
  if (cubix_survey_init(&survey, N_SPAXEL, N_ROW)) abort();
  cubix_survey_add(survey, &set->templates.tables, mine);
  cubix_mpi_survey_sum(survey);
  CUBIX_TRY(cubix_mpi_audit_draw(result, &par, method == CUBIX_HISTOGRAM ? &basis : NULL, &set->templates, survey));
  for (size_t half = 0; half < 2; half++) {
    struct cubix_placement chunk = { .n_spaxel = N_SPAXEL,
                                     .start = start,
                                     .star = malloc((mine->start[N_SPAXEL] + 1) * sizeof *chunk.star) };
    start[0] = 0;
    for (size_t s = 0; s < N_SPAXEL; s++) {
      start[s + 1] = start[s];
      for (size_t i = mine->start[s]; i < mine->start[s + 1]; i++)
        if (i % 2 == half) chunk.star[start[s + 1]++] = mine->star[i];
    }
    status = cubix_audit_examine(result, &set->templates.tables, &chunk);
    free(chunk.star);
    if (status) goto done;
  }
  CUBIX_TRY(cubix_mpi_audit_judge(result, &engine, NULL, &set->templates, &set->cube));
done:
  cubix_survey_free(survey);
  return status;
}

static void test_audit(struct stage_set *set, int split)
{
  struct cubix_placement *mine = my_part(800, split, N_SPAXEL, N_Z, N_AGE),
                         *whole = place(0, 800, N_SPAXEL, N_Z, N_AGE), *none = my_part(0, split, N_SPAXEL, N_Z, N_AGE);
  struct cubix_audit found = { 0 };
  paint(set, whole);
  CHECK_IS(audit(&found, set, mine, 1, 1e-5, CUBIX_HISTOGRAM), ==, 0);
  CHECK_IS(found.n_voxel, >, 50);
  CHECK_IS(found.n_voxel, <=, CUBIX_AUDIT_MOST);
  CHECK_IS(found.worst, >, 0);
  CHECK_IS(found.worst, <, 2e-6);
  if (cubix_mpi_rank() == 0) printf("same: audit %d voxels, worst %.6e\n", found.n_voxel, found.worst);
  CHECK_IS(audit(&found, set, mine, 1, 1e-12, CUBIX_HISTOGRAM), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "Engine direct");
  /* all covered channels count */
  CHECK_IS(audit(&found, set, mine, 1, 1e-2, CUBIX_DIRECT), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "report");

  spoil(set, N_SPAXEL, 3, 1.0003);                          /* a third of the channels */
  CHECK_IS(audit(&found, set, mine, 2, 1e-4, CUBIX_HISTOGRAM), ==, CUBIX_EFAIL);
  CHECK_CLOSE(found.worst, 3e-4, 3e-6);
  CHECK_IS(audit(&found, set, mine, 2, 1e-3, CUBIX_HISTOGRAM), ==, CUBIX_OK);
  paint(set, whole);
  spoil(set, N_SPAXEL, 4, NAN);
  CHECK_IS(audit(&found, set, mine, 3, 1e-2, CUBIX_HISTOGRAM), ==, CUBIX_EFAIL);
  CHECK(isnan(found.worst));
  CHECK_IS(audit(&found, set, none, 1, 1e-5, CUBIX_HISTOGRAM), ==, CUBIX_OK);
  CHECK_IS(found.n_voxel, ==, 0);

  paint(set, whole);
  if (cubix_mpi_rank() == 0) set->cube.n_lambda = 0;        /* channels that nobody holds */
  CHECK_IS(audit(&found, set, mine, 1, 1e-5, CUBIX_HISTOGRAM), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "held by 0 ranks");
  cubix_error_clear();
  cubix_placement_free(mine);
  cubix_placement_free(whole);
  cubix_placement_free(none);
}

/* What is drawn. */
static void test_draw(void)
{
  struct cubix_voxel a[CUBIX_AUDIT_MOST], b[CUBIX_AUDIT_MOST];
  uint64_t count[100] = { 0 }, many[100];
  unsigned char covered[50] = { 0 };
  int n_a, n_b, differ = 0, wrong = 0;
  for (int i = 0; i < 100; i++) many[i] = 1000000000;
  for (int i = 0; i < 100; i += 3) count[i] = 1 + (uint64_t)i;
  for (int k = 10; k < 30; k++) covered[k] = 1;
  CHECK_IS(cubix_audit_draw(a, &n_a, count, 100, covered, 50, 5), ==, 0);
  CHECK_IS(n_a, >, 48);
  CHECK_IS(n_a, <=, CUBIX_AUDIT_MOST);
  for (int i = 0; i < n_a; i++) {
    wrong += a[i].spaxel % 3 != 0 || a[i].n_star != 1 + a[i].spaxel || a[i].channel < 10 || a[i].channel >= 30;
    for (int j = 0; j < i; j++) wrong += a[i].spaxel == a[j].spaxel && a[i].channel == a[j].channel;
  }
  CHECK_IS(wrong, ==, 0);
  CHECK_IS(cubix_audit_draw(b, &n_b, count, 100, covered, 50, 6), ==, 0);
  for (int i = 0; i < n_a && i < n_b; i++) differ += a[i].spaxel != b[i].spaxel || a[i].channel != b[i].channel;
  CHECK_IS(differ, >, 40);
  CHECK_IS(cubix_audit_draw(b, &n_b, many, 100, covered, 50, 5), ==, 0);
  CHECK_IS(n_b, ==, CUBIX_AUDIT_LEAST);
  CHECK_IS(cubix_audit_draw(b, &n_b, count, 1, covered + 10, 1, 5), ==, 0);
  CHECK_IS(n_b, ==, 1);
  CHECK_IS(b[0].spaxel, ==, 0);
  CHECK_IS(b[0].channel, ==, 0);
  CHECK_IS(cubix_audit_draw(b, &n_b, count, 100, covered, 10, 5), ==, 0);
  CHECK_IS(n_b, ==, 0);
  CHECK_IS(cubix_audit_draw(b, &n_b, count + 1, 2, covered, 50, 5), ==, 0);
  CHECK_IS(n_b, ==, 0);
}

int main(int argc, char **argv)
{
  static const char *const split_name[] = { "shared out", "all on the last rank" };
  static struct stage_set set;
  check_init(argc, argv);
  if (cubix_mpi_start(&argc, &argv)) return 1;
  for (int split = 0; split < N_SPLIT; split++) {
    static const uint32_t number[] = { 0, 1, 7, 300, 20000 };
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
      CASE_OF(test_histograms(number[i], split), "%u stars, %s", (unsigned)number[i], split_name[split]);
      CASE_OF(test_far(number[i], split), "%u stars, %s", (unsigned)number[i], split_name[split]);
    }
  }
  CASE(test_no_memory());
  set_up(&set);
  for (int split = 0; split < N_SPLIT; split++) CASE_OF(test_audit(&set, split), "%s", split_name[split]);
  CASE(test_draw());
  free(set.cube.flux);
  int failed = check_done();
  return cubix_mpi_finish(cubix_mpi_sum_int(failed) ? CUBIX_EFAIL : CUBIX_OK);
}
