/* reduce_exact.h -- inside mpi/: sums and order statistics that do not depend on the number of ranks. */
#ifndef CUBIX_MPI_REDUCE_EXACT_H
#define CUBIX_MPI_REDUCE_EXACT_H

#include <stddef.h>
#include <stdint.h>

enum { CUBIX_MAX_TERM = 8 };

/** What particle i adds to each of the sums. */
typedef void cubix_term(double *term, const void *host, size_t i);

/** Sums over the particles of all ranks, each rounded once: they depend neither on the order nor on the number of ranks.  Collective.
 *  @param[out] sum [n_c], n_c <= CUBIX_MAX_TERM  @param n particles of this rank
 *  @param bound [n_c] what no |term| exceeds, the same on all ranks; NULL: found in a pass of its own */
void cubix_mpi_sum_exact(double *sum, int n_c, size_t n, cubix_term *term, const void *host, const double *bound);
/** The smallest x_i at which the weights of all x <= x_i add up to at least target.  Collective.
 *  @param x [n] with a stride  @param use [n] or NULL: all  @param weight [n] non-negative, or NULL: 1 each */
double cubix_mpi_select(const double *x, size_t n, size_t stride, const unsigned char *use, const int64_t *weight, int64_t target);

#endif
