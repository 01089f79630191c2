/* mock_write.h -- a mock galaxy as an IllustrisTNG snapshot on disc. */
#ifndef CUBIX_MOCK_WRITE_H
#define CUBIX_MOCK_WRITE_H

#include "mock/mock.h"

/** Write the snapshot: `path`, or its stem's pieces STEM.0.hdf5 ...  Collective.  Nothing is left
 * behind on failure.
 *  @param path the file as the user named it   @param text the options, for the header
 *  @param[out] bytes written, all files
 *  Errors: CUBIX_EUSAGE, CUBIX_EOUTPUT. */
int cubix_mpi_mock_write(const struct cubix_mock *mock, const char *path, const char *text, int64_t *bytes);

#endif
