/* covariance.h -- how the noise of spaxels that were rebuilt from fibres goes together. */
#ifndef CUBIX_COVARIANCE_H
#define CUBIX_COVARIANCE_H

#include "math/sparse.h"

#ifdef __cplusplus
extern "C" {
#endif

/** W diag(variance) W^T of one channel: the row of each spaxel from itself on, the other half being the same.  Local.
 *  @param rebuild W
 *  @param variance  of the spectra
 *  @param[out] upper owned by the caller; the row of a spaxel without variance is empty
 *  Source: Law et al. 2016, AJ 152, 83, section 9.3; Sharp et al. 2015, MNRAS 446, 1551. */
int cubix_covariance_build(struct cubix_sparse **upper, const struct cubix_sparse *rebuild, const double *variance);

/* What it comes to, 0 where it cannot be told. */
struct cubix_covariance_law {
  double sigma;                   /* of exp(-D^2/(2 sigma^2)), the correlation at a distance of D spaxels */
  double beta;                    /* of 1 + beta log10 N: noise of N spaxels in a square, over what N independent
                                   * ones would have */
};
enum { CUBIX_COVARIANCE_MOST_SIDE = 10 };
/** Fit both: sigma to all pairs of spaxels that have variance, those further apart than any that share a fibre left
 *  out; beta to squares of 2 to CUBIX_COVARIANCE_MOST_SIDE spaxels a side, laid side by side, all of whose spaxels have
 *  variance.  Local.
 *  @param n_x  spaxels in a row of the cube
 *  Source: Westfall et al. 2019, AJ 158, 231, section 6; Law et al. 2016, section 9.3. */
int cubix_covariance_fit(struct cubix_covariance_law *law, const struct cubix_sparse *upper, int n_x);
/** Noise of squares of `side` spaxels a side over that of independent spaxels, the mean of all squares.  Local.
 *  @param tile  [n_row] for the time of the call  @param sum [2 n_row] likewise
 *  @return 0: no square has variance throughout */
double cubix_covariance_excess(const struct cubix_sparse *upper, int n_x, int side, int *tile, double *sum);

#ifdef __cplusplus
}
#endif
#endif
