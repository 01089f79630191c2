/* gradient_write.h -- what Mode gradient tells beside its cube. */
#ifndef CUBIX_MPI_GRADIENT_WRITE_H
#define CUBIX_MPI_GRADIENT_WRITE_H

#include "mpi/pipeline/chain.h"

/** Before any work: that the files beside the first OutputFile may be written.  Local (rank 0).
 * Errors: CUBIX_EUSAGE, CUBIX_EOUTPUT. */
int cubix_mpi_gradient_check(const struct cubix_params *par);
/** Before the work, that the disks have room for STEM-gradient.hdf5 and the outputs.  Collective.
 * @param active  what the gradient is taken of  Errors: CUBIX_EOUTPUT. */
int cubix_mpi_gradient_room(const struct cubix_chain *chain, const struct cubix_params *par,
                            const unsigned char active[CUBIX_N_LEAF]);
/** STEM-gradient.txt: the objective and its derivatives by GLOBAL leaves; STEM-gradient.hdf5, where
 * there are others: /Stars/<Leaf>, in the order of the
 *  simulation file, and /Luminosity.  Collective.  @param voxels  compared  @param value of the
 *  objective  @param bar  its derivatives by the leaves that are there Errors: CUBIX_EOUTPUT, and
 *  nothing is left of the file. */
int cubix_mpi_gradient_write(const struct cubix_chain *chain, const struct cubix_params *par, double voxels,
                             double value, const struct cubix_leaves *bar);

#endif
