/* fit.h -- Mode fit: the values of Parameters with which the model comes closest to the observed
 * cube. */
#ifndef CUBIX_MPI_FIT_H
#define CUBIX_MPI_FIT_H

#include "fit/observed.h"
#include "mpi/pipeline/chain.h"

/** Check before the run that the files beside the first OutputFile may be written, and that those
 * for FitResume exist.  Local (rank 0).
 *  Errors: CUBIX_EUSAGE, CUBIX_EOUTPUT, CUBIX_EINPUT. */
int cubix_mpi_fit_check(const struct cubix_params *par);
/** Check before the run that the disks have room for STEM-stars.hdf5, two restart files (the older
 * one stays until the newer is complete) and the outputs.  Collective.
 *  Errors: CUBIX_EOUTPUT. */
int cubix_mpi_fit_room(const struct cubix_chain *chain, const struct cubix_params *par,
                       const unsigned char varied[CUBIX_N_LEAF]);
/** Fit, starting from the values in use, and leave the chain at those where the optimiser ended,
 * after a forward run there.  Writes STEM-convergence.txt, STEM-fit.txt, if stars are varied
 * STEM-stars.hdf5, and restart files.  Collective.
 *  @param varied [CUBIX_N_LEAF] the active leaves to vary
 *  @param[out] end "converged: ...", or "not converged: ..."; borrowed, static */
int cubix_mpi_fit(struct cubix_chain *chain, const struct cubix_params *par, const struct cubix_observed *obs,
                  const unsigned char varied[CUBIX_N_LEAF], const char **end);

#endif
