#include "dust/natural.h"

double cubix_natural(int n, const double *x, const double *y, double at, double *slope)
{
  double m[CUBIX_NATURAL_MOST] = { 0 }, c[CUBIX_NATURAL_MOST] = { 0 };      /* second derivatives; of the elimination */
  int i = 0;
  for (int j = 1; j + 1 < n; j++) {
    const double h0 = x[j] - x[j - 1], h1 = x[j + 1] - x[j], pivot = 2 * (h0 + h1) - h0 * c[j - 1];
    c[j] = h1 / pivot;
    m[j] = (6 * ((y[j + 1] - y[j]) / h1 - (y[j] - y[j - 1]) / h0) - h0 * m[j - 1]) / pivot;
  }
  for (int j = n - 2; j > 0; j--) m[j] -= c[j] * m[j + 1];
  while (i < n - 2 && at > x[i + 1]) i++;
  const double h = x[i + 1] - x[i], a = (x[i + 1] - at) / h, b = 1 - a;
  *slope = (y[i + 1] - y[i]) / h + ((1 - 3 * a * a) * m[i] + (3 * b * b - 1) * m[i + 1]) * h / 6;
  return a * y[i] + b * y[i + 1] + ((a * a * a - a) * m[i] + (b * b * b - b) * m[i + 1]) * h * h / 6;
}
