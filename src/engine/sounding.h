/* sounding.h -- the number of values in a histogram, estimated from the stars of a few spaxels. */
#ifndef CUBIX_SOUNDING_H
#define CUBIX_SOUNDING_H

#include <stddef.h>

#include "physics/node.h"
#include "physics/tables.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_sounding {
  int n, n_row;                   /* spaxels; library rows */
  double reach;                   /* [km/s] of the velocity grid: faster stars are not in the histogram */
  int *x, *y;                     /* [n] painted spaxel, margin included */
  double *share;                  /* [n] how many spaxels it represents */
  float *slowest, *fastest;       /* [n][n_row] velocities of a row's stars [km/s]; slowest > fastest: none */
};

/** Choose spaxels, preferring those with many values.  Local: the same on all ranks that are given
 * the same counts.
 *  @param count [n_y n_x] stars, approximately
 *  @param[out] sounding owned by the caller */
int cubix_sounding_init(struct cubix_sounding **sounding, const double *count, int n_x, int n_y, int n_row,
                        double reach);
/** Add stars.  Local.
 *  @param tables of the templates
 *  @param slab in the sky frame, with population */
void cubix_sounding_add(struct cubix_sounding *sounding, const struct cubix_tables *tables,
                        const struct cubix_slab *slab);
/** Estimate of the number of values of a histogram of all spaxels on these nodes.  Local. */
double cubix_sounding_values(const struct cubix_sounding *sounding, const struct cubix_nodes *nodes);
void cubix_sounding_free(struct cubix_sounding *sounding);

#ifdef __cplusplus
}
#endif
#endif
