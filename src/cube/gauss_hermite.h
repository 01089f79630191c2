/* gauss_hermite.h -- what observers fit to a distribution of velocities along the line of sight. */
#ifndef CUBIX_GAUSS_HERMITE_H
#define CUBIX_GAUSS_HERMITE_H

#include <stddef.h>

struct cubix_gauss_hermite { double v, sigma, h3, h4; };     /* km/s, km/s, 1, 1 */

/** Fit a Gauss-Hermite series to a histogram by least squares, all bins with the same weight.  Local.
 *  Source: van der Marel & Franx 1993, ApJ 407, 525, equations 8 and 9; doc/math.md section 8.
 *  @param light bin k, whose centre is (k - (n - 1)/2) step [km/s], is light[k * stride]
 *  @return 0: fewer than five bins have light, or no fit was found; all of *fit is NaN */
int cubix_gauss_hermite_fit(struct cubix_gauss_hermite *fit, const double *light, size_t stride, int n, double step);

#endif
