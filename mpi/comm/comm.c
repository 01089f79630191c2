#define _POSIX_C_SOURCE 200809L
/* comm.c -- who we are among the ranks, and how an error of one becomes the error of all.
 *
 * The idea of cubix_mpi_agree: every stage that may fail ends with it, so that no rank walks into a
 * collective call that another, failed, rank will never enter.  The lowest failing rank lends its
 * message to all; rank 0's main prints it, once. */
#include "mpi/comm/comm.h"

#include <errno.h>
#include <fcntl.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <mpi.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "mpi/comm/group.h"
#include "params/params.h"

int cubix_mpi_agree(int status)
{
  char message[4096];
  int first = status ? cubix_mpi_rank() : cubix_mpi_size();
  MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, cubix_mpi_group()->comm);
  if (first == cubix_mpi_size()) return CUBIX_OK;
  int code = status;
  snprintf(message, sizeof message, "%s", cubix_error_message());
  MPI_Bcast(&code, 1, MPI_INT, first, cubix_mpi_group()->comm);
  MPI_Bcast(message, sizeof message, MPI_CHAR, first, cubix_mpi_group()->comm);
  if (cubix_mpi_rank() != first) cubix_error_set(code, __func__, __FILE__, __LINE__, "%s", message);
  return code;
}

int cubix_mpi_meet(int call, int *flag, int other[2])
{
  struct {
    int least, rank;
  } met[3] = { { call, cubix_mpi_rank() }, { -call, cubix_mpi_rank() }, { -!!*flag, cubix_mpi_rank() } };
  int over = 0;
  MPI_Finalized(&over);
  if (cubix_mpi_size() == 1 || over) return 1;            /* a host that ended MPI has met the others there */
  MPI_Allreduce(MPI_IN_PLACE, met, 3, MPI_2INT, MPI_MINLOC, cubix_mpi_group()->meeting);
  int lowest = met[0].least, highest = -met[1].least;
  *flag = -met[2].least;
  other[0] = lowest != call ? met[0].rank : met[1].rank;
  other[1] = lowest != call ? lowest : highest;
  return lowest == highest;
}

void cubix_mpi_wait(void)
{
  MPI_Request request;
  int arrived = 0;
  MPI_Ibarrier(cubix_mpi_group()->comm, &request);
  for (int tries = 0; !arrived; tries++) {
    struct timespec nap = { 0, tries < 1000 ? 0 : tries < 2000 ? 20000 : 1000000 };
    MPI_Test(&request, &arrived, MPI_STATUS_IGNORE);
    if (!arrived && nap.tv_nsec) nanosleep(&nap, NULL);
  }
}

double cubix_mpi_max(double x)
{
  /* MPI_MAX passes NaN over, or not, as ranks are many */
  double both[2] = { isnan(x) ? -INFINITY : x, isnan(x) };
  MPI_Allreduce(MPI_IN_PLACE, both, 2, MPI_DOUBLE, MPI_MAX, cubix_mpi_group()->comm);
  return both[1] > 0 ? NAN : both[0];
}

double cubix_mpi_min(double x) { return -cubix_mpi_max(-x); }

int64_t cubix_mpi_sum_int(int64_t x)
{
  MPI_Allreduce(MPI_IN_PLACE, &x, 1, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
  return x;
}

void cubix_mpi_or(uint64_t *word, size_t n)
{
  const size_t most = 1 << 20;
  for (size_t at = 0; at < n; at += most)
    MPI_Allreduce(MPI_IN_PLACE, word + at, (int)(n - at < most ? n - at : most), MPI_UINT64_T, MPI_BOR,
                  cubix_mpi_group()->comm);
}
