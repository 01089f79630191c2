/* frame_centre.c -- the shrinking sphere: doc/math.md section 3.
 *
 * Some sixty spheres, each 0.9 of the last, about centres that hardly move: no star need be looked
 * at sixty times.  The stars are sorted once into shells about a centre, eight to a factor of two
 * in the squared distance, and what they would add to the sums is added up shell by shell.  For a
 * sphere of radius R about a centre D away, a shell inside R - D counts as a whole, one beyond R +
 * D not at all, and only the stars of the shells between are asked.  When D is no longer small
 * beside R, what is left is sorted anew.
 * The sums are of integers (reduce_exact.c) about a fixed origin, so that they are exact however
 * they are put together: on any number of ranks and threads, and whatever the shells.  Beside the
 * slab: 8 bytes per star. */
#include <mpi.h>
#include <omp.h>
#include <stdlib.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/reduce_exact.h"
#include "mpi/particles/frame_parts.h"
#include "simulation/slab.h"

enum { N_SHELL = 512, N_SUM = 9 };          /* two integers for m, m x, m y, m z; and the number of stars */
enum { FEW = 1 << 14 };                     /* so few are not worth waking the other threads */
static const double SAFE = 1e-9;            /* far above round-off: a star that might be on either side is asked */

struct shells {
  const struct cubix_slab *slab;
  double origin[3], scale_m, scale_mx;      /* of the sums, the same throughout */
  double centre[3];                         /* of the shells */
  double valid[3], reach;                   /* the sphere outside of which stars may be missing from the list */
  uint32_t *order, *spare;                  /* my stars by shell, outermost first */
  size_t start[N_SHELL + 1];
  int64_t sum[N_SHELL + 1][N_SUM];          /* of shell k and all within it */
  uint64_t outermost;                       /* what shell_of counts from */
};

/* Shells are the leading bits of the squared distance: exponent and three binary digits. */
static uint64_t leading_bits(double d2)
{
  uint64_t u;
  memcpy(&u, &d2, sizeof u);
  return u >> 49;
}

static size_t shell_of(const struct shells *s, size_t i)
{
  double r[3];
  cubix_relative(r, s->slab, s->centre, i);
  uint64_t bits = leading_bits(cubix_dot(r, r));
  uint64_t k = bits >= s->outermost ? 0 : s->outermost - bits;
  return k < N_SHELL ? (size_t)k : N_SHELL - 1;
}

/* Largest distance from the shells' centre in shell k; 0 for k = N_SHELL: what is within the innermost. */
static double outer_edge(const struct shells *s, size_t k)
{
  double d2;
  uint64_t u = (s->outermost + 1 - (uint64_t)k) << 49;
  if (k == 0) return INFINITY;
  if (k >= N_SHELL || k > s->outermost) return 0;
  memcpy(&d2, &u, sizeof u);
  return sqrt(d2);
}

static void add_star(const struct shells *s, size_t i, int64_t sum[N_SUM])
{
  double r[3], m = s->slab->mass_now[i];
  cubix_relative(r, s->slab, s->origin, i);
  cubix_exact_add(sum, m * s->scale_m);
  for (int c = 0; c < 3; c++) cubix_exact_add(sum + 2 + 2 * c, m * r[c] * s->scale_mx);
  sum[8]++;
}

/* Sort the stars of a list (NULL: all) into shells about the centre. */
static int build(struct shells *s, const double centre[3], const uint32_t *list, size_t n)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  size_t *count = NULL;
  memcpy(s->centre, centre, sizeof s->centre);
  memset(s->sum, 0, sizeof s->sum);
  CUBIX_ALLOC(count, (size_t)n_thread * N_SHELL);
#pragma omp parallel num_threads(n_thread)
  {
    size_t t = (size_t)omp_get_thread_num(), n_t = (size_t)omp_get_num_threads(),
           first = n / n_t * t + n % n_t * t / n_t;
    size_t last = n / n_t * (t + 1) + n % n_t * (t + 1) / n_t, *mine = count + t * N_SHELL;
    int64_t sum[N_SHELL][N_SUM] = { { 0 } };
    for (size_t j = first; j < last; j++) {
      size_t i = list ? list[j] : j, k = shell_of(s, i);
      add_star(s, i, sum[k]);
      mine[k]++;
    }
#pragma omp critical
    for (size_t k = 0; k < N_SHELL; k++)
      for (int c = 0; c < N_SUM; c++) s->sum[k][c] += sum[k][c];
#pragma omp barrier
#pragma omp single
    for (size_t k = 0, at = 0; k < N_SHELL; k++) {
      s->start[k] = at;
      for (size_t u = 0; u < n_t; u++) {
        size_t here = count[u * N_SHELL + k];
        count[u * N_SHELL + k] = at;
        at += here;
      }
    }
    for (size_t j = first; j < last; j++) {
      size_t i = list ? list[j] : j;
      s->spare[mine[shell_of(s, i)]++] = (uint32_t)i;
    }
  }
  s->start[N_SHELL] = n;
  for (size_t k = N_SHELL; k-- > 0;)
    for (int c = 0; c < N_SUM; c++) s->sum[k][c] += s->sum[k + 1][c];
  uint32_t *sorted = s->spare;
  s->spare = s->order;
  s->order = sorted;
done:
  free(count);
  return status;
}

/* The shells that the sphere's surface may cross: first .. last - 1; those from `last` on are inside. */
static void crossed(size_t *first, size_t *last, const struct shells *s, const double centre[3], double radius)
{
  double d[3] = { centre[0] - s->centre[0], centre[1] - s->centre[1], centre[2] - s->centre[2] },
         shift = sqrt(cubix_dot(d, d)) * (1 + SAFE);
  size_t k = 0;
  while (k < N_SHELL && outer_edge(s, k + 1) * (1 - SAFE) - shift > radius) k++;
  *first = k;
  while (k < N_SHELL && outer_edge(s, k) * (1 + SAFE) + shift > radius) k++;
  *last = k;
}

/* Is the sphere inside the one whose stars are listed? */
static int is_listed(const struct shells *s, const double centre[3], double radius)
{
  double d[3] = { centre[0] - s->valid[0], centre[1] - s->valid[1], centre[2] - s->valid[2] };
  return sqrt(cubix_dot(d, d)) * (1 + SAFE) + radius * (1 + SAFE) <= s->reach;
}

/* Sort anew where the sphere has left the list, or has moved away from the middle of the shells. */
static int prepare(struct shells *s, const double centre[3], double radius)
{
  int status = CUBIX_OK;
  size_t first, last;
  double d[3] = { centre[0] - s->centre[0], centre[1] - s->centre[1], centre[2] - s->centre[2] };
  if (!is_listed(s, centre, radius)) {
    s->reach = INFINITY;
    CUBIX_TRY(build(s, centre, NULL, s->slab->n));
  } else if (sqrt(cubix_dot(d, d)) > 0.05 * radius) {
    crossed(&first, &last, s, centre, radius);
    memcpy(s->valid, centre, sizeof s->valid);
    s->reach = radius;
    CUBIX_TRY(build(s, centre, s->order + s->start[first], s->start[N_SHELL] - s->start[first]));
  }
done:
  return status;
}

/* Mass, moment about the origin and number of the stars in a sphere, all ranks. */
static int sum_sphere(double t[5], struct shells *s, const double centre[3], double radius)
{
  int status = prepare(s, centre, radius);
  CUBIX_TRY(cubix_mpi_agree(status));
  size_t first, last;
  int64_t q[N_SUM];
  crossed(&first, &last, s, centre, radius);
  memcpy(q, s->sum[last], sizeof q);
#pragma omp parallel for schedule(static) reduction(+ : q[:N_SUM]) if (s->start[last] - s->start[first] > FEW)
  for (size_t j = s->start[first]; j < s->start[last]; j++) {
    double r[3];
    if (cubix_relative(r, s->slab, centre, s->order[j]) <= radius) add_star(s, s->order[j], q);
  }
  MPI_Allreduce(MPI_IN_PLACE, q, N_SUM, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
  t[0] = cubix_exact_value(q, s->scale_m);
  for (int c = 0; c < 3; c++) t[1 + c] = cubix_exact_value(q + 2 + 2 * c, s->scale_mx);
  t[4] = (double)q[8];
done:
  return status;
}

struct everything { const struct cubix_slab *slab; double origin[3]; };

static void mass_and_moment(double t[][CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct everything *all = host;
  double r[3];
  for (size_t k = 0; k < n; k++) {
    cubix_relative(r, all->slab, all->origin, first + k);
    t[0][k] = all->slab->mass_now[first + k];
    for (int c = 0; c < 3; c++) t[1 + c][k] = t[0][k] * r[c];
  }
}

/* The mean of all stars, the largest distance from it, and the largest mass. */
static int start_sphere(double centre[3], double *radius, double *heaviest, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  double low[3] = { INFINITY, INFINITY, INFINITY }, high[3] = { -INFINITY, -INFINITY, -INFINITY }, m = 0, farthest = 0,
         extent = 0, t[4];
  struct everything all = { .slab = slab };
#pragma omp parallel for schedule(static) reduction(min : low[:3]) reduction(max : high[:3], m)
  for (size_t i = 0; i < slab->n; i++) {
    m = slab->mass_now[i] > m ? slab->mass_now[i] : m;
    for (size_t c = 0; c < 3; c++) {
      double x = slab->position[3 * i + c];
      low[c] = x < low[c] ? x : low[c];
      high[c] = x > high[c] ? x : high[c];
    }
  }
  *heaviest = cubix_mpi_max(m);
  for (int c = 0; c < 3; c++) {                            /* an origin near the galaxy keeps the sums sharp */
    all.origin[c] = cubix_mpi_min(low[c]);
    extent = fmax(extent, cubix_mpi_max(high[c]) - all.origin[c]);
  }
  const double bound[4] = { *heaviest, *heaviest * extent, *heaviest * extent, *heaviest * extent };
  cubix_mpi_sum_exact(t, 4, slab->n, mass_and_moment, &all, bound);
  CUBIX_CHECK(t[0] > 0, CUBIX_EINPUT,
              "all %lld stars have mass zero: there is no centre of mass; give Centre as three numbers",
              (long long)slab->n_total);
  for (int c = 0; c < 3; c++) centre[c] = all.origin[c] + t[1 + c] / t[0];
#pragma omp parallel for schedule(static) reduction(max : farthest)
  for (size_t i = 0; i < slab->n; i++) {
    double r[3];
    double d = cubix_relative(r, slab, centre, i);
    farthest = d > farthest ? d : farthest;
  }
  *radius = cubix_mpi_max(farthest);
done:
  return status;
}

int cubix_mpi_frame_sphere(double centre[3], const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  struct shells *s = NULL;
  double t[5], least = fmax(20, (double)slab->n_total / 1000), start = 0, radius, heaviest = 0;
  CUBIX_TRY(start_sphere(centre, &start, &heaviest, slab));
  CUBIX_MPI_ALLOC(s, 1);
  CUBIX_MPI_CHECK((s->order = cubix_reserve(slab->n, sizeof *s->order)) &&
                      (s->spare = cubix_reserve(slab->n, sizeof *s->spare)),
                  CUBIX_ENOMEM, "cannot allocate %zu bytes", 8 * slab->n);
  s->slab = slab;
  memcpy(s->origin, centre, sizeof s->origin);
  s->scale_m = cubix_exact_scale(heaviest);
  s->scale_mx = cubix_exact_scale(heaviest * start);
  s->outermost = leading_bits(start * start);
  s->reach = -1;
  radius = start;
  for (;;) {
    radius *= 0.9;
    CUBIX_TRY(sum_sphere(t, s, centre, radius));
    /* stars in one place would stay inside for ever */
    if (t[4] < least || !(t[0] > 0) || !(radius > 1e-9 * start)) break;
    for (int c = 0; c < 3; c++) centre[c] = s->origin[c] + t[1 + c] / t[0];
  }
done:
  if (s) {
    free(s->order);
    free(s->spare);
  }
  free(s);
  return status;
}
