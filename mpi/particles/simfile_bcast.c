/* simfile_bcast.c -- what rank 0 found in the simulation's files, made known to all: names and sizes
 * of the members, and their parts, go beside what has a fixed size.  Which rows count may change later. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/particles/reader.h"
#include "simulation/simfile.h"
#include "simulation/slab.h"

/* Of a galaxy whose stars lie scattered there may be more than one message holds. */
static void share_runs(struct cubix_run *run, int64_t n)
{
  enum { MOST = 1 << 20 };
  for (int64_t i = 0; i < n; i += MOST)
    MPI_Bcast(run + i, (int)((size_t)(n - i < MOST ? n - i : MOST) * sizeof *run), MPI_BYTE, 0,
              cubix_mpi_group()->comm);
}

int cubix_mpi_simfile_share_choice(struct cubix_simfile *sim)
{
  int status = CUBIX_OK;
  const int root = cubix_mpi_rank() == 0;
  struct {
    int64_t n_part, n_run, n_total, n_far;
    double reference[3];
  } told = { sim->n_part, sim->n_run, sim->n_total, sim->n_far, { 0 } };
  struct cubix_snapshot *s = &sim->snapshot;
  memcpy(told.reference, sim->reference, sizeof told.reference);
  MPI_Bcast(&told, sizeof told, MPI_BYTE, 0, cubix_mpi_group()->comm);
  MPI_Bcast(&s->has_centre, 1, MPI_INT, 0, cubix_mpi_group()->comm);
  MPI_Bcast(&s->has_velocity, 1, MPI_INT, 0, cubix_mpi_group()->comm);
  MPI_Bcast(s->centre, 3, MPI_DOUBLE, 0, cubix_mpi_group()->comm);
  MPI_Bcast(s->velocity, 3, MPI_DOUBLE, 0, cubix_mpi_group()->comm);
  memcpy(sim->reference, told.reference, sizeof told.reference);
  sim->n_part = (int)told.n_part;
  sim->n_run = told.n_run;
  sim->n_total = told.n_total;
  sim->n_far = told.n_far;
  if (!root) {
    free(sim->part);
    free(sim->run);
    sim->part = cubix_alloc((size_t)sim->n_part, sizeof *sim->part);
    sim->run = cubix_alloc((size_t)sim->n_run, sizeof *sim->run);
  }
  CUBIX_MPI_CHECK(sim->part && (sim->run || !sim->n_run), CUBIX_ENOMEM,
                  "cannot allocate the list of %d parts in %lld runs", sim->n_part, (long long)sim->n_run);
  MPI_Bcast(sim->part, (int)((size_t)sim->n_part * sizeof *sim->part), MPI_BYTE, 0, cubix_mpi_group()->comm);
  share_runs(sim->run, sim->n_run);
done:
  return status;
}

int cubix_mpi_simfile_share(struct cubix_simfile **sim)
{
  int status = CUBIX_OK, n = 0, root = cubix_mpi_rank() == 0, there = 1;
  size_t room = 0;
  char *names = NULL, *at;
  struct cubix_snapshot *s;

  if (!root) *sim = cubix_alloc(1, sizeof **sim);
  CUBIX_MPI_CHECK(*sim, CUBIX_ENOMEM, "cannot allocate %zu bytes", sizeof **sim);
  s = &(*sim)->snapshot;
  if (root) for (int i = 0; i < s->n_file; i++) room += strlen(s->file[i]) + 1;
  struct cubix_simfile mine = **sim;
  MPI_Bcast(*sim, sizeof **sim, MPI_BYTE, 0, cubix_mpi_group()->comm);
  MPI_Bcast(&room, sizeof room, MPI_BYTE, 0, cubix_mpi_group()->comm);
  n = s->n_file;
  names = cubix_alloc(room, 1);
  s->file = root ? mine.snapshot.file : cubix_alloc((size_t)n, sizeof *s->file);
  s->file_size = root ? mine.snapshot.file_size : cubix_alloc((size_t)n, sizeof *s->file_size);
  (*sim)->part = root ? mine.part : NULL;
  (*sim)->run = root ? mine.run : NULL;
  (*sim)->format = root ? mine.format : NULL;
  (*sim)->all = root ? mine.all : NULL;
  (*sim)->abroad = root ? mine.abroad : cubix_alloc((size_t)n, sizeof *(*sim)->abroad);
  CUBIX_MPI_CHECK(names && s->file && s->file_size && (*sim)->abroad, CUBIX_ENOMEM,
                  "cannot allocate the list of %d files", n);
  at = names;
  if (root) for (int i = 0; i < n; i++) at = strcpy(at, s->file[i]) + strlen(s->file[i]) + 1;
  MPI_Bcast(names, (int)room, MPI_CHAR, 0, cubix_mpi_group()->comm);
  MPI_Bcast(s->file_size, n, MPI_INT64_T, 0, cubix_mpi_group()->comm);
  CUBIX_TRY(cubix_mpi_simfile_share_choice(*sim));
  MPI_Bcast((*sim)->abroad, n, MPI_BYTE, 0, cubix_mpi_group()->comm);
  at = names;
  for (int i = 0; !root && i < n && there; i++, at += strlen(at) + 1) {
    s->file[i] = cubix_alloc(strlen(at) + 1, 1);
    there = s->file[i] != NULL;
    if (there) strcpy(s->file[i], at);
  }
  CUBIX_MPI_CHECK(there, CUBIX_ENOMEM, "cannot allocate the names of %d files", n);
done:
  free(names);
  return status;
}
