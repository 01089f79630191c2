/* screens.h -- the dust in front of the stars: slab->screen. */
#ifndef CUBIX_MPI_SCREENS_H
#define CUBIX_MPI_SCREENS_H

#include "mpi/dust/columns.h"
#include "mpi/particles/particles.h"

/** From now on stars are behind these columns: those that stay in memory at once, those of chunks whenever a
 * chunk is placed.  Collective.
 *  @param columns must outlive the last placement; NULL: no dust any more */
int cubix_mpi_screens_begin(struct cubix_particles *particles, struct cubix_columns *columns);
/** A(V) in front of the stars in the slab.  Collective. */
int cubix_mpi_screens_fill(struct cubix_particles *particles);
/** The same for chunk c, which is in the slab; found once for all passes where keep_screens says so.  Collective. */
int cubix_mpi_screens_chunk(struct cubix_particles *particles, size_t c);
/** Forget what was kept.  Local. */
void cubix_screens_forget(struct cubix_particles *particles);
/** Count the stars of the slab that dust is in front of.  Local. */
void cubix_screens_count(struct cubix_particles *particles);
/** Say what was counted, and warn where nothing is in front of any star.  Collective. */
void cubix_mpi_screens_tell(struct cubix_particles *particles);

#endif
