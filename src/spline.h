/* spline.h -- the C2 cubic spline with not-a-knot ends through a template's points, for many templates on the same knots. */
#ifndef CUBIX_SPLINE_H
#define CUBIX_SPLINE_H

struct cubix_spline {
  int n;
  const double *knot;             /* [n], borrowed */
  double *lower, *inverse, *upper;/* [n] factors of the tridiagonal system */
};

/** Factor the system of the knots (rising).  Local. */
int cubix_spline_init(struct cubix_spline *spline, const double *knot, int n);
/** A sixth of the second derivatives, T''/6, at the knots.  Local.  @param f [n]  @param[out] m [n], may not alias f */
void cubix_spline_curvature(const struct cubix_spline *spline, const double *f, double *m);
void cubix_spline_free(struct cubix_spline *spline);

#endif
