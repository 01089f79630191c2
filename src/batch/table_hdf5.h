/* table_hdf5.h -- a table of rows in an HDF5 file, as the text that table.h reads. */
#ifndef CUBIX_BATCH_TABLE_HDF5_H
#define CUBIX_BATCH_TABLE_HDF5_H

/** Whether a file of this name is one: .hdf5, .h5 or .hdf.  Local. */
int cubix_row_table_is_hdf5(const char *path);
/** Read it.  Its columns are the datasets of one dimension in /Table (a file of `cubix-batch --stack` has them), or
 * else in the root, with the unit in the attribute `unit` or `units`; or the members of the only dataset there, of
 * records, with astropy's description of them beside it.  Local.
 *  @param[out] text owned by the caller: free
 *  Errors: CUBIX_EINPUT: no columns, of different lengths, neither numbers nor texts. */
int cubix_row_table_hdf5(char **text, const char *path);

#endif
