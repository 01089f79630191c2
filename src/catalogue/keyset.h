/* keyset.h -- a set of integers that is asked often, and which of them it was. */
#ifndef CUBIX_KEYSET_H
#define CUBIX_KEYSET_H

#include <stddef.h>
#include <stdint.h>

struct cubix_keyset { size_t mask; int64_t *slot, *value; };

/** Room for n keys.  Local.  @param[out] set to be freed */
int cubix_keyset_init(struct cubix_keyset *set, size_t n);
/** Add one of those n, with a value from 0 on; of a key that is there already it replaces the value.  Local. */
void cubix_keyset_add(struct cubix_keyset *set, int64_t key, int64_t value);
/** Local.  @return its value; -1 where it is not in the set */
int64_t cubix_keyset_find(const struct cubix_keyset *set, int64_t key);
void cubix_keyset_free(struct cubix_keyset *set);

#endif
