/* owners.h -- which rank owns which spaxels and which channels: stars become light at the owner of
 * their spaxel, and the PSF is applied, and the cube written, by the owners of the channels. */
#ifndef CUBIX_MPI_ENGINE_OWNERS_H
#define CUBIX_MPI_ENGINE_OWNERS_H

#include <stddef.h>

#include "cube/cube.h"
#include "engine/engine.h"
#include "engine/survey.h"

struct cubix_owners {
  int n_rank, n_lambda;
  /* rank r owns painted spaxels spaxel_first[r] .. spaxel_first[r + 1] - 1, perhaps none */
  size_t *spaxel_first;           /* [n_rank + 1] */
  const int *lambda_first;        /* [n_rank + 1] likewise, channels */
  int n_group;                    /* of owners of channels that follow each other: a strip is for one group */
  size_t most;                    /* spaxels of a strip, at most */
  int n_round;                    /* strips of the rank that has most */
};

/** 1 if ranks own spaxels; 0 if each paints its own stars in all of them.  Local. */
int cubix_mpi_owners_wanted(const struct cubix_engine *engine);
/** Into how many groups of channels strips are best cut.  Local. */
int cubix_mpi_owners_groups(const struct cubix_engine *engine);
/** Divide the painted spaxels so that all ranks have about the same work.  Collective.
 *  @param engine its channels are borrowed
 *  @param survey of all ranks' stars
 *  @param n_group of channels, at most n_rank; 1: a strip has all channels */
int cubix_mpi_owners_init(struct cubix_owners *owners, const struct cubix_engine *engine,
                          const struct cubix_survey *survey, int n_group);
/** The first spaxel of each rank.  Local: the same on all ranks that are given the same.
 *  @param count [n_spaxel] of stars
 *  @param[out] first [n_rank + 1] */
void cubix_mpi_owners_cut(size_t *first, const struct cubix_engine *engine, const double *count, size_t n_spaxel);
void cubix_mpi_owners_free(struct cubix_owners *owners);

/* Painted spaxels that are worked on together, all of one owner, in the channels of a group. */
struct cubix_strip {
  size_t first, n;
  int lambda_first, n_lambda;
};
/** The most spaxels that a strip has.  Local. */
size_t cubix_mpi_strip_most(size_t n_spaxel, int n_rank, int n_group);
/** The strip of a rank in a round, perhaps empty: all ranks go through the rounds together.
 * Local. */
struct cubix_strip cubix_mpi_owners_strip(const struct cubix_owners *owners, int rank, int round);
/** A zeroed cube for this rank's strip, as one row of spaxels.  Local.
 *  @param cube  empty, or that of another round: its memory, of the largest strip, is used again */
int cubix_mpi_strip_hold(struct cubix_cube *cube, const struct cubix_owners *owners, int round);
/** Where the strip's place is in this rank's own channels, if they are all that it is for.  Local.
 *  @param cube the channels that this rank owns, in all painted spaxels
 *  @return flux borrowed from the cube, or NULL: hold a strip */
struct cubix_cube cubix_mpi_strip_place(const struct cubix_cube *cube, const struct cubix_owners *owners, int round);
/** Bring the strips of a round to the owners of the channels.  Collective.
 *  @param[in,out] cube the channels that this rank owns, in all painted spaxels
 *  @param strip  held, or in its place */
int cubix_mpi_strip_give(struct cubix_cube *cube, const struct cubix_cube *strip, const struct cubix_owners *owners,
                         int round);
/** The adjoint: bring the channels' values in the strips of a round to the owners of the spaxels.
 * Collective. */
int cubix_mpi_strip_take(struct cubix_cube *strip, const struct cubix_cube *cube, const struct cubix_owners *owners,
                         int round);

#endif
