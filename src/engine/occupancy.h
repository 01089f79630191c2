/* occupancy.h -- how many stars fall into which spaxels, about, and how fast they are: known before
 * there is a model or a placement. */
#ifndef CUBIX_OCCUPANCY_H
#define CUBIX_OCCUPANCY_H

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "geometry/scene.h"
#include "instrument/instrument.h"
#include "params/params.h"
#include "simulation/slab.h"

struct cubix_occupancy {
  int n_x, n_y;                   /* painted, margin included */
  size_t every;                   /* one star in so many is counted; 0: none is, and only the fastest is looked for */
  double fastest;                 /* largest |v| along the line of sight of the stars that shed light there [km/s] */
  double slowest_in, fastest_in;  /* range of v of those that were looked at [km/s]; slowest_in > fastest_in: none */
  int64_t beyond[CUBIX_N_REACH];  /* stars faster than cubix_engine_reach(i); where there is counting */
  double n_star, n_record;        /* that were counted, and spaxels of theirs */
  int32_t *change;                /* [n_y + 1][n_x + 1] footprints by their corners; NULL without counting */
};

/** Nothing counted yet.  Local.  @param n_star  to come, from which follows how many are counted;
 * below 0: none
 *  @param[out] occupancy owned by the caller */
int cubix_occupancy_init(struct cubix_occupancy **occupancy, const struct cubix_instrument *ins, double n_star);
/** More stars.  Local.  @param slab in the sky frame */
void cubix_occupancy_add(struct cubix_occupancy *occupancy, const struct cubix_params *par,
                         const struct cubix_instrument *ins, const struct cubix_scene *scene,
                         const struct cubix_slab *slab);
/** Parts of all stars in every painted spaxel, as those that were counted have it.  Local.
 *  @param[out] count [n_y n_x] */
void cubix_occupancy_counts(double *count, const struct cubix_occupancy *occupancy);
void cubix_occupancy_free(struct cubix_occupancy *occupancy);

#endif
