/* test_cuda_vjp.c -- derivatives of the histogram engine by the GPU's code without a GPU: cuda/,
 * unchanged, on the stand-in runtime of tests/cuda/on_cpu, against the CPU's, in one batch and in
 * many, and with every failure that CUDA and memory can have.
 *
 * Cargoes are small here (50 stars, 250 values; 128 spaxels multiplied at a time:
 * tests/Makefile.inc), so that little work has many of them. */
#define LAB_N_X 19
#define LAB_N_Y 21
#include "tests/histogram_lab.h"

#include "histogram/axis.h"
#include "tests/cuda/gpu_lab.h"
#include "engine/device.h"

enum { N_LAMBDA = 250 };

static struct cubix_params *params;
static int32_t slot[N_ROW];

/* ---- what is compared ------------------------------------------------------------------------ */

static struct cubix_placement *galaxy(size_t n)
{
  struct cubix_placement *p = stars(n, 4.);
  for (size_t i = 0; i < n; i += 9) p->star[i].mass_formed = 0;
  return p;
}

static double *numbers(size_t n)
{
  double *x = malloc((n + 1) * sizeof *x);
  for (size_t i = 0; i < n; i++) x[i] = 2 * uniform() - 1;
  return x;
}

/* Bars that hold something already. */
static struct cubix_star_bar *bars(size_t n)
{
  struct cubix_star_bar *bar = calloc(n + 1, sizeof *bar);
  for (size_t i = 0; i < n; i++) bar[i] = (struct cubix_star_bar){ 0.25, -0.5, 3, (double)i, 7 };
  return bar;
}

/* Largest difference of two stars' bars, in units of what the terms may be: values' derivatives are below 1. */
static double bars_apart(const struct cubix_placement *p, const struct cubix_star_bar *a,
                         const struct cubix_star_bar *b)
{
  double worst = 0;
  for (size_t i = 0; i < p->start[N_SPAXEL]; i++) {
    double m = p->star[i].mass_formed + 1e-3 * (double)(i + 1);      /* and the last bits of what was there */
    worst = check_worst(worst, fabs(a[i].mass_formed - b[i].mass_formed));
    worst = check_worst(worst, fabs(a[i].velocity - b[i].velocity) / m);
    worst = check_worst(worst, fabs(a[i].f_z - b[i].f_z) / m);
    worst = check_worst(worst, fabs(a[i].f_age - b[i].f_age) / m);
  }
  return worst;
}

static struct cubix_cube random_cube(int first, int n, int dark)
{
  struct cubix_cube cube = cube_of(first, n);
  for (size_t s = 0; s < N_SPAXEL; s++)
    for (int k = 0; k < n; k++)
      cube.flux[s * (size_t)n + (size_t)k] = dark || s % 5 == 2 ? 0 : (cubix_real)(2 * uniform() - 1);
  return cube;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void test_deposit_vjp(void)
{
  static const struct {
    size_t n, memory;
  } row[] = { { 0, 0 }, { 1, 0 }, { 2, 0 }, { 500, 0 }, { 8000, 0 }, { 8000, 42000 }, { 8000, 26000 } };
  size_t memory = cuda_on_cpu.memory;
  long launches = 0;
  for (size_t r = 0; r < sizeof row / sizeof *row; r++) {
    size_t n = row[r].n, n_beyond = 0;
    struct cubix_placement *p = galaxy(n);
    struct cubix_histogram *cover = cover_of(p, 0);
    double *value_bar = numbers(cover->n_value), f;
    struct cubix_star_bar *cpu = bars(n), *before = bars(n);
    CHECK_IS(cubix_histogram_fill_vjp(cover, value_bar, p, &tables, cpu), ==, CUBIX_OK);
    for (cuda_on_cpu.lazy = 0; cuda_on_cpu.lazy < 2; cuda_on_cpu.lazy++) {
      struct cubix_device *dev = open_gpu(params);
      struct cubix_star_bar *gpu = bars(n);
      cuda_on_cpu.memory = row[r].memory ? row[r].memory : memory;
      cuda_on_cpu.n_launch = 0;
      CHECK_IS(dev->ops->fill_vjp(dev, cover, value_bar, p, &tables, gpu), ==, CUBIX_OK);
      CHECK_IS(cuda_on_cpu.n_launch > 0, ==, n > 0);
      /* several batches: more cargoes that are not full */
      if (row[r].memory) CHECK_IS(cuda_on_cpu.n_launch, >, launches + 5);
      CHECK_CLOSE(bars_apart(p, gpu, cpu), 0, 1e-13);
      if (n > 100) CHECK_IS(bars_apart(p, gpu, before), >, 0.01);
      for (size_t i = 0; i < n; i++)
        if (cubix_node_of(&nodes, p->star[i].velocity, &f) < 0) {
          n_beyond++;
          CHECK(!memcmp(&gpu[i], &before[i], sizeof *gpu));                    /* a star beyond reach has none */
        }
      free(gpu);
      cubix_device_close(dev);
    }
    launches = cuda_on_cpu.n_launch;
    if (n > 100) CHECK_IS(n_beyond, >, 20);
    free(cpu);
    free(before);
    free(value_bar);
    cubix_histogram_free(cover);
    cubix_placement_free(p);
  }
  cuda_on_cpu.lazy = 0;
  cuda_on_cpu.memory = memory;
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
}

/* Tangents, of either sign, to a rounding for each star. */
static void test_deposit_jvp(void)
{
  static const struct { size_t n, memory; } row[] = { { 0, 0 }, { 1, 0 }, { 600, 0 }, { 8000, 0 }, { 8000, 70000 } };
  size_t memory = cuda_on_cpu.memory;
  for (size_t r = 0; r < sizeof row / sizeof *row; r++) {
    struct cubix_placement *p = galaxy(row[r].n);
    struct cubix_star_bar *dot = dots(row[r].n, 6);
    struct cubix_histogram *cpu = NULL;
    CHECK_IS(cubix_histogram_fill_jvp(&cpu, &nodes, p, dot, &tables), ==, CUBIX_OK);
    double *want = dense_of(cpu, NULL, 1);
    for (cuda_on_cpu.lazy = 0; cuda_on_cpu.lazy < 2; cuda_on_cpu.lazy++) {
      struct cubix_histogram *gpu = NULL;
      struct cubix_device *dev = open_gpu(params);
      double worst = 0;
      size_t n_less = 0, n_more = 0;
      cuda_on_cpu.memory = row[r].memory ? row[r].memory : memory;
      CHECK_IS(dev->ops->fill_jvp(dev, &gpu, &nodes, p, dot, &tables), ==, CUBIX_OK);
      REQUIRE(gpu);
      CHECK(!memcmp(gpu->exponent, cpu->exponent, N_SPAXEL * sizeof *gpu->exponent));
      double *got = dense_of(gpu, NULL, 1);
      for (size_t i = 0; i < (size_t)N_SPAXEL * N_ROW * (size_t)nodes.n; i++) {
        worst = check_worst(worst, fabs(got[i] - want[i]));
        n_less += got[i] < -1e6;
        n_more += got[i] > 1e6;
      }
      CHECK_IS(worst, <=, 2 * (double)row[r].n);
      if (row[r].n > 100) {
        CHECK_IS(n_less, >, 100);
        CHECK_IS(n_more, >, 100);
      }
      free(got);
      cubix_histogram_free(gpu);
      cubix_device_close(dev);
    }
    if (row[r].n > 100) {
      struct cubix_histogram *none = NULL;
      struct cubix_device *dev = open_gpu(params);
      dot[p->start[20]].mass_formed = HUGE_VAL;
      p->star[p->start[20]].velocity = 0;
      CHECK_IS(dev->ops->fill_jvp(dev, &none, &nodes, p, dot, &tables), ==, CUBIX_EFAIL);
      CHECK(!none);
      CHECK_SAYS(cubix_error_message(), "not finite numbers");
      cubix_error_clear();
      cubix_device_close(dev);
    }
    free(want);
    free(dot);
    cubix_histogram_free(cpu);
    cubix_placement_free(p);
  }
  cuda_on_cpu.lazy = 0;
  cuda_on_cpu.memory = memory;
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
}

/* Behind dust: bars and tangents of stars, and those of the values. */
static void test_dust(void)
{
  enum { N_STAR = 500 };
  struct cubix_nodes behind = nodes;
  struct cubix_basis basis = basis_of(slot, N_LAMBDA);
  struct cubix_placement *p = galaxy(N_STAR);
  struct cubix_star_bar *dot = dots(N_STAR, 6), *cpu = bars(N_STAR), *gpu = bars(N_STAR);
  struct cubix_histogram *cover = NULL, *want = NULL, *got = NULL;
  struct cubix_cube cube_bar = random_cube(0, N_LAMBDA, 0);
  struct cubix_device *dev = open_gpu(params);
  double k[N_LAMBDA], worst = 0, screens = 0, most = 0;
  for (int i = 0; i < N_LAMBDA; i++) k[i] = 1.5 - 0.9 * i / N_LAMBDA;
  REQUIRE(cubix_axis_init(&behind.axis, k, N_LAMBDA, 1e-5, 0, 30));
  for (size_t i = 0; i < N_STAR; i++) {
    p->star[i].screen = i % 5 ? (cubix_real)(-1.2 * log(1 - uniform()) + (i % 401 == 1 ? 15 : 0)) : 0;
    dot[i].screen = uniform() - 0.5;
  }
  CHECK_IS(cubix_histogram_cover(&cover, &behind, p, &tables), ==, CUBIX_OK);
  double *value_bar = numbers(cover->n_value), *sums = calloc(cover->n_value, sizeof *sums),
         *again = calloc(cover->n_value, sizeof *again);
  CHECK_IS(cubix_histogram_fill_vjp(cover, value_bar, p, &tables, cpu), ==, CUBIX_OK);
  CHECK_IS(dev->ops->fill_vjp(dev, cover, value_bar, p, &tables, gpu), ==, CUBIX_OK);
  CHECK_CLOSE(bars_apart(p, gpu, cpu), 0, 2e-13);
  for (size_t i = 0; i < N_STAR; i++) {
    screens = check_worst(screens, fabs(gpu[i].screen - cpu[i].screen) / (p->star[i].mass_formed + 1));
    most = check_worst(most, fabs(cpu[i].screen - 7) / (p->star[i].mass_formed + 1));
  }
  CHECK_CLOSE(screens, 0, 1e-12);
  CHECK_IS(most, >, 0.01);
  CHECK_IS(cubix_histogram_fill_jvp(&want, &behind, p, dot, &tables), ==, CUBIX_OK);
  CHECK_IS(dev->ops->fill_jvp(dev, &got, &behind, p, dot, &tables), ==, CUBIX_OK);
  REQUIRE(want && got);
  CHECK(!memcmp(got->exponent, want->exponent, N_SPAXEL * sizeof *got->exponent));
  CHECK_IS(got->n_value, ==, want->n_value);
  for (size_t i = 0; i < want->n_value && got->n_value == want->n_value; i++)
    worst = check_worst(worst, fabs((double)(got->value[i] - want->value[i])));
  CHECK_IS(worst, <=, 2. * N_STAR);
  CHECK_IS(cubix_multiply_vjp(&cube_bar, cover, &basis, scale, sums), ==, CUBIX_OK);
  CHECK_IS(dev->ops->multiply_vjp(dev, &cube_bar, cover, &basis, scale, again), ==, CUBIX_OK);
  worst = most = 0;
  for (size_t i = 0; i < cover->n_value; i++) {
    worst = check_worst(worst, fabs(sums[i] - again[i]));
    most = check_worst(most, fabs(sums[i]));
  }
  CHECK_CLOSE(worst / most, 0, 2e-6);
  free(cube_bar.flux), free(value_bar), free(sums), free(again), free(dot), free(cpu), free(gpu);
  cubix_histogram_free(cover);
  cubix_histogram_free(want);
  cubix_histogram_free(got);
  cubix_device_close(dev);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  cubix_placement_free(p);
}

/* All channels and slabs of them; kept on the GPU or not; early and late; in one go and, with
 * little memory, in many; no light at all. */
static void test_multiply_vjp(void)
{
  static const struct { int first, n, dark; size_t n_star, memory;
  } row[] = { { 0, 250, 0, 1500, 0 }, { 0, 250, 0, 1500, 900000 }, { 96, 154, 0, 1500, 0 },
              { 192, 58, 0, 500, 0 }, { 0, 1, 0, 500, 0 },          { 0, 96, 0, 1, 0 },
              { 96, 0, 0, 500, 0 },   { 0, 100, 1, 500, 0 },        { 0, 100, 0, 0, 0 } };
  size_t memory = cuda_on_cpu.memory;
  struct cubix_basis basis = basis_of(slot, N_LAMBDA);
  for (size_t r = 0; r < sizeof row / sizeof *row; r++) {
    struct cubix_placement *p = galaxy(row[r].n_star);
    struct cubix_histogram *cover = cover_of(p, 0);
    struct cubix_cube cube_bar = random_cube(row[r].first, row[r].n, row[r].dark);
    size_t n = cover->n_value, bytes = n * sizeof(double), n_voxel = (size_t)N_SPAXEL * (size_t)row[r].n;
    double *before = numbers(n), *cpu = numbers(n), *all = calloc(n + 1, sizeof *all), *gpu[4];
    memcpy(cpu, before, bytes);
    CHECK_IS(cubix_multiply_vjp(&cube_bar, cover, &basis, scale, cpu), ==, CUBIX_OK);
    for (int way = 0; way < 4; way++) {
      struct cubix_device *dev = open_gpu(params);
      cuda_on_cpu.lazy = way % 2;
      cuda_on_cpu.n_launch = 0;
      cuda_on_cpu.memory = memory;
      if (way / 2) CHECK_IS(dev->ops->keep(dev, &basis), ==, CUBIX_OK);
      if (row[r].memory) cuda_on_cpu.memory = row[r].memory;
      gpu[way] = numbers(n);
      memcpy(gpu[way], before, bytes);
      CHECK_IS(dev->ops->multiply_vjp(dev, &cube_bar, cover, &basis, scale, gpu[way]), ==, CUBIX_OK);
      CHECK((cuda_on_cpu.n_launch > 0) == (row[r].n > 0 && row[r].n_star > 1 && !row[r].dark) || row[r].n_star == 1);
      /* batches of 128 spaxels, and smaller ones */
      if (row[r].n == 250) CHECK(row[r].memory ? cuda_on_cpu.n_launch > 6 : cuda_on_cpu.n_launch == 6);
      CHECK(!memcmp(gpu[way], gpu[0], bytes));
      cubix_device_close(dev);
    }
    for (size_t i = 0; i < n_voxel; i++) cube_bar.flux[i] = (cubix_real)fabs((double)cube_bar.flux[i]);
    /* the sum of the terms without their signs */
    CHECK_IS(cubix_multiply_vjp(&cube_bar, cover, &basis, scale, all), ==, CUBIX_OK);
    size_t n_wrong = 0, n_changed = 0;
    for (size_t i = 0; i < n; i++) {
      n_wrong += !(fabs(gpu[0][i] - cpu[i]) <= 1e-6 * all[i] + 1e-15);
      n_changed += gpu[0][i] != before[i];
      if (all[i] == 0) CHECK_IS(gpu[0][i], ==, before[i]);
    }
    CHECK_IS(n_wrong, ==, 0);
    CHECK((n_changed > n / 2) == (row[r].n > 0 && row[r].n_star > 1 && !row[r].dark) || row[r].n_star == 1);
    for (int way = 0; way < 4; way++) free(gpu[way]);
    free(cpu);
    free(before);
    free(all);
    free(cube_bar.flux);
    cubix_histogram_free(cover);
    cubix_placement_free(p);
  }
  cuda_on_cpu.lazy = 0;
  cuda_on_cpu.memory = memory;
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
}

/* One processor, asked for the same again and again: from the second time on no memory is
 * allocated, on the GPU or page-locked, and the tiles that it keeps do not go up. */
static void test_again(void)
{
  struct cubix_placement *p = galaxy(400);
  struct cubix_histogram *cover = cover_of(p, 0);
  struct cubix_basis basis = basis_of(slot, N_LAMBDA);
  struct cubix_cube cube_bar = random_cube(0, N_LAMBDA, 0), cube = cube_of(0, N_LAMBDA);
  struct cubix_star_bar *bar = bars(400);
  struct cubix_device *dev = open_gpu(params);
  double *value_bar = calloc(cover->n_value, sizeof *value_bar);
  size_t tiles = (size_t)basis.n_tile * cubix_basis_tile_size(&basis) * sizeof(float);
  CHECK_IS(dev->ops->keep(dev, &basis), ==, CUBIX_OK);
  for (int turn = 0; turn < 3; turn++) {
    struct cubix_histogram *h = NULL, *tangents = NULL;
    cuda_on_cpu.n_malloc = 0;
    cuda_on_cpu.n_up = 0;
    CHECK_IS(dev->ops->fill(dev, &h, &nodes, cover->exponent, p, &tables), ==, CUBIX_OK);
    CHECK_IS(dev->ops->multiply(dev, &cube, h, &basis, scale), ==, CUBIX_OK);
    CHECK_IS(dev->ops->multiply_vjp(dev, &cube_bar, cover, &basis, scale, value_bar), ==, CUBIX_OK);
    CHECK_IS(dev->ops->fill_vjp(dev, cover, value_bar, p, &tables, bar), ==, CUBIX_OK);
    CHECK_IS(dev->ops->fill_jvp(dev, &tangents, &nodes, p, bar, &tables), ==, CUBIX_OK);
    CHECK_IS(cuda_on_cpu.n_malloc > 0, ==, turn == 0);
    CHECK_IS(cuda_on_cpu.n_up, >, 0);
    CHECK_IS(cuda_on_cpu.n_up, <, tiles);
    cubix_histogram_free(h);
    cubix_histogram_free(tangents);
  }
  cubix_device_close(dev);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  free(value_bar);
  free(bar);
  free(cube.flux);
  free(cube_bar.flux);
  cubix_histogram_free(cover);
  cubix_placement_free(p);
}

/* The whole way back, and its first step forward. */
static int back(const struct cubix_placement *p, const struct cubix_histogram *cover, const struct cubix_cube *cube_bar,
                const struct cubix_basis *basis, double *value_bar, struct cubix_star_bar *bar)
{
  int status = CUBIX_OK;
  struct cubix_device *dev = NULL;
  struct cubix_histogram *tangents = NULL;
  CUBIX_TRY(cubix_device_open(&dev, params, 0, 1));
  CUBIX_TRY(dev->ops->multiply_vjp(dev, cube_bar, cover, basis, scale, value_bar));
  CUBIX_TRY(dev->ops->fill_vjp(dev, cover, value_bar, p, &tables, bar));
  CUBIX_TRY(dev->ops->fill_jvp(dev, &tangents, &nodes, p, bar, &tables));
done:
  cubix_histogram_free(tangents);
  cubix_device_close(dev);
  return status;
}

/* Every call of CUDA, and every allocation of ours, fails once: an error with a message, or, where
 * all is done and only given back, the right result; and nothing is kept. */
static void test_failures(void)
{
  enum { N = 60 };
  struct cubix_placement *p = galaxy(N);
  struct cubix_histogram *cover = cover_of(p, 0);
  struct cubix_basis basis = basis_of(slot, N_LAMBDA);
  struct cubix_cube cube_bar = random_cube(96, 154, 0);
  omp_set_num_threads(1);
  for (int kind = 0; kind < 3; kind++) {       /* calls, calls with work done late, allocations */
    struct cubix_star_bar *want = bars(N);
    double *value_bar = calloc(cover->n_value, sizeof *value_bar);
    int n_error = 0, n_ignored = 0;
    cuda_on_cpu.lazy = kind == 1;
    cuda_on_cpu.n_call = n_alloc = 0;
    CHECK_IS(back(p, cover, &cube_bar, &basis, value_bar, want), ==, CUBIX_OK);
    for (long n = kind == 2 ? n_alloc : cuda_on_cpu.n_call, i = 1; i <= n; i++) {
      struct cubix_star_bar *bar = bars(N);
      memset(value_bar, 0, cover->n_value * sizeof *value_bar);
      cuda_on_cpu.n_call = n_alloc = 0;
      if (kind == 2) fail_alloc_at = i;
      else cuda_on_cpu.fail_at = i;
      int status = back(p, cover, &cube_bar, &basis, value_bar, bar);
      cuda_on_cpu.fail_at = fail_alloc_at = 0;
      if (kind == 2) n_error += status == CUBIX_ENOMEM && strstr(cubix_error_message(), "cannot allocate");
      else n_error += status == CUBIX_EDEVICE && strstr(cubix_error_message(), "use Backend cpu");
      n_ignored += status == CUBIX_OK && !memcmp(bar, want, N * sizeof *bar);
      CHECK_IS(n_error + n_ignored, ==, i);
      CHECK_IS(cuda_on_cpu.n_live, ==, 0);
      cubix_error_clear();
      free(bar);
    }
    if (kind == 2) {
      CHECK_IS(n_error, >, 9);
      CHECK_IS(n_ignored, ==, 0);
    } else {
      /* the three streams when all is done, after each step and on closing; the context, there; 15
       * times idle memory is given up instead */
      CHECK_IS(n_error, >, 60);
      CHECK_IS(n_ignored, ==, 28);
    }
    free(want);
    free(value_bar);
  }
  cuda_on_cpu.lazy = 0;
  omp_set_num_threads(2);
  free(cube_bar.flux);
  cubix_histogram_free(cover);
  cubix_placement_free(p);
}

/* What does not go together is refused. */
static void test_limits(void)
{
  size_t memory = cuda_on_cpu.memory;
  struct cubix_placement *p = galaxy(1000), *few = galaxy(40);
  struct cubix_histogram *cover = cover_of(p, 0), *less = cover_of(few, 0);
  struct cubix_basis basis = basis_of(slot, N_LAMBDA);
  struct cubix_star_bar *bar = bars(1000);
  struct cubix_tables pchip = tables;
  struct cubix_device *dev = open_gpu(params);
  double *value_bar = numbers(cover->n_value);
  static const struct {
    int first, n;
    const char *why;
  } row[] = { { 1, 20, "not a multiple of 96" }, { 192, 59, "templates have 250" } };
  for (size_t r = 0; r < sizeof row / sizeof *row; r++) {
    struct cubix_cube cube_bar = random_cube(row[r].first, row[r].n, 0);
    CHECK_IS(dev->ops->multiply_vjp(dev, &cube_bar, cover, &basis, 1, value_bar), ==, CUBIX_EFAIL);
    CHECK_SAYS(cubix_error_message(), row[r].why);
    free(cube_bar.flux);
  }
  struct cubix_cube cube_bar = random_cube(0, 250, 0);
  slot[9] = -1;
  CHECK_IS(dev->ops->multiply_vjp(dev, &cube_bar, cover, &basis, 1, value_bar), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "row 9");
  basis = basis_of(slot, N_LAMBDA);
  missing_tile = 1;
  CHECK_IS(dev->ops->multiply_vjp(dev, &cube_bar, cover, &basis, 1, value_bar), ==, CUBIX_EINPUT);
  CHECK_SAYS(cubix_error_message(), "no tile 1");
  missing_tile = -1;
  CHECK_IS(dev->ops->fill_vjp(dev, less, value_bar, p, &tables, bar), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "the cover lacks rows or nodes");
  less->n_spaxel--;
  CHECK_IS(dev->ops->fill_vjp(dev, less, value_bar, p, &tables, bar), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "a cover of 398 spaxels");
  less->n_spaxel++;
  pchip.pchip = 1;
  CHECK_IS(dev->ops->fill_vjp(dev, cover, value_bar, p, &pchip, bar), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "direct method");
  cuda_on_cpu.memory = 12000;
  for (int op = 0; op < 2; op++) {
    CHECK_IS(op ? dev->ops->fill_vjp(dev, cover, value_bar, p, &tables, bar) : dev->ops->multiply_vjp(dev, &cube_bar,
             cover, &basis, 1, value_bar), ==, CUBIX_EDEVICE);
    CHECK_SAYS(cubix_error_message(), "stand-in GPU 0");
    CHECK_SAYS(cubix_error_message(), "MiB needed");
    CHECK_SAYS(cubix_error_message(), "of 0.0 MiB are free");
    CHECK_SAYS(cubix_error_message(), "use Backend cpu");
  }
  cuda_on_cpu.memory = memory;
  cubix_error_clear();
  cubix_device_close(dev);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  free(cube_bar.flux);
  free(value_bar);
  free(bar);
  cubix_histogram_free(cover);
  cubix_histogram_free(less);
  cubix_placement_free(p);
  cubix_placement_free(few);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  if (cubix_params_init(&params) || cubix_params_set(params, "Backend", "cuda")) abort();
  for (int i = 0; cuda_on_cpu_pass(i); i++) {
    omp_set_num_threads(1);
    CASE_OF(test_deposit_vjp(), "seed %lu", cuda_on_cpu.seed);
    CASE_OF(test_deposit_jvp(), "seed %lu", cuda_on_cpu.seed);
    omp_set_num_threads(2);
    CASE_OF(test_multiply_vjp(), "seed %lu", cuda_on_cpu.seed);
    CASE_OF(test_dust(), "seed %lu", cuda_on_cpu.seed);
  }
  if (!cuda_on_cpu_brief()) {
    CASE(test_again());
    CASE(test_failures());
    CASE(test_limits());
  }
  cubix_params_free(params);
  return check_done();
}
