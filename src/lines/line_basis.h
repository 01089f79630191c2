/* line_basis.h -- emission lines as functions of velocity: for every line and node of a grid of
 * velocities (physics/node.h) what falls into the channels about it. */
#ifndef CUBIX_LINE_BASIS_H
#define CUBIX_LINE_BASIS_H

#include <stdint.h>

#include "lines/line_profile.h"
#include "physics/node.h"

struct cubix_line_basis {
  struct cubix_nodes nodes;
  int n_line, width;              /* channels that a node of a line has, at most */
  int32_t *first;                 /* [n_line][nodes.n] its first channel, perhaps beyond the band */
  double *d;                      /* [n_line][nodes.n][width] 0 beyond the band */
  double *slope;                  /* the same of its derivative with sigma_l [s/km]; NULL: not asked for */
  double certified;               /* largest error, over the line's value in its peak channel */
};

/** Fit the lines at |v| <= reach [km/s] until the error is at most `limit` of the peak channel.  Local; all
 * threads.
 *  @param shape [n_line]
 *  @param slopes 1: their derivatives with sigma_l as well, on the same grid
 *  @param[out] basis owned by the caller
 *  Errors: CUBIX_EFAIL: no step does it. */
int cubix_line_basis_make(struct cubix_line_basis **basis, const struct cubix_line_shape *shape, int n_line,
                          double reach, double limit, int slopes);
void cubix_line_basis_free(struct cubix_line_basis *basis);

#endif
