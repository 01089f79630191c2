/* albedo.h -- how much of what dust takes out of a line of sight it scatters. */
#ifndef CUBIX_ALBEDO_H
#define CUBIX_ALBEDO_H

/* Wavelengths for which it is known [AA]. */
#define CUBIX_ALBEDO_FIRST 1500.
#define CUBIX_ALBEDO_LAST  22000.

/** Albedo at a wavelength in that range [AA at rest, vacuum], and its derivative per AA.  Local.
 *  Source: Draine 2003, ApJ 598, 1017: R_V = 3.1; between 15 wavelengths of his table a natural spline in
 *    ln lambda. */
double cubix_albedo(double lambda, double *slope);

#endif
