/* columns_parts.h -- inside mpi/dust: which rank looks at which part of the sky. */
#ifndef CUBIX_MPI_COLUMNS_PARTS_H
#define CUBIX_MPI_COLUMNS_PARTS_H

#include "dust/column_tiles.h"
#include "engine/device.h"
#include "mpi/comm/deal.h"
#include "mpi/dust/columns.h"

struct cubix_columns {
  const double *position, *radius, *weight;     /* of this rank's cells, borrowed */
  size_t n;
  struct cubix_column_sky sky;                  /* of all ranks' cells */
  uint64_t *cut;                                /* [n_rank + 1] rank r has codes from cut[r] to below cut[r + 1] */
  struct cubix_deal deal;                       /* of cells, to all ranks that they reach */
  uint32_t *order;                              /* [deal.out[n_rank]] which cell each is that is sent */
  struct cubix_device *dev;                     /* NULL: the cores */
  struct cubix_column_tiles *tiles;             /* of the cells that this rank's part of the sky sees; NULL: not yet */
};

/** Divide the sky by the work that these places will be, and send the cells.  Collective. */
int cubix_mpi_columns_settle(struct cubix_columns *columns, const double *position, size_t n);
/** The rank that has a code.  Local. */
int cubix_mpi_columns_rank(const struct cubix_columns *columns, uint64_t code);
/** Rows of this rank's cells to the ranks that they reach.  Collective.
 *  @param row [n][width]  @param[out] here [tiles][width], owned by the caller */
int cubix_mpi_columns_send(const struct cubix_columns *columns, const double *row, int width, double **here);

#endif
