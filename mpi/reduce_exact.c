/* reduce_exact.c -- sums and order statistics over all ranks that do not depend on how the particles are shared out.
 *
 * Floating-point sums depend on their order; then the centre of a galaxy moves by 1e-16 with the number of ranks, and a star at a
 * spaxel's edge changes sides.  Here every term becomes an integer pair on one common scale, and integers add up exactly:
 *   x = q1 2^-s + q2 2^-(s+31),  |q1| <= 2^31,  s from the largest |x| of all ranks,
 * so that a sum of 2^32 terms is rounded to 2^-62 of the largest.  Order statistics are found digit by digit (radix 256) on the
 * sortable bit pattern of a double: eight histograms of counts or integer weights.                                        */
#include <math.h>
#include <mpi.h>
#include <string.h>

#include "cubix-mpi.h"
#include "error.h"
#include "reduce_exact.h"

static void find_largest(double *largest, int n_c, size_t n, cubix_term *term, const void *host)
{
  double of_mine[CUBIX_MAX_TERM] = { 0 };
#pragma omp parallel for schedule(static) reduction(max : of_mine[:CUBIX_MAX_TERM])
  for (size_t i = 0; i < n; i++) {
    double t[CUBIX_MAX_TERM];
    term(t, host, i);
    for (int c = 0; c < n_c; c++) of_mine[c] = fmax(of_mine[c], fabs(t[c]));
  }
  MPI_Allreduce(of_mine, largest, n_c, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
}

void cubix_mpi_sum_exact(double *sum, int n_c, size_t n, cubix_term *term, const void *host, const double *bound)
{
  double largest[CUBIX_MAX_TERM] = { 0 }, scale[CUBIX_MAX_TERM];
  int64_t q[2 * CUBIX_MAX_TERM] = { 0 };
  if (bound) memcpy(largest, bound, sizeof *bound * (size_t)n_c);
  else find_largest(largest, n_c, n, term, host);
  for (int c = 0; c < n_c; c++) {
    int exponent;
    frexp(largest[c], &exponent);                         /* largest < 2^exponent */
    scale[c] = ldexp(1., 31 - exponent);
  }
#pragma omp parallel for schedule(static) reduction(+ : q[:2 * CUBIX_MAX_TERM])
  for (size_t i = 0; i < n; i++) {
    double t[CUBIX_MAX_TERM];
    term(t, host, i);
    for (int c = 0; c < n_c; c++) {
      double y = t[c] * scale[c], whole = rint(y);
      q[2 * c] += (int64_t)whole;
      q[2 * c + 1] += (int64_t)rint((y - whole) * 2147483648.);
    }
  }
  MPI_Allreduce(MPI_IN_PLACE, q, 2 * n_c, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  for (int c = 0; c < n_c; c++) sum[c] = ((double)q[2 * c] + ldexp((double)q[2 * c + 1], -31)) / scale[c];
}

/* Doubles in rising order as unsigned integers in rising order, and back. */
static uint64_t key_of(double x)
{
  uint64_t u;
  memcpy(&u, &x, sizeof u);
  return u >> 63 ? ~u : u | (uint64_t)1 << 63;
}

static double value_of(uint64_t key)
{
  uint64_t u = key >> 63 ? key & ~((uint64_t)1 << 63) : ~key;
  double x;
  memcpy(&x, &u, sizeof x);
  return x;
}

double cubix_mpi_select(const double *x, size_t n, size_t stride, const unsigned char *use, const int64_t *weight, int64_t target)
{
  uint64_t prefix = 0;
  for (int shift = 56; shift >= 0; shift -= 8) {
    int64_t histogram[256] = { 0 };
    for (size_t i = 0; i < n; i++) {
      if (use && !use[i]) continue;
      uint64_t key = key_of(x[i * stride]);
      if (shift == 56 || key >> (shift + 8) == prefix >> (shift + 8)) histogram[key >> shift & 255] += weight ? weight[i] : 1;
    }
    MPI_Allreduce(MPI_IN_PLACE, histogram, 256, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
    int digit = 0;
    while (digit < 255 && histogram[digit] < target) target -= histogram[digit++];
    prefix |= (uint64_t)digit << shift;
  }
  return value_of(prefix);
}

int cubix_mpi_median(double *median, const double *x, const unsigned char *use, size_t n, int n_c)
{
  int status = CUBIX_OK;
  int64_t count = 0;
  for (size_t i = 0; i < n; i++) count += !use || use[i];
  count = cubix_mpi_sum_int(count);
  CUBIX_CHECK(count > 0, CUBIX_EFAIL, "the median of no star at all was asked for");
  for (int c = 0; c < n_c; c++) {
    double lower = cubix_mpi_select(x + c, n, (size_t)n_c, use, NULL, (count - 1) / 2 + 1);
    double upper = cubix_mpi_select(x + c, n, (size_t)n_c, use, NULL, count / 2 + 1);
    median[c] = 0.5 * (lower + upper);
  }
done:
  return status;
}
