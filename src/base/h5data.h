/* h5data.h -- datasets to be read, checked to have all their data. */
#ifndef CUBIX_H5DATA_H
#define CUBIX_H5DATA_H

#include <hdf5.h>

/** Open a dataset, and check that all its data exist: HDF5 itself silently returns fill values,
 * usually 0, for what is missing.  Local.
 *  @param[out] set  -1 if the file holds no such path; else owned by the caller
 *  @param[out] abroad  may be NULL; 1 if data lie in other files: virtual, external, behind a link
 *  Errors: CUBIX_EINPUT: no dataset; a link that leads nowhere; a source of a virtual dataset, or
 *    an external file, that is missing or too short; chunks that were never written. */
int cubix_h5_dataset(hid_t *set, int *abroad, hid_t file, const char *path);

#endif
