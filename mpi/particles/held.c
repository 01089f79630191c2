/* held.c -- what is held of all stars while they are read in chunks: position, velocity and present mass, 56 bytes a
 * star, from which centre, systemic velocity, axes and neighbours are found (and up to 36 more while the disc is
 * looked for).  SlabMemory does not bound this.  Where SelectRadius counts from a centre that is known beforehand,
 * it is held only of the stars within. */
#include "mpi/particles/held.h"

#include "base/error.h"
#include "base/memory.h"
#include "geometry/frame.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/particles/frame_parts.h"
#include "mpi/particles/reader.h"
#include "params/params.h"
#include "simulation/simformat.h"
#include "simulation/slab.h"

int cubix_mpi_held_count(struct cubix_particles *particles, int64_t read)
{
  int status = CUBIX_OK;
  struct cubix_slab *slab = particles->slab;
  slab->n_total = cubix_mpi_sum_int(read);
  slab->n_wind = cubix_mpi_sum_int(particles->reader->n_wind);
  CUBIX_CHECK(slab->n_total > 0, CUBIX_ENONE,
              "%s holds no stars: all %lld star particles are wind cells (formation scale factor <= 0)",
              slab->snapshot.file[0], (long long)slab->n_file_total);
done:
  return status;
}

unsigned cubix_mpi_held_lengths(const struct cubix_particles *particles)
{
  return particles->reader->sim->field[CUBIX_FIELD_LENGTH].name[0] ? CUBIX_SLAB_LENGTH : 0;
}

/* Chunk by chunk, what lies within SelectRadius of a centre that is known: only that is held. */
static int read_near(struct cubix_particles *particles, unsigned parts, const double centre[3])
{
  int status = CUBIX_OK;
  struct cubix_reader *reader = particles->reader;
  struct cubix_slab *slab = particles->slab, near = { 0 };
  int64_t read = 0;
  CUBIX_TRY(cubix_mpi_agree(cubix_slab_reserve(&near, 0, parts)));
  for (size_t c = 0; c < particles->n_chunk; c++) {
    CUBIX_TRY(cubix_mpi_agree(cubix_slab_reserve(slab, cubix_mpi_reader_rows(reader, c), parts)));
    CUBIX_TRY(cubix_mpi_reader_read(reader, c));
    read += (int64_t)slab->n;
    status = cubix_frame_select(centre, particles->par->SelectRadius, slab);
    if (!status) status = cubix_slab_append(&near, slab);
    CUBIX_TRY(cubix_mpi_agree(status));
  }
  cubix_slab_take(slab, &near);
  CUBIX_TRY(cubix_mpi_held_count(particles, read));
done:
  cubix_slab_forget_stars(&near);
  return status;
}

int cubix_mpi_held_read(struct cubix_particles *particles, unsigned parts)
{
  int status = CUBIX_OK;
  struct cubix_reader *reader = particles->reader;
  const size_t rows = reader->n_chunk_rows;
  double centre[3];
  if (reader->sim->field[CUBIX_FIELD_POTENTIAL].name[0]) parts |= CUBIX_SLAB_POTENTIAL;
  parts |= cubix_mpi_held_lengths(particles);
  if (particles->n_chunk > 1 && particles->par->SelectRadius > 0 &&
      cubix_mpi_frame_stated(centre, particles->par, &particles->slab->snapshot))
    return read_near(particles, parts, centre);
  reader->n_chunk_rows = reader->n_largest;
  const double need = cubix_slab_bytes((double)reader->n_largest, parts) * cubix_mpi_local_size(),
               there = cubix_memory_free();
  CUBIX_MPI_CHECK(need <= there, CUBIX_EUSAGE,
                  particles->n_chunk == 1
                      ? "the stars take %.3g GB on a node of %d rank(s), where %.3g GB are free: use more nodes, or "
                        "SlabMemory to read them in chunks"
                      : "centre, velocity and axes, and SmoothingLength knn, are found from all stars at once, which "
                        "takes %.3g GB on a node of %d rank(s), where %.3g GB are free: use more nodes, or give "
                        "numbers for Centre, SystemicVelocity and SmoothingLength, and Orientation none or angles, for "
                        "which stars are read in chunks; with SelectRadius about a Centre that is given or stated "
                        "only the stars within it are held",
                  1e-9 * need, cubix_mpi_local_size(), 1e-9 * there);
  CUBIX_TRY(cubix_mpi_agree(cubix_slab_reserve(particles->slab, cubix_mpi_reader_rows(reader, 0), parts)));
  CUBIX_TRY(cubix_mpi_reader_read(reader, 0));
  reader->n_chunk_rows = rows;
  if (particles->n_chunk == 1) cubix_mpi_reader_forget(reader);
  CUBIX_TRY(cubix_mpi_held_count(particles, (int64_t)particles->slab->n));
done:
  return status;
}
