/* placement.h -- which stars fall into which spaxel: the stars of a slab in the order of their spaxels. */
#ifndef CUBIX_PLACEMENT_H
#define CUBIX_PLACEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "physics/view.h"
#include "slab.h"

struct cubix_placement {
  size_t n_spaxel;
  size_t *start;                  /* [n_spaxel + 1]: the stars of spaxel s are order[start[s]] .. order[start[s + 1] - 1] */
  uint32_t *order;                /* [start[n_spaxel]] indices into the slab, rising within a spaxel */
};

/** Stable counting sort of the painted stars by spaxel; stars outside field and margin are left out.  Local. */
int cubix_placement_build(struct cubix_placement *placement, const struct cubix_view *view, const struct cubix_slab *slab);
void cubix_placement_free(struct cubix_placement *placement);

#endif
