/* code_sort.h -- sorting by places on Morton's curve, with all threads. */
#ifndef CUBIX_CODE_SORT_H
#define CUBIX_CODE_SORT_H

#include <stddef.h>
#include <stdint.h>

struct cubix_coded { uint64_t code; uint32_t index; };

/** Sort by code; what has one code stays in its order.  Local.
 *  @param item [n]  @param scratch [n]
 *  @param bits of the codes, at most
 *  Errors: CUBIX_ENOMEM. */
int cubix_code_sort(struct cubix_coded *item, struct cubix_coded *scratch, size_t n, int bits);

#endif
