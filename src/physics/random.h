/* physics/random.h -- counter-based random numbers: the same for any number of ranks, threads and
 * devices.
 *
 * Philox4x32-10 turns (key, counter) into four 32-bit words; nothing is stored between calls.
 * Source: Salmon, Moraes, Dror & Shaw 2011, SC'11, "Parallel random numbers: as easy as 1, 2, 3". */
#ifndef CUBIX_PHYSICS_RANDOM_H
#define CUBIX_PHYSICS_RANDOM_H

#include "physics/hd.h"

/** Four random words.  @param[in] counter [4]  @param[in] key [2]  @param[out] out [4] */
CUBIX_HD void cubix_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** Two words -> uniform in (0, 1), 53 bits, never 0 or 1. */
CUBIX_HD double cubix_uniform(uint32_t hi, uint32_t lo)
{
  return ((double)(((uint64_t)hi << 21) ^ (lo >> 11)) + 0.5) * (1. / 9007199254740992.);
}

/** Two independent standard normal numbers from two uniforms (Box & Muller 1958). */
CUBIX_HD void cubix_gauss_pair(double g[2], double u1, double u2)
{
  double r = sqrt(-2. * log(u1)), phi = 6.283185307179586 * u2;
  g[0] = r * cos(phi);
  g[1] = r * sin(phi);
}

#endif
