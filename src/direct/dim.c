/* dim.c -- exp(-t A k) of many channels, in vectors.
 *
 * With y = -t A k log2(e) = n + r, n an integer, |r| <= 1/2: 2^n times a polynomial in r ln 2.  y and r
 * are float64, so that what is left of much dust is no less exact.  Below 2^-126 it is 0: a floor would be light
 * whose derivative is none. */
#include "direct/dim.h"

#ifdef CUBIX_DOUBLE

void cubix_dim(cubix_real *through, const double *k, double screen, int n)
{
  for (int i = 0; i < n; i++) through[i] = cubix_screen_through(screen, k[i]);
}

#else

#include <string.h>

#include "direct/paint_vector.h"

INLINE void dim_body(float *restrict through, const double *restrict k, double screen, int n)
{
  static const double magic = 6755399441055744.;          /* 1.5 2^52: adding it rounds to integers */
  const double rate = -CUBIX_SCREEN_T * 1.4426950408889634074 * screen;
  for (int i = 0; i < n; i++) {
    const double exponent = rate * k[i], y = exponent < -126 ? -126 : exponent > 126 ? 126 : exponent;
    const double whole = (y + magic) - magic;
    const float r = (float)((y - whole) * 0.69314718055994530942);
    float p = 1 / 5040.f;
    p = p * r + 1 / 720.f;
    p = p * r + 1 / 120.f;
    p = p * r + 1 / 24.f;
    p = p * r + 1 / 6.f;
    p = p * r + 0.5f;
    p = p * r + 1;
    p = p * r + 1;
    const int32_t bits = ((int32_t)whole + 127) * (1 << 23);
    float power;
    memcpy(&power, &bits, sizeof power);
    through[i] = exponent < -126 ? 0 : p * power;
  }
}

static void dim_baseline(float *restrict through, const double *restrict k, double screen, int n)
{
  dim_body(through, k, screen, n);
}

#ifdef CUBIX_CPU_X86
CUBIX_AVX2 static void dim_avx2(float *restrict through, const double *restrict k, double screen, int n)
{
  dim_body(through, k, screen, n);
}

CUBIX_AVX512 static void dim_avx512(float *restrict through, const double *restrict k, double screen, int n)
{
  dim_body(through, k, screen, n);
}
#endif

void cubix_dim(cubix_real *through, const double *k, double screen, int n)
{
#ifdef CUBIX_CPU_X86
  const enum cubix_cpu cpu = cubix_cpu_best();
  if (cpu == CUBIX_CPU_AVX512) dim_avx512(through, k, screen, n);
  else if (cpu == CUBIX_CPU_AVX2) dim_avx2(through, k, screen, n);
  else
#endif
    dim_baseline(through, k, screen, n);
}

#endif
