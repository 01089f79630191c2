/* test_basis_vjp.c -- derivatives of the prepared templates with the rows they are fitted to
 * (library: basis_lab.h; one row ends inside the band). */
#define _XOPEN_SOURCE 700
#include "tests/basis_lab.h"

#include <omp.h>
#include <unistd.h>

static const size_t N_VALUE = (size_t)N_ROW * 2 * (N_KNOT + 1);
enum { THIRD = 4, LATE = 32 };    /* rows of the subset, in two blocks of 32 */

static double product(const float *a, const float *b, size_t n, double *size)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i], *size += fabs((double)a[i] * (double)b[i]);
  return sum;
}

/* <D row_dot, bar> = <row_dot, D^T bar>, tile by tile, to the rounding of float32 tiles; the same
 * bits by one thread and by two, added to what is there. */
static void dot_product(const struct cubix_basis *basis, const struct lab *lab)
{
  size_t n = cubix_basis_tile_size(basis);
  cubix_real *row_dot = malloc(N_VALUE * sizeof *row_dot);
  double *bar[2] = { malloc(N_VALUE * sizeof **bar), malloc(N_VALUE * sizeof **bar) };
  float *tile_bar = malloc(n * sizeof *tile_bar);
  struct cubix_basis *dot = NULL;
  for (size_t i = 0; i < N_VALUE; i++) row_dot[i] = (cubix_real)(uniform() - 0.3);    /* of both signs */
  CHECK_IS(cubix_basis_jvp(&dot, basis, &lab->templates, row_dot), ==, CUBIX_OK);
  CHECK_IS(dot->n_template, ==, basis->n_template);
  CHECK_IS(dot->nodes.n, ==, basis->nodes.n);
  CHECK(!memcmp(dot->slot, basis->slot, N_ROW * sizeof *dot->slot));
  CHECK(!memcmp(dot->ending, basis->ending, N_ROW));
  CHECK(!memcmp(dot->at_end, basis->at_end, N_LAMBDA));
  CHECK_IS(dot->n_at_end, ==, basis->n_at_end);
  float **tile = tiles_of(dot);
  for (int i = 0; i < basis->n_tile; i++) {
    double size = 0, other = 0;
    for (size_t k = 0; k < n; k++) tile_bar[k] = (float)(uniform() - 0.5);
    for (int m = 0; m < 2; m++) {
      for (size_t k = 0; k < N_VALUE; k++) bar[m][k] = 0.25 * m;
      omp_set_num_threads(1 + m);
      CHECK_IS(cubix_basis_vjp(basis, i, tile_bar, bar[m]), ==, CUBIX_OK);
    }
    omp_set_num_threads(1);
    double one = product(tile[i], tile_bar, n, &size);
    for (size_t k = 0; k < N_VALUE; k++) other += (double)row_dot[k] * bar[0][k];
    CHECK_IS(size, >, 0);
    CHECK_CLOSE(one / size, other / size, 1e-8);
    for (size_t k = 0; k < N_VALUE; k++) bar[0][k] += 0.25;
    double worst = 0;
    for (size_t k = 0; k < N_VALUE; k++) worst = check_worst(worst, fabs(bar[0][k] - bar[1][k]));
    CHECK_IS(worst, <, 1e-14);
    for (int r = 0; r < N_ROW; r++) {
      CHECK_IS(bar[1][(size_t)(r + 1) * 2 * (N_KNOT + 1) - 1], ==, 0.25);
      CHECK(basis->slot[r] >= 0 || bar[1][(size_t)r * 2 * (N_KNOT + 1) + 400] == 0.25);
    }
  }
  tiles_free(dot, tile);
  cubix_basis_free(dot);
  free(row_dot), free(bar[0]), free(bar[1]), free(tile_bar);
}

/* The same bits whatever the number of threads, from nothing. */
static void threads(const struct cubix_basis *basis)
{
  size_t n = cubix_basis_tile_size(basis);
  double *bar[2] = { calloc(N_VALUE, sizeof **bar), calloc(N_VALUE, sizeof **bar) };
  float *tile_bar = malloc(n * sizeof *tile_bar);
  for (size_t k = 0; k < n; k++) tile_bar[k] = (float)uniform();
  for (int m = 0; m < 2; m++) {
    omp_set_num_threads(1 + 2 * m);
    CHECK_IS(cubix_basis_vjp(basis, 1, tile_bar, bar[m]), ==, CUBIX_OK);
  }
  omp_set_num_threads(1);
  CHECK(!memcmp(bar[0], bar[1], N_VALUE * sizeof **bar));
  free(bar[0]), free(bar[1]), free(tile_bar);
}

/* D is linear in the rows: D's transpose on a unit vector, times the row itself, is that number of D. */
static void unit_vectors(const struct cubix_basis *basis, const struct lab *lab)
{
  size_t n = cubix_basis_tile_size(basis), n_node = (size_t)basis->nodes.n;
  float **tile = tiles_of(basis), *tile_bar = calloc(n, sizeof *tile_bar);
  double *bar = malloc(N_VALUE * sizeof *bar);
  int n_dark = 0;
  for (int trial = 0; trial < 60; trial++) {
    int t = trial % 3 == 0 ? ENDING : (int)(N_ROW * uniform()),
        k = trial % 6 ? (int)(N_LAMBDA * uniform()) : N_LAMBDA - 1 - trial / 6;
    size_t at =
        ((size_t)(basis->slot[t] < 0 ? 0 : basis->slot[t]) * n_node + (size_t)((double)n_node * uniform())) *
            CUBIX_TILE +
        (size_t)(k % CUBIX_TILE);
    double sum = 0, used = 0;
    if (basis->slot[t] < 0) continue;
    memset(bar, 0, N_VALUE * sizeof *bar);
    tile_bar[at] = 1;
    CHECK_IS(cubix_basis_vjp(basis, k / CUBIX_TILE, tile_bar, bar), ==, CUBIX_OK);
    tile_bar[at] = 0;
    for (size_t i = 0; i < N_VALUE; i++) sum += bar[i] * (double)lab->row[i], used += fabs(bar[i]);
    CHECK_CLOSE(sum, (double)tile[k / CUBIX_TILE][at], 2e-7 * fabs(sum) + 1e-30);
    CHECK((used == 0) == (basis->at_end[k] && basis->ending[t]) || !lab->covered[k]);
    n_dark += used > 0 && fabs(sum) < 1e-6 * used; /* nothing there, but there could be: not left out */
  }
  CHECK_IS(n_dark, >, 0);
  tiles_free(basis, tile);
  free(tile_bar), free(bar);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  static const char *const which[] = { "all rows", "some rows", "from a file", "beyond the blue end" };
  struct lab *lab = malloc(sizeof *lab);
  unsigned char only[N_ROW] = { 0 };
  char folder[] = "/tmp/cubix-test-XXXXXX", command[128];
  omp_set_num_threads(1);
  CHECK_IS(cubix_mpi_start(NULL, NULL), ==, CUBIX_OK);
  CHECK(mkdtemp(folder));
  only[THIRD] = only[LATE] = only[ENDING] = 1;
  for (int c = 0; c < 4; c++) {
    lab_init(lab, 1.2, 1, c == 3 ? 4985 : 5040);
    struct cubix_basis *basis = build(lab, 1e-3, c == 2 ? folder : "none", c == 1 ? only : NULL);
    REQUIRE(basis != NULL);
    CHECK(c != 2 || *basis->cache);
    CASE_OF(dot_product(basis, lab), "%s", which[c]);
    if (c == 0) CASE_OF(threads(basis), "%s", which[c]);
    if (c < 2) CASE_OF(unit_vectors(basis, lab), "%s", which[c]);
    cubix_basis_free(basis);
  }
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  CHECK_IS(system(command), ==, 0);
  cubix_mpi_finish(0);
  free(lab);
  return check_done();
}
