/* share_lab.h -- a made-up galaxy that every rank knows, and of which it takes its part: what the
 * ranks find together must be, bit for bit, what one finds alone. */
#ifndef CUBIX_TESTS_SHARE_LAB_H
#define CUBIX_TESTS_SHARE_LAB_H

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cube/placement.h"
#include "mpi/cubix-mpi.h"

enum {
  N_X = 12,
  N_Y = 10,
  MARGIN = 1,
  N_SPAXEL = N_X * N_Y,
  GIANT = 17,
  N_Z = 3,
  N_AGE = 5,
  N_ROW = N_Z * N_AGE,
  N_LAMBDA = 200
};
enum { SHARES, LAST_HAS_ALL, N_SPLIT };
static const char *const split_name[] = { "shared out", "all on the last rank" };

/* Spaxel of star i: half of them in one, none in every fifth. */
static inline size_t spaxel_of(uint32_t i, size_t n_spaxel)
{
  size_t s = (size_t)(uniform_of(i, 0) * (double)n_spaxel);
  if (uniform_of(i, 1) < 0.5) return GIANT;
  return s % 5 ? s : s + 1;
}

static inline struct cubix_star star_of(uint32_t i, int n_z, int n_age)
{
  double v = 2 * uniform_of(i, 3) - 1;
  struct cubix_star star = {
    pow(10, 3 + 3 * uniform_of(i, 2)),
    180 * v + (uniform_of(i, 4) < 0.02 ? 900 * v : 0),
    uniform_of(i, 5),
    uniform_of(i, 6),
    (int16_t)(uniform_of(i, 7) * (n_z - 1)),
    (int16_t)(uniform_of(i, 8) * (n_age - 1)),
    0
  };
  return star;
}

/* Stars first .. end - 1, by spaxel. */
static inline struct cubix_placement *place(uint32_t first, uint32_t end, size_t n_spaxel, int n_z, int n_age)
{
  struct cubix_placement *p = NULL;
  if (cubix_placement_init(&p, n_spaxel, end - first)) abort();
  size_t *next = calloc(n_spaxel + 1, sizeof *next);
  for (uint32_t i = first; i < end; i++) p->start[spaxel_of(i, n_spaxel) + 1]++;
  for (size_t s = 0; s < n_spaxel; s++) p->start[s + 1] += p->start[s];
  memcpy(next, p->start, sizeof *next * (n_spaxel + 1));
  for (uint32_t i = first; i < end; i++) p->star[next[spaxel_of(i, n_spaxel)]++] = star_of(i, n_z, n_age);
  free(next);
  return p;
}

/* This rank's part of n stars. */
static inline struct cubix_placement *my_part(uint32_t n, int split, size_t n_spaxel, int n_z, int n_age)
{
  uint32_t me = (uint32_t)cubix_mpi_rank(), size = (uint32_t)cubix_mpi_size();
  uint32_t first = (uint32_t)((uint64_t)n * me / size), end = (uint32_t)((uint64_t)n * (me + 1) / size);
  if (split == LAST_HAS_ALL) {
    first = 0;
    end = me == size - 1 ? n : 0;
  }
  return place(first, end, n_spaxel, n_z, n_age);
}

static inline uint64_t hash(uint64_t h, const void *data, size_t n)
{
  const unsigned char *byte = data;
  for (size_t i = 0; i < n; i++) h = (h ^ byte[i]) * 0x100000001b3u;
  return h;
}

/* What must not depend on the number of ranks: rank 0 says it, and test_share.py compares. */
static inline void print_once(const char *what, int n, uint64_t value)
{
  if (cubix_mpi_rank() == 0) printf("same: %s %d %016llx\n", what, n, (unsigned long long)value);
}

#endif
