/* blocks.h -- rank 0 works through all channels, a block at a time, which the others make when it asks. */
#ifndef CUBIX_MPI_COMM_BLOCKS_H
#define CUBIX_MPI_COMM_BLOCKS_H

#include "base/collective.h"
#include "cube/cube.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Rank 0 does the work, with blocks of channels that the others make when it asks; they must hold
 * all n_lambda channels in the order of ranks.
 *  Collective.  @param host of work and make  @return each rank's own status */
int cubix_mpi_blocks_share(const struct cubix_cube *cube, int n_lambda, cubix_block_work *work, cubix_block_make *make,
                           const void *host);

#ifdef __cplusplus
}
#endif
#endif
