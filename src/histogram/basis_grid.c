/* basis_grid.c -- the velocity grid: its nodes, the knots on which a channel depends, the size of a
 * tile. */
#include <float.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "histogram/basis.h"
#include "histogram/basis_parts.h"
#include "physics/doppler.h"
#include "physics/paint_vjp.h"

/* ---- the grid -------------------------------------------------------------------------------- */
struct cubix_nodes cubix_basis_nodes(double reach, double step)
{
  struct cubix_nodes nodes = { .n = (int)ceil(2 * reach / step - 1e-9) + CUBIX_N_WEIGHT, .reach = reach, .step = step };
  return nodes;
}

double cubix_basis_fit_velocity(const struct cubix_basis_fit *fit, double steps)
{
  return -fit->nodes.reach + (steps - CUBIX_BASIS_FIT_EXTRA) * fit->nodes.step;
}

void cubix_basis_window(const struct cubix_basis_fit *fit, int k, int *a, int *b)
{
  const struct cubix_tables *v = &fit->tables;
  double lo = v->knot[0], hi = v->knot[v->n_knot - 1];
  double x0 = v->edge[k] / cubix_doppler(v->one_plus_z, cubix_basis_fit_velocity(fit, fit->factor.n - 5));
  double x1 = v->edge[k + 1] / cubix_doppler(v->one_plus_z, cubix_basis_fit_velocity(fit, 0)), y0 = x0, y1 = x1;
  if (y0 < lo) x1 = fmax(x1, 2 * lo - y0);
  if (y1 > hi) x0 = fmin(x0, 2 * hi - y1);
  *a = cubix_interval(v, fmin(fmax(x0, lo), hi));
  *b = cubix_interval(v, fmin(fmax(x1, lo), hi)) + 1;
}

size_t cubix_basis_tile_size(const struct cubix_basis *basis)
{
  return (size_t)basis->n_template * (size_t)basis->nodes.n * CUBIX_TILE;
}
