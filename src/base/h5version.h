/* h5version.h -- whether the HDF5 of this process is the one that we were compiled for. */
#ifndef CUBIX_H5VERSION_H
#define CUBIX_H5VERSION_H

/** Check it.  A host program may have brought another, whose functions then stand in for those of ours; HDF5 itself
 * would end the process when the first file is opened.  Serial or parallel is all the same.  Local.
 *  Errors: CUBIX_EFAIL. */
int cubix_h5version_check(void);

#endif
