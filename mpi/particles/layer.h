/* layer.h -- inside the frame: stars of an ellipsoid, or of a layer about its surface, and sums over them.  They are
 * set aside, 32 bytes each; those for which there is no room are sought among all stars every time. */
#ifndef CUBIX_MPI_LAYER_H
#define CUBIX_MPI_LAYER_H

#include <stddef.h>

#include "mpi/particles/frame_parts.h"
#include "mpi/particles/stream.h"

enum { CUBIX_N_FOURTH = 15 };

/* Stars with from < r_e^2 <= to, in units of the ellipsoid's limit, and of these one of 2^halvings: the same ones on
 * any number of ranks. */
struct cubix_layer { struct cubix_ellipsoid shape; double from, to; unsigned halvings; };

struct cubix_layer_stars {
  struct cubix_stream *all;
  const double *centre;
  double heaviest;                /* the largest mass of all ranks' stars [Msun] */
  struct cubix_layer choice;
  int aside;                      /* 1: they are here: */
  size_t n, room, most;
  double *column[4];              /* [n] x, y, z from the centre [kpc], present mass [Msun] */
};

/** The exponents of x, y, z in the fourth moments. */
extern const signed char cubix_layer_fourth[CUBIX_N_FOURTH][3];
/** Choose stars, in place of those that were.  Collective.
 *  @param[out] moment NULL, or [CUBIX_N_FOURTH + 1] the sums of m x^a y^b z^c / r_e^4, a + b + c = 4, over the stars
 *  nearer than the choice's, and their number
 *  Errors: CUBIX_ENOMEM; those of the pass. */
int cubix_mpi_layer_find(struct cubix_layer_stars *chosen, const struct cubix_layer *choice, double *moment);
/** The tensor of the chosen stars, as cubix_mpi_frame_tensor.  Collective. */
int cubix_mpi_layer_tensor(double t[7], const struct cubix_layer_stars *chosen, const struct cubix_ellipsoid *shape);
void cubix_layer_free(struct cubix_layer_stars *chosen);

#endif
