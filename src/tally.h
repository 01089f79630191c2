/* tally.h -- the truth maps and the account of where number, mass and light went. */
#ifndef CUBIX_TALLY_H
#define CUBIX_TALLY_H

#include "cube.h"
#include "physics/view.h"
#include "slab.h"

/** Add a slab's stars to the cube's maps, budget and v_max.  Local.  Source: doc/math.md section 8. */
void cubix_tally(struct cubix_cube *cube, const struct cubix_view *view, const struct cubix_slab *slab);

#endif
