/* physics/kernel.h -- kernels of SPH as they are seen along the line of sight, in units of the radius
 * at which they end.  Source: doc/math.md section 4.
 *
 * G(x, y), the light between the kernel's middle and a corner, is tabulated (math/kernel_table.c):
 * what a rectangle holds is the difference of differences of G at its corners, so that rectangles
 * that lie side by side add up to the whole, and kernels of any width cost the same.  At its nodes
 * the table has G, its slopes and its twist, and between them the bicubic polynomial that they
 * determine: the integral of a surface brightness that is nowhere negative, and whose derivative is
 * continuous. */
#ifndef CUBIX_PHYSICS_KERNEL_H
#define CUBIX_PHYSICS_KERNEL_H

#include "physics/constants.h"
#include "physics/tables.h"

/* Cells of the table on each axis, from the middle to the radius. */
enum { CUBIX_KERNEL_CELL = 64 };

/** Radius of a kernel's support over its standard deviation along an axis, in three dimensions as in
 * projection: sqrt(40/3), sqrt(15) (Dehnen & Aly 2012, MNRAS 425, 1068, table 1: H/h with h = 2
 * sigma). */
CUBIX_HD double cubix_kernel_radius(enum cubix_deposit_kind kind)
{
  return kind == CUBIX_DEPOSIT_CUBIC ? 3.6514837167011076 : 3.8729833462074170;
}

/** Radius of the kernel of a cell of gas [kpc]: k (3 V/4 pi)^(1/3) with V = m/rho; 0: it has no density. */
CUBIX_HD double cubix_kernel_of_cell(double k, double mass, double density)
{
  return density > 0 ? k * cbrt(3 * mass / (density * 4 * CUBIX_PI)) : 0;
}

/* The cubics that are 1 at one end in value, and in slope per cell, at t from the left end; and their derivatives. */
CUBIX_HD void cubix_kernel_hermite(double t, double *b)
{
  const double u = 1 - t;
  b[0] = (1 + 2 * t) * u * u;
  b[1] = t * u * u;
  b[2] = t * t * (3 - 2 * t);
  b[3] = -t * t * u;
}

CUBIX_HD void cubix_kernel_hermite_slope(double t, double *b)
{
  b[2] = 6 * t * (1 - t);
  b[0] = -b[2];
  b[1] = (1 - t) * (1 - 3 * t);
  b[3] = t * (3 * t - 2);
}

/* Cell and place in it of |x|; beyond the radius its end. */
CUBIX_HD int cubix_kernel_cell(double x, double *t)
{
  const double at = fabs(x) * CUBIX_KERNEL_CELL;
  const int cell = at < CUBIX_KERNEL_CELL ? (int)at : CUBIX_KERNEL_CELL - 1;
  *t = at < CUBIX_KERNEL_CELL ? at - cell : 1;
  return cell;
}

/* Value of the table in a cell with these weights. */
CUBIX_HD double cubix_kernel_sum(const double *node, const double *x, const double *y)
{
  const double *above = node + 4 * (CUBIX_KERNEL_CELL + 1);
  return y[0] * (x[0] * node[0] + x[1] * node[1] + x[2] * node[4] + x[3] * node[5]) +
         y[1] * (x[0] * node[2] + x[1] * node[3] + x[2] * node[6] + x[3] * node[7]) +
         y[2] * (x[0] * above[0] + x[1] * above[1] + x[2] * above[4] + x[3] * above[5]) +
         y[3] * (x[0] * above[2] + x[1] * above[3] + x[2] * above[6] + x[3] * above[7]);
}

/** G(x, y), odd in both, 1/4 at the corner of the square about the kernel.
 *  @param table [CUBIX_KERNEL_CELL + 1][CUBIX_KERNEL_CELL + 1][4]: of node (y, x) G, its derivatives
 *    with x, y and both, per cell
 *  @param[out] slope [2] its derivatives with x and y; or NULL */
CUBIX_HD double cubix_kernel_corner(const double *table, double x, double y, double *slope)
{
  double tx, ty, bx[4], by[4], d[4];
  const int i = cubix_kernel_cell(x, &tx), j = cubix_kernel_cell(y, &ty);
  const double *node = table + 4 * ((CUBIX_KERNEL_CELL + 1) * j + i);
  const double sign_x = x < 0 ? -1 : 1, sign_y = y < 0 ? -1 : 1;
  cubix_kernel_hermite(tx, bx);
  cubix_kernel_hermite(ty, by);
  if (slope) {
    cubix_kernel_hermite_slope(tx, d);
    slope[0] = fabs(x) < 1 ? sign_y * CUBIX_KERNEL_CELL * cubix_kernel_sum(node, d, by) : 0;
    cubix_kernel_hermite_slope(ty, d);
    slope[1] = fabs(y) < 1 ? sign_x * CUBIX_KERNEL_CELL * cubix_kernel_sum(node, bx, d) : 0;
  }
  return sign_x * sign_y * cubix_kernel_sum(node, bx, by);
}

/** The table along a line of constant y, for many corners there.
 *  @param[out] line [CUBIX_KERNEL_CELL + 1][2] of each node G and its derivative with x, per cell */
CUBIX_HD void cubix_kernel_line(const double *table, double y, double *line)
{
  double t, b[4];
  const double *node = table + 4 * (CUBIX_KERNEL_CELL + 1) * cubix_kernel_cell(y, &t);
  const double *above = node + 4 * (CUBIX_KERNEL_CELL + 1), sign = y < 0 ? -1 : 1;
  cubix_kernel_hermite(t, b);
  for (int k = 0; k < 4; k++) b[k] *= sign;
  for (int i = 0; i <= CUBIX_KERNEL_CELL; i++)
    for (int d = 0; d < 2; d++)
      line[2 * i + d] = b[0] * node[4 * i + d] + b[1] * node[4 * i + 2 + d] + b[2] * above[4 * i + d] +
                        b[3] * above[4 * i + 2 + d];
}

/** G(x, y) on such a line. */
CUBIX_HD double cubix_kernel_on_line(const double *line, double x)
{
  double t, b[4];
  const double *node = line + 2 * cubix_kernel_cell(x, &t);
  cubix_kernel_hermite(t, b);
  const double light = b[0] * node[0] + b[1] * node[1] + b[2] * node[2] + b[3] * node[3];
  return x < 0 ? -light : light;
}

#endif
