/* worst.h -- the largest of many errors, for what decides by it: an error that is not a number is
 * the largest of all, and remains it. */
#ifndef CUBIX_WORST_H
#define CUBIX_WORST_H

#include <math.h>

/** The larger of two errors; NaN once either is (fmax passes NaN over). */
static inline double cubix_worst(double worst, double off) { return isnan(worst) || off <= worst ? worst : off; }

#endif
