/* h5source.h -- inside libcubix: the driver with which HDF5 opens what is only read. */
#ifndef CUBIX_H5SOURCE_H
#define CUBIX_H5SOURCE_H

#include <stdint.h>

#include <hdf5.h>

/** Files that are opened with this access list, and those that they lead to, are ordinary ones, and
 * closing them does not fail.  Local.
 *  @return 0, or -1 */
int cubix_h5source_use(hid_t access_list);
/** How many reads have failed so far.  HDF5 1.14 gives an empty text, and no error, for one of variable length that
 * it could not read.  Local. */
int64_t cubix_h5source_failures(void);
/** Whether this process has opened the file in that way, under whatever name, or noted it.
 * Local. */
int cubix_h5source_has_read(const char *path);
/** Note a file that HDF5 opens by itself: external storage.  Local.
 *  @return 0, or -1 if there is no such file, or no memory */
int cubix_h5source_note(const char *path);

#endif
