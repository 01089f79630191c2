/* patch.h -- what the histogram leaves out: templates that end within the band, in the channels that see their ends. */
#ifndef CUBIX_PATCH_H
#define CUBIX_PATCH_H

#include "basis.h"
#include "cube.h"
#include "device.h"
#include "placement.h"

/** Of the stars within the grid's reach those that have weight on a row that ends (basis->ending).  Local.  @param[out] stars owned by the caller */
int cubix_patch_stars(struct cubix_placement **stars, const struct cubix_basis *basis, const struct cubix_view *view, const struct cubix_placement *placement);
/** Paint the ending rows of these stars directly into those of the cube's channels that are patched (basis->patched).  Local. */
int cubix_patch_paint(struct cubix_cube *cube, const struct cubix_basis *basis, const struct cubix_view *view, const struct cubix_placement *stars, struct cubix_device *dev);

#endif
