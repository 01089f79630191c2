/* rows.c -- how many stars a rank has, of all chunks and at a time. */
#include "mpi/particles/particles.h"
#include "mpi/particles/reader.h"
#include "mpi/particles/young.h"

size_t cubix_mpi_particles_rows(const struct cubix_particles *particles, size_t *all)
{
  const struct cubix_young *young = particles->young;
  *all = young && young->start ? young->start[young->parent->n] : 0;
  for (size_t c = 0; particles->reader && c < particles->n_star_chunk; c++)
    *all += cubix_mpi_reader_rows(particles->reader, c);
  if (particles->n_chunk == 1) return *all = particles->slab->n;
  const size_t rows = particles->reader->n_chunk_rows;
  return rows > particles->n_young_rows ? rows : particles->n_young_rows;
}
