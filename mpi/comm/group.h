/* group.h -- the ranks that work together on a cube: start and finish, who they are. */
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

/** MPI_Init, unless the host program has done so, and who we are.  Collective.  @param argc, argv may be NULL */
int cubix_mpi_start(int *argc, char ***argv);
/** MPI_Finalize, where cubix_mpi_start began it.  Collective.  @return the exit status that belongs to status */
int cubix_mpi_finish(int status);
/** The ranks of a communicator, which is duplicated.  Collective over it.  @param[out] group  cubix_mpi_group_free */
int cubix_mpi_group_init(struct cubix_group *group, MPI_Comm comm);
void cubix_mpi_group_free(struct cubix_group *group);
/** From now on collective means these ranks.  Local.  @param group borrowed while it is in use;
 * NULL: all ranks of the program */
void cubix_mpi_group_use(const struct cubix_group *group);
const struct cubix_group *cubix_mpi_group(void);

/* Of the group in use.  Local. */
int cubix_mpi_rank(void);
int cubix_mpi_size(void);
/** Which of how many ranks on this node.  Local after start. */
int cubix_mpi_local_rank(void);
int cubix_mpi_local_size(void);
/** The first rank of this node.  Local after start. */
int cubix_mpi_local_root(void);

#ifdef __cplusplus
}
#endif
#endif
