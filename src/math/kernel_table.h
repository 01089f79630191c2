/* kernel_table.h -- the table of a kernel of SPH that is seen along the line of sight
 * (physics/kernel.h). */
#ifndef CUBIX_KERNEL_TABLE_H
#define CUBIX_KERNEL_TABLE_H

#include "physics/tables.h"

/** Tabulate the light of a kernel up to a corner.  Local.
 *  @param[out] table [CUBIX_KERNEL_CELL + 1][CUBIX_KERNEL_CELL + 1][4] as cubix_kernel_corner wants
 *    it, owned by the caller; NULL for a deposit that is no kernel */
int cubix_kernel_table(double **table, enum cubix_deposit_kind kind);

#endif
