/* multiply_kernel.h -- the inner loop of multiply.c, once for every instruction set: included with
 *
 *   MULTIPLY_NAME    name of the function
 *   MULTIPLY_TARGET  its attributes: the instructions it may use
 *   MULTIPLY_WIDTH   floats of a vector register
 *   MULTIPLY_CHAIN   sums of every channel that run side by side, so that a multiply-add need not
 *                    wait for the one before
 *
 * The CUBIX_TILE channels of a block are kept in registers: a node costs one broadcast of its mass,
 * and for each vector a multiply-add whose operand comes from the first-level cache, where all
 * nodes of a template stay while the panel's blocks of that template pass by. Meanwhile the next
 * template's nodes are called for, a few lines with each block. */
#define MULTIPLY_N (CUBIX_TILE / MULTIPLY_WIDTH)
#include "histogram/kernel_begin.h"

/* Blocks of one template, d [nodes][CUBIX_TILE]; the n_next cache lines from next on will be wanted afterwards. */
MULTIPLY_TARGET static void MULTIPLY_NAME(const struct cubix_item *restrict item, size_t n_item,
                                          const float *restrict value, const float *restrict d, float *restrict sum,
                                          float *restrict total, const char *next, size_t n_next)
{
  size_t per_item = n_item ? (n_next + n_item - 1) / n_item : 0;
  for (size_t i = 0; i < n_item; i++) {
    const MULTIPLY_VECTOR *p = (const MULTIPLY_VECTOR *)(d + (size_t)item[i].node * CUBIX_TILE);
    MULTIPLY_VECTOR a[MULTIPLY_CHAIN][MULTIPLY_N], *s = (MULTIPLY_VECTOR *)(sum + (size_t)item[i].spaxel * CUBIX_TILE);
    int j = 0, n = item[i].n;
    const char *ahead = (const char *)(sum + (size_t)item[i + CUBIX_AHEAD].spaxel * CUBIX_TILE);
    for (size_t b = 0; b < CUBIX_TILE * sizeof(float); b += 64) __builtin_prefetch(ahead + b, 1, 3);
    for (size_t b = 0; b < per_item; b++, next += 64) __builtin_prefetch(next, 0, 3);
    for (int c = 0; c < MULTIPLY_CHAIN; c++)
      for (int k = 0; k < MULTIPLY_N; k++) a[c][k] = (MULTIPLY_VECTOR){ 0 };
    for (; j + MULTIPLY_CHAIN <= n; j += MULTIPLY_CHAIN)
      for (int c = 0; c < MULTIPLY_CHAIN; c++, p += MULTIPLY_N)
        for (int k = 0; k < MULTIPLY_N; k++) a[c][k] += value[j + c] * p[k];
    for (; j < n; j++, p += MULTIPLY_N)
      for (int k = 0; k < MULTIPLY_N; k++) a[0][k] += value[j] * p[k];
    for (int c = 1; c < MULTIPLY_CHAIN; c++)
      for (int k = 0; k < MULTIPLY_N; k++) a[0][k] += a[c][k];
    if (!item[i].full)
      for (int k = 0; k < MULTIPLY_N; k++) s[k] += a[0][k];
    else {
      MULTIPLY_VECTOR *t = (MULTIPLY_VECTOR *)(total + (size_t)item[i].spaxel * CUBIX_TILE);
      for (int k = 0; k < MULTIPLY_N; k++) {
        t[k] += s[k] + a[0][k];
        s[k] = (MULTIPLY_VECTOR){ 0 };
      }
    }
    value += n;
  }
}

#include "histogram/kernel_end.h"
