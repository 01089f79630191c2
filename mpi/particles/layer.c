/* layer.c -- sums over the stars of an ellipsoid, for the rounds of frame_inertia.c. */
#include "mpi/particles/layer.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/reduce_exact.h"

enum { N_TENSOR = 7, FEW = 1 << 17, PARTS = CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS };

struct stars {                    /* of a slab, or (NULL) in columns */
  const struct cubix_slab *slab;
  const double *centre;
  double *const *column;
};

struct sums {
  const struct stars *stars;
  const struct cubix_ellipsoid *shape;
  double from;
  const struct cubix_layer *choice; /* only these */
};

struct block { double own[3][CUBIX_BLOCK]; const double *x, *y, *z, *m; };

CUBIX_VECTOR static void load(struct block *b, const struct stars *s, size_t first, size_t n)
{
  if (!s->slab) {
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

void cubix_layer_free(struct cubix_layer_stars *s)
{
  for (int c = 0; c < 4; c++) {
    free(s->column[c]);
    s->column[c] = NULL;
  }
  s->n = s->room = 0;
}

/* Which stars of a block have low < r_e^2 <= high, in units of the longest axis.  @return their number */
CUBIX_VECTOR static size_t between(unsigned short *restrict chosen, const struct block *b, size_t n, double a[3][3],
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
static int append(struct cubix_layer_stars *s, const struct block *b, const unsigned short *chosen, size_t n)
{
  if (s->n + n > s->room) {
    const size_t twice = 2 * (s->n + n), room = twice < s->most ? twice : s->most;
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

/* Which of a block are of the choice.  @return their number */
static size_t choose(unsigned short *chosen, const struct block *b, size_t n, const struct cubix_layer *choice)
{
  const double limit = cubix_ellipsoid_limit(&choice->shape);
  double a[3][3];
  size_t kept = 0;
  scaled_axes(a, &choice->shape);
  const size_t found = between(chosen, b, n, a, choice->from * limit, choice->to * limit);
  for (size_t j = 0; j < found; j++) {
    chosen[kept] = chosen[j];
    kept += (size_t)is_sampled(b, chosen[j], choice->halvings);
  }
  return kept;
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
const signed char cubix_layer_fourth[CUBIX_N_FOURTH][3] = {
  { 4, 0, 0 }, { 3, 1, 0 }, { 3, 0, 1 }, { 2, 2, 0 }, { 2, 1, 1 }, { 2, 0, 2 }, { 1, 3, 0 }, { 1, 2, 1 },
  { 1, 1, 2 }, { 1, 0, 3 }, { 0, 4, 0 }, { 0, 3, 1 }, { 0, 2, 2 }, { 0, 1, 3 }, { 0, 0, 4 }
};

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

/* Nothing of those that are not chosen. */
static void choice_terms(double t[][CUBIX_BLOCK], const void *host, size_t first, size_t n)
{
  const struct sums *s = host;
  struct block b;
  unsigned short chosen[CUBIX_BLOCK];
  load(&b, s->stars, first, n);
  const size_t n_chosen = choose(chosen, &b, n, s->choice);
  tensor_terms(t, host, first, n);
  for (int c = 0; c < N_TENSOR; c++) {
    double kept[CUBIX_BLOCK] = { 0 };
    for (size_t j = 0; j < n_chosen; j++) kept[chosen[j]] = t[c][chosen[j]];
    memcpy(t[c], kept, n * sizeof *kept);
  }
}

/* Each term is at most the star's mass, as p and q are at most 1. */
static void begin_sums(struct cubix_exact *exact, int n, double heaviest)
{
  double bound[CUBIX_MAX_TERM];
  for (int c = 0; c < n; c++) bound[c] = c < n - 1 ? heaviest : 1;
  cubix_exact_begin(exact, n, bound);
}

struct adding { struct cubix_exact exact; struct sums sums; cubix_terms *terms; const double *centre; };

static void add_some(void *host, const struct cubix_slab *slab)
{
  struct adding *a = host;
  const struct stars stars = { .slab = slab, .centre = a->centre };
  a->sums.stars = &stars;
  cubix_exact_more(&a->exact, slab->n, a->terms, &a->sums);
}

/* The tensor of all stars. */
static int sum_all(double t[N_TENSOR], cubix_terms *terms, const struct sums *sums, struct cubix_stream *all,
                   const double centre[3], double heaviest)
{
  int status = CUBIX_OK;
  struct adding a = { .sums = *sums, .terms = terms, .centre = centre };
  begin_sums(&a.exact, N_TENSOR, heaviest);
  CUBIX_TRY(cubix_mpi_stream_pass(all, PARTS, add_some, &a));
  cubix_mpi_exact_end(t, &a.exact);
done:
  return status;
}

int cubix_mpi_layer_tensor(double t[7], const struct cubix_layer_stars *chosen, const struct cubix_ellipsoid *shape)
{
  const struct stars stars = { .column = chosen->column };
  const struct sums sums = { .stars = &stars, .shape = shape, .choice = &chosen->choice };
  struct cubix_exact exact;
  if (!chosen->aside) return sum_all(t, choice_terms, &sums, chosen->all, chosen->centre, chosen->heaviest);
  begin_sums(&exact, N_TENSOR, chosen->heaviest);
  cubix_exact_more(&exact, chosen->n, tensor_terms, &sums);
  cubix_mpi_exact_end(t, &exact);
  return CUBIX_OK;
}

int cubix_mpi_frame_tensor(double t[7], struct cubix_stream *stars, const double centre[3],
                           const struct cubix_ellipsoid *shape, double heaviest)
{
  const struct sums sums = { .shape = shape };
  return sum_all(t, tensor_terms, &sums, stars, centre, heaviest);
}

/* ---- the choice -------------------------------------------------------------------------------- */
struct gathering {
  struct cubix_layer_stars *out;
  int full, short_of_memory;
  struct adding *moments;         /* NULL: none */
};

static void gather_some(void *host, const struct cubix_slab *slab)
{
  struct gathering *g = host;
  struct cubix_layer_stars *out = g->out;
  const struct stars all = { .slab = slab, .centre = out->centre };
#pragma omp parallel for schedule(static) if (slab->n > FEW)
  for (size_t first = 0; first < slab->n; first += CUBIX_BLOCK) {
    struct block b;
    unsigned short row[CUBIX_BLOCK];
    size_t n = slab->n - first < CUBIX_BLOCK ? slab->n - first : CUBIX_BLOCK, found;
    load(&b, &all, first, n);
    found = choose(row, &b, n, &out->choice);
    if (!found) continue;
#pragma omp critical
    {
      g->full |= out->n + found > out->most;
      g->short_of_memory |= !g->full && !append(out, &b, row, found);
    }
  }
  if (g->moments) add_some(g->moments, slab);
}

int cubix_mpi_layer_find(struct cubix_layer_stars *chosen, const struct cubix_layer *choice, double *moment)
{
  int status = CUBIX_OK;
  const double most = chosen->all->room / (4 * sizeof(double));
  struct adding inner = { .sums = { .shape = &choice->shape, .from = choice->from }, .terms = fourth_terms,
                          .centre = chosen->centre };
  struct gathering g = { .out = chosen, .moments = moment ? &inner : NULL };
  chosen->choice = *choice;
  cubix_layer_free(chosen);
  chosen->most = most < 1e18 ? (size_t)most : SIZE_MAX / 64;
  if (moment) begin_sums(&inner.exact, CUBIX_N_FOURTH + 1, chosen->heaviest);
  CUBIX_TRY(cubix_mpi_stream_pass(chosen->all, PARTS, gather_some, &g));
  CUBIX_MPI_CHECK(!g.short_of_memory, CUBIX_ENOMEM, "cannot allocate %zu bytes",
                  8 * (chosen->n + CUBIX_BLOCK) * sizeof(double));
  if (moment) cubix_mpi_exact_end(moment, &inner.exact);
  chosen->aside = !cubix_mpi_sum_int(g.full);
  if (!chosen->aside) cubix_layer_free(chosen);
done:
  return status;
}
