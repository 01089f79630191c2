/* truth_maps.h -- the truth maps as the user sees them, made from the sums that the cube keeps per spaxel. */
#ifndef CUBIX_MAPS_H
#define CUBIX_MAPS_H

#include "cube/cube.h"

/* In the order in which files hold them. */
enum cubix_truth {
  CUBIX_TRUTH_MASS, CUBIX_TRUTH_MASS_NOW, CUBIX_TRUTH_AGE_M, CUBIX_TRUTH_AGE_L, CUBIX_TRUTH_Z_M, CUBIX_TRUTH_Z_L,
  CUBIX_TRUTH_VEL_M, CUBIX_TRUTH_VEL_L, CUBIX_TRUTH_SIG_M, CUBIX_TRUTH_SIG_L, CUBIX_TRUTH_NSTAR,
  CUBIX_N_TRUTH
};

/** Name in the files, unit ("1": a pure number) and one line of description.  Local, borrowed. */
const char *cubix_truth_name(enum cubix_truth truth);
const char *cubix_truth_unit(enum cubix_truth truth);
const char *cubix_truth_description(enum cubix_truth truth);
/** One truth map.  Local.
 *  Source: doc/math.md section 8.
 *  @param[in]  n  spaxels of the field, n_y*n_x
 *  @param[out] map  [n_y][n_x]; empty spaxels hold 0 in sums and NaN in means */
void cubix_truth_map(const struct cubix_cube *cube, enum cubix_truth truth, size_t n, double *map);

#endif
