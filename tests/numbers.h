/* numbers.h -- random numbers for tests: a sequence that every case begins anew (check.h), and numbers
 * of a star or a voxel that are the same whoever asks for them, and when.  Not those of src/physics/random.h:
 * a test owes nothing to what it tests. */
#ifndef CUBIX_TESTS_NUMBERS_H
#define CUBIX_TESTS_NUMBERS_H

#include <stdint.h>

static uint64_t numbers_state = 88172645463325252u;

static inline void numbers_restart(void) { numbers_state = 88172645463325252u; }

/** The next number, 0 <= x < 1 (Marsaglia's xorshift64). */
static inline double uniform(void)
{
  numbers_state ^= numbers_state << 13;
  numbers_state ^= numbers_state >> 7;
  numbers_state ^= numbers_state << 17;
  return (double)(numbers_state >> 11) * 0x1p-53;
}

/** The next number, low <= x < high. */
static inline double draw(double low, double high) { return low + (high - low) * uniform(); }

/** Number `what` of thing i, 0 <= x < 1 (the end of splitmix64, twice). */
static inline double uniform_of(uint64_t i, uint64_t what)
{
  uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u;
  for (int round = 0; round < 2; round++) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x = (x ^ x >> 31) + (what + 1) * 0xd1b54a32d192ed03u;
  }
  x ^= x >> 31;
  x *= 0x9e3779b97f4a7c15u;
  return (double)(x >> 11) * 0x1p-53;
}

#endif
