/* extinction.c -- the formulas of the papers.
 *
 * x = 1/lambda [1/um], as in the papers.  Most laws are a(x) + b(x) f(R_V); F99 and the SMC's are, in the
 * optical and beyond it to the red, a natural cubic spline through points that depend on R_V, and in the
 * ultraviolet the form of Fitzpatrick & Massa (1990, ApJS 72, 163).  Some parts do not quite meet where
 * they join: O94 has a step of 0.0095 at 3030 AA, Calzetti's of 0.0062 at 6300 AA.  These steps are
 * the papers' own.
 *
 * CCM89 and O94 are 1 at x = 1.82 (5495 AA), their V, by construction; the others are within 3 % of 1
 * there. */
#include "dust/extinction.h"

#include <math.h>
#include <stddef.h>

#include "dust/natural.h"

/* A number that depends on x (or on lambda, where it says so), and its derivative. */
struct jet { double at, slope; };

static struct jet jet_sum(struct jet a, double f, struct jet b)
{
  return (struct jet){ a.at + f * b.at, a.slope + f * b.slope };
}

static struct jet polynomial(const double *c, int n, double x)
{
  struct jet p = { 0, 0 };
  for (int i = n - 1; i >= 0; i--) p = (struct jet){ p.at * x + c[i], p.slope * x + p.at };
  return p;
}

static struct jet power(double factor, double x, double exponent)
{
  return (struct jet){ factor * pow(x, exponent), factor * exponent * pow(x, exponent - 1) };
}

/* From p below to q above, 3 t^2 - 2 t^3 between. */
static struct jet blend(struct jet p, struct jet q, double at, double below, double above)
{
  const double t = fmin(fmax((at - below) / (above - below), 0), 1);
  const double w = t * t * (3 - 2 * t), w_slope = 6 * t * (1 - t) / (above - below);
  return (struct jet){ p.at + w * (q.at - p.at), p.slope + w * (q.slope - p.slope) + w_slope * (q.at - p.at) };
}

/* Drude's profile of height amp: amp w^2 / ((x/x0 - x0/x)^2 + w^2), w in units of x0. */
static struct jet drude(double amp, double x0, struct jet w, double x)
{
  const double q = x / x0 - x0 / x, q_slope = 1 / x0 + x0 / (x * x), sum = q * q + w.at * w.at;
  return (struct jet){ amp * w.at * w.at / sum, 2 * amp * w.at * q * (w.slope * q - w.at * q_slope) / (sum * sum) };
}

/* ---- Cardelli, Clayton & Mathis; O'Donnell ----------------------------------------------------- */
/* amp/((x - x0)^2 + w) */
static struct jet lorentz(double amp, double x0, double w, double x)
{
  const double sum = (x - x0) * (x - x0) + w;
  return (struct jet){ amp / sum, -2 * amp * (x - x0) / (sum * sum) };
}

static void ccm_ultraviolet(double x, struct jet *a, struct jet *b)
{
  static const double line_a[] = { 1.752, -0.316 }, line_b[] = { -3.090, 1.825 };
  static const double rise_a[] = { 0, 0, -0.04473, -0.009779 }, rise_b[] = { 0, 0, 0.2130, 0.1207 };
  *a = jet_sum(polynomial(line_a, 2, x), 1, lorentz(-0.104, 4.67, 0.341, x));
  *b = jet_sum(polynomial(line_b, 2, x), 1, lorentz(1.206, 4.62, 0.263, x));
  if (x < 5.9) return;
  *a = jet_sum(*a, 1, polynomial(rise_a, 4, x - 5.9));
  *b = jet_sum(*b, 1, polynomial(rise_b, 4, x - 5.9));
}

static void ccm_parts(int odonnell, double x, struct jet *a, struct jet *b)
{
  static const double ccm_a[] = { 1, 0.17699, -0.50447, -0.02427, 0.72085, 0.01979, -0.77530, 0.32999 };
  static const double ccm_b[] = { 0, 1.41338, 2.28305, 1.07233, -5.38434, -0.62251, 5.30260, -2.09002 };
  static const double od_a[] = { 1, 0.104, -0.609, 0.701, 1.137, -1.718, -0.827, 1.647, -0.505 };
  static const double od_b[] = { 0, 1.952, 2.908, -3.989, -7.985, 11.102, 5.491, -10.805, 3.347 };
  static const double far_a[] = { -1.073, -0.628, 0.137, -0.070 }, far_b[] = { 13.670, 4.257, -0.420, 0.374 };
  if (x < 1.1) {
    *a = power(0.574, x, 1.61);
    *b = power(-0.527, x, 1.61);
  } else if (x < 3.3) {
    *a = odonnell ? polynomial(od_a, 9, x - 1.82) : polynomial(ccm_a, 8, x - 1.82);
    *b = odonnell ? polynomial(od_b, 9, x - 1.82) : polynomial(ccm_b, 8, x - 1.82);
  } else if (x <= 8) {
    ccm_ultraviolet(x, a, b);
  } else {
    *a = polynomial(far_a, 4, x - 8);
    *b = polynomial(far_b, 4, x - 8);
  }
}

/* ---- Fitzpatrick & Massa ------------------------------------------------------------------------ */
/* C1 + C2 x + C3 D(x) + C4 F(x) */
static struct jet fm90(const double c[4], double x0, double gamma, double x)
{
  static const double far[] = { 0, 0, 0.5392, 0.05644 };
  struct jet f = polynomial(c, 2, x);
  f = jet_sum(f, c[2] / (gamma * gamma), drude(1, x0, (struct jet){ gamma / x0, 0 }, x));
  return x < 5.9 ? f : jet_sum(f, c[3], polynomial(far, 4, x - 5.9));
}

/* Points of a spline in x, and how they move with R_V. */
struct points { int n; double x[CUBIX_NATURAL_MOST], y[CUBIX_NATURAL_MOST], y_shape[CUBIX_NATURAL_MOST]; };

static void add_point(struct points *p, double lambda, double y, double y_shape)
{
  p->x[p->n] = lambda > 0 ? 1e4 / lambda : 0;
  p->y[p->n] = y;
  p->y_shape[p->n++] = y_shape;
}

/* The curve of F99 and the SMC: fm90(x)/R_V + 1 in the ultraviolet, the spline elsewhere, to which two points of it at
 * 2700 and 2600 AA are added.  c_shape: how C1 .. C4 move with R_V, NULL where R_V is fixed. */
static struct jet fitzpatrick(struct points *p, const double c[4], const double *c_shape, double x0, double gamma,
                              double r, double x, double *by_shape)
{
  static const double join[] = { 2700, 2600 };
  for (int i = 0; i < 3; i++) {
    const double at = i < 2 ? 1e4 / join[i] : x;
    const struct jet f = fm90(c, x0, gamma, at);
    const double shape = c_shape ? (c_shape[0] + c_shape[1] * at) / r - f.at / (r * r) : 0;
    if (i < 2) add_point(p, join[i], f.at / r + 1, shape);
    else if (x >= 1e4 / join[0]) return *by_shape = shape, (struct jet){ f.at / r + 1, f.slope / r };
  }
  struct jet k;
  *by_shape = cubix_natural(p->n, p->x, p->y_shape, x, &k.slope);
  k.at = cubix_natural(p->n, p->x, p->y, x, &k.slope);
  return k;
}

/* The sign of 1.208 is that of Fitzpatrick's table 3 and program; his table 4 has a misprint. */
static struct jet f99(double r, double x, double *by_shape)
{
  const double c2 = -0.824 + 4.717 / r, c[] = { 2.030 - 3.007 * c2, c2, 3.23, 0.41 };
  const double c2_shape = -4.717 / (r * r), c_shape[] = { -3.007 * c2_shape, c2_shape };
  struct points p = { .n = 0 };
  add_point(&p, 0, 0, 0);                                 /* x = 0 */
  add_point(&p, 26500, 0.265 / 3.1, 0);
  add_point(&p, 12200, 0.829 / 3.1, 0);
  add_point(&p, 6000, 1.0044 - 0.426 / r, 0.426 / (r * r));
  add_point(&p, 5470, 1.0016 - 0.050 / r, 0.050 / (r * r));
  add_point(&p, 4670, 1.0016 + 0.701 / r, -0.701 / (r * r));
  add_point(&p, 4110, 1.0032 + 1.208 / r - 0.00033 * r, -1.208 / (r * r) - 0.00033);
  return fitzpatrick(&p, c, c_shape, 4.596, 0.99, r, x, by_shape);
}

static struct jet smc(double x, double *by_shape)
{
  static const double c[] = { -4.959, 2.264, 0.389, 0.461 };
  static const double at[][2] = { { 0, 0 }, { 21980, 0.11 }, { 16500, 0.169 }, { 12500, 0.25 }, { 8100, 0.567 },
                                  { 6500, 0.801 }, { 5500, 1 }, { 4400, 1.374 }, { 3700, 1.672 } };
  struct points p = { .n = 0 };
  for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) add_point(&p, at[i][0], at[i][1], 0);
  return fitzpatrick(&p, c, NULL, 4.6, 1, 2.74, x, by_shape);
}

/* ---- Gordon et al. 2023: jets in lambda [um] ------------------------------------------------------ */
static struct jet in_wave(struct jet of_x, double x) { return (struct jet){ of_x.at, -x * x * of_x.slope }; }

/* Silicates: Drude's profile with a width 2 w/(1 + exp(asymmetry (l - l0))). */
static struct jet silicate(double amp, double l0, double w, double asymmetry, double l)
{
  const double e = exp(asymmetry * (l - l0)), width = 2 * w / (1 + e) / l0;
  return drude(amp, l0, (struct jet){ width, -width * asymmetry * e / (1 + e) }, l);
}

/* The optical part: a polynomial in x and three features. */
static struct jet g23_optical(const double c[5], const double amp[3], double l)
{
  static const double x0[] = { 2.288, 2.054, 1.587 }, width[] = { 0.243, 0.179, 0.243 };
  struct jet f = polynomial(c, 5, 1 / l);
  for (int i = 0; i < 3; i++) f = jet_sum(f, 1, drude(amp[i], x0[i], (struct jet){ width[i] / x0[i], 0 }, 1 / l));
  return in_wave(f, 1 / l);
}

static void g23_parts(double l, struct jet *a, struct jet *b)
{
  static const double uv_a[] = { 0.81297, 0.2775, 1.06295, 0.11303 };
  static const double uv_b[] = { -2.97868, 1.89808, 3.10334, 0.65484 };
  static const double opt_a[] = { -0.35848, 0.7122, 0.08746, -0.05403, 0.00674 };
  static const double opt_b[] = { 0.12354, -2.68335, 2.01901, -0.39299, 0.03355 };
  static const double features_a[] = { 0.03893, 0.02965, 0.01747 }, features_b[] = { 0.18453, 0.19728, 0.1713 };
  const double first = 1.68467, second = 0.78791, join = 4.30578, width = 4.78338;
  if (l < 0.9) {
    *a = blend(in_wave(fm90(uv_a, 4.60, 0.99, 1 / l), 1 / l), g23_optical(opt_a, features_a, l), l, 0.30, 0.33);
    *b = blend(in_wave(fm90(uv_b, 4.60, 0.99, 1 / l), 1 / l), g23_optical(opt_b, features_b, l), l, 0.30, 0.33);
    return;
  }
  *a = blend(power(0.38526, l, -first), power(0.38526 * pow(join, second - first), l, -second), l, join - width / 2,
             join + width / 2);
  *a = jet_sum(*a, 1, silicate(0.06652, 9.8434, 2.21205, -0.24703, l));
  *a = jet_sum(*a, 1, silicate(0.0267, 19.58294, 17, -0.27, l));
  *b = power(-1.01251, l, -1.06099);
  if (l > 1.1) return;
  *a = blend(g23_optical(opt_a, features_a, l), *a, l, 0.9, 1.1);
  *b = blend(g23_optical(opt_b, features_b, l), *b, l, 0.9, 1.1);
}

/* ---- all of them --------------------------------------------------------------------------------- */
/* k(lambda) [um] of Calzetti over 4.05. */
static struct jet calzetti(double x)
{
  static const double blue[] = { -2.156, 1.509, -0.198, 0.011 }, red[] = { -1.857, 1.040 };
  const struct jet p = x > 1 / 0.63 ? polynomial(blue, 4, x) : polynomial(red, 2, x);
  return (struct jet){ 1 + 2.659 / 4.05 * p.at, 2.659 / 4.05 * p.slope };
}

struct cubix_extinction cubix_extinction_at(enum cubix_DustLaw law, double shape, double lambda)
{
  const double l = lambda / 1e4, x = 1 / l, r = shape;
  struct jet a, b, k = { 0, 0 };
  double by_shape = 0;
  switch (law) {
    case CUBIX_DustLaw_G23:
      g23_parts(l, &a, &b);
      k = jet_sum(a, 1 / r - 1 / 3.1, b);
      return (struct cubix_extinction){ k.at / 0.9854, -b.at / (r * r) / 0.9854, k.slope / 0.9854 / 1e4 };
    case CUBIX_DustLaw_powerlaw:
      k = power(1, lambda / 5500, -shape);
      return (struct cubix_extinction){ k.at, -k.at * log(lambda / 5500), k.slope / 5500 };
    case CUBIX_DustLaw_CCM89:
    case CUBIX_DustLaw_O94:
      ccm_parts(law == CUBIX_DustLaw_O94, x, &a, &b);
      k = jet_sum(a, 1 / r, b);
      by_shape = -b.at / (r * r);
      break;
    case CUBIX_DustLaw_F99: k = f99(r, x, &by_shape); break;
    case CUBIX_DustLaw_SMC: k = smc(x, &by_shape); break;
    case CUBIX_DustLaw_Calzetti: k = calzetti(x); break;
  }
  return (struct cubix_extinction){ k.at, by_shape, -x / lambda * k.slope };
}

void cubix_extinction_range(enum cubix_DustLaw law, double *low, double *high)
{
  *low = 1000;                                            /* x from 0.3 to 10 */
  *high = 1e4 / 0.3;
  if (law == CUBIX_DustLaw_G23) *low = 912, *high = 320000;
  if (law == CUBIX_DustLaw_Calzetti) *low = 1200, *high = 22000;
  if (law == CUBIX_DustLaw_powerlaw) *low = 0, *high = INFINITY;
}

const char *cubix_extinction_shape(enum cubix_DustLaw law, double *low, double *high)
{
  *low = law == CUBIX_DustLaw_G23 ? 2.3 : law == CUBIX_DustLaw_powerlaw ? 0 : 2;
  *high = law == CUBIX_DustLaw_G23 ? 5.6 : law == CUBIX_DustLaw_powerlaw ? 4 : 6;
  return law == CUBIX_DustLaw_powerlaw                              ? "DustSlope"
         : law == CUBIX_DustLaw_SMC || law == CUBIX_DustLaw_Calzetti ? NULL
                                                                     : "DustRv";
}
