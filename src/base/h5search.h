/* h5search.h -- where HDF5 looks for another file that a file names. */
#ifndef CUBIX_H5SEARCH_H
#define CUBIX_H5SEARCH_H

#include <stddef.h>

enum cubix_h5_why { CUBIX_H5_LINK, CUBIX_H5_SOURCE };   /* an external link, a source of a virtual dataset */

/** The file that HDF5 would take, sought as HDF5 does but without opening what might keep it
 * waiting.  Local.
 *  @param[out] path [size] that file; where there is none, where it ought to be
 *  @param beside    the file that names it, as it was opened
 *  Errors: CUBIX_EINPUT: HDF5 would come upon a FIFO, a socket or a device first. */
int cubix_h5_find(char *path, size_t size, enum cubix_h5_why why, const char *beside, const char *name);
/** 1 where a regular file begins as HDF5 files do (a user block may precede).  Local. */
int cubix_h5_is(const char *path);
/** Where HDF5 takes external raw data from: one place.  Local.  @param[out] path [size] */
void cubix_h5_find_raw(char *path, size_t size, const char *beside, const char *name);

#endif
