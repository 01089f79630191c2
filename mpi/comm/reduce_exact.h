/* reduce_exact.h -- inside mpi/: sums and order statistics that do not depend on the number of ranks or threads. */
#ifndef CUBIX_MPI_REDUCE_EXACT_H
#define CUBIX_MPI_REDUCE_EXACT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* For a function of long loops: it is compiled for wide vectors as well, and which version runs is
 * decided when the program starts.  Neither fuses multiply-adds, so all machines of a run have the
 * same bits. */
#if defined(__x86_64__) && defined(__gnu_linux__)
#define CUBIX_VECTOR __attribute__((target_clones("avx2", "default")))
#else
#define CUBIX_VECTOR
#endif

enum { CUBIX_MAX_TERM = 16, CUBIX_BLOCK = 256 };

/** Terms that particles first .. first + n - 1 (n <= CUBIX_BLOCK) add to each of the sums:
 * term[c][k] is that of particle first + k. */
typedef void cubix_terms(double term[][CUBIX_BLOCK], const void *host, size_t first, size_t n);

/** Sums over the particles of all ranks, each rounded once: they depend neither on the order nor on
 * the number of ranks.  Collective.
 *  @param[out] sum [n_c], n_c <= CUBIX_MAX_TERM
 *  @param n particles of this rank
 *  @param bound [n_c] upper bound of |term|, the same on all ranks; NULL: found in a separate
 *    pass */
void cubix_mpi_sum_exact(double *sum, int n_c, size_t n, cubix_terms *terms, const void *host, const double *bound);

/** The factor that scales terms of at most `bound` to integers of 31 bits. */
double cubix_exact_scale(double bound);

/** A scaled term as two integers, q[0] + q[1] 2^-31, added to q.  Sums of those are exact;
 * cubix_exact_value turns them back. */
static inline void cubix_exact_add(int64_t q[2], double scaled)
{
  /* 1.5 * 2^52: what is added to it is rounded to an integer, found in the last bits */
  const double magic = 6755399441055744.;
  double high = scaled + magic, low = (scaled - (high - magic)) * 2147483648. + magic;
  int64_t bits[3];
  memcpy(bits, &high, 8);
  memcpy(bits + 1, &low, 8);
  memcpy(bits + 2, &magic, 8);
  q[0] += bits[0] - bits[2];
  q[1] += bits[1] - bits[2];
}
double cubix_exact_value(const int64_t q[2], double scale);

/* Columns of doubles whose order statistics are wanted. */
struct cubix_columns {
  size_t n;                       /* rows of this rank */
  int n_c;                        /* columns, at most 3 */
  const double *x;                /* [n][n_c] */
  const unsigned char *use;       /* [n] 0: leave this row out; NULL: all count */
  const double *weight;           /* [n] or NULL: a row counts as rint(weight * unit) rows, at most 2^31 */
  double unit;
};

static inline int64_t cubix_columns_weight(const struct cubix_columns *columns, size_t i)
{
  int64_t q[2] = { 0, 0 };
  if (!columns->weight) return 1;
  cubix_exact_add(q, columns->weight[i] * columns->unit);
  return q[0];
}

/** In each column the smallest value at which the rows of all smaller or equal ones add up to at
 * least target.  Collective.
 *  @param[out] value [n_c]
 *  @param[out] next [n_c] or NULL: the same for target + 1
 *  Errors: CUBIX_ENOMEM. */
int cubix_mpi_select(double *value, double *next, const struct cubix_columns *columns, int64_t target);
/** Component-wise median over all ranks (even n: mean of the middle two) of the particles with
 * use[i] != 0 (use NULL: all).  Collective.
 *  @param x [n][n_c]
 *  @param[out] median [n_c] */
int cubix_mpi_median(double *median, const double *x, const unsigned char *use, size_t n, int n_c);

#endif
