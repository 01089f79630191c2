/* physics/node.h -- the velocity grid of the histogram engine and the quintic B-splines on it.
 * Source: doc/math.md section 12.
 *
 * A spectrum as a function of velocity is sum_j phi_j(v) D_j: phi_j is the cardinal B-spline of
 * order 6 about the node v_j = -reach + (j - 2) step. Its values are positive and add up to 1, so
 * that no light is lost, and every velocity touches six nodes. */
#ifndef CUBIX_PHYSICS_NODE_H
#define CUBIX_PHYSICS_NODE_H

#include "physics/screen.h"

enum {
  CUBIX_N_WEIGHT = 6,             /* nodes that a velocity touches */
  CUBIX_TILE = 96                 /* channels that are multiplied together: what registers hold */
};

struct cubix_nodes {
  int n;                          /* nodes: ceil(2 reach/step) + 6 */
  double reach, step;             /* [km/s] the grid serves |v| <= reach */
  struct cubix_axis axis;         /* nodes in A(V) beside those in velocity */
};

/** First of the six nodes that v touches, -1 beyond the grid; f: v's place between 0 and 1 in the
 * step, for cubix_node_weights. */
CUBIX_HD int cubix_node_of(const struct cubix_nodes *nodes, double v, double *f)
{
  double x = (v + nodes->reach) / nodes->step;
  if (!(v >= -nodes->reach && v <= nodes->reach)) return -1;
  int j = (int)x;
  *f = x - j;
  return j;
}

/** Values of the six B-splines at f.  Source: de Boor 1978, A Practical Guide to Splines, ch. IX
 * (order 6, uniform knots). */
CUBIX_HD void cubix_node_weights(double f, double w[CUBIX_N_WEIGHT])
{
  double t = 1 - f, f2 = f * f, f3 = f2 * f, f4 = f2 * f2, f5 = f4 * f, t2 = t * t, t3 = t2 * t, t4 = t2 * t2,
         t5 = t4 * t;
  w[0] = t5 / 120;
  w[1] = (1 + 5 * (t + t4 - t5) + 10 * (t2 + t3)) / 120;
  w[2] = (26 + 50 * t + 20 * (t2 - t3 - t4) + 10 * t5) / 120;
  w[3] = (26 + 50 * f + 20 * (f2 - f3 - f4) + 10 * f5) / 120;
  w[4] = (1 + 5 * (f + f4 - f5) + 10 * (f2 + f3)) / 120;
  w[5] = f5 / 120;
}

/** Derivatives of the six values with f: with the velocity they are 1/step of it [s/km].  They add up to 0. */
CUBIX_HD void cubix_node_slopes(double f, double d[CUBIX_N_WEIGHT])
{
  double t = 1 - f, f2 = f * f, f3 = f2 * f, f4 = f2 * f2, t2 = t * t, t3 = t2 * t, t4 = t2 * t2;
  d[0] = -t4 / 24;
  d[1] = -(1 + 4 * (t + t3) + 6 * t2 - 5 * t4) / 24;
  d[2] = -(5 + 4 * t - 6 * t2 - 8 * t3 + 5 * t4) / 12;
  d[3] = (5 + 4 * f - 6 * f2 - 8 * f3 + 5 * f4) / 12;
  d[4] = (1 + 4 * (f + f3) + 6 * f2 - 5 * f4) / 24;
  d[5] = f4 / 24;
}

#endif
