/* shared_file.c -- one file that all ranks write.
 *
 * Rank 0 creates it (atomic_file.c); the others, on other nodes perhaps, can open it by its
 * temporary name only.  That name cannot be foreseen, links are not followed, and the number of the
 * file that they have opened must be that of the file which rank 0 holds.  Each rank writes what it
 * has to, brings it to the disk and closes the file; when all have done so without a failure, rank
 * 0 gives it its name. */

#include "mpi/comm/shared_file.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"

int cubix_mpi_file_begin(struct cubix_atomic_file *f, const char *path)
{
  int status = CUBIX_OK, root = cubix_mpi_rank() == 0;
  uint64_t told[2] = { 0 };                        /* length of the name with its end, number of the file */
  char *name = NULL;
  *f = (struct cubix_atomic_file) { .file = -1 };
  CUBIX_TRY(cubix_mpi_agree(root ? cubix_atomic_file_begin(f, path) : CUBIX_OK));
  if (root) {
    told[0] = strlen(f->temporary) + 1;
    told[1] = f->inode;
  }
  MPI_Bcast(told, 2, MPI_UINT64_T, 0, cubix_mpi_group()->comm);
  CUBIX_MPI_ALLOC(name, told[0]);
  if (root) strcpy(name, f->temporary);
  MPI_Bcast(name, (int)told[0], MPI_CHAR, 0, cubix_mpi_group()->comm);
  CUBIX_TRY(cubix_mpi_agree(root ? CUBIX_OK : cubix_atomic_file_join(f, path, name, told[1])));
done:
  if (status) cubix_atomic_file_discard(f);
  free(name);
  return status;
}

int cubix_mpi_file_seal(struct cubix_atomic_file *f, int status)
{
  if (!status) status = cubix_atomic_file_seal(f);
  status = cubix_mpi_agree(status);
  if (status) cubix_atomic_file_discard(f);
  return status;
}

int cubix_mpi_file_publish(struct cubix_atomic_file *f)
{
  int status = CUBIX_OK, root = cubix_mpi_rank() == 0;
  CUBIX_TRY(cubix_mpi_agree(root ? cubix_atomic_file_publish(f) : CUBIX_OK));
  if (!root) cubix_atomic_file_leave(f);
done:
  if (status) cubix_atomic_file_discard(f);
  return status;
}
