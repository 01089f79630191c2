/* reader_parts.h -- inside the reader: what its files share. */
#ifndef CUBIX_MPI_READER_PARTS_H
#define CUBIX_MPI_READER_PARTS_H

#include "catalogue/catalogue.h"
#include "mpi/particles/reader.h"
#include "simulation/clock.h"
#include "spectra/survival.h"

enum {
  PIECE = CUBIX_READER_PIECE,
  BLOCK = 1024                    /* rows that a thread converts at a time, in its cache */
};

struct cubix_range { double low[3], high[3]; };

struct cubix_reader_state {
  struct cubix_groups groups;             /* on rank 0 */
  struct cubix_clock *clock;              /* from times of formation to ages; NULL: the file holds ages */
  double gas_kernel;                      /* GasKernel */
  struct cubix_survival *survival;        /* of the library, where masses at birth follow from it; else NULL */
  size_t n_kept;                          /* stars in the slab so far */
  struct cubix_range range;               /* of the positions since chunk 0, before they are led back into the box */
  size_t n_read;                          /* rows, since chunk 0 */
  int64_t wanted;                         /* bytes of those columns' rows that were read, since chunk 0 */
  void *piece[CUBIX_N_FIELD];             /* [PIECE][n_c] as in the file; NULL: not read */
  double unpacked[CUBIX_N_FIELD];         /* bytes that it took at most to unpack a column's pieces */
  int single[CUBIX_N_FIELD];              /* 1: float, 0: double */
  /* who reads, and what of the open member */
  unsigned char *examined;                /* [parts] 1: data that lie in other files are there for this rank, too */
  int collective;                         /* ReadMode */
  /* [ranks] for each rank the one that reads for it: with ReadMode collective the first of its node */
  int *reads_for;
  int reads_for_others;
  double *relay;                          /* [3 PIECE] rows on their way to another rank */
  struct cubix_span *share;               /* [ranks] */
  struct cubix_reader_members *members;   /* that stay open */
  int member;                             /* that of the open part, where this rank reads of it, */
  struct cubix_source *source;            /* and its columns; NULL: none */
  struct cubix_column *column[CUBIX_N_FIELD];
  int relayed[CUBIX_N_FIELD];             /* 1: read by reads_for, 0: by every rank itself */
};

/** Decide which rank reads for which.  Collective. */
void cubix_mpi_reader_divide(struct cubix_reader *reader);
/** Open a member into state->source, or take it from those that stayed open.  Local.  Errors: CUBIX_EINPUT. */
int cubix_mpi_reader_member_open(struct cubix_reader *reader, int member);
/** Close it, or keep it for later.  Local. */
void cubix_mpi_reader_member_close(struct cubix_reader *reader);
/** Begin without open members.  Local.  Errors: CUBIX_ENOMEM. */
int cubix_mpi_reader_members_init(struct cubix_reader *reader);
/** Do not open a part, and agree to what others find in it.  Local. */
void cubix_mpi_reader_stay(struct cubix_reader *reader);
/** Open the columns of a part that are wanted, in state->source.  Local.  Errors: CUBIX_EINPUT. */
int cubix_mpi_reader_go(struct cubix_reader *reader, const struct cubix_simpart *part);
/** What ranks send to each other, in which precision: only what all who opened a part have found alike, else
 * each reads by itself, in double precision.  Collective: nodes may see different files, and who is waited for
 * must know. */
void cubix_mpi_reader_agree(struct cubix_reader *reader);
/** Unpack what this rank's piece p of the open part needs of all columns.  Local. */
void cubix_mpi_reader_unpack(struct cubix_reader *reader, const struct cubix_simpart *part, size_t p);
/** The disk may begin with what this rank reads of piece p, for itself and for others.  Local. */
void cubix_mpi_reader_soon(const struct cubix_reader *reader, const struct cubix_simpart *part, size_t p);
/** Rows of this rank's piece p of the open part, into state->piece.  To be called by all ranks
 * with the same fields and pieces in the same order,
 *  whatever has failed before: some may read for others.  Errors: CUBIX_EINPUT, on the rank that
 *  wants the rows. */
int cubix_mpi_reader_fetch(struct cubix_reader *reader, const struct cubix_simpart *part, enum cubix_field field,
                           size_t p);
/** Close the columns and their source.  Local. */
void cubix_mpi_reader_leave(struct cubix_reader *reader);

/** Was this quantity of the part read, or (0) did the user give it, or is it not wanted?  Local. */
int cubix_piece_has(const struct cubix_reader *reader, const struct cubix_simpart *part, enum cubix_field field);
/** Append the stars of the piece in state->piece to the slab, in physical units; wind cells are
 * dropped.  Local.
 *  @param part_row of the part, at which the piece begins  @param n rows
 *  Errors: CUBIX_EINPUT: a number that makes no sense, with its row and its bounds. */
int cubix_piece_keep(struct cubix_reader *reader, const struct cubix_simpart *part, int64_t part_row, size_t n);

/* Particles to .. to + n - 1 of the slab, and of what is read to derive others. */
struct cubix_derived {
  size_t to, n;
  double mass[BLOCK], energy[BLOCK], electrons[BLOCK];
  unsigned char unborn[BLOCK];    /* 1: a star that was there from the beginning, without a time of formation */
};
/** What follows from other columns: fractions of masses, masses at birth, temperatures and kernels of gas.
 * Local.  @return 1 where a number makes no sense */
int cubix_piece_derive(const struct cubix_reader *reader, const struct cubix_simpart *part,
                       const struct cubix_derived *given);

#endif
