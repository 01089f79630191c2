/* memory_parts.h -- inside the check of memory: what is known about a run, and the plan of the
 * memory that it will take. */
#ifndef CUBIX_MPI_MEMORY_PARTS_H
#define CUBIX_MPI_MEMORY_PARTS_H

#include "base/memory.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "engine/sounding.h"
#include "mpi/particles/particles.h"

struct cubix_memory_job {
  const struct cubix_params *par;
  const struct cubix_instrument *ins;
  const struct cubix_scene *scene;
  const struct cubix_templates *templates;
  struct cubix_particles *particles;
  const struct cubix_device *dev;
  const unsigned char *active;
  int n_thread, n_rank, rank, counted, say;
  double painted, field, channels;          /* spaxels; channels of this rank */
  double rows, all_rows, records;           /* stars in memory at a time, of all chunks; records of those in memory */
  double *count, *count_all;                /* [painted] parts of this rank's stars, of all ranks'; NULL: unknown */
  double values, values_all, n_star;        /* of the histogram, this rank's and all ranks'; records of all ranks */
  double values_chunk;                      /* of a chunk of this rank */
  int keep_screens;                         /* A(V) in front of the stars of all chunks is kept */
  double young;                             /* stars of this rank that may shine in lines, of all chunks */
  double fullest, fullest_own;              /* records in memory of the fullest spaxel, of this rank's stars or own */
  /* where ranks own spaxels: those of this rank, the stars in them that are in memory at a time; values
   * of the histogram, and of all ranks' chunks */
  double spaxels_own, records_own, values_own, values_own_chunk;
  int64_t beyond[CUBIX_N_REACH];
  unsigned char *used;                      /* [n_row] library rows in use; NULL: unknown, and all of them */
  struct cubix_sounding *mine, *all, *chunk; /* of this rank's stars, all ranks', one chunk's; NULL: unknown */
  double step;                              /* of the templates' nodes [km/s] */
  struct cubix_engine *engine;
  int prepared;                             /* templates lie in the cache */
};

/** The plan of this rank.  Collective. */
void cubix_mpi_memory_plan(struct cubix_memory_plan *plan, const struct cubix_memory_job *job);

#endif
