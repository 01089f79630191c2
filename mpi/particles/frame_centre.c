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
 * slab: 8 bytes per star.
 *
 * Stars that are not all in memory are set aside as far as there is room: those between two distances from the
 * sphere's centre, of which the outer is little more than its radius, while those further in are added up.  That
 * does for the next spheres, until one leaves the outer distance or comes near the inner one; then all stars are
 * read again.  Where there is room for no sphere's surface each is a pass of its own.  40 bytes for each that is
 * set aside. */
#include <mpi.h>
#include <omp.h>
#include <stdlib.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/reduce_exact.h"
#include "mpi/particles/frame_parts.h"
#include "mpi/particles/stream.h"
#include "simulation/slab.h"

enum { N_SHELL = 512, N_SUM = 9 };          /* two integers for m, m x, m y, m z; and the number of stars */
enum { FEW = 1 << 14 };                     /* so few are not worth waking the other threads */
static const double SAFE = 1e-9;            /* far above round-off: a star that might be on either side is asked */

struct shells {
  const struct cubix_slab *slab;            /* the stars that are sorted: all, or those set aside */
  struct cubix_slab own;                    /* these; room for `most` */
  size_t most;
  double about[3], inner, outer;            /* those further from here than inner, up to outer */
  int64_t within[N_SUM];                    /* sums of those not further than inner */
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

static size_t shell_of(const struct shells *s, const struct cubix_slab *slab, size_t i)
{
  double r[3];
  cubix_relative(r, slab, s->centre, i);
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

static void add_star(const struct shells *s, const struct cubix_slab *slab, size_t i, int64_t sum[N_SUM])
{
  double r[3], m = slab->mass_now[i];
  cubix_relative(r, slab, s->origin, i);
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
      size_t i = list ? list[j] : j, k = shell_of(s, s->slab, i);
      add_star(s, s->slab, i, sum[k]);
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
      s->spare[mine[shell_of(s, s->slab, i)]++] = (uint32_t)i;
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

/* ---- stars set aside --------------------------------------------------------------------------- */
struct gathering {
  struct shells *s;
  struct cubix_slab *aside;
  size_t most;
};

static double distance(const struct cubix_slab *slab, const double centre[3], size_t i)
{
  double r[3];
  return cubix_relative(r, slab, centre, i);
}

/* Only those further away than `inner` stay; the others are added up. */
static void move_inner(struct gathering *g, double inner)
{
  struct shells *s = g->s;
  struct cubix_slab *aside = g->aside;
  size_t n = 0;
  for (size_t i = 0; i < aside->n; i++) {
    if (distance(aside, s->about, i) <= inner) {
      add_star(s, aside, i, s->within);
      continue;
    }
    memmove(aside->position + 3 * n, aside->position + 3 * i, 3 * sizeof *aside->position);
    aside->mass_now[n++] = aside->mass_now[i];
  }
  aside->n = n;
#pragma omp atomic write
  s->inner = inner;
}

/* There is no room for more: so that at most half of them stay. */
static void shed(struct gathering *g)
{
  struct shells *s = g->s;
  const struct cubix_slab *aside = g->aside;
  size_t count[N_SHELL] = { 0 }, kept = 0, k = 0;
  memcpy(s->centre, s->about, sizeof s->centre);
  for (size_t i = 0; i < aside->n; i++) count[shell_of(s, aside, i)]++;
  while (k < N_SHELL && kept + count[k] <= g->most / 2) kept += count[k++];
  move_inner(g, outer_edge(s, k) < s->outer ? outer_edge(s, k) : s->outer);
}

static void set_aside(void *host, const struct cubix_slab *some)
{
  struct gathering *g = host;
  struct shells *s = g->s;
#pragma omp parallel for schedule(static) if (some->n > FEW)
  for (size_t first = 0; first < some->n; first += CUBIX_BLOCK) {
    const size_t end = some->n - first < CUBIX_BLOCK ? some->n : first + CUBIX_BLOCK;
    size_t row[CUBIX_BLOCK], n = 0;
    int64_t sum[N_SUM] = { 0 };
    double inner;
#pragma omp atomic read
    inner = s->inner;
    for (size_t i = first; i < end; i++) {
      const double d = distance(some, s->about, i);
      if (d <= inner) add_star(s, some, i, sum);
      else if (d <= s->outer) row[n++] = i;
    }
#pragma omp critical
    {
      for (int c = 0; c < N_SUM; c++) s->within[c] += sum[c];
      if (g->aside->n + n > g->most) shed(g);
      cubix_slab_put(g->aside, g->aside->n, some, row, n);
      g->aside->n += n;
    }
  }
}

/* Does what is sorted tell the stars of the sphere? */
static int is_aside(const struct shells *s, const double centre[3], double radius)
{
  const double d[3] = { centre[0] - s->about[0], centre[1] - s->about[1], centre[2] - s->about[2] },
               shift = sqrt(cubix_dot(d, d)) * (1 + SAFE);
  return shift + radius * (1 + SAFE) <= s->outer && (s->inner <= 0 || radius * (1 - SAFE) - shift >= s->inner);
}

/* Set stars about the centre aside, the outer ones of a sphere with some margin. */
static int gather(struct shells *s, struct cubix_stream *stars, const double centre[3], double radius)
{
  int status = CUBIX_OK;
  struct gathering g = { .s = s, .aside = &s->own, .most = s->most };
  memcpy(s->about, centre, sizeof s->about);
  memset(s->within, 0, sizeof s->within);
  s->inner = -1;
  s->outer = 1.1 * radius;
  s->own.n = 0;
  CUBIX_TRY(cubix_mpi_stream_pass(stars, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS, set_aside, &g));
  move_inner(&g, cubix_mpi_max(s->inner));
  s->reach = -1;                            /* they are not sorted yet */
done:
  return status;
}

/* ---- spheres ----------------------------------------------------------------------------------- */
struct sphere { const struct shells *s; const double *centre; double radius; int64_t q[N_SUM]; };

static void add_sphere(void *host, const struct cubix_slab *some)
{
  struct sphere *p = host;
  int64_t q[N_SUM] = { 0 };
#pragma omp parallel for schedule(static) reduction(+ : q[:N_SUM]) if (some->n > FEW)
  for (size_t i = 0; i < some->n; i++)
    if (distance(some, p->centre, i) <= p->radius) add_star(p->s, some, i, q);
  for (int c = 0; c < N_SUM; c++) p->q[c] += q[c];
}

/* By the shells. */
static int sum_sorted(struct sphere *p, struct shells *s)
{
  int status = prepare(s, p->centre, p->radius);
  CUBIX_TRY(cubix_mpi_agree(status));
  const double radius = p->radius;
  size_t first, last;
  int64_t q[N_SUM];
  crossed(&first, &last, s, p->centre, radius);
  memcpy(q, s->sum[last], sizeof q);
#pragma omp parallel for schedule(static) reduction(+ : q[:N_SUM]) if (s->start[last] - s->start[first] > FEW)
  for (size_t j = s->start[first]; j < s->start[last]; j++)
    if (distance(s->slab, p->centre, s->order[j]) <= radius) add_star(s, s->slab, s->order[j], q);
  for (int c = 0; c < N_SUM; c++) p->q[c] = q[c] + s->within[c];
done:
  return status;
}

/* Mass, moment about the origin and number of the stars in a sphere, all ranks. */
static int sum_sphere(double t[5], struct shells *s, struct cubix_stream *stars, const double centre[3], double radius)
{
  int status = CUBIX_OK;
  struct sphere p = { .s = s, .centre = centre, .radius = radius };
  if (!is_aside(s, centre, radius)) CUBIX_TRY(gather(s, stars, centre, radius));
  if (is_aside(s, centre, radius)) CUBIX_TRY(sum_sorted(&p, s));
  else CUBIX_TRY(cubix_mpi_stream_pass(stars, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS, add_sphere, &p));
  MPI_Allreduce(MPI_IN_PLACE, p.q, N_SUM, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
  t[0] = cubix_exact_value(p.q, s->scale_m);
  for (int c = 0; c < 3; c++) t[1 + c] = cubix_exact_value(p.q + 2 + 2 * c, s->scale_mx);
  t[4] = (double)p.q[8];
done:
  return status;
}

/* ---- all stars --------------------------------------------------------------------------------- */
struct everything {
  const struct cubix_slab *slab;
  double low[3], high[3], heaviest, farthest, centre[3];
  struct cubix_exact sums;
};

static void see_extent(void *host, const struct cubix_slab *slab)
{
  struct everything *all = host;
  double low[3] = { INFINITY, INFINITY, INFINITY }, high[3] = { -INFINITY, -INFINITY, -INFINITY }, m = 0;
#pragma omp parallel for schedule(static) reduction(min : low[:3]) reduction(max : high[:3], m)
  for (size_t i = 0; i < slab->n; i++) {
    m = slab->mass_now[i] > m ? slab->mass_now[i] : m;
    for (size_t c = 0; c < 3; c++) {
      double x = slab->position[3 * i + c];
      low[c] = x < low[c] ? x : low[c];
      high[c] = x > high[c] ? x : high[c];
    }
  }
  all->heaviest = m > all->heaviest ? m : all->heaviest;
  for (int c = 0; c < 3; c++) {
    all->low[c] = low[c] < all->low[c] ? low[c] : all->low[c];
    all->high[c] = high[c] > all->high[c] ? high[c] : all->high[c];
  }
}

static void mass_and_moment(double t[][CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct everything *all = host;
  double r[3];
  for (size_t k = 0; k < n; k++) {
    cubix_relative(r, all->slab, all->low, first + k);
    t[0][k] = all->slab->mass_now[first + k];
    for (int c = 0; c < 3; c++) t[1 + c][k] = t[0][k] * r[c];
  }
}

static void add_moments(void *host, const struct cubix_slab *slab)
{
  struct everything *all = host;
  all->slab = slab;
  cubix_exact_more(&all->sums, slab->n, mass_and_moment, all);
}

static void see_farthest(void *host, const struct cubix_slab *slab)
{
  struct everything *all = host;
  double farthest = all->farthest;
#pragma omp parallel for schedule(static) reduction(max : farthest)
  for (size_t i = 0; i < slab->n; i++) {
    const double d = distance(slab, all->centre, i);
    farthest = d > farthest ? d : farthest;
  }
  all->farthest = farthest;
}

/* The mean of all stars, the largest distance from it, and the largest mass. */
static int start_sphere(double centre[3], double *radius, double *heaviest, struct cubix_stream *stars)
{
  int status = CUBIX_OK;
  double extent = 0, t[4];
  struct everything all = { .low = { INFINITY, INFINITY, INFINITY }, .high = { -INFINITY, -INFINITY, -INFINITY } };
  CUBIX_TRY(cubix_mpi_stream_pass(stars, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS, see_extent, &all));
  *heaviest = cubix_mpi_max(all.heaviest);
  for (int c = 0; c < 3; c++) {                            /* an origin near the galaxy keeps the sums sharp */
    all.low[c] = cubix_mpi_min(all.low[c]);
    extent = fmax(extent, cubix_mpi_max(all.high[c]) - all.low[c]);
  }
  const double bound[4] = { *heaviest, *heaviest * extent, *heaviest * extent, *heaviest * extent };
  cubix_exact_begin(&all.sums, 4, bound);
  CUBIX_TRY(cubix_mpi_stream_pass(stars, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS, add_moments, &all));
  cubix_mpi_exact_end(t, &all.sums);
  CUBIX_CHECK(t[0] > 0, CUBIX_EINPUT,
              "all %lld stars have mass zero: there is no centre of mass; give Centre as three numbers",
              (long long)stars->slab->n_total);
  for (int c = 0; c < 3; c++) centre[c] = all.centre[c] = all.low[c] + t[1 + c] / t[0];
  CUBIX_TRY(cubix_mpi_stream_pass(stars, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS, see_farthest, &all));
  *radius = cubix_mpi_max(all.farthest);
done:
  return status;
}

/* Room for the shells, and for stars that are set aside unless all are there. */
static int make_room(struct shells *s, const struct cubix_stream *stars)
{
  int status = CUBIX_OK;
  const double each = cubix_slab_bytes(1, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS) + 2 * sizeof *s->order;
  size_t n = stars->slab->n;
  s->slab = stars->slab;
  s->outer = INFINITY;
  s->inner = -1;
  if (stars->room < INFINITY) {
    n = stars->reader ? stars->reader->n_largest : n;
    if (stars->room < each * (double)n) n = (size_t)fmin(fmax(stars->room / each, FEW), (double)n);
    s->most = n;
    CUBIX_TRY(cubix_slab_reserve(&s->own, n, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS));
    s->own.n = 0;
    s->slab = &s->own;
    s->outer = -1;
  }
  CUBIX_CHECK((s->order = cubix_reserve(n, sizeof *s->order)) && (s->spare = cubix_reserve(n, sizeof *s->spare)),
              CUBIX_ENOMEM, "cannot allocate %zu bytes", 8 * n);
done:
  return status;
}

int cubix_mpi_frame_sphere(double centre[3], struct cubix_stream *stars)
{
  int status = CUBIX_OK;
  struct shells *s = NULL;
  double t[5], start = 0, radius, heaviest = 0;
  CUBIX_TRY(start_sphere(centre, &start, &heaviest, stars));
  const double least = fmax(20, (double)stars->slab->n_total / 1000);
  CUBIX_MPI_ALLOC(s, 1);
  CUBIX_TRY(cubix_mpi_agree(make_room(s, stars)));
  memcpy(s->origin, centre, sizeof s->origin);
  s->scale_m = cubix_exact_scale(heaviest);
  s->scale_mx = cubix_exact_scale(heaviest * start);
  s->outermost = leading_bits(start * start);
  s->reach = -1;
  radius = start;
  for (;;) {
    radius *= 0.9;
    CUBIX_TRY(sum_sphere(t, s, stars, centre, radius));
    /* stars in one place would stay inside for ever */
    if (t[4] < least || !(t[0] > 0) || !(radius > 1e-9 * start)) break;
    for (int c = 0; c < 3; c++) centre[c] = s->origin[c] + t[1 + c] / t[0];
  }
done:
  if (s) {
    cubix_slab_forget_stars(&s->own);
    free(s->order);
    free(s->spare);
  }
  free(s);
  return status;
}
