/* star_file.h -- inside mpi/: one or several numbers for every star (or cell of gas) in one HDF5 file:
 * gradients, fitted stars, the state of a fit, the particles of a snapshot. */
#ifndef CUBIX_MPI_STAR_FILE_H
#define CUBIX_MPI_STAR_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/atomic_file.h"

/* /Stars/name [all stars] or [all stars][n], in the order of ranks, which is that of the simulation file. */
struct cubix_star_column {
  const char *name, *unit, *description;
  int n;
  double *value;                  /* [n_star][n] of this rank */
  const int64_t *integer;         /* likewise, instead of value: n is 1; NULL: none */
};
/* Attribute of /Header: a text, or n numbers. */
struct cubix_star_fact { const char *name, *text; double *number; int n; };
/* /name [shape[0]]..., the same on every rank; trailing sizes of 0 are no dimensions. */
struct cubix_star_table { const char *name, *unit, *description; size_t shape[3]; double *value; };

struct cubix_star_file {
  const char *group;              /* NULL: "Stars" */
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
/* A file that is written bit by bit: header, facts and tables of group[0], and the columns of all groups.
 * Each rank hands on its n_star stars of a group in their order, as many at a time as it likes. */
struct cubix_star_writer {
  struct cubix_atomic_file out;
  const struct cubix_star_file *group;
  int n_group, open;
  int64_t *at;                    /* of every column of every group: where in the file this rank's next row goes */
};
/** Begin it.  Collective.  @param group  [n_group] must outlive the writer; the columns' values are not looked at
 *  Errors: CUBIX_EOUTPUT, the same on all ranks; the writer is then to be ended nevertheless. */
int cubix_mpi_star_writer_begin(struct cubix_star_writer *writer, const char *path,
                                const struct cubix_star_file *group, int n_group);
/** Rows 0 .. n - 1 of the columns of group g are this rank's next ones.  Local.  Errors: CUBIX_EOUTPUT. */
int cubix_mpi_star_writer_put(struct cubix_star_writer *writer, int g, size_t n);
/** Publish the file, or remove it where any rank has failed.  Collective.  @return the common status */
int cubix_mpi_star_writer_end(struct cubix_star_writer *writer, int status);

/** Read columns, numbers of facts (into number, which is overwritten) and tables back.  Collective:
 * as many stars as were written, on any number of ranks.
 *  Errors: CUBIX_EINPUT for a file that does not exist or holds something else; the message names
 *    it. */
int cubix_mpi_star_file_read(struct cubix_star_file *file, const char *path);

#endif
