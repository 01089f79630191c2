/* template_ends.h -- what the histogram leaves out: templates that end within the band, in the channels that see their ends. */
#ifndef CUBIX_PATCH_H
#define CUBIX_PATCH_H

#include "cube/cube.h"
#include "cube/placement.h"
#include "engine/device.h"
#include "histogram/basis.h"

struct cubix_patch {
  const struct cubix_basis *basis;
  const struct cubix_view *view;
  int corners;                    /* 1: corners of no weight count as well, for derivatives */
};
/** Whether a star within the grid's reach has weight on a row that ends (basis->ending): cubix_star_test of a struct cubix_patch.  Local. */
int cubix_patch_test(const void *host, const struct cubix_star *star);
/** The templates of a view with all rows dark but those that end: [n_row][row_stride], owned by the caller.  Local.
 *  @param[out] ending  the view with these rows, which it borrows */
int cubix_patch_rows(cubix_real **row, struct cubix_view *ending, const struct cubix_basis *basis, const struct cubix_view *view);
/** Next run of channels that are patched, from *first on and before last.  Local.  @return their number, 0: none */
int cubix_patch_run(const struct cubix_basis *basis, int *first, int last);
/** Paint the ending rows of these stars directly into those of the cube's channels that are patched (basis->patched).  Local. */
int cubix_patch_paint(struct cubix_cube *cube, const struct cubix_basis *basis, const struct cubix_view *view, const struct cubix_placement *stars, struct cubix_device *dev);

#endif
