/* blocks.h -- rank 0 works through all channels block by block; the other ranks make the blocks
 * that it requests. */
#ifndef CUBIX_MPI_COMM_BLOCKS_H
#define CUBIX_MPI_COMM_BLOCKS_H

#include "base/collective.h"
#include "cube/cube.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Rank 0 runs `work` and requests blocks of channels, which the other ranks make with `make`.
 * Together the ranks must hold all n_lambda channels, in rank order.  Collective.
 *  @param host of work and make
 *  @return each rank's own status */
int cubix_mpi_blocks_share(const struct cubix_cube *cube, int n_lambda, cubix_block_work *work, cubix_block_make *make,
                           const void *host);

#ifdef __cplusplus
}
#endif
#endif
