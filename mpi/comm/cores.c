#define _POSIX_C_SOURCE 200809L
/* cores.c -- the cores that ranks have, and whether they are enough. */
#include "mpi/comm/cores.h"

#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"

void cubix_mpi_cores_warn(void)
{
  const int threads = omp_get_max_threads(), cores = omp_get_num_procs(), there = (int)sysconf(_SC_NPROCESSORS_ONLN);
  const double worst = cubix_mpi_max(cores < there ? (double)threads / cores : 0);
  if (!(worst > 1)) return;
  if (cubix_mpi_rank() == 0)
    cubix_log(CUBIX_LOG_WARNING,
              "ranks have up to %.3g times as many threads (OMP_NUM_THREADS) as cores that they may run on, so "
              "threads take turns: tell mpirun not to bind them, --bind-to none, or to give each rank its cores, "
              "--map-by slot:pe=%d",
              worst, threads);
}

void cubix_mpi_take_cores(void)
{
  if (!getenv("OMP_NUM_THREADS")) omp_set_num_threads(cubix_mpi_rank() == 0 ? omp_get_num_procs() : 1);
}
