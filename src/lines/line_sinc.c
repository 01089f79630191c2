/* line_sinc.c -- quadrature over the part of the sinc that the Gaussian about x sees; below that the sine integral.
 * On pieces no longer than 2 sigma and than its first zero ten points of Gauss and Legendre leave some 1e-14. */
#include "lines/line_sinc.h"

#include <gsl/gsl_sf_expint.h>
#include <math.h>

#include "physics/constants.h"
#include "spectra/lsf.h"

enum { POINTS = 10 };
static const double far = 8;      /* sigmas: beyond them 1e-15 of a Gaussian */

static double end_of(const struct cubix_line_sinc *s) { return CUBIX_LSF_SINC_ZEROS * s->zero; }

double cubix_line_sinc_reach(const struct cubix_line_sinc *s) { return end_of(s) + far * s->sigma; }

/* Of the sinc alone, up to t: 0 at its lower end and 1 at its upper. */
static double integral(const struct cubix_line_sinc *s, double t)
{
  return 0.5 + 0.5 * gsl_sf_Si(CUBIX_PI * t / s->zero) / gsl_sf_Si(CUBIX_PI * CUBIX_LSF_SINC_ZEROS);
}

/* What of the sinc a Gaussian about x sees. */
struct view { double lo, hi, half, norm; int n; };

static struct view view_of(const struct cubix_line_sinc *s, double x)
{
  const double end = end_of(s), lo = fmax(x - far * s->sigma, -end), hi = fmin(x + far * s->sigma, end);
  struct view v = { lo, hi, 0, s->zero / CUBIX_PI * 2 * gsl_sf_Si(CUBIX_PI * CUBIX_LSF_SINC_ZEROS), 0 };
  if (!(hi > lo)) return v;
  v.n = POINTS * (int)ceil((hi - lo) / fmin(2 * s->sigma, s->zero));
  v.half = 0.5 * POINTS * (hi - lo) / v.n;
  return v;
}

/* Point i of the quadrature.  @param[out] t where it is  @return the sinc there, with the point's weight */
static double point(const struct cubix_line_sinc *s, const struct view *v, int i, double *t)
{
  static const double node[POINTS] = { -0.9739065285171717, -0.8650633666889845, -0.6794095682990244,
                                       -0.4333953941292472, -0.1488743389816312, 0.1488743389816312,
                                       0.4333953941292472,  0.6794095682990244,  0.8650633666889845,
                                       0.9739065285171717 };
  static const double weight[POINTS] = { 0.0666713443086881, 0.1494513491505806, 0.2190863625159820, 0.2692667193099963,
                                         0.2955242247147529, 0.2955242247147529, 0.2692667193099963, 0.2190863625159820,
                                         0.1494513491505806, 0.0666713443086881 };
  *t = v->lo + v->half * (2 * (i / POINTS) + 1 + node[i % POINTS]);
  const double y = CUBIX_PI * *t / s->zero;
  return v->half * weight[i % POINTS] / v->norm * (fabs(y) < 1e-8 ? 1 : sin(y) / y);
}

double cubix_line_sinc_below(const struct cubix_line_sinc *s, double x)
{
  const struct view v = view_of(s, x);
  if (!v.n) return x > 0;
  double below = integral(s, v.lo), t;
  for (int i = 0; i < v.n; i++) {
    const double sinc = point(s, &v, i, &t);
    below += sinc * 0.5 * erfc((t - x) / (s->sigma * sqrt(2.)));
  }
  return below;
}

void cubix_line_sinc_at(const struct cubix_line_sinc *s, double x, double *profile, double *slope)
{
  const struct view v = view_of(s, x);
  double t;
  *profile = *slope = 0;
  for (int i = 0; i < v.n; i++) {
    const double sinc = point(s, &v, i, &t), u = (x - t) / s->sigma,
                 here = sinc * exp(-0.5 * u * u) / (s->sigma * sqrt(2 * CUBIX_PI));
    *profile += here;
    *slope -= here * u / s->sigma;
  }
}
