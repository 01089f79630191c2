#define _POSIX_C_SOURCE 200809L
/* comm.c -- who we are among the ranks, and how an error of one becomes the error of all.
 *
 * The idea of cubix_mpi_agree: every stage that may fail ends with it, so that no rank walks into a collective call that another,
 * failed, rank will never enter.  The lowest failing rank lends its message to all; rank 0's main prints it, once.          */
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
#include "params/params.h"

static int my_rank, n_rank = 1, my_local_rank, n_local_rank = 1, local_root, began;   /* began: MPI was started here, not by the host */
static MPI_Comm meeting = MPI_COMM_NULL;                                  /* cubix_mpi_meet's own: a host's collective calls cannot be taken for it */

/* Ranks that nobody bound to cores share the node's cores, unless the user says otherwise. */
static void share_cores(void)
{
  long cores = sysconf(_SC_NPROCESSORS_ONLN) / n_local_rank;
  if (getenv("OMP_NUM_THREADS")) return;
  omp_set_num_threads(cores < 1 ? 1 : cores < omp_get_num_procs() ? (int)cores : omp_get_num_procs());
}

void cubix_mpi_cores_warn(void)
{
  const int threads = omp_get_max_threads(), cores = omp_get_num_procs(), there = (int)sysconf(_SC_NPROCESSORS_ONLN);
  const double worst = cubix_mpi_max(cores < there ? (double)threads / cores : 0);
  if (!(worst > 1)) return;
  if (my_rank == 0)
    cubix_log(CUBIX_LOG_WARNING, "ranks have up to %.3g times as many threads (OMP_NUM_THREADS) as cores that they may run on, and their threads "
              "take turns: let mpirun not bind them, --bind-to none, or give each rank its cores, --map-by slot:pe=%d", worst, threads);
}

int cubix_mpi_start(int *argc, char ***argv)
{
  int status = CUBIX_OK, have = MPI_THREAD_SINGLE, running = 0, over = 0;
  MPI_Comm node = MPI_COMM_NULL;
  setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);        /* alone, without mpirun: Open MPI need not start a daemon, which takes it 0.2 s */
  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);             /* cubix_h5_access does not reach files behind links and sources of virtual datasets */
  MPI_Initialized(&running);
  MPI_Finalized(&over);
  CUBIX_CHECK(!over, CUBIX_EFAIL, "MPI was already finalized in this process, and can be started only once");
  if (running) MPI_Query_thread(&have);
  else CUBIX_CHECK(MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &have) == MPI_SUCCESS, CUBIX_EFAIL, "MPI_Init_thread failed");
  began = !running;
  CUBIX_CHECK(have >= MPI_THREAD_FUNNELED, CUBIX_EFAIL, "this MPI offers no MPI_THREAD_FUNNELED, which OpenMP beside MPI needs");
  MPI_Comm_rank(MPI_COMM_WORLD, &my_rank);
  MPI_Comm_size(MPI_COMM_WORLD, &n_rank);
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, my_rank, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &my_local_rank);
  MPI_Comm_size(node, &n_local_rank);
  local_root = my_rank;
  MPI_Bcast(&local_root, 1, MPI_INT, 0, node);
  MPI_Comm_free(&node);
  if (meeting == MPI_COMM_NULL) MPI_Comm_dup(MPI_COMM_WORLD, &meeting);
  share_cores();
  gsl_set_error_handler_off();    /* GSL's own would abort the process; its status is looked at instead */
done:
  return status;
}

int cubix_mpi_rank(void) { return my_rank; }
int cubix_mpi_size(void) { return n_rank; }
int cubix_mpi_local_rank(void) { return my_local_rank; }
int cubix_mpi_local_size(void) { return n_local_rank; }
int cubix_mpi_local_root(void) { return local_root; }

int cubix_mpi_agree(int status)
{
  char message[4096];
  int first = status ? my_rank : n_rank;
  MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (first == n_rank) return CUBIX_OK;
  int code = status;
  snprintf(message, sizeof message, "%s", cubix_error_message());
  MPI_Bcast(&code, 1, MPI_INT, first, MPI_COMM_WORLD);
  MPI_Bcast(message, sizeof message, MPI_CHAR, first, MPI_COMM_WORLD);
  if (my_rank != first) cubix_error_set(code, __func__, __FILE__, __LINE__, "%s", message);
  return code;
}

int cubix_mpi_meet(int call, int *flag, int other[2])
{
  struct { int least, rank; } met[3] = { { call, my_rank }, { -call, my_rank }, { -!!*flag, my_rank } };
  int over = 0;
  MPI_Finalized(&over);
  if (n_rank == 1 || over) return 1;            /* a host that ended MPI has met the others there */
  MPI_Allreduce(MPI_IN_PLACE, met, 3, MPI_2INT, MPI_MINLOC, meeting);
  int lowest = met[0].least, highest = -met[1].least;
  *flag = -met[2].least;
  other[0] = lowest != call ? met[0].rank : met[1].rank;
  other[1] = lowest != call ? lowest : highest;
  return lowest == highest;
}

int cubix_mpi_finish(int status)
{
  int over = 0;
  MPI_Finalized(&over);
  if (!over && meeting != MPI_COMM_NULL) MPI_Comm_free(&meeting);
  if (began) MPI_Finalize();
  began = 0;
  return cubix_error_exit_status(status);
}

/* A parameter file, "-" for standard input, opened.  A FIFO is as good as a file once somebody writes to it, as in `cubix <(program)`; a writer that
 * does not come is waited for, but not for ever: opened without blocking, read() finds 0 bytes before a writer comes and EAGAIN once it is there.
 * @param[in,out] used bytes that this took out of a FIFO already */
static int open_parameters(int *in, const char *path, char *buffer, size_t room, size_t *used)
{
  enum { TRIES = 200 };                                       /* of 50 ms */
  const struct timespec nap = { 0, 50000000 };
  int status = CUBIX_OK;
  struct stat s;
  ssize_t got = 0;
  *in = strcmp(path, "-") ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : STDIN_FILENO;
  CUBIX_CHECK(*in >= 0, CUBIX_EUSAGE, "cannot read the parameter file %s: %s", path, strerror(errno));
  if (*in == STDIN_FILENO) goto done;
  for (int tries = 0; fstat(*in, &s) == 0 && S_ISFIFO(s.st_mode) && (got = read(*in, buffer, room)) == 0; tries++) {
    CUBIX_CHECK(tries < TRIES, CUBIX_EUSAGE, "the parameter file %s is a FIFO, and within %d s nobody wrote to it", path, TRIES / 20);
    nanosleep(&nap, NULL);
  }
  if (got > 0) *used = (size_t)got;
  fcntl(*in, F_SETFL, fcntl(*in, F_GETFL) & ~O_NONBLOCK);
done:
  return status;
}

/* The whole stream, '\0'-terminated. */
static int read_all(char **text, const char *path)
{
  int status = CUBIX_OK, in = -1;
  size_t used = 0, room = 1 << 16;
  ssize_t got = 0;
  char *buffer = NULL;
  CUBIX_CHECK((buffer = malloc(room)), CUBIX_ENOMEM, "cannot allocate %zu bytes for %s", room, path);
  CUBIX_TRY(open_parameters(&in, path, buffer, room - 1, &used));
  while (used + 1 == room || (got = read(in, buffer + used, room - used - 1)) > 0 || (got < 0 && errno == EINTR)) {
    if (used + 1 < room && got > 0) used += (size_t)got;
    if (used + 1 < room) continue;
    CUBIX_CHECK(room < 1 << 26, CUBIX_EUSAGE, "%s is longer than 64 MiB: this is no parameter file", path);
    char *more = realloc(buffer, room *= 2);
    CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate %zu bytes for %s", room, path);
    buffer = more;
  }
  CUBIX_CHECK(got == 0, CUBIX_EUSAGE, "cannot read the parameter file %s: %s", path, strerror(errno));
  buffer[used] = '\0';
  CUBIX_CHECK(strlen(buffer) == used, CUBIX_EUSAGE, "%s holds a zero byte: this is no parameter file", path);
  *text = buffer;
  buffer = NULL;
done:
  free(buffer);
  if (in > STDIN_FILENO) close(in);
  return status;
}

int cubix_mpi_text_read(char **text, const char *path)
{
  int status = CUBIX_OK;
  long length = 0;
  if (my_rank == 0) {
    status = read_all(text, path);
    if (!status) length = (long)strlen(*text);
  }
  CUBIX_TRY(cubix_mpi_agree(status));
  MPI_Bcast(&length, 1, MPI_LONG, 0, MPI_COMM_WORLD);
  if (my_rank != 0) *text = malloc((size_t)length + 1);
  CUBIX_TRY(cubix_mpi_agree(*text ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate %ld bytes", length)));
  MPI_Bcast(*text, (int)length + 1, MPI_CHAR, 0, MPI_COMM_WORLD);
done:
  return status;
}

int cubix_mpi_params_read(struct cubix_params **par, const char *path, int n_override, char *const *overrides)
{
  int status = CUBIX_OK;
  char *text = NULL;
  CUBIX_TRY(cubix_mpi_text_read(&text, path));
  CUBIX_TRY(cubix_params_init(par));
  CUBIX_TRY(cubix_params_parse(*par, path, text, n_override, overrides));
done:
  free(text);
  return status;
}

void cubix_mpi_wait(void)
{
  MPI_Request request;
  int arrived = 0;
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  for (int tries = 0; !arrived; tries++) {
    struct timespec nap = { 0, tries < 1000 ? 0 : tries < 2000 ? 20000 : 1000000 };
    MPI_Test(&request, &arrived, MPI_STATUS_IGNORE);
    if (!arrived && nap.tv_nsec) nanosleep(&nap, NULL);
  }
}

void cubix_mpi_take_cores(void)
{
  if (!getenv("OMP_NUM_THREADS")) omp_set_num_threads(my_rank == 0 ? omp_get_num_procs() : 1);
}

double cubix_mpi_max(double x)
{
  double both[2] = { isnan(x) ? -INFINITY : x, isnan(x) };         /* MPI_MAX passes NaN over, or not, as ranks are many */
  MPI_Allreduce(MPI_IN_PLACE, both, 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return both[1] > 0 ? NAN : both[0];
}

double cubix_mpi_min(double x) { return -cubix_mpi_max(-x); }

int64_t cubix_mpi_sum_int(int64_t x)
{
  MPI_Allreduce(MPI_IN_PLACE, &x, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  return x;
}
