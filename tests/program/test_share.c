/* test_share.c -- what ranks audit together, run alone and under mpirun by test_share.py. */
#include "tests/check.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "mpi/cubix-mpi.h"
#include "physics/paint.h"
#include "tests/share_lab.h"

enum { N_KNOT = 301 };

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
  CUBIX_TRY(cubix_mpi_audit_draw(result, &par, method == CUBIX_HISTOGRAM ? &basis : NULL, &set->templates, survey,
                                 NULL));
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
  static struct stage_set set;
  check_init(argc, argv);
  if (cubix_mpi_start(&argc, &argv)) return 1;
  set_up(&set);
  for (int split = 0; split < N_SPLIT; split++) CASE_OF(test_audit(&set, split), "%s", split_name[split]);
  CASE(test_draw());
  free(set.cube.flux);
  int failed = check_done();
  return cubix_mpi_finish(cubix_mpi_sum_int(failed) ? CUBIX_EFAIL : CUBIX_OK);
}
