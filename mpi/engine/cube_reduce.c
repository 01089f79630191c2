/* cube_reduce.c -- the ranks' maps and budgets added up on rank 0, and with Combine cube their cubes.
 *
 * MPI 3 counts are int, and a reduction needs scratch of its own length: the cube goes in pieces of
 * 2^22 values, here and nowhere else. */
#include "mpi/engine/cube_reduce.h"

#include <mpi.h>
#include <stdlib.h>

#include "base/error.h"
#include "cube/cube.h"
#include "engine/engine.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"

static void sum_to(int root, void *values, size_t n, MPI_Datatype type, size_t size)
{
  const size_t piece = (size_t)1 << 22;
  int mine = cubix_mpi_rank() == root;
  for (size_t first = 0; first < n; first += piece) {
    char *at = (char *)values + first * size;
    int count = (int)(n - first < piece ? n - first : piece);
    MPI_Reduce(mine ? MPI_IN_PLACE : at, mine ? at : NULL, count, type, MPI_SUM, root, cubix_mpi_group()->comm);
  }
  if (!mine) cubix_mpi_volume_add(n * size);
}

void cubix_mpi_sum_to(int root, cubix_real *values, size_t n)
{
  sum_to(root, values, n, sizeof(cubix_real) == sizeof(double) ? MPI_DOUBLE : MPI_FLOAT, sizeof *values);
}

int cubix_mpi_cube_sum(struct cubix_cube *cube, const struct cubix_engine *engine)
{
  int status = CUBIX_OK, shared = engine->combine == CUBIX_COMBINE_HISTOGRAM;
  size_t n_spaxel = (size_t)cube->n_y * (size_t)cube->n_x;
  size_t n_field = (size_t)(cube->n_y - 2 * cube->margin) * (size_t)(cube->n_x - 2 * cube->margin);
  if (!shared) cubix_mpi_sum_to(0, cube->flux, n_spaxel * (size_t)cube->n_lambda);
  for (int m = 0; m < CUBIX_N_MAP; m++) sum_to(0, cube->map[m], n_field, MPI_DOUBLE, sizeof(double));
  MPI_Allreduce(MPI_IN_PLACE, cube->budget, 3 * CUBIX_N_ACCOUNT, MPI_DOUBLE, MPI_SUM, cubix_mpi_group()->comm);
  cube->v_max = cubix_mpi_max(cube->v_max);
  if (!shared && cubix_mpi_rank() != 0) CUBIX_TRY(cubix_cube_hold(cube, cube->n_lambda, 0));
done:
  return status;
}
