/* test_histogram.c -- the CPU's half of the histogram engine against slow formulas: deposit by long
 * double sums, multiply by a triple loop in float64. */
#include "tests/check.h"

#include "tests/histogram_lab.h"

static struct cubix_histogram *build(const struct cubix_placement *p, const int32_t *exponent, int n_thread)
{
  struct cubix_histogram *h = NULL;
  omp_set_num_threads(n_thread);
  CHECK_IS(cubix_histogram_build(&h, &nodes, exponent, p, &tables), ==, 0);
  return h;
}

/* Every value against the sum over the stars; mass and momentum, which the splines keep; and the
 * shape of the blocks. */
static void test_deposit(size_t n_star, double decades)
{
  struct cubix_placement *p = stars(n_star, decades);
  int32_t exponent[N_SPAXEL];
  scale_of(exponent, p);
  struct cubix_histogram *h = build(p, exponent, 2);
  double *dense = calloc(N_ROW * 26, sizeof *dense), worst = 0, lost = 0, astray = 0;
  size_t at = 0, ends = 0, shape = 0, missed = 0, beyond = 0;
  for (size_t s = 0; s < N_SPAXEL; s++) {
    double mass = 0, sum = 0, speed = 0, unit = ldexp(1., -exponent[s]), n = (double)(p->start[s + 1] - p->start[s]);
    memset(dense, 0, N_ROW * 26 * sizeof *dense);
    for (size_t i = p->start[s]; i < p->start[s + 1]; i++) {
      struct cubix_mix mix;
      double f, w[6];
      int j = cubix_node_of(&nodes, p->star[i].velocity, &f);
      beyond += (j < 0) != (fabs(p->star[i].velocity) > 200.);
      if (j < 0) continue;
      cubix_node_weights(f, w);
      cubix_mix_of(&tables, &p->star[i], &mix);
      for (int c = 0; c < 4; c++)
        for (int k = 0; k < 6; k++) dense[mix.row[c] * 26 + j + k] += p->star[i].mass_formed * mix.weight[c] * w[k];
      mass += p->star[i].mass_formed;
      speed += p->star[i].mass_formed * p->star[i].velocity;
    }
    int row = -1;
    for (size_t b = h->start[s]; b < h->start[s + 1]; b++) {
      const struct cubix_block *block = &h->block[b];
      shape +=
          block->row <= row || block->at != at || block->n < 1 || block->node < 0 || block->node + block->n > nodes.n;
      row = block->row;
      ends += h->value[at] <= 0 || h->value[at + (size_t)block->n - 1] <= 0;
      for (int k = 0; k < block->n; k++, at++) {
        double value = (double)h->value[at] * unit, *expected = &dense[row * 26 + block->node + k];
        worst = check_worst(worst, fabs(value - *expected) / (1e-12 * *expected + 0.5 * n * unit));
        sum += value;
        speed -= value * (nodes.step * (block->node + k - 2) - nodes.reach);
        *expected = 0;
      }
    }
    for (int k = 0; k < N_ROW * 26; k++) missed += !(dense[k] <= 0.5 * n * unit);
    if (mass > 0) lost = check_worst(lost, fabs(sum - mass) / mass), astray = check_worst(astray, fabs(speed) / mass);
  }
  CHECK_IS(at, ==, h->n_value);
  CHECK_IS(h->n_value, >, 0);
  CHECK_IS(shape, ==, 0);
  CHECK_IS(ends, ==, 0);
  CHECK_IS(missed, ==, 0);
  CHECK_IS(beyond, ==, 0);
  CHECK_CLOSE(worst, 0., 1.);
  CHECK_CLOSE(lost, 0., 0x1p-40);
  CHECK_CLOSE(astray, 0., 1e-9);
  free(dense);
  cubix_histogram_free(h);
  cubix_placement_free(p);
}

/* Any number of threads, and any division into parts: the same bits. */
static void test_same_bits(void)
{
  enum { N_PART = 5 };
  struct cubix_placement *p = stars(60000, 6.), *share[N_PART];
  struct cubix_histogram *whole, *part[N_PART + 2] = { NULL }, *sum = NULL, *again = NULL;
  int32_t exponent[N_SPAXEL];
  scale_of(exponent, p);
  whole = build(p, exponent, 1);
  for (int t = 2; t <= 5; t++) {
    struct cubix_histogram *h = build(p, exponent, t);
    CHECK(same_histogram(whole, h));
    cubix_histogram_free(h);
  }
  /* parts of a half, a quarter ... of the stars; the last but one is empty */
  for (int q = 0; q < N_PART; q++) {
    CHECK_IS(cubix_placement_init(&share[q], N_SPAXEL, p->start[N_SPAXEL]), ==, 0);
    for (size_t s = 0, n = 0; s < N_SPAXEL; s++) {
      for (size_t i = p->start[s]; i < p->start[s + 1]; i++) {
        int owner = i & 1 ? 0 : i & 2 ? 1 : i & 4 ? 2 : N_PART - 1;
        if (owner == q) share[q]->star[n++] = p->star[i];
      }
      share[q]->start[s + 1] = n;
    }
    part[N_PART - q] = build(share[q], exponent, 1 + q % 2);   /* part[0] and part[N_PART + 1] stay NULL */
    cubix_placement_free(share[q]);
  }
  for (int t = 1; t <= 3; t++) {
    omp_set_num_threads(t);
    CHECK_IS(cubix_histogram_merge(&sum, part, N_PART + 2), ==, 0);
    REQUIRE(sum);
    CHECK(same_histogram(whole, sum));
    cubix_histogram_free(sum);
  }
  CHECK_IS(cubix_histogram_merge(&again, part + 4, 3), ==, 0);      /* in steps */
  cubix_histogram_free(part[4]);
  cubix_histogram_free(part[5]);
  part[4] = NULL;
  part[5] = again;
  CHECK_IS(cubix_histogram_merge(&sum, part, N_PART + 2), ==, 0);
  REQUIRE(sum);
  CHECK(same_histogram(whole, sum));
  CHECK_IS(cubix_histogram_value_start(sum, 0), ==, 0);
  CHECK_IS(cubix_histogram_value_start(sum, N_SPAXEL), ==, sum->n_value);
  CHECK_IS(cubix_histogram_value_start(sum, 1), ==, cubix_histogram_value_start(sum, 2));
  CHECK_IS(cubix_histogram_value_start(sum, 3), >, cubix_histogram_value_start(sum, 2));
  cubix_histogram_free(sum);
  part[5]->exponent[3]++;
  CHECK_IS(cubix_histogram_merge(&sum, part, N_PART + 2), ==, CUBIX_EFAIL);
  CHECK(!sum);
  part[5]->exponent[3]--;
  struct cubix_histogram_stack stack = { 0 };
  CHECK_IS(cubix_histogram_stack_take(&sum, &stack), ==, 0);
  CHECK(!sum);
  for (int q = 0; q < N_PART + 2; q++)                         /* of any size, taken by the stack */
    if (part[q]) {
      CHECK_IS(cubix_histogram_stack_add(&stack, part[q]), ==, 0);
      CHECK_IS(stack.n, >, 0);
      CHECK_IS(stack.n, <, CUBIX_HISTOGRAM_STACK);
    }
  CHECK_IS(cubix_histogram_stack_take(&sum, &stack), ==, 0);
  REQUIRE(sum);
  CHECK(same_histogram(whole, sum));
  CHECK_IS(stack.n, ==, 0);
  cubix_histogram_free(sum);
  cubix_histogram_stack_free(&stack);
  CHECK_IS(cubix_histogram_merge(&sum, (struct cubix_histogram *[]){ NULL, NULL }, 2), ==, 0);
  CHECK(!sum);
  cubix_histogram_free(whole);
  cubix_placement_free(p);
}

static void test_scale(void)
{
  static const uint64_t count[] = { 0, 1, 1, 2048, 2049, 1000000, 5, 3, 2, (uint64_t)1 << 40 };
  static const double mass[] = { 0, 1., 0.75, 1e5, 1e5, 1e12, 1e-5, 0., 1e-320, 3. };
  int32_t e[10];
  cubix_histogram_scale(e, count, mass, 10);
  for (int i = 0; i < 10; i++) {
    CHECK_IS(ldexp(mass[i], e[i]), <, 0x1p51);
    CHECK_IS((double)count[i] * ldexp(mass[i], e[i]), <=, 0x1p62);
    CHECK_IS(e[i], <=, 1000);
    CHECK(isfinite(ldexp(1., e[i])));
  }
  CHECK_IS(e[1], ==, 50);
  CHECK_IS(e[2], ==, 51);
  CHECK_IS(e[3], ==, 51 - 17);
  CHECK_IS(e[4], ==, 50 - 17);
  CHECK_IS(e[5], ==, 62 - 20 - 40);
  CHECK_IS(e[7], ==, 0);
  CHECK_IS(e[9], ==, 62 - 40 - 2);
}

static double expected(const struct cubix_histogram *h, const struct cubix_basis *b, size_t s, int channel)
{
  double sum = 0;
  for (size_t i = h->start[s]; i < h->start[s + 1]; i++)
    for (int j = 0; j < h->block[i].n; j++)
      sum += ldexp(scale * (double)h->value[h->block[i].at + (size_t)j], -h->exponent[s]) *
             (double)d_of(b, b->slot[h->block[i].row], h->block[i].node + j, channel);
  return sum;
}

/* Each instruction set against the triple loop, for whole and partial tiles; added to what is there. */
static void test_multiply(const struct cubix_histogram *h)
{
  static const char *const name[] = { "AVX-512", "AVX2", "NEON", "baseline" };
  static const int n_lambda[] = { 1, 7, CUBIX_TILE - 1, CUBIX_TILE, CUBIX_TILE + 1, 3 * CUBIX_TILE + 17 };
  int32_t slot[N_ROW];
  int n_run = 0;
  for (int i = 0; i < 4; i++)
    for (int c = 0; c < 6; c++) {
      struct cubix_basis basis = basis_of(slot, n_lambda[c]);
      struct cubix_cube cube = cube_of(0, n_lambda[c]);
      double worst = 0;
      omp_set_num_threads(1 + c % 3);
      int status = cubix_multiply_by(&cube, h, &basis, scale, name[i]);
      CHECK(status == CUBIX_OK || (status == CUBIX_EDEVICE && strcmp(name[i], cubix_multiply_name())));
      for (size_t s = 0; s < N_SPAXEL && !status; s++)
        for (int k = 0; k < n_lambda[c]; k++) {
          double is = (double)cube.flux[s * (size_t)n_lambda[c] + (size_t)k], should = expected(h, &basis, s, k);
          worst = check_worst(worst, should > 0 ? fabs(is / should - 1.) : fabs(is));
        }
      CHECK_CLOSE(worst, 0., 1e-6);
      if (!status) n_run++;
      free(cube.flux);
    }
  CHECK_IS(n_run, >=, 6);
}

/* Threads, and slabs of channels that start at a tile: the same bits; a second product doubles them. */
static void test_slabs(const struct cubix_histogram *h)
{
  enum { N = 4 * CUBIX_TILE + 5 };
  int32_t slot[N_ROW];
  struct cubix_basis basis = basis_of(slot, N);
  struct cubix_cube whole = cube_of(0, N);
  size_t different = 0;
  omp_set_num_threads(1);
  CHECK_IS(cubix_multiply(&whole, h, &basis, scale), ==, 0);
  for (int t = 1; t <= 4; t++)
    for (int first = 0; first < N; first += CUBIX_TILE)
      for (int n = CUBIX_TILE - 9; first + n <= N; n += CUBIX_TILE) {
        struct cubix_cube slab = cube_of(first, n);
        omp_set_num_threads(t);
        CHECK_IS(cubix_multiply(&slab, h, &basis, scale), ==, 0);
        for (size_t s = 0; s < N_SPAXEL; s++)
          different +=
              memcmp(slab.flux + s * (size_t)n, whole.flux + s * N + first, (size_t)n * sizeof *slab.flux) != 0;
        free(slab.flux);
      }
  CHECK_IS(different, ==, 0);
  struct cubix_cube twice = cube_of(0, N);
  CHECK_IS(cubix_multiply(&twice, h, &basis, scale), ==, 0);
  CHECK_IS(cubix_multiply(&twice, h, &basis, scale), ==, 0);
  for (size_t i = 0; i < (size_t)N_SPAXEL * N; i++) different += twice.flux[i] != 2 * whole.flux[i];
  CHECK_IS(different, ==, 0);
  free(twice.flux);
  free(whole.flux);
}

/* What cannot be multiplied is refused in words; nothing times something is nothing. */
static void test_refused(const struct cubix_histogram *h)
{
  int32_t slot[N_ROW];
  struct cubix_basis basis = basis_of(slot, 3 * CUBIX_TILE);
  struct cubix_cube cube = cube_of(0, 3 * CUBIX_TILE), odd = cube_of(5, 10), nothing = cube_of(0, 0);
  struct cubix_placement *none = NULL;
  int32_t exponent[N_SPAXEL] = { 0 };
  omp_set_num_threads(3);
  missing_tile = 1;
  CHECK_IS(cubix_multiply(&cube, h, &basis, scale), ==, CUBIX_EINPUT);
  CHECK_SAYS(cubix_error_message(), "no tile 1");
  missing_tile = -1;
  CHECK_IS(cubix_multiply(&odd, h, &basis, scale), ==, CUBIX_EFAIL);
  CHECK_IS(cubix_multiply(&nothing, h, &basis, scale), ==, CUBIX_OK);
  basis.n_lambda = CUBIX_TILE;
  CHECK_IS(cubix_multiply(&cube, h, &basis, scale), ==, CUBIX_EFAIL);
  basis.n_lambda = 3 * CUBIX_TILE;
  slot[h->block[0].row] = -1;
  CHECK_IS(cubix_multiply(&cube, h, &basis, scale), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "library row");
  CHECK_IS(cubix_placement_init(&none, N_SPAXEL, 0), ==, 0);
  struct cubix_histogram *empty = build(none, exponent, 2);
  memset(cube.flux, 0, sizeof *cube.flux * 3 * CUBIX_TILE * N_SPAXEL);
  CHECK_IS(empty->n_value, ==, 0);
  CHECK_IS(cubix_multiply(&cube, empty, &basis, scale), ==, 0);
  CHECK_IS(cube.flux[0], ==, 0);
  struct cubix_tables pchip = tables;
  struct cubix_histogram *refused = NULL;
  pchip.pchip = 1;
  CHECK_IS(cubix_histogram_build(&refused, &nodes, exponent, none, &pchip), ==, CUBIX_EFAIL);
  CHECK(!refused);
  cubix_histogram_free(empty);
  cubix_placement_free(none);
  free(cube.flux);
  free(odd.flux);
  free(nothing.flux);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_scale());
  CASE(test_deposit(1, 0.));
  CASE(test_deposit(300, 2.));
  CASE(test_deposit(100000, 12.));
  CASE(test_same_bits());
  struct cubix_placement *p = stars(40000, 3.);
  int32_t exponent[N_SPAXEL];
  scale_of(exponent, p);
  struct cubix_histogram *h = build(p, exponent, 2);
  CASE(test_multiply(h));
  CASE(test_slabs(h));
  CASE(test_refused(h));
  cubix_histogram_free(h);
  cubix_placement_free(p);
  return check_done();
}
