/* star_file.h -- inside mpi/: one or several numbers for every star in one HDF5 file: gradients,
 * fitted stars, the state of a fit. */
#ifndef CUBIX_MPI_STAR_FILE_H
#define CUBIX_MPI_STAR_FILE_H

#include <stddef.h>

/* /Stars/name [all stars] or [all stars][n], in the order of ranks, which is that of the simulation file. */
/* value: [n_star][n] of this rank */
struct cubix_star_column { const char *name, *unit, *description; int n; double *value; };
/* Attribute of /Header: a text, or n numbers. */
struct cubix_star_fact { const char *name, *text; double *number; int n; };
/* /name [shape[0]]..., the same on every rank; trailing sizes of 0 are no dimensions. */
struct cubix_star_table { const char *name, *unit, *description; size_t shape[3]; double *value; };

struct cubix_star_file {
  size_t n_star;                  /* of this rank */
  int n_column, n_fact, n_table;
  struct cubix_star_column *column;
  struct cubix_star_fact *fact;
  struct cubix_star_table *table;
};

/** Write the file completely or not at all: after a failure an older one of that name is untouched.
 * Collective.
 *  Errors: CUBIX_EOUTPUT, the same on all ranks. */
int cubix_mpi_star_file_write(const struct cubix_star_file *file, const char *path);
/** Read columns, numbers of facts (into number, which is overwritten) and tables back.  Collective:
 * as many stars as were written, on any number of ranks.
 *  Errors: CUBIX_EINPUT for a file that does not exist or holds something else; the message names
 *    it. */
int cubix_mpi_star_file_read(struct cubix_star_file *file, const char *path);

#endif
