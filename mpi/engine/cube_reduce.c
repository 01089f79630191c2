/* cube_reduce.c -- the ranks' maps and budgets added up on rank 0, and with Combine cube their cubes. */
#include "mpi/engine/cube_reduce.h"

#include <mpi.h>

#include "base/error.h"
#include "cube/cube.h"
#include "engine/engine.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"

static void budget_sum(struct cubix_cube *cube)
{
  MPI_Allreduce(MPI_IN_PLACE, cube->budget, 3 * CUBIX_N_ACCOUNT, MPI_DOUBLE, MPI_SUM, cubix_mpi_group()->comm);
}

void cubix_mpi_light_sum(struct cubix_cube *cube)
{
  const size_t n = cubix_sums_size(&cube->sums);
  cubix_mpi_sum_doubles_to(0, cube->sums.map[CUBIX_MAP_LIGHT], n);
  if (cube->sums.map[CUBIX_MAP_L_AV]) cubix_mpi_sum_doubles_to(0, cube->sums.map[CUBIX_MAP_L_AV], n);
  budget_sum(cube);
}

int cubix_mpi_cube_sum(struct cubix_cube *cube, const struct cubix_engine *engine)
{
  int status = CUBIX_OK, shared = engine->combine == CUBIX_COMBINE_HISTOGRAM;
  size_t n_spaxel = (size_t)cube->n_y * (size_t)cube->n_x, n_map = cubix_sums_size(&cube->sums);
  if (!shared) cubix_mpi_sum_to(0, cube->flux, n_spaxel * (size_t)cube->n_lambda);
  for (int i = 0; i < cubix_sums_n(&cube->sums); i++)
    cubix_mpi_sum_doubles_to(0, cubix_sums_image(&cube->sums, i), n_map);
  budget_sum(cube);
  cube->v_max = cubix_mpi_max(cube->v_max);
  if (!shared && cubix_mpi_rank() != 0) CUBIX_TRY(cubix_cube_hold(cube, cube->n_lambda, 0));
done:
  return status;
}
