/* frame.h -- the frame on the sky, found from the stars of all ranks. */
#ifndef CUBIX_MPI_PARTICLES_FRAME_H
#define CUBIX_MPI_PARTICLES_FRAME_H

#include "geometry/frame.h"
#include "params/params.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Find centre, systemic velocity and orientation, and apply SelectRadius.  Collective;
 * bit-identical on any number of ranks.
 *  @param slab all stars; without any column if nothing has to be found from them */
int cubix_mpi_frame_find(struct cubix_frame *frame, const struct cubix_params *par, struct cubix_slab *slab);

#ifdef __cplusplus
}
#endif
#endif
