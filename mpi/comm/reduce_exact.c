/* reduce_exact.c -- sums over all ranks that do not depend on how the
 * particles are shared out.
 *
 * Floating-point sums depend on their order; then the centre of a galaxy moves by 1e-16 with the
 * number of ranks, and a star at a spaxel's edge changes sides.  Here every term becomes an integer
 * pair on one common scale, and integers add up exactly:
 *   x = q1 2^-s + q2 2^-(s+31),  |q1| <= 2^31,  s from the largest |x| of all ranks,
 * so that a sum of 2^32 terms is rounded to 2^-62 of the largest.  The terms come in blocks, column
 * by column, so that the loops run over vectors; adding 1.5 2^52 rounds a small number to an
 * integer without a call. */

#include "mpi/comm/reduce_exact.h"

#include <math.h>
#include <mpi.h>

#include "mpi/comm/group.h"

enum { FEW = 1 << 14 };            /* so few are not worth waking the other threads */

static size_t block_size(size_t n, size_t first) { return n - first < CUBIX_BLOCK ? n - first : CUBIX_BLOCK; }

double cubix_exact_scale(double bound)
{
  int exponent;
  frexp(bound, &exponent);                                  /* bound < 2^exponent */
  return ldexp(1., 31 - exponent);
}

double cubix_exact_value(const int64_t q[2], double scale) { return ((double)q[0] + ldexp((double)q[1], -31)) / scale; }

CUBIX_VECTOR static void add_column(int64_t *q, const double *t, size_t n, double scale)
{
  int64_t sum[2] = { 0, 0 };
  for (size_t i = 0; i < n; i++) cubix_exact_add(sum, t[i] * scale);
  q[0] += sum[0];
  q[1] += sum[1];
}

void cubix_exact_begin(struct cubix_exact *sums, int n_c, const double *bound)
{
  *sums = (struct cubix_exact){ .n_c = n_c };
  for (int c = 0; c < n_c; c++) sums->scale[c] = cubix_exact_scale(bound[c]);
}

void cubix_exact_more(struct cubix_exact *sums, size_t n, cubix_terms *terms, const void *host)
{
  int64_t q[2 * CUBIX_MAX_TERM] = { 0 };
#pragma omp parallel for schedule(static) reduction(+ : q[:2 * CUBIX_MAX_TERM]) if (n > FEW)
  for (size_t first = 0; first < n; first += CUBIX_BLOCK) {
    double t[CUBIX_MAX_TERM][CUBIX_BLOCK];
    size_t count = block_size(n, first);
    terms(t, host, first, count);
    for (int c = 0; c < sums->n_c; c++) add_column(q + 2 * c, t[c], count, sums->scale[c]);
  }
  for (int c = 0; c < 2 * sums->n_c; c++) sums->q[c] += q[c];
}

void cubix_mpi_exact_end(double *sum, struct cubix_exact *sums)
{
  MPI_Allreduce(MPI_IN_PLACE, sums->q, 2 * sums->n_c, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
  for (int c = 0; c < sums->n_c; c++) sum[c] = cubix_exact_value(sums->q + 2 * c, sums->scale[c]);
}
