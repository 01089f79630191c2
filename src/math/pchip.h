/* pchip.h -- slopes of the monotone cubic through points, and their derivatives. */
#ifndef CUBIX_PCHIP_H
#define CUBIX_PCHIP_H

#include <stddef.h>

/** Slope at node i of the monotone cubic through y over x.  Local.
 *  @param x [n] rising
 *  @param y [n] values, `stride` apart */
double cubix_pchip_slope(const double *x, const double *y, size_t stride, int n, int i);
/** bar times the slope's derivative with each y, added to y_bar.  Local.
 *  @param y_bar [n], `stride` apart */
void cubix_pchip_slope_vjp(const double *x, const double *y, size_t stride, int n, int i, double bar, double *y_bar);
/** Derivative of the slope along y_dot.  Local.  @param y_dot [n], `stride` apart */
double cubix_pchip_slope_jvp(const double *x, const double *y, const double *y_dot, size_t stride, int n, int i);

#endif
