/* paint_kernel_vjp.c -- the derivatives of physics/paint_vjp.h, vectorised: what cubix_fast_paint
 * does, backwards.
 *
 * The forward's sweeps 1 and 2 are run again: every edge e then knows its interval, its place there
 * and the star's own template around it.  With the integral C(x) from the blue to x a spectrum
 * times its cotangents R_k is sum_k R_k (C(x_k+1) - C(x_k)) = sum_e (R_e-1 - R_e) C(x_e), so:
 *   1. velocity: sum over edges of (R_e-1 - R_e) x T(x), times -1/c;
 *   2. the functional, interval by interval: (R_e-1 - R_e) times the weights of the part blue of
 *      each edge in it, and R of the channel that reaches over its red end times the weights of the
 *      whole.  Eight edges at a time where each is in the next interval or the one after; else one
 *      by one;
 *   3. knots: the parts of the two intervals that meet there, times the rows in use; in float32
 *      over 64 knots, the rest in float64. */
#include "direct/paint_kernel_vjp.h"

#ifndef CUBIX_DOUBLE

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "direct/paint_vector.h"

enum { EIGHT = 8, STRETCH = 64 };

/* The weights, of {f0, m0, f1, m1}, of an interval of width h from its blue knot to `blue` beyond it. */
#define PART(w0, w1, w2, w3, h, blue) \
  do { \
    mid = 0.5f * (blue) / (h), far = 1.f - mid, bend = 0.25f * (blue) * (blue), h2 = (h) * (h); \
    w0 = (blue) * far; \
    w2 = (blue) * mid; \
    w1 = w0 * (bend - h2 * (1.f - far * far)); \
    w3 = w2 * (bend - h2 * (1.f - mid * mid)); \
  } while (0)

/* The same of a whole interval, times r. */
INLINE v4f whole(const float (*unit)[4], int i, float r)
{
  v4f w;
  memcpy(&w, unit[i], sizeof w);
  return w * r;
}

INLINE void store4(float *part, int i, v4f x) { memcpy(part + 4 * ((size_t)i + 1), &x, sizeof x); }

/* x T(x) at edges a .. b - 1, which lie in the library.  T at the knot and the rest are added in
 * float64: what counts are differences from edge to edge. */
INLINE void slopes_body(const struct cubix_fast *fast, double per_doppler, int a, int b, struct cubix_fast_vjp *s)
{
  const struct cubix_fast_scratch *p = &s->edges;
  const double *edge = fast->tables->edge;
  const float *to_blue = p->to_blue, *to_red = p->to_red, *f0 = p->f0, *f1 = p->f1, *m0 = p->m0, *m1 = p->m1;
  double *slope = s->slope;
  for (int k = a; k < b; k++) {
    float h = to_blue[k] + to_red[k], u = to_blue[k] / h, w = 1.f - u;
    float rest = u * (f1[k] - f0[k]) - h * h * (w * (1.f - w * w) * m0[k] + u * (1.f - u * u) * m1[k]);
    slope[k] = edge[k] * per_doppler * ((double)f0[k] + (double)rest);
  }
}

/* Step 2 for one edge of the edges first .. last. */
INLINE void part_plain(const struct cubix_fast *fast, struct cubix_fast_vjp *s, const float *r, int first, int last,
                       int e)
{
  const struct cubix_fast_scratch *p = &s->edges;
  const float (*unit)[4] = (const float (*)[4])fast->whole;
  int i = p->index[e], next = e < last ? p->index[e + 1] : i;
  float width = p->to_blue[e] + p->to_red[e], blue = p->to_blue[e], mid, far, bend, h2, w0, w1, w2, w3;
  float before = e > first ? r[e - 1] : 0, after = e < last ? r[e] : 0, q = before - after;
  v4f sum = { 0 };
  blue = blue < 0 ? 0 : blue > width ? width : blue;        /* beyond the library: on its end */
  if (e > first && p->index[e - 1] == i) memcpy(&sum, s->part + 4 * ((size_t)i + 1), sizeof sum);
  PART(w0, w1, w2, w3, width, blue);
  sum += (v4f){ q * w0, q * w1, q * w2, q * w3 };
  if (next > i) sum += whole(unit, i, after);
  store4(s->part, i, sum);
  for (int j = i + 1; j < next; j++) store4(s->part, j, whole(unit, j, after));
}

/* Step 2 for eight edges, each but the first in the next interval after its neighbour's or the one
 * after.  @return 0 if they are not like that */
INLINE int part_eight(const struct cubix_fast *fast, struct cubix_fast_vjp *s, const float *r, int e)
{
  const struct cubix_fast_scratch *p = &s->edges;
  const float (*unit)[4] = (const float (*)[4])fast->whole;
  const int *index = p->index + e;
  float *part = s->part;
  v8i from, to;
  v8f blue, red, before, after, mid, far, bend, h2, w0, w1, w2, w3;
  memcpy(&from, index, sizeof from);
  memcpy(&to, index + 1, sizeof to);
  v8i other = (to - from - 1) & ~1;
  v4i low, high;
  memcpy(&low, &other, sizeof low);
  memcpy(&high, (const char *)&other + sizeof low, sizeof high);
  low |= high;
  if (low[0] | low[1] | low[2] | low[3] || index[-1] == from[0]) return 0;
  memcpy(&blue, p->to_blue + e, sizeof blue);
  memcpy(&red, p->to_red + e, sizeof red);
  memcpy(&before, r + e - 1, sizeof before);
  memcpy(&after, r + e, sizeof after);
  PART(w0, w1, w2, w3, (blue + red), blue);
  before -= after;
  w0 *= before, w1 *= before, w2 *= before, w3 *= before;
  v8f t0 = SHUFFLE(w0, w1, 0, 8, 1, 9, 4, 12, 5, 13), t1 = SHUFFLE(w0, w1, 2, 10, 3, 11, 6, 14, 7, 15);
  v8f t2 = SHUFFLE(w2, w3, 0, 8, 1, 9, 4, 12, 5, 13), t3 = SHUFFLE(w2, w3, 2, 10, 3, 11, 6, 14, 7, 15);
  /* of edges q and q + 4 */
  v8f two[4] = { SHUFFLE(t0, t2, 0, 1, 8, 9, 4, 5, 12, 13), SHUFFLE(t0, t2, 2, 3, 10, 11, 6, 7, 14, 15),
                 SHUFFLE(t1, t3, 0, 1, 8, 9, 4, 5, 12, 13), SHUFFLE(t1, t3, 2, 3, 10, 11, 6, 7, 14, 15) };
#pragma GCC unroll 8
  for (int q = 0; q < EIGHT; q++) {
    int i = index[q];
    v4f x;
    memcpy(&x, (const char *)&two[q & 3] + (q & 4) * 4, sizeof x);
    store4(part, i, x + whole(unit, i, r[e + q]));
    store4(part, i + 1, whole(unit, i + 1, r[e + q]));   /* whole, or else the next edge's to overwrite */
  }
  return 1;
}

/* Step 3 for four rows and knots a .. b. */
INLINE void rows_body(const float *part, const float *const *row, int a, int b, double *weight_bar)
{
  double sum[4][EIGHT], tail[4] = { 0 };
  for (int c = 0; c < 4; c++)
    for (int q = 0; q < EIGHT; q++) sum[c][q] = 0;
  for (int j = a; j <= b; j += STRETCH) {
    const float *p = part + 4 * (size_t)j, *r0 = row[0] + 2 * (size_t)j, *r1 = row[1] + 2 * (size_t)j,
                *r2 = row[2] + 2 * (size_t)j, *r3 = row[3] + 2 * (size_t)j;
    int n = 2 * (b + 1 - j < STRETCH ? b + 1 - j : STRETCH), t = 0;
    float g[2 * STRETCH + 4];
    v8f s0 = { 0 }, s1 = s0, s2 = s0, s3 = s0;
    /* two knots: the red ends of the intervals before them, the blue ends of those after */
    for (int q = 0; q < n; q += 4) {
      v4f x, y, z;
      memcpy(&x, p + 2 * q, sizeof x);
      memcpy(&y, p + 2 * q + 4, sizeof y);
      memcpy(&z, p + 2 * q + 8, sizeof z);
      x = SHUFFLE_4(x, y, 2, 3, 6, 7) + SHUFFLE_4(y, z, 0, 1, 4, 5);
      memcpy(g + q, &x, sizeof x);
    }
    for (; t + EIGHT <= n; t += EIGHT) {
      v8f x, y0, y1, y2, y3;
      memcpy(&x, g + t, sizeof x);
      memcpy(&y0, r0 + t, sizeof y0);
      memcpy(&y1, r1 + t, sizeof y1);
      memcpy(&y2, r2 + t, sizeof y2);
      memcpy(&y3, r3 + t, sizeof y3);
      s0 += x * y0;
      s1 += x * y1;
      s2 += x * y2;
      s3 += x * y3;
    }
    for (; t < n; t++)
      for (int c = 0; c < 4; c++) tail[c] += (double)g[t] * (double)row[c][2 * (size_t)j + (size_t)t];
    v8f s[4] = { s0, s1, s2, s3 };
    for (int c = 0; c < 4; c++)
      for (int q = 0; q < EIGHT; q++) sum[c][q] += (double)s[c][q];
  }
  for (int c = 0; c < 4; c++) {
    for (int q = 0; q < EIGHT; q++) tail[c] += sum[c][q];
    weight_bar[c] += tail[c];
  }
}

/* Edges that move in the library, and the edges that the channels that see it begin and end with. */
static void in_library(const struct cubix_tables *v, double per_doppler, int *a, int *b, int *first, int *last)
{
  double lo = v->knot[0], hi = v->knot[v->n_knot - 1];
  for (*a = 0; *a <= v->n_lambda && v->edge[*a] * per_doppler <= lo;) ++*a;
  for (*b = v->n_lambda + 1; *b > *a && v->edge[*b - 1] * per_doppler > hi;) --*b;
  *first = *a ? *a - 1 : 0;
  *last = *b <= v->n_lambda ? *b : v->n_lambda;
}

/* Step 1: the slopes of edges a .. b - 1 times what their two channels' cotangents differ by, those
 * before the first and after the last being 0. */
INLINE double velocity_body(const struct cubix_fast_vjp *s, const float *r, int a, int b, int first, int last)
{
  double lane[EIGHT] = { 0 }, sum = 0;
  const double *slope = s->slope;
  if (a == first && a < b) sum -= (double)r[a] * slope[a], a++;
  if (b == last + 1 && a < b) b--, sum += (double)r[b - 1] * slope[b];
  for (; a + EIGHT <= b; a += EIGHT)
    for (int q = 0; q < EIGHT; q++) lane[q] += ((double)r[a + q - 1] - (double)r[a + q]) * slope[a + q];
  for (; a < b; a++) sum += ((double)r[a - 1] - (double)r[a]) * slope[a];
  for (int q = 0; q < EIGHT; q++) sum += lane[q];
  return sum;
}

INLINE void weights_body(const struct cubix_fast *fast, const struct cubix_blend *blend, int first, int last,
                         struct cubix_fast_vjp *s, const float *r, double *weight_bar)
{
  int from = s->edges.index[first], to = s->edges.index[last] + 1, e = first + 1;
  part_plain(fast, s, r, first, last, first);
  while (e + EIGHT <= last) {
    if (part_eight(fast, s, r, e)) e += EIGHT;
    else {
      for (int end = e + EIGHT; e < end; e++) part_plain(fast, s, r, first, last, e);
    }
  }
  for (; e <= last; e++) part_plain(fast, s, r, first, last, e);
  store4(s->part, from - 1, (v4f){ 0 });
  store4(s->part, to, (v4f){ 0 });
  for (int c = 0; c < blend->n; c += 4) rows_body(s->part, blend->row + c, from, to, weight_bar + c);
}

/* The bodies, once per instruction set. */
#define BODIES(target, set) \
  target static void slopes_##set(const struct cubix_fast *fast, double per_doppler, int a, int b, \
                                  struct cubix_fast_vjp *s) \
  { \
    slopes_body(fast, per_doppler, a, b, s); \
  } \
  target static double velocity_##set(const struct cubix_fast_vjp *s, const float *r, int a, int b, int first, \
                                      int last) \
  { \
    return velocity_body(s, r, a, b, first, last); \
  } \
  target static void weights_##set(const struct cubix_fast *fast, const struct cubix_blend *blend, int first, \
                                   int last, struct cubix_fast_vjp *s, const float *r, double *weight_bar) \
  { \
    weights_body(fast, blend, first, last, s, r, weight_bar); \
  }

struct bodies {
  void (*slopes)(const struct cubix_fast *, double, int, int, struct cubix_fast_vjp *);
  double (*velocity)(const struct cubix_fast_vjp *, const float *, int, int, int, int);
  void (*weights)(const struct cubix_fast *, const struct cubix_blend *, int, int, struct cubix_fast_vjp *,
                  const float *, double *);
};

BODIES(, baseline)
#ifdef CUBIX_CPU_X86
BODIES(CUBIX_AVX2, avx2)
BODIES(CUBIX_AVX512, avx512)
#endif

static struct bodies best(void)
{
#ifdef CUBIX_CPU_X86
  enum cubix_cpu cpu = cubix_cpu_best();
  if (cpu == CUBIX_CPU_AVX512) return (struct bodies){ slopes_avx512, velocity_avx512, weights_avx512 };
  if (cpu == CUBIX_CPU_AVX2) return (struct bodies){ slopes_avx2, velocity_avx2, weights_avx2 };
#endif
  return (struct bodies){ slopes_baseline, velocity_baseline, weights_baseline };
}

void cubix_fast_paint_vjp(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler,
                          struct cubix_fast_vjp *s, const float *spectrum_bar, double *weight_bar, double *velocity_bar)
{
  int a, b, first, last;
  double per_doppler = 1 / doppler;
  struct bodies body = best();
  if (!cubix_fast_edges(fast, blend, doppler, &s->edges)) return;
  in_library(fast->tables, per_doppler, &a, &b, &first, &last);
  body.slopes(fast, per_doppler, a, b, s);
  *velocity_bar -= body.velocity(s, spectrum_bar, a, b, first, last) / CUBIX_C_KMS;
  body.weights(fast, blend, first, last, s, spectrum_bar, weight_bar);
}

void cubix_fast_velocity_jvp(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler,
                             struct cubix_fast_vjp *s, double velocity_dot, double *spectrum_dot)
{
  int a, b, first, last;
  double per_doppler = 1 / doppler, scale = -velocity_dot / CUBIX_C_KMS;
  if (!cubix_fast_edges(fast, blend, doppler, &s->edges)) return;
  in_library(fast->tables, per_doppler, &a, &b, &first, &last);
  best().slopes(fast, per_doppler, a, b, s);
  if (first < a) s->slope[first] = 0;
  if (last >= b) s->slope[last] = 0;
  for (int k = first; k < last; k++) spectrum_dot[k] += scale * (s->slope[k + 1] - s->slope[k]);
}

int cubix_fast_vjp_init(struct cubix_fast_vjp *s, const struct cubix_tables *v)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_fast_scratch_init(&s->edges, v));
  CUBIX_ALLOC(s->part, 4 * ((size_t)v->n_knot + 8));
  CUBIX_ALLOC(s->slope, v->n_lambda + 1);
done:
  return status;
}

void cubix_fast_vjp_free(struct cubix_fast_vjp *s)
{
  cubix_fast_scratch_free(&s->edges);
  free(s->part);
  free(s->slope);
}

#else
typedef int cubix_paint_kernel_vjp_is_float_only;
#endif
