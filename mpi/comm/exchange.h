/* exchange.h -- inside mpi/: arrays of any length sent between ranks, and the count of bytes
 * sent. */
#ifndef CUBIX_MPI_EXCHANGE_H
#define CUBIX_MPI_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "physics/hd.h"

/** Send n_out bytes to one rank while n_in arrive from another; either may be this rank.  Every
 * rank calls it with the partners of one shift (to = rank + k, from = rank - k modulo size), so
 * that all calls match. */
void cubix_mpi_swap(const void *out, size_t n_out, int to, void *in, size_t n_in, int from);
/** Send every rank's part of an array to all.  Collective.
 *  @param all this rank's part is in place
 *  @param offset [size + 1] bytes: where each rank's part begins */
void cubix_mpi_ring(void *all, const size_t *offset);
/** Sum, and largest, of every element over ranks, on every rank.  Collective. */
void cubix_mpi_sum_counts(uint64_t *count, size_t n);
void cubix_mpi_max_all(double *x, size_t n);
/** Sum of every element over ranks, on rank `root` only; the arrays of the others are undefined
 * afterwards.  Collective. */
void cubix_mpi_sum_to(int root, cubix_real *values, size_t n);
void cubix_mpi_sum_doubles_to(int root, double *values, size_t n);
/** Add to the number of bytes that this rank has sent; a reduction counts as sending its vector
 * once.  Local. */
void cubix_mpi_volume_add(size_t bytes);
/** Bytes that this rank has sent so far, as far as they are counted: cubes, histograms and stars,
 * not single numbers.  Local. */
double cubix_mpi_volume(void);

#endif
