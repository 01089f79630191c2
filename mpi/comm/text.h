/* text.h -- a text file that rank 0 reads and all know: parameters. */
#ifndef CUBIX_MPI_COMM_TEXT_H
#define CUBIX_MPI_COMM_TEXT_H

#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A text file that rank 0 reads ("-": standard input), known to all.  Collective.  @param[out] text
 * owned by the caller: free */
int cubix_mpi_text_read(char **text, const char *path);
/** Parameters from a file that rank 0 reads ("-": standard input) and from the command line, known
 * to all.  Collective.  @param[out] par owned by the caller */
int cubix_mpi_params_read(struct cubix_params **par, const char *path, int n_override, char *const *overrides);

#ifdef __cplusplus
}
#endif
#endif
