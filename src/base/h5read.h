/* h5read.h -- small questions to an HDF5 file: attributes by alternative names, the shape of a
 * dataset. */
#ifndef CUBIX_H5READ_H
#define CUBIX_H5READ_H

#include <hdf5.h>

#include "base/names.h"

/** Open an existing file for reading, by this process alone.  Every HDF5 file that is read is
 * opened here first.  Local.
 *  Errors: CUBIX_EINPUT: missing, not a regular file, unreadable, not HDF5, truncated. */
int cubix_h5_open(hid_t *file, const char *path);
/** File access without locks: many parallel file systems have none, and reading needs none.  The
 * environment variable HDF5_USE_FILE_LOCKING takes precedence.  Local.
 *  @return property list, owned by the caller */
hid_t cubix_h5_access(void);
/** Whether the file holds this path, links followed.  Local.
 *  Errors: CUBIX_EINPUT: a link on the way leads nowhere. */
int cubix_h5_look(int *there, hid_t file, const char *path);
/** The same, but a broken link counts as absent: 1 if the file holds this path
 * ("PartType4/Masses"), including every group on the way.  Local. */
int cubix_h5_exists(hid_t file, const char *path);
/** The first of these attributes of an object that exists, as text (trailing blanks cut) or as
 * numbers.  Local.
 *  @param object  path in the file, "/" for the root
 *  @param[out] n_found  how many numbers there are, at most n are stored; text: 1; 0: no such
 *    attribute
 *  Errors: CUBIX_EINPUT: an attribute of the wrong type; CUBIX_EREAD: it cannot be read. */
int cubix_h5_text(hid_t file, const char *object, const struct cubix_names *names, char *text, size_t size,
                  int *n_found);
int cubix_h5_numbers(hid_t file, const char *object, const struct cubix_names *names, double *x, int n, int *n_found);
/** An attribute of the wrong type counts as absent; of one that cannot be read nobody knows.  Local.
 *  @return 0 for the first error, which is forgotten; any other status as it is */
int cubix_h5_forgive(int status);
/** For a single number: if there are several they must be equal.  Local.
 *  @param[out] x unchanged without such an attribute
 *  Errors: CUBIX_EINPUT */
int cubix_h5_number(hid_t file, const char *object, const struct cubix_names *names, double *x, int *n_found);
/** Shape of a dataset of numbers.  Local.
 *  @param name  what to call it in messages, with the file
 *  @param n_c  number of components wanted: 1 asks for [N], more for [N][n_c]
 *  @param[out] n_row  N
 *  Errors: CUBIX_EINPUT: not numbers, another shape. */
int cubix_h5_rows(hid_t dataset, const char *file, const char *name, int n_c, hsize_t *n_row);

/* HDF5 prints its own stack of errors unless told not to; what the caller had set is put back. */
struct cubix_h5_quiet { H5E_auto2_t function; void *data; };
void cubix_h5_quiet_begin(struct cubix_h5_quiet *quiet);
void cubix_h5_quiet_end(const struct cubix_h5_quiet *quiet);
/** HDF5's own reason for its last failure: the innermost of its errors, "" without one.  Local.
 *  @return text, borrowed from the caller */
const char *cubix_h5_reason(char *text, size_t size);

#endif
