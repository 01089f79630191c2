/* h5search.h -- where HDF5 looks for another file that a file refers to. */
#ifndef CUBIX_H5SEARCH_H
#define CUBIX_H5SEARCH_H

#include <stddef.h>

enum cubix_h5_why { CUBIX_H5_LINK, CUBIX_H5_SOURCE };   /* an external link, a source of a virtual dataset */

/** Find the file that HDF5 would open, by HDF5's own rules but without opening anything that might
 * block.  Local.
 *  @param[out] path [size] that file; if there is none, where it should be
 *  @param beside  the file that names it, as it was opened
 *  Errors: CUBIX_EINPUT: HDF5 would find a FIFO, a socket or a device first. */
int cubix_h5_find(char *path, size_t size, enum cubix_h5_why why, const char *beside, const char *name);
/** 1 if a regular file begins as HDF5 files do (after a user block, if any).  Local. */
int cubix_h5_is(const char *path);
/** The one place where HDF5 looks for external raw data.  Local.  @param[out] path [size] */
void cubix_h5_find_raw(char *path, size_t size, const char *beside, const char *name);

#endif
