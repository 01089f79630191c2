/* extinction.h -- extinction laws A(lambda)/A(V), with their derivatives.
 *
 * A law has a shape: R_V = A(V)/E(B-V) where it is a family in it, the slope of a power law, nothing
 * otherwise.  Wavelengths are those of the dust at rest, in vacuum. */
#ifndef CUBIX_EXTINCTION_H
#define CUBIX_EXTINCTION_H

#include "params/params.h"

struct cubix_extinction {
  double k;                       /* A(lambda)/A(V) */
  double by_shape, by_lambda;     /* its derivatives; by_lambda per AA, at a joint of two formulas of one of them */
};

/** A law at a wavelength within its range.  Local.
 *  Source: Gordon et al. 2023, ApJ 950, 86 (G23); Cardelli, Clayton & Mathis 1989, ApJ 345, 245 (CCM89); with the
 *    optical part of O'Donnell 1994, ApJ 422, 158 (O94); Fitzpatrick 1999, PASP 111, 63 (F99); Gordon et al. 2003,
 *    ApJ 594, 279, bar (SMC); Calzetti et al. 2000, ApJ 533, 682, eq. 4 (Calzetti, an attenuation law).
 *  @param lambda [vacuum AA] */
struct cubix_extinction cubix_extinction_at(enum cubix_DustLaw law, double shape, double lambda);
/** Wavelengths [AA] from *low to *high for which a law was made.  Local. */
void cubix_extinction_range(enum cubix_DustLaw law, double *low, double *high);
/** The parameter that is a law's shape, "DustRv" or "DustSlope", and its bounds; NULL: it has none.
 * Local, borrowed. */
const char *cubix_extinction_shape(enum cubix_DustLaw law, double *low, double *high);

#endif
