/* test_cuda_columns.c -- the dust in front of stars by the GPU's code without a GPU: cuda/, unchanged, on the
 * stand-in runtime of tests/cuda/on_cpu. It has the cores' bits, and whatever fails of CUDA and memory it gives
 * everything back.
 *
 * Cargoes are small here (50 places: tests/Makefile.inc), so that little work has many of them. */
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dust/column_tiles.h"
#include "engine/device.h"
#include "params/params.h"
#include "tests/cuda/gpu_lab.h"

enum { N_CELL = 300, N_STAR = 420 };

static struct cubix_params *params;
static double position[3 * N_STAR], screen_bar[N_STAR];

/* Cells of many sizes in a clumpy cloud, places in it and beyond it. */
static struct cubix_column_tiles *cloud(double thick)
{
  static double cell[3 * N_CELL], radius[N_CELL], weight[N_CELL];
  struct cubix_column_tiles *tiles = NULL;
  double low[2] = { 0, 0 }, high[2] = { 0, 0 };
  for (size_t i = 0; i < N_CELL; i++) {
    for (size_t c = 0; c < 3; c++) cell[3 * i + c] = 4 * pow(uniform(), 2) * draw(-1, 1);
    radius[i] = i % 40 == 7 ? 6 : 0.05 * pow(30, uniform());
    weight[i] = i % 9 ? thick * uniform() * radius[i] * radius[i] : 0;
    for (size_t c = 0; c < 2; c++) {
      if (cell[3 * i + c] - radius[i] < low[c]) low[c] = cell[3 * i + c] - radius[i];
      if (cell[3 * i + c] + radius[i] > high[c]) high[c] = cell[3 * i + c] + radius[i];
    }
  }
  for (size_t i = 0; i < 3 * N_STAR; i++) position[i] = i % 57 == 5 ? 300 : draw(-4, 4);
  for (size_t i = 0; i < N_STAR; i++) screen_bar[i] = i % 13 ? draw(-1, 1) : 0;
  const struct cubix_column_sky sky = cubix_column_sky_of(low, high);
  if (cubix_column_tiles_build(&tiles, &sky, 0, UINT64_MAX, cell, radius, weight, N_CELL)) abort();
  return tiles;
}

/* What the cores or the GPU say. */
struct said {
  double screen[N_STAR], position_bar[3 * N_STAR];
  struct cubix_column_sums sums[N_CELL];
};

/* @param bars 1: of places, 2: of cells, 3: both  @param n places */
static int ask(struct said *said, struct cubix_device *dev, const struct cubix_column_tiles *tiles, int bars, size_t n)
{
  int status = CUBIX_OK;
  memset(said, 0, sizeof *said);
  for (size_t i = 0; i < 3 * N_STAR; i++) said->position_bar[i] = 0.25;
  for (size_t i = 0; i < N_CELL; i++) said->sums[i].coarse[i % CUBIX_COLUMN_BARS] = 7;
  const struct cubix_column_job forth = { .position = position, .n = n, .screen = said->screen };
  const struct cubix_column_job back = { .position = position, .n = n, .screen_bar = screen_bar, .exponent = 1,
                                         .position_bar = bars & 1 ? said->position_bar : NULL,
                                         .sums = bars & 2 ? said->sums : NULL };
  CUBIX_TRY(dev ? dev->ops->columns(dev, tiles, &forth) : cubix_column_tiles_do(tiles, &forth));
  CUBIX_TRY(dev ? dev->ops->columns(dev, tiles, &back) : cubix_column_tiles_do(tiles, &back));
done:
  return status;
}

static void same_bits(double thick)
{
  static struct said cores, gpu;
  struct cubix_column_tiles *tiles = cloud(thick);
  struct cubix_device *dev = open_gpu(params);
  REQUIRE(dev);
  for (int bars = 1; bars <= 3; bars++) {
    const long launched = cuda_on_cpu.n_launch;
    REQUIRE(ask(&cores, NULL, tiles, bars, N_STAR) == CUBIX_OK);
    REQUIRE(ask(&gpu, dev, tiles, bars, N_STAR) == CUBIX_OK);
    CHECK_IS(cuda_on_cpu.n_launch, >, launched + 8);
    CHECK(!memcmp(cores.screen, gpu.screen, sizeof gpu.screen));
    CHECK(!memcmp(cores.position_bar, gpu.position_bar, sizeof gpu.position_bar));
    CHECK(!memcmp(cores.sums, gpu.sums, sizeof gpu.sums));
  }
  double most = 0;
  for (int i = 0; i < N_STAR; i++) most = check_worst(most, gpu.screen[i]);
  CHECK_IS(most, >, thick > 1 ? 2000 : 0.1);
  cubix_device_close(dev);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  cubix_column_tiles_free(tiles);
}

/* One cargo, and nothing done before the host waits for it: the cells are there all the same. */
static void few_places(void)
{
  static struct said cores, gpu;
  struct cubix_column_tiles *tiles = cloud(0.1);
  struct cubix_device *dev = open_gpu(params);
  REQUIRE(dev);
  REQUIRE(ask(&cores, NULL, tiles, 3, 40) == CUBIX_OK);
  cuda_on_cpu.lazy = 1;
  CHECK_IS(ask(&gpu, dev, tiles, 3, 40), ==, CUBIX_OK);
  cuda_on_cpu.lazy = 0;
  CHECK(!memcmp(&cores, &gpu, sizeof gpu));
  cubix_device_close(dev);
  cubix_column_tiles_free(tiles);
}

/* Where the cells have no room on the GPU the cores do it. */
static void no_room(void)
{
  static struct said cores, gpu;
  const size_t memory = cuda_on_cpu.memory;
  struct cubix_column_tiles *tiles = cloud(0.1);
  struct cubix_device *dev = open_gpu(params);
  REQUIRE(dev);
  const long launched = cuda_on_cpu.n_launch;
  cuda_on_cpu.memory = 20000;
  REQUIRE(ask(&cores, NULL, tiles, 3, N_STAR) == CUBIX_OK);
  CHECK_IS(ask(&gpu, dev, tiles, 3, N_STAR), ==, CUBIX_OK);
  CHECK(!memcmp(&cores, &gpu, sizeof gpu));
  CHECK_IS(cuda_on_cpu.n_launch, ==, launched);
  cuda_on_cpu.memory = memory;
  cubix_device_close(dev);
  cubix_column_tiles_free(tiles);
}

/* A call of CUDA, or an allocation, fails: the first few, and others further on. What a second try mends has the right
 * bits. */
static void failures(void)
{
  static struct said cores, gpu;
  struct cubix_column_tiles *tiles = cloud(0.1);
  const size_t n = 60;
  REQUIRE(ask(&cores, NULL, tiles, 3, n) == CUBIX_OK);
  for (int of_memory = 0; of_memory < 2; of_memory++)
    for (long at = 1, done = 0; !done; at += 1 + at / 8) {
      struct cubix_device *dev = open_gpu(params);
      REQUIRE(dev);
      cuda_on_cpu.n_call = n_alloc = 0;
      cuda_on_cpu.fail_at = of_memory ? 0 : at;
      fail_alloc_at = of_memory ? at : 0;
      const int status = ask(&gpu, dev, tiles, 3, n);
      done = at > (of_memory ? n_alloc : cuda_on_cpu.n_call);
      cuda_on_cpu.fail_at = fail_alloc_at = 0;
      if (status) CHECK_IS(status, ==, of_memory ? CUBIX_ENOMEM : CUBIX_EDEVICE);
      else CHECK(!memcmp(&cores, &gpu, sizeof gpu));
      if (done) CHECK_IS(status, ==, CUBIX_OK);
      cubix_error_clear();
      cubix_device_close(dev);
      CHECK_IS(cuda_on_cpu.n_live, ==, 0);
      if (done) CHECK_IS(at, >, of_memory ? 3 : 40);
    }
  cubix_column_tiles_free(tiles);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  if (cubix_params_init(&params) || cubix_params_set(params, "Backend", "cuda")) abort();
  for (int i = 0; cuda_on_cpu_pass(i); i++) {
    CASE_OF(same_bits(0.1), "seed %lu", cuda_on_cpu.seed);
    CASE_OF(same_bits(1e5), "seed %lu, very thick", cuda_on_cpu.seed);
    CASE_OF(few_places(), "seed %lu", cuda_on_cpu.seed);
  }
  if (!cuda_on_cpu_brief()) {
    CASE(no_room());
    CASE(failures());
  }
  cubix_params_free(params);
  return check_done();
}
