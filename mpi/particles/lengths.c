/* lengths.c -- SmoothingLength knn. */
#include "mpi/particles/lengths.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "mpi/comm/comm.h"
#include "mpi/particles/neighbours.h"
#include "physics/kernel.h"
#include "simulation/slab.h"
#include "simulation/young.h"

int cubix_mpi_lengths_wanted(const struct cubix_params *par)
{
  return !cubix_params_unmet(par, CUBIX_NEEDS_LENGTH) && cubix_number_is(&par->SmoothingLength, "knn");
}

/* The lengths that belong to the stars in the slab. */
int cubix_mpi_lengths_attach(struct cubix_particles *particles)
{
  int status = CUBIX_OK;
  struct cubix_slab *slab = particles->slab;
  if (!particles->length) goto done;
  free(slab->smoothing_length);
  CUBIX_CHECK((slab->smoothing_length = cubix_reserve(slab->n, sizeof *slab->smoothing_length)), CUBIX_ENOMEM,
              "cannot allocate the smoothing lengths of %zu stars: use more ranks", slab->n);
  memcpy(slab->smoothing_length, particles->length + particles->length_at, sizeof *particles->length * slab->n);
  particles->length_at += slab->n;
done:
  return cubix_mpi_agree(status);
}

/* SmoothingLength knn (doc/math.md section 4).  Cells of gas that ResampleYoung makes stars of are among the
 * neighbours, and have lengths, too. */
int cubix_mpi_lengths_find(struct cubix_particles *particles)
{
  int status = CUBIX_OK;
  const struct cubix_params *par = particles->par;
  struct cubix_slab *slab = particles->slab, *cells = particles->young ? particles->young->parent : NULL;
  const size_t n_here = slab->n, n_cell = cells ? cells->n : 0;
  const int64_t n = cubix_mpi_sum_int((int64_t)(n_here + n_cell));
  double *position = NULL;
  const int k = n > par->KnnNeighbours ? par->KnnNeighbours : (int)n - 1;
  const double per_radius = par->Deposit == CUBIX_Deposit_gaussian ? 1 / cubix_kernel_radius(CUBIX_DEPOSIT_CUBIC) : 1;
  CUBIX_MPI_ALLOC(particles->length, n_here + n_cell);
  if (k < par->KnnNeighbours)
    cubix_log(CUBIX_LOG_WARNING,
              "there are %lld stars, fewer than KnnNeighbours = %d (%s) and the star itself: SmoothingLength knn is "
              "the distance to the farthest",
              (long long)n, par->KnnNeighbours, cubix_params_origin(par, "KnnNeighbours"));
  if (cells) {
    CUBIX_MPI_CHECK((position = cubix_reserve(n_here + n_cell, 3 * sizeof *position)), CUBIX_ENOMEM,
                    "cannot allocate the positions of %zu stars: use more ranks", n_here + n_cell);
    memcpy(position, slab->position, 3 * n_here * sizeof *position);
    memcpy(position + 3 * n_here, cells->position, 3 * n_cell * sizeof *position);
  }
  if (k > 0)
    CUBIX_TRY(cubix_mpi_neighbours(particles->length, cells ? position : slab->position, n_here + n_cell, k));
  for (size_t i = 0; i < n_here + n_cell; i++) particles->length[i] *= per_radius;
  if (cells) memcpy(cells->smoothing_length, particles->length + n_here, n_cell * sizeof *particles->length);
  particles->length_at = 0;
  CUBIX_TRY(cubix_mpi_lengths_attach(particles));
  if (!particles->keep) goto done;          /* they stay in the slab */
  free(particles->length);
  particles->length = NULL;
done:
  free(position);
  return status;
}
