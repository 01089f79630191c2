/* observed_parts.h -- the parts of the reader of observed cubes: a file of either kind, and the
 * units of a flux density. */
#ifndef CUBIX_OBSERVED_PARTS_H
#define CUBIX_OBSERVED_PARTS_H

#include <stddef.h>

#include "fit/observed.h"

/** A cube on disk: planes (DATA, STAT, DQ) of one shape, each with keywords.  FITS: image
 * extensions and their headers; HDF5: datasets and their attributes. */
struct cubix_observed_file;

/** Open by content, not by suffix.  Local.
 *  @param[out] file owned by the caller
 *  Errors: CUBIX_EINPUT */
int cubix_observed_file_open(struct cubix_observed_file **file, const char *path);
/** Number of axes of a plane (0 if there is none of that name) and the first three sides, the
 * fastest first.  Local. */
int cubix_observed_file_shape(struct cubix_observed_file *file, const char *plane, int *n_axis, long long side[3]);
/** A keyword of an existing plane; its default if the keyword is absent.  Local.
 *  @return 1 if it is present */
int cubix_observed_file_number(struct cubix_observed_file *file, const char *plane, const char *key, double *x,
                               double dflt);
int cubix_observed_file_text(struct cubix_observed_file *file, const char *plane, const char *key, char *text,
                             size_t size);
/** Whether all keywords that were asked for could be read, if only to find that they are not there.  Local.
 *  Errors: CUBIX_EREAD. */
int cubix_observed_file_check(const struct cubix_observed_file *file);
/** Read images k0 .. k0 + n_k - 1 of a plane, with BSCALE and BZERO applied; BLANK becomes NaN.
 * Local.
 *  @param[out] out [n_k][n_y][n_x] */
int cubix_observed_file_read(struct cubix_observed_file *file, const char *plane, const long long side[3], int k0,
                             int n_k, double *out);
/** Read the n numbers of a table's column: those of the first row, or a dataset of a group in HDF5.
 * Local.
 *  Errors: CUBIX_EINPUT if there is no such column, or it holds another number of them. */
int cubix_observed_file_column(struct cubix_observed_file *file, const char *table, const char *column, int n,
                               double *out);
void cubix_observed_file_close(struct cubix_observed_file *file);

enum { CUBIX_AA_IN_CM = 8 };      /* 1 cm = 10^8 AA */

/** A unit as a power of ten and of three quantities: factor 10^ten erg^energy s^time cm^length. */
struct cubix_measure { double factor; int ten, energy, time, length; };
/** Parse a unit as FITS files write them: numbers, powers (10**(-20), cm2, cm^-2, s-1), products,
 * quotients, brackets.  Local.
 *  @return 0; -1: not understood */
int cubix_measure_read(const char *text, struct cubix_measure *measure);
/** The factor from values of a plane in a stated unit to 10^FluxUnit erg/s/cm2/AA, to a power.  Local.
 *  @param path, plane  for the message
 *  @param power  1: a flux; 2: its square; -2: the inverse of that
 *  Errors: CUBIX_EINPUT for a unit of another kind. */
int cubix_observed_unit(double *factor, const char *path, const char *plane, const char *text, int power,
                        int flux_unit);

/** Whether a value and its weight above 0 are numbers of the model's type.  Local. */
int cubix_observed_fits(double data, double weight);
/** The message of n values that are not, in so many units; none if n is 0.  Local.
 *  @param what  "voxels" or "samples"
 *  Errors: CUBIX_EINPUT. */
int cubix_observed_fit_check(const char *path, double n, const char *what, int flux_unit);

/** A cube, and spectra of fibres, out of an open file; as cubix_observed_read.  Local. */
int cubix_observed_cube_read(struct cubix_observed **obs, struct cubix_observed_file *file, const char *path,
                             const struct cubix_instrument *ins, const struct cubix_params *par, int lambda_first,
                             int n_lambda);
int cubix_observed_spectra_read(struct cubix_observed **obs, struct cubix_observed_file *file, const char *path,
                                const struct cubix_instrument *ins, const struct cubix_params *par, int lambda_first,
                                int n_lambda);

#endif
