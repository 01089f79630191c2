/* line_profile.c -- the integral of a Gaussian over channels: half the difference of two error functions. */
#include "lines/line_profile.h"

#include <math.h>

#include "physics/constants.h"
#include "physics/doppler.h"
#include "spectra/templates_parts.h"

static const double reach = 8;    /* sigmas: beyond them 1e-15 of the light */

/* beyond the band nobody has said how wide the LSF is, and a polynomial may be anything */
static double known(const struct cubix_instrument *ins, double mu)
{
  return fmin(fmax(mu, ins->edge[0]), ins->edge[ins->n_lambda]);
}

void cubix_line_place(const struct cubix_line_shape *shape, double v, double *mu, double *sigma)
{
  *mu = cubix_doppler(shape->lambda, v);
  const struct cubix_instrument *ins = shape->ins;
  const double lsf = ins->lsf_none ? 0 : cubix_templates_missing_variance(ins, known(ins, *mu), 0),
               own = *mu * shape->sigma / CUBIX_C_KMS;
  *sigma = sqrt(fmax(lsf, 0) + own * own);
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
  double mu, sigma;
  cubix_line_place(shape, v, &mu, &sigma);
  const int first = channel_of(shape->ins, mu - reach * sigma);
  *n = channel_of(shape->ins, mu + reach * sigma) - first + 1;
  return first;
}

void cubix_line_parts(const struct cubix_line_shape *shape, double v, int first, int n, double *part)
{
  double mu, sigma;
  cubix_line_place(shape, v, &mu, &sigma);
  const double per = 1 / (sqrt(2.) * sigma);
  double low = erf((cubix_line_edge(shape->ins, first) - mu) * per);
  for (int k = 0; k < n; k++) {
    const double high = erf((cubix_line_edge(shape->ins, first + k + 1) - mu) * per);
    part[k] = 0.5 * (high - low);
    low = high;
  }
}

void cubix_line_drifts(const struct cubix_line_shape *shape, double v, int first, int n, double *drift)
{
  static const double dv = 1;     /* km/s: curves of the LSF are straight or smooth over it */
  double mu, sigma, beside[2], at;
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
  if (ins->lsf_none || !(cubix_templates_missing_variance(ins, known(ins, mu), 0) > 0)) return 0;
  by_fwhm = cubix_templates_fwhm_slope(ins, known(ins, mu));
  return 0.5 * by_fwhm / (unit * unit * shape->sigma);      /* both are d sigma, over sigma */
}
