/* truth_maps.h -- the truth maps as the user sees them, made from the sums that the cube keeps per spaxel. */
#ifndef CUBIX_MAPS_H
#define CUBIX_MAPS_H

#include "cube/cube.h"

/* In the order in which files hold them: first all from the sums as painted, then those that are
 * also seen through the PSF, with the ending _OBS. */
enum cubix_truth {
  CUBIX_TRUTH_MASS, CUBIX_TRUTH_MASS_NOW, CUBIX_TRUTH_AGE_M, CUBIX_TRUTH_AGE_L, CUBIX_TRUTH_Z_M, CUBIX_TRUTH_Z_L,
  CUBIX_TRUTH_VEL_M, CUBIX_TRUTH_VEL_L, CUBIX_TRUTH_SIG_M, CUBIX_TRUTH_SIG_L, CUBIX_TRUTH_LIGHT, CUBIX_TRUTH_NSTAR,
  CUBIX_TRUTH_AV_M, CUBIX_TRUTH_AV_L,        /* with dust only */
  CUBIX_N_TRUTH
};
/** How many of them there are, with dust or without; of those seen through the PSF one less, the number of
 * stars.  Local. */
static inline int cubix_truth_count(int dust) { return dust ? CUBIX_N_TRUTH : CUBIX_TRUTH_AV_M; }
/** One of both sorts together.  Local.
 *  @param number 0 .. 2 cubix_truth_count(dust) - 2  @param[out] seen 1: it is of those seen through the PSF */
static inline enum cubix_truth cubix_truth_at(int number, int dust, int *seen)
{
  const int k = number - cubix_truth_count(dust);
  *seen = k >= 0;
  return (enum cubix_truth)(k < 0 ? number : k < CUBIX_TRUTH_NSTAR ? k : k + 1);
}

/** Name in the files.  Local.  @param seen 1: of the map through the PSF @param[out] name [16] */
void cubix_truth_name(char name[16], enum cubix_truth truth, int seen);
/** Unit ("1": a pure number).  Local.  @param[out] unit [80] */
void cubix_truth_unit(char unit[80], enum cubix_truth truth, int flux_unit);
/** One line of description.  Local.  @param[out] text [120] */
void cubix_truth_description(char text[120], enum cubix_truth truth, int seen);
/** 1: light, or weighted with it.  Local. */
int cubix_truth_of_light(enum cubix_truth truth);
/** One truth map.  Local.
 *  Source: doc/math.md section 8.
 *  @param[in]  sums as painted, or through the PSF
 *  @param[out] map  [n_y][n_x] of the field; empty spaxels hold 0 in sums and NaN in means */
void cubix_truth_map(const struct cubix_sums *sums, enum cubix_truth truth, double *map);

/* Of the Gauss-Hermite fits of the light by velocity. */
enum cubix_fit_map { CUBIX_FIT_V, CUBIX_FIT_SIGMA, CUBIX_FIT_H3, CUBIX_FIT_H4, CUBIX_N_FIT_MAP };
/** As those above.  Local. */
void cubix_fit_name(char name[16], enum cubix_fit_map which, int seen);
const char *cubix_fit_unit(enum cubix_fit_map which);
void cubix_fit_description(char text[120], enum cubix_fit_map which, int seen);
/** Fit the histogram of every spaxel of the field.  Local; all threads.
 *  Source: doc/math.md section 8.
 *  @param[out] map  [CUBIX_N_FIT_MAP][n_y][n_x]; NaN where there is no fit */
void cubix_fit_maps(const struct cubix_sums *sums, double *map);

#endif
