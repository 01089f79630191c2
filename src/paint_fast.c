/* paint_fast.c -- the direct method of physics/paint.h, vectorised.
 *
 * A star's spectrum is made in three sweeps:
 *   1. mix the four (or eight) template rows into one, at the library's points, and integrate it over whole intervals;
 *   2. for every channel edge: its interval i and place u in it, the integral `left` from the interval's blue end to the edge and `right`
 *      from the edge to its red end;
 *   3. a channel is right of its blue edge + whole intervals between + left of its red edge.
 * Only numbers of one sign are added, as in the plain kernel.  The search for i is the costly part: where a block of 16 edges meets knots that
 * are equally spaced to 1e-6 of their spacing, i and u are arithmetic, and {f0, m0, f1, m1} of eight edges are fetched by eight
 * 16-byte loads and a transposition instead of slow gathers.  Other blocks (a library whose sampling changes, logarithmic sampling) take
 * the plain search, edge by edge.
 *
 * One source, compiled for AVX-512, AVX2 and the baseline, chosen when the program starts (GCC and Clang vector extensions).        */
#include "paint_fast.h"

#ifndef CUBIX_DOUBLE

#include <stdlib.h>
#include <string.h>

#include "error.h"

#pragma GCC diagnostic ignored "-Wpsabi" /* no vector crosses a call: everything below is inlined */

enum { BLOCK = 16, HALF = 8 };

typedef float v8f __attribute__((vector_size(32)));
typedef float v4f __attribute__((vector_size(16)));
typedef double v4d __attribute__((vector_size(32)));
typedef int32_t v4i __attribute__((vector_size(16)));
typedef int32_t v8i __attribute__((vector_size(32)));
typedef int64_t v4l __attribute__((vector_size(32)));

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define JOIN(x, lo, hi) ((x) = __builtin_shufflevector(lo, hi, 0, 1, 2, 3, 4, 5, 6, 7))
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (v8i){ __VA_ARGS__ })
#define JOIN(x, lo, hi) (memcpy(&(x), &(lo), 16), memcpy((char *)&(x) + 16, &(hi), 16))
#endif

/* Sweep 1 over knots a .. b. */
INLINE void mix_rows(const struct cubix_blend *blend, const float *restrict simpson, int a, int b, float *restrict pair, float *restrict full)
{
  for (int k = 0; k < blend->n; k += 4) {
    const float *r0 = blend->row[k], *r1 = blend->row[k + 1], *r2 = blend->row[k + 2], *r3 = blend->row[k + 3];
    float w0 = blend->weight[k], w1 = blend->weight[k + 1], w2 = blend->weight[k + 2], w3 = blend->weight[k + 3];
    if (k == 0)
      for (int j = 2 * a; j < 2 * b + 2; j++) pair[j] = w0 * r0[j] + w1 * r1[j] + w2 * r2[j] + w3 * r3[j];
    else
      for (int j = 2 * a; j < 2 * b + 2; j++) pair[j] += w0 * r0[j] + w1 * r1[j] + w2 * r2[j] + w3 * r3[j];
  }
  for (int j = 2 * a; j < 2 * b; j++) full[j] = simpson[j] * (pair[j] + pair[j + 2]);
}

INLINE float whole_interval(const float *full, int i) { return full[2 * (size_t)i] + full[2 * (size_t)i + 1]; }

/* left and right of eight edges from {f0, m0, f1, m1} and u. */
INLINE void edges_of(const float *place, const v8f c[4], float h, float *restrict left, float *restrict right)
{
  v8f u, f0 = c[0], m0 = c[1], f1 = c[2], m1 = c[3];
  memcpy(&u, place, sizeof u);
  v8f w = 1.f - u, u2 = u * u, w2 = w * w, a = 2.f - u, b = 2.f - w;
  float g = 0.25f * h * h;
  v8f l = u * (f0 * (1.f - 0.5f * u) + f1 * (0.5f * u) - (g * u) * (m0 * (a * a) + m1 * (2.f - u2))) * h;
  v8f r = w * (f1 * (1.f - 0.5f * w) + f0 * (0.5f * w) - (g * w) * (m1 * (b * b) + m0 * (2.f - w2))) * h;
  memcpy(left, &l, sizeof l);
  memcpy(right, &r, sizeof r);
}

/* {f0, m0, f1, m1} of intervals i and j. */
INLINE void two(v8f *x, const float *pair, int i, int j)
{
  v4f lo, hi;
  memcpy(&lo, pair + 2 * (size_t)i, sizeof lo);
  memcpy(&hi, pair + 2 * (size_t)j, sizeof hi);
  JOIN(*x, lo, hi);
}

/* Sweep 2, a block of 16 edges on equally spaced knots from i0 on. */
INLINE void block_uniform(const double *edge, double per_doppler, double origin, double h, int i0, const float *pair, float *left, float *right, int *index)
{
  float u[BLOCK] __attribute__((aligned(32)));
  double scale = per_doppler / h, shift = origin / h;
  for (int q = 0; q < BLOCK; q += 4) {
    v4d e;
    memcpy(&e, edge + q, sizeof e);
    v4d p = e * scale - shift;
    v4i whole = __builtin_convertvector(p, v4i);
    v4f part = __builtin_convertvector(p - __builtin_convertvector(whole, v4d), v4f);
    whole += i0;
    memcpy(index + q, &whole, sizeof whole);
    memcpy(u + q, &part, sizeof part);
  }
  for (int q = 0; q < BLOCK; q += HALF) {
    const int *i = index + q;
    v8f r0, r1, r2, r3;
    two(&r0, pair, i[0], i[4]);
    two(&r1, pair, i[1], i[5]);
    two(&r2, pair, i[2], i[6]);
    two(&r3, pair, i[3], i[7]);
    v8f t0 = SHUFFLE(r0, r1, 0, 8, 1, 9, 4, 12, 5, 13), t1 = SHUFFLE(r0, r1, 2, 10, 3, 11, 6, 14, 7, 15);
    v8f t2 = SHUFFLE(r2, r3, 0, 8, 1, 9, 4, 12, 5, 13), t3 = SHUFFLE(r2, r3, 2, 10, 3, 11, 6, 14, 7, 15);
    v8f c[4] = { SHUFFLE(t0, t2, 0, 1, 8, 9, 4, 5, 12, 13), SHUFFLE(t0, t2, 2, 3, 10, 11, 6, 7, 14, 15),
                 SHUFFLE(t1, t3, 0, 1, 8, 9, 4, 5, 12, 13), SHUFFLE(t1, t3, 2, 3, 10, 11, 6, 7, 14, 15) };
    edges_of(u + q, c, (float)h, left + q, right + q);
  }
}

/* Sweep 2, edge by edge: any knots, and edges beyond the library (which then sit on its end). */
INLINE void edge_plain(const struct cubix_view *v, double x, const float *pair, float *left, float *right, int *index)
{
  double lo = v->knot[0], hi = v->knot[v->n_knot - 1];
  x = x < lo ? lo : x > hi ? hi : x;
  int i = cubix_interval(v, x);
  double h = v->knot[i + 1] - v->knot[i];
  float u = (float)((x - v->knot[i]) / h);
  *index = i;
  *left = cubix_piece(pair + 2 * (size_t)i, (float)h, 0, u);
  *right = cubix_piece(pair + 2 * (size_t)i, (float)h, u, 1);
}

/* Sweep 3 for eight channels that end in the next interval or the one after; others: set where there are others among them. */
INLINE void channels_simple(const int *index, const float *full, const float *left, const float *right, float *spectrum, v8i *others)
{
  v8i from, to, across;
  v8f sum, blue, red;
  memcpy(&from, index, sizeof from);
  memcpy(&to, index + 1, sizeof to);
  memcpy(&sum, spectrum, sizeof sum);
  memcpy(&blue, right, sizeof blue);
  memcpy(&red, left + 1, sizeof red);
  across = to - from;
#define NEXT(q) full[2 * (size_t)index[q] + 2], full[2 * (size_t)index[q] + 3]
  v8f b0 = { NEXT(0), NEXT(1), NEXT(4), NEXT(5) }, b1 = { NEXT(2), NEXT(3), NEXT(6), NEXT(7) };
#undef NEXT
  v8f between = SHUFFLE(b0, b1, 0, 2, 8, 10, 4, 6, 12, 14) + SHUFFLE(b0, b1, 1, 3, 9, 11, 5, 7, 13, 15);
  v8i here = (v8i)(blue + red) & (across != 0);
  sum += (v8f)here + (v8f)((v8i)between & (across > 1));
  memcpy(spectrum, &sum, sizeof sum);
  *others |= (across > 2) | (across == 0);
}

/* What channels_simple left out: a channel inside one interval, where a difference of two integrals would cancel, or whole intervals from
   i0 + skip on. */
INLINE float channel_rest(const struct cubix_view *v, const struct cubix_fast_scratch *s, double per_doppler, int k, int skip)
{
  int i0 = s->index[k], i1 = s->index[k + 1];
  float sum = 0;
  for (int i = i0 + skip; i < i1; i++) sum += whole_interval(s->full, i);
  if (i1 != i0) return sum;
  double x0 = v->knot[i0], h = v->knot[i0 + 1] - x0;
  double u0 = (v->edge[k] * per_doppler - x0) / h, u1 = (v->edge[k + 1] * per_doppler - x0) / h;
  u0 = u0 < 0 ? 0 : u0 > 1 ? 1 : u0;
  u1 = u1 < 0 ? 0 : u1 > 1 ? 1 : u1;
  return cubix_piece(s->pair + 2 * (size_t)i0, (float)h, (float)u0, (float)u1);
}

INLINE void paint_body(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler, struct cubix_fast_scratch *s, float *restrict spectrum)
{
  const struct cubix_view *v = fast->view;
  int n = v->n_lambda, last = v->n_knot - 1;
  double per_doppler = 1 / doppler, lo = v->knot[0], hi = v->knot[last], x0 = v->edge[0] * per_doppler, x1 = v->edge[n] * per_doppler;
  if (x1 <= lo || x0 >= hi) return;
  int a = x0 > lo ? cubix_interval(v, x0) : 0, b = x1 < hi ? cubix_interval(v, x1) + 1 : last;
  mix_rows(blend, fast->simpson, a, b, s->pair, s->full);
  int k = 0, i0 = a;
  for (; k + BLOCK <= n + 1; k += BLOCK) {
    double first = v->edge[k] * per_doppler;
    if (k) i0 = s->index[k - 1];
    while (i0 < last && v->knot[i0 + 1] <= first) i0++;
    if (fast->uniform[i0] && first >= lo) {
      double h = (v->knot[i0 + fast->span] - v->knot[i0]) / fast->span;
      block_uniform(v->edge + k, per_doppler, v->knot[i0], h, i0, s->pair, s->left + k, s->right + k, s->index + k);
    } else {
      for (int q = k; q < k + BLOCK; q++) edge_plain(v, v->edge[q] * per_doppler, s->pair, s->left + q, s->right + q, s->index + q);
    }
  }
  for (; k <= n; k++) edge_plain(v, v->edge[k] * per_doppler, s->pair, s->left + k, s->right + k, s->index + k);
  v8i others = { 0 };
  for (k = 0; k + HALF <= n; k += HALF) channels_simple(s->index + k, s->full, s->left + k, s->right + k, spectrum + k, &others);
  int any = 0;
  for (int q = 0; q < HALF; q++) any |= others[q];
  for (int q = 0; q < k && any; q++)
    if (s->index[q + 1] == s->index[q] || s->index[q + 1] > s->index[q] + 2) spectrum[q] += channel_rest(v, s, per_doppler, q, 2);
  for (; k < n; k++) spectrum[k] += (s->index[k + 1] > s->index[k] ? s->right[k] + s->left[k + 1] : 0) + channel_rest(v, s, per_doppler, k, 1);
}

typedef void painter(const struct cubix_fast *, const struct cubix_blend *, double, struct cubix_fast_scratch *, float *);

static void paint_baseline(const struct cubix_fast *f, const struct cubix_blend *b, double d, struct cubix_fast_scratch *s, float *spectrum)
{
  paint_body(f, b, d, s, spectrum);
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2,fma"))) static void paint_avx2(const struct cubix_fast *f, const struct cubix_blend *b, double d, struct cubix_fast_scratch *s, float *spectrum)
{
  paint_body(f, b, d, s, spectrum);
}

__attribute__((target("avx2,fma,avx512f,avx512vl,avx512dq,avx512bw"))) static void paint_avx512(const struct cubix_fast *f, const struct cubix_blend *b, double d,
                                                                                               struct cubix_fast_scratch *s, float *spectrum)
{
  paint_body(f, b, d, s, spectrum);
}

static painter *best(const char **name)
{
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")) return *name = "AVX-512", paint_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return *name = "AVX2", paint_avx2;
  return *name = "baseline", paint_baseline;
}
#else
static painter *best(const char **name)
{
  *name = "baseline";
  return paint_baseline;
}
#endif

void cubix_fast_paint(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler, struct cubix_fast_scratch *scratch, float *spectrum)
{
  const char *name;
  best(&name)(fast, blend, doppler, scratch, spectrum);
}

const char *cubix_fast_name(void)
{
  const char *name;
  best(&name);
  return name;
}

int cubix_fast_init(struct cubix_fast *fast, const struct cubix_view *v)
{
  int status = CUBIX_OK;
  fast->view = v;
  CUBIX_ALLOC(fast->uniform, v->n_knot);
  CUBIX_ALLOC(fast->simpson, 2 * (size_t)v->n_knot);
  for (int i = 0; i + 1 < v->n_knot; i++) {
    double h = v->knot[i + 1] - v->knot[i];
    fast->simpson[2 * i] = (float)(0.5 * h);
    fast->simpson[2 * i + 1] = (float)(-0.25 * h * h * h);
  }
  /* the span: a block of edges at the reddest and slowest, over the narrowest interval of the neighbourhood */
  double widest = 0, narrowest = v->knot[v->n_knot - 1] - v->knot[0];
  for (int k = 0; k + BLOCK <= v->n_lambda; k++) widest = fmax(widest, (v->edge[k + BLOCK - 1] - v->edge[k]) / v->one_plus_z);
  for (int i = 0; i + 1 < v->n_knot; i++) narrowest = fmin(narrowest, v->knot[i + 1] - v->knot[i]);
  double span = ceil(1.02 * widest / narrowest) + 2;
  fast->span = span < v->n_knot ? (int)span : v->n_knot;
  for (int i = 0; i + fast->span < v->n_knot; i++) {
    double h = (v->knot[i + fast->span] - v->knot[i]) / fast->span, worst = 0;
    for (int j = 1; j < fast->span; j++) worst = fmax(worst, fabs(v->knot[i + j] - v->knot[i] - j * h));
    fast->uniform[i] = worst < 1e-6 * h;
  }
done:
  return status;
}

int cubix_fast_scratch_init(struct cubix_fast_scratch *s, const struct cubix_view *v)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(s->pair, 2 * ((size_t)v->n_knot + 1));
  CUBIX_ALLOC(s->full, 2 * ((size_t)v->n_knot + 1));
  CUBIX_ALLOC(s->left, v->n_lambda + 1);
  CUBIX_ALLOC(s->right, v->n_lambda + 1);
  CUBIX_ALLOC(s->index, v->n_lambda + 1);
done:
  return status;
}

void cubix_fast_scratch_free(struct cubix_fast_scratch *s)
{
  free(s->pair);
  free(s->full);
  free(s->left);
  free(s->right);
  free(s->index);
}

void cubix_fast_free(struct cubix_fast *fast)
{
  free(fast->uniform);
  free(fast->simpson);
}

#else
typedef int cubix_paint_fast_is_float_only;
#endif
