/* node_memory.h -- inside mpi/: memory that all ranks of a node have in common. */
#ifndef CUBIX_MPI_COMM_NODE_MEMORY_H
#define CUBIX_MPI_COMM_NODE_MEMORY_H

#include <stddef.h>

#include "base/shared_memory.h"

/* Which of how many ranks that share it this rank is. */
struct cubix_share { int part, n_part; };

/** Memory for the ranks of each node, all zero; where a node cannot share any, each of its ranks
 * has its own.  What one rank has written others may read after the next agreement.  Collective.
 *  @param size the same on all ranks of a node
 *  @param[out] memory free it with cubix_shared_memory_free, at any time
 *  @param[out] share part 0 of 1: it is this rank's alone */
int cubix_mpi_node_memory(struct cubix_shared_memory *memory, struct cubix_share *share, size_t size);

#endif
