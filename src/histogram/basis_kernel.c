/* basis_kernel.c -- the inner loops of the fit: 32 template rows side by side, in float64.
 *
 * Everything is a linear form on the values that the rows have at a few knots, with weights that
 * are the same for all rows (basis_fit.c): the right-hand side of the normal equations, the exact
 * channel integral B(v) that the result is compared with, and the sum of six B-splines.  A weight
 * is fetched once and serves 32 rows.  The normal equations are banded: five multiplications per
 * node forwards and five backwards.
 *
 * The adjoints take the same steps from the other end: derivatives with the coefficients through
 * the same (symmetric) equations, and then spread by the same weights over the knot values.
 *
 * One source, compiled for AVX-512, AVX2 and the baseline, chosen when the program starts (GCC and
 * Clang vector extensions). */
#include "histogram/basis_parts.h"

#include <string.h>

#include "base/cpu.h"

#pragma GCC diagnostic ignored "-Wpsabi" /* no vector crosses a call: everything below is inlined */

/* Four doubles, also with AVX-512: GCC 12 takes wider ones apart where they do not fit the
 * registers, and the loads are the bottleneck. */
typedef double v4d __attribute__((vector_size(32), may_alias));
typedef int64_t v4l __attribute__((vector_size(32)));

enum { WIDTH = 4, N_VECTOR = CUBIX_BASIS_FIT_LANE / WIDTH };

#define INLINE static inline __attribute__((always_inline))

INLINE v4d larger(v4d a, v4d b)
{
  v4l mask = a > b;
  return (v4d)(((v4l)a & mask) | ((v4l)b & ~mask));
}

/* The larger of two numbers that are not below zero; NaN is the largest: its bits are. */
INLINE v4d worse(v4d a, v4d b)
{
  v4l mask = (v4l)a > (v4l)b;
  return (v4d)(((v4l)a & mask) | ((v4l)b & ~mask));
}

/* y += a x */
INLINE void add(v4d y[N_VECTOR], double a, const double *x)
{
  const v4d *u = (const v4d *)x;
  for (int q = 0; q < N_VECTOR; q++) y[q] += a * u[q];
}

INLINE void form_body(v4d y[N_VECTOR], const struct cubix_forms *forms, int i, const double *value)
{
  const double *w = forms->weight + forms->at[i], *x = value + (size_t)forms->first[i] * CUBIX_BASIS_FIT_LANE;
  for (int q = 0; q < forms->count[i]; q++) add(y, w[q], x + q * CUBIX_BASIS_FIT_LANE);
}

/* Transposed: w d added to the values that the form rests on. */
INLINE void spread_body(const v4d y[N_VECTOR], const struct cubix_forms *forms, int i, double *value_bar)
{
  const double *w = forms->weight + forms->at[i];
  v4d *x = (v4d *)(value_bar + (size_t)forms->first[i] * CUBIX_BASIS_FIT_LANE);
  for (int k = 0; k < forms->count[i]; k++, x += N_VECTOR)
    for (int q = 0; q < N_VECTOR; q++) x[q] += w[k] * y[q];
}

/* L^-1, then D^-1 and L^-T: each on d in place. */
INLINE void down_body(const struct cubix_basis_fit_factor *factor, int j, v4d y[N_VECTOR], double *d)
{
  v4d *out = (v4d *)(d + j * CUBIX_BASIS_FIT_LANE);
  for (int q = 1; q <= 5 && q <= j; q++) add(y, -factor->lower[j][q - 1], d + (j - q) * CUBIX_BASIS_FIT_LANE);
  for (int q = 0; q < N_VECTOR; q++) out[q] = y[q];
}

INLINE void up_body(const struct cubix_basis_fit_factor *factor, double *d)
{
  for (int j = factor->n - 1; j >= 0; j--) {
    v4d y[N_VECTOR], *out = (v4d *)(d + j * CUBIX_BASIS_FIT_LANE);
    for (int q = 0; q < N_VECTOR; q++) y[q] = out[q] * factor->inverse[j];
    for (int q = 1; q <= 5 && j + q < factor->n; q++)
      add(y, -factor->lower[j + q][q - 1], d + (j + q) * CUBIX_BASIS_FIT_LANE);
    for (int q = 0; q < N_VECTOR; q++) out[q] = y[q];
  }
}

INLINE void solve_body(const struct cubix_forms *rhs, const struct cubix_basis_fit_factor *factor, const double *value,
                       double *d)
{
  for (int j = 0; j < factor->n; j++) {
    v4d y[N_VECTOR] = { { 0 } };
    form_body(y, rhs, j, value);
    down_body(factor, j, y, d);
  }
  up_body(factor, d);
}

/* The normal matrix is symmetric: the same solution, the forms transposed. */
INLINE void solve_vjp_body(const struct cubix_forms *rhs, const struct cubix_basis_fit_factor *factor,
                           double *value_bar, double *d)
{
  for (int j = 0; j < factor->n; j++) {
    v4d y[N_VECTOR];
    memcpy(y, d + j * CUBIX_BASIS_FIT_LANE, sizeof y);
    down_body(factor, j, y, d);
  }
  up_body(factor, d);
  for (int j = 0; j < factor->n; j++) {
    v4d y[N_VECTOR];
    memcpy(y, d + j * CUBIX_BASIS_FIT_LANE, sizeof y);
    spread_body(y, rhs, j, value_bar);
  }
}

INLINE void apply_vjp_body(const struct cubix_forms *forms, double *value_bar, const double *d)
{
  for (int j = 0; j < forms->n; j++) {
    v4d y[N_VECTOR];
    memcpy(y, d + j * CUBIX_BASIS_FIT_LANE, sizeof y);
    spread_body(y, forms, j, value_bar);
  }
}

INLINE void apply_body(const struct cubix_forms *forms, const double *value, double *d)
{
  for (int j = 0; j < forms->n; j++) {
    v4d y[N_VECTOR] = { { 0 } }, *out = (v4d *)(d + j * CUBIX_BASIS_FIT_LANE);
    form_body(y, forms, j, value);
    for (int q = 0; q < N_VECTOR; q++) out[q] = y[q];
  }
}

/* Half the lanes at a time, so that sum and integral both stay in registers. */
INLINE void check_body(const struct cubix_forms *forms, const int *node, const double (*phi)[CUBIX_N_WEIGHT],
                       const double *value, const double *d, const double *floor, double *worst)
{
  enum { HALF = N_VECTOR / 2 };
  for (int lane = 0; lane < CUBIX_BASIS_FIT_LANE; lane += HALF * WIDTH) {
    const v4d *least = (const v4d *)(floor + lane);
    v4d *most = (v4d *)(worst + lane);
    for (int i = 0; i < forms->n; i++) {
      const double *w = forms->weight + forms->at[i];
      const v4d *x = (const v4d *)(value + (size_t)forms->first[i] * CUBIX_BASIS_FIT_LANE + lane),
                *at = (const v4d *)(d + (size_t)node[i] * CUBIX_BASIS_FIT_LANE + lane);
      v4d b[HALF] = { { 0 } }, e[HALF];
      for (int q = 0; q < forms->count[i]; q++, x += N_VECTOR)
        for (int h = 0; h < HALF; h++) b[h] += w[q] * x[h];
      for (int h = 0; h < HALF; h++) e[h] = -b[h];
      for (int q = 0; q < CUBIX_N_WEIGHT; q++, at += N_VECTOR)
        for (int h = 0; h < HALF; h++) e[h] += phi[i][q] * at[h];
      for (int h = 0; h < HALF; h++) {
        v4d off = e[h] / larger(b[h], least[h]);
        most[h] = worse((v4d)((v4l)off & 0x7fffffffffffffffll), most[h]);
      }
    }
  }
}

#define KERNEL(name, target) \
  target static void solve_##name(const struct cubix_forms *rhs, const struct cubix_basis_fit_factor *factor, \
                                  const double *value, double *d) \
  { \
    solve_body(rhs, factor, value, d); \
  } \
  target static void apply_##name(const struct cubix_forms *forms, const double *value, double *d) \
  { \
    apply_body(forms, value, d); \
  } \
  target static void solve_vjp_##name(const struct cubix_forms *rhs, const struct cubix_basis_fit_factor *factor, \
                                      double *value_bar, double *d) \
  { \
    solve_vjp_body(rhs, factor, value_bar, d); \
  } \
  target static void apply_vjp_##name(const struct cubix_forms *forms, double *value_bar, const double *d) \
  { \
    apply_vjp_body(forms, value_bar, d); \
  } \
  target static void check_##name(const struct cubix_forms *forms, const int *node, \
                                  const double(*phi)[CUBIX_N_WEIGHT], const double *value, const double *d, \
                                  const double *floor, double *worst) \
  { \
    check_body(forms, node, phi, value, d, floor, worst); \
  }

KERNEL(baseline, )
static const struct cubix_basis_fit_kernel baseline = { "baseline",         solve_baseline,     apply_baseline,
                                                        solve_vjp_baseline, apply_vjp_baseline, check_baseline };

#ifdef CUBIX_CPU_X86
KERNEL(avx2, CUBIX_AVX2)
KERNEL(avx512, CUBIX_AVX512)
static const struct cubix_basis_fit_kernel avx2 = { "AVX2",         solve_avx2,     apply_avx2,
                                                    solve_vjp_avx2, apply_vjp_avx2, check_avx2 };
static const struct cubix_basis_fit_kernel avx512 = { "AVX-512",        solve_avx512,     apply_avx512,
                                                      solve_vjp_avx512, apply_vjp_avx512, check_avx512 };
#endif

const struct cubix_basis_fit_kernel *cubix_basis_fit_kernel_best(void)
{
#ifdef CUBIX_CPU_X86
  enum cubix_cpu cpu = cubix_cpu_best();
  if (cpu == CUBIX_CPU_AVX512) return &avx512;
  if (cpu == CUBIX_CPU_AVX2) return &avx2;
#endif
  return &baseline;
}
