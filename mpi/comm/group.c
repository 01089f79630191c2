#define _POSIX_C_SOURCE 200809L
/* group.c -- which ranks work together, and who of them shares a node.
 *
 * One group is in use at a time: all ranks of the program, unless somebody says otherwise.  It is
 * the one thing about ranks that a process knows by itself; whoever opens a pipeline opens it for
 * the group in use, or on a communicator.  What belongs to a pipeline uses that one's group while
 * it works. */
#include "mpi/comm/group.h"

#include <gsl/gsl_errno.h>
#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/h5version.h"
#include "base/log.h"

static struct cubix_group all = { .comm = MPI_COMM_NULL, .meeting = MPI_COMM_NULL, .size = 1, .local_size = 1 };
static const struct cubix_group *group = &all;
static int began;                 /* MPI was started here, not by the host */
static int one_thread;            /* the host started MPI for a single thread */

/* The same on all ranks. */
static int check_libraries(const struct cubix_group *g)
{
  int status = cubix_h5version_check(), worst;
  MPI_Allreduce(&status, &worst, 1, MPI_INT, MPI_MAX, g->comm);
  CUBIX_CHECK(status || !worst, CUBIX_EFAIL, "another rank has an HDF5 that CUBIX was not compiled for");
done:
  return status;
}

int cubix_mpi_group_init(struct cubix_group *g, MPI_Comm comm)
{
  int status = CUBIX_OK;
  MPI_Comm node = MPI_COMM_NULL;
  *g = (struct cubix_group){ .comm = MPI_COMM_NULL, .meeting = MPI_COMM_NULL };
  CUBIX_CHECK(MPI_Comm_dup(comm, &g->comm) == MPI_SUCCESS && MPI_Comm_dup(comm, &g->meeting) == MPI_SUCCESS,
              CUBIX_EFAIL, "MPI_Comm_dup failed");
  MPI_Comm_rank(g->comm, &g->rank);
  MPI_Comm_size(g->comm, &g->size);
  MPI_Comm_split_type(g->comm, MPI_COMM_TYPE_SHARED, g->rank, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &g->local_rank);
  MPI_Comm_size(node, &g->local_size);
  g->local_root = g->rank;
  MPI_Bcast(&g->local_root, 1, MPI_INT, 0, node);
  MPI_Comm_free(&node);
  CUBIX_TRY(check_libraries(g));
done:
  if (status) cubix_mpi_group_free(g);
  return status;
}

void cubix_mpi_group_free(struct cubix_group *g)
{
  if (group == g) group = &all;
  if (g->meeting != MPI_COMM_NULL) MPI_Comm_free(&g->meeting);
  if (g->comm != MPI_COMM_NULL) MPI_Comm_free(&g->comm);
}

void cubix_mpi_group_use(const struct cubix_group *g) { group = g ? g : &all; }
const struct cubix_group *cubix_mpi_group(void) { return group; }

/* Alone, without mpirun, Open MPI need neither start a daemon nor look for a network: 0.2 s each. */
static void start_lightly(void)
{
  static const char *const launcher[] = { "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK" };
  for (size_t i = 0; i < sizeof launcher / sizeof *launcher; i++)
    if (getenv(launcher[i])) return;
  setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
  setenv("OMPI_MCA_pml", "ob1", 0);
}

int cubix_mpi_begin(int *argc, char ***argv)
{
  int status = CUBIX_OK, have = MPI_THREAD_SINGLE, running = 0, over = 0;
  MPI_Initialized(&running);
  MPI_Finalized(&over);
  CUBIX_CHECK(!over, CUBIX_EFAIL, "MPI was already finalized in this process, and can be started only once");
  if (running) MPI_Query_thread(&have);
  else {
    start_lightly();
    CUBIX_CHECK(MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &have) == MPI_SUCCESS, CUBIX_EFAIL,
                "MPI_Init_thread failed");
    began = 1;
  }
  CUBIX_CHECK(have >= MPI_THREAD_FUNNELED || !began, CUBIX_EFAIL,
              "this MPI offers no MPI_THREAD_FUNNELED, which OpenMP beside MPI needs");
  one_thread = have < MPI_THREAD_FUNNELED;
done:
  return status;
}

int cubix_mpi_node_size(void)
{
  /* what Open MPI and MPICH tell their ranks, where nobody has looked at all of them */
  static const char *const told[] = { "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS" };
  int n = all.comm == MPI_COMM_NULL ? 0 : all.local_size;
  for (size_t i = 0; i < sizeof told / sizeof *told && n < 1; i++)
    if (getenv(told[i])) n = atoi(getenv(told[i]));
  return n > group->local_size ? n : group->local_size;
}

void cubix_mpi_use_cores(long cores)
{
  if (one_thread) omp_set_num_threads(1);
  else if (!getenv("OMP_NUM_THREADS"))
    omp_set_num_threads(cores < 1 ? 1 : cores < omp_get_num_procs() ? (int)cores : omp_get_num_procs());
}

void cubix_mpi_share_cores(void) { cubix_mpi_use_cores(sysconf(_SC_NPROCESSORS_ONLN) / cubix_mpi_node_size()); }

void cubix_mpi_thread_warn(void)
{
  const int once = all.comm == MPI_COMM_NULL || group == &all;
  if (one_thread && once && cubix_mpi_rank() == 0)
    cubix_log(CUBIX_LOG_WARNING,
              "this program started MPI for a single thread (MPI_Init), so CUBIX uses one core for each rank: start it "
              "with MPI_Init_thread and MPI_THREAD_FUNNELED or more, and it uses all that are there");
}

int cubix_mpi_start(int *argc, char ***argv)
{
  int status = CUBIX_OK;
  /* cubix_h5_access does not reach files behind links and sources of virtual datasets */
  setenv(CUBIX_LOCKING, "FALSE", 0);
  CUBIX_TRY(cubix_mpi_begin(argc, argv));
  if (all.comm == MPI_COMM_NULL) CUBIX_TRY(cubix_mpi_group_init(&all, MPI_COMM_WORLD));
  cubix_mpi_share_cores();
  cubix_mpi_thread_warn();
  gsl_set_error_handler_off();    /* GSL's own would abort the process; its status is looked at instead */
done:
  return status;
}

int cubix_mpi_ready(void) { return group->comm == MPI_COMM_NULL ? cubix_mpi_start(NULL, NULL) : CUBIX_OK; }

int cubix_mpi_finish(int status)
{
  int over = 0;
  MPI_Finalized(&over);
  if (!over) cubix_mpi_group_free(&all);
  group = &all;
  if (began && !over) MPI_Finalize();
  began = 0;
  return cubix_error_exit_status(status);
}

int cubix_mpi_rank(void) { return group->rank; }
int cubix_mpi_size(void) { return group->size; }
int cubix_mpi_local_rank(void) { return group->local_rank; }
int cubix_mpi_local_size(void) { return group->local_size; }
int cubix_mpi_local_root(void) { return group->local_root; }
