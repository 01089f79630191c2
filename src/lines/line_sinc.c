/* line_sinc.c -- by its transform, that of the Gaussian, cut off where the sinc's ends:
 *   F(x) = 1/2 + C int_0^pi exp(-(s q/a)^2/2) sin(q x/a)/q dq,   C = 1/(2 Si(20 pi)),
 * on 64 points of Gauss and Legendre, which resolve the 10 periods that there are at most.
 *
 * That is a sinc without an end.  Where the Gaussian about x sees the end, quadrature goes over the part of the sinc
 * that it sees; below that the sine integral.  On pieces no longer than 2 sigma and than its first zero ten points
 * leave some 1e-14. */
#include "lines/line_sinc.h"

#include <gsl/gsl_sf_expint.h>
#include <math.h>

#include "physics/constants.h"
#include "spectra/lsf.h"

enum { POINTS = 10 };
static const double far = 8;      /* sigmas: beyond them 1e-15 of a Gaussian */

static double end_of(const struct cubix_line_sinc *s) { return CUBIX_LSF_SINC_ZEROS * s->zero; }

static double norm(void) { return 0.5 / gsl_sf_Si(CUBIX_PI * CUBIX_LSF_SINC_ZEROS); }

void cubix_line_sinc_init(struct cubix_line_sinc *s, double zero, double sigma)
{
  enum { HALF = CUBIX_LINE_SINC_POINTS / 2 };
  static const double node[HALF] = {
    0.0243502926634244, 0.0729931217877990, 0.1214628192961205, 0.1696444204239928, 0.2174236437400071,
    0.2646871622087674, 0.3113228719902110, 0.3572201583376681, 0.4022701579639916, 0.4463660172534641,
    0.4894031457070530, 0.5312794640198946, 0.5718956462026340, 0.6111553551723933, 0.6489654712546573,
    0.6852363130542333, 0.7198818501716109, 0.7528199072605319, 0.7839723589433414, 0.8132653151227975,
    0.8406292962525803, 0.8659993981540928, 0.8893154459951141, 0.9105221370785028, 0.9295691721319396,
    0.9464113748584028, 0.9610087996520538, 0.9733268277899110, 0.9833362538846260, 0.9910133714767443,
    0.9963401167719552, 0.9993050417357722
  };
  static const double weight[HALF] = {
    0.0486909570091398, 0.0485754674415035, 0.0483447622348030, 0.0479993885964584, 0.0475401657148304,
    0.0469681828162101, 0.0462847965813145, 0.0454916279274182, 0.0445905581637566, 0.0435837245293235,
    0.0424735151236536, 0.0412625632426236, 0.0399537411327205, 0.0385501531786156, 0.0370551285402401,
    0.0354722132568823, 0.0338051618371418, 0.0320579283548515, 0.0302346570724026, 0.0283396726142595,
    0.0263774697150549, 0.0243527025687112, 0.0222701738083830, 0.0201348231535301, 0.0179517157756973,
    0.0157260304760250, 0.0134630478967179, 0.0111681394601310, 0.0088467598263634, 0.0065044579689785,
    0.0041470332605645, 0.0017832807216941
  };
  s->zero = zero;
  s->sigma = sigma;
  for (int i = 0; i < 2 * HALF; i++) {
    const double q = 0.5 * CUBIX_PI * (1 + (i < HALF ? -node[i] : node[i - HALF])), blur = sigma / zero * q;
    s->phase[i] = q / zero;
    s->weight[i] = norm() * 0.5 * CUBIX_PI * weight[i % HALF] * exp(-0.5 * blur * blur) / q;
  }
}

/* Whether the Gaussian about x sees nothing of the end. */
static int is_inside(const struct cubix_line_sinc *s, double x) { return fabs(x) + far * s->sigma <= end_of(s); }

double cubix_line_sinc_reach(const struct cubix_line_sinc *s) { return end_of(s) + far * s->sigma; }

/* Of the sinc alone, up to t: 0 at its lower end and 1 at its upper. */
static double integral(const struct cubix_line_sinc *s, double t)
{
  return 0.5 + norm() * gsl_sf_Si(CUBIX_PI * t / s->zero);
}

/* What of the sinc a Gaussian about x sees. */
struct view { double lo, hi, half, peak; int n; };

static struct view view_of(const struct cubix_line_sinc *s, double x)
{
  const double end = end_of(s), lo = fmax(x - far * s->sigma, -end), hi = fmin(x + far * s->sigma, end);
  struct view v = { lo, hi, 0, CUBIX_PI * norm() / s->zero, 0 };
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
  return v->half * weight[i % POINTS] * v->peak * (fabs(y) < 1e-8 ? 1 : sin(y) / y);
}

double cubix_line_sinc_below(const struct cubix_line_sinc *s, double x)
{
  if (is_inside(s, x)) {
    double sum = 0.5;
    for (int i = 0; i < CUBIX_LINE_SINC_POINTS; i++) sum += s->weight[i] * sin(s->phase[i] * x);
    return sum;
  }
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
  *profile = *slope = 0;
  if (is_inside(s, x)) {
    for (int i = 0; i < CUBIX_LINE_SINC_POINTS; i++) {
      const double q = s->phase[i], w = s->weight[i] * q;
      *profile += w * cos(q * x);
      *slope -= w * q * sin(q * x);
    }
    return;
  }
  const struct view v = view_of(s, x);
  double t;
  for (int i = 0; i < v.n; i++) {
    const double sinc = point(s, &v, i, &t), u = (x - t) / s->sigma,
                 here = sinc * exp(-0.5 * u * u) / (s->sigma * sqrt(2 * CUBIX_PI));
    *profile += here;
    *slope -= here * u / s->sigma;
  }
}
