/* physics/project.h -- a place in the sky frame -> a spaxel.  Source: doc/math.md section 4. */
#ifndef CUBIX_PHYSICS_PROJECT_H
#define CUBIX_PHYSICS_PROJECT_H

#include "view.h"

/** Painted spaxel (margin included) of a star, index iy*n_x + ix.
 *  @param position [3] kpc: x east, y north, z away  @return -1 outside field and margin */
CUBIX_HD int64_t cubix_project(const struct cubix_view *v, const double *position)
{
  double x = position[0] * v->arcsec_per_kpc - v->pointing_x;
  double y = position[1] * v->arcsec_per_kpc - v->pointing_y;
  double x_d = x * v->cos_roll - y * v->sin_roll;
  double y_d = x * v->sin_roll + y * v->cos_roll;
  double ix = floor(0.5 * (v->n_x - 2 * v->margin) - x_d * v->inv_pixel_x) + v->margin;
  double iy = floor(0.5 * (v->n_y - 2 * v->margin) + y_d * v->inv_pixel_y) + v->margin;
  if (!(ix >= 0 && ix < v->n_x && iy >= 0 && iy < v->n_y)) return -1;
  return (int64_t)iy * v->n_x + (int64_t)ix;
}

/** 1 if a painted spaxel belongs to the field, 0 if it is margin; *field: its index there. */
CUBIX_HD int cubix_in_field(const struct cubix_view *v, int64_t spaxel, int64_t *field)
{
  int64_t ix = spaxel % v->n_x - v->margin, iy = spaxel / v->n_x - v->margin;
  int64_t n_x = v->n_x - 2 * v->margin, n_y = v->n_y - 2 * v->margin;
  if (ix < 0 || ix >= n_x || iy < 0 || iy >= n_y) return 0;
  *field = iy * n_x + ix;
  return 1;
}

#endif
