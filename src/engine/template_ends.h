/* template_ends.h -- templates that end within the band: the histogram leaves them out in the
 * channels that see their ends, and they are painted directly there. */
#ifndef CUBIX_TEMPLATE_ENDS_H
#define CUBIX_TEMPLATE_ENDS_H

#include "cube/cube.h"
#include "cube/placement.h"
#include "engine/device.h"
#include "histogram/basis.h"

struct cubix_ends {
  const struct cubix_basis *basis;
  const struct cubix_tables *tables;
  int corners;                    /* 1: rows of weight 0 count as well, for derivatives */
};
/** A test (cubix_star_test of a struct cubix_ends): whether a star within the reach of the grid has
 * weight on a row that ends (basis->ending).  Local. */
int cubix_ends_test(const void *host, const struct cubix_star *star);
/** The template rows with all dark but those that end: [n_row][row_stride], owned by the caller.
 * Local.
 *  @param[out] ending the tables with these rows, which it borrows */
int cubix_ends_rows(cubix_real **row, struct cubix_tables *ending, const struct cubix_basis *basis,
                    const struct cubix_tables *tables);
/** Find the next run of channels in which templates end (basis->at_end), from *first on and before
 * last.  Local.
 *  @return their number, 0: none */
int cubix_ends_run(const struct cubix_basis *basis, int *first, int last);
/** Paint the ending rows of these stars directly, in those channels of the cube in which they end.
 * Local. */
int cubix_ends_paint(struct cubix_cube *cube, const struct cubix_basis *basis, const struct cubix_tables *tables,
                     const struct cubix_placement *stars, struct cubix_device *dev);

#endif
