/* gradient_write.h -- the files that Mode gradient writes beside its cube. */
#ifndef CUBIX_MPI_GRADIENT_WRITE_H
#define CUBIX_MPI_GRADIENT_WRITE_H

#include "mpi/pipeline/chain.h"

/** Check before the run that the files beside the first OutputFile may be written.  Local (rank 0).
 *  Errors: CUBIX_EUSAGE, CUBIX_EOUTPUT. */
int cubix_mpi_gradient_check(const struct cubix_params *par);
/** Check before the run that the disks have room for STEM-gradient.hdf5 and the outputs.
 * Collective.
 *  @param active leaves of the gradient
 *  Errors: CUBIX_EOUTPUT. */
int cubix_mpi_gradient_room(const struct cubix_chain *chain, const struct cubix_params *par,
                            const unsigned char active[CUBIX_N_LEAF]);
/** Write STEM-gradient.txt with the objective and its derivatives with respect to GLOBAL leaves,
 * and, if there are others, STEM-gradient.hdf5 with /Stars/<Leaf> in the order of the simulation
 * file and /Luminosity.  Collective.
 *  @param voxels number compared
 *  @param value of the objective
 *  @param bar its derivatives with respect to the leaves present
 *  Errors: CUBIX_EOUTPUT, and nothing is left of the file. */
int cubix_mpi_gradient_write(const struct cubix_chain *chain, const struct cubix_params *par, double voxels,
                             double value, const struct cubix_leaves *bar);

#endif
