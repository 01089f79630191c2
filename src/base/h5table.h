/* h5table.h -- HDF5 datasets that are no plain columns: single numbers, rows of records, lists of their own length. */
#ifndef CUBIX_H5TABLE_H
#define CUBIX_H5TABLE_H

#include <hdf5.h>
#include <stddef.h>
#include <stdint.h>

/** The number that a dataset of a single one holds.  Local.
 *  @param[out] x unchanged without it  @param[out] there  0: there is no such dataset
 *  Errors: CUBIX_EINPUT: several, or no number. */
int cubix_h5_value(double *x, int *there, hid_t file, const char *path);
/** How many rows a dataset of one dimension has, of whatever they are.  Local.  Errors: CUBIX_EINPUT. */
int cubix_h5_rows_of_any(hsize_t *n, hid_t file, const char *name, const char *path);
/** Of one row of records (a compound type) the numbers that have this name.  Local.
 *  @param x [n_c]  @param[out] there  0: the records have none
 *  Errors: CUBIX_EINPUT: no records, another shape, unreadable. */
int cubix_h5_record(double *x, int n_c, int *there, hid_t file, const char *name, const char *path, const char *member,
                    hsize_t row);
/** Likewise a single number of each of the first n rows.  Local.  @param x [n] */
int cubix_h5_records(double *x, hsize_t n, int *there, hid_t file, const char *name, const char *path,
                     const char *member);
/** One row of a dataset whose rows are lists of integers.  Local.
 *  @param[out] list [n] owned by the caller: free  Errors: CUBIX_EINPUT. */
int cubix_h5_list(int64_t **list, size_t *n, hid_t file, const char *name, const char *path, hsize_t row);

#endif
