/* neighbours.h -- how far away the k-th neighbour of every star is, among the stars of all ranks. */
#ifndef CUBIX_MPI_NEIGHBOURS_H
#define CUBIX_MPI_NEIGHBOURS_H

#include <stddef.h>

/** Distance from each of this rank's stars to its k-th neighbour, itself not counted; the same bits on
 * any number of ranks and threads.  Collective.
 *  @param[out] distance [n]
 *  @param position [n][3] finite
 *  @param k > 0, less than the number of stars of all ranks
 *  Errors: CUBIX_EUSAGE if there is no memory for it. */
int cubix_mpi_neighbours(double *distance, const double *position, size_t n, int k);

#endif
