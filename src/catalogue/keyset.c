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
  CUBIX_ALLOC(set->value, size);
  for (size_t i = 0; i < size; i++) set->value[i] = -1;
done:
  return status;
}

static size_t place(const struct cubix_keyset *set, int64_t key)
{
  size_t at = (size_t)((uint64_t)key * 0x9e3779b97f4a7c15u >> 20) & set->mask;
  while (set->value[at] >= 0 && set->slot[at] != key) at = (at + 1) & set->mask;
  return at;
}

void cubix_keyset_add(struct cubix_keyset *set, int64_t key, int64_t value)
{
  const size_t at = place(set, key);
  set->slot[at] = key;
  set->value[at] = value;
}

int64_t cubix_keyset_find(const struct cubix_keyset *set, int64_t key) { return set->value[place(set, key)]; }

void cubix_keyset_free(struct cubix_keyset *set)
{
  free(set->slot);
  free(set->value);
  *set = (struct cubix_keyset){ 0 };
}
