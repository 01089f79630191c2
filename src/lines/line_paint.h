/* line_paint.h -- the lines of placed sources into the channels of their spaxels, and into maps. */
#ifndef CUBIX_LINE_PAINT_H
#define CUBIX_LINE_PAINT_H

#include "cube/cube.h"
#include "cube/placement.h"
#include "lines/lines.h"

/* Maps of the gas, sums as the cube's: the flux of each line of the band, then these. */
enum cubix_gas_map { CUBIX_GAS_SFR, CUBIX_GAS_WEIGHT, CUBIX_GAS_V, CUBIX_GAS_V2, CUBIX_N_GAS_MAP };

/** Add the lines of the sources to the cube; the same bits in whatever order they come.  Local; all threads.
 *  @param cube as many spaxels as the placement has, any channels
 *  @param scale what a source's luminosity [erg/s] becomes in a channel of mean width [unit of the cube]
 *  @param maps NULL, or cube->sums.gas, to which they are added
 *  @param first spaxel of those maps that is the placement's first */
int cubix_lines_paint(const struct cubix_lines *lines, const struct cubix_placement *sources, struct cubix_cube *cube,
                      double scale, struct cubix_sums *maps, size_t first);

#endif
