/* basis_keep.h -- inside mpi/: tiles of a basis in memory, once for all ranks of a node. */
#ifndef CUBIX_MPI_ENGINE_BASIS_KEEP_H
#define CUBIX_MPI_ENGINE_BASIS_KEEP_H

#include "histogram/basis.h"
#include "mpi/comm/node_memory.h"

/** Room for as many tiles, from the first on, as the memory of every node allows, at most `most`.
 * Collective.
 *  @param[out] share which tiles i this rank is to make: i % n_part = part; where none is kept, of
 *    all ranks */
int cubix_mpi_basis_keep(struct cubix_basis *basis, int most, struct cubix_share *share);
/** Keep the tiles of a basis of tangents that the basis itself keeps (or, if that is mapped, as many
 * as there is room for), and make them, the ranks of a node together.  Collective. */
int cubix_mpi_basis_keep_jvp(struct cubix_basis *basis_dot, const struct cubix_basis *basis);

#endif
