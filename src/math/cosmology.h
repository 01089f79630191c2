/* cosmology.h -- ages and distances in LCDM without radiation.  Source: doc/math.md section 1. */
#ifndef CUBIX_COSMOLOGY_H
#define CUBIX_COSMOLOGY_H

#include <math.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CUBIX_LARGEST_H 2.        /* of H0/(100 km/s/Mpc), as in params.def: a value of 70 would be km/s/Mpc */

/** Age of the universe at scale factor a [Gyr].  Local.  0 for a <= 0. */
double cubix_cosmology_age(double omega_m, double omega_l, double h, double a);
/* The same age as a table, for millions of stars: polynomials of degree 5 in sqrt(a), of which the
 * age is a smooth function, on CUBIX_N_AGE_STEP steps. */
enum { CUBIX_N_AGE_STEP = 256, CUBIX_N_AGE_NODE = 6 };
struct cubix_age_table {
  double step_per_root, node[CUBIX_N_AGE_NODE];            /* Chebyshev's nodes on [-1, 1] */
  double newton[CUBIX_N_AGE_STEP][CUBIX_N_AGE_NODE];       /* divided differences [Gyr] */
};
/** Fill the table for scale factors 0 .. a_last.  Local. */
void cubix_cosmology_tabulate(struct cubix_age_table *table, double omega_m, double omega_l, double h, double a_last);
/** cubix_cosmology_age within 1e-14 of the age at a_last.  Local. */
static inline double cubix_cosmology_look_up(const struct cubix_age_table *table, double a)
{
  double at = a > 0. ? sqrt(a) * table->step_per_root : 0.;
  int k = at < CUBIX_N_AGE_STEP ? (int)at : CUBIX_N_AGE_STEP - 1;
  double x = 2. * (at - k) - 1., y = table->newton[k][CUBIX_N_AGE_NODE - 1];
  for (int j = CUBIX_N_AGE_NODE - 2; j >= 0; j--) y = y * (x - table->node[j]) + table->newton[k][j];
  return y;
}

/** Luminosity distance at redshift z [Mpc].  Local. */
double cubix_cosmology_luminosity_distance(double omega_m, double omega_l, double h, double z);
/** Its derivative with respect to z [Mpc].  Local. */
double cubix_cosmology_luminosity_distance_slope(double omega_m, double omega_l, double h, double z);

#ifdef __cplusplus
}
#endif
#endif
