#define _POSIX_C_SOURCE 200809L
/* settings.c -- what the library sets in its process while it works, and gives back to a host. */
#include "mpi/comm/settings.h"

#include <gsl/gsl_errno.h>
#include <omp.h>
#include <stdlib.h>

#include "base/error.h"

void cubix_mpi_settings_enter(struct cubix_settings *before, const struct cubix_group *group,
                              struct cubix_warnings *warnings)
{
  *before = (struct cubix_settings){ .group = cubix_mpi_group(),
                                     .n_thread = omp_get_max_threads(),
                                     .own_locking = !getenv(CUBIX_LOCKING),
                                     .gsl_handler = gsl_set_error_handler_off() };
  before->warnings = cubix_log_collect(warnings);
  cubix_mpi_group_use(group);
  cubix_mpi_share_cores();
  if (before->own_locking) setenv(CUBIX_LOCKING, "FALSE", 1);
}

void cubix_mpi_settings_leave(const struct cubix_settings *before)
{
  if (before->own_locking) unsetenv(CUBIX_LOCKING);
  gsl_set_error_handler(before->gsl_handler);
  omp_set_num_threads(before->n_thread);
  cubix_mpi_group_use(before->group);
  cubix_log_collect(before->warnings);
}

void cubix_mpi_settings_close(struct cubix_group *group)
{
  int over = 0;
  if (!group) return;
  MPI_Finalized(&over);
  if (!over) cubix_mpi_group_free(group);
  free(group);
}

int cubix_mpi_settings_open(struct cubix_opening *opening, MPI_Comm comm)
{
  int status = CUBIX_OK;
  struct cubix_group *group = NULL;
  CUBIX_TRY(cubix_mpi_begin(NULL, NULL));
  CUBIX_CHECK(comm != MPI_COMM_NULL, CUBIX_EFAIL,
              "the communicator is MPI_COMM_NULL: ranks that do not take part must not open a pipeline");
  CUBIX_ALLOC(group, 1);
  CUBIX_TRY(cubix_mpi_group_init(group, comm));
  opening->group = group;
  opening->warnings = *cubix_log_warnings();
  cubix_mpi_settings_enter(&opening->before, group, &opening->warnings);
  cubix_mpi_thread_warn();
  group = NULL;
done:
  free(group);
  return status;
}

void cubix_mpi_settings_opened(struct cubix_opening *opening, int status, struct cubix_group **group)
{
  cubix_mpi_settings_leave(&opening->before);
  if (status) cubix_mpi_settings_close(opening->group);
  else *group = opening->group;
}
