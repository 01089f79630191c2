#include "dust/albedo.h"

#include <math.h>

#include "dust/natural.h"

double cubix_albedo(double lambda, double *slope)
{
  static const double table[][2] = { { 1500, 0.378 }, { 2175, 0.424 }, { 3000, 0.582 },  { 3650, 0.621 },
                                     { 4400, 0.653 }, { 4860, 0.665 }, { 5500, 0.674 },  { 6560, 0.674 },
                                     { 7000, 0.671 }, { 8000, 0.658 }, { 9000, 0.641 },  { 10000, 0.623 },
                                     { 12500, 0.580 }, { 16500, 0.517 }, { 22000, 0.438 } };
  enum { N = sizeof table / sizeof table[0] };
  double x[N], y[N], by_log;
  for (int i = 0; i < N; i++) x[i] = log(table[i][0]), y[i] = table[i][1];
  const double albedo = cubix_natural(N, x, y, log(lambda), &by_log);
  *slope = by_log / lambda;
  return albedo;
}
