/* teams.c -- a queue without a master: a counter in the memory of rank 0 that the others read and raise in one step,
 * while rank 0 works as they do. */
#include "mpi/batch/teams.h"

#include <mpi.h>

#include "base/error.h"
#include "mpi/comm/comm.h"

enum { NEXT = CUBIX_N_TALLY, N_COUNTER };

int cubix_mpi_teams_open(struct cubix_teams *t, int n_rank)
{
  int status = CUBIX_OK, size = cubix_mpi_size(), rank = cubix_mpi_rank();
  MPI_Comm all = cubix_mpi_group()->comm, team = MPI_COMM_NULL;
  *t = (struct cubix_teams){ .n_team = (size + n_rank - 1) / n_rank,
                             .team = rank / n_rank,
                             .group = { .comm = MPI_COMM_NULL, .meeting = MPI_COMM_NULL },
                             .window = MPI_WIN_NULL };
  CUBIX_MPI_CHECK(MPI_Win_allocate(rank ? 0 : N_COUNTER * (MPI_Aint)sizeof *t->counter, sizeof *t->counter,
                                   MPI_INFO_NULL, all, &t->counter, &t->window) == MPI_SUCCESS,
                  CUBIX_EFAIL, "MPI_Win_allocate failed");
  for (int i = 0; !rank && i < N_COUNTER; i++) t->counter[i] = 0;
  MPI_Barrier(all);
  MPI_Win_lock_all(MPI_MODE_NOCHECK, t->window);
  CUBIX_MPI_CHECK(MPI_Comm_split(all, t->team, rank, &team) == MPI_SUCCESS, CUBIX_EFAIL, "MPI_Comm_split failed");
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_group_init(&t->group, team)));
done:
  if (team != MPI_COMM_NULL) MPI_Comm_free(&team);
  if (status) cubix_mpi_teams_close(t);
  return status;
}

/* What the counter was before. */
static int64_t raise_counter(struct cubix_teams *t, int which, int64_t by, MPI_Op how)
{
  int64_t before = 0;
  MPI_Fetch_and_op(&by, &before, MPI_INT64_T, 0, which, how, t->window);
  MPI_Win_flush(0, t->window);
  return before;
}

int64_t cubix_mpi_teams_next(struct cubix_teams *t)
{
  int64_t number = t->group.rank ? 0 : raise_counter(t, NEXT, 1, MPI_SUM);
  MPI_Bcast(&number, 1, MPI_INT64_T, 0, t->group.comm);
  return number;
}

void cubix_mpi_teams_stop(struct cubix_teams *t, int64_t end) { raise_counter(t, NEXT, end, MPI_SUM); }

int64_t cubix_mpi_teams_count(struct cubix_teams *t, enum cubix_tally tally, int64_t more)
{
  return raise_counter(t, (int)tally, more, MPI_SUM) + more;
}

void cubix_mpi_teams_close(struct cubix_teams *t)
{
  cubix_mpi_group_free(&t->group);
  if (t->window == MPI_WIN_NULL) return;
  MPI_Win_unlock_all(t->window);
  MPI_Win_free(&t->window);
}
