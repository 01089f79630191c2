/* young.h -- inside mpi/: what ResampleYoung makes its particles of, on all ranks. */
#ifndef CUBIX_MPI_YOUNG_H
#define CUBIX_MPI_YOUNG_H

#include "geometry/frame.h"
#include "mpi/particles/particles.h"
#include "mpi/particles/reader.h"
#include "params/params.h"
#include "simulation/young.h"

/** Decide what particles are made of, and read the gas, if it is that; young stars are still to be taken.
 * Collective.
 *  @param stars their reader  @param[out] young owned by the caller, with parents in the sky's frame
 *  Errors: CUBIX_EINPUT: ResampleYoungFrom gas, and there is none with star formation rates. */
int cubix_mpi_young_open(struct cubix_young **young, const struct cubix_params *par, const struct cubix_reader *stars,
                         const struct cubix_frame *frame);
/** Once all parents are known: count and number the particles.  Collective; once is enough.
 *  @param slab whose counts of all ranks' stars are brought up to date, whenever it is called
 *  Errors: CUBIX_EUSAGE: too many particles; no stars are left. */
int cubix_mpi_young_settle(struct cubix_young *young, struct cubix_slab *slab, const struct cubix_params *par);
/** Put all particles behind the stars in the slab.  Collective. */
int cubix_mpi_young_append(struct cubix_particles *particles);
/** Put chunk c, one behind those of the file, into the slab, in these columns.  Collective. */
int cubix_mpi_young_chunk(struct cubix_particles *particles, size_t c, unsigned parts);

#endif
