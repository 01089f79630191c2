/* device_open.c -- the processors of all ranks: who on a node takes which GPU, and what the user
 * should know of it.
 *
 * A rank sees GPUs by numbers of its own: number 0 may be another GPU on every rank, as under
 * Slurm's --gpus-per-task, or the same on all.  So the ranks of a node tell each other what they
 * see, and decide alike (device_assign.c).  Ranks that share a GPU divide its memory, once all of
 * them are there. */
#include "mpi/engine/device_open.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "engine/device.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "params/params.h"

/* This rank's seat.  Collective. */
static int find_seat(struct cubix_seat *mine, const struct cubix_params *par)
{
  int status = CUBIX_OK, rank, n_rank;
  MPI_Comm node = MPI_COMM_NULL;
  struct cubix_sight *sight = NULL, *all = NULL;
  struct cubix_seat *seat = NULL;
  MPI_Comm_split_type(cubix_mpi_group()->comm, MPI_COMM_TYPE_SHARED, cubix_mpi_rank(), MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &rank);
  MPI_Comm_size(node, &n_rank);
  CUBIX_MPI_ALLOC(sight, 1);
  CUBIX_MPI_ALLOC(all, n_rank);
  CUBIX_MPI_ALLOC(seat, n_rank);
  cubix_device_look(sight, par);
  MPI_Allgather(sight, (int)sizeof *sight, MPI_BYTE, all, (int)sizeof *all, MPI_BYTE, node);
  CUBIX_TRY(cubix_mpi_agree(cubix_device_assign(seat, all, n_rank)));
  *mine = seat[rank];
done:
  MPI_Comm_free(&node);
  free(sight);
  free(all);
  free(seat);
  return status;
}

/* Ranks that share a GPU, and those that a GPU has been wanted for and that have none.  Collective;
 * rank 0's log is the user's. */
static void report(const struct cubix_device *dev)
{
  int n_rank = cubix_mpi_size(), without = dev->passed_over[0] != '\0',
      first = dev->amiss ? cubix_mpi_rank()
              : without  ? n_rank + cubix_mpi_rank()
                         : 2 * n_rank;
  int n_share = without || !dev->ops->look ? 1 : dev->n_share, n[2] = { without, dev->amiss }, amiss;
  char why[sizeof dev->passed_over];
  memcpy(why, dev->passed_over, sizeof why);
  MPI_Allreduce(MPI_IN_PLACE, n, 2, MPI_INT, MPI_SUM, cubix_mpi_group()->comm);
  MPI_Allreduce(MPI_IN_PLACE, &n_share, 1, MPI_INT, MPI_MAX, cubix_mpi_group()->comm);
  MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, cubix_mpi_group()->comm);
  amiss = n[1] > 0 || (n[0] > 0 && n[0] < n_rank);
  if (first < 2 * n_rank) MPI_Bcast(why, (int)sizeof why, MPI_CHAR, first % n_rank, cubix_mpi_group()->comm);
  if (amiss)
    cubix_log(CUBIX_LOG_WARNING, "%d of %d rank(s) paint on the CPU, with Backend auto: %s", n[0], n_rank, why);
  else if (n[0]) cubix_log(CUBIX_LOG_DEBUG, "painting on the CPU: %s", why);
  if (n_share > 1)
    cubix_log(CUBIX_LOG_WARNING,
              "up to %d ranks share a GPU: each has a part of its memory, and they wait for each other; one rank to a "
              "GPU, with OMP_NUM_THREADS=%d or more, is faster",
              n_share, n_share);
}

int cubix_mpi_device_open(struct cubix_device **out, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct cubix_seat seat;
  struct cubix_device *dev = NULL;
  CUBIX_TRY(find_seat(&seat, par));
  CUBIX_TRY(cubix_mpi_agree(cubix_device_open(&dev, par, seat.ordinal, seat.n_share)));
  CUBIX_TRY(cubix_mpi_agree(dev->ops->divide ? dev->ops->divide(dev, dev->n_share) : CUBIX_OK));
  report(dev);
  *out = dev;
  dev = NULL;
done:
  cubix_device_close(dev);
  return status;
}
