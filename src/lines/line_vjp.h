/* line_vjp.h -- derivatives of painted emission lines with respect to their sources and to what all share. */
#ifndef CUBIX_LINE_VJP_H
#define CUBIX_LINE_VJP_H

#include "cube/cube.h"
#include "cube/placement.h"
#include "lines/lines.h"

/* A cotangent or tangent of LineLogU, LineTurbulence [km/s], LineEscape, LineDust, LsfFwhm [AA], the shape of the
 * dust's law (DustRv or DustSlope) and BirthCloudTau. */
struct cubix_lines_bar { double log_u, turbulence, escape, dust, lsf, shape, cloud; };

/** Reverse derivative of cubix_lines_paint's cube.  Local; all threads.
 *  @param lines with slopes in its basis, if it has one (cubix_lines_prepare)
 *  @param cube_bar as many spaxels as the placement has, any channels
 *  @param[in,out] bar [sources placed], added
 *  @param[in,out] shared added */
int cubix_lines_paint_vjp(const struct cubix_lines *lines, const struct cubix_placement *sources,
                          const struct cubix_cube *cube_bar, double scale, struct cubix_star_bar *bar,
                          struct cubix_lines_bar *shared);
/** Forward derivative, added to a cube.  Local; all threads.
 *  @param dot [sources placed] */
int cubix_lines_paint_jvp(const struct cubix_lines *lines, const struct cubix_placement *sources,
                          const struct cubix_star_bar *dot, const struct cubix_lines_bar *shared, double scale,
                          struct cubix_cube *cube_dot);

#endif
