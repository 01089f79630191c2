/* lsf.h -- broadening templates by the line spread function. */
#ifndef CUBIX_LSF_H
#define CUBIX_LSF_H

#include "instrument/instrument.h"
#include "math/spline.h"

#define CUBIX_LSF_SINC_FWHM 1.2067091288032284  /* of a sinc whose first zero is at 1 */
#define CUBIX_LSF_SINC_ZEROS 20                 /* the zero at which it ends */

/** How far a line spread function counts, in sigmas (FWHM/2.3548).  Local. */
double cubix_lsf_reach(enum cubix_lsf_shape shape);

struct cubix_lsf {
  int n;                          /* knots */
  int *first;                     /* [n] first knot that contributes to knot i */
  int *start;                     /* [n + 1] weights of knot i: start[i] .. start[i + 1] - 1 */
  double *value, *curvature;      /* weights of T_j and T''_j/6, j = first[i] + k */
  double *value_slope, *curvature_slope; /* their derivatives with sigma_i^2; NULL where they were not asked for */
};

/** Weights that broaden a template at every knot by a Gaussian or sinc of its own width.  Local.
 *  @param knot [n] rising
 *  @param sigma [n] same unit (FWHM/2.3548), 0: leave this knot as it is
 *  @param slope  1: the weights' derivatives with sigma^2 as well, those of a C1 template; 0 at
 *    knots that are left as they are */
int cubix_lsf_init(struct cubix_lsf *lsf, const double *knot, const double *sigma, int n, int slope,
                   enum cubix_lsf_shape shape);
/** Broadened values of CUBIX_LANES templates.  Local.
 *  @param f, m [n][CUBIX_LANES] values and sixths of the second derivatives (0 for straight lines)
 *  @param[out] broad [n][CUBIX_LANES], may not alias */
void cubix_lsf_apply(const struct cubix_lsf *lsf, const double (*f)[CUBIX_LANES], const double (*m)[CUBIX_LANES],
                     double (*broad)[CUBIX_LANES]);
/** Derivatives of the broadened values, each with the sigma^2 of its own knot.  Local.
 *  @param[out] broad_slope [n][CUBIX_LANES], may not alias */
void cubix_lsf_apply_slope(const struct cubix_lsf *lsf, const double (*f)[CUBIX_LANES], const double (*m)[CUBIX_LANES],
                           double (*broad_slope)[CUBIX_LANES]);
/** Adjoint of cubix_lsf_apply, added.  Local.
 *  @param broad_bar [n][CUBIX_LANES]
 *  @param f_bar, m_bar [n][CUBIX_LANES] */
void cubix_lsf_apply_vjp(const struct cubix_lsf *lsf, const double (*broad_bar)[CUBIX_LANES],
                         double (*f_bar)[CUBIX_LANES], double (*m_bar)[CUBIX_LANES]);
void cubix_lsf_free(struct cubix_lsf *lsf);

#endif
