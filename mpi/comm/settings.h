/* settings.h -- what the library sets in its process while it works.
 *
 * A program of ours sets it once (cubix_mpi_start).  In a host program every call into a pipeline that
 * was opened on a communicator sets it, and gives back on its way out what it found: the ranks that
 * work together, who collects warnings, OpenMP's number of threads, GSL's error handler, and
 * HDF5_USE_FILE_LOCKING in the environment. */
#ifndef CUBIX_MPI_COMM_SETTINGS_H
#define CUBIX_MPI_COMM_SETTINGS_H

#include "base/log.h"
#include "mpi/comm/group.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_settings {
  const struct cubix_group *group;
  struct cubix_warnings *warnings;
  int n_thread;
  int own_locking;                /* 1: the environment did not say, and says so again afterwards */
  void (*gsl_handler)(const char *, const char *, int, int);
};

/** Set them for work of a group.  Local.
 *  @param[out] before what was found
 *  @param group, warnings borrowed until cubix_mpi_settings_leave */
void cubix_mpi_settings_enter(struct cubix_settings *before, const struct cubix_group *group,
                              struct cubix_warnings *warnings);
/** Give back what was found.  Local. */
void cubix_mpi_settings_leave(const struct cubix_settings *before);

/* Opening something for the ranks of a host's communicator. */
struct cubix_opening {
  struct cubix_settings before;
  struct cubix_group *group;
  struct cubix_warnings warnings; /* begins with those that the program has collected */
};
/** Start MPI if the host has not, make the group, enter, and warn of what the host's way of starting MPI
 * keeps us from.  Collective over comm, which is duplicated.
 *  Errors: CUBIX_EFAIL where MPI has been finalized or comm is MPI_COMM_NULL. */
int cubix_mpi_settings_open(struct cubix_opening *opening, MPI_Comm comm);
/** Leave.  Collective over comm after a failure.
 *  @param[out] group whose it is from now on, for cubix_mpi_settings_close; after a failure it is freed */
void cubix_mpi_settings_opened(struct cubix_opening *opening, int status, struct cubix_group **group);
/** Free a group.  Collective over its ranks, unless MPI has been finalized.  @param group or NULL */
void cubix_mpi_settings_close(struct cubix_group *group);

#ifdef __cplusplus
}
#endif
#endif
