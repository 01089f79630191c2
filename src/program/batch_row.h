/* batch_row.h -- the cube of one row of a batch. */
#ifndef CUBIX_BATCH_ROW_H
#define CUBIX_BATCH_ROW_H

#include "base/log.h"
#include "mpi/pipeline/kept.h"
#include "params/params.h"

/** Make a cube and write its files, as cubix does with these parameters, but for STEM-timings.txt.
 * Where Engine auto has chosen an engine, STEM-usedvalues names it.  Collective over the group in use.
 *  @param[in,out] kept of the rows before, for those after
 *  @param[out] warnings of this row */
int cubix_batch_row(const struct cubix_params *par, struct cubix_kept *kept, struct cubix_warnings *warnings);

#endif
