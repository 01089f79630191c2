/* hash.h -- a 128-bit hash: names for prepared templates, and checksums of what lies in files. */
#ifndef CUBIX_HASH_H
#define CUBIX_HASH_H

#include <stddef.h>
#include <stdint.h>

/** A hash that is the same on every machine of the same byte order; not for secrets.  Damage within
 * 8 bytes, or within 64 bytes that begin at a multiple of 64, always changes it; other damage goes
 * unnoticed with a probability of 2^-64 or less.  More than 10 GB/s on a core.  Local. */
void cubix_hash(const void *bytes, size_t n, uint64_t hash[2]);

#endif
