/* keyset.h -- a set of integers that is asked often. */
#ifndef CUBIX_KEYSET_H
#define CUBIX_KEYSET_H

#include <stddef.h>
#include <stdint.h>

struct cubix_keyset { size_t n, mask; int64_t *slot; unsigned char *used; };

/** Room for n keys.  Local.  @param[out] set to be freed */
int cubix_keyset_init(struct cubix_keyset *set, size_t n);
/** Add one of those n.  Local. */
void cubix_keyset_add(struct cubix_keyset *set, int64_t key);
/** Local.  @return 1 where it is in the set */
int cubix_keyset_has(const struct cubix_keyset *set, int64_t key);
void cubix_keyset_free(struct cubix_keyset *set);

#endif
