/* keyset.c -- open addressing in a table that is at most half full. */
#include "catalogue/keyset.h"

#include <stdlib.h>

#include "base/error.h"

int cubix_keyset_init(struct cubix_keyset *set, size_t n)
{
  int status = CUBIX_OK;
  size_t size = 16;
  while (size < 2 * n) size *= 2;
  *set = (struct cubix_keyset){ .mask = size - 1 };
  CUBIX_ALLOC(set->slot, size);
  CUBIX_ALLOC(set->used, size);
done:
  return status;
}

static size_t place(const struct cubix_keyset *set, int64_t key)
{
  size_t at = (size_t)((uint64_t)key * 0x9e3779b97f4a7c15u >> 20) & set->mask;
  while (set->used[at] && set->slot[at] != key) at = (at + 1) & set->mask;
  return at;
}

void cubix_keyset_add(struct cubix_keyset *set, int64_t key)
{
  const size_t at = place(set, key);
  set->n += !set->used[at];
  set->slot[at] = key;
  set->used[at] = 1;
}

int cubix_keyset_has(const struct cubix_keyset *set, int64_t key) { return set->used[place(set, key)]; }

void cubix_keyset_free(struct cubix_keyset *set)
{
  free(set->slot);
  free(set->used);
  *set = (struct cubix_keyset){ 0 };
}
