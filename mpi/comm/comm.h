/* comm.h -- the ranks: start and finish, agreement on errors, sums and extremes over all. */
#ifndef CUBIX_MPI_COMM_COMM_H
#define CUBIX_MPI_COMM_COMM_H

#include <stdint.h>

#include "base/collective.h"
#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/** MPI_Init, unless the host program has done so, and who we are.  Collective.  @param argc, argv may be NULL */
int cubix_mpi_start(int *argc, char ***argv);
int cubix_mpi_rank(void);
int cubix_mpi_size(void);
/** Which of how many ranks on this node.  Local after start. */
int cubix_mpi_local_rank(void);
int cubix_mpi_local_size(void);
/** The first rank of this node.  Local after start. */
int cubix_mpi_local_root(void);
/** Warn where ranks are bound to fewer cores than they have threads; on rank 0.  Collective. */
void cubix_mpi_cores_warn(void);
/** The worst status of all ranks, with the message of the lowest rank that failed.  Collective: end every stage with it and nobody hangs. */
int cubix_mpi_agree(int status);
/** Do all ranks come to the same call?  For programs in other languages, whose ranks may be out of step, or end one by one, without an error of the library's:
 *  a meeting before every collective call keeps them from waiting for each other for ever.  Collective with the other ranks' meetings.
 *  @param call  a number for what this rank is about to do, the same on every rank; 0: nothing more
 *  @param[in,out] flag  1 where it is 1 on any rank  @param[out] other [2] where the answer is no: a rank that is elsewhere, and its number
 *  @return 1: all do the same; 0: they do not */
int cubix_mpi_meet(int call, int *flag, int other[2]);
/** MPI_Finalize, where cubix_mpi_start began it.  Collective.  @return the exit status that belongs to status */
int cubix_mpi_finish(int status);
/** Wait for all ranks without burning the cores that others may need.  Collective. */
void cubix_mpi_wait(void);
/** Rank 0, about to work alone, takes all cores of the node that it may run on; the others take one.  Local. */
void cubix_mpi_take_cores(void);
/** A text file that rank 0 reads ("-": standard input), known to all.  Collective.  @param[out] text owned by the caller: free */
int cubix_mpi_text_read(char **text, const char *path);
/** Parameters from a file that rank 0 reads ("-": standard input) and from the command line, known to all.  Collective.  @param[out] par owned by the caller */
int cubix_mpi_params_read(struct cubix_params **par, const char *path, int n_override, char *const *overrides);
/** Sums and extremes over the ranks, for those parts of libcubix that hold channels of one cube. */
extern const struct cubix_owners cubix_mpi_owners;
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
