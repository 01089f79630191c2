/* stream.c -- passes over all stars.
 *
 * What is found from all stars (frame.c) asks for them a few dozen times, and needs little of them each time: a
 * column or two.  Where they do not fit into SlabMemory they are read again for every pass; the system mostly has
 * them still.  Who asks sets aside what it will need again as far as there is room; what it finds depends on neither.
 * Once the centre is known those within SelectRadius are kept if they fit, and nothing is read any more.
 *
 * An AlignWith inertia goes through a sample of some 2e5 stars often: there is always room for it. */
#include "mpi/particles/stream.h"

#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "geometry/frame.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"

enum { LEAST = 1024 };                      /* rows */
static const double least_room = 1 << 24;   /* bytes of all ranks together */

double cubix_mpi_slab_memory(const struct cubix_params *par)
{
  return cubix_mpi_min(par->SlabMemory > 0 ? 1e6 * par->SlabMemory
                                           : cubix_memory_free() / (2 * cubix_mpi_local_size()));
}

struct cubix_stream cubix_mpi_stream_held(struct cubix_slab *slab)
{
  return (struct cubix_stream){ .slab = slab, .room = INFINITY };
}

struct cubix_stream cubix_mpi_stream_read(struct cubix_reader *reader, struct cubix_slab *slab, double bytes)
{
  /* position, velocity, mass, and a number that follows from them */
  const double row = cubix_slab_bytes(1, CUBIX_SLAB_MOTION) + sizeof(double), half = 0.5 * bytes;
  const double some = CUBIX_READER_PIECE, piece = cubix_mpi_reader_bytes(some);
  const double rows = half > row * some + piece ? (half - piece) / row : half / (row + piece / some);
  struct cubix_stream stars = { .slab = slab, .reader = reader };
  stars.bytes = bytes;
  stars.rows = (size_t)fmin(fmax(rows, LEAST), (double)reader->n_largest);
  stars.room = fmax(half, least_room / cubix_mpi_size());
  return stars;
}

int cubix_mpi_stream_has(const struct cubix_stream *stars) { return stars->reader || stars->slab->position; }

size_t cubix_mpi_stream_rows(const struct cubix_stream *stars) { return stars->reader ? stars->rows : stars->slab->n; }

/* The stars of a slab, all at once or a few at a time. */
static void show(const struct cubix_stream *stars, void (*see)(void *host, const struct cubix_slab *some), void *host)
{
  const struct cubix_slab *slab = stars->slab;
  const size_t rows = stars->rows ? stars->rows : slab->n;
  for (size_t first = 0; first < slab->n; first += rows) {
    struct cubix_slab some = *slab;
    some.n = slab->n - first < rows ? slab->n - first : rows;
    some.position += 3 * first;
    if (some.velocity) some.velocity += 3 * first;
    if (some.mass_now) some.mass_now += first;
    if (some.potential) some.potential += first;
    see(host, &some);
  }
}

int cubix_mpi_stream_count(struct cubix_slab *slab, const struct cubix_reader *reader, int64_t read)
{
  int status = CUBIX_OK;
  slab->n_total = cubix_mpi_sum_int(read);
  slab->n_wind = cubix_mpi_sum_int(reader->n_wind);
  CUBIX_CHECK(slab->n_total > 0, CUBIX_ENONE,
              "%s holds no stars: all %lld star particles are wind cells (formation scale factor <= 0)",
              slab->snapshot.file[0], (long long)slab->n_file_total);
done:
  return status;
}

/* Bytes of stars that are kept, with a number that follows from each of them. */
static double kept_bytes(double n) { return cubix_slab_bytes(n, CUBIX_SLAB_MOTION) + n * sizeof(double); }

/* What is kept of the stars that are shown, on its way to who sees them. */
struct keeping {
  struct cubix_slab *near;
  size_t most;                    /* stars */
  int full;                       /* 1: there are more */
  void (*see)(void *host, const struct cubix_slab *some);
  void *host;
};

static void keep_some(void *host, const struct cubix_slab *some)
{
  struct keeping *k = host;
  k->see(k->host, some);
  k->full |= k->near->n + some->n > k->most;
  if (k->full) return;
  cubix_slab_insert(k->near, k->near->n, some);
  k->near->n += some->n;
}

/* The stars of the slab are all that there are. */
static void settle(struct cubix_stream *stars, struct cubix_slab *near)
{
  cubix_slab_take(stars->slab, near);
  stars->reader = NULL;
  stars->centre = NULL;
  stars->kept = 1;
  stars->room = cubix_mpi_min(fmax(stars->bytes - kept_bytes((double)stars->slab->n), least_room / cubix_mpi_size()));
}

int cubix_mpi_stream_select(struct cubix_stream *stars, const double centre[3], double radius, int keep,
                            void (*see)(void *host, const struct cubix_slab *some), void *host)
{
  int status = CUBIX_OK;
  struct cubix_slab near = { 0 };
  struct keeping k = { .near = &near, .see = see, .host = host };
  if (!stars->reader) {
    CUBIX_TRY(cubix_mpi_agree(cubix_frame_select(centre, radius, stars->slab)));
    return cubix_mpi_stream_pass(stars, CUBIX_SLAB_PLACE, see, host);
  }
  stars->centre = centre;
  stars->radius = radius;
  if (!keep || !(radius > 0)) return cubix_mpi_stream_pass(stars, CUBIX_SLAB_PLACE, see, host);
  const double rows = (double)stars->rows;
  const double left = stars->bytes - cubix_slab_bytes(rows, CUBIX_SLAB_MOTION) - cubix_mpi_reader_bytes(rows);
  k.most = (size_t)fmin(fmax(left / kept_bytes(1), 0), (double)stars->reader->n_largest);
  CUBIX_TRY(cubix_mpi_agree(cubix_slab_reserve(&near, k.most, CUBIX_SLAB_MOTION)));
  near.n = 0;
  CUBIX_TRY(cubix_mpi_stream_pass(stars, CUBIX_SLAB_MOTION, keep_some, &k));
  if (!cubix_mpi_sum_int(k.full)) settle(stars, &near);
done:
  cubix_slab_forget_stars(&near);
  return status;
}

int cubix_mpi_stream_pass(struct cubix_stream *stars, unsigned parts,
                          void (*see)(void *host, const struct cubix_slab *some), void *host)
{
  int status = CUBIX_OK;
  struct cubix_reader *reader = stars->reader;
  int64_t n = 0;
  if (!reader) {
    show(stars, see, host);
    return CUBIX_OK;
  }
  if (stars->there && stars->parts == parts && stars->there_about == stars->centre) {
    see(host, stars->slab);
    return CUBIX_OK;
  }
  stars->there = 0;
  stars->n_pass++;
  const size_t rows = reader->n_chunk_rows;
  reader->n_chunk_rows = stars->rows;
  if (stars->parts != parts) {
    stars->parts = 0;
    CUBIX_TRY(cubix_mpi_agree(cubix_slab_reserve(stars->slab, stars->rows, parts)));
    stars->parts = parts;
  }
  for (size_t c = 0; c * stars->rows < reader->n_largest; c++) {
    CUBIX_TRY(cubix_mpi_reader_read(reader, c));
    n += (int64_t)stars->slab->n;
    if (stars->centre) CUBIX_TRY(cubix_mpi_agree(cubix_frame_select(stars->centre, stars->radius, stars->slab)));
    see(host, stars->slab);
  }
  if (!stars->counted) CUBIX_TRY(cubix_mpi_stream_count(stars->slab, reader, n));
  stars->counted = 1;
  stars->there = stars->rows >= reader->n_largest;
  stars->there_about = stars->centre;
done:
  reader->n_chunk_rows = rows;
  return status;
}

void cubix_mpi_stream_end(struct cubix_stream *stars)
{
  if (!stars->reader && !stars->kept) return;
  cubix_slab_forget_stars(stars->slab);
  stars->parts = 0;
}
