/* disc.h -- how much of a rectangle a disc covers. */
#ifndef CUBIX_DISC_H
#define CUBIX_DISC_H

/** Area of the part of the rectangle x0 <= x <= x1, y0 <= y <= y1 in the disc of radius r about the origin;
 *  exact but for rounding, 1e-16 r^2.  Local. */
double cubix_disc_area(double r, double x0, double x1, double y0, double y1);

#endif
