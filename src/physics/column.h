/* physics/column.h -- the dust of one cell of gas in front of a star.
 *
 * A cell's dust is spread as W_4(r) = c (1 - r^2/h^2)^4 / h^3. With u, v, w the star's place as seen
 * from the cell's middle, in units of h and w away from the observer, the cell dims the star by
 *
 *   a/h^2 (11/2 pi) K(u, v, w)    K = q^(9/2) Phi(w/sqrt q),    q = 1 - u^2 - v^2 > 0
 *
 * magnitudes, where a [mag kpc^2] is what all its dust on one kpc^2 would be, and Phi is the part of
 * the line of sight through the kernel that lies in front: Phi' = (315/256) (1 - s^2)^4, 0 at s = -1,
 * 1 at s = 1. K has four continuous derivatives everywhere. Source: doc/math.md section 14.
 *
 * A(V) is the sum over cells. It is to have the same bits in whatever order cells are added up, and on
 * whatever processor: multiply-adds are written as fma, square root and division are exact to the
 * last bit everywhere, and every term is rounded to whole units of 2^-40 mag. Sums of these are exact
 * in float64 up to 2^13 mag. A sum stops at 2^11: light behind it is gone in any band, and a sum of
 * what is not negative that stops at a bound does not depend on the order either. */
#ifndef CUBIX_PHYSICS_COLUMN_H
#define CUBIX_PHYSICS_COLUMN_H

#include "physics/hd.h"

/* (n + 3/2)/pi of W_n, n = 4. */
#define CUBIX_COLUMN_MIDDLE 1.7507043740108488
/* A(V) at most [mag], and what leaves whole units of 2^-40 of a number up to that when it is added and taken off. */
#define CUBIX_COLUMN_MOST 2048.0
#define CUBIX_COLUMN_WHOLE 6144.0
/* Below this q counts as 0: K is 0 to the last bit. */
#define CUBIX_COLUMN_LEAST 1e-60

/* A cell of gas. */
struct cubix_cell {
  double x, y, z;                 /* kpc, z away */
  double per_h;                   /* 1/h */
  double middle;                  /* a/h^2 (11/2 pi): A(V) through its middle [mag] */
  double front;                   /* z - h: nothing nearer has any of it in front */
};

/* What a cell's term changes by, over `middle`, with the star's place in units of h. */
struct cubix_column_slope { double k, u, v, w; };

CUBIX_HD struct cubix_cell cubix_cell_of(const double *position, double radius, double weight)
{
  struct cubix_cell cell;
  cell.x = position[0];
  cell.y = position[1];
  cell.z = position[2];
  cell.per_h = 1 / radius;
  cell.middle = weight * CUBIX_COLUMN_MIDDLE * cell.per_h * cell.per_h;
  cell.front = position[2] - radius;
  return cell;
}

/* Phi(s), |s| <= 1: I_t(5, 5) from the nearer end, t = (1 - |s|)/2, without a branch. */
CUBIX_HD double cubix_column_phi(double s, double t)
{
  const double square = t * t, away = copysign(1., s);
  const double sum = fma(t, fma(t, fma(t, fma(t, 70., -315.), 540.), -420.), 126.);
  return fma(-away, square * square * t * sum, fma(0.5, away, 0.5));
}

/** What a cell adds to the A(V) of a star at dx, dy, dz from it [mag], in whole units. */
CUBIX_HD double cubix_column_term(double dx, double dy, double dz, double per_h, double middle)
{
  const double u = dx * per_h, v = dy * per_h;
  double q = fma(-u, u, fma(-v, v, 1.));
  q = q > CUBIX_COLUMN_LEAST ? q : CUBIX_COLUMN_LEAST;
  const double root = sqrt(q), s = dz * per_h / root, square = q * q, far = fabs(s) < 1 ? fabs(s) : 1;
  const double term = middle * (square * square * root * cubix_column_phi(s, fma(-0.5, far, 0.5)));
  return ((term < CUBIX_COLUMN_MOST ? term : CUBIX_COLUMN_MOST) + CUBIX_COLUMN_WHOLE) - CUBIX_COLUMN_WHOLE;
}

/** A sum of terms with one more. */
CUBIX_HD double cubix_column_add(double sum, double term)
{
  sum += term;
  return sum < CUBIX_COLUMN_MOST ? sum : CUBIX_COLUMN_MOST;
}

/** K and its derivatives, all 0 where the line of sight passes the kernel by. They do not know of CUBIX_COLUMN_MOST:
 * no light is left there that could change. */
CUBIX_HD struct cubix_column_slope cubix_column_slope_of(double dx, double dy, double dz, double per_h)
{
  struct cubix_column_slope k;
  const double u = dx * per_h, v = dy * per_h;
  double q = fma(-u, u, fma(-v, v, 1.));
  const double hit = q > CUBIX_COLUMN_LEAST ? 1 : 0;
  q = q > CUBIX_COLUMN_LEAST ? q : CUBIX_COLUMN_LEAST;
  const double root = sqrt(q), s = dz * per_h / root, square = q * q, far = fabs(s) < 1 ? fabs(s) : 1;
  const double t = fma(-0.5, far, 0.5), phi = cubix_column_phi(s, t);
  const double both = t * (1 - t), both_2 = both * both, slope = 315 * (both_2 * both_2);
  const double per_q = hit * (square * q * root * fma(-0.5 * copysign(far, s), slope, 4.5 * phi));
  k.k = hit * (square * square * root * phi);
  k.u = -2 * u * per_q;
  k.v = -2 * v * per_q;
  k.w = hit * (square * square * slope);
  return k;
}

/** The change of the term, over `middle`, with the logarithm of h, the cell's dust staying the same. */
CUBIX_HD double cubix_column_widening(const struct cubix_column_slope *k, double dx, double dy, double dz, double per_h)
{
  const double place = fma(dx * per_h, k->u, fma(dy * per_h, k->v, dz * per_h * k->w));
  return fma(-2., k->k, -place);
}

/* Sums over stars of what a cell's numbers change are integers too, in whatever order: a number of at most 8 is divided
 * into whole units of 2^-28 and, of what is left, of 2^-60.  2^31 stars fit. */
#define CUBIX_COLUMN_COARSE 25165824.0              /* 1.5 2^24 */
#define CUBIX_COLUMN_FINE 0.005859375               /* 1.5 2^-8 */
#define CUBIX_COLUMN_PER_COARSE 268435456.0         /* 2^28 */
#define CUBIX_COLUMN_PER_FINE 1152921504606846976.0 /* 2^60 */

CUBIX_HD double cubix_column_coarse(double x) { return (x + CUBIX_COLUMN_COARSE) - CUBIX_COLUMN_COARSE; }
CUBIX_HD double cubix_column_fine(double left) { return (left + CUBIX_COLUMN_FINE) - CUBIX_COLUMN_FINE; }

#endif
