/* frame_body.c -- the axes of the galaxy's body: doc/math.md section 3.
 *
 * The stars within AlignRadius are set aside once, column by column, and the iterated tensor runs over vectors of them: some fifty rounds over half of
 * all stars are what the frame costs.  r_e is never below r, so that no other star counts in any round.  Beside the slab: 36 bytes per star of the body,
 * before it 8 bytes per star for the half-mass radius.                                                                                            */
#include <float.h>
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>
#include <omp.h>
#include <stdlib.h>

#include "cubix-mpi.h"
#include "error.h"
#include "frame_parts.h"
#include "log.h"
#include "reduce_exact.h"

struct body {                     /* the stars within AlignRadius, and the axes found so far */
  const struct cubix_slab *slab;
  const double *centre, *velocity;
  size_t n;
  double *x, *y, *z, *m;          /* [n] position relative to the centre [kpc], present mass [Msun] */
  uint32_t *star;                 /* [n] place in the slab */
  double radius, heaviest, fastest;
  double axis[3][3], p, q;        /* body axes in rows, and their ratios */
};

static void cross(double c[3], const double a[3], const double b[3])
{
  for (int i = 0; i < 3; i++) c[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

static void spin(double t[][CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct body *b = host;
  for (size_t k = 0; k < n; k++) {
    const double r[3] = { b->x[first + k], b->y[first + k], b->z[first + k] }, *u = b->slab->velocity + 3 * (size_t)b->star[first + k];
    double v[3], l[3];
    for (int c = 0; c < 3; c++) v[c] = u[c] - b->velocity[c];
    cross(l, r, v);
    for (int c = 0; c < 3; c++) t[c][k] = b->m[first + k] * l[c];
  }
}

CUBIX_VECTOR static void reduced_tensor(double (*restrict t)[CUBIX_BLOCK], const void *host, size_t first, size_t n)       /* xx yy zz xy xz yz in the file's axes, 1 */
{
  const struct body *b = host;
  const double *restrict px = b->x + first, *restrict py = b->y + first, *restrict pz = b->z + first, *restrict pm = b->m + first;
  const double limit = b->radius * b->radius, ip = 1 / b->p, iq = 1 / b->q;
  const double a0 = b->axis[0][0], a1 = b->axis[0][1], a2 = b->axis[0][2], b0 = b->axis[1][0] * ip, b1 = b->axis[1][1] * ip, b2 = b->axis[1][2] * ip;
  const double c0 = b->axis[2][0] * iq, c1 = b->axis[2][1] * iq, c2 = b->axis[2][2] * iq;
  for (size_t k = 0; k < n; k++) {
    const double x = px[k], y = py[k], z = pz[k];
    const double e1 = a0 * x + a1 * y + a2 * z, e2 = b0 * x + b1 * y + b2 * z, e3 = c0 * x + c1 * y + c2 * z, r2 = e1 * e1 + e2 * e2 + e3 * e3;
    const double inside = (r2 <= limit ? 1. : 0.) - (r2 <= 0 ? 1. : 0.), m = inside * pm[k] / (r2 > DBL_MIN ? r2 : DBL_MIN);
    t[0][k] = m * x * x;
    t[1][k] = m * y * y;
    t[2][k] = m * z * z;
    t[3][k] = m * x * y;
    t[4][k] = m * x * z;
    t[5][k] = m * y * z;
    t[6][k] = inside;
  }
}

static void skewness(double t[][CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct body *b = host;
  for (size_t i = first; i < first + n; i++) {
    double x = b->x[i] * b->axis[0][0] + b->y[i] * b->axis[0][1] + b->z[i] * b->axis[0][2];
    t[0][i - first] = b->m[i] * x * x * x;
  }
}

static int there(int found, size_t bytes)
{
  return cubix_mpi_agree(found ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate %zu bytes", bytes));
}

/* Radius at which the present mass, in order of radius, first reaches half the total. */
static int half_mass_radius(double *radius, const struct cubix_slab *slab, const double centre[3])
{
  int status = CUBIX_OK, exponent;
  double largest = 0, *r = cubix_reserve(slab->n, sizeof *r);
  int64_t total = 0;
  CUBIX_TRY(there(r != NULL, 8 * slab->n));
#pragma omp parallel for schedule(static) reduction(max : largest)
  for (size_t i = 0; i < slab->n; i++) {
    double v[3];
    r[i] = cubix_relative(v, slab, centre, i);
    largest = slab->mass_now[i] > largest ? slab->mass_now[i] : largest;
  }
  frexp(cubix_mpi_max(largest), &exponent);
  const struct cubix_columns columns = { .n = slab->n, .n_c = 1, .x = r, .weight = slab->mass_now, .unit = ldexp(1., 31 - exponent) };
#pragma omp parallel for schedule(static) reduction(+ : total)
  for (size_t i = 0; i < slab->n; i++) total += cubix_columns_weight(&columns, i);
  total = cubix_mpi_sum_int(total);
  CUBIX_CHECK(total > 0, CUBIX_EINPUT, "the stars have no mass: AlignRadius 0 needs a half-mass radius; give AlignRadius in kpc");
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
  CUBIX_CHECK(!gsl_eigen_symmv(&m.matrix, values, vectors, work), CUBIX_EFAIL, "the inertia tensor has no eigenvectors");
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

static int find_eigen(double axis[3][3], double value[3], const double t[6]) { return cubix_mpi_agree(eigen(axis, value, t)); }

/* Set the stars within the radius aside.  The threads' shares follow one another, so that the list is the same for any number of them. */
static int gather_body(struct body *b)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  const struct cubix_slab *slab = b->slab;
  size_t n = slab->n, *begin = cubix_alloc((size_t)n_thread + 1, sizeof *begin);
  double heaviest = 0, fastest = 0;
  CUBIX_TRY(there(begin != NULL, 8 * (size_t)n_thread));
#pragma omp parallel for schedule(static, 1) num_threads(n_thread)
  for (int t = 0; t < n_thread; t++) {
    size_t found = 0, last = n * ((size_t)t + 1) / (size_t)n_thread;
    double r[3];
    for (size_t i = n * (size_t)t / (size_t)n_thread; i < last; i++) found += cubix_relative(r, slab, b->centre, i) <= b->radius;
    begin[t + 1] = found;
  }
  for (int t = 0; t < n_thread; t++) begin[t + 1] += begin[t];
  b->n = begin[n_thread];
  b->x = cubix_reserve(b->n, sizeof *b->x);
  b->y = cubix_reserve(b->n, sizeof *b->y);
  b->z = cubix_reserve(b->n, sizeof *b->z);
  b->m = cubix_reserve(b->n, sizeof *b->m);
  b->star = cubix_reserve(b->n, sizeof *b->star);
  CUBIX_TRY(there(b->x && b->y && b->z && b->m && b->star, 36 * b->n));
#pragma omp parallel for schedule(static, 1) num_threads(n_thread) reduction(max : heaviest, fastest)
  for (int t = 0; t < n_thread; t++) {
    size_t at = begin[t], last = n * ((size_t)t + 1) / (size_t)n_thread;
    double r[3];
    for (size_t i = n * (size_t)t / (size_t)n_thread; i < last; i++) {
      if (!(cubix_relative(r, slab, b->centre, i) <= b->radius)) continue;
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

/* One round: the tensor (each term is at most the star's mass, as p and q are at most 1) and the number of stars in it. */
static void sum_tensor(double t[7], const struct body *body)
{
  double largest[7] = { body->heaviest, body->heaviest, body->heaviest, body->heaviest, body->heaviest, body->heaviest, 1 };
  cubix_mpi_sum_exact(t, 7, body->n, reduced_tensor, body, largest);
}

/* Iterate the axes; where the body shrinks to nothing (few stars, a sheet), keep those of the first round and say so. */
static int iterate_inertia(struct body *body)
{
  int status = CUBIX_OK;
  struct body first = *body;
  double first_count = 0;
  for (int round = 0; round < 200; round++) {
    double t[7], e[3], p = body->p, q = body->q;
    sum_tensor(t, body);
    CUBIX_CHECK(round || t[0] + t[1] + t[2] > 0, CUBIX_EUSAGE, "no star with mass within %g kpc of the centre: the disc cannot be found; check Centre and AlignRadius", body->radius);
    int lost = t[6] < 20 || t[6] < 0.3 * first_count;
    if (!lost) {
      CUBIX_TRY(find_eigen(body->axis, e, t));
      lost = !(e[2] > 1e-12 * e[0]);
    }
    if (lost && round) {
      *body = first;
      cubix_log(CUBIX_LOG_WARNING, "AlignWith inertia: the tensor shrinks to nothing after %d rounds (%.0f stars within %g kpc at first): "
                "the axes are those of the first round; AlignWith angularmomentum may be the better choice", round, first_count, body->radius);
      break;
    }
    if (lost) {
      CUBIX_TRY(find_eigen(body->axis, e, t));
      cubix_log(CUBIX_LOG_WARNING, "AlignWith inertia: %.0f stars within %g kpc are too few or too flat for a shape; AlignWith angularmomentum may be the better choice", t[6], body->radius);
      break;
    }
    body->p = sqrt(e[1] / e[0]);
    body->q = sqrt(e[2] / e[0]);
    if (!round) {
      first = *body;
      first_count = t[6];
    }
    if (fabs(body->p - p) < 1e-10 && fabs(body->q - q) < 1e-10) break;
  }
done:
  return status;
}

/* Rows 0 and 2 of axis for a spin direction: e3 along it, e1 the longest axis perpendicular to it. */
static int axes_from_spin(struct body *body, const double l[3])
{
  int status = CUBIX_OK;
  double t[7], e[3], length = sqrt(cubix_dot(l, l)), m[3][3], e3[3];
  CUBIX_CHECK(length > 0, CUBIX_EUSAGE, "the stars within %g kpc have no angular momentum: use AlignWith inertia", body->radius);
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

int cubix_mpi_frame_body(double axes[3][3], struct cubix_frame *frame, const struct cubix_params *par, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  double l[3], skew, bound[3];
  struct body b = { .slab = slab, .centre = frame->centre, .velocity = frame->velocity, .radius = par->AlignRadius,
                    .axis = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }, .p = 1, .q = 1 };
  if (!(b.radius > 0)) CUBIX_TRY(half_mass_radius(&b.radius, slab, b.centre));
  CUBIX_TRY(gather_body(&b));
  bound[0] = bound[1] = bound[2] = 2 * b.heaviest * b.radius * b.fastest;
  cubix_mpi_sum_exact(l, 3, b.n, spin, &b, bound);
  if (!strcmp(par->AlignWith, "inertia")) CUBIX_TRY(iterate_inertia(&b));
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
  free(b.x);
  free(b.y);
  free(b.z);
  free(b.m);
  free(b.star);
  return status;
}
