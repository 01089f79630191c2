/* dusty_kernel.h -- the inner loop of dusty.c, once for every instruction set: included with
 *
 *   MULTIPLY_NAME    name of the function
 *   MULTIPLY_TARGET  its attributes: the instructions it may use
 *   MULTIPLY_WIDTH   floats of a vector register
 *   MULTIPLY_SPLIT   parts that a tile's channels are taken in, so that three sums of each fit into registers
 *
 * The values of an item's nodes in A(V) become those of the three functions first, eight velocities at a
 * time.  Then a velocity costs three broadcasts, and each vector of the template, which is loaded once, three
 * multiply-adds. */
#define MULTIPLY_N (CUBIX_TILE / MULTIPLY_WIDTH / MULTIPLY_SPLIT)
#include "histogram/kernel_begin.h"

/* Items of one template, d [nodes][CUBIX_TILE]; the n_next cache lines from next on will be wanted afterwards. */
MULTIPLY_TARGET static void MULTIPLY_NAME(const struct cubix_dusty_item *restrict item, size_t n_item,
                                          const float *restrict value, const float (*restrict coefficient)[4],
                                          const float *restrict d, const struct cubix_dusty_space *space, size_t stride,
                                          const char *next, size_t n_next)
{
  const size_t per_item = n_item ? (n_next + n_item - 1) / n_item : 0;
  float *restrict mixed = space->mixed;
  for (size_t i = 0; i < n_item; i++) {
    const struct cubix_dusty_item it = item[i];
    const size_t length = ((size_t)it.n + CUBIX_DUSTY_LANE - 1) / CUBIX_DUSTY_LANE * CUBIX_DUSTY_LANE;
    const char *ahead = (const char *)(space->sum + (size_t)item[i + CUBIX_AHEAD].line * CUBIX_DUSTY * CUBIX_TILE);
    for (size_t b = 0; b < CUBIX_DUSTY * CUBIX_TILE * sizeof(float); b += 64) __builtin_prefetch(ahead + b, 1, 3);
    for (size_t b = 0; b < per_item; b++, next += 64) __builtin_prefetch(next, 0, 3);
    for (size_t b = 0; b < length; b += CUBIX_DUSTY_LANE) {
      lane x[CUBIX_DUSTY] = { { 0 } };
      for (int j = 0; j < it.n_screen; j++) {
        const float *c = coefficient[it.offset + j];
        const lane v = *(const lane *)(value + (size_t)j * length + b);
        for (int m = 0; m < CUBIX_DUSTY; m++) x[m] += c[m] * v;
      }
      for (int m = 0; m < CUBIX_DUSTY; m++) *(lane *)(mixed + (size_t)m * stride + b) = x[m];
    }
    value += length * (size_t)it.n_screen;
    for (int part = 0; part < MULTIPLY_SPLIT; part++) {
      const MULTIPLY_VECTOR *p = (const MULTIPLY_VECTOR *)(d + (size_t)it.node * CUBIX_TILE) + part * MULTIPLY_N;
      MULTIPLY_VECTOR a[CUBIX_DUSTY][MULTIPLY_N], *s, *t;
      for (int m = 0; m < CUBIX_DUSTY; m++)
        for (int k = 0; k < MULTIPLY_N; k++) a[m][k] = (MULTIPLY_VECTOR){ 0 };
      for (int j = 0; j < it.n; j++, p += MULTIPLY_N * MULTIPLY_SPLIT)
        for (int k = 0; k < MULTIPLY_N; k++) {
          const MULTIPLY_VECTOR q = p[k];
          for (int m = 0; m < CUBIX_DUSTY; m++) a[m][k] += mixed[(size_t)m * stride + (size_t)j] * q;
        }
      s = (MULTIPLY_VECTOR *)(space->sum + (size_t)it.line * CUBIX_DUSTY * CUBIX_TILE) + part * MULTIPLY_N;
      t = (MULTIPLY_VECTOR *)(space->total + (size_t)it.line * CUBIX_TILE) + part * MULTIPLY_N;
      for (int m = 0; m < CUBIX_DUSTY; m++)
        for (int k = 0; k < MULTIPLY_N; k++) s[m * MULTIPLY_N * MULTIPLY_SPLIT + k] += a[m][k];
      for (int k = 0; k < MULTIPLY_N && it.full; k++) {
        t[k] += s[k];
        s[k] = (MULTIPLY_VECTOR){ 0 };
      }
    }
  }
}

#include "histogram/kernel_end.h"
