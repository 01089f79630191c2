/* disc.c -- the area of a rectangle in a disc: the height of what both cover, integrated over x.
 *
 * With s(x) = sqrt(r^2 - x^2) the height is min(y1, s) - max(y0, -s), where that is above 0.  Between
 * the places where s crosses |y0| or |y1| it is made of the same two lines, and the integral of s is
 * (x s + r^2 asin(x/r))/2. */
#include "math/disc.h"

#include <math.h>

static double under_arc(double r, double x)
{
  const double t = fmin(fmax(x / r, -1), 1);
  return 0.5 * r * r * (t * sqrt((1 - t) * (1 + t)) + asin(t));
}

double cubix_disc_area(double r, double x0, double x1, double y0, double y1)
{
  double cut[6], area = 0;
  int n = 0;
  x0 = fmax(x0, -r);
  x1 = fmin(x1, r);
  if (!(x0 < x1) || y0 >= r || y1 <= -r || !(y0 < y1)) return 0;
  cut[n++] = x0;
  for (int side = -1; side <= 1; side += 2) {              /* sorted: the wider crossing comes first on the left */
    const double a = fabs(y0), b = fabs(y1), at_a = a < r ? sqrt((r - a) * (r + a)) : 0,
                 at_b = b < r ? sqrt((r - b) * (r + b)) : 0, near = fmin(at_a, at_b), far = fmax(at_a, at_b);
    const double first = side < 0 ? -far : near, second = side < 0 ? -near : far;
    if (first > cut[n - 1] && first < x1) cut[n++] = first;
    if (second > cut[n - 1] && second < x1) cut[n++] = second;
  }
  cut[n++] = x1;
  for (int i = 0; i + 1 < n; i++) {
    const double a = cut[i], b = cut[i + 1], middle = 0.5 * (a + b), s = sqrt(fmax((r - middle) * (r + middle), 0));
    if (fmin(y1, s) <= fmax(y0, -s)) continue;
    const double arc = under_arc(r, b) - under_arc(r, a);
    area += (y1 < s ? y1 * (b - a) : arc) - (y0 > -s ? y0 * (b - a) : -arc);
  }
  return area;
}
