/* frame_inertia.c -- the shape of the galaxy's body: doc/math.md section 3.
 *
 * The ellipsoid keeps the volume of the sphere of radius AlignRadius R (Thob et al. 2019, MNRAS
 * 485, 972), so that a flat or long body keeps its stars; with R as its longest axis it would lose
 * them round by round and could shrink to nothing.  With r_e^2 = x.W.x and det W = 1, a round finds
 * the least sum m w_k x.W.x, w_k = 1/r_e^2 of the round before; as min(ln s, ln R^2) is concave in
 * s, each round lowers sum m min(ln r_e^2, ln R^2), and the rounds converge without a cycle (they
 * are those of Tyler's scatter matrix, 1987, Ann. Stat. 15, 234, within an aperture).
 *
 * Some fifty rounds over millions of stars would cost more than all else that is found from them.
 * So a sample of about 2e5 stars goes through the rounds; all stars then only correct what it has
 * found.  About a shape W0 near the end,
 *   M(W) = sum m x x / x.W.x  =  sum m x x / s0  -  sum m x x (x.(W - W0).x) / s0^2  + ...,
 * s0 = x.W0.x: the fourth moments of one pass over all stars stand for them in all further rounds,
 * but for those so close to the ellipsoid's edge that they may change sides, which are set aside
 * and asked in each.  Each pass squares the distance to the end; three or four do.  Where the
 * sample has no shape, or the passes do not settle, all stars go through the rounds. */
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "mpi/comm/comm.h"
#include "mpi/particles/layer.h"
#include "mpi/particles/frame_parts.h"
#include "mpi/particles/stream.h"

enum { N_ROUND = 500, FEW = 20, SAMPLE = 1 << 17, N_PASS = 12, N_TENSOR = 7 };
static const double settled = 1e-10, settled_sample = 1e-4;

struct body {                     /* what goes through the rounds */
  struct cubix_layer_stars some;       /* stars that a round asks */
  struct cubix_ellipsoid shape;
  unsigned halvings;              /* the sample is one of 2^halvings stars */
  double reach;                   /* how far out its stars were gathered, never below the radius [kpc] */
};

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

int cubix_mpi_frame_eigen(double axis[3][3], double value[3], const double t[6])
{
  return cubix_mpi_agree(eigen(axis, value, t));
}

/* ---- rounds ---------------------------------------------------------------------------------- */
static double volume_scale(const struct cubix_ellipsoid *s) { return cbrt(s->p * s->q * s->p * s->q); }

/* W of r_e^2 = x.W.x, det W = 1: what the rounds change, and unlike the axes continuous where two of them are equal. */
static void ellipsoid(double w[3][3], const struct cubix_ellipsoid *s)
{
  const double scale = volume_scale(s), weight[3] = { scale, scale / (s->p * s->p), scale / (s->q * s->q) };
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) {
      w[i][j] = 0;
      for (int k = 0; k < 3; k++) w[i][j] += weight[k] * s->axis[k][i] * s->axis[k][j];
    }
}

/* How much a round has changed the ellipsoid, relative to its largest component. */
static double change(const struct cubix_ellipsoid *now, const struct cubix_ellipsoid *before)
{
  double w[3][3], old[3][3], most = 0, largest = 0;
  ellipsoid(w, now);
  ellipsoid(old, before);
  for (int i = 0; i < 9; i++) {
    most = fmax(most, fabs(w[i / 3][i % 3] - old[i / 3][i % 3]));
    largest = fmax(largest, fabs(w[i / 3][i % 3]));
  }
  return most / largest;
}

/* By how much the r_e^2 of any star can have changed, relative: the norm of the change in the axes of `base`. */
static double drift(const struct cubix_ellipsoid *now, const struct cubix_ellipsoid *base)
{
  double w[3][3], old[3][3], sum = 0;
  const double scale = volume_scale(base), ratio[3] = { 1, base->p, base->q };
  ellipsoid(w, now);
  ellipsoid(old, base);
  for (int k = 0; k < 3; k++)
    for (int l = 0; l < 3; l++) {
      double e = 0;
      for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) e += base->axis[k][i] * (w[i][j] - old[i][j]) * base->axis[l][j];
      e *= ratio[k] * ratio[l] / scale;
      sum += e * e;
    }
  return sqrt(sum);
}

/* Axes and ratios from a tensor.  *lost: too few stars are left, or too flat a body, to give a
 * shape; then the axes alone are new. */
static int take_tensor(struct cubix_ellipsoid *shape, const double t[N_TENSOR], int *lost)
{
  int status = CUBIX_OK;
  double e[3];
  CUBIX_TRY(cubix_mpi_frame_eigen(shape->axis, e, t));
  *lost = t[6] < FEW || !(e[2] > 1e-12 * e[0]);
  if (*lost) goto done;
  shape->p = sqrt(e[1] / e[0]);
  shape->q = sqrt(e[2] / e[0]);
done:
  return status;
}

/* One round over the stars set aside; those within `reach`, the ellipsoid's longest axis with room
 * to grow, are gathered anew where it outgrows them. */
static int one_round(struct body *b, double *n_star, int *lost)
{
  int status = CUBIX_OK;
  double t[N_TENSOR];
  if (cubix_ellipsoid_limit(&b->shape) > b->reach * b->reach * CUBIX_FRAME_EDGE) {
    b->reach = b->reach > 0 ? 1.25 * sqrt(cubix_ellipsoid_limit(&b->shape)) : b->shape.radius;
    const struct cubix_layer choice = { cubix_ellipsoid_sphere(b->reach), -1, 1, b->halvings };
    CUBIX_TRY(cubix_mpi_layer_find(&b->some, &choice, NULL));
  }
  CUBIX_TRY(cubix_mpi_layer_tensor(t, &b->some, &b->shape));
  *n_star = t[6];
  CUBIX_TRY(take_tensor(&b->shape, t, lost));
done:
  return status;
}

static void begin(struct body *b, unsigned halvings)
{
  cubix_layer_free(&b->some);
  b->shape = cubix_ellipsoid_sphere(b->shape.radius);
  b->halvings = halvings;
  b->reach = 0;
}

/* The sample's shape.  *found: it has one. */
static int sample(struct body *b, int *found)
{
  int status = CUBIX_OK, lost = 0;
  double n_star, moved = 1;
  for (int round = 0; round < N_ROUND && moved > settled_sample && !lost; round++) {
    const struct cubix_ellipsoid before = b->shape;
    CUBIX_TRY(one_round(b, &n_star, &lost));
    moved = change(&b->shape, &before);
  }
  *found = !lost;
done:
  return status;
}

/* The tensor of all stars for a shape near `base`, as a multiple of that in units of the longest
 * axis: by the moments about `base`, and the stars near the edge. */
static int near_tensor(double t[N_TENSOR], const double moment[CUBIX_N_FOURTH + 1], const struct body *b,
                       const struct cubix_ellipsoid *base)
{
  int status = CUBIX_OK;
  const struct cubix_ellipsoid *shape = &b->shape;
  static const int row[6] = { 0, 1, 2, 0, 0, 1 }, column[6] = { 0, 1, 2, 1, 2, 2 };
  const double own = volume_scale(shape), theirs = volume_scale(base) * volume_scale(base);
  double w[3][3], w0[3][3], inside[6] = { 0 };
  ellipsoid(w, shape);
  ellipsoid(w0, base);
  for (int i = 0; i < 6; i++)
    for (int k = 0; k < 3; k++)
      for (int l = 0; l < 3; l++) {
        signed char power[3] = { 0, 0, 0 };
        power[row[i]]++;
        power[column[i]]++;
        power[k]++;
        power[l]++;
        int m = 0;
        while (memcmp(cubix_layer_fourth[m], power, sizeof power) != 0) m++;
        inside[i] += moment[m] / theirs * (2 * w0[k][l] - w[k][l]);
      }
  CUBIX_TRY(cubix_mpi_layer_tensor(t, &b->some, shape));
  for (int i = 0; i < 6; i++) t[i] += own * inside[i];
  t[6] += moment[CUBIX_N_FOURTH];
done:
  return status;
}

/* Correct the shape of the sample by all stars.  *found: the rounds have settled. */
static int correct(struct body *b, int *found)
{
  int status = CUBIX_OK, lost = 0;
  double moment[CUBIX_N_FOURTH + 1], t[N_TENSOR], width = 0.06, away = 1;
  *found = 0;
  for (int pass = 0; pass < N_PASS && away > settled; pass++) {
    const struct cubix_ellipsoid base = b->shape;
    const struct cubix_layer edge = { base, 1 - width, 1 + width, 0 };
    double moved = 1;
    CUBIX_TRY(cubix_mpi_layer_find(&b->some, &edge, moment));
    away = 0;
    for (int round = 0; round < N_ROUND && moved > settled && away < 0.5 * width; round++) {
      const struct cubix_ellipsoid before = b->shape;
      CUBIX_TRY(near_tensor(t, moment, b, &base));
      CUBIX_TRY(take_tensor(&b->shape, t, &lost));
      if (lost) goto done;
      moved = change(&b->shape, &before);
      away = drift(&b->shape, &base);
    }
    width = fmin(fmax(4 * away, 1e-6), 0.1);
  }
  *found = away <= settled;
done:
  return status;
}

/* All stars through the rounds. */
static int iterate(struct body *b)
{
  int status = CUBIX_OK, lost;
  double n_first, n_star, moved = 1;
  begin(b, 0);
  CUBIX_TRY(one_round(b, &n_first, &lost));
  CUBIX_CHECK(n_first > 0, CUBIX_EUSAGE,
              "no star with mass within %g kpc of the centre: the disc cannot be found; check Centre and AlignRadius",
              b->shape.radius);
  if (lost) {
    cubix_log(CUBIX_LOG_WARNING,
              "AlignWith inertia: %.0f stars within %g kpc are too few or too flat for a shape: the axes are those of "
              "one round; AlignWith angularmomentum or a larger AlignRadius may be the better choice",
              n_first, b->shape.radius);
    goto done;
  }
  const struct cubix_ellipsoid first = b->shape;
  for (int round = 1; round < N_ROUND && moved > settled; round++) {
    const struct cubix_ellipsoid before = b->shape;
    CUBIX_TRY(one_round(b, &n_star, &lost));
    if (lost) {
      b->shape = first;
      cubix_log(CUBIX_LOG_WARNING,
                "AlignWith inertia: after %d rounds the ellipsoid holds %.0f stars, too few or too flat for a shape "
                "(%.0f stars within %g kpc at first): the axes are those of the first round; AlignWith "
                "angularmomentum may be the better choice",
                round, n_star, n_first, b->shape.radius);
      goto done;
    }
    moved = change(&b->shape, &before);
  }
  if (moved > 1e-6)
    cubix_log(CUBIX_LOG_WARNING,
              "AlignWith inertia: the ellipsoid still changes by %.1g of its size after %d rounds: the axes are those "
              "of the last one; AlignWith angularmomentum may be the better choice",
              moved, N_ROUND);
done:
  return status;
}

int cubix_mpi_frame_inertia(struct cubix_ellipsoid *shape, struct cubix_stream *stars, const double centre[3],
                            double heaviest, int64_t n_inside)
{
  int status = CUBIX_OK, found = 0;
  unsigned halvings = 0;
  struct body b = { .some = { .all = stars, .centre = centre, .heaviest = heaviest }, .shape = *shape };
  while (n_inside >> halvings > 2 * SAMPLE) halvings++;
  if (halvings) {
    begin(&b, halvings);
    CUBIX_TRY(sample(&b, &found));
    if (found) CUBIX_TRY(correct(&b, &found));
  }
  if (!found) CUBIX_TRY(iterate(&b));
  *shape = b.shape;
done:
  cubix_layer_free(&b.some);
  return status;
}
