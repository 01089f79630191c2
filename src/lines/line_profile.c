/* line_profile.c -- the integral of a line over channels.
 *
 * That of a Gaussian is half the difference of two error functions.  That of a sinc with the gas's Gaussian is a
 * difference of F(x; a, s), what lies below x (line_sinc.h), a the sinc's first zero and s the gas's width.  With the
 * profile P = F_x it has F_s = s P_x, as everything that a Gaussian broadens, and a F_a = -(x P + s F_s), since a
 * unit of wavelength changes nothing. */
#include "lines/line_profile.h"

#include <math.h>

#include "lines/line_sinc.h"
#include "physics/constants.h"
#include "physics/doppler.h"
#include "spectra/lsf.h"
#include "spectra/templates_parts.h"

static const double reach = 8;    /* sigmas: beyond them 1e-15 of the light */

/* beyond the band nobody has said how wide the LSF is, and a polynomial may be anything */
static double known(const struct cubix_instrument *ins, double mu)
{
  return fmin(fmax(mu, ins->edge[0]), ins->edge[ins->n_lambda]);
}

/* Variances of the line spread function and of the gas. */
static void widths(const struct cubix_line_shape *shape, double mu, double *lsf, double *own)
{
  const struct cubix_instrument *ins = shape->ins;
  *lsf = ins->lsf_none ? 0 : cubix_templates_missing_variance(ins, known(ins, mu), 0);
  *own = mu * shape->sigma / CUBIX_C_KMS;
  *own *= *own;
}

void cubix_line_place(const struct cubix_line_shape *shape, double v, double *mu, double *sigma)
{
  double lsf, own;
  *mu = cubix_doppler(shape->lambda, v);
  widths(shape, *mu, &lsf, &own);
  *sigma = sqrt(fmax(lsf, 0) + own);
}

int cubix_line_is_sinc(const struct cubix_line_shape *shape)
{
  return !shape->ins->lsf_none && shape->ins->lsf_shape == CUBIX_LSF_SINC;
}

static struct cubix_line_sinc sinc_of(const struct cubix_line_shape *shape, double v, double *mu)
{
  double lsf, own;
  struct cubix_line_sinc sinc;
  *mu = cubix_doppler(shape->lambda, v);
  widths(shape, *mu, &lsf, &own);
  cubix_line_sinc_init(&sinc, CUBIX_FWHM_SIGMA * sqrt(lsf) / CUBIX_LSF_SINC_FWHM, sqrt(own));
  return sinc;
}

double cubix_line_reach(const struct cubix_line_shape *shape, double v)
{
  double mu, sigma;
  if (cubix_line_is_sinc(shape)) {
    const struct cubix_line_sinc sinc = sinc_of(shape, v, &mu);
    return cubix_line_sinc_reach(&sinc);
  }
  cubix_line_place(shape, v, &mu, &sigma);
  return reach * sigma;
}

double cubix_line_edge(const struct cubix_instrument *ins, int k)
{
  const int n = ins->n_lambda;
  const double *edge = ins->edge;
  return k < 0 ? edge[0] + k * (edge[1] - edge[0]) : k > n ? edge[n] + (k - n) * (edge[n] - edge[n - 1]) : edge[k];
}

/* The channel that holds a wavelength, perhaps beyond the band. */
static int channel_of(const struct cubix_instrument *ins, double lambda)
{
  const int n = ins->n_lambda;
  const double *edge = ins->edge;
  if (lambda < edge[0]) return (int)floor((lambda - edge[0]) / (edge[1] - edge[0]));
  if (lambda >= edge[n]) return n + (int)floor((lambda - edge[n]) / (edge[n] - edge[n - 1]));
  int lo = 0, hi = n;
  while (hi - lo > 1) {
    const int mid = (lo + hi) / 2;
    if (edge[mid] <= lambda) lo = mid;
    else hi = mid;
  }
  return lo;
}

int cubix_line_window(const struct cubix_line_shape *shape, double v, int *n)
{
  const double mu = cubix_doppler(shape->lambda, v), to_side = cubix_line_reach(shape, v);
  const int first = channel_of(shape->ins, mu - to_side);
  *n = channel_of(shape->ins, mu + to_side) - first + 1;
  return first;
}

static void sinc_parts(const struct cubix_line_shape *shape, double v, int first, int n, double *part)
{
  double mu;
  const struct cubix_line_sinc sinc = sinc_of(shape, v, &mu);
  double low = cubix_line_sinc_below(&sinc, cubix_line_edge(shape->ins, first) - mu);
  for (int k = 0; k < n; k++) {
    const double high = cubix_line_sinc_below(&sinc, cubix_line_edge(shape->ins, first + k + 1) - mu);
    part[k] = high - low;
    low = high;
  }
}

/* Rates of F.  @param rate of mu, of ln a and of ln s */
static void sinc_rates(const struct cubix_line_shape *shape, double v, int first, int n, const double rate[3],
                       double *out)
{
  double mu, low = 0, profile, slope;
  const struct cubix_line_sinc sinc = sinc_of(shape, v, &mu);
  for (int k = 0; k <= n; k++) {
    const double x = cubix_line_edge(shape->ins, first + k) - mu, square = sinc.sigma * sinc.sigma;
    cubix_line_sinc_at(&sinc, x, &profile, &slope);
    const double high = -rate[0] * profile + (rate[2] - rate[1]) * square * slope - rate[1] * x * profile;
    if (k) out[k - 1] = high - low;
    low = high;
  }
}

void cubix_line_parts(const struct cubix_line_shape *shape, double v, int first, int n, double *part)
{
  double mu, sigma;
  if (cubix_line_is_sinc(shape)) {
    sinc_parts(shape, v, first, n, part);
    return;
  }
  cubix_line_place(shape, v, &mu, &sigma);
  const double per = 1 / (sqrt(2.) * sigma);
  double low = erf((cubix_line_edge(shape->ins, first) - mu) * per);
  for (int k = 0; k < n; k++) {
    const double high = erf((cubix_line_edge(shape->ins, first + k + 1) - mu) * per);
    part[k] = 0.5 * (high - low);
    low = high;
  }
}

static const double dv = 1;       /* km/s: curves of the LSF are straight or smooth over it */

static void sinc_drifts(const struct cubix_line_shape *shape, double v, int first, int n, double *drift)
{
  double mu;
  const double zero[2] = { sinc_of(shape, v - 0.5 * dv, &mu).zero, sinc_of(shape, v + 0.5 * dv, &mu).zero };
  const double rate[3] = { cubix_doppler(shape->lambda, v) / CUBIX_C_KMS, log(zero[1] / zero[0]) / dv,
                           1 / CUBIX_C_KMS };
  sinc_rates(shape, v, first, n, rate, drift);
}

void cubix_line_drifts(const struct cubix_line_shape *shape, double v, int first, int n, double *drift)
{
  double mu, sigma, beside[2], at;
  if (cubix_line_is_sinc(shape)) {
    sinc_drifts(shape, v, first, n, drift);
    return;
  }
  cubix_line_place(shape, v, &mu, &sigma);
  for (int side = 0; side < 2; side++) cubix_line_place(shape, v + (side - 0.5) * dv, &at, &beside[side]);
  const double moves = mu / CUBIX_C_KMS, widens = (beside[1] - beside[0]) / dv, norm = 1 / (sigma * sqrt(2 * CUBIX_PI));
  double x = (cubix_line_edge(shape->ins, first) - mu) / sigma, low = (moves + widens * x) * exp(-0.5 * x * x);
  for (int k = 0; k < n; k++) {
    x = (cubix_line_edge(shape->ins, first + k + 1) - mu) / sigma;
    const double high = (moves + widens * x) * exp(-0.5 * x * x);
    drift[k] = norm * (low - high);
    low = high;
  }
}

void cubix_line_slopes(const struct cubix_line_shape *shape, double v, int first, int n, double *slope)
{
  double mu, sigma;
  if (cubix_line_is_sinc(shape)) {
    sinc_rates(shape, v, first, n, (const double[3]){ 0, 0, 1 / shape->sigma }, slope);
    return;
  }
  cubix_line_place(shape, v, &mu, &sigma);
  /* d part/d sigma = -[x N(x)] between the edges over sigma, x in sigmas; d sigma/d sigma_l = (mu/c)^2 sigma_l/sigma */
  const double unit = mu / CUBIX_C_KMS, per = unit * unit * shape->sigma / (sigma * sigma * sqrt(2 * CUBIX_PI));
  double x = (cubix_line_edge(shape->ins, first) - mu) / sigma, low = x * exp(-0.5 * x * x);
  for (int k = 0; k < n; k++) {
    x = (cubix_line_edge(shape->ins, first + k + 1) - mu) / sigma;
    const double high = x * exp(-0.5 * x * x);
    slope[k] = per * (low - high);
    low = high;
  }
}

double cubix_line_lsf_slope(const struct cubix_line_shape *shape, double v)
{
  const struct cubix_instrument *ins = shape->ins;
  const double mu = cubix_doppler(shape->lambda, v), unit = mu / CUBIX_C_KMS;
  double by_fwhm;
  if (cubix_line_is_sinc(shape)) return 0;      /* LsfFwhm is that of a Gaussian */
  if (ins->lsf_none || !(cubix_templates_missing_variance(ins, known(ins, mu), 0) > 0)) return 0;
  by_fwhm = cubix_templates_fwhm_slope(ins, known(ins, mu));
  return 0.5 * by_fwhm / (unit * unit * shape->sigma);      /* both are d sigma, over sigma */
}
