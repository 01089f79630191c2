/* inflate.h -- what zlib has deflated, by the fastest library that configure has found. */
#ifndef CUBIX_INFLATE_H
#define CUBIX_INFLATE_H

#include <stddef.h>

/* What one thread inflates with. */
struct cubix_inflater;

/** Local.  @return owned by the caller; NULL where there is no memory */
struct cubix_inflater *cubix_inflater_open(void);
/** Inflate a whole stream of zlib.  Local; by one thread at a time.
 *  @param[in,out] n  room for bytes; how many there are
 *  @return NULL, or what is wrong with it */
const char *cubix_inflater_run(struct cubix_inflater *inflater, unsigned char *to, size_t *n, const unsigned char *from,
                               size_t n_from);
/** NULL is allowed.  Local. */
void cubix_inflater_close(struct cubix_inflater *inflater);

#endif
