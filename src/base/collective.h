/* collective.h -- how ranks that hold different channels of one cube communicate: through
 * callbacks, because src/ does not know MPI. */
#ifndef CUBIX_COLLECTIVE_H
#define CUBIX_COLLECTIVE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Sums and extremes over the ranks, with the result on every rank.  Collective if there are
 * several. */
struct cubix_collective {
  void (*add)(uint64_t *count, int n);      /* [n], in place */
  double (*largest)(double x);
  double (*total)(double x);
  void (*sum)(double *x, size_t n);          /* [n], in place */
};
/** For a single rank, which holds everything. */
extern const struct cubix_collective cubix_collective_alone;

/** Make a block of n_byte bytes for channels k0 .. k0 + n_k - 1, all held by this rank; `what`
 * names the quantity.  Local; several threads of a rank may call it at the same time. */
typedef int cubix_block_make(const void *host, int what, int k0, int n_k, void *block, size_t n_byte);

/** Access to blocks of channels that other ranks hold.  Only the thread that initialised MPI may
 * call the functions. */
struct cubix_blocks {
  int n_rank, me;
  const int *lambda_first;                  /* [n_rank + 1] rank r holds lambda_first[r] .. lambda_first[r + 1] - 1 */
  void *host;
  /* Request a block from rank r; it arrives later.  At most CUBIX_MOST_BLOCKS may be outstanding,
   * each with its own slot. */
  int (*ask)(struct cubix_blocks *blocks, int slot, int r, int what, int k0, int n_k, void *block, size_t n_byte);
  /* Set *here if the block has arrived.  @return the status with which it was made, with its message */
  int (*look)(struct cubix_blocks *blocks, int slot, int *here);
};
enum { CUBIX_MOST_BLOCKS = 16 };

/** The work of the rank that writes, with these blocks. */
typedef int cubix_block_work(const void *host, struct cubix_blocks *blocks);

#ifdef __cplusplus
}
#endif
#endif
