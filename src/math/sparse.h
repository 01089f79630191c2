/* sparse.h -- sparse matrices by rows, applied to many spectra at a time. */
#ifndef CUBIX_SPARSE_H
#define CUBIX_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "physics/hd.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_sparse {
  size_t n_row, n_col;
  size_t *start;                  /* [n_row + 1] where a row's entries begin */
  uint32_t *column;               /* [start[n_row]] rising in a row */
  double *value;
};

/** An empty matrix with room for n entries.  Local.  @param[out] a owned by the caller */
int cubix_sparse_init(struct cubix_sparse **a, size_t n_row, size_t n_col, size_t n);
/** The transpose; entries of a row rise.  Local.  @param[out] t owned by the caller */
int cubix_sparse_transpose(struct cubix_sparse **t, const struct cubix_sparse *a);
/** out = a in, for n channels from k0 on of n_k side by side; sums in float64, in the order of a row's entries, so
 *  that the bits do not depend on the threads.  Local; all threads.
 *  @param in [n_col][n_k]  @param[out] out [n_row][n_k] whose other channels stay as they are */
void cubix_sparse_apply(const struct cubix_sparse *a, const cubix_real *in, size_t n_k, size_t k0, size_t n,
                        cubix_real *out);
/** The same of one number each.  Local.  @param in [n_col]  @param[out] out [n_row] */
void cubix_sparse_apply_one(const struct cubix_sparse *a, const double *in, double *out);
void cubix_sparse_free(struct cubix_sparse *a);

#ifdef __cplusplus
}
#endif
#endif
