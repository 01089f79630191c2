/* cube_reduce.h -- the sum of all ranks' cubes. */
#ifndef CUBIX_MPI_ENGINE_CUBE_REDUCE_H
#define CUBIX_MPI_ENGINE_CUBE_REDUCE_H

#include "cube/cube.h"
#include "engine/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Add up the budgets on all ranks and the maps of light, and of the dust in front of it, on rank 0, nothing else.
 * Collective. */
void cubix_mpi_light_sum(struct cubix_cube *cube);
/** Add up maps and budgets on rank 0, and with Combine cube the cubes; every rank then holds the
 * channels that it owns.  Collective. */
int cubix_mpi_cube_sum(struct cubix_cube *cube, const struct cubix_engine *engine);

#ifdef __cplusplus
}
#endif
#endif
