/* stage.h -- a stage of the program: its errors become everybody's, its time and memory are told. */
#ifndef CUBIX_MPI_STAGE_H
#define CUBIX_MPI_STAGE_H

#include <stdio.h>

/** Run a call as the stage `name` on all ranks: agree on its status, log seconds of the slowest rank.  For main(). */
#define CUBIX_STAGE(name, call) \
  do { \
    cubix_mpi_stage_begin(name); \
    status = (call); \
    if (status) cubix_error_frame(__func__, __FILE__, __LINE__); \
    status = cubix_mpi_stage_end(status); \
    if (status) goto done; \
  } while (0)

/** Start the clock.  Local. */
void cubix_mpi_stage_begin(const char *name);
/** Agree on the status, gather times and peak memory.  Collective. */
int cubix_mpi_stage_end(int status);
/** The table of all stages so far, as text.  Local (rank 0). */
void cubix_mpi_stage_print(FILE *out);
/** One line with the total and the peak memory per rank.  Collective. */
void cubix_mpi_stage_summary(void);

#endif
