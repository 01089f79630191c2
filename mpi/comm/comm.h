/* comm.h -- agreement of the ranks on errors, sums and extremes over all of them. */
#ifndef CUBIX_MPI_COMM_COMM_H
#define CUBIX_MPI_COMM_COMM_H

#include <stdint.h>

#include "base/collective.h"
#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The worst status of all ranks, with the message of the lowest rank that failed.  Collective: end
 * every stage with it and nobody hangs. */
int cubix_mpi_agree(int status);
/** CUBIX_CHECK for all ranks: where the condition fails on any, all leave, with the message of the
 * lowest rank where it does.  Collective: all ranks must come here. */
#define CUBIX_MPI_CHECK(cond, code, ...) \
  CUBIX_TRY(cubix_mpi_agree((cond) ? CUBIX_OK : cubix_error_set((code), __func__, __FILE__, __LINE__, __VA_ARGS__)))
/** CUBIX_ALLOC for all ranks: memory for n things, zeroed, on every rank, or all leave.  Each rank
 * may ask for another n.  Collective. */
#define CUBIX_MPI_ALLOC(pointer, n) CUBIX_MPI_CHECK(((pointer) = cubix_alloc((size_t)(n), sizeof *(pointer))), \
    CUBIX_ENOMEM, "cannot allocate %zu x %zu bytes for %s", (size_t)(n), sizeof *(pointer), #pointer)
/** Do all ranks come to the same call?  For programs in other languages, whose ranks may be out of
 * step, or end one by one, without an error of the library's:
 *  a meeting before every collective call keeps them from waiting for each other for ever.
 *  Collective with the other ranks' meetings. @param call  a number for what this rank is about to
 *  do, the same on every rank; 0: nothing more @param[in,out] flag  1 where it is 1 on any rank
 *  @param[out] other [2] where the answer is no: a rank that is elsewhere, and its number @return
 *  1: all do the same; 0: they do not */
int cubix_mpi_meet(int call, int *flag, int other[2]);
/** Wait for all ranks without burning the cores that others may need.  Collective. */
void cubix_mpi_wait(void);
/** Sums and extremes over the ranks, for those parts of libcubix that hold channels of one cube. */
extern const struct cubix_collective cubix_mpi_collective;
/** Largest of all ranks; NaN where a rank has NaN.  Collective. */
double cubix_mpi_max(double x);
/** Smallest of all ranks, likewise.  Collective. */
double cubix_mpi_min(double x);
/** Sum over ranks, on every rank.  Collective. */
int64_t cubix_mpi_sum_int(int64_t x);

#ifdef __cplusplus
}
#endif
#endif
