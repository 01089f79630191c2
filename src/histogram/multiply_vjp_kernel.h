/* multiply_vjp_kernel.h -- the inner loops of multiply_vjp.c, once for every instruction set:
 * included with
 *
 *   MULTIPLY_NAME    name of the function
 *   MULTIPLY_TARGET  its attributes: the instructions it may use
 *   MULTIPLY_WIDTH   floats of a vector register
 *
 * The sums of up to MOST nodes are kept in registers, a register each, while the channels of a
 * block's spaxel pass by: a multiply-add for each vector, whose operand comes from the first-level
 * cache, as in multiply_kernel.h.  What the registers hold is then added up across, four registers
 * at a time. */
#define MULTIPLY_N (CUBIX_TILE / MULTIPLY_WIDTH)
#include "histogram/kernel_begin.h"
#define MULTIPLY_DOTS MULTIPLY_JOIN(MULTIPLY_NAME, _dots)
#define MULTIPLY_BASIS MULTIPLY_JOIN(MULTIPLY_NAME, _basis)
#define MULTIPLY_ACROSS MULTIPLY_JOIN(MULTIPLY_NAME, _across)
#define MULTIPLY_MASK MULTIPLY_JOIN(MULTIPLY_NAME, _mask)

#if MULTIPLY_WIDTH == 4           /* a mask, in each quarter of a register */
#define MULTIPLY_LANES(a, b, c, d) a, b, c, d
#elif MULTIPLY_WIDTH == 8
#define MULTIPLY_LANES(a, b, c, d) a, b, c, d, a + 4, b + 4, c + 4, d + 4
#else
#define MULTIPLY_LANES(a, b, c, d) \
  a, b, c, d, a + 4, b + 4, c + 4, d + 4, a + 8, b + 8, c + 8, d + 8, a + 12, b + 12, c + 12, d + 12
#endif

typedef int MULTIPLY_MASK __attribute__((vector_size(4 * MULTIPLY_WIDTH)));

/* Sums of four registers, each over its floats, in the order of (0 + 2) + (1 + 3) in each quarter,
 * then over quarters. */
MULTIPLY_TARGET static inline __attribute__((always_inline)) four MULTIPLY_ACROSS(const MULTIPLY_VECTOR *a)
{
  enum { W = MULTIPLY_WIDTH };
  MULTIPLY_VECTOR t = SHUFFLE(MULTIPLY_MASK, a[0], a[1], MULTIPLY_LANES(0, W, 1, W + 1)) +
                      SHUFFLE(MULTIPLY_MASK, a[0], a[1], MULTIPLY_LANES(2, W + 2, 3, W + 3));
  MULTIPLY_VECTOR u = SHUFFLE(MULTIPLY_MASK, a[2], a[3], MULTIPLY_LANES(0, W, 1, W + 1)) +
                      SHUFFLE(MULTIPLY_MASK, a[2], a[3], MULTIPLY_LANES(2, W + 2, 3, W + 3));
  t = SHUFFLE(MULTIPLY_MASK, t, u, MULTIPLY_LANES(0, 1, W, W + 1)) +
      SHUFFLE(MULTIPLY_MASK, t, u, MULTIPLY_LANES(2, 3, W + 2, W + 3));
  four sum, part;
  memcpy(&sum, &t, sizeof sum);
  for (int l = 4; l < W; l += 4) {
    memcpy(&part, (const char *)&t + 4 * l, sizeof part);
    sum += part;
  }
  return sum;
}

/* bar[q] += scale * (channels s) . (node q of p), for n nodes: n is known where this is inlined. */
MULTIPLY_TARGET static inline __attribute__((always_inline)) void MULTIPLY_DOTS(double *restrict bar,
                                                                                const MULTIPLY_VECTOR *restrict p,
                                                                                const MULTIPLY_VECTOR *restrict s,
                                                                                double scale, const int n)
{
  MULTIPLY_VECTOR a[MOST] = { { 0 } };
  for (int k = 0; k < MULTIPLY_N; k++)
    for (int q = 0; q < n; q++) a[q] += s[k] * p[q * MULTIPLY_N + k];
  for (int q = 0; q < n; q += 4) {
    four sum = MULTIPLY_ACROSS(a + q);
    for (int e = 0; e < 4 && q + e < n; e += 2) {
      two half = { sum[e], sum[e + 1] };
      two_wide old, add = scale * __builtin_convertvector(half, two_wide);
      if (n - q - e > 1) {
        memcpy(&old, bar + q + e, sizeof old);
        add += old;
        memcpy(bar + q + e, &add, sizeof add);
      } else bar[q + e] += add[0];
    }
  }
}

/* Blocks of one template, d [nodes][CUBIX_TILE]; the n_next cache lines from next on will be wanted afterwards. */
MULTIPLY_TARGET static void MULTIPLY_NAME(const struct cubix_item *restrict item, size_t n_item, double *restrict bar,
                                          const float *restrict d, const float *restrict channels, double scale,
                                          const char *next, size_t n_next)
{
  size_t per_item = n_item ? (n_next + n_item - 1) / n_item : 0;
  for (size_t i = 0; i < n_item; i++) {
    const MULTIPLY_VECTOR *p = (const MULTIPLY_VECTOR *)(d + (size_t)item[i].node * CUBIX_TILE);
    const MULTIPLY_VECTOR *s = (const MULTIPLY_VECTOR *)(channels + (size_t)item[i].spaxel * CUBIX_TILE);
    const char *ahead = (const char *)(channels + (size_t)item[i + CUBIX_AHEAD].spaxel * CUBIX_TILE);
    for (size_t b = 0; b < CUBIX_TILE * sizeof(float); b += 64) __builtin_prefetch(ahead + b, 0, 3);
    for (size_t b = 0; b < per_item; b++, next += 64) __builtin_prefetch(next, 0, 3);
    for (int left = item[i].n; left > 0;) {
      int n = left <= MOST ? left : left < 2 * MOST ? left / 2 : MOST;
      switch (n) {
        case 1: MULTIPLY_DOTS(bar, p, s, scale, 1); break;
        case 2: MULTIPLY_DOTS(bar, p, s, scale, 2); break;
        case 3: MULTIPLY_DOTS(bar, p, s, scale, 3); break;
        case 4: MULTIPLY_DOTS(bar, p, s, scale, 4); break;
        case 5: MULTIPLY_DOTS(bar, p, s, scale, 5); break;
        case 6: MULTIPLY_DOTS(bar, p, s, scale, 6); break;
        case 7: MULTIPLY_DOTS(bar, p, s, scale, 7); break;
        case 8: MULTIPLY_DOTS(bar, p, s, scale, 8); break;
        case 9: MULTIPLY_DOTS(bar, p, s, scale, 9); break;
        case 10: MULTIPLY_DOTS(bar, p, s, scale, 10); break;
        case 11: MULTIPLY_DOTS(bar, p, s, scale, 11); break;
        default: MULTIPLY_DOTS(bar, p, s, scale, MOST); break;
      }
      bar += n;
      p += n * MULTIPLY_N;
      left -= n;
    }
  }
}

/* sum[node][channel] += value * channels, blocks of one template. */
MULTIPLY_TARGET static void MULTIPLY_BASIS(const struct cubix_item *restrict item, size_t n_item,
                                           const float *restrict value, const float *restrict channels,
                                           float *restrict sum)
{
  for (size_t i = 0; i < n_item; i++) {
    MULTIPLY_VECTOR s[MULTIPLY_N], *h = (MULTIPLY_VECTOR *)(sum + (size_t)item[i].node * CUBIX_TILE);
    memcpy(s, channels + (size_t)item[i].spaxel * CUBIX_TILE, sizeof s);
    for (int j = 0; j < item[i].n; j++, h += MULTIPLY_N)
      for (int k = 0; k < MULTIPLY_N; k++) h[k] += value[j] * s[k];
    value += item[i].n;
  }
}

#undef MULTIPLY_MASK
#undef MULTIPLY_LANES
#undef MULTIPLY_ACROSS
#undef MULTIPLY_BASIS
#undef MULTIPLY_DOTS
#include "histogram/kernel_end.h"
