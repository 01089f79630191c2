/* screens.c -- every time stars have come to the sky, and before they are placed. */
#include "mpi/particles/screens.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "mpi/comm/comm.h"

/* Beyond it a star is as good as gone in the optical [mag]. */
static const double opaque = 60;

int cubix_mpi_screens_fill(struct cubix_particles *particles)
{
  int status = CUBIX_OK;
  struct cubix_slab *slab = particles->slab;
  if (!slab->screen) CUBIX_MPI_CHECK((slab->screen = cubix_reserve(slab->n, sizeof *slab->screen)), CUBIX_ENOMEM,
                                     "cannot allocate %zu x %zu bytes for the dust in front of stars", slab->n,
                                     sizeof *slab->screen);
  CUBIX_TRY(cubix_mpi_columns_screen(particles->columns, slab->position, slab->n, slab->screen));
done:
  return status;
}

int cubix_mpi_screens_begin(struct cubix_particles *particles, struct cubix_columns *columns)
{
  int status = CUBIX_OK;
  particles->columns = columns;
  if (columns && particles->n_chunk == 1) CUBIX_TRY(cubix_mpi_screens_fill(particles));
done:
  return status;
}

void cubix_screens_count(struct cubix_particles *particles)
{
  const struct cubix_slab *slab = particles->slab;
  for (size_t i = 0; i < slab->n; i++) {
    particles->n_behind += slab->screen[i] > 0;
    particles->n_opaque += slab->screen[i] > opaque;
  }
}

void cubix_mpi_screens_tell(struct cubix_particles *particles)
{
  const int64_t behind = cubix_mpi_sum_int(particles->n_behind), gone = cubix_mpi_sum_int(particles->n_opaque);
  const struct cubix_params *par = particles->par;
  particles->n_behind = particles->n_opaque = 0;
  if (particles->told_dust) return;
  particles->told_dust = 1;
  if (!behind)
    cubix_log(CUBIX_LOG_WARNING,
              "Dust = gas (%s): gas is nowhere in front of stars, and dims none of them: are Centre and Orientation "
              "those of the galaxy, and is there dust in its gas (DustGas = %s, DustToMetal = %g)?",
              cubix_params_origin(par, "Dust"), cubix_DustGas_word[par->DustGas], par->DustToMetal);
  else
    cubix_log(CUBIX_LOG_INFO, "dust: %lld of %lld stars are behind some, %lld of them behind more than %g mag in V",
              (long long)behind, (long long)particles->slab->n_total, (long long)gone, opaque);
}
