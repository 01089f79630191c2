/* held.h -- inside mpi/: what is held of all stars, for who finds something from all of them. */
#ifndef CUBIX_MPI_HELD_H
#define CUBIX_MPI_HELD_H

#include "mpi/particles/particles.h"

/** Read these columns, and those of potentials and lengths where there are any, of all stars at once; or, if stars
 * are read in chunks, of those within SelectRadius of a stated centre.  Collective.
 *  @param must 0: only if they fit into SlabMemory; otherwise the slab stays without columns
 *  Errors: CUBIX_EUSAGE: they do not fit into memory; those of the reader. */
int cubix_mpi_held_read(struct cubix_particles *particles, unsigned parts, int must);
/** The column of smoothing lengths, where they are read.  Local.  @return of enum cubix_slab_parts, or 0 */
unsigned cubix_mpi_held_lengths(const struct cubix_particles *particles);

#endif
