/* comm.h -- agreement of the ranks on errors; sums and extremes over all of them. */
#ifndef CUBIX_MPI_COMM_COMM_H
#define CUBIX_MPI_COMM_COMM_H

#include <stddef.h>
#include <stdint.h>

#include "base/collective.h"
#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The worst status of all ranks, with the message of the lowest rank that failed.  Collective:
 * every stage ends with it, so that no rank waits for another for ever. */
int cubix_mpi_agree(int status);
/** CUBIX_CHECK for all ranks: if the condition fails on any, all leave, with the message of the
 * lowest rank where it fails.  Collective: all ranks must reach it. */
#define CUBIX_MPI_CHECK(cond, code, ...) \
  CUBIX_TRY(cubix_mpi_agree((cond) ? CUBIX_OK : cubix_error_set((code), __func__, __FILE__, __LINE__, __VA_ARGS__)))
/** CUBIX_ALLOC for all ranks: zeroed memory for n elements on every rank, or all leave.  Each rank
 * may ask for a different n.  Collective. */
#define CUBIX_MPI_ALLOC(pointer, n) CUBIX_MPI_CHECK(((pointer) = cubix_alloc((size_t)(n), sizeof *(pointer))), \
    CUBIX_ENOMEM, "cannot allocate %zu x %zu bytes for %s", (size_t)(n), sizeof *(pointer), #pointer)
/** Compare what the ranks are about to do.  Programs in other languages call it before every
 * collective call, because their ranks may be out of step, or end one by one, without an error of
 * the library; the comparison keeps the ranks from waiting for each other for ever.  Collective
 * with the other ranks' cubix_mpi_meet.
 *  @param call a number for what this rank is about to do, the same on every rank; 0: nothing more
 *  @param[in,out] flag 1 if it is 1 on any rank
 *  @param[out] other [2] if the ranks disagree: a rank that does something else, and its number
 *  @return 1: all do the same; 0: they do not */
int cubix_mpi_meet(int call, int *flag, int other[2]);
/** Wait for all ranks without using the cores that others may need.  Collective. */
void cubix_mpi_wait(void);
/** Sums and extremes over the ranks, for those parts of libcubix that hold channels of one cube. */
extern const struct cubix_collective cubix_mpi_collective;
/** Largest value of all ranks; NaN if any rank has NaN.  Collective. */
double cubix_mpi_max(double x);
/** Smallest value of all ranks, likewise.  Collective. */
double cubix_mpi_min(double x);
/** Bits that any rank has set, on every rank.  Collective.  @param[in,out] word [n] */
void cubix_mpi_or(uint64_t *word, size_t n);
/** Sum over ranks, on every rank.  Collective. */
int64_t cubix_mpi_sum_int(int64_t x);

#ifdef __cplusplus
}
#endif
#endif
