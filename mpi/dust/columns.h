/* columns.h -- the dust in front of any place, from the cells of gas of all ranks.
 *
 * Everything has the same bits on any number of ranks and threads (physics/column.h). */
#ifndef CUBIX_MPI_COLUMNS_H
#define CUBIX_MPI_COLUMNS_H

#include <stddef.h>

#include "dust/column_tiles.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_columns;
struct cubix_device;
/* Cotangents of this rank's cells, added to; each NULL where it is not wanted. */
struct cubix_columns_bar { double *position, *radius, *weight; };   /* [n][3], [n], [n] */

/** Columns through cells of gas; of this rank, in rank order.  Collective.
 *  @param[out] columns owned by the caller; borrows the cells
 *  @param position [n][3] x, y on the sky and z away from the observer [kpc]
 *  @param radius [n] of their kernels [kpc]; 0: a cell without mass, which dims nothing
 *  @param weight [n] >= 0 [mag kpc^2] */
int cubix_mpi_columns_open(struct cubix_columns **columns, const double *position, const double *radius,
                           const double *weight, size_t n);
/** Let a processor do it, which has the cores' bits.  Local.
 *  @param dev must outlive the columns; NULL: the cores */
void cubix_mpi_columns_use(struct cubix_columns *columns, struct cubix_device *dev);
/** A(V) of all gas in front of places of this rank [mag], 2048 at most.  Collective.
 *  @param position [n][3]  @param[out] screen [n] */
int cubix_mpi_columns_screen(struct cubix_columns *columns, const double *position, size_t n, double *screen);
/** Its reverse derivative.  Collective.
 *  @param[in,out] position_bar [n][3] added to; NULL: not wanted  @param[in,out] bar NULL: not wanted
 *  All ranks want the same.  Errors: CUBIX_EFAIL if some screen_bar is not finite. */
int cubix_mpi_columns_vjp(struct cubix_columns *columns, const double *position, size_t n, const double *screen_bar,
                          double *position_bar, const struct cubix_columns_bar *bar);
/** Its tangent.  Collective.  All ranks have the same members of dot.  @param[out] screen_dot [n] */
int cubix_mpi_columns_jvp(struct cubix_columns *columns, const double *position, size_t n,
                          const struct cubix_column_dot *dot, double *screen_dot);
/** Bytes of this rank for its cells, and how much more while they, or n_place places, are sorted.  Collective.
 *  @param position [n][3]  @param radius [n] */
double cubix_mpi_columns_bytes(const double *position, const double *radius, size_t n, double n_place,
                               double *sorting);
void cubix_mpi_columns_close(struct cubix_columns *columns);

#ifdef __cplusplus
}
#endif
#endif
