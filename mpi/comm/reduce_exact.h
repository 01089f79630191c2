/* reduce_exact.h -- inside mpi/: sums that do not depend on the number of ranks or threads. */
#ifndef CUBIX_MPI_REDUCE_EXACT_H
#define CUBIX_MPI_REDUCE_EXACT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

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

/* Sums over the particles of all ranks, each rounded once: they depend neither on the order nor on the number of
 * ranks, nor on how many at a time are added. */
struct cubix_exact {
  int n_c;                        /* sums, at most CUBIX_MAX_TERM */
  double scale[CUBIX_MAX_TERM];
  int64_t q[2 * CUBIX_MAX_TERM];
};

/** Begin.  Local.  @param bound [n_c] upper bound of |term|, the same on all ranks */
void cubix_exact_begin(struct cubix_exact *sums, int n_c, const double *bound);
/** Add the terms of n particles.  Local. */
void cubix_exact_more(struct cubix_exact *sums, size_t n, cubix_terms *terms, const void *host);
/** The sums over all ranks.  Collective.  @param[out] sum [n_c] */
void cubix_mpi_exact_end(double *sum, struct cubix_exact *sums);

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

#ifdef __cplusplus
}
#endif
#endif
