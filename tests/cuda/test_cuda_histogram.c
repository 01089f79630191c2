/* test_cuda_histogram.c -- the histogram engine's GPU code without a GPU: cuda/, unchanged, on the
 * stand-in runtime of tests/cuda/on_cpu, against the CPU's: the deposit to the last bit, the
 * multiply to float32, the tiled kernel against the plain one, and every failure that CUDA and
 * memory can have.
 *
 * Cargoes are small here (50 stars, 250 values; sums of 13 spaxels, results of 128:
 * tests/Makefile.inc), so that little work has many of them. */
#define LAB_N_X 12
#define LAB_N_Y 20
#define LAB_FIRST_AGE 2            /* the first two rows are not in use */
#include "tests/histogram_lab.h"

#include "cuda/multiply.h"
#include "histogram/axis.h"
#include "tests/cuda/gpu_lab.h"
#include "engine/device.h"

enum { N_NODE = 26, N_LAMBDA = 250 };

static struct cubix_params *params;

/* ---- a basis whose tiles are mapped, or read into the buffer, or missing --------------------- */

static int32_t slot[N_ROW];
static struct cubix_basis basis = { .nodes = { .n = N_NODE, .reach = 200., .step = 20. },
                                    .n_row = N_ROW,
                                    .slot = slot,
                                    .n_template = N_ROW - 2,
                                    .n_lambda = N_LAMBDA,
                                    .n_tile = 3 };

/* Map tile 1 only. */
static void make_basis(void)
{
  const float *tile;
  /* rows 0 and 1 are not in use, and templates need not be in order */
  for (int t = 0; t < N_ROW; t++) slot[t] = t < 2 ? -1 : N_ROW - 1 - t;
  float *room = cubix_alloc(cubix_basis_tile_size(&basis), sizeof *room);
  if (!room || cubix_basis_tile(&basis, 1, room, &tile)) abort();
  mapped_tile[1] = room;
}

/* ---- a small galaxy -------------------------------------------------------------------------- */

static int32_t *exponent_of(const struct cubix_placement *p)
{
  static int32_t exponent[N_SPAXEL];
  scale_of(exponent, p);
  return exponent;
}

static struct cubix_histogram *histogram_of(const struct cubix_placement *p)
{
  struct cubix_histogram *h = NULL;
  if (cubix_histogram_build(&h, &nodes, exponent_of(p), p, &tables)) abort();
  return h;
}

/* A cube of channels first .. first + n - 1; there was 7 in every voxel. */
static struct cubix_cube *full_cube(int first, int n)
{
  struct cubix_cube *cube = calloc(1, sizeof *cube);
  if (!cube || !(cube->flux = malloc(sizeof *cube->flux * N_SPAXEL * (size_t)(n + 1)))) abort();
  cube->n_x = N_X, cube->n_y = N_Y;
  cube->lambda_first = first, cube->n_lambda = n;
  for (size_t i = 0; i < N_SPAXEL * (size_t)n; i++) cube->flux[i] = 7;
  return cube;
}

static int same_cube(const struct cubix_cube *a, const struct cubix_cube *b)
{
  return !memcmp(a->flux, b->flux, sizeof *a->flux * N_SPAXEL * (size_t)a->n_lambda);
}

/* Largest relative difference. */
static double apart(const struct cubix_cube *a, const struct cubix_cube *b)
{
  double worst = 0;
  for (size_t i = 0; i < N_SPAXEL * (size_t)a->n_lambda; i++)
    if (a->flux[i] != b->flux[i] || !isfinite(a->flux[i]))
      worst = check_worst(worst, fabs((double)a->flux[i] - (double)b->flux[i]) / (double)b->flux[i]);
  return worst;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void test_deposit(void)
{
  static const struct {
    size_t n;
    double decades;
  } row[] = { { 0, 0 }, { 1, 0 }, { 2, 0 }, { 400, 3 }, { 3000, 0 }, { 5000, 9 } };
  struct cubix_device *dev = open_gpu(params);
  for (size_t r = 0; r < sizeof row / sizeof *row; r++)
    for (cuda_on_cpu.lazy = 0; cuda_on_cpu.lazy < 2; cuda_on_cpu.lazy++) {
      struct cubix_placement *p = stars(row[r].n, row[r].decades);
      struct cubix_histogram *cpu = histogram_of(p), *gpu = NULL;
      cuda_on_cpu.n_launch = 0;
      CHECK_IS(dev->ops->fill(dev, &gpu, &nodes, exponent_of(p), p, &tables), ==, CUBIX_OK);
      CHECK_IS(cuda_on_cpu.n_launch > 0, ==, row[r].n > 0);
      REQUIRE(gpu);
      CHECK(same_histogram(gpu, cpu));
      /* many cargoes of stars and values, several batches */
      if (row[r].n >= 3000) {
        CHECK_IS(cpu->n_value, >, 2500);
        CHECK_IS(cuda_on_cpu.n_launch, >, 130);
      }
      cubix_histogram_free(cpu);
      cubix_histogram_free(gpu);
      cubix_placement_free(p);
    }
  cuda_on_cpu.lazy = 0;
  cubix_device_close(dev);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
}

/* Stars behind dust: the CPU's bits of the deposit, and its numbers of the product. */
static void test_dust(void)
{
  struct cubix_nodes behind = nodes;
  double k[N_LAMBDA];
  for (int i = 0; i < N_LAMBDA; i++) k[i] = 1.5 - 0.9 * i / N_LAMBDA;
  REQUIRE(cubix_axis_init(&behind.axis, k, N_LAMBDA, 1e-5, 0, 30));
  for (int r = 0; r < 2; r++) {
    struct cubix_placement *p = stars(r ? 300 : 1, 3);
    struct cubix_cube *cpu = full_cube(96, 154);
    struct cubix_histogram *want = NULL, *got = NULL;
    struct cubix_device *dev = open_gpu(params);
    for (size_t i = 0; i < p->start[N_SPAXEL]; i++)
      p->star[i].screen = i % 5 ? (cubix_real)(-1.2 * log(1 - uniform()) + (i % 401 == 1 ? 15 : 0)) : 0;
    CHECK_IS(cubix_histogram_build(&want, &behind, exponent_of(p), p, &tables), ==, CUBIX_OK);
    CHECK_IS(dev->ops->fill(dev, &got, &behind, exponent_of(p), p, &tables), ==, CUBIX_OK);
    REQUIRE(got && want);
    CHECK(same_histogram(got, want));
    CHECK_IS(cubix_multiply(cpu, want, &basis, 1e-3), ==, CUBIX_OK);
    for (int kept = 0; kept < 2; kept++) {
      struct cubix_cube *once = full_cube(96, 154);
      if (kept) CHECK_IS(dev->ops->keep(dev, &basis), ==, CUBIX_OK);
      CHECK_IS(dev->ops->multiply(dev, once, want, &basis, 1e-3), ==, CUBIX_OK);
      CHECK_CLOSE(apart(once, cpu), 0, 1e-6);
      cubix_cube_free(once);
    }
    cubix_device_close(dev);
    cubix_cube_free(cpu);
    cubix_histogram_free(want);
    cubix_histogram_free(got);
    cubix_placement_free(p);
  }
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
}

/* With memory for few spaxels' sums the same bits come in more batches; with too little for one it is said. */
static void test_deposit_memory(void)
{
  size_t memory = cuda_on_cpu.memory;
  struct cubix_placement *p = stars(2000, 2);
  struct cubix_histogram *want = histogram_of(p), *got = NULL;
  struct cubix_device *dev = open_gpu(params);
  for (cuda_on_cpu.memory = 40000; cuda_on_cpu.memory > 12200; cuda_on_cpu.memory -= 5000) {
    CHECK_IS(dev->ops->fill(dev, &got, &nodes, exponent_of(p), p, &tables), ==, CUBIX_OK);
    CHECK(same_histogram(got, want));
    cubix_histogram_free(got);
    got = NULL;
  }
  cuda_on_cpu.memory = 10000;
  CHECK_IS(dev->ops->fill(dev, &got, &nodes, exponent_of(p), p, &tables), ==, CUBIX_EDEVICE);
  CHECK(!got);
  CHECK_SAYS(cubix_error_message(), "stand-in GPU 0");
  CHECK_SAYS(cubix_error_message(), "MiB needed");
  CHECK_SAYS(cubix_error_message(), "are free");
  CHECK_SAYS(cubix_error_message(), "use Backend cpu");
  cuda_on_cpu.memory = memory;
  struct cubix_tables pchip = tables;
  pchip.pchip = 1;
  CHECK_IS(dev->ops->fill(dev, &got, &nodes, exponent_of(p), p, &pchip), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "direct method");
  cubix_error_clear();
  cubix_device_close(dev);
  cubix_histogram_free(want);
  cubix_placement_free(p);
}

/* All channels and slabs of them; mapped and read tiles, kept on the GPU or not; early and late; in
 * one go and, with little memory, in many. */
static void test_multiply(void)
{
  static const struct {
    int first, n;
    size_t memory;
  } row[] = { { 0, 250, 0 }, { 0, 250, 800000 }, { 96, 154, 0 }, { 192, 58, 0 }, { 0, 1, 0 }, { 96, 0, 0 } };
  size_t memory = cuda_on_cpu.memory;
  struct cubix_placement *p = stars(4000, 3);
  struct cubix_histogram *h = histogram_of(p);
  struct cubix_cube *whole = full_cube(0, 250);
  for (size_t r = 0; r < sizeof row / sizeof *row; r++) {
    struct cubix_cube *cpu = full_cube(row[r].first, row[r].n), *gpu[4];
    CHECK_IS(cubix_multiply(cpu, h, &basis, 1e-3), ==, CUBIX_OK);
    for (int way = 0; way < 4; way++) {
      struct cubix_device *dev = open_gpu(params);
      cuda_on_cpu.lazy = way % 2;
      cuda_on_cpu.memory = row[r].memory ? row[r].memory : memory;
      cuda_on_cpu.n_launch = 0, cuda_on_cpu.largest_locked = 0;
      if (way / 2) CHECK_IS(dev->ops->keep(dev, &basis), ==, CUBIX_OK);
      gpu[way] = full_cube(row[r].first, row[r].n);
      CHECK_IS(dev->ops->multiply(dev, gpu[way], h, &basis, 1e-3), ==, CUBIX_OK);
      double locked = 3. * (double)cuda_on_cpu.largest_locked,
             planned = dev->ops->locked_bytes(N_SPAXEL, row[r].n, 4. * (double)cubix_basis_tile_size(&basis), 0);
      CHECK(!row[r].n || row[r].memory || (planned >= locked && planned <= 1.1 * locked));
      CHECK_IS(cuda_on_cpu.n_launch > 0, ==, row[r].n > 0);
      CHECK_IS(cuda_on_cpu.n_launch > 6, ==, row[r].memory > 0);
      CHECK_CLOSE(apart(gpu[way], cpu), 0, 1e-6);
      CHECK(same_cube(gpu[way], gpu[0]));
      cubix_device_close(dev);
    }
    if (r == 0) memcpy(whole->flux, gpu[0]->flux, sizeof *whole->flux * N_SPAXEL * 250);
    for (size_t s = 0; s < N_SPAXEL; s++)      /* who owns which channels changes no bit */
      CHECK(!memcmp(gpu[0]->flux + s * (size_t)row[r].n, whole->flux + s * 250 + row[r].first,
                    sizeof *whole->flux * (size_t)row[r].n));
    for (int way = 0; way < 4; way++) cubix_cube_free(gpu[way]);
    cubix_cube_free(cpu);
  }
  cuda_on_cpu.lazy = 0;
  cuda_on_cpu.memory = memory;
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  cubix_cube_free(whole);
  cubix_histogram_free(h);
  cubix_placement_free(p);
}

/* A device keeps one basis at a time; another is not taken for it. */
static void test_keep(void)
{
  struct cubix_placement *p = stars(800, 3);
  struct cubix_histogram *h = histogram_of(p);
  struct cubix_basis other = basis;
  struct cubix_cube *cpu = full_cube(0, 250), *gpu;
  struct cubix_device *dev = open_gpu(params);
  CHECK_IS(cubix_multiply(cpu, h, &basis, 1), ==, CUBIX_OK);
  for (int turn = 0; turn < 4; turn++) {
    size_t live = cuda_on_cpu.n_live;
    CHECK_IS(dev->ops->keep(dev, turn == 0 ? &other : turn == 1 ? &basis : turn == 2 ? NULL : &basis), ==, CUBIX_OK);
    if (turn == 2) CHECK_IS(cuda_on_cpu.n_live, ==, live - 1);
    if (turn == 3) missing_tile = 1;           /* it is there: nobody asks for it again */
    gpu = full_cube(0, 250);
    CHECK_IS(dev->ops->multiply(dev, gpu, h, &basis, 1), ==, CUBIX_OK);
    CHECK_CLOSE(apart(gpu, cpu), 0, 1e-6);
    cubix_cube_free(gpu);
  }
  CHECK_IS(dev->ops->keep(dev, &basis), ==, CUBIX_EINPUT);
  gpu = full_cube(0, 250);
  CHECK_IS(dev->ops->multiply(dev, gpu, h, &basis, 1), ==, CUBIX_EINPUT);
  CHECK_SAYS(cubix_error_message(), "no tile 1");
  missing_tile = -1;
  cubix_error_clear();
  cubix_cube_free(gpu);
  cubix_cube_free(cpu);
  cubix_device_close(dev);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  cubix_histogram_free(h);
  cubix_placement_free(p);
}

static void *to_gpu(const void *host, size_t bytes)
{
  void *gpu = NULL;
  if (cudaMalloc(&gpu, bytes) || cudaMemcpy(gpu, host, bytes, cudaMemcpyHostToDevice)) abort();
  return gpu;
}

/* The tiled way against the plain kernel and against float64, on tile 1. */
static void test_plain(void)
{
  enum { SIZE = N_SPAXEL * CUBIX_TILE };
  struct cubix_placement *p = stars(6000, 4);
  struct cubix_histogram *h = histogram_of(p);
  struct cubix_cube *tiled = full_cube(96, 96);
  struct cubix_device *dev = open_gpu(params);
  size_t n_block = h->start[N_SPAXEL];
  struct cubix_cuda_plain_block *block = calloc(n_block, sizeof *block);
  float *weight = calloc(h->n_value, sizeof *weight), *out = malloc(SIZE * sizeof *out);
  double *exact = calloc(SIZE, sizeof *exact), worst = 0, plain = 0;
  for (size_t s = 0; s < N_SPAXEL; s++)
    for (size_t b = h->start[s]; b < h->start[s + 1]; b++) {
      const struct cubix_block *from = &h->block[b];
      block[b] = (struct cubix_cuda_plain_block){ slot[from->row], from->node, from->n, (uint32_t)from->at };
      for (int j = 0; j < from->n; j++) {
        double mass = (double)h->value[from->at + (size_t)j] * ldexp(1e-3, -h->exponent[s]);
        weight[from->at + (size_t)j] = (float)mass;
        for (int k = 0; k < CUBIX_TILE; k++)
          exact[s * CUBIX_TILE + (size_t)k] +=
              mass * (double)d_of(&basis, slot[from->row], from->node + j, CUBIX_TILE + k);
      }
    }
  for (size_t i = 0; i < SIZE; i++) out[i] = 7;
  cudaStream_t stream;
  cuda_on_cpu.current = 0;                     /* the test works on the GPU itself */
  if (cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking)) abort();
  void *gpu[5] = { to_gpu(h->start, (N_SPAXEL + 1) * sizeof *h->start), to_gpu(block, n_block * sizeof *block),
                   to_gpu(weight, h->n_value * sizeof *weight),
                   to_gpu(mapped_tile[1], cubix_basis_tile_size(&basis) * sizeof(float)),
                   to_gpu(out, SIZE * sizeof *out) };
  CHECK_IS(cudaDeviceSynchronize(), ==, cudaSuccess);               /* the stream does not wait for such copies */
  const struct cubix_cuda_plain of = { N_SPAXEL, N_NODE, gpu[0], gpu[1], gpu[2] };
  CHECK_IS(cubix_cuda_tile_plain(&of, gpu[3], gpu[4], stream), ==, cudaSuccess);
  CHECK_IS(cudaStreamSynchronize(stream), ==, cudaSuccess);
  CHECK_IS(cudaMemcpy(out, gpu[4], SIZE * sizeof *out, cudaMemcpyDeviceToHost), ==, cudaSuccess);
  CHECK_IS(dev->ops->multiply(dev, tiled, h, &basis, 1e-3), ==, CUBIX_OK);
  for (size_t i = 0; i < SIZE; i++) {
    double there = exact[i] + 7;
    worst = check_worst(worst, fabs((double)tiled->flux[i] - there) / there);
    plain = check_worst(plain, fabs((double)out[i] - there) / there);
  }
  CHECK_CLOSE(worst, 0, 6e-7);
  CHECK_CLOSE(plain, 0, 3e-6);                 /* sums of many terms, one by one */
  for (int i = 0; i < 5; i++) cudaFree(gpu[i]);
  cudaStreamDestroy(stream);
  cubix_device_close(dev);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  CHECK_IS(cuda_on_cpu.current, ==, 0);
  cuda_on_cpu.current = -1;
  free(block), free(weight), free(out), free(exact);
  cubix_cube_free(tiled);
  cubix_histogram_free(h);
  cubix_placement_free(p);
}

/* The whole of it: keep, deposit, multiply. */
static int paint(const struct cubix_placement *p, const int32_t *exponent, struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  struct cubix_device *dev = NULL;
  struct cubix_histogram *h = NULL;
  CUBIX_TRY(cubix_device_open(&dev, params, 0, 1));
  CUBIX_TRY(dev->ops->fill(dev, &h, &nodes, exponent, p, &tables));
  CUBIX_TRY(dev->ops->multiply(dev, cube, h, &basis, 1e-3));
  CUBIX_TRY(dev->ops->keep(dev, &basis));
  CUBIX_TRY(dev->ops->multiply(dev, cube, h, &basis, 1e-3));
done:
  cubix_histogram_free(h);
  cubix_device_close(dev);
  return status;
}

/* Every call of CUDA, and every allocation of ours, fails once: an error with a message or, where
 * it does not matter, the right cube; nothing is kept. */
static void test_failures(void)
{
  struct cubix_placement *p = stars(60, 3);
  int32_t *exponent = exponent_of(p);
  struct cubix_cube *want = full_cube(192, 58);
  omp_set_num_threads(1);
  for (int kind = 0; kind < 3; kind++) {       /* calls, calls with work done late, allocations */
    int n_error = 0, n_ignored = 0;
    cuda_on_cpu.lazy = kind == 1;
    cuda_on_cpu.n_call = n_alloc = 0;
    cubix_cube_free(want);
    want = full_cube(192, 58);
    CHECK_IS(paint(p, exponent, want), ==, CUBIX_OK);
    for (long n = kind == 2 ? n_alloc : cuda_on_cpu.n_call, i = 1; i <= n; i++) {
      struct cubix_cube *cube = full_cube(192, 58);
      cuda_on_cpu.n_call = n_alloc = 0;
      if (kind == 2) fail_alloc_at = n_alloc + i;
      else cuda_on_cpu.fail_at = i;
      int status = paint(p, exponent, cube);
      cuda_on_cpu.fail_at = fail_alloc_at = 0;
      if (kind == 2) n_error += status == CUBIX_ENOMEM && strstr(cubix_error_message(), "cannot allocate");
      else n_error += status == CUBIX_EDEVICE && strstr(cubix_error_message(), "use Backend cpu");
      n_ignored += status == CUBIX_OK && same_cube(cube, want);
      CHECK_IS(n_error + n_ignored, ==, i);
      CHECK_IS(cuda_on_cpu.n_live, ==, 0);
      cubix_error_clear();
      cubix_cube_free(cube);
    }
    if (kind == 2) {
      CHECK_IS(n_error, >, 15);
      CHECK_IS(n_ignored, ==, 0);
    } else {
      /* three streams after each of four steps, before larger staging buffers, on closing; the
       * context, there; 8 times idle memory is given up */
      CHECK_IS(n_error, >, 100);
      CHECK_IS(n_ignored, ==, 27);
    }
  }
  cuda_on_cpu.lazy = 0;
  cubix_cube_free(want);
  cubix_placement_free(p);
}

/* What does not go together is refused before anything is tried. */
static void test_limits(void)
{
  size_t memory = cuda_on_cpu.memory;
  struct cubix_placement *p = stars(450, 3);
  struct cubix_histogram *h = histogram_of(p);
  struct cubix_device *dev = open_gpu(params);
  size_t live = cuda_on_cpu.n_live;
  static const struct {
    int first, n;
    const char *why;
  } row[] = { { 1, 20, "not a multiple of 96" }, { 192, 59, "templates have 250" } };
  for (size_t r = 0; r < sizeof row / sizeof *row; r++) {
    struct cubix_cube *cube = full_cube(row[r].first, row[r].n);
    CHECK_IS(dev->ops->multiply(dev, cube, h, &basis, 1), ==, CUBIX_EFAIL);
    CHECK_SAYS(cubix_error_message(), row[r].why);
    cubix_cube_free(cube);
  }
  struct cubix_cube *cube = full_cube(0, 250);
  h->nodes.step = 21;
  CHECK_IS(dev->ops->multiply(dev, cube, h, &basis, 1), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "every 21 km/s");
  h->nodes.step = 20;
  cube->n_x--;
  CHECK_IS(dev->ops->multiply(dev, cube, h, &basis, 1), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "a cube of 11 x 20");
  cube->n_x++;
  slot[9] = -1;
  CHECK_IS(dev->ops->multiply(dev, cube, h, &basis, 1), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "row 9");
  slot[9] = N_ROW - 10;
  cuda_on_cpu.memory = 500000;
  CHECK_IS(dev->ops->multiply(dev, cube, h, &basis, 1), ==, CUBIX_EDEVICE);
  CHECK_SAYS(cubix_error_message(), "stand-in GPU 0");
  CHECK_SAYS(cubix_error_message(), "MiB needed");
  CHECK_SAYS(cubix_error_message(), "of 0.5 MiB are free");
  CHECK_IS(dev->ops->keep(dev, &basis), ==, CUBIX_OK);          /* no room for it is no error */
  CHECK_IS(cuda_on_cpu.n_live, ==, live);
  cuda_on_cpu.memory = memory;
  cubix_error_clear();
  cubix_cube_free(cube);
  cubix_device_close(dev);
  cubix_histogram_free(h);
  cubix_placement_free(p);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  if (cubix_params_init(&params) || cubix_params_set(params, "Backend", "cuda")) abort();
  make_basis();
  for (int i = 0; cuda_on_cpu_pass(i); i++) {
    CASE_OF(test_deposit(), "seed %lu", cuda_on_cpu.seed);
    CASE_OF(test_deposit_memory(), "seed %lu", cuda_on_cpu.seed);
    CASE_OF(test_dust(), "seed %lu", cuda_on_cpu.seed);
    CASE_OF(test_multiply(), "seed %lu", cuda_on_cpu.seed);
    CASE_OF(test_keep(), "seed %lu", cuda_on_cpu.seed);
    CASE_OF(test_plain(), "seed %lu", cuda_on_cpu.seed);
  }
  if (!cuda_on_cpu_brief()) {
    CASE(test_failures());
    CASE(test_limits());
  }
  free(mapped_tile[1]);
  cubix_params_free(params);
  return check_done();
}
