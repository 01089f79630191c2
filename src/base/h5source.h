/* h5source.h -- inside libcubix: the driver with which HDF5 opens what is only read. */
#ifndef CUBIX_H5SOURCE_H
#define CUBIX_H5SOURCE_H

#include <hdf5.h>

/** Files that are opened with this access list, and those that they lead to, are ordinary ones, and closing them does not fail.  Local.  @return 0, or -1 */
int cubix_h5source_use(hid_t access_list);

#endif
