/* test_processors.c -- ranks with different processors, run alone and under mpirun by
 * test_share.py: they choose one engine, and meet in every collective call. */
#include <omp.h>

#include "tests/basis_lab.h"

enum { N_SPAXEL = 120 };

static int same_everywhere(double x) { return cubix_mpi_max(x) == cubix_mpi_min(x); }

/* GPUs on odd ranks, cores on the others, more on some than on others: all choose alike, for any number of stars. */
static void test_choice(const struct lab *lab)
{
  static const struct cubix_rates cpu = { 4.5, 80, 0.05, 1 }, gpu = { 5e-3, 1, 1e-4, 0 };
  int rank = cubix_mpi_rank(), n_rank = cubix_mpi_size(), n_thread = omp_get_max_threads(), seen[2] = { 0, 0 };
  struct cubix_params *par = NULL;
  CHECK_IS(cubix_params_init(&par), ==, CUBIX_OK);
  omp_set_num_threads(1 + rank % 3);
  for (double n = 10; n < 1e12; n *= 3) {
    struct cubix_survey *survey = NULL;
    struct cubix_engine *engine = NULL;
    CHECK_IS(cubix_survey_init(&survey, N_SPAXEL, N_ROW), ==, CUBIX_OK);
    survey->n_star = (int64_t)n;
    survey->values = N_SPAXEL * cubix_engine_values(n / N_SPAXEL);
    survey->values_apart = N_SPAXEL * cubix_engine_values(n / N_SPAXEL / n_rank);
    memset(survey->used, 1, N_ROW);
    CHECK_IS(cubix_mpi_engine_choose(&engine, par, &lab->templates, survey, rank % 2 ? &gpu : &cpu, 0), ==, CUBIX_OK);
    CHECK(same_everywhere(engine->method));
    CHECK(same_everywhere(engine->combine));
    CHECK(same_everywhere(engine->reach));
    for (int r = 0; r <= n_rank; r++) CHECK(same_everywhere(engine->lambda_first[r]));
    seen[engine->method == CUBIX_HISTOGRAM]++;
    cubix_engine_free(engine);
    cubix_survey_free(survey);
  }
  CHECK_IS(seen[0], >, 1);
  CHECK_IS(seen[1], >, 1);
  omp_set_num_threads(n_thread);
  cubix_params_free(par);
}

static int n_kept;

static int keep(struct cubix_device *dev, const struct cubix_basis *basis)
{
  (void)dev;
  n_kept += basis != NULL;
  return cubix_mpi_rank() == 0 && n_kept == 2
             ? cubix_error_set(CUBIX_EDEVICE, __func__, __FILE__, __LINE__, "no room on this GPU")
             : CUBIX_OK;
}

/* A processor that keeps the templates on every other rank: the others wait for it, and stop when it fails. */
static void test_keep(const struct lab *lab)
{
  const struct cubix_device_ops with = { .name = "with", .keep = keep }, without = { .name = "without" };
  struct cubix_device dev = { .ops = cubix_mpi_rank() % 2 ? &without : &with };
  struct cubix_params *par = NULL;
  unsigned char used[N_ROW];
  int *lambda_first = calloc((size_t)cubix_mpi_size() + 1, sizeof *lambda_first);
  for (int r = 1; r <= cubix_mpi_size(); r++) lambda_first[r] = N_LAMBDA;
  memset(used, 1, N_ROW);
  CHECK_IS(cubix_params_init(&par), ==, CUBIX_OK);
  for (int round = 1; round <= 2; round++) {
    struct cubix_engine engine = engine_for(1e-3, used);
    struct cubix_basis *basis = NULL;
    engine.n_rank = cubix_mpi_size();
    engine.lambda_first = lambda_first;
    int status = cubix_mpi_engine_prepare(&engine, &basis, &dev, par, &lab->templates);
    CHECK(basis != NULL);
    CHECK_IS(status, ==, round == 1 ? CUBIX_OK : CUBIX_EDEVICE);
    CHECK_IS(n_kept, ==, cubix_mpi_rank() % 2 ? 0 : round);
    cubix_error_clear();
    cubix_basis_free(basis);
  }
  free(lambda_first);
  cubix_params_free(par);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  struct lab *lab = malloc(sizeof *lab);
  if (cubix_mpi_start(&argc, &argv)) return 1;
  lab_init(lab, 1.2, 1, 5040);
  CASE(test_choice(lab));
  CASE(test_keep(lab));
  free(lab);
  int failed = check_done();
  return cubix_mpi_finish(cubix_mpi_sum_int(failed) ? CUBIX_EFAIL : CUBIX_OK);
}
