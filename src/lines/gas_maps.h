/* gas_maps.h -- the truth maps of gas that shines in lines, made from the sums that the cube keeps per spaxel. */
#ifndef CUBIX_GAS_MAPS_H
#define CUBIX_GAS_MAPS_H

#include "cube/cube.h"
#include "lines/lines.h"

/* A map as files describe it. */
struct cubix_gas_title { char name[32], unit[80], description[120]; };

/** How many there are: the lines that have a name of their own, SFR, VEL_GAS, SIG_GAS; 0 without lines.  Local. */
int cubix_gas_n_map(const struct cubix_lines *lines);
/** At most so many for any table and band that files' sizes are reckoned with.  Local. */
enum { CUBIX_GAS_MOST_MAPS = 40 };
/** One of them.  Local.
 *  @param sums as painted, or through the PSF  @param seen 1: the latter
 *  @param[out] map [n_y][n_x] of the field; where there is no light 0 in sums and NaN in means */
void cubix_gas_map(struct cubix_gas_title *title, double *map, const struct cubix_lines *lines,
                   const struct cubix_sums *sums, int number, int seen, int flux_unit);

#endif
