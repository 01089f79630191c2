/* noise_draw.c -- the variance of a voxel, and the number that is drawn from it, many voxels at a time.
 *
 * doc/math.md section 10 says what is drawn.  A cube has tens of millions of voxels and each takes
 * ten rounds of Philox, a logarithm, a root and a cosine, so these are written as loops over BLOCK
 * voxels that a compiler turns into vector code (AVX2 and AVX-512 are chosen when the program
 * runs): no library call and no branch.
 *   log u = e ln 2 + 2 atanh s, s = (m-1)/(m+1), u = m 2^e with m in 1/sqrt(2) .. sqrt(2): s^2 <
 *   0.0295, and twelve terms of the series do; cos 2 pi u: u less the nearest quarter leaves an
 *   angle within pi/4, whose cosine or sine, by their series, is the answer but for its sign.
 * Both are good to some 2e-16 of the largest value; the number drawn is a float32's last bit away
 * from what libm would give at worst. Voxels of few photons take the branch of their own, one by
 * one.  A voxel's number is the same whichever others are drawn with it. */
#include "observation/noise.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "physics/constants.h"
#include "physics/random.h"

#define INLINE static inline __attribute__((always_inline))

enum { BLOCK = 32 };
static const double poisson_limit = 50.;    /* electrons from which a Gaussian will do */

/* Electrons of the galaxy; a FITS kernel with negative values may make negative flux, which has no photons. */
INLINE double signal_of(double electrons, double flux) { return flux > 0. ? flux * electrons : 0.; }

void cubix_noise_variances(const struct cubix_noise *noise, int k, size_t n, const double *flux, double *variance)
{
  if (noise->kind == CUBIX_Noise_none) {
    memset(variance, 0, n * sizeof *variance);
    return;
  }
  const double e = noise->electrons[k], rest = noise->sky[k] * noise->sky_factor + noise->detector[k],
               per_e2 = 1. / (e * e);
  for (size_t i = 0; i < n; i++) variance[i] = (signal_of(e, flux[i]) + rest) * per_e2;
}

double cubix_noise_variance(const struct cubix_noise *noise, int k, double flux)
{
  double variance;
  cubix_noise_variances(noise, k, 1, &flux, &variance);
  return variance;
}

/* ---- Gaussians ------------------------------------------------------------------------------- */
/* Two words to a uniform in (0, 1), as cubix_uniform, without the conversion of a 64-bit integer
 * that few processors have. */
INLINE double uniform_of(uint32_t hi, uint32_t lo)
{
  const double high = (double)(int32_t)(hi ^ 0x80000000u) + 2147483648., low = (double)(int32_t)(lo >> 11);
  return (high * 2097152. + low + 0.5) * (1. / 9007199254740992.);
}

INLINE double log_of(double u)
{
  /* 2^52; ln 2 with 20 zero bits, and the rest */
  static const double magic = 4503599627370496., ln2_hi = 0x1.62e42fee00000p-1, ln2_lo = 0x1.a39ef35793c76p-33;
  uint64_t bits, exponent;
  double m, e;
  memcpy(&bits, &u, sizeof bits);
  bits += 0x3ff0000000000000u - 0x3fe6a09e667f3bcdu;           /* the exponent changes at sqrt(1/2) */
  exponent = (bits >> 52) | 0x4330000000000000u;               /* 2^52 + biased exponent, as a double */
  bits = (bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu;
  memcpy(&e, &exponent, sizeof e);
  memcpy(&m, &bits, sizeof m);
  e -= magic + 1023.;
  const double s = (m - 1.) / (m + 1.), z = s * s;
  const double sum =
      ((((((((((z * (1. / 23.) + 1. / 21.) * z + 1. / 19.) * z + 1. / 17.) * z + 1. / 15.) * z + 1. / 13.) * z +
           1. / 11.) *
              z +
          1. / 9.) *
             z +
         1. / 7.) *
            z +
        1. / 5.) *
           z +
       1. / 3.) *
      z;
  return e * ln2_hi + (2. * s + (2. * s * sum + e * ln2_lo));
}

INLINE double cos_turns(double u)
{
  static const double magic = 6755399441055744.;               /* 1.5 2^52: adding it rounds to whole numbers */
  const double shifted = 4. * u + magic, quarter = shifted - magic, x = (u - 0.25 * quarter) * (2. * CUBIX_PI),
               z = x * x;
  uint64_t bits, value, other;
  memcpy(&bits, &shifted, sizeof bits);
  const double c =
      1. + z * (-1. / 2 +
                z * (1. / 24 +
                     z * (-1. / 720 +
                          z * (1. / 40320 + z * (-1. / 3628800 +
                                                 z * (1. / 479001600 + z * (-1. / 87178291200. +
                                                                            z * (1. / 20922789888000. -
                                                                                 z * (1. / 6402373705728000.)))))))));
  const double s =
      x +
      x * z *
          (-1. / 6 +
           z * (1. / 120 +
                z * (-1. / 5040 + z * (1. / 362880 + z * (-1. / 39916800 + z * (1. / 6227020800. +
                                                                                z * (-1. / 1307674368000. +
                                                                                     z * (1. / 355687428096000.))))))));
  memcpy(&value, &c, sizeof value);
  memcpy(&other, &s, sizeof other);
  value ^= (value ^ other) & (0 - (bits & 1));                 /* quarters 0 .. 4: c, -s, -c, s, c */
  value ^= ((bits + 1) & 2) << 62;
  double result;
  memcpy(&result, &value, sizeof result);
  return result;
}

/* What all draws of a channel share, in electrons. */
struct channel { double electrons, sky, rest; uint32_t seed, realisation; };

/* ---- few photons ----------------------------------------------------------------------------- */
/* The smallest n with P(N <= n) >= u. */
static double poisson(double mean, double u)
{
  double p = exp(-mean), sum = p;
  int n = 0;
  while (sum < u && n < 500) {
    n++;
    p *= mean / n;
    sum += p;
  }
  return n;
}

/* Counted photons less their mean, and a Gaussian of variance c->rest from draw 1. */
static double draw_few(double photons, double u, const struct channel *c, uint64_t voxel)
{
  const uint32_t key[2] = { c->seed, 0 }, counter[4] = { (uint32_t)voxel, (uint32_t)(voxel >> 32), 1, c->realisation };
  uint32_t word[4];
  double g[2];
  cubix_philox(word, counter, key);
  cubix_gauss_pair(g, cubix_uniform(word[0], word[1]), cubix_uniform(word[2], word[3]));
  return poisson(photons, u) - photons + g[0] * sqrt(c->rest);
}

/* ---- a block --------------------------------------------------------------------------------- */
/* n <= BLOCK voxels from `voxel` on. */
INLINE void draw_body(const struct channel *c, size_t n, const double *flux, uint64_t voxel, double *draw)
{
  uint32_t word[4][BLOCK];
  double uniform[BLOCK], turn[BLOCK], g[BLOCK], photons[BLOCK] = { 0. };
  const uint32_t key[2] = { c->seed, 0 };
  int few = 0;
  for (int i = 0; i < BLOCK; i++) {
    const uint64_t v = voxel + (uint64_t)i;
    const uint32_t counter[4] = { (uint32_t)v, (uint32_t)(v >> 32), 0, c->realisation };
    uint32_t out[4];
    cubix_philox(out, counter, key);
    word[0][i] = out[0];
    word[1][i] = out[1];
    word[2][i] = out[2];
    word[3][i] = out[3];
  }
  for (size_t i = 0; i < n; i++) photons[i] = signal_of(c->electrons, flux[i]) + c->sky;
  for (int i = 0; i < BLOCK; i++) uniform[i] = uniform_of(word[0][i], word[1][i]);
  for (int i = 0; i < BLOCK; i++) turn[i] = uniform_of(word[2][i], word[3][i]);
  for (int i = 0; i < BLOCK; i++)
    g[i] = sqrt(-2. * log_of(uniform[i]) * (photons[i] + c->rest)) * cos_turns(turn[i]) / c->electrons;
  for (size_t i = 0; i < n; i++) few |= photons[i] < poisson_limit;
  memcpy(draw, g, n * sizeof *draw);
  for (size_t i = 0; few && i < n; i++)
    if (photons[i] < poisson_limit)
      draw[i] = draw_few(photons[i], uniform[i], c, voxel + i) / c->electrons;
}

typedef void drawer(const struct channel *, size_t, const double *, uint64_t, double *);

static void draw_baseline(const struct channel *c, size_t n, const double *flux, uint64_t voxel, double *draw)
{
  draw_body(c, n, flux, voxel, draw);
}

#ifdef CUBIX_CPU_X86
CUBIX_AVX2 static void draw_avx2(const struct channel *c, size_t n, const double *flux, uint64_t voxel, double *draw)
{
  draw_body(c, n, flux, voxel, draw);
}

CUBIX_AVX512 static void draw_avx512(const struct channel *c, size_t n, const double *flux, uint64_t voxel,
                                     double *draw)
{
  draw_body(c, n, flux, voxel, draw);
}
#endif

static drawer *best(void)
{
#ifdef CUBIX_CPU_X86
  enum cubix_cpu cpu = cubix_cpu_best();
  if (cpu == CUBIX_CPU_AVX512) return draw_avx512;
  if (cpu == CUBIX_CPU_AVX2) return draw_avx2;
#endif
  return draw_baseline;
}

void cubix_noise_draws(const struct cubix_noise *noise, int k, size_t n, const double *flux, uint64_t voxel,
                       double *draw)
{
  if (noise->kind == CUBIX_Noise_none) {
    memset(draw, 0, n * sizeof *draw);
    return;
  }
  const struct channel c = { noise->electrons[k], noise->sky[k],
                             noise->sky[k] * (noise->sky_factor - 1.) + noise->detector[k], noise->seed,
                             noise->realisation };
  drawer *draw_some = best();
  for (size_t i = 0; i < n; i += BLOCK) draw_some(&c, n - i < BLOCK ? n - i : BLOCK, flux + i, voxel + i, draw + i);
}

double cubix_noise_draw(const struct cubix_noise *noise, int k, double flux, uint64_t voxel)
{
  double draw;
  cubix_noise_draws(noise, k, 1, &flux, voxel, &draw);
  return draw;
}
