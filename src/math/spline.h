/* spline.h -- the C2 cubic spline with not-a-knot ends through a template's points, for many
 * templates on the same knots. */
#ifndef CUBIX_SPLINE_H
#define CUBIX_SPLINE_H

enum { CUBIX_LANES = 8 };         /* templates that are worked on together: the last index of their arrays */

struct cubix_spline {
  int n;
  const double *knot;             /* [n], borrowed */
  double *lower, *inverse, *upper;/* [n] factors of the tridiagonal system */
  double *per_h;                  /* [n - 1] 1 over the intervals' widths */
};

/** Factor the system of the knots (rising).  Local. */
int cubix_spline_init(struct cubix_spline *spline, const double *knot, int n);
/** A sixth of the second derivatives, T''/6, at the knots.  Local.
 *  @param f [n][CUBIX_LANES]
 *  @param[out] m [n][CUBIX_LANES], may not alias f */
void cubix_spline_curvature(const struct cubix_spline *spline, const double (*f)[CUBIX_LANES],
                            double (*m)[CUBIX_LANES]);
/** Its adjoint, added to f_bar.  Local.
 *  @param m_bar [n][CUBIX_LANES], overwritten
 *  @param f_bar [n][CUBIX_LANES], may not alias m_bar */
void cubix_spline_curvature_vjp(const struct cubix_spline *spline, double (*m_bar)[CUBIX_LANES],
                                double (*f_bar)[CUBIX_LANES]);
void cubix_spline_free(struct cubix_spline *spline);

#endif
