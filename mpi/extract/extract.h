/* extract.h -- inside mpi/: particles of any simulation, written as a canonical particle file. */
#ifndef CUBIX_MPI_EXTRACT_H
#define CUBIX_MPI_EXTRACT_H

#include "params/params.h"

/** Write the stars, and the gas where there is any, that GroupCatalogue and SelectRadius leave, in the order of
 * the snapshot, to OutputFile; a cube of that file is the snapshot's, bit for bit.  With %d in its name there is
 * a file for each group of GroupIndex; with Overwrite no those that exist are passed over.  A file is complete
 * or absent.  Collective.
 *  Errors: those of the reader; CUBIX_EUSAGE: nothing is left; CUBIX_EOUTPUT. */
int cubix_mpi_extract(const struct cubix_params *par);

#endif
