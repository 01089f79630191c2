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

/** Start MPI unless the host program has done so, and find out which rank this is.  Collective.
 *  @param argc, argv may be NULL */
int cubix_mpi_start(int *argc, char ***argv);
/** End MPI if cubix_mpi_start started it.  Collective.
 *  @return the exit status that belongs to status */
int cubix_mpi_finish(int status);
/** A group of the ranks of a communicator, which is duplicated.  Collective over it.
 *  @param[out] group free it with cubix_mpi_group_free */
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

#ifdef __cplusplus
}
#endif
#endif
