/* extract.h -- inside mpi/: particles of any simulation, written as a canonical particle file. */
#ifndef CUBIX_MPI_EXTRACT_H
#define CUBIX_MPI_EXTRACT_H

#include <stdint.h>

#include "params/params.h"

struct cubix_extracted { int64_t n_star, n_gas; double bytes; };

/** Write the stars, and the gas where there is any, that GroupCatalogue and SelectRadius leave, in the order of
 * the snapshot; a cube of the file is that of the snapshot, bit for bit.  The file is complete or absent.
 * Collective.
 *  @param path  HDF5 file to write
 *  Errors: those of the reader; CUBIX_EUSAGE: nothing is left; CUBIX_EOUTPUT. */
int cubix_mpi_extract(struct cubix_extracted *extracted, const struct cubix_params *par, const char *path);

#endif
