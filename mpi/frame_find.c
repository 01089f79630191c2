/* frame_find.c -- the galaxy's centre, systemic velocity and axes, from all ranks' stars.  Formulas: doc/math.md section 3.
 *
 * Every sum goes through cubix_mpi_sum_exact and every median through integer counts, so that the frame is bit for bit the same on any
 * number of ranks: a star at a spaxel's edge stays where it is.  The rotation is proper by construction, e2 = e3 x e1, and the spin
 * decides which way is up: no mirrored galaxies, no discs that turn the wrong way.                                           */
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>
#include <math.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "cubix-mpi.h"
#include "error.h"
#include "log.h"
#include "reduce_exact.h"

struct sphere {                   /* what the sums below look at */
  const struct cubix_slab *slab;
  double centre[3], velocity[3], radius;
};

struct body {                     /* the stars within AlignRadius, and the axes found so far */
  size_t n;
  double *place;                  /* [n][4] position relative to the centre [kpc], present mass [Msun] */
  double radius, heaviest;
  double axis[3][3], p, q;        /* body axes in rows, and their ratios */
};

static double dot(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

static void cross(double c[3], const double a[3], const double b[3])
{
  for (int i = 0; i < 3; i++) c[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

/* Position relative to the centre.  @return its length */
static double relative(double r[3], const struct sphere *s, size_t i)
{
  for (size_t c = 0; c < 3; c++) r[c] = s->slab->position[3 * i + c] - s->centre[c];
  return sqrt(dot(r, r));
}

static void mass_and_moment(double *t, const void *host, size_t i)      /* m, m x relative to the centre, 1 */
{
  const struct sphere *s = host;
  double r[3];
  int inside = relative(r, s, i) <= s->radius;
  t[0] = inside ? s->slab->mass_now[i] : 0;
  for (int c = 0; c < 3; c++) t[1 + c] = t[0] * r[c];
  t[4] = inside;
}

static void spin(double *t, const void *host, size_t i)
{
  const struct sphere *s = host;
  double r[3], v[3];
  double m = relative(r, s, i) <= s->radius ? s->slab->mass_now[i] : 0;
  for (size_t c = 0; c < 3; c++) v[c] = s->slab->velocity[3 * i + c] - s->velocity[c];
  cross(t, r, v);
  for (int c = 0; c < 3; c++) t[c] *= m;
}

static void reduced_tensor(double *t, const void *host, size_t i)       /* xx yy zz xy xz yz in the file's axes, 1 */
{
  const struct body *body = host;
  const double *r = body->place + 4 * i;
  double a = dot(r, body->axis[0]), b = dot(r, body->axis[1]) / body->p, c = dot(r, body->axis[2]) / body->q, r2 = a * a + b * b + c * c;
  int inside = r2 > 0 && r2 <= body->radius * body->radius;
  double m = inside ? r[3] / r2 : 0;
  t[0] = m * r[0] * r[0];
  t[1] = m * r[1] * r[1];
  t[2] = m * r[2] * r[2];
  t[3] = m * r[0] * r[1];
  t[4] = m * r[0] * r[2];
  t[5] = m * r[1] * r[2];
  t[6] = inside;
}

static void skewness(double *t, const void *host, size_t i)
{
  const struct body *body = host;
  double x = dot(body->place + 4 * i, body->axis[0]);
  t[0] = body->place[4 * i + 3] * x * x * x;
}

/* The periodic image of every star that is nearest to the centre. */
static void wrap_about(struct cubix_slab *slab, const double centre[3])
{
  double box = slab->snapshot.box;
  for (size_t i = 0; i < 3 * slab->n && box > 0; i++) slab->position[i] -= box * rint((slab->position[i] - centre[i % 3]) / box);
}

static int shrinking_sphere(double centre[3], const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  struct sphere s = { .slab = slab, .radius = INFINITY };
  double t[5], least = fmax(20, (double)slab->n_total / 1000), farthest = 0, r[3];
  for (size_t c = 0; c < 3; c++) {                                       /* an origin near the galaxy keeps the sums sharp */
    double least_of_mine = INFINITY;
    for (size_t i = 0; i < slab->n; i++) least_of_mine = fmin(least_of_mine, slab->position[3 * i + c]);
    s.centre[c] = cubix_mpi_min(least_of_mine);
  }
  cubix_mpi_sum_exact(t, 5, slab->n, mass_and_moment, &s, NULL);
  CUBIX_CHECK(t[0] > 0, CUBIX_EINPUT, "all %lld stars have mass zero: there is no centre of mass; give Centre as three numbers", (long long)slab->n_total);
  for (int c = 0; c < 3; c++) s.centre[c] += t[1 + c] / t[0];
  for (size_t i = 0; i < slab->n; i++) farthest = fmax(farthest, relative(r, &s, i));
  double start = s.radius = cubix_mpi_max(farthest);
  for (;;) {
    s.radius *= 0.9;
    cubix_mpi_sum_exact(t, 5, slab->n, mass_and_moment, &s, NULL);
    if (t[4] < least || !(t[0] > 0) || !(s.radius > 1e-9 * start)) break;  /* stars in one place would stay inside for ever */
    for (int c = 0; c < 3; c++) s.centre[c] += t[1 + c] / t[0];
  }
  memcpy(centre, s.centre, sizeof s.centre);
done:
  return status;
}

/* The star deepest in the potential; the first of equals. */
static void deepest(double centre[3], const struct cubix_slab *slab)
{
  struct { double value; int rank; } best = { INFINITY, cubix_mpi_rank() };
  size_t at = 0;
  for (size_t i = 0; i < slab->n; i++)
    if (slab->potential[i] < best.value) {
      best.value = slab->potential[i];
      at = i;
    }
  if (slab->n) memcpy(centre, slab->position + 3 * at, 3 * sizeof *centre);
  MPI_Allreduce(MPI_IN_PLACE, &best, 1, MPI_DOUBLE_INT, MPI_MINLOC, MPI_COMM_WORLD);
  MPI_Bcast(centre, 3, MPI_DOUBLE, best.rank, MPI_COMM_WORLD);
}

static int find_centre(double centre[3], const struct cubix_params *par, struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  const char *word = par->Centre.word;
  if (!word) memcpy(centre, par->Centre.x, 3 * sizeof *centre);
  else if (!strcmp(word, "median")) CUBIX_TRY(cubix_mpi_median(centre, slab->position, NULL, slab->n, 3));
  else if (!strcmp(word, "potential")) deepest(centre, slab);
  else if (!strcmp(word, "auto") && slab->snapshot.has_centre) memcpy(centre, slab->snapshot.centre, 3 * sizeof *centre);
  else CUBIX_TRY(shrinking_sphere(centre, slab));
  wrap_about(slab, centre);
done:
  return status;
}

static int select_radius(const struct cubix_params *par, struct cubix_slab *slab, const double centre[3])
{
  int status = CUBIX_OK;
  unsigned char *keep = NULL;
  if (!(par->SelectRadius > 0)) return CUBIX_OK;
  struct sphere s = { .slab = slab, .centre = { centre[0], centre[1], centre[2] } };
  double r[3];
  keep = cubix_alloc(slab->n, 1);
  CUBIX_TRY(cubix_mpi_agree(keep ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate %zu bytes", slab->n)));
  for (size_t i = 0; i < slab->n; i++) keep[i] = relative(r, &s, i) <= par->SelectRadius;
  int64_t before = slab->n_total;
  cubix_slab_keep(slab, keep);
  slab->n_total = cubix_mpi_sum_int((int64_t)slab->n);
  slab->n_outside_radius = before - slab->n_total;
  CUBIX_CHECK(slab->n_total > 0, CUBIX_EUSAGE, "SelectRadius = %g kpc (%s) keeps none of %lld stars about (%g, %g, %g) kpc; check Centre",
              par->SelectRadius, cubix_params_origin(par, "SelectRadius"), (long long)before, centre[0], centre[1], centre[2]);
done:
  free(keep);
  return status;
}

static int find_velocity(double velocity[3], const struct cubix_params *par, const struct cubix_slab *slab, const double centre[3])
{
  int status = CUBIX_OK;
  unsigned char *use = NULL;
  int64_t inside = 0;
  double r[3];
  struct sphere s = { .slab = slab, .centre = { centre[0], centre[1], centre[2] } };
  const char *word = par->SystemicVelocity.word;
  if (!word) memcpy(velocity, par->SystemicVelocity.x, 3 * sizeof *velocity);
  if (!word || !strcmp(word, "none")) goto done;
  use = cubix_alloc(slab->n, 1);
  CUBIX_TRY(cubix_mpi_agree(use ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate %zu bytes", slab->n)));
  for (size_t i = 0; i < slab->n; i++) inside += use[i] = relative(r, &s, i) <= par->CentreRadius;
  inside = cubix_mpi_sum_int(inside);
  if (!inside) cubix_log(CUBIX_LOG_WARNING, "no star within CentreRadius = %g kpc of the centre: the systemic velocity is the median of all stars", par->CentreRadius);
  CUBIX_TRY(cubix_mpi_median(velocity, slab->velocity, inside ? use : NULL, slab->n, 3));
done:
  free(use);
  return status;
}

/* Radius at which the present mass, in order of radius, first reaches half the total. */
static int half_mass_radius(double *radius, const struct sphere *s)
{
  int status = CUBIX_OK;
  size_t n = s->slab->n;
  double largest = 0, v[3], *r = cubix_alloc(n, sizeof *r);
  int64_t total = 0, *weight = cubix_alloc(n, sizeof *weight);
  int exponent;
  CUBIX_TRY(cubix_mpi_agree(r && weight ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate 2 x %zu bytes", 8 * n)));
  for (size_t i = 0; i < n; i++) {
    r[i] = relative(v, s, i);
    largest = fmax(largest, s->slab->mass_now[i]);
  }
  frexp(cubix_mpi_max(largest), &exponent);
  for (size_t i = 0; i < n; i++) total += weight[i] = (int64_t)rint(ldexp(s->slab->mass_now[i], 31 - exponent));
  total = cubix_mpi_sum_int(total);
  CUBIX_CHECK(total > 0, CUBIX_EINPUT, "the stars have no mass: AlignRadius 0 needs a half-mass radius; give AlignRadius in kpc");
  *radius = cubix_mpi_select(r, n, 1, NULL, weight, (total + 1) / 2);
done:
  free(r);
  free(weight);
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

/* The stars within AlignRadius.  r_e is never below r, so that no other star counts in any round. */
static int gather_body(struct body *body, const struct sphere *s)
{
  int status = CUBIX_OK;
  double r[3], heaviest = 0;
  size_t n = 0;
  for (size_t i = 0; i < s->slab->n; i++) n += relative(r, s, i) <= s->radius;
  body->place = cubix_alloc(n, 4 * sizeof *body->place);
  CUBIX_TRY(cubix_mpi_agree(body->place ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate %zu bytes", 32 * n)));
  for (size_t i = 0; i < s->slab->n; i++) {
    if (!(relative(r, s, i) <= s->radius)) continue;
    double *place = body->place + 4 * body->n++;
    memcpy(place, r, sizeof r);
    place[3] = s->slab->mass_now[i];
    heaviest = fmax(heaviest, place[3]);
  }
  body->radius = s->radius;
  body->heaviest = cubix_mpi_max(heaviest);
done:
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
  double t[7], e[3], length = sqrt(dot(l, l)), m[3][3], e3[3];
  CUBIX_CHECK(length > 0, CUBIX_EUSAGE, "the stars within %g kpc have no angular momentum: use AlignWith inertia", body->radius);
  for (int c = 0; c < 3; c++) e3[c] = l[c] / length;
  sum_tensor(t, body);
  double full[3][3] = { { t[0], t[3], t[4] }, { t[3], t[1], t[5] }, { t[4], t[5], t[2] } }, me[3], eme;
  for (int c = 0; c < 3; c++) me[c] = dot(full[c], e3);
  eme = dot(me, e3);
  for (int i = 0; i < 3; i++)          /* (1 - e3 e3) M (1 - e3 e3) */
    for (int j = 0; j < 3; j++) m[i][j] = full[i][j] - e3[i] * me[j] - me[i] * e3[j] + eme * e3[i] * e3[j];
  double flat[6] = { m[0][0], m[1][1], m[2][2], m[0][1], m[0][2], m[1][2] };
  CUBIX_TRY(find_eigen(body->axis, e, flat));
  memcpy(body->axis[2], e3, sizeof e3);
done:
  return status;
}

/* Rows e1 (long), e2, e3 (spin side of the short axis): a proper rotation from the file's axes to the body's. */
static int find_body(double axes[3][3], struct cubix_frame *frame, const struct cubix_params *par, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  double l[3], skew;
  struct sphere s = { .slab = slab, .radius = par->AlignRadius };
  struct body body = { .axis = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }, .p = 1, .q = 1 };
  memcpy(s.centre, frame->centre, sizeof s.centre);
  memcpy(s.velocity, frame->velocity, sizeof s.velocity);
  if (!(s.radius > 0)) CUBIX_TRY(half_mass_radius(&s.radius, &s));
  CUBIX_TRY(gather_body(&body, &s));
  cubix_mpi_sum_exact(l, 3, slab->n, spin, &s, NULL);
  if (!strcmp(par->AlignWith, "inertia")) CUBIX_TRY(iterate_inertia(&body));
  else CUBIX_TRY(axes_from_spin(&body, l));
  frame->align_radius = body.radius;
  frame->axis_p = body.p;
  frame->axis_q = body.q;
  cubix_mpi_sum_exact(&skew, 1, body.n, skewness, &body, NULL);
  double up = dot(l, body.axis[2]) < 0 ? -1 : 1, along = skew < 0 ? -1 : 1;
  for (int c = 0; c < 3; c++) {
    axes[0][c] = along * body.axis[0][c];
    axes[2][c] = up * body.axis[2][c];
  }
  cross(axes[1], axes[2], axes[0]);
done:
  free(body.place);
  return status;
}

/* A parameter that was given but has no say in this Orientation is a mistake that nobody would see. */
static void warn_of_idle(const struct cubix_params *par)
{
  int angles = !strcmp(par->Orientation, "angles"), disc = !angles && strcmp(par->Orientation, "none") != 0;
  if (!angles) cubix_params_warn_idle(par, "Alpha Beta Gamma", "it belongs to Orientation angles");
  if (strcmp(par->Orientation, "inclined") != 0) cubix_params_warn_idle(par, "Inclination", "it belongs to Orientation inclined");
  if (!disc) cubix_params_warn_idle(par, "PositionAngle AlignWith AlignRadius", "it belongs to Orientation faceon, edgeon or inclined");
}

int cubix_mpi_frame_find(struct cubix_frame *frame, const struct cubix_params *par, struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  double body[3][3];
  memset(frame, 0, sizeof *frame);
  frame->axis_p = frame->axis_q = 1;
  warn_of_idle(par);
  CUBIX_TRY(find_centre(frame->centre, par, slab));
  CUBIX_TRY(select_radius(par, slab, frame->centre));
  CUBIX_TRY(find_velocity(frame->velocity, par, slab, frame->centre));
  if (!strcmp(par->Orientation, "none")) cubix_frame_angles(frame->rotation, 0, 0, 0);
  else if (!strcmp(par->Orientation, "angles")) cubix_frame_angles(frame->rotation, par->Alpha, par->Beta, par->Gamma);
  else {
    double inclination = !strcmp(par->Orientation, "faceon") ? 0 : !strcmp(par->Orientation, "edgeon") ? 90 : par->Inclination;
    CUBIX_TRY(find_body(body, frame, par, slab));
    cubix_frame_inclined(frame->rotation, body, inclination, par->PositionAngle);
  }
done:
  return status;
}
