/* curve.c -- functions of wavelength as instruments state them: polynomials, and tables with
 * straight lines between their points.
 *
 * A table is constant beyond its ends: a detector's throughput is not extrapolated.  Air and vacuum
 * wavelengths are here too; the two formulas are fits to the same dispersion of air and undo each
 * other to better than 1e-5 AA in the optical (the tests hold them to 1e-4 AA). */
#include "instrument/instrument.h"

double cubix_curve_at(const struct cubix_curve *curve, double lambda)
{
  if (curve->n_table > 0) {
    int lo = 0, hi = curve->n_table - 1;
    const double *x = curve->lambda, *y = curve->value;
    if (lambda <= x[lo]) return y[lo];
    if (lambda >= x[hi]) return y[hi];
    while (hi - lo > 1) {
      int mid = lo + (hi - lo) / 2;
      if (x[mid] <= lambda) lo = mid;
      else hi = mid;
    }
    return y[lo] + (y[hi] - y[lo]) * ((lambda - x[lo]) / (x[hi] - x[lo]));
  }
  double sum = 0.;
  for (int i = curve->n_coef - 1; i >= 0; i--) sum = sum * lambda + curve->coef[i];
  return sum;
}

double cubix_curve_slope(const struct cubix_curve *curve, double lambda)
{
  if (curve->n_table > 0) {
    int i = curve->n_table - 2;
    const double *x = curve->lambda, *y = curve->value;
    if (lambda < x[0] || lambda >= x[curve->n_table - 1]) return 0.;
    while (i > 0 && x[i] > lambda) i--;
    return (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
  }
  double sum = 0.;
  for (int i = curve->n_coef - 1; i >= 1; i--) sum = sum * lambda + i * curve->coef[i];
  return sum;
}

double cubix_air_to_vacuum(double lambda_air)
{
  if (lambda_air < 2000.) return lambda_air;
  double s2 = 1e8 / (lambda_air * lambda_air);
  return lambda_air * (1. + 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s2) +
                       1.599740894897e-4 / (38.92568793293 - s2));
}

double cubix_vacuum_to_air(double lambda_vac)
{
  if (lambda_vac < 2000.) return lambda_vac;
  double s2 = 1e8 / (lambda_vac * lambda_vac);
  return lambda_vac / (1. + 8.34254e-5 + 2.406147e-2 / (130. - s2) + 1.5998e-4 / (38.9 - s2));
}

double cubix_vacuum_to_air_slope(double lambda_vac)
{
  if (lambda_vac < 2000.) return 1.;
  double s2 = 1e8 / (lambda_vac * lambda_vac), a = 130. - s2, b = 38.9 - s2;
  double n = 1. + 8.34254e-5 + 2.406147e-2 / a + 1.5998e-4 / b, n_s2 = 2.406147e-2 / (a * a) + 1.5998e-4 / (b * b);
  return (1. + 2. * s2 * n_s2 / n) / n;          /* d s2/d lambda = -2 s2/lambda */
}
