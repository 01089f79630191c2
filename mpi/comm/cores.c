#define _GNU_SOURCE              /* sched_getaffinity */
/* cores.c -- the cores that ranks have, and whether they are enough. */
#include "mpi/comm/cores.h"

#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"

static int cores_of(pid_t process)
{
  cpu_set_t may;
  return sched_getaffinity(process, sizeof may, &may) ? 0 : CPU_COUNT(&may);
}

/* Where nobody chose a number of threads, each rank has as many as cores: of what Open MPI's mpirun, our parent, may
 * use on this node, how much stands idle since it has bound its ranks?  @return cores there for each that is in use;
 * 0: unknown */
static double idle(void)
{
  const char *ranks = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  const int own = cores_of(0), all = cores_of(getppid()), n = ranks ? atoi(ranks) : 0;
  return getenv("OMP_NUM_THREADS") || n < 1 || own < 1 ? 0 : (double)all / ((double)n * own);
}

void cubix_mpi_cores_warn(void)
{
  const int threads = omp_get_max_threads(), cores = omp_get_num_procs(), there = (int)sysconf(_SC_NPROCESSORS_ONLN);
  const double worst = cubix_mpi_max(cores < there ? (double)threads / cores : 0), spare = cubix_mpi_max(idle());
  if (cubix_mpi_rank()) return;
  if (worst > 1)
    cubix_log(CUBIX_LOG_WARNING,
              "ranks have up to %.3g times as many threads (OMP_NUM_THREADS) as cores that they may run on, so "
              "threads take turns: tell mpirun not to bind them, --bind-to none, or to give each rank its cores, "
              "--map-by slot:pe=%d",
              worst, threads);
  else if (spare >= 2)
    cubix_log(CUBIX_LOG_WARNING,
              "mpirun has bound each rank to %d core(s), so that a node has %.3g times as many cores as are in use: "
              "start one rank without mpirun, or tell mpirun to give each rank its cores (--map-by slot:pe=N with "
              "OMP_NUM_THREADS=N) or not to bind them (--bind-to none); OMP_NUM_THREADS=%d says that it is meant so",
              cores, spare, cores);
}

void cubix_mpi_take_cores(void)
{
  const long all = sysconf(_SC_NPROCESSORS_ONLN) * cubix_mpi_local_size();
  cubix_mpi_use_cores(cubix_mpi_rank() == 0 ? all / cubix_mpi_node_size() : 1);
}
