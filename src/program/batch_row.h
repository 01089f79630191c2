/* batch_row.h -- the cube of one row of a batch. */
#ifndef CUBIX_BATCH_ROW_H
#define CUBIX_BATCH_ROW_H

#include "base/log.h"
#include "batch/stack.h"
#include "mpi/pipeline/kept.h"
#include "params/params.h"

enum cubix_destination { CUBIX_TO_FILES, CUBIX_TO_STACK, CUBIX_TO_DRAFT, CUBIX_TO_NOTHING };

/* Where a row's cube goes: to the files of its parameters; to its place in a stack; into the draft of one, as the
 * example of group g; or nowhere, so that only the templates it needs are prepared. */
struct cubix_batch_sink {
  enum cubix_destination to;
  const struct cubix_stack *stack;
  size_t row;
  struct cubix_stack_draft *draft; /* of rank 0 */
  int g;
};

/** Make a cube and write it.  Files are those that cubix writes with these parameters, but for STEM-timings.txt; where
 * Engine auto has chosen an engine, STEM-usedvalues names it.  Collective over the group in use.
 *  @param[in,out] kept of the rows before, for those after
 *  @param[out] warnings of this row */
int cubix_batch_row(const struct cubix_params *par, struct cubix_kept *kept, const struct cubix_batch_sink *sink,
                    struct cubix_warnings *warnings);

#endif
