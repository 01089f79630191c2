/* group.h -- the ranks that work together on a cube: start and end of MPI, and who the ranks
 * are. */
#ifndef CUBIX_MPI_COMM_GROUP_H
#define CUBIX_MPI_COMM_GROUP_H

#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_group {
  MPI_Comm comm;
  MPI_Comm meeting;               /* of cubix_mpi_meet alone: a host's collective calls cannot be taken for it */
  int rank, size;
  int local_rank, local_size;     /* which of how many on this node */
  int local_root;                 /* the first of this node */
};

/* The variable that keeps HDF5 from locking files. */
#define CUBIX_LOCKING "HDF5_USE_FILE_LOCKING"

/** Start MPI unless the host program has done so, find out which rank this is, and set for good what
 * settings.h lists.  Collective over all ranks of the program.  Opening a pipeline or a chain does it,
 * unless it is opened on a communicator.
 *  @param argc, argv may be NULL */
int cubix_mpi_start(int *argc, char ***argv);
/** The same where no group is in use yet.  Collective over all ranks of the program. */
int cubix_mpi_ready(void);
/** Start MPI unless the host program has done so, and nothing else: then no rank waits for another. */
int cubix_mpi_begin(int *argc, char ***argv);
/** End MPI if CUBIX started it.  Collective.
 *  @return the exit status that belongs to status */
int cubix_mpi_finish(int status);
/** A group of the ranks of a communicator, which is duplicated.  Collective over it.
 *  @param[out] group free it with cubix_mpi_group_free
 *  Errors: CUBIX_EFAIL, on all ranks, where some rank has an HDF5 that CUBIX was not compiled for. */
int cubix_mpi_group_init(struct cubix_group *group, MPI_Comm comm);
void cubix_mpi_group_free(struct cubix_group *group);
/** Set the group that collective functions mean from now on.  Local.
 *  @param group borrowed while it is in use; NULL: all ranks of the program */
void cubix_mpi_group_use(const struct cubix_group *group);
const struct cubix_group *cubix_mpi_group(void);

/* Of the group in use.  Local. */
int cubix_mpi_rank(void);
int cubix_mpi_size(void);
/** Index and number of the ranks on this node.  Local after start. */
int cubix_mpi_local_rank(void);
int cubix_mpi_local_size(void);
/** The first rank of this node.  Local after start. */
int cubix_mpi_local_root(void);
/** Warn, on rank 0, if the host started MPI for a single thread: then we have but one, too.  Local. */
void cubix_mpi_thread_warn(void);
/** How many ranks of the whole program there are on this node, as far as is known.  Local. */
int cubix_mpi_node_size(void);
/** Use so many threads, but no more than there are cores that this rank may run on, and as many as
 * OMP_NUM_THREADS if that is set.  Local. */
void cubix_mpi_use_cores(long cores);
/** Share the node's cores among its ranks, of whatever group.  Local. */
void cubix_mpi_share_cores(void);

#ifdef __cplusplus
}
#endif
#endif
