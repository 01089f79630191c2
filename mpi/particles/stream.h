/* stream.h -- inside mpi/: passes over all stars, which are in memory, or are read again chunk by chunk. */
#ifndef CUBIX_MPI_STREAM_H
#define CUBIX_MPI_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "mpi/particles/reader.h"
#include "params/params.h"
#include "simulation/slab.h"

struct cubix_stream {
  struct cubix_slab *slab;        /* counts; all stars, or those of a chunk */
  struct cubix_reader *reader;    /* reads into the slab; NULL: all stars are there */
  size_t rows;                    /* of a rank in a chunk, the same on all ranks */
  double bytes;                   /* that all of it may take, the same on all ranks */
  double room;                    /* bytes that may be set aside of the stars, the same on all ranks */
  const double *centre;           /* of those that are read: images nearest to it; NULL: as they are, */
  double radius;                  /* and those within; 0: all [kpc] */
  int n_pass;                     /* how often they were read */
  /* private */
  unsigned parts;                 /* columns that there is room for; 0: none */
  int there;                      /* 1: all of them, from the last pass, */
  const double *there_about;      /* with this centre */
  int counted;                    /* 1: in the slab, by the first pass */
  int kept;                       /* 1: the slab has all that are wanted, until the end */
};

/** Bytes that SlabMemory allows a rank for its stars.  Collective, the same on all ranks. */
double cubix_mpi_slab_memory(const struct cubix_params *par);
/** Over stars that are all in memory.  Local. */
struct cubix_stream cubix_mpi_stream_held(struct cubix_slab *slab);
/** Over those of files, in chunks that take about half of so many bytes; the rest is room for what is set aside.
 * Collective.
 *  @param bytes the same on all ranks
 *  @param slab the reader's */
struct cubix_stream cubix_mpi_stream_read(struct cubix_reader *reader, struct cubix_slab *slab, double bytes);
/** Whether there are stars at all, or nothing was to be found from them.  Local. */
int cubix_mpi_stream_has(const struct cubix_stream *stars);
/** The most rows that come at a time on this rank.  Local. */
size_t cubix_mpi_stream_rows(const struct cubix_stream *stars);
/** Show all stars of this rank, chunk by chunk.  Collective.
 *  @param parts columns that are needed (enum of slab.h)
 *  Errors: those of reading, CUBIX_ENOMEM; CUBIX_ENONE: there are no stars. */
int cubix_mpi_stream_pass(struct cubix_stream *stars, unsigned parts,
                          void (*see)(void *host, const struct cubix_slab *some), void *host);
/** From now on only stars within a radius [kpc] of a centre, nearest images; 0: all.  Show them once; where their
 * motions are kept and fit into memory they are not read again.  Collective.
 *  @param centre borrowed  @param keep  1: more passes follow
 *  Errors: as those of a pass. */
int cubix_mpi_stream_select(struct cubix_stream *stars, const double centre[3], double radius, int keep,
                            void (*see)(void *host, const struct cubix_slab *some), void *host);
/** After a pass over all chunks: how many stars there are, into the slab.  Collective.  @param read by this rank
 *  Errors: CUBIX_ENONE: there are none. */
int cubix_mpi_stream_count(struct cubix_slab *slab, const struct cubix_reader *reader, int64_t read);
/** No more passes: free the stars of the last chunk.  Local. */
void cubix_mpi_stream_end(struct cubix_stream *stars);

#endif
