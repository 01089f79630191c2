/* test_basis.c -- templates on a velocity grid: the B-splines, the channels' weights, the fit and
 * its certificate (library: basis_lab.h). */
#include "tests/basis_lab.h"

#include "base/worst.h"
#include "physics/pixel.h"

/* ---- B-splines and weights ------------------------------------------------------------------- */
/* The recursion of Cox and de Boor on the integers, order n, support [0, n]. */
static double cox_de_boor(int n, double x)
{
  if (n == 1) return x >= 0 && x < 1;
  return (x * cox_de_boor(n - 1, x) + (n - x) * cox_de_boor(n - 1, x - 1)) / (n - 1);
}

static void b_splines(void)
{
  struct cubix_nodes nodes = cubix_basis_nodes(600, 40);
  double w[CUBIX_N_WEIGHT], f = 0;
  CHECK_IS(nodes.n, ==, 36);
  CHECK_IS(cubix_basis_nodes(600, 25).n, ==, 54);
  CHECK_IS(cubix_basis_nodes(100, 30).n, ==, 13);
  CHECK_IS(cubix_node_of(&nodes, 600.01, &f), ==, -1);
  CHECK_IS(cubix_node_of(&nodes, -600.01, &f), ==, -1);
  CHECK_IS(cubix_node_of(&nodes, NAN, &f), ==, -1);
  for (int i = 0; i <= 480; i++) {
    double v = -600 + 2.5 * i, sum = 0, mean = 0;
    int j = cubix_node_of(&nodes, v, &f);
    CHECK_IS(j, >=, 0);
    CHECK_IS(j + CUBIX_N_WEIGHT, <=, nodes.n);
    cubix_node_weights(f, w);
    for (int q = 0; q < CUBIX_N_WEIGHT; q++) {
      CHECK_CLOSE(w[q], cox_de_boor(6, f + 5 - q), 1e-15);
      CHECK_IS(w[q], >=, 0);
      sum += w[q];
      mean += w[q] * (-nodes.reach + (j + q - 2) * nodes.step);
    }
    CHECK_CLOSE(sum, 1, 1e-15);
    /* straight lines are reproduced: the nodes are where the header says */
    CHECK_CLOSE(mean, v, 1e-10);
  }
}

static void pixel_weights(const struct lab *lab)
{
  const struct cubix_tables *v = &lab->templates.tables;
  double lo = lab->knot[0], hi = lab->knot[N_KNOT - 1];
  for (int trial = 0; trial < 300; trial++) {
    double x0 = lo - 3 + (hi - lo + 6) * uniform(), x1 = x0 + (trial % 3 ? 1.25 : 20) * uniform(),
           w[2 * 40] = { 0 }, sum = 0;
    int first, n = cubix_pixel_knots(v, x0, x1, &first), t = trial % N_ROW;
    CHECK_IS(n, <=, 40);
    CHECK_IS(first, >=, 0);
    CHECK_IS(first + n, <=, N_KNOT);
    cubix_pixel_add(v, x0, x1, 1, first, w);
    for (int q = 0; q < 2 * n; q++) sum += w[q] * (double)v->row[t * v->row_stride + 2 * first + q];
    CHECK_CLOSE(sum, quadrature(lab, t, x0, x1), 1e-13);
    CHECK_IS(n > 0, ==, x1 > lo && x0 < hi);
  }
}

/* ---- the basis ------------------------------------------------------------------------------- */
static double from_basis(const struct cubix_basis *basis, float *const *tile, int t, int k, double v)
{
  double w[CUBIX_N_WEIGHT], f = 0, sum = 0;
  int j = cubix_node_of(&basis->nodes, v, &f);
  const float *d = tile[k / CUBIX_TILE] + ((size_t)basis->slot[t] * (size_t)basis->nodes.n + (size_t)j) * CUBIX_TILE +
                   k % CUBIX_TILE;
  cubix_node_weights(f, w);
  for (int q = 0; q < CUBIX_N_WEIGHT; q++) sum += w[q] * (double)d[q * CUBIX_TILE];
  return sum;
}

static void accuracy(const struct lab *lab)
{
  const double tolerance[] = { 1e-3, 1e-4, 1e-5 };
  double step = 100;
  for (int i = 0; i < 3; i++) {
    struct cubix_basis *basis = build(lab, tolerance[i], "none", NULL);
    double worst = 0;
    CHECK(basis != NULL);
    if (!basis) continue;
    float **tile = tiles_of(basis);
    CHECK_IS(basis->certified, >, 0);
    CHECK_IS(1.1 * basis->certified, <=, 0.8 * tolerance[i]);
    CHECK_IS(basis->nodes.step, <=, step);
    step = basis->nodes.step;
    CHECK_IS(basis->n_template, ==, N_ROW);
    CHECK_IS(basis->n_tile, ==, 3);
    CHECK_IS(basis->nodes.reach, >=, REACH);
    for (int trial = 0; trial < 20000; trial++) {
      int t = (int)(N_ROW * uniform()), k = (int)(N_LAMBDA * uniform());
      double v = REACH * (2 * uniform() - 1), b = channel_at(lab, t, k, v);
      /* beyond the end nothing to be relative to */
      if (basis->ending[t] && (basis->at_end[k] || lab->edge[k] / lab->templates.tables.one_plus_z > 5150)) continue;
      worst = check_worst(worst, fabs(from_basis(basis, tile, t, k, v) - b) / b);
    }
    CHECK_IS(worst, >, 0.2 * basis->certified);       /* the certificate is no idle bound */
    CHECK_CLOSE(worst, 0, 1.1 * basis->certified + 2e-7);
    for (size_t j = 0; j < (size_t)N_ROW * (size_t)basis->nodes.n; j++)
      CHECK_IS(tile[2][j * CUBIX_TILE + N_LAMBDA % CUBIX_TILE], ==, 0);
    tiles_free(basis, tile);
    cubix_basis_free(basis);
  }
}

/* Straight lines between points have kinks: no step of the grid follows them to 1e-5; broad lines
 * on the same grid are no help. */
static void refusal(void)
{
  struct lab *lab = malloc(sizeof *lab);
  lab_init(lab, 1.2, 0, 5040);
  CHECK(build(lab, 1e-5, "none", NULL) == NULL);
  lab->templates.tables.pchip = 1;
  CHECK(build(lab, 1e-3, "none", NULL) == NULL);
  free(lab);
}

/* Memory for the first two tiles. */
static void keep_two(struct cubix_basis *basis)
{
  struct cubix_shared_memory memory;
  REQUIRE(cubix_shared_memory_own(&memory, 2 * cubix_basis_tile_size(basis) * sizeof(float)));
  cubix_basis_keep(basis, 2, &memory);
  CHECK(!memory.at);
}

/* Only the rows in use, and computed on demand: the same numbers. */
static void subset(const struct lab *lab)
{
  unsigned char only[N_ROW] = { 0 };
  only[4] = only[20] = only[36] = 1;
  struct cubix_basis *all = NULL, *few = NULL;
  struct cubix_nodes nodes = cubix_basis_nodes(REACH, 15);
  REQUIRE(cubix_basis_init(&all, &lab->templates, &nodes, NULL, 1e-4) == CUBIX_OK);
  CHECK_IS(cubix_basis_init(&few, &lab->templates, &nodes, only, 1e-4), ==, CUBIX_OK);
  CHECK_IS(few->n_template, ==, 3);
  CHECK_IS(few->slot[4], ==, 0);
  CHECK_IS(few->slot[20], ==, 1);
  CHECK_IS(few->slot[36], ==, 2);
  CHECK_IS(few->slot[5], ==, -1);
  keep_two(all);
  struct cubix_basis_state *state = all->state;
  const int i[2] = { 0, 1 };
  double worst = 0;
  CHECK_IS(cubix_basis_fit_tiles(&state->fit, state->row, N_ROW, i, 2, state->kept, &worst, 1), ==, CUBIX_OK);
  CHECK_IS(worst, >, 0);
  float **a = tiles_of(all), **b = tiles_of(few);
  for (int tile = 0; tile < 3; tile++)
    for (int t = 0; t < N_ROW; t++)
      if (only[t])
        CHECK(!memcmp(a[tile] + (size_t)t * (size_t)nodes.n * CUBIX_TILE,
                      b[tile] + (size_t)few->slot[t] * (size_t)nodes.n * CUBIX_TILE,
                      (size_t)nodes.n * CUBIX_TILE * sizeof(float)));
  tiles_free(all, a);
  tiles_free(few, b);
  cubix_basis_free(all);
  cubix_basis_free(few);
}

/* No error is small that is not a number: a template with a hole is refused, and a coefficient that
 * is NaN stays the worst of its row. */
static void not_a_number(void)
{
  CHECK(isnan(check_worst(check_worst(1, NAN), 2)));
  CHECK(isnan(check_worst(NAN, 0)));
  CHECK_IS(check_worst(1, 2), ==, 2);
  CHECK_IS(check_worst(2, 1), ==, 2);
  CHECK(isnan(cubix_worst(cubix_worst(1, (double)NAN), 2)));
  CHECK_IS(cubix_worst(1, 2), ==, 2);
  CHECK_IS(cubix_worst(2, 1), ==, 2);
  struct lab *lab = malloc(sizeof *lab);
  struct cubix_basis *basis = NULL;
  struct cubix_nodes nodes = cubix_basis_nodes(REACH, 15);
  double worst[CUBIX_BASIS_FIT_LANE] __attribute__((aligned(64))) = { 0 },
                                     least[CUBIX_BASIS_FIT_LANE] __attribute__((aligned(64))),
                                     value[CUBIX_BASIS_FIT_LANE] __attribute__((aligned(64)));
  double d[CUBIX_N_WEIGHT][CUBIX_BASIS_FIT_LANE] __attribute__((aligned(64))), weight = 1;
  double phi[3][CUBIX_N_WEIGHT] = { { 0.5, 0.25, 0.25, 0, 0, 0 }, { 1, 0, 0, 0, 0, 0 }, { 0, 0.75, 0.25, 0, 0, 0 } };
  int i = 1, first[3] = { 0 }, count[3] = { 1, 1, 1 }, node[3] = { 0 };
  size_t at[3] = { 0 };
  struct cubix_forms forms = { .n = 3, .first = first, .count = count, .at = at, .weight = &weight };
  lab_init(lab, 1.02, 1, 5075);
  lab->row[20 * lab->templates.tables.row_stride + 2 * (N_KNOT / 2)] = (cubix_real)NAN;
  REQUIRE(cubix_basis_init(&basis, &lab->templates, &nodes, NULL, 1e-4) == CUBIX_OK);
  keep_two(basis);
  struct cubix_basis_state *state = basis->state;
  CHECK_IS(cubix_basis_fit_tiles(&state->fit, state->row, N_ROW, &i, 1, &state->kept[1], worst, 1), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "not finite");
  cubix_basis_free(basis);
  free(lab);
  for (int lane = 0; lane < CUBIX_BASIS_FIT_LANE; lane++) {
    worst[lane] = 0, value[lane] = 2, least[lane] = 1e-3;
    for (int q = 0; q < CUBIX_N_WEIGHT; q++) d[q][lane] = lane == 7 && q == 2 ? NAN : 2.5;
    if (lane == 9) d[0][lane] = INFINITY;
  }
  cubix_basis_fit_kernel_best()->check(&forms, node, (const double(*)[CUBIX_N_WEIGHT])phi, value, &d[0][0], least,
                                       worst);
  for (int lane = 0; lane < CUBIX_BASIS_FIT_LANE; lane++)
    CHECK(lane == 7 || lane == 9 ? !isfinite(worst[lane]) : worst[lane] == 0.25);
}

/* Channels that the library does not cover: left out where it is seen, nothing where it is not. */
static void edges(void)
{
  struct lab *lab = malloc(sizeof *lab);
  int n_open = 0, n_empty = 0;
  lab_init(lab, 1.2, 1, 4985);                   /* knots begin at 4900 AA rest, 4998 AA observed */
  struct cubix_basis *basis = build(lab, 1e-4, "none", NULL);
  CHECK(basis != NULL);
  if (basis) {
    float **tile = tiles_of(basis);
    for (int k = 0; k < N_LAMBDA; k++) {
      CHECK(!basis->unbounded[k]);
      for (int j = 0; j < basis->nodes.n && !lab->covered[k]; j++) {
        double b = channel_at(lab, 7, k, -basis->nodes.reach + (j - 2) * basis->nodes.step);
        float d = tile[k / CUBIX_TILE][((size_t)7 * (size_t)basis->nodes.n + (size_t)j) * CUBIX_TILE + k % CUBIX_TILE];
        CHECK_IS(d, ==, 0);
        CHECK(b == 0 || (basis->at_end[k] && basis->ending[7]));
        n_open += b > 0;
        n_empty += b == 0;
      }
    }
    CHECK_IS(n_open, >, 50);
    CHECK_IS(n_empty, >, 50);
    /* just inside: covered, and as good as elsewhere, although the fit's own margin looks beyond the library */
    int k = 0;
    while (!lab->covered[k]) k++;
    CHECK_IS(k, >, 10);
    CHECK(k < N_LAMBDA / 2);
    CHECK(!basis->at_end[k]);
    for (int i = -300; i <= 300; i += 7)
      CHECK_CLOSE(from_basis(basis, tile, 7, k, i) / channel_at(lab, 7, k, i), 1, 1.1 * basis->certified + 2e-7);
    tiles_free(basis, tile);
  }
  cubix_basis_free(basis);
  free(lab);
}

/* A row that ends inside the band does not spoil the certificate of the others, and its channels are named. */
static void ending(const struct lab *lab)
{
  struct cubix_basis *basis = build(lab, 1e-4, "none", NULL);
  int n = 0;
  CHECK(basis != NULL);
  for (int k = 0; k < N_LAMBDA && basis; k++) {
    double rest = lab->edge[k] / lab->templates.tables.one_plus_z;
    n += basis->at_end[k];
    if (rest > 5140 && rest < 5160) CHECK(basis->at_end[k]);
    if (rest < 5110) CHECK(!basis->at_end[k]);
    CHECK(!basis->unbounded[k]);
  }
  for (int t = 0; t < N_ROW && basis; t++) CHECK_IS(basis->ending[t], ==, t == ENDING);
  REQUIRE(basis);
  CHECK_IS(n, >, 10);
  CHECK_IS(n, <, N_LAMBDA);
  CHECK_IS(n, ==, basis->n_at_end);
  cubix_basis_free(basis);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  struct lab *lab = malloc(sizeof *lab);
  lab_init(lab, 1.2, 1, 5040);
  CHECK_IS(cubix_mpi_start(NULL, NULL), ==, CUBIX_OK);
  CASE(b_splines());
  CASE(pixel_weights(lab));
  CASE(accuracy(lab));
  CASE(refusal());
  CASE(subset(lab));
  CASE(not_a_number());
  CASE(edges());
  CASE(ending(lab));
  cubix_mpi_finish(0);
  free(lab);
  return check_done();
}
