/* h5filters.h -- inside libcubix: what packs the chunks of an HDF5 dataset, undone without HDF5. */
#ifndef CUBIX_H5FILTERS_H
#define CUBIX_H5FILTERS_H

#include <hdf5.h>
#include <stddef.h>

enum { CUBIX_H5FILTERS_MOST = 8 };

/* The filters of a dataset, in the order in which they packed it. */
struct cubix_h5filters {
  int n;
  struct { H5Z_filter_t kind; size_t element; } one[CUBIX_H5FILTERS_MOST]; /* bytes of what is shuffled */
};

/* What one thread unpacks with. */
struct cubix_h5unpacker;

/** The filters of a dataset.  Local.
 *  @return 1 if there are some, and all of them can be undone here: deflate, shuffle, Fletcher32 */
int cubix_h5filters_get(struct cubix_h5filters *filters, hid_t creation);
/** Make ready for chunks of up to n bytes.  Local.
 *  @param[out] unpacker owned by the caller, NULL where there is no memory */
void cubix_h5unpacker_open(struct cubix_h5unpacker **unpacker, size_t n);
/** Unpack a chunk.  Local; by one thread at a time.
 *  @param skipped  bit i: filter i was not applied to it  @param[out] chunk [n]
 *  @return NULL, or what is wrong with it */
const char *cubix_h5unpacker_undo(struct cubix_h5unpacker *unpacker, const struct cubix_h5filters *filters,
                                  unsigned skipped, const unsigned char *packed, size_t n_packed,
                                  unsigned char *chunk, size_t n);
/** NULL is allowed.  Local. */
void cubix_h5unpacker_close(struct cubix_h5unpacker *unpacker);

#endif
