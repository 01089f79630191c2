/* gas_check.h -- inside mpi/particles: whether gas has what it is asked for, and numbers that make sense. */
#ifndef CUBIX_MPI_GAS_CHECK_H
#define CUBIX_MPI_GAS_CHECK_H

#include "params/params.h"
#include "simulation/simfile.h"
#include "simulation/slab.h"

/** Are the sizes of the cells' kernels used?  Local.  @return 1: by dust, or by lines that are deposited over them */
int cubix_mpi_gas_sized(const struct cubix_params *par);
/** Do the files have what Dust and Lines ask of gas?  On the rank that has opened them.
 *  Errors: CUBIX_EINPUT: the file, what it lacks, which datasets would do, and which parameter does without. */
int cubix_gas_columns_check(const struct cubix_simfile *sim, const char *file, const struct cubix_params *par);
/** Does gas in arrays?  And are all numbers possible?  Local.  Errors: CUBIX_EINPUT. */
int cubix_gas_given_check(const struct cubix_slab *gas, const struct cubix_params *par);
/** Has every cell a kernel?  Local.
 *  @param sim NULL: gas of the caller  @param number  of the first cell, among those of all ranks
 *  Errors: CUBIX_EINPUT: the cell, and what is 0. */
int cubix_gas_check(const struct cubix_slab *gas, const struct cubix_simfile *sim, int64_t number);
/** Put before a message who asked for gas.  Local.  @return status */
int cubix_mpi_gas_asked(int status, const struct cubix_params *par);

#endif
