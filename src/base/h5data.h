/* h5data.h -- datasets to be read, with the promise that all their data are there. */
#ifndef CUBIX_H5DATA_H
#define CUBIX_H5DATA_H

#include <hdf5.h>

/** Open a dataset whose data are all there: HDF5 itself gives fill values, usually 0, for what is
 * missing, and does not say so.  Local.
 *  @param[out] set     -1 where the file holds no such path; else owned by the caller
 *  @param[out] abroad  may be NULL; 1 where data lie in other files: virtual, external, behind a
 *  link Errors: CUBIX_EINPUT: no dataset; a link that leads nowhere; a source of a virtual dataset,
 *  or an external file, that is missing or too short; chunks that were never written. */
int cubix_h5_dataset(hid_t *set, int *abroad, hid_t file, const char *path);

#endif
