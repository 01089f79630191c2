/* physics/deposit.h -- how a star's light is divided among spaxels, with derivatives.  Source:
 * doc/math.md section 4.
 *
 * A star's weight in a spaxel is the product of one per axis; over its footprint they add up to 1,
 * so that no light is lost or made.
 *   nearest   all in one spaxel (no derivative)
 *   cic       2 spaxels per axis, 1 - |u|; u: from the star to the middle of the spaxel (a kink in
 *             the middle of a spaxel)
 *   tsc       3 spaxels per axis, 3/4 - u^2 and (3/2 - |u|)^2/2; its derivative is continuous
 *   gaussian  the integral of a Gaussian over the spaxel, divided by that over the footprint, which
 *   reaches 6 standard deviations to each side
 * Of a footprint only what lies in the painted field counts; the rest of the light is lost there,
 * as it is on the sky.  At a kink, and where the standard deviation comes to its lower bound,
 * derivatives are those towards larger numbers (of the place) and 0 (below the bound). Source of
 * the first three: Hockney & Eastwood 1988, Computer Simulation Using Particles, section 5-3. */
#ifndef CUBIX_PHYSICS_DEPOSIT_H
#define CUBIX_PHYSICS_DEPOSIT_H

#include "physics/project.h"

#define CUBIX_DEPOSIT_LEAST 0.3   /* spaxels: least standard deviation */
#define CUBIX_DEPOSIT_REACH 6     /* standard deviations */

/* Where a star's light goes. */
struct cubix_foot {
  enum cubix_deposit_kind kind;
  int first[2], n[2];             /* painted spaxels (margin included) on the axes x, y; n = 0: none */
  double from[2];                 /* from the star to the near edge of spaxel `first` [spaxels] */
  int skipped[2];                 /* cic, tsc: spaxels of the footprint before `first` */
  double left[2], right[2];       /* from the star to the ends of the footprint [spaxels] */
  /* gaussian, otherwise 1, 0, 1 */
  double sigma[2], per_kpc[2];    /* standard deviation [spaxels]; its derivative with the length */
  double whole[2];                /* integral over the footprint */
};

/* How a weight changes with the star's place in the field [per spaxel] and its length [per kpc]. */
struct cubix_deposit_slope {
  double at[2], length;
};

/** Standard deviation of star i's light [kpc].  @param length [of the slab] its own, or NULL where
 * the tables have one for all */
CUBIX_HD double cubix_deposit_length(const struct cubix_tables *v, const double *length, int64_t i)
{
  return v->deposit == CUBIX_DEPOSIT_GAUSSIAN && !(v->deposit_length > 0) ? length[i] : v->deposit_length;
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
  foot->sigma[axis] = foot->whole[axis] = 1;
  foot->per_kpc[axis] = 0;
  if (foot->kind == CUBIX_DEPOSIT_CIC) {
    left = floor(at - 0.5);
    right = left + 2;
  } else if (foot->kind == CUBIX_DEPOSIT_TSC) {
    left -= 1;
    right = left + 3;
  } else if (foot->kind == CUBIX_DEPOSIT_GAUSSIAN) {
    double unit = v->arcsec_per_kpc * inv_pixel, sigma = length * unit;
    int narrow = !(sigma > CUBIX_DEPOSIT_LEAST);
    foot->sigma[axis] = narrow ? CUBIX_DEPOSIT_LEAST : sigma;
    foot->per_kpc[axis] = narrow ? 0 : unit;
    left = floor(at - CUBIX_DEPOSIT_REACH * foot->sigma[axis]);
    right = floor(at + CUBIX_DEPOSIT_REACH * foot->sigma[axis]) + 1;
    foot->whole[axis] = cubix_normal_between((left - at) / foot->sigma[axis], (right - at) / foot->sigma[axis]);
  }
  foot->left[axis] = left - at;
  foot->right[axis] = right - at;
  low = left < -v->margin ? -v->margin : left;      /* a place that is no number stays none */
  high = right > n - v->margin ? n - v->margin : right;
  foot->n[axis] = high > low ? (int)(high - low) : 0;
  foot->first[axis] = high > low ? (int)(low + v->margin) : 0;
  foot->from[axis] = low - at;
  foot->skipped[axis] = high > low && foot->kind != CUBIX_DEPOSIT_GAUSSIAN ? (int)(low - left) : 0;
}

/** Footprint of a star.  @param position [3] kpc: sky frame  @param length [kpc] of gaussian alone
 * @return 1: part of it is painted; 0: none */
CUBIX_HD int cubix_foot_of(const struct cubix_tables *v, const double *position, double length, struct cubix_foot *foot)
{
  double at[2];
  cubix_sky(v, position, at);
  foot->kind = v->deposit;
  cubix_foot_axis(v, at[0], length, v->n_x, v->inv_pixel_x, foot, 0);
  cubix_foot_axis(v, at[1], length, v->n_y, v->inv_pixel_y, foot, 1);
  return foot->n[0] > 0 && foot->n[1] > 0;
}

/** Factor of an axis (0: x, 1: y) for spaxel first[axis] + k, 0 <= k < n[axis].
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
    double per = 1 / foot->sigma[axis], x0 = a * per, x1 = (a + 1) * per;
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

/** Weight of a star in painted spaxel (first[0] + kx, first[1] + ky).  @param[out] slope or NULL */
CUBIX_HD double cubix_deposit_weight(const struct cubix_foot *foot, int kx, int ky, struct cubix_deposit_slope *slope)
{
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
