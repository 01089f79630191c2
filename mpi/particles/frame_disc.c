/* frame_disc.c -- the axes of the galaxy's body: doc/math.md section 3.
 *
 * The ellipsoid keeps the volume of the sphere of radius AlignRadius R (Thob et al. 2019, MNRAS
 * 485, 972), so that a flat or long body keeps its stars; with R as its longest axis it would lose
 * them round by round and could shrink to nothing.  With r_e^2 = x.W.x and det W = 1, a round finds
 * the least sum m w_k x.W.x, w_k = 1/r_e^2 of the round before; as min(ln s, ln R^2) is concave in
 * s, each round lowers sum m min(ln r_e^2, ln R^2), and the rounds converge without a cycle (they
 * are those of Tyler's scatter matrix, 1987, Ann. Stat. 15, 234, within an aperture).
 *
 * The stars that may count are set aside, column by column, and the tensor runs over vectors of
 * them: some fifty rounds over half of all stars or more are what the frame costs.  They are those
 * within `reach`, the ellipsoid's longest axis with room to grow; where it outgrows them, they are
 * gathered anew.  Beside the slab: 36 bytes per star gathered, before it 8 bytes per star for the
 * half-mass radius. */
#include <float.h>
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>
#include <omp.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "geometry/frame.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/reduce_exact.h"
#include "mpi/particles/frame_parts.h"
#include "params/params.h"
#include "simulation/slab.h"

/* A star at AlignRadius itself, as the one at the half-mass radius is, is inside on any machine:
 * radii compare to this, relative and squared. */
static const double edge = 1 + 1e-12;
enum { N_ROUND = 500, FEW = 20 };

struct body {                     /* the stars within reach, and the axes found so far */
  const struct cubix_slab *slab;
  const double *centre, *velocity;
  size_t n;
  double *x, *y, *z, *m;          /* [n] position relative to the centre [kpc], present mass [Msun] */
  uint32_t *star;                 /* [n] place in the slab */
  double radius, reach;           /* AlignRadius; how far out stars were gathered, never below it [kpc] */
  double heaviest, fastest;
  double axis[3][3], p, q;        /* body axes in rows, and their ratios */
};

static int within_sphere(const struct body *b, size_t i)
{
  return b->x[i] * b->x[i] + b->y[i] * b->y[i] + b->z[i] * b->z[i] <= b->radius * b->radius * edge;
}

/* Half the longest axis of the ellipsoid that has the sphere's volume. */
static double longest(const struct body *b) { return b->radius / cbrt(b->p * b->q); }

static void cross(double c[3], const double a[3], const double b[3])
{
  for (int i = 0; i < 3; i++) c[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

static void spin(double t[][CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct body *b = host;
  for (size_t k = 0; k < n; k++) {
    const double r[3] = { b->x[first + k], b->y[first + k], b->z[first + k] },
                 *u = b->slab->velocity + 3 * (size_t)b->star[first + k];
    double v[3], l[3];
    for (int c = 0; c < 3; c++) v[c] = u[c] - b->velocity[c];
    cross(l, r, v);
    for (int c = 0; c < 3; c++) t[c][k] = within_sphere(b, first + k) ? b->m[first + k] * l[c] : 0;
  }
}

/* xx yy zz xy xz yz in the file's axes, stars with mass */
CUBIX_VECTOR static void reduced_tensor(double (*restrict t)[CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct body *b = host;
  const double *restrict px = b->x + first, *restrict py = b->y + first, *restrict pz = b->z + first,
                         *restrict pm = b->m + first;
  const double limit = longest(b) * longest(b) * edge, ip = 1 / b->p, iq = 1 / b->q;
  const double a0 = b->axis[0][0], a1 = b->axis[0][1], a2 = b->axis[0][2], b0 = b->axis[1][0] * ip,
               b1 = b->axis[1][1] * ip, b2 = b->axis[1][2] * ip;
  const double c0 = b->axis[2][0] * iq, c1 = b->axis[2][1] * iq, c2 = b->axis[2][2] * iq;
  for (size_t k = 0; k < n; k++) {
    const double x = px[k], y = py[k], z = pz[k];
    const double e1 = a0 * x + a1 * y + a2 * z, e2 = b0 * x + b1 * y + b2 * z, e3 = c0 * x + c1 * y + c2 * z,
                 r2 = e1 * e1 + e2 * e2 + e3 * e3;
    const double inside = (r2 <= limit ? 1. : 0.) - (r2 <= 0 ? 1. : 0.),
                 m = inside * pm[k] / (r2 > DBL_MIN ? r2 : DBL_MIN);
    t[0][k] = m * x * x;
    t[1][k] = m * y * y;
    t[2][k] = m * z * z;
    t[3][k] = m * x * y;
    t[4][k] = m * x * z;
    t[5][k] = m * y * z;
    t[6][k] = pm[k] > 0 ? inside : 0.;
  }
}

static void skewness(double t[][CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct body *b = host;
  for (size_t i = first; i < first + n; i++) {
    double x = b->x[i] * b->axis[0][0] + b->y[i] * b->axis[0][1] + b->z[i] * b->axis[0][2];
    t[0][i - first] = within_sphere(b, i) ? b->m[i] * x * x * x : 0;
  }
}

/* Radius at which the present mass, in order of radius, first reaches half the total. */
static int half_mass_radius(double *radius, const struct cubix_slab *slab, const double centre[3])
{
  int status = CUBIX_OK, exponent;
  double largest = 0, *r = NULL;
  int64_t total = 0;
  CUBIX_MPI_CHECK((r = cubix_reserve(slab->n, sizeof *r)), CUBIX_ENOMEM, "cannot allocate %zu bytes", 8 * slab->n);
#pragma omp parallel for schedule(static) reduction(max : largest)
  for (size_t i = 0; i < slab->n; i++) {
    double v[3];
    r[i] = cubix_relative(v, slab, centre, i);
    largest = slab->mass_now[i] > largest ? slab->mass_now[i] : largest;
  }
  frexp(cubix_mpi_max(largest), &exponent);
  const struct cubix_columns columns = {
    .n = slab->n, .n_c = 1, .x = r, .weight = slab->mass_now, .unit = ldexp(1., 31 - exponent)
  };
#pragma omp parallel for schedule(static) reduction(+ : total)
  for (size_t i = 0; i < slab->n; i++) total += cubix_columns_weight(&columns, i);
  total = cubix_mpi_sum_int(total);
  CUBIX_CHECK(total > 0, CUBIX_EINPUT,
              "the stars have no mass: AlignRadius 0 needs a half-mass radius; give AlignRadius in kpc");
  CUBIX_TRY(cubix_mpi_select(radius, NULL, &columns, total - total / 2));
done:
  free(r);
  return status;
}

/* Eigenvectors in rows, falling eigenvalues. */
static int eigen(double axis[3][3], double value[3], const double t[6])
{
  int status = CUBIX_OK;
  double full[9] = { t[0], t[3], t[4], t[3], t[1], t[5], t[4], t[5], t[2] };
  gsl_matrix_view m = gsl_matrix_view_array(full, 3, 3);
  gsl_vector *values = gsl_vector_alloc(3);
  gsl_matrix *vectors = gsl_matrix_alloc(3, 3);
  gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(3);
  CUBIX_CHECK(values && vectors && work, CUBIX_ENOMEM, "no memory for a 3x3 eigenproblem");
  CUBIX_CHECK(!gsl_eigen_symmv(&m.matrix, values, vectors, work), CUBIX_EFAIL,
              "the inertia tensor has no eigenvectors");
  gsl_eigen_symmv_sort(values, vectors, GSL_EIGEN_SORT_VAL_DESC);
  for (size_t k = 0; k < 3; k++) {
    value[k] = gsl_vector_get(values, k);
    for (size_t c = 0; c < 3; c++) axis[k][c] = gsl_matrix_get(vectors, c, k);
  }
done:
  gsl_vector_free(values);
  gsl_matrix_free(vectors);
  gsl_eigen_symmv_free(work);
  return status;
}

static int find_eigen(double axis[3][3], double value[3], const double t[6])
{
  return cubix_mpi_agree(eigen(axis, value, t));
}

static void free_columns(struct body *b)
{
  free(b->x);
  free(b->y);
  free(b->z);
  free(b->m);
  free(b->star);
  b->x = b->y = b->z = b->m = NULL;
  b->star = NULL;
}

/* Set the stars within reach aside, in place of those that were.  The threads' shares follow one
 * another, so that the list is the same for any number of them. */
static int gather_body(struct body *b)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  const struct cubix_slab *slab = b->slab;
  size_t n = slab->n, *begin = NULL;
  double heaviest = 0, fastest = 0;
  free_columns(b);
  CUBIX_MPI_ALLOC(begin, n_thread + 1);
#pragma omp parallel for schedule(static, 1) num_threads(n_thread)
  for (int t = 0; t < n_thread; t++) {
    size_t found = 0, last = n * ((size_t)t + 1) / (size_t)n_thread;
    double r[3];
    for (size_t i = n * (size_t)t / (size_t)n_thread; i < last; i++)
      found += cubix_relative(r, slab, b->centre, i) <= b->reach;
    begin[t + 1] = found;
  }
  for (int t = 0; t < n_thread; t++) begin[t + 1] += begin[t];
  b->n = begin[n_thread];
  b->x = cubix_reserve(b->n, sizeof *b->x);
  b->y = cubix_reserve(b->n, sizeof *b->y);
  b->z = cubix_reserve(b->n, sizeof *b->z);
  b->m = cubix_reserve(b->n, sizeof *b->m);
  b->star = cubix_reserve(b->n, sizeof *b->star);
  CUBIX_MPI_CHECK(b->x && b->y && b->z && b->m && b->star, CUBIX_ENOMEM, "cannot allocate %zu bytes", 36 * b->n);
#pragma omp parallel for schedule(static, 1) num_threads(n_thread) reduction(max : heaviest, fastest)
  for (int t = 0; t < n_thread; t++) {
    size_t at = begin[t], last = n * ((size_t)t + 1) / (size_t)n_thread;
    double r[3];
    for (size_t i = n * (size_t)t / (size_t)n_thread; i < last; i++) {
      if (!(cubix_relative(r, slab, b->centre, i) <= b->reach)) continue;
      b->x[at] = r[0];
      b->y[at] = r[1];
      b->z[at] = r[2];
      b->m[at] = slab->mass_now[i];
      b->star[at++] = (uint32_t)i;
      heaviest = slab->mass_now[i] > heaviest ? slab->mass_now[i] : heaviest;
      for (size_t c = 0; c < 3; c++) {
        double v = fabs(slab->velocity[3 * i + c] - b->velocity[c]);
        fastest = v > fastest ? v : fastest;
      }
    }
  }
  b->heaviest = cubix_mpi_max(heaviest);
  b->fastest = cubix_mpi_max(fastest);
done:
  free(begin);
  return status;
}

/* One round: the tensor (each term is at most the star's mass, as p and q are at most 1) and the
 * number of stars in it. */
static void sum_tensor(double t[7], const struct body *body)
{
  double largest[7] = {
    body->heaviest, body->heaviest, body->heaviest, body->heaviest, body->heaviest, body->heaviest, 1
  };
  cubix_mpi_sum_exact(t, 7, body->n, reduced_tensor, body, largest);
}

/* W of r_e^2 = x.W.x: what the rounds change, and unlike the axes continuous where two of them are equal. */
static void ellipsoid(double w[6], const struct body *b)
{
  static const int row[6] = { 0, 1, 2, 0, 0, 1 }, column[6] = { 0, 1, 2, 1, 2, 2 };
  const double scale = cbrt(b->p * b->q * b->p * b->q),
               weight[3] = { scale, scale / (b->p * b->p), scale / (b->q * b->q) };
  for (int i = 0; i < 6; i++) {
    w[i] = 0;
    for (int k = 0; k < 3; k++) w[i] += weight[k] * b->axis[k][row[i]] * b->axis[k][column[i]];
  }
}

/* How much a round has changed the ellipsoid, relative to its largest component. */
static double change(const struct body *b, const struct body *before)
{
  double w[6], old[6], most = 0, largest = 0;
  ellipsoid(w, b);
  ellipsoid(old, before);
  for (int i = 0; i < 6; i++) {
    most = fmax(most, fabs(w[i] - old[i]));
    largest = fmax(largest, fabs(w[i]));
  }
  return most / largest;
}

/* Axes and ratios of one round.  *lost: too few stars are left, or too flat a body, to give a
 * shape; then the axes alone are new. */
static int one_round(struct body *body, double *n_star, int *lost)
{
  int status = CUBIX_OK;
  double t[7], e[3];
  if (longest(body) > body->reach) {
    body->reach = 1.25 * longest(body);
    CUBIX_TRY(gather_body(body));
  }
  sum_tensor(t, body);
  *n_star = t[6];
  CUBIX_TRY(find_eigen(body->axis, e, t));
  *lost = t[6] < FEW || !(e[2] > 1e-12 * e[0]);
  if (*lost) goto done;
  body->p = sqrt(e[1] / e[0]);
  body->q = sqrt(e[2] / e[0]);
done:
  return status;
}

static void take_shape(struct body *body, const struct body *other)
{
  memcpy(body->axis, other->axis, sizeof body->axis);
  body->p = other->p;
  body->q = other->q;
}

/* Iterate the axes; where the stars give no shape, keep those of the first round and say so. */
static int iterate_inertia(struct body *body)
{
  int status = CUBIX_OK, lost;
  double n_first, n_star, moved = 1;
  CUBIX_TRY(one_round(body, &n_first, &lost));
  CUBIX_CHECK(n_first > 0, CUBIX_EUSAGE,
              "no star with mass within %g kpc of the centre: the disc cannot be found; check Centre and AlignRadius",
              body->radius);
  if (lost) {
    cubix_log(CUBIX_LOG_WARNING,
              "AlignWith inertia: %.0f stars within %g kpc are too few or too flat for a shape: the axes are those of "
              "one round; "
              "AlignWith angularmomentum or a larger AlignRadius may be the better choice",
              n_first, body->radius);
    goto done;
  }
  const struct body first = *body;
  for (int round = 1; round < N_ROUND && moved > 1e-10; round++) {
    const struct body before = *body;
    CUBIX_TRY(one_round(body, &n_star, &lost));
    if (lost) {
      take_shape(body, &first);
      cubix_log(
          CUBIX_LOG_WARNING,
          "AlignWith inertia: after %d rounds the ellipsoid holds %.0f stars, too few or too flat for a shape (%.0f "
          "stars within "
          "%g kpc at first): the axes are those of the first round; AlignWith angularmomentum may be the better choice",
          round, n_star, n_first, body->radius);
      goto done;
    }
    moved = change(body, &before);
  }
  if (moved > 1e-6)
    cubix_log(CUBIX_LOG_WARNING,
              "AlignWith inertia: the ellipsoid still changes by %.1g of its size after %d rounds: the axes are those "
              "of the last one; "
              "AlignWith angularmomentum may be the better choice",
              moved, N_ROUND);
done:
  return status;
}

/* Rows 0 and 2 of axis for a spin direction: e3 along it, e1 the longest axis perpendicular to it. */
static int axes_from_spin(struct body *body, const double l[3])
{
  int status = CUBIX_OK;
  double t[7], e[3], length = sqrt(cubix_dot(l, l)), m[3][3], e3[3];
  CUBIX_CHECK(length > 0, CUBIX_EUSAGE, "the stars within %g kpc have no angular momentum: use AlignWith inertia",
              body->radius);
  for (int c = 0; c < 3; c++) e3[c] = l[c] / length;
  sum_tensor(t, body);
  double full[3][3] = { { t[0], t[3], t[4] }, { t[3], t[1], t[5] }, { t[4], t[5], t[2] } }, me[3], eme;
  for (int c = 0; c < 3; c++) me[c] = cubix_dot(full[c], e3);
  eme = cubix_dot(me, e3);
  for (int i = 0; i < 3; i++)          /* (1 - e3 e3) M (1 - e3 e3) */
    for (int j = 0; j < 3; j++) m[i][j] = full[i][j] - e3[i] * me[j] - me[i] * e3[j] + eme * e3[i] * e3[j];
  double flat[6] = { m[0][0], m[1][1], m[2][2], m[0][1], m[0][2], m[1][2] };
  CUBIX_TRY(find_eigen(body->axis, e, flat));
  memcpy(body->axis[2], e3, sizeof e3);
done:
  return status;
}

int cubix_mpi_frame_body(double axes[3][3], struct cubix_frame *frame, const struct cubix_params *par,
                         const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  double l[3], skew, bound[3];
  struct body b = { .slab = slab, .centre = frame->centre, .velocity = frame->velocity, .radius = par->AlignRadius,
                    .axis = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }, .p = 1, .q = 1 };
  if (!(b.radius > 0)) CUBIX_TRY(half_mass_radius(&b.radius, slab, b.centre));
  b.reach = b.radius;
  CUBIX_TRY(gather_body(&b));
  bound[0] = bound[1] = bound[2] = 2 * b.heaviest * b.radius * b.fastest;
  cubix_mpi_sum_exact(l, 3, b.n, spin, &b, bound);
  if (par->AlignWith == CUBIX_AlignWith_inertia) CUBIX_TRY(iterate_inertia(&b));
  else CUBIX_TRY(axes_from_spin(&b, l));
  frame->align_radius = b.radius;
  frame->axis_p = b.p;
  frame->axis_q = b.q;
  cubix_mpi_sum_exact(&skew, 1, b.n, skewness, &b, NULL);
  double up = cubix_dot(l, b.axis[2]) < 0 ? -1 : 1, along = skew < 0 ? -1 : 1;
  for (int c = 0; c < 3; c++) {
    axes[0][c] = along * b.axis[0][c];
    axes[2][c] = up * b.axis[2][c];
  }
  cross(axes[1], axes[2], axes[0]);
done:
  free_columns(&b);
  return status;
}
