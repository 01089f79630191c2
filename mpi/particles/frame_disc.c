/* frame_disc.c -- the axes of the galaxy's body: doc/math.md section 3.
 *
 * What is found here runs over all stars as they come; the iterated shape is frame_inertia.c's.  Beside
 * those that are there: 8 bytes per star for the half-mass radius. */
#include <stdlib.h>

#include "base/error.h"
#include "geometry/frame.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/order.h"
#include "mpi/comm/reduce_exact.h"
#include "mpi/particles/frame_parts.h"
#include "mpi/particles/stream.h"
#include "params/params.h"
#include "simulation/slab.h"

struct disc {
  const struct cubix_slab *slab;  /* those of this rank's stars that are seen */
  const double *centre, *velocity;
  struct cubix_ellipsoid shape;
  double heaviest, fastest;       /* of all ranks' stars [Msun, km/s] */
  int64_t n_inside;               /* of them, within the sphere */
  cubix_terms *terms;             /* what is added up */
  struct cubix_exact sums;
};

static void cross(double c[3], const double a[3], const double b[3])
{
  for (int i = 0; i < 3; i++) c[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

static int within_sphere(const struct disc *d, const double r[3])
{
  return cubix_dot(r, r) <= d->shape.radius * d->shape.radius * CUBIX_FRAME_EDGE;
}

static void spin(double t[][CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct disc *d = host;
  for (size_t k = 0; k < n; k++) {
    const double *u = d->slab->velocity + 3 * (first + k);
    double r[3], v[3], l[3];
    cubix_relative(r, d->slab, d->centre, first + k);
    for (int c = 0; c < 3; c++) v[c] = u[c] - d->velocity[c];
    cross(l, r, v);
    for (int c = 0; c < 3; c++) t[c][k] = within_sphere(d, r) ? d->slab->mass_now[first + k] * l[c] : 0;
  }
}

static void skewness(double t[][CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct disc *d = host;
  for (size_t k = 0; k < n; k++) {
    double r[3], x;
    cubix_relative(r, d->slab, d->centre, first + k);
    x = cubix_dot(r, d->shape.axis[0]);
    t[0][k] = within_sphere(d, r) ? d->slab->mass_now[first + k] * x * x * x : 0;
  }
}

static void add_some(void *host, const struct cubix_slab *some)
{
  struct disc *d = host;
  d->slab = some;
  cubix_exact_more(&d->sums, some->n, d->terms, d);
}

static int add_up(double *sum, int n_c, struct disc *d, cubix_terms *terms, unsigned parts, struct cubix_stream *stars,
                  const double *bound)
{
  int status = CUBIX_OK;
  d->terms = terms;
  cubix_exact_begin(&d->sums, n_c, bound);
  CUBIX_TRY(cubix_mpi_stream_pass(stars, parts, add_some, d));
  cubix_mpi_exact_end(sum, &d->sums);
done:
  return status;
}

/* ---- the half-mass radius ---------------------------------------------------------------------- */
/* Radii, in which each star counts as its present mass. */
struct radii {
  struct cubix_stream *stars;
  const double *centre;
  double *r, largest, unit;
  int64_t total;
  cubix_take *take;
  void *state;
};

static void see_mass(void *host, const struct cubix_slab *some)
{
  double largest = ((struct radii *)host)->largest;
#pragma omp parallel for schedule(static) reduction(max : largest)
  for (size_t i = 0; i < some->n; i++) largest = some->mass_now[i] > largest ? some->mass_now[i] : largest;
  ((struct radii *)host)->largest = largest;
}

static void hand_over(void *host, const struct cubix_slab *some)
{
  struct radii *h = host;
  double v[3];
#pragma omp parallel for schedule(static) private(v)
  for (size_t i = 0; i < some->n; i++) h->r[i] = cubix_relative(v, some, h->centre, i);
  const struct cubix_values columns = { .n = some->n, .n_c = 1, .x = h->r, .weight = some->mass_now, .unit = h->unit };
  h->take(h->state, &columns);
}

static int pass_radii(void *host, cubix_take *take, void *state)
{
  struct radii *h = host;
  h->take = take;
  h->state = state;
  return cubix_mpi_stream_pass(h->stars, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS, hand_over, h);
}

static void see_total(void *host, const struct cubix_slab *some)
{
  struct radii *h = host;
  const struct cubix_values columns = { .weight = some->mass_now, .unit = h->unit };
  int64_t total = 0;
#pragma omp parallel for schedule(static) reduction(+ : total)
  for (size_t i = 0; i < some->n; i++) total += cubix_values_weight(&columns, i);
  h->total += total;
}

/* Radius at which the present mass, in order of radius, first reaches half the total. */
static int half_mass_radius(double *radius, struct cubix_stream *stars, const double centre[3])
{
  int status = CUBIX_OK, exponent;
  struct radii h = { .stars = stars, .centre = centre };
  const struct cubix_rows rows = { .n_c = 1, .weighted = 1, .room = stars->room, .pass = pass_radii, .host = &h };
  const size_t n = cubix_mpi_stream_rows(stars);
  CUBIX_MPI_CHECK((h.r = cubix_reserve(n, sizeof *h.r)), CUBIX_ENOMEM, "cannot allocate %zu bytes", 8 * n);
  CUBIX_TRY(cubix_mpi_stream_pass(stars, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS, see_mass, &h));
  frexp(cubix_mpi_max(h.largest), &exponent);
  h.unit = ldexp(1., 31 - exponent);
  CUBIX_TRY(cubix_mpi_stream_pass(stars, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS, see_total, &h));
  const int64_t total = cubix_mpi_sum_int(h.total);
  CUBIX_CHECK(total > 0, CUBIX_EINPUT,
              "the stars have no mass: AlignRadius 0 needs a half-mass radius; give AlignRadius in kpc");
  CUBIX_TRY(cubix_mpi_select(radius, &rows, total - total / 2));
done:
  free(h.r);
  return status;
}

/* ---- the disc ---------------------------------------------------------------------------------- */
static void see_around(void *host, const struct cubix_slab *some)
{
  struct disc *d = host;
  double heaviest = d->heaviest, fastest = d->fastest;
  int64_t inside = 0;
#pragma omp parallel for schedule(static) reduction(max : heaviest, fastest) reduction(+ : inside)
  for (size_t i = 0; i < some->n; i++) {
    double r[3];
    cubix_relative(r, some, d->centre, i);
    heaviest = some->mass_now[i] > heaviest ? some->mass_now[i] : heaviest;
    if (!within_sphere(d, r)) continue;
    inside++;
    for (size_t c = 0; c < 3; c++) {
      double v = fabs(some->velocity[3 * i + c] - d->velocity[c]);
      fastest = v > fastest ? v : fastest;
    }
  }
  d->heaviest = heaviest;
  d->fastest = fastest;
  d->n_inside += inside;
}

/* How many stars are within the sphere, the largest mass, and the largest component of a velocity there. */
static int look_around(struct disc *d, struct cubix_stream *stars)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_mpi_stream_pass(stars, CUBIX_SLAB_MOTION, see_around, d));
  d->heaviest = cubix_mpi_max(d->heaviest);
  d->fastest = cubix_mpi_max(d->fastest);
  d->n_inside = cubix_mpi_sum_int(d->n_inside);
done:
  return status;
}

/* Rows 0 and 2 of the axes for a spin direction: e3 along it, e1 the longest axis perpendicular to it. */
static int axes_from_spin(struct disc *d, const double l[3], struct cubix_stream *stars)
{
  int status = CUBIX_OK;
  double t[7], e[3], length = sqrt(cubix_dot(l, l)), m[3][3], e3[3];
  CUBIX_CHECK(length > 0, CUBIX_EUSAGE, "the stars within %g kpc have no angular momentum: use AlignWith inertia",
              d->shape.radius);
  for (int c = 0; c < 3; c++) e3[c] = l[c] / length;
  CUBIX_TRY(cubix_mpi_frame_tensor(t, stars, d->centre, &d->shape, d->heaviest));
  double full[3][3] = { { t[0], t[3], t[4] }, { t[3], t[1], t[5] }, { t[4], t[5], t[2] } }, me[3], eme;
  for (int c = 0; c < 3; c++) me[c] = cubix_dot(full[c], e3);
  eme = cubix_dot(me, e3);
  for (int i = 0; i < 3; i++)          /* (1 - e3 e3) M (1 - e3 e3) */
    for (int j = 0; j < 3; j++) m[i][j] = full[i][j] - e3[i] * me[j] - me[i] * e3[j] + eme * e3[i] * e3[j];
  double flat[6] = { m[0][0], m[1][1], m[2][2], m[0][1], m[0][2], m[1][2] };
  CUBIX_TRY(cubix_mpi_frame_eigen(d->shape.axis, e, flat));
  memcpy(d->shape.axis[2], e3, sizeof e3);
done:
  return status;
}

int cubix_mpi_frame_body(double axes[3][3], struct cubix_frame *frame, const struct cubix_params *par,
                         struct cubix_stream *stars)
{
  int status = CUBIX_OK;
  double l[3], skew, bound[3];
  struct disc d = { .centre = frame->centre, .velocity = frame->velocity,
                    .shape = cubix_ellipsoid_sphere(par->AlignRadius) };
  struct cubix_ellipsoid *shape = &d.shape;
  if (!(shape->radius > 0)) CUBIX_TRY(half_mass_radius(&shape->radius, stars, d.centre));
  CUBIX_TRY(look_around(&d, stars));
  bound[0] = bound[1] = bound[2] = 2 * d.heaviest * shape->radius * d.fastest;
  CUBIX_TRY(add_up(l, 3, &d, spin, CUBIX_SLAB_MOTION, stars, bound));
  if (par->AlignWith == CUBIX_AlignWith_inertia)
    CUBIX_TRY(cubix_mpi_frame_inertia(shape, stars, d.centre, d.heaviest, d.n_inside));
  else CUBIX_TRY(axes_from_spin(&d, l, stars));
  frame->align_radius = shape->radius;
  frame->has_shape = shape->p < 1 || shape->q < 1;
  frame->axis_p = shape->p;
  frame->axis_q = shape->q;
  bound[0] = d.heaviest * shape->radius * shape->radius * shape->radius * 1.01;
  CUBIX_TRY(add_up(&skew, 1, &d, skewness, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS, stars, bound));
  double up = cubix_dot(l, shape->axis[2]) < 0 ? -1 : 1, along = skew < 0 ? -1 : 1;
  for (int c = 0; c < 3; c++) {
    axes[0][c] = along * shape->axis[0][c];
    axes[2][c] = up * shape->axis[2][c];
  }
  cross(axes[1], axes[2], axes[0]);
done:
  return status;
}
