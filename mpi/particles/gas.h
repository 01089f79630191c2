/* gas.h -- the gas of the simulation's files. */
#ifndef CUBIX_MPI_GAS_H
#define CUBIX_MPI_GAS_H

#include "params/params.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

/** This rank's share of the gas that InputFile holds, in physical units and the file's frame.  Collective.
 *  @param about  a periodic box is unwrapped about this point [kpc], the galaxy's centre; NULL: Centre, what
 *  the file states, or the first particle
 *  @param[out] gas owned by the caller; columns that the files do not have, and that nothing there gives,
 *  are NULL
 *  Errors: CUBIX_EINPUT: no gas; anything wrong with the files. */
int cubix_mpi_gas_read(struct cubix_slab **gas, const struct cubix_params *par, const double *about);

#ifdef __cplusplus
}
#endif
#endif
