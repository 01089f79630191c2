/* psf_loops_kernel.h -- the loops of psf_loops.c, once for every instruction set: included with
 *
 *   LOOPS        suffix of the functions' names
 *   LOOPS_TARGET their attributes: the instructions they may use
 *   LOOPS_WIDTH  doubles of a vector register
 *   LOOPS_SWAP   the numbers 0 .. WIDTH - 1 with neighbours swapped */
#define LOOPS_JOIN_(a, b) a##_##b
#define LOOPS_JOIN(a, b) LOOPS_JOIN_(a, b)
#define LOOPS_NAME(a) LOOPS_JOIN(a, LOOPS)
#define LOOPS_VECTOR LOOPS_NAME(vector)
#define LOOPS_N (WIDE / LOOPS_WIDTH)

typedef double LOOPS_VECTOR __attribute__((vector_size(8 * LOOPS_WIDTH)));
typedef int64_t LOOPS_NAME(integers) __attribute__((vector_size(8 * LOOPS_WIDTH)));

LOOPS_TARGET static void LOOPS_NAME(join)(double *restrict to, const cubix_real *restrict a,
                                          const cubix_real *restrict b, size_t step, size_t step_b, int n)
{
  for (int i = 0; i < n; i++, a += step, b += step_b, to += WIDE)
    for (int t = 0; t < LANE; t++) {
      to[2 * t] = (double)a[t];
      to[2 * t + 1] = (double)b[t];
    }
}

/* z + conj(w), and -i (z - conj(w)). */
LOOPS_TARGET static void LOOPS_NAME(split)(double *to, size_t column, const double *z, int n_x)
{
  LOOPS_VECTOR odd;
  for (int t = 0; t < LOOPS_WIDTH; t++) odd[t] = t % 2 ? -1. : 1.;
  for (int f = 0; f < n_x / 2 + 1; f++, to += column) {
    const LOOPS_VECTOR *p = (const LOOPS_VECTOR *)(z + (size_t)f * WIDE),
                       *q = (const LOOPS_VECTOR *)(z + (size_t)(f ? n_x - f : 0) * WIDE);
    LOOPS_VECTOR *x = (LOOPS_VECTOR *)to;
    for (int v = 0; v < LOOPS_N; v++) {
      const LOOPS_VECTOR mirror = q[v] * odd, apart = p[v] - mirror;
      x[v] = p[v] + mirror;
      x[v + LOOPS_N] = SWAPPED(apart, LOOPS_NAME(integers), LOOPS_SWAP) * odd;
    }
  }
}

/* x + i y, and where that is mirrored, conj(x - i y). */
LOOPS_TARGET static void LOOPS_NAME(merge)(double *z, const double *from, size_t column, int n_x)
{
  LOOPS_VECTOR odd;
  for (int t = 0; t < LOOPS_WIDTH; t++) odd[t] = t % 2 ? -1. : 1.;
  for (int f = 0; f < n_x / 2 + 1; f++, from += column) {
    LOOPS_VECTOR *p = (LOOPS_VECTOR *)(z + (size_t)f * WIDE),
                 *q = (LOOPS_VECTOR *)(z + (size_t)(f ? n_x - f : 0) * WIDE);
    const LOOPS_VECTOR *x = (const LOOPS_VECTOR *)from;
    for (int v = 0; v < LOOPS_N; v++) {
      const LOOPS_VECTOR y = x[v + LOOPS_N], turned = SWAPPED(y, LOOPS_NAME(integers), LOOPS_SWAP) * -odd;
      q[v] = (x[v] - turned) * odd;
      p[v] = x[v] + turned;
    }
  }
}

LOOPS_TARGET static void LOOPS_NAME(weigh)(double *to, const double *const *value, const double *weight, int n_node,
                                           int n, int step)
{
  const LOOPS_VECTOR *w = (const LOOPS_VECTOR *)weight;
  for (int d = 0; d < n; d++, to += WIDE) {
    LOOPS_VECTOR *y = (LOOPS_VECTOR *)to;
    const size_t at = 2 * (size_t)(step < 0 ? n - 1 - d : d);
    for (int v = 0; v < LOOPS_N; v++) y[v] = w[v] * value[0][at];
    for (int m = 1; m < n_node; m++)
      for (int v = 0; v < LOOPS_N; v++) y[v] += w[m * LOOPS_N + v] * value[m][at];
  }
}

/* A tap is read once for INS inputs, which it brings to INS neighbouring outputs. */
LOOPS_TARGET static void LOOPS_NAME(sum)(double *out, const double *in, const double *tap,
                                         const struct cubix_psf_reach *r)
{
  const LOOPS_VECTOR *x = (const LOOPS_VECTOR *)in, *k = (const LOOPS_VECTOR *)tap;
  LOOPS_VECTOR *y = (LOOPS_VECTOR *)out;
  for (int o = 0; o < r->n_out; o += OUTS) {
    const int low = o + r->shift - r->n_tap + 1, high = o + r->shift + OUTS - 1, first = low > 0 ? low : 0,
              last = high < r->n_in - 1 ? high : r->n_in - 1;
    for (int v = 0; v < LOOPS_N; v++) {
      LOOPS_VECTOR sum[OUTS];
#pragma GCC unroll 8
      for (int b = 0; b < OUTS; b++) sum[b] = y[(o + b) * LOOPS_N + v];
      for (int i = first; i <= last; i += INS) {
        const LOOPS_VECTOR *p = x + i * LOOPS_N + v, *q = k + (o - i + r->shift) * LOOPS_N + v;
        const LOOPS_VECTOR z[INS] = { p[0], p[LOOPS_N], p[2 * LOOPS_N], p[3 * LOOPS_N] };
#pragma GCC unroll 16
        for (int j = 1 - INS; j < OUTS; j++) {
          const LOOPS_VECTOR t = q[j * LOOPS_N];
#pragma GCC unroll 4
          for (int u = 0; u < INS; u++)
            if (j + u >= 0 && j + u < OUTS) sum[j + u] += t * z[u];
        }
      }
#pragma GCC unroll 8
      for (int b = 0; b < OUTS; b++) y[(o + b) * LOOPS_N + v] = sum[b];
    }
  }
}

static const struct cubix_psf_loops LOOPS_NAME(loops) = {
  LOOPS_NAME(join), LOOPS_NAME(split), LOOPS_NAME(merge), LOOPS_NAME(weigh), LOOPS_NAME(sum)
};

#undef LOOPS_JOIN_
#undef LOOPS_JOIN
#undef LOOPS_NAME
#undef LOOPS_VECTOR
#undef LOOPS_N
#undef LOOPS
#undef LOOPS_TARGET
#undef LOOPS_WIDTH
#undef LOOPS_SWAP
