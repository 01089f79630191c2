/* kernel_table.c -- how much light of a kernel lies between its middle and a corner.
 *
 * With W the kernel in three dimensions (Monaghan & Lattanzio 1985, A&A 149, 135: M4; Wendland 1995,
 * Adv. Comput. Math. 4, 389, as Dehnen & Aly 2012 write it), ending at q = 1, its surface brightness
 * at distance b from the line of sight is F(b) = 2 int W(sqrt(b^2 + z^2)) dz.  With q = b cosh t that
 * is 2 int W(q) q dt, without a root at b, taken by Gauss-Legendre points on each piece of W.
 *
 * The light of every cell of the grid is found by 4 x 4 such points.  The surface brightness of the
 * table is a sum of B-splines of second order, one about every cell, with the cells' light; their
 * coefficients are the solution of a tridiagonal system on each axis.  Those of the last cells are 0,
 * so that the table ends with the kernel, and none is negative: the tiny ones beyond the kernel's rim
 * that are become 0, and all are scaled to a whole of 1.  Its integral is then bicubic in a cell, and
 * off by less than 1e-7 of the whole. */
#include "math/kernel_table.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "physics/kernel.h"

enum { N = CUBIX_KERNEL_CELL };

/* Abscissae and weights on -1 .. 1 (Abramowitz & Stegun 1964, table 25.4). */
static const double x4[4] = { -0.861136311594053, -0.339981043584856, 0.339981043584856, 0.861136311594053 },
                    w4[4] = { 0.347854845137454, 0.652145154862546, 0.652145154862546, 0.347854845137454 },
                    x16[8] = { 0.095012509837637, 0.281603550779259, 0.458016777657227, 0.617876244402644,
                               0.755404408355003, 0.865631202387832, 0.944575023073233, 0.989400934991650 },
                    w16[8] = { 0.189450610455068, 0.182603415044924, 0.169156519395003, 0.149595988816577,
                               0.124628971255534, 0.095158511682493, 0.062253523938648, 0.027152459411754 };

/* The kernel, up to a factor. */
static double kernel(enum cubix_deposit_kind kind, double q)
{
  const double rest = 1 - q;
  if (kind == CUBIX_DEPOSIT_WENDLAND) return rest * rest * rest * rest * (1 + 4 * q);
  return q < 0.5 ? 1 - 6 * q * q * rest : 2 * rest * rest * rest;
}

/* 2 int W(q) q dt for q = b cosh t from `from` to `to`. */
static double piece(enum cubix_deposit_kind kind, double b, double from, double to)
{
  const double low = from > b ? acosh(from / b) : 0, half = (acosh(to / b) - low) / 2;
  double sum = 0;
  for (int k = 0; k < 8; k++)
    for (int side = -1; side <= 1; side += 2) {
      const double q = b * cosh(low + half * (1 + side * x16[k]));
      sum += w16[k] * kernel(kind, q) * q;
    }
  return 2 * half * sum;
}

static double brightness(enum cubix_deposit_kind kind, double b)
{
  double sum = 0;
  if (b < 0.5) sum += piece(kind, b, b, 0.5);
  if (b < 1) sum += piece(kind, b, fmax(b, 0.5), 1);
  return sum;
}

static double light_of_cell(enum cubix_deposit_kind kind, int i, int j)
{
  double sum = 0;
  for (int p = 0; p < 4; p++)
    for (int q = 0; q < 4; q++)
      sum += w4[p] * w4[q] * brightness(kind, hypot(i + 0.5 + 0.5 * x4[p], j + 0.5 + 0.5 * x4[q]) / N);
  return sum / 4;
}

/* From the light of N cells to the coefficients of the B-splines about them, on one axis: (c[i-1] + 4
 * c[i] + c[i+1])/6 = light[i], with c[-1] = c[0] and c[N-1] = 0. */
static void solve(double *c, size_t stride)
{
  double above[N], pivot = 5. / 6;
  c[0] /= pivot;
  for (size_t i = 1; i < N - 1; i++) {
    above[i - 1] = 1. / 6 / pivot;
    pivot = 4. / 6 - above[i - 1] / 6;
    c[i * stride] = (c[i * stride] - c[(i - 1) * stride] / 6) / pivot;
  }
  for (size_t i = N - 2; i-- > 0;) c[i * stride] -= above[i] * c[(i + 1) * stride];
  c[(N - 1) * stride] = 0;
}

static void find_coefficients(double c[N][N], enum cubix_deposit_kind kind)
{
  double sum = 0;
  for (int j = 0; j < N; j++)
    for (int i = 0; i <= j; i++) c[j][i] = c[i][j] = light_of_cell(kind, i, j);
  for (int j = 0; j < N; j++) solve(c[j], 1);
  for (int i = 0; i < N; i++) solve(&c[0][i], N);
  for (int j = 0; j < N; j++)
    for (int i = 0; i < N; i++) sum += c[j][i] = fmax(c[j][i], 0);
  for (int j = 0; j < N; j++)
    for (int i = 0; i < N; i++) c[j][i] *= 0.25 / sum;
}

/* On one axis, of B-splines with coefficients c: their integral up to each node, and their value there. */
static void sum_up(const double *c, double *light, double *value)
{
  light[0] = 0;
  for (int i = 0; i <= N; i++) {
    const double before = c[i ? i - 1 : 0], here = i < N ? c[i] : 0, after = i < N - 1 ? c[i + 1] : 0;
    value[i] = (before + here) / 2;
    if (i < N) light[i + 1] = light[i] + (before + 4 * here + after) / 6;
  }
}

int cubix_kernel_table(double **out, enum cubix_deposit_kind kind)
{
  int status = CUBIX_OK;
  double (*c)[N] = NULL, *table = NULL, light[N + 1], value[N + 1], of_x[2][N + 1][N];
  *out = NULL;
  if (kind <= CUBIX_DEPOSIT_GAUSSIAN) goto done;
  CUBIX_ALLOC(c, N);
  CUBIX_ALLOC(table, 4 * (N + 1) * (N + 1));
  find_coefficients(c, kind);
  for (int j = 0; j < N; j++) {
    sum_up(c[j], light, value);
    for (int i = 0; i <= N; i++) {
      of_x[0][i][j] = light[i];
      of_x[1][i][j] = value[i];
    }
  }
  for (int i = 0; i <= N; i++)
    for (int d = 0; d < 2; d++) {
      sum_up(of_x[d][i], light, value);
      for (int j = 0; j <= N; j++) {
        table[4 * ((N + 1) * j + i) + d] = light[j];
        table[4 * ((N + 1) * j + i) + 2 + d] = value[j];
      }
    }
  *out = table;
  table = NULL;
done:
  free(c);
  free(table);
  return status;
}
