/* output_parts.h -- what both kinds of output file share: their parts, in one order, and the planes
 * of a cube, made and written one block of channels at a time. */
#ifndef CUBIX_OUTPUT_PARTS_H
#define CUBIX_OUTPUT_PARTS_H

#include "base/atomic_file.h"
#include "output/output.h"

/* Planes: arrays of the shape of the cube. */
enum cubix_plane { CUBIX_PLANE_DATA, CUBIX_PLANE_STAT, CUBIX_PLANE_DQ, CUBIX_PLANE_NOISEFREE, CUBIX_N_PLANE };

/* A bit of the plane DQ. */
struct cubix_dq_bit { int bit; const char *name, *meaning; };
enum { CUBIX_N_DQ_BIT = 5 };
extern const struct cubix_dq_bit cubix_dq_bits[CUBIX_N_DQ_BIT];

/* Columns of the table LSF, all in Angstrom. */
struct cubix_lsf_column { const char *name, *description; };
enum { CUBIX_N_LSF_COLUMN = 5 };
extern const struct cubix_lsf_column cubix_lsf_columns[CUBIX_N_LSF_COLUMN];

/* The parts of a file beside headers, parameters and provenance. */
enum cubix_part_kind { CUBIX_PART_PLANE, CUBIX_PART_LSF, CUBIX_PART_MAPS };
struct cubix_part { enum cubix_part_kind kind; enum cubix_plane plane; };
enum { CUBIX_MOST_PART = CUBIX_N_PLANE + 2 };
/** The parts that the files of this run have, in the order in which they follow one another.
 * Local.
 *  @return how many */
int cubix_output_parts(struct cubix_part part[CUBIX_MOST_PART], const struct cubix_params *par);

/** Name in the files, and one line of description.  Local, borrowed. */
const char *cubix_plane_name(enum cubix_plane plane);
const char *cubix_plane_description(enum cubix_plane plane);
/** Unit in the notation of MUSE and MPDAF, "" for DQ.  Local.  @param[out] unit [80] */
void cubix_plane_unit(char unit[80], enum cubix_plane plane, const struct cubix_result *result);

/** Argument `what` of cubix_output_block for a plane, with the bytes of its numbers swapped or not.
 * Local. */
int cubix_block_what(enum cubix_plane plane, int swapped);

/** Where a plane's numbers lie in a file: an array [n_lambda][n_y][n_x] of cubix_real, int32_t for
 * DQ. */
struct cubix_plane_place { enum cubix_plane plane; int64_t offset; int swapped; };
/** Write planes into an open file that is long enough and holds zeros there.  Rank 0; channels of
 * other ranks come through `blocks` (NULL: there are none).
 *  Errors: CUBIX_ENOMEM; CUBIX_EFAIL for a value that is not finite; CUBIX_EOUTPUT; those of the
 *    owners. */
int cubix_planes_write(const struct cubix_result *result, struct cubix_blocks *blocks,
                       const struct cubix_plane_place *place, int n_place, const struct cubix_atomic_file *file);

/** One column of the table LSF.  Local.  @param[out] value [n_lambda] AA */
void cubix_lsf_values(const struct cubix_result *result, int column, double *value);

/** Write everything into a file that has been begun and is empty.  Rank 0.
 *  Errors: CUBIX_EOUTPUT; those of cubix_planes_write. */
int cubix_fits_write(const struct cubix_result *result, struct cubix_blocks *blocks,
                     const struct cubix_atomic_file *file);
int cubix_hdf5_write(const struct cubix_result *result, struct cubix_blocks *blocks,
                     const struct cubix_atomic_file *file);

#endif
