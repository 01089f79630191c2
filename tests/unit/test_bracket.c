/* test_bracket.c -- where a log age lies on the library's grid: found by cells, and by halving the whole. */
#include "tests/check.h"

#include <math.h>

#include "physics/population.h"
#include "tests/numbers.h"

enum { N = 220 };

static double node[N];
static int16_t first[CUBIX_AGE_CELLS];

/* The definition: the last node that is not above x. */
static int below(int n, double x)
{
  int i = 0;
  while (i + 2 < n && node[i + 1] <= x) i++;
  return i;
}

static void check_at(const struct cubix_tables *v, double x)
{
  int i, j, beyond = cubix_bracket(node, v->n_age, x, &i, &(double){ 0 });
  double f, g;
  CHECK_IS(cubix_bracket_age(v, x, &j, &g), ==, beyond);
  cubix_bracket(node, v->n_age, x, &i, &f);
  CHECK_IS(j, ==, i);
  CHECK_IS(g, ==, f);
  if (beyond || !(x > node[0]) || !(x < node[v->n_age - 1])) return;
  CHECK_IS(j, ==, below(v->n_age, x));
  CHECK(node[j] <= x && x < node[j + 1]);
}

static void check_grid(int n)
{
  struct cubix_tables v = { .n_age = n, .log_age = node };
  cubix_index_ages(&v, first);
  CHECK_IS(v.age_first == first, ==, n > 1);
  for (int k = 0; k < n; k++) {
    check_at(&v, node[k]);
    check_at(&v, nextafter(node[k], -INFINITY));
    check_at(&v, nextafter(node[k], INFINITY));
  }
  for (int k = 0; k < 20000; k++) check_at(&v, node[0] - 0.1 + (node[n - 1] - node[0] + 0.2) * uniform());
  /* the edges of the cells themselves */
  for (int k = 0; k < CUBIX_AGE_CELLS && n > 1; k++) {
    const double x = node[0] + k / v.age_cell_per_dex;
    check_at(&v, x);
    check_at(&v, nextafter(x, -INFINITY));
    check_at(&v, nextafter(x, INFINITY));
  }
  check_at(&v, -1e3);
  check_at(&v, INFINITY);
}

/* One that stands for 0, then steps that become ever wider, as BC03's do. */
static void test_even_grids(void)
{
  node[0] = -4;
  for (int k = 1; k < N; k++) node[k] = -3.9 + 5.2 * pow((k - 1) / (N - 2.), 0.7);
  for (int n = 1; n <= N; n = n < 4 ? n + 1 : 3 * n) check_grid(n);
  check_grid(N);
}

/* Many nodes in one cell, and cells without any. */
static void test_crowded_grids(void)
{
  for (int k = 0; k < N; k++) node[k] = -2 + (k < 100 ? 1e-6 * k : k < 150 ? 0.01 * k : 0.02 * k);
  check_grid(N);
  node[0] = -300;
  check_grid(N);
  for (int k = 1; k < N; k++) node[k] = nextafter(node[k - 1], INFINITY);
  check_grid(N);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_even_grids());
  CASE(test_crowded_grids());
  return check_done();
}
