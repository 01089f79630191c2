/* cosmology.h -- ages and distances in LCDM without radiation.  Source: doc/math.md section 1. */
#ifndef CUBIX_COSMOLOGY_H
#define CUBIX_COSMOLOGY_H

/** Age of the universe at scale factor a [Gyr].  Local.  0 for a <= 0. */
double cubix_cosmology_age(double omega_m, double omega_l, double h, double a);
/** Luminosity distance at redshift z [Mpc].  Local. */
double cubix_cosmology_luminosity_distance(double omega_m, double omega_l, double h, double z);

#endif
