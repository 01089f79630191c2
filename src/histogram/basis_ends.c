/* basis_ends.c -- where templates end: the channels that see an end, and the rows that are painted
 * star by star there.
 *
 * No step of a velocity grid follows a jump.  Channels that see the end of the library (they are
 * not `covered`) or that of single rows (libraries whose hot templates end before the others do)
 * are `at_end`: rows that end are left out of D there (basis_fit.c), and painted directly
 * (engine/template_ends.c).  A row has a jump if, among the knots that a channel sees and END_KNOTS
 * around them, some have light and others less than 1e-6 of the row's mean.  The margin is needed
 * because a spline's ringing beside a jump falls by 3.7 per knot. */
#include "histogram/basis_parts.h"

#include <math.h>

#include "physics/doppler.h"
#include "physics/spectrum.h"

enum { END_KNOTS = 16 };

/* What lies near enough for a spline's ringing to arrive. */
static void widen(const struct cubix_basis_fit *fit, int *a, int *b)
{
  *a = *a > END_KNOTS ? *a - END_KNOTS : 0;
  *b = *b + END_KNOTS < fit->tables.n_knot ? *b + END_KNOTS : fit->tables.n_knot - 1;
}

enum cubix_light cubix_basis_row_light(const struct cubix_basis_fit *fit, int row, int a, int b)
{
  const cubix_real *p = fit->tables.row + (size_t)row * (size_t)fit->tables.row_stride;
  int n_dark = 0, n_zero = 0, n;
  widen(fit, &a, &b);
  n = b - a + 1;
  for (int i = a; i <= b; i++) {
    n_dark += !((double)p[2 * i] > fit->dark[row]);
    n_zero += p[2 * i] == 0;
  }
  return !n_dark ? CUBIX_LIT : n_zero == n ? CUBIX_EMPTY : n_dark == n ? CUBIX_DIM : CUBIX_ENDS;
}

/* 1 where a channel that is not covered sees something of the library. */
static int sees_library(const struct cubix_basis_fit *fit, int k)
{
  const struct cubix_tables *v = &fit->tables;
  return v->edge[k + 1] / cubix_doppler(v->one_plus_z, cubix_basis_fit_velocity(fit, 0)) > v->knot[0] &&
         v->edge[k] / cubix_doppler(v->one_plus_z, cubix_basis_fit_velocity(fit, fit->factor.n - 5)) <
             v->knot[v->n_knot - 1];
}

/* A row that is somewhere dark, in all channels: where it ends, where it is dim. */
static void look_at_row(const struct cubix_basis_fit *fit, int row, unsigned char *ending, unsigned char *at_end,
                        unsigned char *unbounded)
{
  for (int k = 0; k < fit->tables.n_lambda; k++) {
    int a, b;
    cubix_basis_window(fit, k, &a, &b);
    enum cubix_light light = fit->covered[k] ? cubix_basis_row_light(fit, row, a, b) : CUBIX_LIT;
    if (light == CUBIX_ENDS) ending[row] = at_end[k] = 1;
    if (light == CUBIX_DIM) unbounded[k] = 1;
  }
}

void cubix_basis_fit_ends(const struct cubix_basis_fit *fit, const int *row, int n_row, unsigned char *ending,
                          unsigned char *at_end, unsigned char *unbounded)
{
  int n = fit->tables.n_knot, n_lambda = fit->tables.n_lambda, open = 0;
#pragma omp parallel for schedule(dynamic, 1) reduction(| : at_end[:n_lambda], unbounded[:n_lambda])
  for (int t = 0; t < n_row; t++) {
    const cubix_real *p = fit->tables.row + (size_t)row[t] * (size_t)fit->tables.row_stride;
    int dark = 0;
    for (int i = 0; i < n; i++) dark |= !((double)p[2 * i] > fit->dark[row[t]]);
    if (dark) look_at_row(fit, row[t], ending, at_end, unbounded);
  }
  for (int k = 0; k < n_lambda; k++)
    if (!fit->covered[k] && sees_library(fit, k)) open = at_end[k] = 1;
  for (int t = 0; t < n_row && open; t++) ending[row[t]] = 1;
}
