/* outliers.h -- stars that no histogram serves: each rank sets them aside, and they are gathered
 * later. */
#ifndef CUBIX_MPI_ENGINE_OUTLIERS_H
#define CUBIX_MPI_ENGINE_OUTLIERS_H

#include <stddef.h>

#include "cube/placement.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Stars that no histogram serves, to be painted one by one. */
struct cubix_outliers {
  size_t n, room;
  struct cubix_outlier *star;    /* [room] the first n are there */
};
/** Set aside the stars of a placement that pass a test.  Local. */
int cubix_mpi_outliers_add(struct cubix_outliers *outliers, const struct cubix_placement *placement,
                           cubix_star_test *test, const void *host);
/** The stars set aside by this rank, or with `all` those of all ranks, on every rank; within a
 * spaxel in the order of the file.  Collective.
 *  @param[out] placement owned by the caller */
int cubix_mpi_outliers_gather(struct cubix_placement **placement, const struct cubix_outliers *outliers,
                              size_t n_spaxel, int all);
void cubix_mpi_outliers_free(struct cubix_outliers *outliers);

#ifdef __cplusplus
}
#endif
#endif
