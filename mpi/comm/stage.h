/* stage.h -- a stage of the pipeline: the ranks agree on its status, and its time and memory are
 * recorded. */
#ifndef CUBIX_MPI_STAGE_H
#define CUBIX_MPI_STAGE_H

#include <stdio.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CUBIX_MAX_STAGE = 48 };

/** Times of the stages of a run: start with { 0 }. */
struct cubix_stages {
  struct { const char *name; double mean, slowest; int slowest_rank; double peak_mib; } stage[CUBIX_MAX_STAGE];
  int n;
  double started;
  double sent_before;               /* bytes that this rank had sent before the first stage */
  double sent_largest, sent_mean;   /* MiB that a rank has sent from the first stage to the last */
};

/** Run a call as the stage `name` on all ranks, and agree on its status; if stages is not NULL, log
 * the seconds of the slowest rank: with -v, or where it is a hundredth of all so far. */
#define CUBIX_STAGE(stages, name, call) \
  do { \
    cubix_mpi_stage_begin(stages, name); \
    status = (call); \
    if (status) cubix_error_frame(__func__, __FILE__, __LINE__); \
    status = cubix_mpi_stage_end(stages, status); \
    if (status) goto done; \
  } while (0)

/** Start the clock.  Local. */
void cubix_mpi_stage_begin(struct cubix_stages *stages, const char *name);
/** Agree on the status, gather times and peak memory.  Collective. */
int cubix_mpi_stage_end(struct cubix_stages *stages, int status);
/** Print the table of all stages so far.  Local (rank 0).  @param host the struct cubix_stages */
int cubix_mpi_stages_print(FILE *out, const void *host);
/** Log one line with the total time and the peak memory per rank.  Collective. */
void cubix_mpi_stages_summary(const struct cubix_stages *stages);

#ifdef __cplusplus
}
#endif
#endif
