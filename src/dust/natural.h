/* natural.h -- the natural cubic spline through a few points. */
#ifndef CUBIX_NATURAL_H
#define CUBIX_NATURAL_H

enum { CUBIX_NATURAL_MOST = 16 };

/** Its value at a place, and its derivative there.  Local.
 *  @param n  3 .. CUBIX_NATURAL_MOST
 *  @param x, y  [n] x increases */
double cubix_natural(int n, const double *x, const double *y, double at, double *slope);

#endif
