/* text.h -- text files that rank 0 reads for all ranks: parameters, tables. */
#ifndef CUBIX_MPI_COMM_TEXT_H
#define CUBIX_MPI_COMM_TEXT_H

#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Read a text file on rank 0 ("-": standard input) and send it to all ranks.  Collective.
 *  @param what  it is, for messages: "the parameter file"
 *  @param[out] text owned by the caller: free */
int cubix_mpi_text_read(char **text, const char *path, const char *what);
/** Send a text that rank 0 has, or its failure to get it, to all ranks.  Collective.
 *  @param status  of rank 0  @param[in,out] text of all ranks; owned by the caller: free */
int cubix_mpi_text_share(char **text, int status);
/** Read parameters on rank 0 from a file ("-": standard input) and the command line, and send them
 * to all ranks.  Collective.
 *  @param spared  a parameter that is required of others and may be missing here; NULL: none
 *  @param[out] par owned by the caller */
int cubix_mpi_params_read(struct cubix_params **par, const char *path, int n_override, char *const *overrides,
                          const char *spared);

#ifdef __cplusplus
}
#endif
#endif
