/* held.c -- what is held of all stars while they are read in chunks: position, velocity and present mass, 56 bytes a
 * star, from which centre, systemic velocity, axes and neighbours are found (and up to 36 more while the disc is
 * looked for).  Where SelectRadius counts from a centre that is known beforehand, it is held only of the stars within.
 * What does not fit into SlabMemory is not held; but neighbours are sought among all stars at once. */
#include "mpi/particles/held.h"

#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "geometry/frame.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/particles/frame_parts.h"
#include "mpi/particles/reader.h"
#include "mpi/particles/stream.h"
#include "params/params.h"
#include "simulation/simformat.h"
#include "simulation/slab.h"

unsigned cubix_mpi_held_lengths(const struct cubix_particles *particles)
{
  return particles->reader->sim->field[CUBIX_FIELD_LENGTH].name[0] ? CUBIX_SLAB_LENGTH : 0;
}

/* Bytes of a star that is held, with what finding the disc takes; as much as a second copy, while more are added. */
static double star_bytes(unsigned parts) { return 2 * cubix_slab_bytes(1, parts); }

/* Chunk by chunk, what lies within SelectRadius of a centre that is known: only that is held.
 * @param[out] fits 0: it does not fit into so many bytes, and nothing is held */
static int read_near(int *fits, struct cubix_particles *particles, unsigned parts, const double centre[3], double bytes)
{
  int status = CUBIX_OK;
  struct cubix_reader *reader = particles->reader;
  struct cubix_slab *slab = particles->slab, near = { 0 };
  int64_t read = 0;
  const double chunk = cubix_slab_bytes((double)reader->n_chunk_rows, parts);
  *fits = 1;
  CUBIX_TRY(cubix_mpi_agree(cubix_slab_reserve(&near, 0, parts)));
  for (size_t c = 0; *fits && c < particles->n_chunk; c++) {
    CUBIX_TRY(cubix_mpi_agree(cubix_slab_reserve(slab, cubix_mpi_reader_rows(reader, c), parts)));
    CUBIX_TRY(cubix_mpi_reader_read(reader, c));
    read += (int64_t)slab->n;
    status = cubix_frame_select(centre, particles->par->SelectRadius, slab);
    if (!status && (double)(near.n + slab->n) * star_bytes(parts) + chunk <= bytes)
      status = cubix_slab_append(&near, slab);
    else *fits = 0;
    CUBIX_TRY(cubix_mpi_agree(status));
    *fits = !cubix_mpi_sum_int(!*fits);
  }
  if (*fits) {
    cubix_slab_take(slab, &near);
    CUBIX_TRY(cubix_mpi_stream_count(slab, reader, read));
  } else {
    cubix_slab_forget_stars(slab);
  }
done:
  cubix_slab_forget_stars(&near);
  return status;
}

/* Every row will be written. */
static void touch(const struct cubix_slab *slab, size_t n)
{
  const double *before = NULL;                     /* an age has several fields, one behind the other */
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    double *x = cubix_slab_column(slab, (enum cubix_field)f);
    if (x != before) cubix_memory_touch(x, n * (size_t)cubix_field_table[f].n_c * sizeof *x);
    before = x;
  }
}

int cubix_mpi_held_read(struct cubix_particles *particles, unsigned parts, int must)
{
  int status = CUBIX_OK, fits = 0;
  struct cubix_reader *reader = particles->reader;
  const size_t rows = reader->n_chunk_rows;
  const double n = (double)reader->n_largest, bytes = must ? INFINITY : cubix_mpi_slab_memory(particles->par);
  double centre[3];
  if (reader->sim->field[CUBIX_FIELD_POTENTIAL].name[0]) parts |= CUBIX_SLAB_POTENTIAL;
  parts |= cubix_mpi_held_lengths(particles);
  if (particles->n_chunk > 1 && particles->par->SelectRadius > 0 &&
      cubix_mpi_frame_stated(centre, particles->par, &particles->slab->snapshot)) {
    CUBIX_TRY(read_near(&fits, particles, parts, centre, bytes));
    goto done;
  }
  if (n * star_bytes(parts) + cubix_mpi_reader_bytes(n) > bytes) goto done;
  reader->n_chunk_rows = reader->n_largest;
  const double need = cubix_slab_bytes(n, parts) * cubix_mpi_local_size(), there = cubix_memory_free();
  CUBIX_MPI_CHECK(need <= there, CUBIX_EUSAGE,
                  particles->n_chunk == 1
                      ? "the stars take %.3g GB on a node of %d rank(s), where %.3g GB are free: use more nodes, or "
                        "SlabMemory to read them in chunks"
                      : "SmoothingLength knn is found from all stars at once, which takes %.3g GB on a node of %d "
                        "rank(s), where %.3g GB are free: use more nodes, or another SmoothingLength, for which stars "
                        "are read in chunks; with SelectRadius about a Centre that is given or stated only the stars "
                        "within it are held",
                  1e-9 * need, cubix_mpi_local_size(), 1e-9 * there);
  CUBIX_TRY(cubix_mpi_agree(cubix_slab_reserve(particles->slab, cubix_mpi_reader_rows(reader, 0), parts)));
  touch(particles->slab, cubix_mpi_reader_rows(reader, 0));
  CUBIX_TRY(cubix_mpi_reader_read(reader, 0));
  reader->n_chunk_rows = rows;
  if (particles->n_chunk == 1) cubix_mpi_reader_forget(reader);
  CUBIX_TRY(cubix_mpi_stream_count(particles->slab, reader, (int64_t)particles->slab->n));
done:
  return status;
}
