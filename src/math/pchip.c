/* pchip.c -- Fritsch-Carlson slopes, with the three-point ends of Fritsch & Butland 1984, as PCHIP
 * has them.
 *
 * Inside, the slope is the weighted harmonic mean of the two chords d0, d1 beside a node, (w0 +
 * w1)/(w0/d0 + w1/d1), and 0 where they differ in sign; at an end it is the parabola's, kept within
 * the monotone.  Both depend on two chords only, and so do the derivatives: for the harmonic mean s
 *   ds/dd0 = w0/(w0 + w1) (s/d0)^2,   ds/dd1 = w1/(w0 + w1) (s/d1)^2,
 * in which s/d0 and s/d1 are bounded, however small the chords.  Where a slope is held at 0 so is
 * its derivative; on the border of such a region (a chord of exactly 0) 0 stands for the side that
 * is held. */
#include "math/pchip.h"

#include <math.h>

/* The slope depends on n_chord chords j[], with derivatives c[]. */
struct slope { int n_chord, j[2]; double value, c[2]; };

static void end(struct slope *s, double h0, double h1, double d0, double d1)
{
  double c0 = (2 * h0 + h1) / (h0 + h1), c1 = -h0 / (h0 + h1);
  s->value = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1);
  if (s->value * d0 <= 0) s->value = c0 = c1 = 0;
  else if (d0 * d1 <= 0 && fabs(s->value) > 3 * fabs(d0)) s->value = 3 * d0, c0 = 3, c1 = 0;
  s->c[0] = c0;
  s->c[1] = c1;
}

static void harmonic(struct slope *s, double h0, double h1, double d0, double d1)
{
  double w0 = 2 * h1 + h0, w1 = h1 + 2 * h0;
  if (d0 * d1 <= 0) return;
  s->value = (w0 + w1) / (w0 / d0 + w1 / d1);
  s->c[0] = w0 / (w0 + w1) * (s->value / d0) * (s->value / d0);
  s->c[1] = w1 / (w0 + w1) * (s->value / d1) * (s->value / d1);
}

static struct slope slope_at(const double *x, const double *y, size_t stride, int n, int i)
{
  struct slope s = { 0 };
  double h[2] = { 0 }, d[2] = { 0 };
  if (n < 2) return s;
  s.n_chord = n == 2 ? 1 : 2;
  s.j[0] = n == 2 || i == 0 ? 0 : i - 1;
  s.j[1] = i == n - 1 ? n - 3 : i == 0 ? 1 : i;
  for (int k = 0; k < s.n_chord; k++) {
    size_t at = (size_t)s.j[k];
    h[k] = x[at + 1] - x[at];
    d[k] = (y[(at + 1) * stride] - y[at * stride]) / h[k];
  }
  if (n == 2) s.value = d[0], s.c[0] = 1;
  else if (i == 0 || i == n - 1) end(&s, h[0], h[1], d[0], d[1]);
  else harmonic(&s, h[0], h[1], d[0], d[1]);
  return s;
}

double cubix_pchip_slope(const double *x, const double *y, size_t stride, int n, int i)
{
  return slope_at(x, y, stride, n, i).value;
}

void cubix_pchip_slope_vjp(const double *x, const double *y, size_t stride, int n, int i, double bar, double *y_bar)
{
  struct slope s = slope_at(x, y, stride, n, i);
  for (int k = 0; k < s.n_chord; k++) {
    size_t at = (size_t)s.j[k];
    double chord_bar = bar * s.c[k] / (x[at + 1] - x[at]);
    y_bar[at * stride] -= chord_bar;
    y_bar[(at + 1) * stride] += chord_bar;
  }
}

double cubix_pchip_slope_jvp(const double *x, const double *y, const double *y_dot, size_t stride, int n, int i)
{
  struct slope s = slope_at(x, y, stride, n, i);
  double sum = 0;
  for (int k = 0; k < s.n_chord; k++) {
    size_t at = (size_t)s.j[k];
    sum += s.c[k] * (y_dot[(at + 1) * stride] - y_dot[at * stride]) / (x[at + 1] - x[at]);
  }
  return sum;
}
