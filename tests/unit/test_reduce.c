/* test_reduce.c -- order statistics and the shrinking sphere of mpi/ against the plain way:
 * sorting, and looking at every star every time. */
#include "tests/check.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "mpi/comm/reduce_exact.h"
#include "mpi/cubix-mpi.h"
#include "mpi/particles/frame_parts.h"

enum { N = 30011, MOST = 40000 };           /* enough for several threads, and for several blocks */

static int by_size(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Values of one kind: both signs, few different ones, an outlier that fills the range, very small
 * ones, all the same. */
static double sample(int kind, int i)
{
  double u = uniform() + uniform() + uniform() - 1.5;
  switch (kind) {
    case 0:  return 300 * u;
    case 1:  return floor(4 * u);
    case 2:  return i == 17 ? 1e30 : 21000 + u;
    case 3:  return i % 2 ? 5e-324 * (i % 7) : -1e-310 * u;
    default: return 42;
  }
}

static void medians(void)
{
  static double x[MOST], sorted[MOST];
  static unsigned char use[MOST];
  for (int kind = 0; kind < 5; kind++)
    for (int n = 1; n <= N; n = n < 4 ? n + 1 : n * 10 + kind) {
      int m = 0;
      double median[3];
      for (int i = 0; i < n; i++) {
        x[i] = sample(kind, i);
        use[i] = i == 0 || i % 5 != 3;
        if (use[i]) sorted[m++] = x[i];
      }
      qsort(sorted, (size_t)m, sizeof *sorted, by_size);
      CHECK_IS(cubix_mpi_median(median, x, use, (size_t)n, 1), ==, CUBIX_OK);
      CHECK_CLOSE(median[0], 0.5 * (sorted[(m - 1) / 2] + sorted[m / 2]), 0.);
    }
}

/* Three columns at once, and a weighted rank. */
static void columns(void)
{
  static double x[3 * N], one[N], weight[N], r[N];
  double median[3], value, sum = 0, target;
  for (int i = 0; i < 3 * N; i++) x[i] = sample(i % 3, i);
  CHECK_IS(cubix_mpi_median(median, x, NULL, N, 3), ==, CUBIX_OK);
  for (int c = 0; c < 3; c++) {
    for (int i = 0; i < N; i++) one[i] = x[3 * i + c];
    qsort(one, N, sizeof *one, by_size);
    CHECK_CLOSE(median[c], one[N / 2], 0.);
  }
  for (int i = 0; i < N; i++) {
    r[i] = (double)((i * 7919) % N) / N;
    weight[i] = i % 9;
    sum += weight[i];
  }
  const struct cubix_columns weighted = { .n = N, .n_c = 1, .x = r, .weight = weight, .unit = 1 };
  CHECK_IS(cubix_mpi_select(&value, NULL, &weighted, (int64_t)(sum / 3)), ==, CUBIX_OK);
  target = floor(sum / 3);
  for (int i = 0; i < N; i++) if (r[i] < value) target -= weight[i];
  CHECK_IS(target, >, 0);
  for (int i = 0; i < N; i++) if (r[i] == value) target -= weight[i];
  CHECK_IS(target, <=, 0);
}

/* Every star, every sphere, in plain float64. */
static void plain_sphere(double centre[3], const struct cubix_slab *slab)
{
  double radius = INFINITY, start = 0, r[3], least = fmax(20, (double)slab->n / 1000), c[3] = { 0 };
  for (int round = 0;; round++) {
    double sum[4] = { 0 };
    int inside = 0;
    for (size_t i = 0; i < slab->n; i++) {
      if (!(cubix_relative(r, slab, c, i) <= radius)) continue;
      inside++;
      sum[0] += slab->mass_now[i];
      for (int q = 0; q < 3; q++) sum[1 + q] += slab->mass_now[i] * slab->position[3 * i + (size_t)q];
    }
    if (round && (inside < least || !(radius > 1e-9 * start))) break;
    for (int q = 0; q < 3; q++) c[q] = sum[1 + q] / sum[0];
    for (size_t i = 0; i < slab->n && !round; i++) start = check_worst(start, cubix_relative(r, slab, c, i));
    radius = round ? 0.9 * radius : 0.9 * start;
  }
  memcpy(centre, c, sizeof c);
}

/* A galaxy with a companion that pulls the first spheres aside, so that the shells must be laid
 * anew; and stars in one place. */
static void spheres(void)
{
  struct cubix_slab *slab = NULL;
  double got[3], want[3];
  for (int kind = 0; kind < 3; kind++) {
    CHECK_IS(cubix_slab_init(&slab, N), ==, CUBIX_OK);
    slab->n_total = N;
    for (size_t i = 0; i < N; i++) {
      int companion = i % 3 == 0;
      double size = kind == 2 ? 0 : (companion ? 2 : 1) * pow(uniform(), 3);
      for (size_t c = 0; c < 3; c++)
        slab->position[3 * i + c] =
            500. + (kind == 1 && companion ? 30. + 10. * (double)c : 0.) + size * (uniform() - 0.5);
      slab->mass_now[i] = 1e5 * (1 + uniform());
    }
    CHECK_IS(cubix_mpi_frame_sphere(got, slab), ==, CUBIX_OK);
    plain_sphere(want, slab);
    for (int c = 0; c < 3; c++) CHECK_CLOSE(got[c], want[c], 1e-10);
    cubix_slab_free(slab);
  }
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  if (cubix_mpi_start(&argc, &argv)) return 1;
  CASE(medians());
  CASE(columns());
  CASE(spheres());
  int failed = check_done();
  return cubix_mpi_finish(CUBIX_OK) ? 1 : failed;
}
