/* test_cuda_on_cpu.c -- the GPU's code without a GPU: cuda/device_cuda.c and cuda/paint.cu,
 * unchanged, on the stand-in runtime of tests/cuda/on_cpu, against the CPU's processor: every kind
 * of table, chunks that end everywhere, every failure that CUDA can report.
 *
 * Chunks are small here (100 stars, 20 spectra, 40 stars that make a run deep: tests/Makefile.inc),
 * so that a few hundred stars show what millions do on a GPU.  src/engine/device.c is compiled anew
 * as well, as in a build with CUDA. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tests/check.h"
#include "tests/cuda/gpu_lab.h"
#include "tests/library_lab.h"
#include "engine/device.h"
#include "instrument/instrument.h"
#include "spectra/templates.h"

enum { N_Z = 3, N_AGE = 5, N_WAVE = 700, N_STAR = 900 };

/* ---- a small library ------------------------------------------------------------------------- */

enum sampling { UNIFORM, MIXED };
static const char *const library[] = { "test_cuda_on_cpu_uniform.hdf5", "test_cuda_on_cpu_mixed.hdf5" };

/* A continuum with lines, smooth in age and metallicity; 4600 .. 5300 AA, evenly or in steps of 0.6, 2.5 and 0.9 AA. */
static void write_library(enum sampling sampling)
{
  static double wave[N_WAVE], width[N_WAVE], luminosity[N_Z * N_AGE][N_WAVE];
  const double metallicity[N_Z] = { 0, 0.008, 0.03 }, age[N_AGE] = { 0, 0.01, 0.3, 2, 13 };
  for (int i = 0; i < N_WAVE; i++)
    wave[i] = i == 0 ? 4600 : wave[i - 1] + (sampling == UNIFORM ? 1 : i < 250 ? 0.6 : i < 400 ? 2.5 : 0.9);
  for (int t = 0; t < N_Z * N_AGE; t++)
    for (int i = 0; i < N_WAVE; i++) {
      double z = t / N_AGE, a = t % N_AGE, x = wave[i];
      luminosity[t][i] = 1e30 * exp(-1.5 * a + 0.2 * z) * pow(x / 5000, z - a) *
                         (1 - 0.8 * exp(-pow((x - 4861) / (3 + a), 2)) + 3 * exp(-pow((x - 5007) / 1.5, 2)));
    }
  const struct lab_library lab = { N_Z, N_AGE, N_WAVE, metallicity, age, wave, width, &luminosity[0][0] };
  lab_library_write(library[sampling], &lab);
}

/* ---- a small scene --------------------------------------------------------------------------- */

static double edge[400];

static struct cubix_instrument an_instrument(int margin, double lambda_min, double step, int n_lambda)
{
  struct cubix_instrument ins = { .n_x = 6,
                                  .n_y = 5,
                                  .margin = margin,
                                  .pixel_x = 1,
                                  .pixel_y = 1,
                                  .n_lambda = n_lambda,
                                  .medium = CUBIX_VACUUM,
                                  .lambda_min = lambda_min,
                                  .lambda_step = step,
                                  .edge = edge,
                                  .lsf_none = 1 };
  for (int k = 0; k <= n_lambda; k++) edge[k] = lambda_min + (k - 0.5) * step;
  return ins;
}

/* Stars over the field and beyond it, a spaxel with very many and one with many; masses over six
 * orders of magnitude. */
static struct cubix_slab *a_slab(size_t n, int all_outside)
{
  struct cubix_slab *slab = NULL;
  if (cubix_slab_init(&slab, n)) abort();
  for (uint32_t i = 0; i < n; i++) {
    int giant = i % 7 == 0 || i % 7 == 3 || i % 7 == 4, dense = i % 12 == 2;
    for (uint32_t c = 0; c < 3; c++)
      slab->position[3 * i + c] = all_outside ? 1000 : giant ? 0.5 : dense ? -1.5 : 9 * (uniform_of(i, c) - 0.5);
    slab->velocity[3 * i + 2] = 600 * (uniform_of(i, 3) - 0.5);
    slab->mass_formed[i] = pow(10, 2 + 6 * uniform_of(i, 4));
    slab->mass_now[i] = 0.6 * slab->mass_formed[i];
    slab->age[i] = pow(10, 4.5 * uniform_of(i, 5) - 3.2);
    slab->metallicity[i] = pow(10, 4 * uniform_of(i, 6) - 5);
  }
  return slab;
}

enum backend { AUTO, CPU, CUDA, N_BACKEND };
static struct cubix_params *params[N_BACKEND];

static struct cubix_templates *a_model(const struct cubix_instrument *ins, enum sampling sampling, const char *semantic,
                                       const char *interpolation)
{
  struct cubix_params *par = params[AUTO];
  struct cubix_scene scene = { .redshift = 0.01, .d_l_mpc = 44, .kpc_per_arcsec = 1, .flux_scale = 1e-32 };
  struct cubix_templates *templates = NULL;
  if (cubix_params_set(par, "SspFile", library[sampling]) || cubix_params_set(par, "TemplateSemantic", semantic) ||
      cubix_params_set(par, "SspInterpolation", interpolation) ||
      cubix_templates_build(&templates, par, ins, &scene, 300)) {
    printf("%s\n", cubix_error_message());
    abort();
  }
  return templates;
}

static int paint_with(struct cubix_device *dev, struct cubix_cube *cube, const struct cubix_templates *templates,
                      const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  struct cubix_placement *placement = NULL;
  CUBIX_TRY(cubix_placement_build(&placement, cube, &templates->tables, slab, 0));
  CUBIX_TRY(dev->ops->load(dev, &templates->tables));
  CUBIX_TRY(dev->ops->paint(dev, placement, cube));
done:
  cubix_placement_free(placement);
  return status;
}

/* A processor's cube; before it there was `before` in every voxel. */
static int paint(enum backend backend, const struct cubix_instrument *ins, const struct cubix_templates *templates,
                 const struct cubix_slab *slab, cubix_real before, struct cubix_cube **out)
{
  int status = CUBIX_OK;
  struct cubix_device *dev = NULL;
  struct cubix_cube *cube = NULL;
  CUBIX_TRY(cubix_cube_init(&cube, ins));
  CUBIX_TRY(cubix_cube_hold(cube, 0, ins->n_lambda));
  for (size_t i = 0; i < (size_t)cube->n_x * (size_t)cube->n_y * (size_t)cube->n_lambda; i++) cube->flux[i] = before;
  CUBIX_TRY(cubix_device_open(&dev, params[backend], 0, 1));
  CUBIX_TRY(paint_with(dev, cube, templates, slab));
  *out = cube;
  cube = NULL;
done:
  cubix_device_close(dev);
  cubix_cube_free(cube);
  return status;
}

/* Largest |a - b| relative to the brightest of 8 channels on either side. */
static double apart(const struct cubix_cube *a, const struct cubix_cube *b)
{
  double worst = 0;
  int n = a->n_lambda;
  for (int s = 0; s < a->n_x * a->n_y; s++) {
    const cubix_real *x = a->flux + (size_t)s * (size_t)n, *y = b->flux + (size_t)s * (size_t)n;
    for (int k = 0; k < n; k++) {
      double level = 0;
      for (int q = k > 8 ? k - 8 : 0; q < n && q <= k + 8; q++) level = check_worst(level, fabs((double)y[q]));
      if (x[k] != y[k] || !isfinite(x[k])) worst = check_worst(worst, fabs((double)x[k] - (double)y[k]) / level);
    }
  }
  return worst;
}

static int same(const struct cubix_cube *a, const struct cubix_cube *b)
{
  return a && b && !memcmp(a->flux, b->flux, sizeof *a->flux * (size_t)a->n_x * (size_t)a->n_y * (size_t)a->n_lambda);
}

static double total(const struct cubix_cube *cube)
{
  double sum = 0;
  for (size_t i = 0; i < (size_t)cube->n_x * (size_t)cube->n_y * (size_t)cube->n_lambda; i++)
    sum += (double)cube->flux[i];
  return sum;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void test_parity(void)
{
  static const struct {
    enum sampling sampling;
    const char *semantic, *interpolation;
    int margin;
    double lambda_min, step;
    int n_lambda;
  } row[] = {
    { UNIFORM, "spline", "linear", 0, 4700, 1.25, 270 },
    { UNIFORM, "linear", "linear", 2, 4600, 3.1, 290 },   /* channels beyond both ends of the library */
    { MIXED,   "spline", "pchip",  1, 4700, 1.25, 300 },
    { MIXED,   "linear", "pchip",  0, 4720, 0.2, 31 },    /* several channels to an interval */
    { MIXED,   "spline", "linear", 3, 4650, 40, 15 },     /* many intervals to a channel */
  };
  for (size_t r = 0; r < sizeof row / sizeof row[0]; r++) {
    struct cubix_instrument ins = an_instrument(row[r].margin, row[r].lambda_min, row[r].step, row[r].n_lambda);
    struct cubix_templates *templates = a_model(&ins, row[r].sampling, row[r].semantic, row[r].interpolation);
    struct cubix_slab *slab = a_slab(N_STAR, 0);
    struct cubix_cube *cpu = NULL, *cuda = NULL, *lazy = NULL;
    cuda_on_cpu.lazy = 0;
    cuda_on_cpu.n_launch = 0, cuda_on_cpu.largest_locked = 0;
    CHECK_IS(paint(CPU, &ins, templates, slab, 0, &cpu), ==, CUBIX_OK);
    CHECK_IS(paint(CUDA, &ins, templates, slab, 0, &cuda), ==, CUBIX_OK);
    CHECK_CLOSE(3. * (double)cuda_on_cpu.largest_locked,
                cubix_device_cuda_ops.locked_bytes(cuda->n_x * cuda->n_y, row[r].n_lambda, 0, 0), 0.02);
    CHECK_IS(cuda_on_cpu.n_launch, >, 6);
    CHECK_IS(total(cpu), >, 0); /* several chunks, of both shapes */
    CHECK_CLOSE(apart(cuda, cpu), 0, 1e-6);
    cuda_on_cpu.lazy = 1;
    CHECK_IS(paint(CUDA, &ins, templates, slab, 0, &lazy), ==, CUBIX_OK);
    CHECK(same(lazy, cuda)); /* and the same bits when work is done as late as can be */
    CHECK_IS(cuda_on_cpu.n_live, ==, 0);
    cubix_cube_free(cpu);
    cubix_cube_free(cuda);
    cubix_cube_free(lazy);
    cubix_slab_free(slab);
    cubix_templates_free(templates);
  }
}

/* What the cube held stays in it; no star, or none in the field, adds nothing; a single star is found. */
static void test_adds(void)
{
  struct cubix_instrument ins = an_instrument(1, 4700, 2, 40);
  struct cubix_templates *templates = a_model(&ins, UNIFORM, "spline", "linear");
  static const struct { size_t n; int outside; } row[] = { { 0, 0 }, { 50, 1 }, { 1, 0 }, { 100, 0 }, { 101, 0 } };
  for (size_t r = 0; r < sizeof row / sizeof row[0]; r++) {
    struct cubix_slab *slab = a_slab(row[r].n, row[r].outside);
    struct cubix_cube *cpu = NULL, *cuda = NULL;
    cuda_on_cpu.n_launch = 0;
    CHECK_IS(paint(CPU, &ins, templates, slab, 1000, &cpu), ==, CUBIX_OK);
    CHECK_IS(paint(CUDA, &ins, templates, slab, 1000, &cuda), ==, CUBIX_OK);
    CHECK_IS(cuda_on_cpu.n_launch > 0, ==, row[r].n > 0 && !row[r].outside);
    CHECK_CLOSE(apart(cuda, cpu), 0, 1e-6);
    CHECK_IS(total(cuda) > 1000. * 8 * 7 * 40, ==, row[r].n > 0 && !row[r].outside);
    cubix_cube_free(cpu);
    cubix_cube_free(cuda);
    cubix_slab_free(slab);
  }
  cubix_templates_free(templates);
}

/* One opened processor paints again: with the same model, with another, and after a failure, of
 * which nothing stays behind. */
static void test_again(void)
{
  struct cubix_instrument ins = an_instrument(0, 4700, 2, 40);
  struct cubix_templates *templates[2] = { a_model(&ins, UNIFORM, "spline", "linear"),
                                           a_model(&ins, MIXED, "linear", "pchip") };
  struct cubix_slab *slab = a_slab(150, 0);
  struct cubix_device *dev = NULL;
  CHECK_IS(cubix_device_open(&dev, params[CUDA], 0, 1), ==, CUBIX_OK);
  CHECK_TEXT(dev->description, "stand-in GPU 0, 1 GiB");
  for (int turn = 0; turn < 4; turn++) {
    struct cubix_cube *cpu = NULL, *cuda = NULL;
    CHECK_IS(paint(CPU, &ins, templates[turn / 2], slab, 0, &cpu), ==, CUBIX_OK);
    REQUIRE(cubix_cube_init(&cuda, &ins) == CUBIX_OK);
    CHECK_IS(cubix_cube_hold(cuda, 0, ins.n_lambda), ==, CUBIX_OK);
    CHECK_IS(paint_with(dev, cuda, templates[turn / 2], slab), ==, CUBIX_OK);
    CHECK_CLOSE(apart(cuda, cpu), 0, 1e-6);
    cubix_cube_free(cpu);
    cubix_cube_free(cuda);
  }
  struct cubix_slab *others = a_slab(400, 0);
  struct cubix_placement *placement = NULL, *others_placement = NULL;
  struct cubix_cube *cpu = NULL, *broken = NULL, *cuda = NULL;
  CHECK_IS(paint(CPU, &ins, templates[1], slab, 0, &cpu), ==, CUBIX_OK);
  REQUIRE(cubix_cube_init(&broken, &ins) == CUBIX_OK);
  CHECK_IS(cubix_cube_hold(broken, 0, ins.n_lambda), ==, CUBIX_OK);
  REQUIRE(cubix_cube_init(&cuda, &ins) == CUBIX_OK);
  CHECK_IS(cubix_cube_hold(cuda, 0, ins.n_lambda), ==, CUBIX_OK);
  REQUIRE(cubix_placement_build(&placement, cuda, &templates[1]->tables, slab, 0) == CUBIX_OK);
  CHECK_IS(cubix_placement_build(&others_placement, broken, &templates[1]->tables, others, 0), ==, CUBIX_OK);
  cuda_on_cpu.n_call = 0;
  cuda_on_cpu.fail_at = 10;                /* the first chunk is on its way, the second half */
  CHECK_IS(dev->ops->paint(dev, others_placement, broken), ==, CUBIX_EDEVICE);
  cuda_on_cpu.fail_at = 0;
  cubix_error_clear();
  CHECK_IS(dev->ops->paint(dev, placement, cuda), ==, CUBIX_OK);
  CHECK_CLOSE(apart(cuda, cpu), 0, 1e-6);
  cubix_cube_free(cpu);
  cubix_cube_free(broken);
  cubix_cube_free(cuda);
  cubix_placement_free(placement);
  cubix_placement_free(others_placement);
  cubix_slab_free(others);
  cubix_device_close(dev);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  cubix_slab_free(slab);
  cubix_templates_free(templates[0]);
  cubix_templates_free(templates[1]);
}

/* The host's own GPU is current again after whatever we do, well or not; memory that a paint has
 * taken serves the next, and tables go up once. */
static void test_host(void)
{
  struct cuda_on_cpu before = cuda_on_cpu;
  struct cubix_instrument ins = an_instrument(0, 4700, 2, 40);
  struct cubix_templates *templates = a_model(&ins, UNIFORM, "spline", "linear");
  struct cubix_slab *slab = a_slab(300, 0);
  struct cubix_cube *cpu = NULL;
  struct cubix_device *dev = NULL;
  cuda_on_cpu.n_gpu = 2;
  cuda_on_cpu.capability[1] = 9;
  cuda_on_cpu.current = 0;
  CHECK_IS(paint(CPU, &ins, templates, slab, 0, &cpu), ==, CUBIX_OK);
  CHECK_IS(cubix_device_open(&dev, params[CUDA], 1, 1), ==, CUBIX_OK);
  CHECK_IS(cuda_on_cpu.current, ==, 0);
  CHECK_IS(dev->ops->divide(dev, 2), ==, CUBIX_OK);
  CHECK_IS(cuda_on_cpu.current, ==, 0);
  for (int turn = 0; turn < 5; turn++) {
    struct cubix_cube *cuda = NULL;
    REQUIRE(cubix_cube_init(&cuda, &ins) == CUBIX_OK);
    CHECK_IS(cubix_cube_hold(cuda, 0, ins.n_lambda), ==, CUBIX_OK);
    cuda_on_cpu.n_malloc = cuda_on_cpu.n_call = 0;
    cuda_on_cpu.n_up = 0;
    cuda_on_cpu.fail_at = turn == 1 ? 12 : turn == 2 ? 1 : 0;
    int status = paint_with(dev, cuda, templates, slab);
    cuda_on_cpu.fail_at = 0;
    CHECK_IS(status == CUBIX_OK, ==, turn != 1 && turn != 2);
    CHECK_IS(cuda_on_cpu.current, ==, 0);
    if (!status) CHECK_CLOSE(apart(cuda, cpu), 0, 1e-6);
    CHECK_IS(cuda_on_cpu.n_malloc > 0, ==, turn == 0);
    if (turn == 4) CHECK_IS(cuda_on_cpu.n_up, <, 400 * sizeof(struct cubix_star));
    cubix_error_clear();
    cubix_cube_free(cuda);
  }
  cubix_device_close(dev);
  CHECK_IS(cuda_on_cpu.current, ==, 0);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  cubix_cube_free(cpu);
  cubix_slab_free(slab);
  cubix_templates_free(templates);
  cuda_on_cpu = before;
}

/* Every call of CUDA fails once: an error with a message, or, where all is done and only given
 * back, the right cube; and nothing is kept. */
static void test_failing_calls(void)
{
  struct cubix_instrument ins = an_instrument(0, 4700, 2, 20);
  struct cubix_templates *templates = a_model(&ins, UNIFORM, "linear", "linear");
  struct cubix_slab *slab = a_slab(250, 0);
  struct cubix_cube *cube = NULL, *want = NULL;
  for (int lazy = 0; lazy < 2; lazy++) {
    int n_error = 0, n_ignored = 0;
    cuda_on_cpu.lazy = lazy;
    cuda_on_cpu.n_call = cuda_on_cpu.fail_at = 0;
    CHECK_IS(paint(CUDA, &ins, templates, slab, 0, &want), ==, CUBIX_OK);
    for (long n = cuda_on_cpu.n_call, i = 1; i <= n; i++) {
      cuda_on_cpu.n_call = 0;
      cuda_on_cpu.fail_at = i;
      int status = paint(CUDA, &ins, templates, slab, 0, &cube);
      n_error += status == CUBIX_EDEVICE && strstr(cubix_error_message(), "use Backend cpu");
      n_ignored += status == CUBIX_OK && same(cube, want);
      CHECK_IS(n_error + n_ignored, ==, i);
      CHECK_IS(cuda_on_cpu.n_live, ==, 0);
      cubix_error_clear();
      cubix_cube_free(cube);
      cube = NULL;
    }
    cuda_on_cpu.fail_at = 0;
    /* the three streams when all is done, before larger staging buffers and on closing; the context, there */
    CHECK_IS(n_error, >, 40);
    CHECK_IS(n_ignored, ==, 10);
    cubix_cube_free(want);
  }
  cubix_slab_free(slab);
  cubix_templates_free(templates);
}

/* Every allocation of ours fails once. */
static void test_failing_allocations(void)
{
  struct cubix_instrument ins = an_instrument(0, 4700, 2, 20);
  struct cubix_templates *templates = a_model(&ins, UNIFORM, "linear", "linear");
  struct cubix_slab *slab = a_slab(250, 0);
  struct cubix_cube *cube = NULL;
  n_alloc = 0;
  CHECK_IS(paint(CUDA, &ins, templates, slab, 0, &cube), ==, CUBIX_OK);
  cubix_cube_free(cube);
  CHECK_IS(n_alloc, >, 8);
  for (long n = n_alloc, i = 1; i <= n; i++) {
    n_alloc = 0;
    fail_alloc_at = i;
    CHECK_IS(paint(CUDA, &ins, templates, slab, 0, &cube), ==, CUBIX_ENOMEM);
    CHECK_SAYS(cubix_error_message(), "cannot allocate");
    CHECK_IS(cuda_on_cpu.n_live, ==, 0);
    cubix_error_clear();
  }
  fail_alloc_at = 0;
  cubix_slab_free(slab);
  cubix_templates_free(templates);
}

/* Where the memory does not suffice, or the channels are too many, it is said before anything is tried. */
static void test_limits(void)
{
  struct cubix_instrument ins = an_instrument(0, 4620, 2.2, 270);
  struct cubix_templates *templates = a_model(&ins, UNIFORM, "spline", "pchip");
  struct cubix_slab *slab = a_slab(250, 0);
  struct cubix_cube *cube = NULL;
  struct cubix_device *dev = NULL;
  size_t memory = cuda_on_cpu.memory;
  cuda_on_cpu.n_launch = 0;
  cuda_on_cpu.memory = 150000;
  CHECK_IS(paint(CUDA, &ins, templates, slab, 0, &cube), ==, CUBIX_EDEVICE);
  CHECK_SAYS(cubix_error_message(), "stand-in GPU 0");
  CHECK_SAYS(cubix_error_message(), "0.2 MiB needed");
  CHECK_SAYS(cubix_error_message(), "0.1 of 0.1 MiB are free");
  cuda_on_cpu.memory = 340000;                 /* enough for one rank, and not for two that share it */
  REQUIRE(cubix_cube_init(&cube, &ins) == CUBIX_OK);
  CHECK_IS(cubix_cube_hold(cube, 0, ins.n_lambda), ==, CUBIX_OK);
  for (int n_share = 1; n_share < 3; n_share++) {
    REQUIRE(cubix_device_open(&dev, params[CUDA], 0, n_share) == CUBIX_OK);
    CHECK_IS(dev->ops->divide(dev, n_share), ==, CUBIX_OK);
    CHECK_IS(paint_with(dev, cube, templates, slab), ==, n_share == 1 ? CUBIX_OK : CUBIX_EDEVICE);
    cubix_device_close(dev);
  }
  CHECK_SAYS(cubix_error_message(), "0.1 MiB needed for stars and spectra");
  CHECK_SAYS(cubix_error_message(), "0.0 of 0.3 MiB are free");
  cubix_cube_free(cube);
  cube = NULL;
  cuda_on_cpu.n_launch = 0;
  cuda_on_cpu.memory = memory;
  templates->tables.n_lambda = 65535 * 32 + 1;
  CHECK_IS(paint(CUDA, &ins, templates, slab, 0, &cube), ==, CUBIX_EDEVICE);
  CHECK_SAYS(cubix_error_message(), "at most 2097120 on a GPU");
  CHECK_IS(cuda_on_cpu.n_launch, ==, 0);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  cubix_error_clear();
  cubix_slab_free(slab);
  cubix_templates_free(templates);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  static const char *const backend[] = { "auto", "cpu", "cuda" };
  for (int b = 0; b < N_BACKEND; b++)
    if (cubix_params_init(&params[b]) || cubix_params_set(params[b], "Backend", backend[b])) abort();
  CHECK_IS(cuda_on_cpu_selfcheck(), ==, 0);
  write_library(UNIFORM);
  write_library(MIXED);
  for (int i = 0; cuda_on_cpu_pass(i); i++) {
    CASE_OF(test_parity(), "seed %lu", cuda_on_cpu.seed);
    CASE_OF(test_adds(), "seed %lu", cuda_on_cpu.seed);
  }
  if (!cuda_on_cpu_brief()) {
    CASE(test_again());
    CASE(test_host());
    CASE(test_failing_calls());
    CASE(test_failing_allocations());
    CASE(test_limits());
  }
  remove(library[UNIFORM]);
  remove(library[MIXED]);
  for (int b = 0; b < N_BACKEND; b++) cubix_params_free(params[b]);
  return check_done();
}
