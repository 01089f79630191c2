/* chain_piece.c -- where every rank paints its own stars in all spaxels, derivatives of the cube are
 * computed piece by piece: a piece is some channels of one owner, the same on all ranks.
 *
 * The adjoint of the sum over ranks is a broadcast: the owner of some channels has their cotangent,
 * and every rank needs it for its own stars.  Done piece by piece this takes CUBIX_CHAIN_PIECE
 * bytes on a rank instead of another cube.  In the other direction, tangents of a piece are added
 * up on its owner. */
#include <mpi.h>
#include <string.h>

#include "base/error.h"
#include "cube/cube.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"
#include "mpi/pipeline/chain_parts.h"
#include "observation/fibres.h"

static size_t n_painted(const struct cubix_chain *chain)
{
  return (size_t)chain->pipe->templates->tables.n_x * (size_t)chain->pipe->templates->tables.n_y;
}

int cubix_chain_next(const struct cubix_chain *chain, struct cubix_chain_piece *piece)
{
  const int *lambda_first = chain->pipe->engine->lambda_first;
  size_t tiles = CUBIX_CHAIN_PIECE / (n_painted(chain) * CUBIX_TILE * sizeof(cubix_real));
  int most = CUBIX_TILE * (int)(tiles < 1 ? 1 : tiles > 1024 ? 1024 : tiles);
  if (!piece->n) *piece = (struct cubix_chain_piece){ 0, lambda_first[0], 0 };
  piece->first += piece->n;
  while (piece->owner < chain->pipe->engine->n_rank && piece->first >= lambda_first[piece->owner + 1]) piece->owner++;
  if (piece->owner == chain->pipe->engine->n_rank) return 0;
  piece->n =
      lambda_first[piece->owner + 1] - piece->first < most ? lambda_first[piece->owner + 1] - piece->first : most;
  return 1;
}

int cubix_chain_hold(const struct cubix_chain *chain, struct cubix_cube *cube, const struct cubix_chain_piece *piece,
                     int margin)
{
  cube->margin = margin;
  cube->n_x = chain->pipe->ins->n_x + 2 * margin;
  cube->n_y = chain->pipe->ins->n_y + 2 * margin;
  return cubix_cube_hold(cube, piece->first, piece->n);
}

const struct cubix_cube *cubix_chain_seen(const struct cubix_chain *chain)
{
  return chain->of_fibres ? &chain->pipe->fibres->spectra : chain->pipe->cube;
}

int cubix_chain_hold_seen(const struct cubix_chain *chain, struct cubix_cube *cube,
                          const struct cubix_chain_piece *piece)
{
  cube->margin = 0;
  cube->n_x = cubix_chain_seen(chain)->n_x;
  cube->n_y = cubix_chain_seen(chain)->n_y;
  return cubix_cube_hold(cube, piece->first, piece->n);
}

static size_t n_value(const struct cubix_cube *cube)
{
  return (size_t)cube->n_x * (size_t)cube->n_y * (size_t)cube->n_lambda;
}

void cubix_chain_cut(struct cubix_cube *part, const struct cubix_cube *cube)
{
  size_t n = (size_t)part->n_lambda, stride = (size_t)cube->n_lambda,
         at = (size_t)(part->lambda_first - cube->lambda_first);
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < (size_t)part->n_x * (size_t)part->n_y; s++)
    memcpy(part->flux + s * n, cube->flux + s * stride + at, n * sizeof *part->flux);
}

void cubix_chain_join(struct cubix_cube *cube, const struct cubix_cube *part)
{
  size_t n = (size_t)part->n_lambda, stride = (size_t)cube->n_lambda,
         at = (size_t)(part->lambda_first - cube->lambda_first);
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < (size_t)part->n_x * (size_t)part->n_y; s++)
    memcpy(cube->flux + s * stride + at, part->flux + s * n, n * sizeof *part->flux);
}

void cubix_chain_add(struct cubix_cube *cube, const struct cubix_cube *part)
{
  const size_t n = (size_t)part->n_lambda, stride = (size_t)cube->n_lambda,
               at = (size_t)(part->lambda_first - cube->lambda_first);
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < (size_t)part->n_x * (size_t)part->n_y; s++)
    for (size_t k = 0; k < n; k++) cube->flux[s * stride + at + k] += part->flux[s * n + k];
}

static MPI_Datatype real(void) { return sizeof(cubix_real) == sizeof(double) ? MPI_DOUBLE : MPI_FLOAT; }

/* MPI's counts are int. */
enum { CHUNK = 1 << 22 };

void cubix_chain_spread(struct cubix_cube *part, int owner)
{
  if (cubix_mpi_size() == 1) return;
  for (size_t first = 0, n = n_value(part); first < n; first += CHUNK)
    MPI_Bcast(part->flux + first, (int)(n - first < CHUNK ? n - first : CHUNK), real(), owner, cubix_mpi_group()->comm);
  if (cubix_mpi_rank() == owner) cubix_mpi_volume_add(n_value(part) * sizeof *part->flux);
}

void cubix_chain_gather(struct cubix_cube *part, int owner)
{
  if (cubix_mpi_size() > 1) cubix_mpi_sum_to(owner, part->flux, n_value(part));
}
