/* paint_kernel.c -- the direct method of physics/paint.h, vectorised.
 *
 * A star's spectrum is made in three sweeps:
 *   1. mix the four (or eight) template rows into one, at the library's points;
 *   2. for every channel edge: its interval i, the integral `left` from the interval's blue knot to
 *      the edge and `right` from the edge to its red knot, the two distances, and what the mixed
 *      template is at the two knots;
 *   3. a channel is right of its blue edge + the whole interval between, if there is one + left of
 *      its red edge.
 * The search for i is the costly part.  Where a block of 16 edges meets knots whose spacing is even
 * to 2 % over the block (and no coarser than four channels, so that right = whole - left loses
 * nothing), i is arithmetic, and what belongs to eight edges is fetched by 16-byte loads and
 * transpositions instead of slow gathers; an edge near a knot that arithmetic gave to the wrong
 * side of it is set right.  Where the spacing is even to 1e-6, the place in the interval is
 * arithmetic too.  Other blocks (where a library's sampling changes, or is coarse) take the plain
 * search, edge by edge.
 *
 * One source, compiled for AVX-512, AVX2 and the baseline, chosen when the program starts (GCC and
 * Clang vector extensions). */
#include "direct/paint_kernel.h"

#ifndef CUBIX_DOUBLE

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "direct/paint_vector.h"

enum { BLOCK = 16, HALF = 8 };

/* Sweep 1 over knots a .. b. */
INLINE void mix_rows(const struct cubix_blend *blend, int a, int b, float *restrict pair)
{
  for (int k = 0; k < blend->n; k += 4) {
    const float *r0 = blend->row[k], *r1 = blend->row[k + 1], *r2 = blend->row[k + 2], *r3 = blend->row[k + 3];
    float w0 = blend->weight[k], w1 = blend->weight[k + 1], w2 = blend->weight[k + 2], w3 = blend->weight[k + 3];
    if (k == 0)
      for (int j = 2 * a; j < 2 * b + 2; j++) pair[j] = w0 * r0[j] + w1 * r1[j] + w2 * r2[j] + w3 * r3[j];
    else
      for (int j = 2 * a; j < 2 * b + 2; j++) pair[j] += w0 * r0[j] + w1 * r1[j] + w2 * r2[j] + w3 * r3[j];
  }
}

/* Half of the integral over an interval of width h: what one of its knots gives. */
INLINE float from_knot(float f, float m, float h) { return 0.5f * h * (f - (0.5f * h * h) * m); }

/* Integral over interval i. */
INLINE float whole_interval(float h, const float *pair, int i)
{
  return from_knot(pair[2 * i], pair[2 * i + 1], h) + from_knot(pair[2 * i + 2], pair[2 * i + 3], h);
}

/* What sweep 2 knows of eight edges, from {f0, m0, f1, m1}, the place u in the interval and its width h. */
INLINE void edges_of(const v8f *place, const v8f *width, const v8f c[4], const struct cubix_fast_scratch *s, int k)
{
  v8f u = *place, h = *width, f0 = c[0], m0 = c[1], f1 = c[2], m1 = c[3];
  v8f g = 0.25f * h * h, a = 2.f - u, to_blue = u * h, to_red = h - to_blue;
  v8f l = to_blue * (f0 + (0.5f * u) * (f1 - f0) - (g * u) * (m0 * (a * a) + m1 * (2.f - u * u)));
  v8f r = h * (0.5f * (f0 + f1) - g * (m0 + m1)) - l;
  memcpy(s->left + k, &l, sizeof l);
  memcpy(s->right + k, &r, sizeof r);
  memcpy(s->to_blue + k, &to_blue, sizeof to_blue);
  memcpy(s->to_red + k, &to_red, sizeof to_red);
  memcpy(s->f0 + k, &f0, sizeof f0);
  memcpy(s->m0 + k, &m0, sizeof m0);
  memcpy(s->f1 + k, &f1, sizeof f1);
  memcpy(s->m1 + k, &m1, sizeof m1);
}

/* Two fours; what was stored as fours must be loaded as fours, or the load waits for the stores. */
INLINE void two(v8f *x, const float *a, const float *b)
{
  v4f lo, hi;
  memcpy(&lo, a, sizeof lo);
  memcpy(&hi, b, sizeof hi);
  JOIN(*x, lo, hi);
}

/* Places and widths of four edges whose intervals are known. */
INLINE void places(const double *edge, double per_doppler, const struct cubix_fast_knot *knot, const int *i,
                   float *place, float *width)
{
  v4d e, r0, r1;
  v2d k0, k1, k2, k3;
  memcpy(&e, edge, sizeof e);
  memcpy(&k0, knot + i[0], sizeof k0);
  memcpy(&k1, knot + i[1], sizeof k1);
  memcpy(&k2, knot + i[2], sizeof k2);
  memcpy(&k3, knot + i[3], sizeof k3);
  JOIN_D(r0, k0, k2);
  JOIN_D(r1, k1, k3);
  v4d at = SHUFFLE_D(r0, r1, 0, 4, 2, 6);                   /* the knots, in the order of the edges */
  v8f rest = (v8f)SHUFFLE_D(r0, r1, 1, 5, 3, 7);            /* {1/h, h} of each */
  v4f offset = __builtin_convertvector(e * per_doppler - at, v4f);
  v8f split = SHUFFLE(rest, rest, 0, 2, 4, 6, 1, 3, 5, 7);
  v4f inverse, h;
  memcpy(&inverse, &split, sizeof inverse);
  memcpy(&h, (const char *)&split + 16, sizeof h);
  offset *= inverse;
  memcpy(place, &offset, sizeof offset);
  memcpy(width, &h, sizeof h);
}

/* An edge that was given to the interval before or after its own. */
INLINE void next_door(const struct cubix_fast_knot *knot, double x, int *index, float *place, float *width)
{
  int i = *index;
  while (i > 0 && knot[i].at > x) i--;
  while (knot[i + 1].at <= x) i++;                          /* the block ends inside the library */
  *index = i;
  *place = (float)((x - knot[i].at) / (knot[i + 1].at - knot[i].at));
  *width = knot[i].h;
}

/* Sweep 2, a block of 16 edges on evenly spaced knots from i0 on. */
INLINE void block_even(const struct cubix_fast *fast, const double *edge, double per_doppler, int i0,
                       const struct cubix_fast_scratch *s, int k)
{
  const float *pair = s->pair;
  int *index = s->index + k;
  float place[BLOCK] __attribute__((aligned(32))), width[BLOCK] __attribute__((aligned(32)));
  double per_h = fast->per_spacing[i0], scale = per_doppler * per_h, shift = fast->tables->knot[i0] * per_h - i0;
  for (int q = 0; q < BLOCK; q += 4) {
    v4d e;
    memcpy(&e, edge + q, sizeof e);
    v4d p = e * scale - shift;
    v4i whole = __builtin_convertvector(p, v4i);
    memcpy(index + q, &whole, sizeof whole);
    if (fast->exact[i0]) {
      v4f part = __builtin_convertvector(p - __builtin_convertvector(whole, v4d), v4f);
      memcpy(place + q, &part, sizeof part);
    } else {
      places(edge + q, per_doppler, fast->knot, index + q, place + q, width + q);
      for (int r = q; r < q + 4; r++)
        if (!(place[r] >= 0 && place[r] < 1))
          next_door(fast->knot, edge[r] * per_doppler, index + r, place + r, width + r);
    }
  }
  if (fast->exact[i0])
    for (int q = 0; q < BLOCK; q++) width[q] = fast->knot[i0].h;
  for (int q = 0; q < BLOCK; q += HALF) {
    const int *i = index + q;
    v8f r0, r1, r2, r3, u, h;
    two(&r0, pair + 2 * (size_t)i[0], pair + 2 * (size_t)i[4]);   /* {f0, m0, f1, m1} of two intervals */
    two(&r1, pair + 2 * (size_t)i[1], pair + 2 * (size_t)i[5]);
    two(&r2, pair + 2 * (size_t)i[2], pair + 2 * (size_t)i[6]);
    two(&r3, pair + 2 * (size_t)i[3], pair + 2 * (size_t)i[7]);
    v8f t0 = SHUFFLE(r0, r1, 0, 8, 1, 9, 4, 12, 5, 13), t1 = SHUFFLE(r0, r1, 2, 10, 3, 11, 6, 14, 7, 15);
    v8f t2 = SHUFFLE(r2, r3, 0, 8, 1, 9, 4, 12, 5, 13), t3 = SHUFFLE(r2, r3, 2, 10, 3, 11, 6, 14, 7, 15);
    v8f c[4] = { SHUFFLE(t0, t2, 0, 1, 8, 9, 4, 5, 12, 13), SHUFFLE(t0, t2, 2, 3, 10, 11, 6, 7, 14, 15),
                 SHUFFLE(t1, t3, 0, 1, 8, 9, 4, 5, 12, 13), SHUFFLE(t1, t3, 2, 3, 10, 11, 6, 7, 14, 15) };
    two(&u, place + q, place + q + 4);
    two(&h, width + q, width + q + 4);
    edges_of(&u, &h, c, s, k + q);
  }
}

/* Sweep 2, edge by edge: any knots, and edges beyond the library (which then sit on its end). */
INLINE void edge_plain(const struct cubix_fast *fast, double x, int i, const struct cubix_fast_scratch *s, int k)
{
  const struct cubix_fast_knot *knot = fast->knot;
  int last = fast->tables->n_knot - 1;
  double edge = x;
  x = x < knot[0].at ? knot[0].at : x > knot[last].at ? knot[last].at : x;
  i = i < last ? i : last - 1;
  while (i > 0 && knot[i].at > x) i--;
  while (i < last - 1 && knot[i + 1].at <= x) i++;
  const float *c = s->pair + 2 * (size_t)i;
  float h = knot[i].h, u = (float)((x - knot[i].at) / (knot[i + 1].at - knot[i].at));
  s->index[k] = i;
  s->left[k] = cubix_piece(c, h, 0, u);
  s->right[k] = cubix_piece(c, h, u, 1);
  /* of the edge, not of where the library ends: see channels_simple */
  s->to_blue[k] = (float)(edge - knot[i].at);
  s->to_red[k] = (float)(knot[i + 1].at - edge);
  s->f0[k] = c[0];
  s->m0[k] = c[1];
  s->f1[k] = c[2];
  s->m1[k] = c[3];
}

/* Sweep 3 for eight channels that end in the next interval or the one after; others: set where
 * there are others among them. */
INLINE void channels_simple(const struct cubix_fast *fast, const struct cubix_fast_scratch *s, float per_doppler, int k,
                            float *spectrum, v8i *others)
{
  v8i from, to, across;
  v8f sum, blue, red, to_red, to_blue, f0, m0, f1, m1, h;
  memcpy(&from, s->index + k, sizeof from);
  memcpy(&to, s->index + k + 1, sizeof to);
  memcpy(&sum, spectrum, sizeof sum);
  memcpy(&blue, s->right + k, sizeof blue);
  memcpy(&red, s->left + k + 1, sizeof red);
  memcpy(&to_red, s->to_red + k, sizeof to_red);
  memcpy(&to_blue, s->to_blue + k + 1, sizeof to_blue);
  memcpy(&f0, s->f0 + k + 1, sizeof f0);
  memcpy(&m0, s->m0 + k + 1, sizeof m0);
  memcpy(&f1, s->f1 + k, sizeof f1);
  memcpy(&m1, s->m1 + k, sizeof m1);
  memcpy(&h, fast->channel + k, sizeof h);
  h = h * per_doppler - to_red - to_blue;                   /* width of the interval between, if there is one */
  v8f between = (0.5f * h) * ((f0 + f1) - (0.5f * h * h) * (m0 + m1));
  across = to - from;
  sum += (v8f)((v8i)(blue + red) & (across != 0)) + (v8f)((v8i)between & (across == 2));
  memcpy(spectrum, &sum, sizeof sum);
  *others |= (across > 2) | (across == 0);
}

/* What channels_simple left out: a channel inside one interval, where a difference of two integrals
 * would cancel, or the whole intervals between its edges. */
INLINE float channel_rest(const struct cubix_fast *fast, const struct cubix_fast_scratch *s, double per_doppler, int k)
{
  int i0 = s->index[k], i1 = s->index[k + 1];
  float sum = 0;
  for (int i = i0 + 1; i < i1; i++) sum += whole_interval(fast->knot[i].h, s->pair, i);
  if (i1 != i0) return sum;
  const struct cubix_fast_knot *knot = fast->knot + i0;
  double per_h = 1 / (knot[1].at - knot->at), u0 = (fast->tables->edge[k] * per_doppler - knot->at) * per_h,
         u1 = (fast->tables->edge[k + 1] * per_doppler - knot->at) * per_h;
  u0 = u0 < 0 ? 0 : u0 > 1 ? 1 : u0;                       /* beyond the library's ends there is nothing */
  u1 = u1 < 0 ? 0 : u1 > 1 ? 1 : u1;
  return cubix_piece(s->pair + 2 * (size_t)i0, knot->h, (float)u0, (float)u1);
}

INLINE int paint_body(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler,
                      struct cubix_fast_scratch *s, float *restrict spectrum)
{
  const struct cubix_tables *v = fast->tables;
  int n = v->n_lambda, last = v->n_knot - 1;
  double per_doppler = 1 / doppler, lo = v->knot[0], hi = v->knot[last], x0 = v->edge[0] * per_doppler,
         x1 = v->edge[n] * per_doppler;
  if (x1 <= lo || x0 >= hi) return 0;
  int a = x0 > lo ? cubix_interval(v, x0) : 0, b = x1 < hi ? cubix_interval(v, x1) + 1 : last;
  mix_rows(blend, a, b, s->pair);
  int k = 0, i0 = a;
  for (; k + BLOCK <= n + 1; k += BLOCK) {
    double first = v->edge[k] * per_doppler;
    if (k) i0 = s->index[k - 1];
    while (i0 < last && v->knot[i0 + 1] <= first) i0++;
    if (fast->per_spacing[i0] > 0 && first >= lo && v->edge[k + BLOCK - 1] * per_doppler < v->knot[i0 + fast->span])
      block_even(fast, v->edge + k, per_doppler, i0, s, k);
    else {
      for (int q = k; q < k + BLOCK; q++, i0 = s->index[q - 1]) edge_plain(fast, v->edge[q] * per_doppler, i0, s, q);
    }
  }
  for (; k <= n; k++) edge_plain(fast, v->edge[k] * per_doppler, k ? s->index[k - 1] : a, s, k);
  if (!spectrum) return 1;
  v8i others = { 0 };
  for (k = 0; k + HALF <= n; k += HALF) channels_simple(fast, s, (float)per_doppler, k, spectrum + k, &others);
  int any = 0;
  for (int q = 0; q < HALF; q++) any |= others[q];
  for (int q = 0; q < k && any; q++)
    if (s->index[q + 1] == s->index[q] || s->index[q + 1] > s->index[q] + 2)
      spectrum[q] += channel_rest(fast, s, per_doppler, q);
  for (; k < n; k++)
    spectrum[k] +=
        (s->index[k + 1] > s->index[k] ? s->right[k] + s->left[k + 1] : 0) + channel_rest(fast, s, per_doppler, k);
  return 1;
}

typedef int painter(const struct cubix_fast *, const struct cubix_blend *, double, struct cubix_fast_scratch *,
                    float *);

static int paint_baseline(const struct cubix_fast *f, const struct cubix_blend *b, double d,
                          struct cubix_fast_scratch *s, float *spectrum)
{
  return paint_body(f, b, d, s, spectrum);
}

#ifdef CUBIX_CPU_X86
CUBIX_AVX2 static int paint_avx2(const struct cubix_fast *f, const struct cubix_blend *b, double d,
                                 struct cubix_fast_scratch *s, float *spectrum)
{
  return paint_body(f, b, d, s, spectrum);
}

CUBIX_AVX512 static int paint_avx512(const struct cubix_fast *f, const struct cubix_blend *b, double d,
                                     struct cubix_fast_scratch *s, float *spectrum)
{
  return paint_body(f, b, d, s, spectrum);
}
#endif

static painter *best(const char **name)
{
#ifdef CUBIX_CPU_X86
  enum cubix_cpu cpu = cubix_cpu_best();
  if (cpu == CUBIX_CPU_AVX512) return *name = "AVX-512", paint_avx512;
  if (cpu == CUBIX_CPU_AVX2) return *name = "AVX2", paint_avx2;
#endif
  return *name = "baseline", paint_baseline;
}

void cubix_fast_paint(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler,
                      struct cubix_fast_scratch *scratch, float *spectrum)
{
  const char *name;
  best(&name)(fast, blend, doppler, scratch, spectrum);
}

int cubix_fast_edges(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler,
                     struct cubix_fast_scratch *scratch)
{
  const char *name;
  return best(&name)(fast, blend, doppler, scratch, NULL);
}

const char *cubix_fast_name(void)
{
  const char *name;
  best(&name);
  return name;
}

int cubix_fast_init(struct cubix_fast *fast, const struct cubix_tables *v)
{
  int status = CUBIX_OK;
  double widest = 0, narrowest = v->knot[v->n_knot - 1] - v->knot[0];
  fast->tables = v;
  CUBIX_ALLOC(fast->knot, v->n_knot);
  CUBIX_ALLOC(fast->per_spacing, v->n_knot);
  CUBIX_ALLOC(fast->exact, v->n_knot);
  CUBIX_ALLOC(fast->whole, v->n_knot);
  CUBIX_ALLOC(fast->channel, v->n_lambda);
  for (int i = 0; i < v->n_knot; i++) {
    double h = i + 1 < v->n_knot ? v->knot[i + 1] - v->knot[i] : fast->knot[i - 1].h;
    fast->knot[i].at = v->knot[i];
    fast->knot[i].per_h = (float)(1 / h);
    fast->knot[i].h = (float)h;
    fast->whole[i][0] = fast->whole[i][2] = (float)(0.5 * h);
    fast->whole[i][1] = fast->whole[i][3] = (float)(-0.25 * h * h * h);
    narrowest = fmin(narrowest, h);
  }
  for (int k = 0; k < v->n_lambda; k++) fast->channel[k] = (float)(v->edge[k + 1] - v->edge[k]);
  /* how many knots a block of edges reaches over: the widest block over the narrowest interval (a
   * block of a star so fast that it reaches farther is painted plainly) */
  for (int k = 0; k + BLOCK <= v->n_lambda; k++)
    widest = fmax(widest, (v->edge[k + BLOCK - 1] - v->edge[k]) / v->one_plus_z);
  double reach = ceil(1.02 * widest / narrowest) + 2;
  int span = fast->span = reach < v->n_knot ? (int)reach : v->n_knot;
  for (int i = 0; i + span < v->n_knot; i++) {
    double h = (v->knot[i + span] - v->knot[i]) / span, worst = 0;
    for (int j = 1; j < span; j++) worst = fmax(worst, fabs(v->knot[i + j] - v->knot[i] - j * h));
    if (worst < 0.02 * h && 4 * widest > BLOCK * h) fast->per_spacing[i] = 1 / h;
    fast->exact[i] = worst < 1e-6 * h;
  }
done:
  return status;
}

int cubix_fast_scratch_init(struct cubix_fast_scratch *s, const struct cubix_tables *v)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(s->pair, 2 * ((size_t)v->n_knot + 1));
  CUBIX_ALLOC(s->left, v->n_lambda + 1);
  CUBIX_ALLOC(s->right, v->n_lambda + 1);
  CUBIX_ALLOC(s->to_blue, v->n_lambda + 1);
  CUBIX_ALLOC(s->to_red, v->n_lambda + 1);
  CUBIX_ALLOC(s->f0, v->n_lambda + 1);
  CUBIX_ALLOC(s->m0, v->n_lambda + 1);
  CUBIX_ALLOC(s->f1, v->n_lambda + 1);
  CUBIX_ALLOC(s->m1, v->n_lambda + 1);
  CUBIX_ALLOC(s->index, v->n_lambda + 1);
done:
  return status;
}

void cubix_fast_scratch_free(struct cubix_fast_scratch *s)
{
  free(s->pair);
  free(s->left);
  free(s->right);
  free(s->to_blue);
  free(s->to_red);
  free(s->f0);
  free(s->m0);
  free(s->f1);
  free(s->m1);
  free(s->index);
}

void cubix_fast_free(struct cubix_fast *fast)
{
  free(fast->knot);
  free(fast->per_spacing);
  free(fast->exact);
  free(fast->whole);
  free(fast->channel);
}

#else
typedef int cubix_paint_kernel_is_float_only;
#endif
