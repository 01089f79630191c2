/* output_parts.h -- what the kinds of output file share: the planes of a cube in file order, a block of channels at a time. */
#ifndef CUBIX_OUTPUT_PARTS_H
#define CUBIX_OUTPUT_PARTS_H

#include "output.h"

/* The images of the size of the cube. */
enum cubix_plane { CUBIX_PLANE_DATA, CUBIX_PLANE_STAT, CUBIX_PLANE_DQ, CUBIX_PLANE_NOISEFREE, CUBIX_N_PLANE };

/* Bits of the plane DQ (doc/math.md section 11). */
enum { CUBIX_DQ_OUTSIDE = 1, CUBIX_DQ_UNCOVERED = 2, CUBIX_DQ_BROAD = 4, CUBIX_DQ_FEW = 8 };
struct cubix_dq_bit { int bit; const char *name, *meaning; };
extern const struct cubix_dq_bit cubix_dq_bits[4];

/* Columns of the table LSF, all in Angstrom. */
struct cubix_lsf_column { const char *name, *description; };
enum { CUBIX_N_LSF_COLUMN = 4 };
extern const struct cubix_lsf_column cubix_lsf_columns[CUBIX_N_LSF_COLUMN];

/** Name in the files, and one line of description.  Local, borrowed. */
const char *cubix_plane_name(enum cubix_plane plane);
const char *cubix_plane_description(enum cubix_plane plane);
/** Unit in the notation of MUSE and MPDAF, "" for DQ.  Local.  @param[out] unit [80] */
void cubix_plane_unit(char unit[80], enum cubix_plane plane, const struct cubix_result *result);

/** Takes channels k0 .. k0 + n_k - 1: block [n_k][n_y][n_x] of cubix_real, int32_t for DQ. */
typedef int cubix_block_put(void *file, int k0, int n_k, const void *block);
/** Hand a plane over, block by block, in order.  Local; threads make the blocks, one thread calls put.
 *  Errors: CUBIX_ENOMEM; CUBIX_EFAIL for a value that is not finite; those of put. */
int cubix_plane_stream(const struct cubix_result *result, enum cubix_plane plane, cubix_block_put *put, void *file);

/** One column of the table LSF.  Local.  @param[out] value [n_lambda] AA */
void cubix_lsf_values(const struct cubix_result *result, int column, double *value);

/** Write everything into a new file, complete and closed when it returns.  Local.
 *  @param path   where to write: a temporary name  @param shown  how to call the file in messages
 *  Errors: CUBIX_EOUTPUT; the caller removes what is left of the file. */
int cubix_fits_write(const struct cubix_result *result, const char *path, const char *shown);
int cubix_hdf5_write(const struct cubix_result *result, const char *path, const char *shown);

#endif
