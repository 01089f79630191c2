/* hash.c -- eight lanes of 64 bits, each multiplied and turned word by word, then two mixes of the
 * eight.
 *
 * A step  lane <- turn((lane ^ word) odd, 29)  can be undone for any word, and differs for any two
 * words.  So two inputs of one length that differ in one word of a lane leave different lanes, and
 * the first mix, which can be undone as well, tells eight lanes apart of which one differs.  Damage
 * of several words is found as a random function finds it.
 *
 * The eight products do not wait for each other: 8 bytes a cycle, more than memory delivers to a
 * core.  The vector instructions of most processors have no product of 64-bit words; scalar ones
 * are as fast. */
#include "base/hash.h"

#include <string.h>

enum { N_LANE = 8 };

static uint64_t turn(uint64_t x, int by) { return x << by | x >> (64 - by); }

static uint64_t finish(uint64_t x)                /* the finaliser of MurmurHash3 (A. Appleby, public domain) */
{
  x = (x ^ x >> 33) * 0xff51afd7ed558ccdull;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ull;
  return x ^ x >> 33;
}

static inline void take(uint64_t lane[N_LANE], const void *bytes)
{
  uint64_t word[N_LANE];
  memcpy(word, bytes, sizeof word);
  for (int l = 0; l < N_LANE; l++) lane[l] = turn((lane[l] ^ word[l]) * 0xd6e8feb86659fd93ull, 29);
}

void cubix_hash(const void *bytes, size_t n, uint64_t hash[2])
{
  enum { BLOCK = N_LANE * sizeof(uint64_t) };
  const unsigned char *at = bytes;
  unsigned char rest[BLOCK] = { 0 };
  uint64_t lane[N_LANE];
  size_t left = n;
  for (int l = 0; l < N_LANE; l++) lane[l] = 0x9e3779b97f4a7c15ull * (uint64_t)(l + 1);
  for (; left >= BLOCK; left -= BLOCK, at += BLOCK) take(lane, at);
  if (left) {
    memcpy(rest, at, left);
    take(lane, rest);
  }
  hash[0] = n ^ 0x243f6a8885a308d3ull;
  hash[1] = ~n;
  for (int l = 0; l < N_LANE; l++) {
    hash[0] = finish(hash[0] ^ lane[l]) + (uint64_t)l;
    hash[1] = finish(turn(hash[1], 23) + finish(lane[l] + 0x13198a2e03707344ull));
  }
}
