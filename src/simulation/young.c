/* young.c -- a parent of mass m makes n = max(1, round(m/M)) particles of m/n.
 *
 * Their ages are u 0.1 Gyr, with u from Philox, whose counter is the parent's number among those of all ranks
 * and the particle's among those of its parent: the same on any number of ranks, threads and chunks.  All
 * else they have of the parent. */
#include "simulation/young.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "physics/random.h"

enum { BLOCK = 4096 };            /* particles that a thread makes at a time */
static const uint32_t key = 0x594f554e; /* "YOUN" */

int cubix_young_init(struct cubix_young **out, const struct cubix_params *par, int has_length)
{
  int status = CUBIX_OK;
  const unsigned parts = CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION | (has_length ? CUBIX_SLAB_LENGTH : 0);
  struct cubix_young *young = NULL;
  CUBIX_ALLOC(young, 1);
  young->mass = par->ResampleYoung;
  young->seed = (uint32_t)par->Seed;
  CUBIX_ALLOC(young->parent, 1);
  CUBIX_TRY(cubix_slab_reserve(young->parent, 0, parts));
  *out = young;
  young = NULL;
done:
  cubix_young_free(young);
  return status;
}

/* These of a slab are parents, too. */
static int add(struct cubix_young *young, const struct cubix_slab *slab, const size_t *row, size_t n)
{
  int status = CUBIX_OK;
  const size_t at = young->parent->n;
  CUBIX_TRY(cubix_slab_grow(young->parent, at + n));
  cubix_slab_put(young->parent, at, slab, row, n);
done:
  return status;
}

int cubix_young_take(struct cubix_young *young, struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  unsigned char *keep = NULL;
  size_t *row = NULL, n = 0;
  for (size_t i = 0; i < slab->n; i++) n += slab->age[i] < CUBIX_YOUNG_GYR;
  if (!n) goto done;
  CUBIX_CHECK((keep = cubix_reserve(slab->n, 1)), CUBIX_ENOMEM, "cannot allocate %zu bytes", slab->n);
  CUBIX_ALLOC(row, n);
  n = 0;
  for (size_t i = 0; i < slab->n; i++) {
    keep[i] = !(slab->age[i] < CUBIX_YOUNG_GYR);
    if (!keep[i]) row[n++] = i;
  }
  if (!young->start) {
    young->n_removed += (int64_t)n;
    for (size_t q = 0; q < n; q++) young->mass_removed += slab->mass_formed[row[q]];
    if (!young->from_gas) CUBIX_TRY(add(young, slab, row, n));
  }
  cubix_slab_keep(slab, keep);
done:
  free(keep);
  free(row);
  return status;
}

int cubix_young_add_gas(struct cubix_young *young, const struct cubix_slab *gas)
{
  int status = CUBIX_OK;
  size_t *row = NULL, n = 0, at = young->parent->n;
  struct cubix_slab *parent = young->parent;
  CUBIX_ALLOC(row, gas->n + 1);
  for (size_t i = 0; i < gas->n; i++)
    if (gas->sfr[i] > 0) row[n++] = i;
  CUBIX_TRY(add(young, gas, row, n));
  for (size_t q = 0; q < n; q++) {
    parent->mass_formed[at + q] = parent->mass_now[at + q] = gas->sfr[row[q]] * (1e9 * CUBIX_YOUNG_GYR);
    parent->age[at + q] = 0;
  }
done:
  free(row);
  return status;
}

static double number_of(const struct cubix_young *young, size_t parent)
{
  return fmax(1, round(young->parent->mass_formed[parent] / young->mass));
}

double cubix_young_number(const struct cubix_young *young)
{
  double n = 0;
  for (size_t i = 0; i < young->parent->n; i++) n += number_of(young, i);
  return n;
}

int cubix_young_count(struct cubix_young *young)
{
  int status = CUBIX_OK;
  const size_t n = young->parent->n;
  CUBIX_ALLOC(young->start, n + 1);
  for (size_t i = 0; i < n; i++) young->start[i + 1] = young->start[i] + (size_t)number_of(young, i);
done:
  return status;
}

/* The parent of a particle. */
static size_t parent_of(const struct cubix_young *young, size_t particle)
{
  size_t low = 0, high = young->parent->n;
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    if (young->start[middle] <= particle) low = middle;
    else high = middle;
  }
  return low;
}

/* Age of number j of a parent's particles [Gyr]. */
static double draw_age(const struct cubix_young *young, uint64_t parent, uint64_t j)
{
  const uint32_t counter[4] = { (uint32_t)parent, (uint32_t)(parent >> 32), (uint32_t)j, (uint32_t)(j >> 32) };
  const uint32_t keys[2] = { young->seed, key };
  uint32_t word[4];
  cubix_philox(word, counter, keys);
  return CUBIX_YOUNG_GYR * cubix_uniform(word[0], word[1]);
}

void cubix_young_make(struct cubix_slab *slab, size_t at, const struct cubix_young *young, size_t from, size_t n)
{
#pragma omp parallel for schedule(static)
  for (size_t b = 0; b < n; b += BLOCK) {
    const size_t now = n - b < BLOCK ? n - b : BLOCK;
    size_t row[BLOCK], p = parent_of(young, from + b);
    for (size_t q = 0; q < now; q++) {
      while (from + b + q >= young->start[p + 1]) p++;
      row[q] = p;
    }
    cubix_slab_put(slab, at + b, young->parent, row, now);
    for (size_t q = 0; q < now; q++) {
      const size_t i = at + b + q, first = young->start[row[q]];
      const double share = (double)(young->start[row[q] + 1] - first);
      slab->mass_formed[i] /= share;
      slab->mass_now[i] /= share;
      slab->age[i] = draw_age(young, young->first + row[q], from + b + q - first);
    }
  }
}

double cubix_young_bytes(const struct cubix_young *young)
{
  const unsigned parts = CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION | CUBIX_SLAB_LENGTH;
  return young ? cubix_slab_bytes((double)young->parent->n, parts) + 8. * (double)young->parent->n : 0;
}

void cubix_young_free(struct cubix_young *young)
{
  if (!young) return;
  cubix_slab_free(young->parent);
  free(young->start);
  free(young);
}
