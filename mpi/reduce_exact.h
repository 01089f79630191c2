/* reduce_exact.h -- inside mpi/: order statistics that do not depend on the number of ranks. */
#ifndef CUBIX_MPI_REDUCE_EXACT_H
#define CUBIX_MPI_REDUCE_EXACT_H

#include <stddef.h>
#include <stdint.h>

/** The smallest x_i at which the weights of all x <= x_i add up to at least target.  Collective.
 *  @param x [n] with a stride  @param use [n] or NULL: all  @param weight [n] non-negative, or NULL: 1 each */
double cubix_mpi_select(const double *x, size_t n, size_t stride, const unsigned char *use, const int64_t *weight, int64_t target);

#endif
