/* worst.h -- the largest of many errors, for decisions: an error that is NaN is the largest of all,
 * and remains so. */
#ifndef CUBIX_WORST_H
#define CUBIX_WORST_H

#include <math.h>

/** The larger of two errors; NaN once either is (fmax would drop NaN). */
static inline double cubix_worst(double worst, double off) { return isnan(worst) || off <= worst ? worst : off; }

#endif
