/* order.h -- inside mpi/: order statistics that do not depend on the number of ranks or threads. */
#ifndef CUBIX_MPI_ORDER_H
#define CUBIX_MPI_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "mpi/comm/reduce_exact.h"

/* Some rows of the columns of doubles whose order statistics are wanted. */
struct cubix_values {
  size_t n;                       /* rows of this rank */
  int n_c;                        /* columns, at most 3 */
  const double *x;                /* [n][n_c] */
  const unsigned char *use;       /* [n] 0: leave this row out; NULL: all count */
  const double *weight;           /* [n] or NULL: a row counts as rint(weight * unit) rows, at most 2^31 */
  double unit;
};

static inline int64_t cubix_values_weight(const struct cubix_values *columns, size_t i)
{
  int64_t q[2] = { 0, 0 };
  if (!columns->weight) return 1;
  cubix_exact_add(q, columns->weight[i] * columns->unit);
  return q[0];
}

typedef void cubix_take(void *state, const struct cubix_values *columns);

/* All rows, which come as often as they are asked for. */
struct cubix_rows {
  int n_c, weighted;
  double room;                    /* bytes that may be set aside of them; where that is little they come more often */
  int (*pass)(void *host, cubix_take *take, void *state); /* hand over all rows of this rank.  Collective. */
  void *host;
};

/** A pass over rows that are all in memory; its host is a struct cubix_values. */
int cubix_values_pass(void *columns, cubix_take *take, void *state);

/** In each column the smallest value at which the rows of all smaller or equal ones add up to at
 * least target.  Collective.
 *  @param[out] value [n_c]
 *  Errors: CUBIX_ENOMEM; those of the passes. */
int cubix_mpi_select(double *value, const struct cubix_rows *rows, int64_t target);
/** Component-wise median over all ranks (even n: mean of the middle two) of the rows that count.  Collective.
 *  @param[out] median [n_c] */
int cubix_mpi_median(double *median, const struct cubix_rows *rows);

#endif
