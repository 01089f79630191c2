/* fit.h -- Mode fit: the values of Parameters that bring the model nearest to the observed cube. */
#ifndef CUBIX_MPI_FIT_H
#define CUBIX_MPI_FIT_H

#include "fit/observed.h"
#include "mpi/pipeline/chain.h"

/** Before any work: that the files beside the first OutputFile may be written, and those for
 * FitResume are there.  Local (rank 0).  Errors: CUBIX_EUSAGE, CUBIX_EOUTPUT. */
int cubix_mpi_fit_check(const struct cubix_params *par);
/** Before the work, that the disks have room for STEM-stars.hdf5, two restart files (the older one
 * stays until the newer is whole) and the outputs.  Collective.
 *  Errors: CUBIX_EOUTPUT. */
int cubix_mpi_fit_room(const struct cubix_chain *chain, const struct cubix_params *par,
                       const unsigned char varied[CUBIX_N_LEAF]);
/** Fit, from the values in use, and leave the chain at those where the optimiser ended, after a
 * forward run there.  Collective.
 *  Writes STEM-convergence.txt, STEM-fit.txt, with stars among the varied STEM-stars.hdf5, and
 *  restart files. @param varied [CUBIX_N_LEAF] the active leaves that are to vary @param[out] end
 *  "converged: ...", or "not converged: ..."; borrowed for good */
int cubix_mpi_fit(struct cubix_chain *chain, const struct cubix_params *par, const struct cubix_observed *obs,
                  const unsigned char varied[CUBIX_N_LEAF], const char **end);

#endif
