/* frame.h -- the frame on the sky, found from the stars of all ranks. */
#ifndef CUBIX_MPI_PARTICLES_FRAME_H
#define CUBIX_MPI_PARTICLES_FRAME_H

#include "geometry/frame.h"
#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_stream;

/** Find centre, systemic velocity and orientation, and apply SelectRadius to stars that are in memory.  Collective;
 * bit-identical on any number of ranks, and however many stars there are in memory.
 *  @param stars all of them; none if nothing has to be found from them */
int cubix_mpi_frame_find(struct cubix_frame *frame, const struct cubix_params *par, struct cubix_stream *stars);
/** The centre alone.  Collective; likewise. */
int cubix_mpi_frame_centre(double centre[3], const struct cubix_params *par, struct cubix_stream *stars);

#ifdef __cplusplus
}
#endif
#endif
