/* cubix_spoilt.c -- cubix with one coefficient of the nodes in A(V) that is wrong by a hundredth, whose
 * audit has to find it. */
#include "histogram/axis.h"

#include "base/error.h"
#include "physics/node.h"

int __real_cubix_axis_table(float **factor, const struct cubix_axis *axis, int n_lambda, int first_tile, int n_tile,
                            const double *k_dot);
int __wrap_cubix_axis_table(float **factor, const struct cubix_axis *axis, int n_lambda, int first_tile, int n_tile,
                            const double *k_dot);

/* The third node is one that most stars touch. */
int __wrap_cubix_axis_table(float **factor, const struct cubix_axis *axis, int n_lambda, int first_tile, int n_tile,
                            const double *k_dot)
{
  const int node = 2, status = __real_cubix_axis_table(factor, axis, n_lambda, first_tile, n_tile, k_dot);
  if (status || axis->n <= node || !*factor) return status;
  for (int tile = 0; tile < n_tile; tile++)
    for (int k = 0; k < CUBIX_TILE; k++) (*factor)[(tile * axis->n + node) * CUBIX_TILE + k] *= 1.01f;
  return CUBIX_OK;
}
