/* occupancy.h -- how many stars fall into each spaxel, approximately, and how fast they are: known
 * before there are templates or a placement. */
#ifndef CUBIX_OCCUPANCY_H
#define CUBIX_OCCUPANCY_H

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "geometry/scene.h"
#include "instrument/instrument.h"
#include "params/params.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_occupancy {
  int n_x, n_y;                   /* painted, margin included */
  size_t every;                   /* one star in so many is counted; 0: none is, and only the fastest is found */
  double fastest;                 /* largest |v| along the line of sight of the stars that shed light there [km/s] */
  double slowest_in, fastest_in;  /* range of v of the stars examined [km/s]; slowest_in > fastest_in: none */
  int64_t beyond[CUBIX_N_REACH];  /* stars faster than cubix_engine_reach(i), if there is counting */
  double n_star, n_record;        /* stars counted, and their records */
  double n_wide;                  /* those of them that are wider than SmoothingLengthMax */
  int32_t *change;                /* [n_y + 1][n_x + 1] footprints by their corners; NULL without counting */
};

/** Allocate an empty count.  Local.
 *  @param n_star how many stars will be added, from which follows how many are counted; below 0:
 *    none
 *  @param[out] occupancy owned by the caller */
int cubix_occupancy_init(struct cubix_occupancy **occupancy, const struct cubix_instrument *ins, double n_star);
/** Add stars.  Local.  @param slab in the sky frame */
void cubix_occupancy_add(struct cubix_occupancy *occupancy, const struct cubix_params *par,
                         const struct cubix_instrument *ins, const struct cubix_scene *scene,
                         const struct cubix_slab *slab);
/** The number of records in every painted spaxel, scaled from the stars counted to all stars.
 * Local.
 *  @param[out] count [n_y n_x] */
void cubix_occupancy_counts(double *count, const struct cubix_occupancy *occupancy);
void cubix_occupancy_free(struct cubix_occupancy *occupancy);

#ifdef __cplusplus
}
#endif
#endif
