/* exchange.h -- inside mpi/: arrays of any length between ranks, and the account of what was sent. */
#ifndef CUBIX_MPI_EXCHANGE_H
#define CUBIX_MPI_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "physics/hd.h"

/** Send n_out bytes to one rank while n_in come from another; both may be this rank.  Every rank
 * calls it with the partners of one shift
 *  (to = rank + k, from = rank - k modulo size), so that all calls meet. */
void cubix_mpi_swap(const void *out, size_t n_out, int to, void *in, size_t n_in, int from);
/** Give every rank's part of an array to all.  Collective.  @param all  this rank's part is in place
 * @param offset [size + 1] bytes: where each rank's part begins */
void cubix_mpi_ring(void *all, const size_t *offset);
/** Sum, and largest, of every element over ranks, on every rank.  Collective. */
void cubix_mpi_sum_counts(uint64_t *count, size_t n);
void cubix_mpi_max_all(double *x, size_t n);
/** Sum of every element over ranks, on rank `root` alone; what the others hold afterwards is theirs.  Collective. */
void cubix_mpi_sum_to(int root, cubix_real *values, size_t n);
/** Add to the account of bytes that this rank sent; a reduction counts as one sending of its vector.  Local. */
void cubix_mpi_volume_add(size_t bytes);
/** Bytes that this rank has sent so far, as far as they are counted: cubes, histograms and stars,
 * not the small numbers.  Local. */
double cubix_mpi_volume(void);

#endif
