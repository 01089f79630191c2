/* observed.h -- an observed cube on the instrument's grid, or observed spectra of its fibres: what a model is compared
 * with. */
#ifndef CUBIX_OBSERVED_H
#define CUBIX_OBSERVED_H

#include <stddef.h>

#include "base/collective.h"
#include "instrument/instrument.h"
#include "params/params.h"
#include "physics/hd.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_range;
struct cubix_observed {
  char file[1024];                /* for messages */
  int n_x, n_y;                   /* the field, no margin; column 0 is the most eastern */
  int lambda_first, n_lambda;     /* the channels that this rank holds */
  int of_fibres;                  /* 1: spectra of a bundle's fibres, as a cube of [1][n_spectrum] spaxels */
  struct cubix_range *range;      /* of spectra out of a cube: what of them it tells (range.h); NULL: everything */
  int has_variance;               /* 0: weights are 0 and 1 only */
  cubix_real *data;               /* [n_y][n_x][n_lambda], 10^FluxUnit erg/s/cm2/AA; 0 where masked */
  cubix_real *weight;             /* the same shape: 1/variance; 0 where masked */
  double n_used;                  /* voxels of this rank with a weight */
  double n_counted;               /* those of them in channels that have counts (gain > 0) */
  double *gain;                   /* [n_lambda] counts per unit of flux */
  double *sum;                    /* [3 n_y n_x + 2] room in which cubix_objective adds up */
};

/** A cube of zeros, all masked.  Local.  @param[out] obs owned by the caller */
int cubix_observed_init(struct cubix_observed **obs, int n_x, int n_y, int lambda_first, int n_lambda);
/** Read channels lambda_first .. lambda_first + n_lambda - 1 of a cube in FITS (extensions DATA,
 * STAT, DQ) or HDF5.  Local: every rank reads its own.  Masked are voxels outside the aperture, and
 * those with a value that is not finite, a variance that is not a positive number, or a DQ other
 * than 0 (in cubes of CUBIX bits 4 and 8 do not count).
 *  FITS files whose FLUX has two axes hold spectra of fibres (FLUX, IVAR, MASK, WAVE, XPOS, YPOS); of these count the
 * samples with IVAR above 0 and MASK 0.
 *  @param[out] obs owned by the caller
 *  Errors: CUBIX_EUSAGE without a path; CUBIX_EINPUT for anything wrong with the file, naming
 *    extension, value, bound and remedy. */
int cubix_observed_read(struct cubix_observed **obs, const char *path, const struct cubix_instrument *ins,
                        const struct cubix_params *par, int lambda_first, int n_lambda);
/** Mask whole channels.  Local.
 *  @param keep [all channels of the instrument] 0: mask (as templates->covered) */
void cubix_observed_mask_channels(struct cubix_observed *obs, const unsigned char *keep);
/** Recompute n_used, n_counted and gain after data or weight were changed by hand.  Local. */
void cubix_observed_settle(struct cubix_observed *obs);
void cubix_observed_free(struct cubix_observed *obs);

#ifdef __cplusplus
}
#endif
#endif
