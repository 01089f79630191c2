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
#include <float.h>
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/reduce_exact.h"
#include "mpi/particles/frame_parts.h"

enum { N_ROUND = 500, FEW = 20, SAMPLE = 1 << 17, N_PASS = 12, N_FOURTH = 15, N_TENSOR = 7 };
static const double settled = 1e-10, settled_sample = 1e-4;

struct stars {                    /* those whose sums are wanted: a slab's, or some of them set aside */
  const struct cubix_slab *slab;
  const double *centre;
  size_t n, room;
  double *column[4];              /* [n] x, y, z from the centre [kpc], present mass [Msun]; all NULL: the slab's */
};

struct body {                     /* what goes through the rounds */
  struct stars all, some;
  struct cubix_ellipsoid shape;
  unsigned halvings;              /* the sample is one of 2^halvings stars */
  double reach;                   /* how far out its stars were gathered, never below the radius [kpc] */
  double heaviest;
};

struct sums { const struct stars *stars; const struct cubix_ellipsoid *shape; double from, to; };

/* ---- stars ----------------------------------------------------------------------------------- */
struct block { double own[3][CUBIX_BLOCK]; const double *x, *y, *z, *m; };

CUBIX_VECTOR static void load(struct block *b, const struct stars *s, size_t first, size_t n)
{
  if (s->column[0]) {
    b->x = s->column[0] + first;
    b->y = s->column[1] + first;
    b->z = s->column[2] + first;
    b->m = s->column[3] + first;
    return;
  }
  const double *restrict at = s->slab->position + 3 * first;
  for (size_t k = 0; k < n; k++)
    for (size_t c = 0; c < 3; c++) b->own[c][k] = at[3 * k + c] - s->centre[c];
  b->x = b->own[0];
  b->y = b->own[1];
  b->z = b->own[2];
  b->m = s->slab->mass_now + first;
}

/* r_e^2 in units of the longest axis: rows of the body's axes, each divided by its ratio. */
static void scaled_axes(double a[3][3], const struct cubix_ellipsoid *s)
{
  for (int c = 0; c < 3; c++) {
    a[0][c] = s->axis[0][c];
    a[1][c] = s->axis[1][c] / s->p;
    a[2][c] = s->axis[2][c] / s->q;
  }
}

static inline double squared(double a[3][3], double x, double y, double z)
{
  const double e1 = a[0][0] * x + a[0][1] * y + a[0][2] * z, e2 = a[1][0] * x + a[1][1] * y + a[1][2] * z,
               e3 = a[2][0] * x + a[2][1] * y + a[2][2] * z;
  return e1 * e1 + e2 * e2 + e3 * e3;
}

/* One of 2^halvings stars, by the bits of its place: the same ones on any number of ranks. */
static int is_sampled(const struct block *b, size_t k, unsigned halvings)
{
  const double x[3] = { b->x[k], b->y[k], b->z[k] };
  uint64_t bits[3];
  memcpy(bits, x, sizeof bits);
  uint64_t mixed = bits[0] ^ (bits[1] << 21 | bits[1] >> 43) ^ (bits[2] << 42 | bits[2] >> 22);
  mixed *= 0x9E3779B97F4A7C15u;
  mixed = (mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9u;
  return !halvings || !(mixed >> (64 - halvings));
}

static void let_go(struct stars *s)
{
  for (int c = 0; c < 4; c++) {
    free(s->column[c]);
    s->column[c] = NULL;
  }
  s->n = s->room = 0;
}

/* Which stars of a block have low < r_e^2 <= high, in units of the longest axis.  @return their number */
CUBIX_VECTOR static size_t choose(unsigned short *restrict chosen, const struct block *b, size_t n, double a[3][3],
                                  double low, double high)
{
  double r2[CUBIX_BLOCK];
  size_t found = 0;
  for (size_t k = 0; k < n; k++) r2[k] = squared(a, b->x[k], b->y[k], b->z[k]);
  for (size_t k = 0; k < n; k++) {
    chosen[found] = (unsigned short)k;
    found += (size_t)((r2[k] > low) & (r2[k] <= high));
  }
  return found;
}

/* Room for some more; every sum is exact, so that the order in which threads bring them is of no account. */
static int append(struct stars *s, const struct block *b, const unsigned short *chosen, size_t n)
{
  if (s->n + n > s->room) {
    const size_t room = 2 * (s->n + n);
    for (int c = 0; c < 4; c++) {
      double *grown = realloc(s->column[c], room * sizeof *grown);
      if (!grown) return 0;
      s->column[c] = grown;
    }
    s->room = room;
  }
  for (size_t j = 0; j < n; j++, s->n++) {
    s->column[0][s->n] = b->x[chosen[j]];
    s->column[1][s->n] = b->y[chosen[j]];
    s->column[2][s->n] = b->z[chosen[j]];
    s->column[3][s->n] = b->m[chosen[j]];
  }
  return 1;
}

/* Set stars with `from` < r_e^2 <= `to`, in units of the ellipsoid's limit, aside. */
static int gather(struct stars *out, const struct stars *all, const struct cubix_ellipsoid *shape, double from,
                  double to, unsigned halvings)
{
  int status = CUBIX_OK, short_of_memory = 0;
  double a[3][3];
  const double limit = cubix_ellipsoid_limit(shape), low = from * limit, high = to * limit;
  scaled_axes(a, shape);
  let_go(out);
#pragma omp parallel for schedule(static) if (all->n > SAMPLE)
  for (size_t first = 0; first < all->n; first += CUBIX_BLOCK) {
    struct block b;
    unsigned short chosen[CUBIX_BLOCK];
    size_t n = all->n - first < CUBIX_BLOCK ? all->n - first : CUBIX_BLOCK, found, kept = 0;
    load(&b, all, first, n);
    found = choose(chosen, &b, n, a, low, high);
    for (size_t j = 0; j < found; j++) {
      chosen[kept] = chosen[j];
      kept += (size_t)is_sampled(&b, chosen[j], halvings);
    }
    if (!kept) continue;
#pragma omp critical
    short_of_memory |= !append(out, &b, chosen, kept);
  }
  CUBIX_MPI_CHECK(!short_of_memory, CUBIX_ENOMEM, "cannot allocate %zu bytes",
                  8 * (out->n + CUBIX_BLOCK) * sizeof(double));
done:
  return status;
}

/* ---- sums ------------------------------------------------------------------------------------ */
/* xx yy zz xy xz yz in the file's axes, and stars with mass */
CUBIX_VECTOR static void tensor_terms(double (*restrict t)[CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct sums *s = host;
  struct block b;
  double a[3][3];
  const double limit = cubix_ellipsoid_limit(s->shape);
  load(&b, s->stars, first, n);
  scaled_axes(a, s->shape);
  for (size_t k = 0; k < n; k++) {
    const double x = b.x[k], y = b.y[k], z = b.z[k], r2 = squared(a, x, y, z);
    const double inside = (r2 <= limit ? 1. : 0.) - (r2 <= 0 ? 1. : 0.),
                 m = inside * b.m[k] / (r2 > DBL_MIN ? r2 : DBL_MIN);
    t[0][k] = m * x * x;
    t[1][k] = m * y * y;
    t[2][k] = m * z * z;
    t[3][k] = m * x * y;
    t[4][k] = m * x * z;
    t[5][k] = m * y * z;
    t[6][k] = b.m[k] > 0 ? inside : 0.;
  }
}

/* m x^a y^b z^c / r_e^4, a + b + c = 4, of the stars that are inside for certain, and their number */
static const signed char fourth[N_FOURTH][3] = { { 4, 0, 0 }, { 3, 1, 0 }, { 3, 0, 1 }, { 2, 2, 0 }, { 2, 1, 1 },
                                                 { 2, 0, 2 }, { 1, 3, 0 }, { 1, 2, 1 }, { 1, 1, 2 }, { 1, 0, 3 },
                                                 { 0, 4, 0 }, { 0, 3, 1 }, { 0, 2, 2 }, { 0, 1, 3 }, { 0, 0, 4 } };

CUBIX_VECTOR static void fourth_terms(double (*restrict t)[CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct sums *s = host;
  struct block b;
  double a[3][3];
  const double low = s->from * cubix_ellipsoid_limit(s->shape);
  load(&b, s->stars, first, n);
  scaled_axes(a, s->shape);
  for (size_t k = 0; k < n; k++) {
    const double x = b.x[k], y = b.y[k], z = b.z[k], r2 = squared(a, x, y, z);
    const double inside = (r2 <= low ? 1. : 0.) - (r2 <= 0 ? 1. : 0.), i2 = inside / (r2 > DBL_MIN ? r2 : DBL_MIN),
                 w = b.m[k] * i2;
    const double xx = x * x * w, xy = x * y * w, yy = y * y * w, zz = z * z * w, u = x * x * i2, v = x * y * i2,
                 o = x * z * i2, p = y * y * i2, q = y * z * i2, r = z * z * i2;
    t[0][k] = xx * u;
    t[1][k] = xx * v;
    t[2][k] = xx * o;
    t[3][k] = xx * p;
    t[4][k] = xx * q;
    t[5][k] = xx * r;
    t[6][k] = xy * p;
    t[7][k] = xy * q;
    t[8][k] = xy * r;
    t[9][k] = zz * o;
    t[10][k] = yy * p;
    t[11][k] = yy * q;
    t[12][k] = yy * r;
    t[13][k] = zz * q;
    t[14][k] = zz * r;
    t[15][k] = b.m[k] > 0 ? inside : 0.;
  }
}

/* Each term is at most the star's mass, as p and q are at most 1. */
static void sum_exact(double *t, int n, cubix_terms *terms, const struct sums *sums, double heaviest)
{
  double bound[CUBIX_MAX_TERM];
  for (int c = 0; c < n; c++) bound[c] = c < n - 1 ? heaviest : 1;
  cubix_mpi_sum_exact(t, n, sums->stars->n, terms, sums, bound);
}

void cubix_mpi_frame_tensor(double t[7], const struct cubix_slab *slab, const double centre[3],
                            const struct cubix_ellipsoid *shape, double heaviest)
{
  const struct stars stars = { .slab = slab, .centre = centre, .n = slab->n };
  sum_exact(t, N_TENSOR, tensor_terms, &(struct sums){ .stars = &stars, .shape = shape }, heaviest);
}

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
    const struct cubix_ellipsoid sphere = cubix_ellipsoid_sphere(b->reach);
    CUBIX_TRY(gather(&b->some, &b->all, &sphere, -1, 1, b->halvings));
  }
  sum_exact(t, N_TENSOR, tensor_terms, &(struct sums){ .stars = &b->some, .shape = &b->shape }, b->heaviest);
  *n_star = t[6];
  CUBIX_TRY(take_tensor(&b->shape, t, lost));
done:
  return status;
}

static void begin(struct body *b, unsigned halvings)
{
  let_go(&b->some);
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
static void near_tensor(double t[N_TENSOR], const double moment[N_FOURTH + 1], const struct stars *edge,
                        const struct cubix_ellipsoid *base, const struct cubix_ellipsoid *shape, double heaviest)
{
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
        while (memcmp(fourth[m], power, sizeof power) != 0) m++;
        inside[i] += moment[m] / theirs * (2 * w0[k][l] - w[k][l]);
      }
  sum_exact(t, N_TENSOR, tensor_terms, &(struct sums){ .stars = edge, .shape = shape }, heaviest);
  for (int i = 0; i < 6; i++) t[i] += own * inside[i];
  t[6] += moment[N_FOURTH];
}

/* Correct the shape of the sample by all stars.  *found: the rounds have settled. */
static int correct(struct body *b, int *found)
{
  int status = CUBIX_OK, lost = 0;
  struct stars *edge = &b->some;
  double moment[N_FOURTH + 1], t[N_TENSOR], width = 0.06, away = 1;
  *found = 0;
  for (int pass = 0; pass < N_PASS && away > settled; pass++) {
    const struct cubix_ellipsoid base = b->shape;
    const struct sums sums = { .stars = &b->all, .shape = &base, .from = 1 - width };
    double moved = 1;
    CUBIX_TRY(gather(edge, &b->all, &base, 1 - width, 1 + width, 0));
    sum_exact(moment, N_FOURTH + 1, fourth_terms, &sums, b->heaviest);
    away = 0;
    for (int round = 0; round < N_ROUND && moved > settled && away < 0.5 * width; round++) {
      const struct cubix_ellipsoid before = b->shape;
      near_tensor(t, moment, edge, &base, &b->shape, b->heaviest);
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

int cubix_mpi_frame_inertia(struct cubix_ellipsoid *shape, const struct cubix_slab *slab, const double centre[3],
                            double heaviest, int64_t n_inside)
{
  int status = CUBIX_OK, found = 0;
  unsigned halvings = 0;
  struct body b = { .all = { .slab = slab, .centre = centre, .n = slab->n }, .shape = *shape, .heaviest = heaviest };
  while (n_inside >> halvings > 2 * SAMPLE) halvings++;
  if (halvings) {
    begin(&b, halvings);
    CUBIX_TRY(sample(&b, &found));
    if (found) CUBIX_TRY(correct(&b, &found));
  }
  if (!found) CUBIX_TRY(iterate(&b));
  *shape = b.shape;
done:
  let_go(&b.some);
  return status;
}
