/* lengths.h -- inside mpi/: lengths that follow from neighbours, which all stars have before they come in chunks. */
#ifndef CUBIX_MPI_LENGTHS_H
#define CUBIX_MPI_LENGTHS_H

#include "mpi/particles/particles.h"
#include "params/params.h"

/** Does SmoothingLength ask for neighbours?  Local. */
int cubix_mpi_lengths_wanted(const struct cubix_params *par);
/** Find the lengths of all stars, which are in the slab.  Collective. */
int cubix_mpi_lengths_find(struct cubix_particles *particles);
/** Give the stars in the slab, a chunk behind those before, their lengths, if they were found so.  Collective. */
int cubix_mpi_lengths_attach(struct cubix_particles *particles);

#endif
