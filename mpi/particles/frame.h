/* frame.h -- the frame on the sky that is found from the stars of all ranks. */
#ifndef CUBIX_MPI_PARTICLES_FRAME_H
#define CUBIX_MPI_PARTICLES_FRAME_H

#include "geometry/frame.h"
#include "params/params.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Centre, systemic velocity and orientation; SelectRadius is applied.  Collective; bit-identical
 * for any number of ranks.
 *  @param slab all stars; without any column where nothing is to be found from them */
int cubix_mpi_frame_find(struct cubix_frame *frame, const struct cubix_params *par, struct cubix_slab *slab);

#ifdef __cplusplus
}
#endif
#endif
