/* output_parts.h -- what both kinds of output file share: their parts, in one order, and the planes
 * of a cube, made and written one block of channels at a time. */
#ifndef CUBIX_OUTPUT_PARTS_H
#define CUBIX_OUTPUT_PARTS_H

#include "base/atomic_file.h"
#include "output/layout.h"
#include "output/output.h"
#include "output/provenance.h"

/* Columns of the table LSF, all in Angstrom. */
struct cubix_lsf_column { const char *name, *description; };
enum { CUBIX_N_LSF_COLUMN = 5 };
extern const struct cubix_lsf_column cubix_lsf_columns[CUBIX_N_LSF_COLUMN];

/** Argument `what` of cubix_output_block for a plane of a layout, with the bytes of its numbers
 * swapped or not.  Local. */
int cubix_block_what(const struct cubix_layout *layout, enum cubix_plane plane, int swapped);

/** Where a plane's numbers lie in a file: an array [n_lambda][n_y][n_x] of cubix_real, int32_t for
 * DQ. */
struct cubix_plane_place { enum cubix_plane plane; int64_t offset; int swapped; };
/** Write planes of a layout into an open file that is long enough and holds zeros there.  Rank 0; channels of
 * other ranks come through `blocks` (NULL: there are none).
 *  Errors: CUBIX_ENOMEM; CUBIX_EFAIL for a value that is not finite; CUBIX_EOUTPUT; those of the
 *    owners. */
int cubix_planes_write(const struct cubix_result *result, const struct cubix_layout *layout,
                       struct cubix_blocks *blocks, const struct cubix_plane_place *place, int n_place,
                       const struct cubix_atomic_file *file);

/* A map as files describe it. */
struct cubix_output_map {
  char name[32], unit[80], description[120];
  int of_light, seen;                       /* weighted with light; through the PSF */
};
/* What the maps are made of, for the time of writing. */
struct cubix_output_sums {
  struct cubix_sums gathered, seen;         /* with fibres per spaxel of the cube; through the PSF */
  double *fit;                              /* with Losvd, of both */
};
/** Make them.  Local (rank 0).
 *  @param[in,out] result  its cube is there; borrows the maps from then on
 *  @param[in,out] maps  empty; cubix_output_maps_end frees what they hold
 *  @param seen 0: none through the PSF, and no fits */
int cubix_output_maps_begin(struct cubix_result *result, struct cubix_output_sums *maps, int seen);
void cubix_output_maps_end(struct cubix_output_sums *maps);
/** Hand them all (truth maps, those that are seen, with Losvd the fits of both, with Lines those of gas) to `put` one
 * after the other, with what each says of itself.  Local.
 *  @param put  value [n_y][n_x]; its status other than CUBIX_OK ends it */
int cubix_output_maps(const struct cubix_result *result, void *to,
                      int put(void *to, const struct cubix_output_map *map, const struct cubix_facts *facts,
                              const double *value));
/** What describes the light by velocity, as it is or as it is seen.  Local. */
void cubix_output_losvd(struct cubix_output_map *map, const struct cubix_result *result, int seen);
/** Bin k of it, without the margin, in light per km/s, with the bytes of its numbers swapped or not.  Local.
 *  @param[out] value [n_y][n_x] */
void cubix_output_losvd_bin(double *value, const struct cubix_result *result, int seen, int k, int swapped);
/** The centres of the channels [AA], lambda over the FWHM of a narrow line in the cube, or 0.  Local.
 *  @param[out] value [n_lambda] */
void cubix_vector_values(const struct cubix_result *result, enum cubix_channel_vector vector, double *value);
/** One column of the table LSF.  Local.  @param[out] value [n_lambda] AA */
void cubix_lsf_values(const struct cubix_result *result, int column, double *value);

/** Write everything into a file that has been begun and is empty.  Rank 0.
 *  Errors: CUBIX_EOUTPUT; those of cubix_planes_write. */
int cubix_fits_write(const struct cubix_result *result, struct cubix_blocks *blocks,
                     const struct cubix_atomic_file *file);
int cubix_hdf5_write(const struct cubix_result *result, struct cubix_blocks *blocks,
                     const struct cubix_atomic_file *file);

/** The spectra of the fibres, as STEM-rss.fits holds them.  Rank 0; channels of other ranks come through `blocks`.
 *  Errors: as those above. */
int cubix_rss_write(const struct cubix_result *result, struct cubix_blocks *blocks,
                    const struct cubix_atomic_file *file);
/** A block of them that rank r holds.  Rank 0.
 *  @param what  CUBIX_BLOCK_RSS_FLUX or CUBIX_BLOCK_RSS_IVAR  @param[out] block [n_k][n_spectrum] */
int cubix_rss_take(const struct cubix_result *result, struct cubix_blocks *blocks, int what, int r, int k0, int n_k,
                   cubix_real *block);
/** Bytes of that file; 0 without fibres.  Local. */
double cubix_rss_bytes(const struct cubix_instrument *ins);
/** What all fibres record in channel k: flux with noise, or its variance (0 without noise).  Local.
 *  @param[out] value [n_spectrum]  @param flux [n_spectrum] without noise, for the time of the call */
void cubix_rss_channel(double *value, double *flux, const struct cubix_result *result, int k, int variance);
/** A block from another rank, waited for.  Rank 0.  @return the status with which it was made */
int cubix_output_take(struct cubix_blocks *blocks, int r, int what, int k0, int n_k, void *block, size_t n_byte);
/* Arguments `what` of cubix_output_block beside those of planes. */
enum { CUBIX_BLOCK_RSS_FLUX = 1 << 16, CUBIX_BLOCK_RSS_IVAR };
/** A block of either.  Local.  @param[out] block [n_k][n_spectrum] of cubix_real */
int cubix_rss_block(const struct cubix_result *result, int what, int k0, int n_k, cubix_real *block);

#endif
