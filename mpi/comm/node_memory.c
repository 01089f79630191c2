/* node_memory.c -- the first rank of a node makes the memory, the others of the node join.
 *
 * MPI's own shared windows would do as well, but to free one all ranks must meet, and a program
 * that loads the library may close its pipelines rank by rank, or after it has ended MPI. */
#include "mpi/comm/node_memory.h"

#include <mpi.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"

/* What tells this memory from another process's of the same number: the maker writes it down first. */
struct mark { struct cubix_shared_memory_handle handle; double time; };

static int share_out(struct cubix_shared_memory *memory, size_t size, MPI_Comm node)
{
  struct mark mark, found = { .time = 0 };
  int all, first = cubix_mpi_local_rank() == 0;
  memset(&mark, 0, sizeof mark);
  all = !first || (size >= sizeof mark && cubix_shared_memory_create(memory, size, &mark.handle));
  mark.time = MPI_Wtime();
  if (first && all) memcpy(memory->at, &mark, sizeof mark);
  MPI_Bcast(&mark, (int)sizeof mark, MPI_BYTE, 0, node);
  MPI_Bcast(&all, 1, MPI_INT, 0, node);
  if (all && !first) {
    all = cubix_shared_memory_join(memory, size, &mark.handle);
    if (all) memcpy(&found, memory->at, sizeof found);
    all = all && !memcmp(&found, &mark, sizeof mark);
  }
  MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, node);
  if (first) cubix_shared_memory_close(&mark.handle);
  if (first && all) memset(memory->at, 0, sizeof mark);
  if (!all) cubix_shared_memory_free(memory);
  return all;
}

int cubix_mpi_node_memory(struct cubix_shared_memory *memory, struct cubix_share *share, size_t size)
{
  int status = CUBIX_OK, shared = 0;
  MPI_Comm node = MPI_COMM_NULL;
  *memory = (struct cubix_shared_memory){ NULL, 0 };
  *share = (struct cubix_share){ 0, 1 };
  MPI_Comm_split_type(cubix_mpi_group()->comm, MPI_COMM_TYPE_SHARED, cubix_mpi_rank(), MPI_INFO_NULL, &node);
  if (cubix_mpi_local_size() > 1) shared = share_out(memory, size, node);
  MPI_Comm_free(&node);
  if (shared) *share = (struct cubix_share){ cubix_mpi_local_rank(), cubix_mpi_local_size() };
  else
    CUBIX_CHECK(cubix_shared_memory_own(memory, size), CUBIX_ENOMEM,
                "cannot allocate %zu bytes for the ranks of a node", size);
done:
  return cubix_mpi_agree(status);
}
