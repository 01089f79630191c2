/* mock_write.h -- writing a mock galaxy as an IllustrisTNG snapshot. */
#ifndef CUBIX_MOCK_WRITE_H
#define CUBIX_MOCK_WRITE_H

#include "mock/mock.h"

/** Write the snapshot: `path`, or the pieces STEM.0.hdf5 ... of its stem.  Nothing is left after a
 * failure.  Collective.
 *  @param path the file as the user named it
 *  @param text the options, for the header
 *  @param[out] bytes written, all files
 *  Errors: CUBIX_EUSAGE, CUBIX_EOUTPUT. */
int cubix_mpi_mock_write(const struct cubix_mock *mock, const char *path, const char *text, int64_t *bytes);

#endif
