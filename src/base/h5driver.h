/* h5driver.h -- inside libcubix: what file drivers of HDF5 that stand on a descriptor have in common. */
#ifndef CUBIX_H5DRIVER_H
#define CUBIX_H5DRIVER_H

#include <hdf5.h>

#if H5_VERSION_GE(1, 14, 0)
#include <H5FDdevelop.h>
#endif

/* An open file; a driver's own struct begins with it. */
struct cubix_h5file {
  H5FD_t pub;                     /* HDF5's own part, first */
  int file;                       /* descriptor */
  haddr_t eoa, eof;               /* ends of what HDF5 has allocated and of what lies in the file */
};

/** A driver's class with the ends of the file and the features of a plain one; how to open, close,
 * read and write is the driver's own.  Local.
 *  @param value any from 512 on that nobody registered, another for each driver */
H5FD_class_t cubix_h5driver_class(const char *name, int value);
/** The features that HDF5 asks for: those of a plain file.  Local. */
herr_t cubix_h5driver_query(const H5FD_t *file, unsigned long *flags);
/** Read; beyond the end of the file, and after a failure, lie zeros.  Local.
 *  @return 0, or errno */
int cubix_h5driver_read(const struct cubix_h5file *file, haddr_t address, size_t size, void *buffer);
/** Files that are opened with this access list have this driver.  Local.
 *  @param driver  under which HDF5 knows it, for as long as HDF5 is in use; H5I_INVALID_HID: not yet
 *  @param info NULL, or class->fapl_size bytes, copied, that the driver's open finds in the list
 *  @return 0, or -1 */
int cubix_h5driver_use(hid_t access_list, hid_t *driver, const H5FD_class_t *class, const void *info);

#endif
