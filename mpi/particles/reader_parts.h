/* reader_parts.h -- inside the reader: what its files share. */
#ifndef CUBIX_MPI_READER_PARTS_H
#define CUBIX_MPI_READER_PARTS_H

#include <hdf5.h>

#include "math/cosmology.h"
#include "mpi/particles/reader.h"

enum { PIECE = CUBIX_READER_PIECE };

/* Rows [from, to). */
struct cubix_span { int64_t from, to; };

struct cubix_range { double low[3], high[3]; };

struct cubix_reader_state {
  double age_now;                         /* of the universe at the snapshot [Gyr] */
  struct cubix_age_table *ages;           /* NULL: the file holds ages */
  size_t n_kept;                          /* stars in the slab so far */
  struct cubix_range range;               /* of the positions since chunk 0, before they are led back into the box */
  size_t n_read;                          /* rows, since chunk 0 */
  void *piece[CUBIX_N_FIELD];             /* [PIECE][n_c] as in the file; NULL: not read */
  int single[CUBIX_N_FIELD];              /* 1: float, 0: double */
  /* who reads, and what of the open member */
  /* 1 in chunk 0 but on rank 0: are data that lie in other files there for this rank, too? */
  int examine;
  int collective;                         /* ReadMode */
  /* [ranks] for each rank the one that reads for it: with ReadMode collective the first of its node */
  int *reads_for;
  int reads_for_others;
  double *relay;                          /* [3 PIECE] rows on their way to another rank */
  struct cubix_span *share;               /* [ranks] */
  hid_t dataset[CUBIX_N_FIELD];           /* -1: none */
  int relayed[CUBIX_N_FIELD];             /* 1: read by reads_for, 0: by every rank itself */
};

/** Decide which rank reads for which.  Collective. */
void cubix_mpi_reader_divide(struct cubix_reader *reader);
/** Open the datasets of a member that are wanted.  Local.
 *  @param file open
 *  Errors: CUBIX_EINPUT. */
int cubix_mpi_reader_go(struct cubix_reader *reader, int member, hid_t file);
/** Agree on what ranks send to each other, and in which precision: only data that all have found
 * alike; otherwise each rank reads by itself, in double precision.  Collective, once all have
 * opened a member: nodes may see different files, and all must know which rank will send. */
void cubix_mpi_reader_agree(struct cubix_reader *reader);
/** Read this rank's piece p of the open member into state->piece.  All ranks must call it with the
 * same fields and pieces in the same order, even after a failure, because some may read for others.
 *  Errors: CUBIX_EINPUT, on the rank that wants the rows. */
int cubix_mpi_reader_fetch(struct cubix_reader *reader, int member, enum cubix_field field, hsize_t p);
/** Close the datasets.  Local. */
void cubix_mpi_reader_leave(struct cubix_reader *reader);

/** The column of the slab for a quantity; NULL if it is not allocated.  Local. */
double *cubix_piece_column(const struct cubix_slab *slab, enum cubix_field field);
/** Append the stars of the piece in state->piece to the slab, in physical units; wind cells are
 * dropped.  Local.
 *  @param member_row of the member, at which the piece begins
 *  @param n rows
 *  Errors: CUBIX_EINPUT: a number that makes no sense, with its row and its bounds. */
int cubix_piece_keep(struct cubix_reader *reader, int member, hsize_t member_row, size_t n);

#endif
