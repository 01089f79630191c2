/* axis.h -- the nodes in A(V) of a galaxy's stars, and what each channel has of them (physics/screen.h). */
#ifndef CUBIX_AXIS_H
#define CUBIX_AXIS_H

#include "physics/node.h"
#include "physics/screen.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Choose nodes for stars behind `least` to `most` magnitudes.  Local: the same for the same numbers.
 *  @param k [n_lambda] A(lambda)/A(V), borrowed
 *  @param error largest relative error
 *  @return 0 where CUBIX_AXIS_MOST nodes are not enough */
int cubix_axis_init(struct cubix_axis *axis, const double *k, int n_lambda, double error, double least, double most);
/** Bound of the relative error with these nodes; 0 without any.  Local. */
double cubix_axis_error(const struct cubix_axis *axis, int n_lambda);
/** Factors of the channels: [n_tile][nodes][CUBIX_TILE], 0 beyond the last channel; NULL without an axis.
 * Local.
 *  @param k_dot NULL, or [n_lambda]: the factors' tangents instead
 *  @param[out] factor owned by the caller */
int cubix_axis_table(float **factor, const struct cubix_axis *axis, int n_lambda, int first_tile, int n_tile,
                     const double *k_dot);
/** Whether two are the same nodes.  Local. */
int cubix_axis_same(const struct cubix_axis *a, const struct cubix_axis *b);

#ifdef __cplusplus
}
#endif
#endif
