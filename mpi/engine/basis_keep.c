/* basis_keep.c -- tiles in memory that the ranks of a node share. */
#include "mpi/engine/basis_keep.h"

#include <mpi.h>

#include "base/error.h"
#include "base/shared_memory.h"
#include "histogram/basis.h"
#include "histogram/basis_parts.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/node_memory.h"

static int least(int n)
{
  MPI_Allreduce(MPI_IN_PLACE, &n, 1, MPI_INT, MPI_MIN, cubix_mpi_group()->comm);
  return n;
}

int cubix_mpi_basis_keep(struct cubix_basis *basis, int most, struct cubix_share *share)
{
  int status = CUBIX_OK, room = cubix_basis_room(basis, 1), n = least(room < most ? room : most);
  struct cubix_shared_memory memory;
  *share = (struct cubix_share){ cubix_mpi_rank(), cubix_mpi_size() };
  if (!n) goto done;
  CUBIX_TRY(cubix_mpi_node_memory(&memory, share, (size_t)n * cubix_basis_tile_size(basis) * sizeof(float)));
  /* a copy for each rank after all */
  if (share->n_part < cubix_mpi_local_size()) room = cubix_basis_room(basis, cubix_mpi_local_size());
  n = least(room < n ? room : n);
  cubix_basis_keep(basis, n, &memory);
done:
  return status;
}

int cubix_mpi_basis_keep_jvp(struct cubix_basis *basis_dot, const struct cubix_basis *basis)
{
  int status = CUBIX_OK;
  struct cubix_share share;
  const struct cubix_basis_state *from = basis->state;
  struct cubix_basis_state *state = basis_dot->state;
  CUBIX_TRY(cubix_mpi_basis_keep(basis_dot, from->map ? basis->n_tile : from->n_kept, &share));
  for (int i = share.part; i < state->n_kept && !status; i += share.n_part)
    status = cubix_basis_fit_tiles(&state->fit, state->row, basis_dot->n_template, &i, 1, &state->kept[i], NULL, 0);
  status = cubix_mpi_agree(status);
done:
  return status;
}
