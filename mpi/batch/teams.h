/* teams.h -- the ranks in teams that take the numbers of a queue, each team the next when it is free. */
#ifndef CUBIX_MPI_BATCH_TEAMS_H
#define CUBIX_MPI_BATCH_TEAMS_H

#include <stdint.h>

#include "mpi/comm/group.h"

enum cubix_tally { CUBIX_TALLY_DONE, CUBIX_TALLY_FAILED, CUBIX_N_TALLY };

struct cubix_teams {
  int n_team, team;               /* how many, and which is this rank's */
  struct cubix_group group;       /* its ranks */
  int64_t *counter;               /* rank 0's: the next number, and the tallies */
  MPI_Win window;
};

/** Divide the ranks of the group in use into teams of n_rank neighbours; the last one may have fewer.  Collective.
 *  @param[out] teams owned by the caller; it must stay at its address */
int cubix_mpi_teams_open(struct cubix_teams *teams, int n_rank);
/** Take the next number of the queue, which begins with 0; the same on all ranks of the team.
 * Collective over the team, whose group must be in use. */
int64_t cubix_mpi_teams_next(struct cubix_teams *teams);
/** Let no team take a number below `end` any more.  Local. */
void cubix_mpi_teams_stop(struct cubix_teams *teams, int64_t end);
/** Add to a tally; what it is then.  Local. */
int64_t cubix_mpi_teams_count(struct cubix_teams *teams, enum cubix_tally tally, int64_t more);
/** Collective over all ranks that opened them, whose group is in use then. */
void cubix_mpi_teams_close(struct cubix_teams *teams);

#endif
