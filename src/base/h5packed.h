/* h5packed.h -- datasets of numbers in packed chunks, which all threads unpack. */
#ifndef CUBIX_H5PACKED_H
#define CUBIX_H5PACKED_H

#include <hdf5.h>

struct cubix_h5packed;

enum cubix_h5as { CUBIX_H5AS_FLOAT, CUBIX_H5AS_DOUBLE, CUBIX_H5AS_INT64 };

/** Look at a dataset of one or two dimensions.  Local.
 *  @param file, path  what to call it in messages; borrowed, as the dataset is
 *  @param first, n_c  which columns are wanted
 *  @param[out] packed owned by the caller; NULL: its chunks are not packed, or by what only HDF5 can
 *    undo: H5Dread reads it */
int cubix_h5packed_open(struct cubix_h5packed **packed, hid_t dataset, const char *file, const char *path, int first,
                        int n_c);
/** Rows from .. to - 1 will be read: unpack them with the next cubix_h5packed_unpack.  In rising order; of many runs
 * of rows no more than fit into 64 MiB, the others when they are read.  Local. */
void cubix_h5packed_want(struct cubix_h5packed *packed, hsize_t from, hsize_t to);
/** Unpack what is wanted of n datasets, all of it together, by all threads; what else they hold unpacked they
 * forget.  What cannot be unpacked cubix_h5packed_read will try, and report.  Local.
 *  @param packed [n], NULL among them is allowed */
void cubix_h5packed_unpack(struct cubix_h5packed *const *packed, int n);
/** Rows from .. to - 1; what has not been unpacked yet is now.  Local.
 *  @param as  FLOAT: of floats of 4 bytes only; INT64: of integers only, unsigned ones of 64 bits keep their bits
 *  @param[out] rows [to - from][n_c]
 *  Errors: CUBIX_EINPUT: a chunk that cannot be read or unpacked; CUBIX_ENOMEM. */
int cubix_h5packed_read(struct cubix_h5packed *packed, hsize_t from, hsize_t to, enum cubix_h5as as, void *rows);
/** Bytes that it holds at the most now: unpacked rows, and what unpacking them took.  Local. */
double cubix_h5packed_bytes(const struct cubix_h5packed *packed);
/** NULL is allowed.  Local. */
void cubix_h5packed_close(struct cubix_h5packed *packed);

#endif
