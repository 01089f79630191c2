/* screens.c -- every time stars have come to the sky, and before they are placed. */
#include "mpi/particles/screens.h"

#include <stdlib.h>
#include <string.h>

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

void cubix_screens_forget(struct cubix_particles *particles)
{
  free(particles->screen);
  particles->screen = NULL;
  particles->screen_whole = 0;
}

/* Room for all chunks; without it on some rank they are found in every pass. */
static void make_room(struct cubix_particles *particles)
{
  (void)cubix_mpi_particles_rows(particles, &particles->screen_room);
  particles->screen = cubix_reserve(particles->screen_room, sizeof *particles->screen);
  if (cubix_mpi_min(particles->screen != NULL) > 0) return;
  cubix_screens_forget(particles);
  particles->keep_screens = 0;
}

int cubix_mpi_screens_chunk(struct cubix_particles *particles, size_t c)
{
  int status = CUBIX_OK;
  const struct cubix_slab *slab = particles->slab;
  if (c == 0) particles->screen_at = 0;
  if (particles->keep_screens && c == 0 && !particles->screen) make_room(particles);
  if (!particles->screen_whole) CUBIX_TRY(cubix_mpi_screens_fill(particles));
  if (!particles->keep_screens) goto done;
  CUBIX_MPI_CHECK(slab->n <= particles->screen_room - particles->screen_at, CUBIX_EFAIL,
                  "%zu stars in chunks, where %zu were expected", particles->screen_at + slab->n,
                  particles->screen_room);
  double *kept = particles->screen + particles->screen_at;
  if (slab->n && particles->screen_whole) memcpy(slab->screen, kept, slab->n * sizeof *kept);
  else if (slab->n) memcpy(kept, slab->screen, slab->n * sizeof *kept);
  particles->screen_at += slab->n;
  particles->screen_whole |= c + 1 == particles->n_chunk;
done:
  return status;
}

int cubix_mpi_screens_begin(struct cubix_particles *particles, struct cubix_columns *columns)
{
  int status = CUBIX_OK;
  particles->columns = columns;
  cubix_screens_forget(particles);
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

/* On all ranks. */
static int has_dust(const struct cubix_slab *gas)
{
  int64_t n = 0;
  for (size_t i = 0; gas && i < gas->n; i++) n += gas->dust[i] > 0;
  return cubix_mpi_sum_int(n) > 0;
}

void cubix_mpi_screens_tell(struct cubix_particles *particles)
{
  const int64_t behind = cubix_mpi_sum_int(particles->n_behind), gone = cubix_mpi_sum_int(particles->n_opaque);
  const struct cubix_params *par = particles->par;
  const int64_t all = particles->slab->n_total;
  particles->n_behind = particles->n_opaque = 0;
  if (particles->told_dust) return;
  particles->told_dust = 1;
  if (behind)
    cubix_log(2 * gone > all ? CUBIX_LOG_WARNING : CUBIX_LOG_INFO,
              "dust: %lld of %lld stars are behind some, %lld of them behind more than %g mag in V%s",
              (long long)behind, (long long)all, (long long)gone, opaque,
              2 * gone > all ? ": are the gas's masses, metallicities and sizes in the right units?" : "");
  else if (has_dust(particles->gas))        /* else the gas has told that it has none */
    cubix_log(CUBIX_LOG_WARNING,
              "Dust = gas (%s): gas is nowhere in front of stars, and dims none of them: are Centre and Orientation "
              "those of the galaxy, and is there dust in its gas (DustGas = %s, DustToMetal = %g)?",
              cubix_params_origin(par, "Dust"), cubix_DustGas_word[par->DustGas], par->DustToMetal);
}
