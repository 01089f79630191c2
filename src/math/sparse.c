/* sparse.c -- sparse matrices by rows. */
#include "math/sparse.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { TILE = 64 };               /* channels whose sums stay in the first cache */

int cubix_sparse_init(struct cubix_sparse **out, size_t n_row, size_t n_col, size_t n)
{
  int status = CUBIX_OK;
  struct cubix_sparse *a = NULL;
  *out = NULL;
  CUBIX_CHECK(n_row < UINT32_MAX && n_col < UINT32_MAX, CUBIX_EFAIL, "a sparse matrix of %zu x %zu is too large", n_row,
              n_col);
  CUBIX_ALLOC(a, 1);
  a->n_row = n_row;
  a->n_col = n_col;
  CUBIX_ALLOC(a->start, n_row + 1);
  CUBIX_ALLOC(a->column, n + 1);
  CUBIX_ALLOC(a->value, n + 1);
  *out = a;
  a = NULL;
done:
  cubix_sparse_free(a);
  return status;
}

int cubix_sparse_transpose(struct cubix_sparse **out, const struct cubix_sparse *a)
{
  int status = CUBIX_OK;
  struct cubix_sparse *t = NULL;
  size_t *next = NULL;
  *out = NULL;
  CUBIX_TRY(cubix_sparse_init(&t, a->n_col, a->n_row, a->start[a->n_row]));
  CUBIX_ALLOC(next, a->n_col + 1);
  for (size_t e = 0; e < a->start[a->n_row]; e++) t->start[a->column[e] + 1]++;
  for (size_t c = 0; c < a->n_col; c++) t->start[c + 1] += t->start[c];
  memcpy(next, t->start, a->n_col * sizeof *next);
  for (size_t r = 0; r < a->n_row; r++)
    for (size_t e = a->start[r]; e < a->start[r + 1]; e++) {
      const size_t at = next[a->column[e]]++;
      t->column[at] = (uint32_t)r;
      t->value[at] = a->value[e];
    }
  *out = t;
  t = NULL;
done:
  free(next);
  cubix_sparse_free(t);
  return status;
}

void cubix_sparse_apply(const struct cubix_sparse *a, const cubix_real *in, size_t n_k, size_t k0, size_t n,
                        cubix_real *out)
{
#pragma omp parallel for schedule(dynamic, 16)
  for (size_t r = 0; r < a->n_row; r++) {
    for (size_t t = k0; t < k0 + n; t += TILE) {
      const size_t n_t = k0 + n - t < TILE ? k0 + n - t : TILE;
      double sum[TILE] = { 0 };
      cubix_real *to = out + r * n_k + t;
      for (size_t e = a->start[r]; e < a->start[r + 1]; e++) {
        const cubix_real *from = in + a->column[e] * n_k + t;
        const double value = a->value[e];
        for (size_t k = 0; k < n_t; k++) sum[k] += value * (double)from[k];
      }
      for (size_t k = 0; k < n_t; k++) to[k] = (cubix_real)sum[k];
    }
  }
}

void cubix_sparse_apply_one(const struct cubix_sparse *a, const double *in, double *out)
{
  for (size_t r = 0; r < a->n_row; r++) {
    double sum = 0;
    for (size_t e = a->start[r]; e < a->start[r + 1]; e++) sum += a->value[e] * in[a->column[e]];
    out[r] = sum;
  }
}

void cubix_sparse_free(struct cubix_sparse *a)
{
  if (!a) return;
  free(a->start);
  free(a->column);
  free(a->value);
  free(a);
}
