/* outliers.h -- stars that no histogram serves: they are set aside, and painted later. */
#ifndef CUBIX_OUTLIERS_H
#define CUBIX_OUTLIERS_H

#include <stddef.h>

#include "cube/placement.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Stars that no histogram serves, to be painted one by one. */
struct cubix_outliers {
  size_t n, room;
  struct cubix_outlier *star;     /* [room] the first n are there */
};
/** Set aside the stars of a placement that pass a test.  Local. */
int cubix_outliers_add(struct cubix_outliers *outliers, const struct cubix_placement *placement, cubix_star_test *test,
                       const void *host);
/** The stars set aside, by spaxel and within a spaxel in the order in which they came.  Local.
 *  @param[out] placement owned by the caller */
int cubix_outliers_place(struct cubix_placement **placement, const struct cubix_outliers *outliers, size_t n_spaxel);
void cubix_outliers_free(struct cubix_outliers *outliers);

#ifdef __cplusplus
}
#endif
#endif
