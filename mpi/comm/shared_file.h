/* shared_file.h -- inside mpi/: one file that all ranks write; it is either complete or absent. */
#ifndef CUBIX_MPI_SHARED_FILE_H
#define CUBIX_MPI_SHARED_FILE_H

#include "base/atomic_file.h"

/** Rank 0 begins the file, the others open it.  Collective.
 *  @param path  the same on all ranks
 *  Errors: CUBIX_EOUTPUT, and nothing is left. */
int cubix_mpi_file_begin(struct cubix_atomic_file *f, const char *path);
/** All ranks bring what they have written to the disk and close the file.  Collective.
 *  @return the common status: if one rank fails, the file is removed */
int cubix_mpi_file_seal(struct cubix_atomic_file *f, int status);
/** Rank 0 renames the sealed file to its final name.  Collective.
 *  Errors: CUBIX_EOUTPUT, and nothing is left. */
int cubix_mpi_file_publish(struct cubix_atomic_file *f);

#endif
