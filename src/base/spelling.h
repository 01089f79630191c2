/* spelling.h -- names as people write them: the same name in another spelling, a typing error;
 * paths. */
#ifndef CUBIX_SPELLING_H
#define CUBIX_SPELLING_H

#include <stddef.h>

/** 1 if two names differ in upper and lower case, '-', '_' and spaces only.  Local.
 *  @param n_a, n_b  how many letters of a and b count */
int cubix_name_same(const char *a, size_t n_a, const char *b, size_t n_b);
/** How many letters must be inserted, removed or changed to turn a into b, ignoring case; the first
 * 63 of each count.  Local. */
int cubix_spelling_distance(const char *a, const char *b);
/** 1 if a name begins with these letters, whatever their case.  Local. */
int cubix_spelling_begins(const char *name, const char *begin);
/** Length of the folder of a path, including the last '/'; 0: there is none.  Local. */
int cubix_name_folder(const char *path);

#endif
