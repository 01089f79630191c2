/* reader.h -- inside mpi/: each rank's share of the stars in the file(s), chunk by chunk, as often
 * as needed. */
#ifndef CUBIX_MPI_READER_H
#define CUBIX_MPI_READER_H

#include <stddef.h>
#include <stdint.h>

#include "params/params.h"
#include "simulation/simfile.h"
#include "simulation/slab.h"

enum { CUBIX_READER_PIECE = 1 << 17 };    /* rows that are read at a time */

struct cubix_reader {
  struct cubix_simfile *sim;              /* its list of files is the slab's */
  struct cubix_slab *slab;                /* where stars go; borrowed */
  size_t n_largest;                       /* rows of the largest share */
  size_t n_chunk_rows;                    /* of every rank's share in a chunk; n_largest at first */
  size_t n_group;                         /* that GroupIndex lists; 0: there is no GroupCatalogue */
  int64_t n_wind;                         /* wind cells dropped by this rank since chunk 0 */
  struct cubix_reader_state *state;       /* the reader's own */
};

/** Look into the file(s).  Collective.
 *  @param everything  as in cubix_simfile_open
 *  @param[out] reader owned by the caller; @param[out] slab likewise: what the files say of themselves, and no
 *  stars yet */
int cubix_mpi_reader_open(struct cubix_reader **reader, struct cubix_slab **slab, const struct cubix_params *par,
                          enum cubix_population population, int everything);
/** Of the groups that GroupIndex lists only number i, from 0 on, from now on.  Collective.
 *  Errors: CUBIX_ENONE: it has no stars. */
int cubix_mpi_reader_group(struct cubix_reader *reader, const struct cubix_params *par, size_t i);
/** Rows of this rank's share in chunk c.  Local. */
size_t cubix_mpi_reader_rows(const struct cubix_reader *reader, size_t c);
/** Read chunk c into those columns of the slab that are allocated; it then holds the chunk's stars,
 * in physical units and in the file's frame.  Collective.
 *  Errors: CUBIX_EINPUT: a number that makes no sense, or data that do not exist. */
int cubix_mpi_reader_read(struct cubix_reader *reader, size_t c);
/** Free those columns of a slab of gas which the files cannot fill; reading does it, too.  Local. */
void cubix_mpi_reader_drop_unknown(struct cubix_reader *reader);
/** Bytes that reading takes beside the slab and what is kept.  Local. */
double cubix_mpi_reader_bytes(double n_row);
/** Bytes of the indices of members that stay open from chunk to chunk.  Local. */
double cubix_mpi_reader_kept_bytes(const struct cubix_reader *reader);
/** Bytes of columns of stars while they are unpacked, all that a cube needs, from those that were read.  Local. */
double cubix_mpi_reader_unpacked_bytes(const struct cubix_reader *reader);
/** Close them: nothing will be read for a while.  Local. */
void cubix_mpi_reader_forget(struct cubix_reader *reader);
void cubix_mpi_reader_close(struct cubix_reader *reader);

/** Send what rank 0 found in the files to all ranks.  Collective.
 *  @param[in,out] sim rank 0's; on the others owned by the caller */
int cubix_mpi_simfile_share(struct cubix_simfile **sim);
/** Only the parts, and which of their rows count.  Collective.  @param[in,out] sim rank 0's */
int cubix_mpi_simfile_share_choice(struct cubix_simfile *sim);

#endif
