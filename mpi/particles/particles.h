/* particles.h -- the stars of all ranks: kept in memory if they fit, otherwise read again, chunk by
 * chunk, whenever they are needed.
 *
 * The pipeline uses it in this order: open, frame, fastest, place, then next until there is
 * none. */
#ifndef CUBIX_MPI_PARTICLES_H
#define CUBIX_MPI_PARTICLES_H

#include "cube/cube.h"
#include "cube/placement.h"
#include "engine/occupancy.h"
#include "engine/survey.h"
#include "geometry/frame.h"
#include "geometry/scene.h"
#include "instrument/instrument.h"
#include "params/params.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_columns;
struct cubix_reader;
struct cubix_sanity;
struct cubix_young;

struct cubix_particles {
  struct cubix_slab *slab;        /* what the files state, and counts; its stars change from chunk to chunk */
  const struct cubix_slab *gas;   /* that dims them, borrowed; NULL: none */
  struct cubix_survey *survey;    /* of all ranks' stars, once they have been placed */
  size_t n_chunk;                 /* 1: all stars stay in memory */
  /* 1: slab and placement (with source) stay until close, and may be placed and painted again */
  int keep;
  /* private */
  struct cubix_reader *reader;
  struct cubix_placement *placement;
  const struct cubix_params *par;
  const struct cubix_frame *frame;
  const struct cubix_tables *tables;
  size_t next;
  double n_record;                /* spaxels of a star in a placement, about */
  struct cubix_occupancy *occupancy; /* of this rank's stars, from when the fastest is found until they are placed */
  struct cubix_sanity *sanity;    /* what is counted of stars from files; NULL: judged, or not from files */
  double *length;                 /* with SmoothingLength knn, of this rank's stars in their order; else NULL */
  size_t length_at;               /* stars of the chunks before this one */
  struct cubix_young *young;      /* what ResampleYoung makes its particles of; NULL: stars are as the file has them */
  size_t n_star_chunk;            /* chunks of the file; what ResampleYoung makes comes behind them, */
  size_t n_young_rows;            /* in chunks of so many; 0: none, or all stars stay in memory */
  int told;                       /* 1: that its stars are fast */
  int dusty;                      /* 1: a host puts dust in front of them, too */
  struct cubix_columns *columns;  /* the dust in front of them (screens.h), borrowed; NULL: none */
  int keep_screens;               /* 1: A(V) in front of the stars of all chunks has room: it is found once, */
  double *screen;                 /* and kept here, chunk after chunk; NULL: not yet */
  size_t screen_room, screen_at;  /* numbers that fit; of the chunks before this one */
  int screen_whole;               /* 1: those of all chunks are there */
  int64_t n_behind, n_opaque;     /* stars placed so far that have some, and very much, in front */
  int told_dust;                  /* 1: how many these are */
};

/** Examine the file(s), decide on chunks (SlabMemory), and read what is needed first.  Collective.
 *  @param[out] particles owned by the caller; borrows par */
int cubix_mpi_particles_open(struct cubix_particles **particles, const struct cubix_params *par);
/** Particles from stars that the caller has, all of them in memory; they are copied.  Collective.
 *  @param stars of this rank, in rank order and in the file's frame
 *  @param[out] particles owned by the caller; borrows par */
int cubix_mpi_particles_hold(struct cubix_particles **particles, const struct cubix_params *par,
                             const struct cubix_slab *stars);
/** Find centre, systemic velocity and orientation, and apply SelectRadius.  Collective;
 * bit-identical on any number of ranks.
 *  @param[out] frame must outlive the particles */
int cubix_mpi_particles_frame(struct cubix_particles *particles, struct cubix_frame *frame);
/** Largest |v| along the line of sight of the stars that will be painted [km/s].  Collective.
 *  Errors: CUBIX_EINPUT: above the speed of light. */
int cubix_mpi_particles_fastest(double *v_max, struct cubix_particles *particles, const struct cubix_instrument *ins,
                                const struct cubix_scene *scene);
/** Find the spaxel of every star, fill maps and budget of the cube (this rank's part), and survey
 * all.  Collective.
 *  @param tables must outlive the particles */
int cubix_mpi_particles_place(struct cubix_particles *particles, struct cubix_cube *cube,
                              const struct cubix_tables *tables);
/** This rank's next chunk of placed stars; NULL after the last, and then the stars are freed.
 * Collective: all ranks have equally many chunks, some perhaps empty.
 *  @param[out] placement borrowed until the next call */
int cubix_mpi_particles_next(const struct cubix_placement **placement, struct cubix_particles *particles);
/** The stars of the chunk are not needed any more: free them unless they are kept.  Local. */
static inline void cubix_mpi_particles_drop(struct cubix_particles *particles)
{
  if (particles->keep) return;
  cubix_placement_free(particles->placement);
  particles->placement = NULL;
}
/** Bring the stars of chunk c, with all columns, the dust in front of them among these, into the slab and into the
 * sky frame; if all stars stay in memory they are there already.  Collective. */
int cubix_mpi_particles_fetch(struct cubix_particles *particles, size_t c);
/** Number of rows of this rank that are in memory at a time, and of all its chunks.  Local. */
size_t cubix_mpi_particles_rows(const struct cubix_particles *particles, size_t *all);
void cubix_mpi_particles_close(struct cubix_particles *particles);

/** Turn a survey of this rank's stars into that of all ranks.  Collective. */
void cubix_mpi_survey_sum(struct cubix_survey *survey);

#ifdef __cplusplus
}
#endif
#endif
