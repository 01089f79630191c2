/* physics/paint_vjp.h -- derivatives of one star's spectrum: the plain kernel, which every tuned
 * one must equal.  Source: doc/math.md section 13.
 *
 * With cotangents R_k of a star's channels everything follows from one functional of a template on
 * its points, g = sum_k R_k d(integral of channel k)/d(T, m): g times the rows in use gives the
 * cotangents of their weights, and those the star's; g times the weights gives the rows'. Velocity
 * moves the edges x = e/doppler alone: d/dv of the integral from the blue to x is -x T(x)/c.  All
 * in float64. */
#ifndef CUBIX_PHYSICS_PAINT_VJP_H
#define CUBIX_PHYSICS_PAINT_VJP_H

#include "physics/paint.h"

/** How fast the integral from the blue up to a channel edge, now at x [rest AA], changes with
 * velocity [1/(km/s)].  Beyond the library 0; on
 *  its very ends, the value towards larger velocities. */
CUBIX_HD double cubix_edge_slope(const struct cubix_tables *v, const struct cubix_blend *b, double x)
{
  if (!(x > v->knot[0] && x <= v->knot[v->n_knot - 1])) return 0;
  int i = cubix_interval(v, x);
  double h = v->knot[i + 1] - v->knot[i], u = (x - v->knot[i]) / h, w = 1 - u, value = 0;
  for (int k = 0; k < b->n; k++) {
    const cubix_real *p = b->row[k] + 2 * (int64_t)i;
    value += (double)b->weight[k] * (w * p[0] + u * p[2] - h * h * (w * (1 - w * w) * p[1] + u * (1 - u * u) * p[3]));
  }
  return -x * value / CUBIX_C_KMS;
}

/** Reverse of cubix_blend_of in the weights: mass and place. */
CUBIX_HD void cubix_blend_of_vjp(const struct cubix_tables *v, const struct cubix_star *star, const double *weight_bar,
                                 struct cubix_star_bar *bar)
{
  struct cubix_mix mix;
  double mix_bar[CUBIX_MAX_CORNER], sum = 0;
  cubix_mix_of(v, star, &mix);
  for (int k = 0; k < mix.n; k++) {
    sum += mix.weight[k] * weight_bar[k];
    mix_bar[k] = star->mass_formed * v->star_scale * weight_bar[k];
  }
  bar->mass_formed += v->star_scale * sum;
  cubix_mix_of_vjp(v, star, mix_bar, &bar->f_z, &bar->f_age);
}

/** Tangents of cubix_blend_of: the same rows, with how fast their weights change. */
CUBIX_HD void cubix_blend_of_jvp(const struct cubix_tables *v, const struct cubix_star *star,
                                 const struct cubix_star_bar *dot, struct cubix_blend *b_dot)
{
  struct cubix_mix mix;
  double weight_dot[CUBIX_MAX_CORNER];
  cubix_blend_of(v, star, b_dot);
  cubix_mix_of(v, star, &mix);
  cubix_mix_of_jvp(v, star, dot->f_z, dot->f_age, weight_dot);
  for (int k = 0; k < mix.n; k++)
    b_dot->weight[k] =
        (cubix_real)((mix.weight[k] * dot->mass_formed + weight_dot[k] * star->mass_formed) * v->star_scale);
}

#endif
