/* batch_sizes.c -- stars of every row, as the headers of its files count them. */
#include "program/batch_sizes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "params/params.h"
#include "simulation/simfile.h"

/* Rows often have their files in common with the row before. */
struct counted { char file[4096]; uint64_t n; };

static uint64_t count_stars(struct counted *last, const struct cubix_rows *rows, size_t row)
{
  struct cubix_params *par = NULL;
  struct cubix_simfile *sim = NULL;
  if (!cubix_rows_params(&par, rows, row) && strcmp(par->InputFile, last->file)) {
    const int known = strlen(par->InputFile) < sizeof last->file;
    strcpy(last->file, known ? par->InputFile : "");
    last->n = !cubix_simfile_open(&sim, par, CUBIX_STARS, 0) ? (uint64_t)sim->n_total : 0;
  }
  cubix_simfile_free(sim);
  cubix_params_free(par);
  cubix_error_clear();
  return last->n;
}

int cubix_batch_large_first(size_t *order, size_t n, size_t *n_large, const struct cubix_rows *rows)
{
  int status = CUBIX_OK;
  const size_t n_rank = (size_t)cubix_mpi_size(), each = (n + n_rank - 1) / n_rank;
  const size_t first = (size_t)cubix_mpi_rank() * each;
  uint64_t *star = NULL;
  size_t *sorted = NULL, at = 0;
  double all = 0;
  struct counted *last = NULL;
  *n_large = 0;
  if (n_rank == 1 || n == 0) goto done;
  CUBIX_MPI_ALLOC(star, n);
  CUBIX_MPI_ALLOC(sorted, n);
  CUBIX_MPI_ALLOC(last, 1);
  for (size_t i = first; i < first + each && i < n; i++) star[i] = count_stars(last, rows, order[i]);
  cubix_mpi_or(star, n);
  for (size_t i = 0; i < n; i++) all += (double)star[i];
  for (int small = 0; small < 2; small++) {
    for (size_t i = 0; i < n; i++)
      if (((double)star[i] * (double)n_rank <= all) == small) sorted[at++] = order[i];
    if (!small) *n_large = at;
  }
  memcpy(order, sorted, n * sizeof *order);
done:
  free(star);
  free(sorted);
  free(last);
  return status;
}
