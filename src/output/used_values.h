/* used_values.h -- STEM-usedvalues: what was asked for, and what it came to. */
#ifndef CUBIX_USED_VALUES_H
#define CUBIX_USED_VALUES_H

#include <stdio.h>

/** Every parameter, and behind those that left something to be found what that was: centre, distance, channels ...
 * Local.  @param host the struct cubix_result */
int cubix_used_values_print(FILE *out, const void *host);

#endif
