/* physics/project.h -- a place in the sky frame -> a place in the field and a spaxel, with
 * derivatives.  Source: doc/math.md section 4. */
#ifndef CUBIX_PHYSICS_PROJECT_H
#define CUBIX_PHYSICS_PROJECT_H

#include "physics/tables.h"

/* What a number changes with the scalars of the tables that say where on the sky a place lies; roll
 * in rad.  Or how fast these change: a tangent. */
struct cubix_sky_bar {
  double arcsec_per_kpc, pointing_x, pointing_y, roll;
};

/** Place in the field, in spaxels from its first corner, margin not included (a sum with it would
 * round).
 *  @param position [3] kpc: x east, y north, z away */
CUBIX_HD void cubix_sky(const struct cubix_tables *v, const double *position, double at[2])
{
  double x = position[0] * v->arcsec_per_kpc - v->pointing_x;
  double y = position[1] * v->arcsec_per_kpc - v->pointing_y;
  double x_d = x * v->cos_roll - y * v->sin_roll;
  double y_d = x * v->sin_roll + y * v->cos_roll;
  at[0] = 0.5 * (v->n_x - 2 * v->margin) - x_d * v->inv_pixel_x;
  at[1] = 0.5 * (v->n_y - 2 * v->margin) + y_d * v->inv_pixel_y;
}

/** Reverse derivative: d x_d/d roll = -y_d, d y_d/d roll = x_d.  Adds to the bars. */
CUBIX_HD void cubix_sky_vjp(const struct cubix_tables *v, const double *position, const double at_bar[2],
                            double *position_bar, struct cubix_sky_bar *sky_bar)
{
  double x = position[0] * v->arcsec_per_kpc - v->pointing_x;
  double y = position[1] * v->arcsec_per_kpc - v->pointing_y;
  double x_d_bar = -v->inv_pixel_x * at_bar[0], y_d_bar = v->inv_pixel_y * at_bar[1];
  double x_bar = x_d_bar * v->cos_roll + y_d_bar * v->sin_roll, y_bar = y_d_bar * v->cos_roll - x_d_bar * v->sin_roll;
  position_bar[0] += v->arcsec_per_kpc * x_bar;
  position_bar[1] += v->arcsec_per_kpc * y_bar;
  sky_bar->arcsec_per_kpc += position[0] * x_bar + position[1] * y_bar;
  sky_bar->pointing_x -= x_bar;
  sky_bar->pointing_y -= y_bar;
  sky_bar->roll += (x * v->cos_roll - y * v->sin_roll) * y_d_bar - (x * v->sin_roll + y * v->cos_roll) * x_d_bar;
}

/** Forward derivative.  Adds to at_dot. */
CUBIX_HD void cubix_sky_jvp(const struct cubix_tables *v, const double *position, const double *position_dot,
                            const struct cubix_sky_bar *sky_dot, double at_dot[2])
{
  double x = position[0] * v->arcsec_per_kpc - v->pointing_x;
  double y = position[1] * v->arcsec_per_kpc - v->pointing_y;
  double x_dot = position_dot[0] * v->arcsec_per_kpc + position[0] * sky_dot->arcsec_per_kpc - sky_dot->pointing_x;
  double y_dot = position_dot[1] * v->arcsec_per_kpc + position[1] * sky_dot->arcsec_per_kpc - sky_dot->pointing_y;
  double x_d_dot = x_dot * v->cos_roll - y_dot * v->sin_roll - (x * v->sin_roll + y * v->cos_roll) * sky_dot->roll;
  double y_d_dot = x_dot * v->sin_roll + y_dot * v->cos_roll + (x * v->cos_roll - y * v->sin_roll) * sky_dot->roll;
  at_dot[0] -= x_d_dot * v->inv_pixel_x;
  at_dot[1] += y_d_dot * v->inv_pixel_y;
}

/** Painted spaxel (margin included) of a star, index iy*n_x + ix.
 *  @param position [3] kpc: x east, y north, z away  @return -1 outside field and margin */
CUBIX_HD int64_t cubix_project(const struct cubix_tables *v, const double *position)
{
  double at[2];
  cubix_sky(v, position, at);
  double ix = floor(at[0]) + v->margin, iy = floor(at[1]) + v->margin;
  if (!(ix >= 0 && ix < v->n_x && iy >= 0 && iy < v->n_y)) return -1;
  return (int64_t)iy * v->n_x + (int64_t)ix;
}

/** 1 if a painted spaxel belongs to the field, 0 if it is margin; *field: its index there. */
CUBIX_HD int cubix_in_field(const struct cubix_tables *v, int64_t spaxel, int64_t *field)
{
  int64_t ix = spaxel % v->n_x - v->margin, iy = spaxel / v->n_x - v->margin;
  int64_t n_x = v->n_x - 2 * v->margin, n_y = v->n_y - 2 * v->margin;
  if (ix < 0 || ix >= n_x || iy < 0 || iy >= n_y) return 0;
  *field = iy * n_x + ix;
  return 1;
}

#endif
