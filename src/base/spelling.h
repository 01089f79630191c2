/* spelling.h -- names as people write them: the same name in another spelling, a slip of the pen; paths. */
#ifndef CUBIX_SPELLING_H
#define CUBIX_SPELLING_H

#include <stddef.h>

/** 1 where two names differ in upper and lower case, '-', '_' and spaces only.  Local.
 *  @param n_a, n_b  how many letters of a and b count */
int cubix_name_same(const char *a, size_t n_a, const char *b, size_t n_b);
/** How many letters must be put in, taken out or changed to make b of a, whatever their case; the
 * first 63 of each count.  Local. */
int cubix_spelling_distance(const char *a, const char *b);
/** 1 where a name begins with these letters, whatever their case.  Local. */
int cubix_spelling_begins(const char *name, const char *begin);
/** How many letters of a path are its folder, the last '/' included; 0: there is none.  Local. */
int cubix_name_folder(const char *path);

#endif
