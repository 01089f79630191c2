/* host_teams.c -- a host program of test_teams.py, which never calls cubix_mpi_start: ranks in teams make
 * cubes on communicators of their own.
 *
 *   host_teams apart OUT A.param B.param    even ranks make A and odd ranks B, at once
 *   host_teams after OUT A.param B.param    even ranks make A while odd ranks wait; then odd ranks B
 *   host_teams within OUT A.param B.param   all ranks make A, and rank 0 by itself B in between
 *   host_teams again OUT A.param B.param    as within, but every pipeline is open twice
 *   host_teams plain OUT A.param            all ranks make A, after MPI_Init
 *   host_teams opens OUT A.param            all ranks make A, and nobody has started MPI
 *
 * Every rank writes the channels that it holds as OUT.NAME.FIRST, float32 [y][x][channel], and prints
 * the warnings of each pipeline.  After each call the process is looked at: threads, GSL, environment,
 * and a message of the host's own that waits for any sender and tag. */
#define _POSIX_C_SOURCE 200809L
#include <gsl/gsl_errno.h>
#include <mpi.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "mpi/cubix-mpi.h"
#include "params/params.h"

enum { OUR_THREADS = 7 };

static int rank, n_bad;
static MPI_Request waiting = MPI_REQUEST_NULL;

static void our_handler(const char *why, const char *file, int line, int code)
{
  printf("GSL: %s (%s:%d, %d)\n", why, file, line, code);
}

static void expect(int yes, const char *what, const char *after)
{
  if (yes) return;
  n_bad++;
  printf("rank %d: %s after %s\n", rank, what, after);
}

/* The process is as it was before the call. */
static void look(const char *after)
{
  int taken = 0;
  gsl_error_handler_t *handler = gsl_set_error_handler(our_handler);
  expect(handler == our_handler, "another error handler of GSL", after);
  expect(omp_get_max_threads() == OUR_THREADS, "another number of threads", after);
  expect(!getenv("HDF5_USE_FILE_LOCKING"), "a variable in the environment", after);
  expect(!*cubix_log_warnings()->text, "warnings beside the pipelines'", after);
  if (waiting != MPI_REQUEST_NULL) MPI_Test(&waiting, &taken, MPI_STATUS_IGNORE);
  expect(!taken, "the host's message was taken", after);
}

struct maker { const char *out, *name; struct cubix_params *par; struct cubix_pipeline *pipe; };

static int begin(struct maker *m, MPI_Comm comm, const char *out, const char *path, const char *name)
{
  int status = CUBIX_OK;
  char *text = calloc(1, 1 << 16);
  FILE *file = fopen(path, "r");
  *m = (struct maker){ .out = out, .name = name };
  if (!file || !text || !fread(text, 1, (1 << 16) - 1, file)) abort();
  fclose(file);
  CUBIX_TRY(cubix_params_init(&m->par));
  CUBIX_TRY(cubix_params_parse(m->par, path, text, 0, NULL));
  CUBIX_TRY(cubix_mpi_pipeline_open_on(&m->pipe, comm, m->par, &(struct cubix_pipeline_use){ .keep_stars = 0 }, NULL));
  look("open");
done:
  free(text);
  return status;
}

static int make(struct maker *m)
{
  int status = CUBIX_OK;
  char path[4096];
  CUBIX_TRY(cubix_mpi_pipeline_load(m->pipe, NULL, NULL));
  look("load");
  CUBIX_TRY(cubix_mpi_pipeline_forward(m->pipe));
  look("forward");
  const struct cubix_cube *cube = m->pipe->cube;
  snprintf(path, sizeof path, "%s.%s.%d", m->out, m->name, cube->lambda_first);
  const size_t n = (size_t)cube->n_x * (size_t)cube->n_y * (size_t)cube->n_lambda;
  FILE *file = n ? fopen(path, "wb") : NULL;
  if (n && (!file || fwrite(cube->flux, sizeof(cubix_real), n, file) != n || fclose(file))) abort();
done:
  return status;
}

static void end(struct maker *m)
{
  for (char *line = strtok(m->pipe ? m->pipe->warnings.text : NULL, "\n"); line; line = strtok(NULL, "\n"))
    printf("%s on rank %d warned: %s\n", m->name, rank, line);
  cubix_mpi_pipeline_close(m->pipe);
  cubix_params_free(m->par);
  *m = (struct maker){ .name = m->name };
  look("close");
}

static int one(MPI_Comm comm, const char *out, const char *path, const char *name)
{
  int status = CUBIX_OK;
  struct maker m;
  CUBIX_TRY(begin(&m, comm, out, path, name));
  CUBIX_TRY(make(&m));
done:
  end(&m);
  return status;
}

/* All ranks make one, and rank 0 another in between. */
static int within(const char *out, char **path)
{
  int status = CUBIX_OK;
  struct maker all = { .name = "A" }, own = { .name = "B" };
  CUBIX_TRY(begin(&all, MPI_COMM_WORLD, out, path[0], "A"));
  if (rank == 0) CUBIX_TRY(begin(&own, MPI_COMM_SELF, out, path[1], "B"));
  CUBIX_TRY(make(&all));
  if (rank == 0) CUBIX_TRY(make(&own));
done:
  end(&all);
  end(&own);
  return status;
}

int main(int argc, char **argv)
{
  int status = CUBIX_OK, size = 1, have, there = 0, sent = 0;
  if (argc < 4) abort();
  const char *how = argv[1], *out = argv[2];
  omp_set_num_threads(OUR_THREADS);
  gsl_set_error_handler(our_handler);
  unsetenv("HDF5_USE_FILE_LOCKING");
  if (!strcmp(how, "plain")) MPI_Init(&argc, &argv);
  else if (strcmp(how, "opens")) MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &have);
  MPI_Initialized(&there);
  if (there) {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Irecv(&sent, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &waiting);
  }
  const int odd = rank % 2;
  MPI_Comm team = MPI_COMM_NULL;
  if (!strcmp(how, "apart") || !strcmp(how, "after")) MPI_Comm_split(MPI_COMM_WORLD, odd, -rank, &team);
  if (!strcmp(how, "apart")) status = one(team, out, argv[3 + odd], odd ? "B" : "A");
  else if (!strcmp(how, "after")) {
    if (!odd) status = one(team, out, argv[3], "A");
    MPI_Barrier(MPI_COMM_WORLD);
    if (odd) status = one(team, out, argv[4], "B");
  } else if (!strcmp(how, "within")) status = within(out, argv + 3);
  else if (!strcmp(how, "again")) {
    status = within(out, argv + 3);
    if (!status) status = within(out, argv + 3);
  } else status = one(MPI_COMM_WORLD, out, argv[3], "A");
  if (status) printf("rank %d failed: %s\n", rank, cubix_error_message());
  if (team != MPI_COMM_NULL) MPI_Comm_free(&team);
  if (there) {
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Send(&rank, 1, MPI_INT, (rank + 1) % size, 7, MPI_COMM_WORLD);
    MPI_Wait(&waiting, MPI_STATUS_IGNORE);
    expect(sent == (rank + size - 1) % size, "another message", "all");
    MPI_Finalize();
  } else
    status = cubix_mpi_finish(status);
  printf("rank %d: %d wrong\n", rank, n_bad);
  return status || n_bad;
}
