/* test_reduce.c -- order statistics and the shrinking sphere of mpi/ against the plain way:
 * sorting, and looking at every star every time; and that stars which come a few at a time, with little room for
 * what is set aside, change no bit of them nor of the body's axes. */
#include "tests/check.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "geometry/frame.h"
#include "mpi/comm/order.h"
#include "mpi/cubix-mpi.h"
#include "mpi/particles/frame_parts.h"
#include "mpi/particles/stream.h"

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

/* Rows in pieces of 1000. */
static int pass_pieces(void *host, cubix_take *take, void *state)
{
  const struct cubix_values *all = host;
  for (size_t first = 0; first < all->n; first += 1000) {
    struct cubix_values some = *all;
    some.n = all->n - first < 1000 ? all->n - first : 1000;
    some.x += first * (size_t)all->n_c;
    if (some.use) some.use += first;
    if (some.weight) some.weight += first;
    take(state, &some);
  }
  return CUBIX_OK;
}

/* The median, at once and in pieces with room for nothing or for a few. */
static void median_of(double *median, struct cubix_values *columns)
{
  double again[3];
  struct cubix_rows rows = { .n_c = columns->n_c, .room = INFINITY, .pass = cubix_values_pass, .host = columns };
  CHECK_IS(cubix_mpi_median(median, &rows), ==, CUBIX_OK);
  rows.pass = pass_pieces;
  for (rows.room = 0; rows.room < 2000; rows.room += 1600) {
    CHECK_IS(cubix_mpi_median(again, &rows), ==, CUBIX_OK);
    CHECK_IS(memcmp(again, median, (size_t)columns->n_c * sizeof *again), ==, 0);
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
      median_of(median, &(struct cubix_values){ .n = (size_t)n, .n_c = 1, .x = x, .use = use });
      CHECK_CLOSE(median[0], 0.5 * (sorted[(m - 1) / 2] + sorted[m / 2]), 0.);
    }
}

/* Three columns at once, and a weighted rank. */
static void columns(void)
{
  static double x[3 * N], one[N], weight[N], r[N];
  double median[3], value, sum = 0, target;
  for (int i = 0; i < 3 * N; i++) x[i] = sample(i % 3, i);
  median_of(median, &(struct cubix_values){ .n = N, .n_c = 3, .x = x });
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
  struct cubix_values weighted = { .n = N, .n_c = 1, .x = r, .weight = weight, .unit = 1 };
  struct cubix_rows rows = { .n_c = 1, .weighted = 1, .room = INFINITY, .pass = cubix_values_pass, .host = &weighted };
  CHECK_IS(cubix_mpi_select(&value, &rows, (int64_t)(sum / 3)), ==, CUBIX_OK);
  rows.pass = pass_pieces;
  for (rows.room = 0; rows.room < 200; rows.room += 100) {
    double again;
    CHECK_IS(cubix_mpi_select(&again, &rows, (int64_t)(sum / 3)), ==, CUBIX_OK);
    CHECK_CLOSE(again, value, 0.);
  }
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
  static const double room[] = { 1e7, 3e5, 0 };      /* bytes: for all stars, some, as few as it gets */
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
    struct cubix_stream stars = cubix_mpi_stream_held(slab);
    CHECK_IS(cubix_mpi_frame_sphere(got, &stars), ==, CUBIX_OK);
    for (int r = 0; r < 3; r++) {
      double again[3];
      stars.rows = 3001;
      stars.room = room[r];
      CHECK_IS(cubix_mpi_frame_sphere(again, &stars), ==, CUBIX_OK);
      CHECK_IS(memcmp(again, got, sizeof got), ==, 0);
    }
    plain_sphere(want, slab);
    for (int c = 0; c < 3; c++) CHECK_CLOSE(got[c], want[c], 1e-10);
    cubix_slab_free(slab);
  }
}

/* A body with three axes that turns, so that all that is found has one value. */
static void make_body(struct cubix_slab *slab, size_t n)
{
  static const double size[3] = { 6, 4, 2 };
  for (size_t i = 0; i < n; i++) {
    double *x = slab->position + 3 * i, *v = slab->velocity + 3 * i;
    for (size_t c = 0; c < 3; c++) x[c] = size[c] * (uniform() + uniform() + uniform() - 1.5);
    v[0] = -20 * x[1] + uniform();
    v[1] = 20 * x[0] + uniform();
    v[2] = uniform();
    slab->mass_now[i] = 1e5 * (1 + uniform());
  }
}

/* Twice so many stars that a sample of them is tried first. */
static void bodies(void)
{
  enum { MANY = 1 << 19 };
  static const double room[] = { 1e7, 1e5 };         /* bytes: for the sample, for nothing */
  struct cubix_slab *slab = NULL;
  struct cubix_params par = { .AlignRadius = 0 };
  double axes[3][3], again[3][3];
  CHECK_IS(cubix_slab_init(&slab, MANY), ==, CUBIX_OK);
  make_body(slab, MANY);
  for (int with = 0; with < 2; with++) {
    struct cubix_frame frame = { .axis_p = 1 };
    struct cubix_stream stars = cubix_mpi_stream_held(slab);
    par.AlignRadius = with ? 5 : 0;
    par.AlignWith = with ? CUBIX_AlignWith_inertia : CUBIX_AlignWith_angularmomentum;
    CHECK_IS(cubix_mpi_frame_body(axes, &frame, &par, &stars), ==, CUBIX_OK);
    for (int r = 0; r < 2; r++) {
      struct cubix_frame other = { .axis_p = 1 };
      stars.rows = 100003;
      stars.room = room[r];
      CHECK_IS(cubix_mpi_frame_body(again, &other, &par, &stars), ==, CUBIX_OK);
      CHECK_IS(memcmp(again, axes, sizeof axes), ==, 0);
      CHECK_IS(memcmp(&other, &frame, sizeof frame), ==, 0);
    }
    CHECK_CLOSE(fabs(axes[0][0]), 1., 1e-3);
  }
  cubix_slab_free(slab);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  if (cubix_mpi_start(&argc, &argv)) return 1;
  CASE(medians());
  CASE(columns());
  CASE(spheres());
  CASE(bodies());
  int failed = check_done();
  return cubix_mpi_finish(CUBIX_OK) ? 1 : failed;
}
