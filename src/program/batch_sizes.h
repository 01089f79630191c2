/* batch_sizes.h -- rows of a batch that are much larger than the others. */
#ifndef CUBIX_BATCH_SIZES_H
#define CUBIX_BATCH_SIZES_H

#include <stddef.h>

#include "batch/rows.h"

/** Put the rows in front whose files hold more than a rank's share of the stars of all these rows: while one rank made
 * one of them the others would run out of work.  Files that cannot be read hold none.  Collective.
 *  @param[in,out] order [n] rows; apart from that they stay as they were
 *  @param[out] n_large  how many are in front; 0 on one rank */
int cubix_batch_large_first(size_t *order, size_t n, size_t *n_large, const struct cubix_rows *rows);

#endif
