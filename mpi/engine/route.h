/* route.h -- the records of stars travel to the owners of their spaxels, and what is found there for
 * each travels back. */
#ifndef CUBIX_MPI_ENGINE_ROUTE_H
#define CUBIX_MPI_ENGINE_ROUTE_H

#include <stddef.h>

#include "cube/placement.h"
#include "mpi/engine/owners.h"

/* The way of a placement's records. */
struct cubix_route {
  const struct cubix_owners *owners;
  size_t n_own;                   /* spaxels of this rank */
  size_t *out, *in;               /* [n_rank + 1] records before those to, and from, each rank */
  size_t *place;                  /* [n_rank + 1][n_own] where those of a rank in a spaxel begin, once arrived */
};

/** Tell the owners how many records come.  Collective.
 *  @param owners must outlive the route */
int cubix_mpi_route_init(struct cubix_route *route, const struct cubix_owners *owners,
                         const struct cubix_placement *placement);
/** All ranks' stars in the spaxels of this rank; within a spaxel in the order of the ranks.
 * Collective.
 *  @param[out] arrived owned by the caller; n_spaxel is the number of spaxels owned */
int cubix_mpi_route_stars(struct cubix_placement **arrived, const struct cubix_route *route,
                          const struct cubix_placement *placement);
/** Replace an array of one element for each record of this rank's stars by that for the stars in this
 * rank's spaxels.  Collective.
 *  @param[in,out] records freed and allocated anew */
int cubix_mpi_route_forth(void **records, size_t size, const struct cubix_route *route);
/** The way back.  Collective. */
int cubix_mpi_route_back(void **records, size_t size, const struct cubix_route *route);
void cubix_mpi_route_free(struct cubix_route *route);

#endif
