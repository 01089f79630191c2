/* physics/deposit.h -- how a star's light is divided among spaxels, with derivatives.  Source:
 * doc/math.md section 4.
 *
 * A star's weight in a spaxel is the product of one per axis, except for the kernels; over its
 * footprint they add up to 1, so that no light is lost or made.
 *   nearest   all in one spaxel (no derivative)
 *   cic       2 spaxels per axis, 1 - |u|; u: from the star to the middle of the spaxel (a kink in
 *             the middle of a spaxel)
 *   tsc       3 spaxels per axis, 3/4 - u^2 and (3/2 - |u|)^2/2; its derivative is continuous
 *   gaussian  the integral of a Gaussian over the spaxel, divided by that over the footprint, which
 *   reaches 6 standard deviations to each side
 *   cubic, wendland  the integral over the spaxel of a kernel seen along the line of sight (kernel.h)
 * The last three have a length, in kpc: the standard deviation, or the radius at which a kernel
 * ends.  In spaxels it is at most the tables' deposit_most, and the standard deviation is at least
 * CUBIX_DEPOSIT_LEAST.
 * Of a footprint only what lies in the painted field counts; the rest of the light is lost there,
 * as it is on the sky.  At a kink, and where the standard deviation comes to its lower bound,
 * derivatives are those towards larger numbers (of the place) and 0 (beyond a bound). Source of
 * the first three: Hockney & Eastwood 1988, Computer Simulation Using Particles, section 5-3. */
#ifndef CUBIX_PHYSICS_DEPOSIT_H
#define CUBIX_PHYSICS_DEPOSIT_H

#include "physics/kernel.h"
#include "physics/project.h"

#define CUBIX_DEPOSIT_LEAST 0.3   /* spaxels: least standard deviation */
#define CUBIX_DEPOSIT_REACH 6     /* standard deviations */
#define CUBIX_DEPOSIT_MANY 12     /* spaxels of a row from which on the kernel's table is first made one along it */

/* Where a star's light goes. */
struct cubix_foot {
  enum cubix_deposit_kind kind;
  int first[2], n[2];             /* painted spaxels (margin included) on the axes x, y; n = 0: none */
  double from[2];                 /* from the star to the near edge of spaxel `first` [spaxels] */
  int skipped[2];                 /* cic, tsc: spaxels of the footprint before `first` */
  double left[2], right[2];       /* from the star to the ends of the footprint [spaxels] */
  /* of a length, otherwise 1, 0 */
  double size[2], per_kpc[2];     /* standard deviation or radius [spaxels]; its derivative with the length */
  double whole[2];                /* gaussian: integral over the footprint; otherwise 1 */
  const double *kernel;           /* of the tables */
};

/* How a weight changes with the star's place in the field [per spaxel] and its length [per kpc]. */
struct cubix_deposit_slope {
  double at[2], length;
};

/** Length of star i's light [kpc].  @param length [of the slab] its own, or NULL where
 * the tables have one for all */
CUBIX_HD double cubix_deposit_length(const struct cubix_tables *v, const double *length, int64_t i)
{
  return v->deposit >= CUBIX_DEPOSIT_GAUSSIAN && !(v->deposit_length > 0) ? length[i] : v->deposit_length;
}

/* Integral of the normal distribution from a to b: of two small numbers, never the difference of two near 1. */
CUBIX_HD double cubix_normal_between(double a, double b)
{
  const double s = 0.70710678118654752440;
  if (a > 0) return 0.5 * (erfc(a * s) - erfc(b * s));
  if (b < 0) return 0.5 * (erfc(-b * s) - erfc(-a * s));
  return 0.5 * (erf(b * s) - erf(a * s));
}

CUBIX_HD double cubix_normal_density(double a)
{
  return 0.39894228040143267794 * exp(-0.5 * a * a);
}

/* One axis of a footprint.  @param n painted  @param inv_pixel of this axis */
CUBIX_HD void cubix_foot_axis(const struct cubix_tables *v, double at, double length, int n, double inv_pixel,
                              struct cubix_foot *foot, int axis)
{
  double left = floor(at), right = left + 1, low, high;
  foot->size[axis] = foot->whole[axis] = 1;
  foot->per_kpc[axis] = 0;
  if (foot->kind == CUBIX_DEPOSIT_CIC) {
    left = floor(at - 0.5);
    right = left + 2;
  } else if (foot->kind == CUBIX_DEPOSIT_TSC) {
    left -= 1;
    right = left + 3;
  } else if (foot->kind >= CUBIX_DEPOSIT_GAUSSIAN) {
    const int gaussian = foot->kind == CUBIX_DEPOSIT_GAUSSIAN;
    const double unit = v->arcsec_per_kpc * inv_pixel, size = length * unit;
    const double least = CUBIX_DEPOSIT_LEAST * (gaussian ? 1 : cubix_kernel_radius(foot->kind));
    const int narrow = !(size > least), wide = size > v->deposit_most;
    foot->size[axis] = narrow ? least : wide ? v->deposit_most : size;
    foot->per_kpc[axis] = narrow || wide ? 0 : unit;
    const double reach = (gaussian ? CUBIX_DEPOSIT_REACH : 1) * foot->size[axis];
    left = floor(at - reach);
    right = floor(at + reach) + 1;
    if (gaussian)
      foot->whole[axis] = cubix_normal_between((left - at) / foot->size[axis], (right - at) / foot->size[axis]);
  }
  foot->left[axis] = left - at;
  foot->right[axis] = right - at;
  low = left < -v->margin ? -v->margin : left;      /* a place that is no number stays none */
  high = right > n - v->margin ? n - v->margin : right;
  foot->n[axis] = high > low ? (int)(high - low) : 0;
  foot->first[axis] = high > low ? (int)(low + v->margin) : 0;
  foot->from[axis] = low - at;
  foot->skipped[axis] = high > low && foot->kind < CUBIX_DEPOSIT_GAUSSIAN ? (int)(low - left) : 0;
}

/** Footprint of a star.  @param position [3] kpc: sky frame  @param length [kpc] where the deposit has one
 * @return 1: part of it is painted; 0: none */
CUBIX_HD int cubix_foot_of(const struct cubix_tables *v, const double *position, double length, struct cubix_foot *foot)
{
  double at[2];
  cubix_sky(v, position, at);
  foot->kind = v->deposit;
  foot->kernel = v->kernel;
  cubix_foot_axis(v, at[0], length, v->n_x, v->inv_pixel_x, foot, 0);
  cubix_foot_axis(v, at[1], length, v->n_y, v->inv_pixel_y, foot, 1);
  return foot->n[0] > 0 && foot->n[1] > 0;
}

/** Factor of an axis (0: x, 1: y) for spaxel first[axis] + k, 0 <= k < n[axis]; kernels have none.
 *  @param[out] slope [2] its derivatives with the star's place on this axis [per spaxel] and with
 *  the length [per kpc]; or NULL */
CUBIX_HD double cubix_deposit_factor(const struct cubix_foot *foot, int axis, int k, double *slope)
{
  double a = foot->from[axis] + k, u = a + 0.5, w = 1, d_at = 0, d_length = 0;
  int j = foot->skipped[axis] + k;
  if (foot->kind == CUBIX_DEPOSIT_CIC) {
    w = j ? 1 - u : 1 + u;
    d_at = j ? 1 : -1;
  } else if (foot->kind == CUBIX_DEPOSIT_TSC) {
    double e = j == 0 ? 1.5 + u : 1.5 - u;
    w = j == 1 ? 0.75 - u * u : 0.5 * e * e;
    d_at = j == 1 ? 2 * u : j == 0 ? -e : e;
  } else if (foot->kind == CUBIX_DEPOSIT_GAUSSIAN) {
    double per = 1 / foot->size[axis], x0 = a * per, x1 = (a + 1) * per;
    w = cubix_normal_between(x0, x1) / foot->whole[axis];
    if (slope) {
      double l = foot->left[axis] * per, r = foot->right[axis] * per;
      double p0 = cubix_normal_density(x0), p1 = cubix_normal_density(x1), pl = cubix_normal_density(l),
             pr = cubix_normal_density(r);
      double unit = per / foot->whole[axis];
      d_at = (p0 - p1 - w * (pl - pr)) * unit;
      d_length = (x0 * p0 - x1 * p1 - w * (l * pl - r * pr)) * unit * foot->per_kpc[axis];
    }
  }
  if (slope) {
    slope[0] = d_at;
    slope[1] = d_length;
  }
  return w;
}

/** Light of a kernel on one side of every corner along the lower edge of row ky of a footprint; the
 * differences of two rows' differences are weights.  @param[out] corner [n[0] + 1] */
CUBIX_HD void cubix_deposit_corners(const struct cubix_foot *foot, int ky, double *corner)
{
  const double per = 1 / foot->size[0], y = (foot->from[1] + ky) / foot->size[1];
  double line[2 * (CUBIX_KERNEL_CELL + 1)];
  const int many = foot->n[0] > CUBIX_DEPOSIT_MANY;
  if (many) cubix_kernel_line(foot->kernel, y, line);
  for (int k = 0; k <= foot->n[0]; k++) {
    const double x = (foot->from[0] + k) * per;
    corner[k] = many ? cubix_kernel_on_line(line, x) : cubix_kernel_corner(foot->kernel, x, y, 0);
  }
}

/** Weight from the light at the corners of a spaxel: a difference of numbers near 1/4, whose rounding
 * must not be negative light. */
CUBIX_HD double cubix_deposit_between(double low_left, double low_right, double high_left, double high_right)
{
  double w = (high_right - high_left) - (low_right - low_left);
  return w > 0 ? w : 0;
}

/* The weight of a kernel, from its four corners. */
CUBIX_HD double cubix_deposit_kernel(const struct cubix_foot *foot, int kx, int ky, struct cubix_deposit_slope *slope)
{
  const double per_x = 1 / foot->size[0];
  double g[2][2], d[2], d_at[2] = { 0, 0 }, d_length = 0;
  for (int j = 0; j < 2; j++)
    for (int i = 0; i < 2; i++) {
      const double x = (foot->from[0] + (kx + i)) * per_x, y = (foot->from[1] + (ky + j)) / foot->size[1];
      const double sign = i == j ? -1 : 1;        /* the corner's own, and -1: edges move against the star */
      g[j][i] = cubix_kernel_corner(foot->kernel, x, y, slope ? d : 0);
      if (!slope) continue;
      d_at[0] += sign * d[0] * per_x;
      d_at[1] += sign * d[1] / foot->size[1];
      d_length += sign * (d[0] * x * per_x * foot->per_kpc[0] + d[1] * y / foot->size[1] * foot->per_kpc[1]);
    }
  if (slope) {
    slope->at[0] = d_at[0];
    slope->at[1] = d_at[1];
    slope->length = d_length;
  }
  return cubix_deposit_between(g[0][0], g[0][1], g[1][0], g[1][1]);
}

/** Weight of a star in painted spaxel (first[0] + kx, first[1] + ky).  @param[out] slope or NULL */
CUBIX_HD double cubix_deposit_weight(const struct cubix_foot *foot, int kx, int ky, struct cubix_deposit_slope *slope)
{
  if (foot->kind > CUBIX_DEPOSIT_GAUSSIAN) return cubix_deposit_kernel(foot, kx, ky, slope);
  double sx[2], sy[2], wx = cubix_deposit_factor(foot, 0, kx, slope ? sx : 0),
                       wy = cubix_deposit_factor(foot, 1, ky, slope ? sy : 0);
  if (slope) {
    slope->at[0] = sx[0] * wy;
    slope->at[1] = wx * sy[0];
    slope->length = sx[1] * wy + wx * sy[1];
  }
  return wx * wy;
}

/** Reverse derivative of all weights of a star, once its spaxels have been added up.  Adds to the bars.
 *  @param sum sum over spaxels of the weight's bar times its slope  @param length_bar of the star's
 *  length, or of the one for all */
CUBIX_HD void cubix_deposit_vjp(const struct cubix_tables *v, const double *position, double length,
                                const struct cubix_deposit_slope *sum, double *position_bar, double *length_bar,
                                struct cubix_sky_bar *sky_bar)
{
  cubix_sky_vjp(v, position, sum->at, position_bar, sky_bar);
  *length_bar += sum->length;
  /* length and scale enter as their product */
  sky_bar->arcsec_per_kpc += sum->length * length / v->arcsec_per_kpc;
}

/** Forward derivative: how fast place and length (its scale's change included) of a star change; a
 * weight then changes by the sum of products with
 *  its slope.  Adds to dot. */
CUBIX_HD void cubix_deposit_jvp(const struct cubix_tables *v, const double *position, double length,
                                const double *position_dot, double length_dot, const struct cubix_sky_bar *sky_dot,
                                struct cubix_deposit_slope *dot)
{
  cubix_sky_jvp(v, position, position_dot, sky_dot, dot->at);
  dot->length += length_dot + length * sky_dot->arcsec_per_kpc / v->arcsec_per_kpc;
}

#endif
