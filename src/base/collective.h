/* collective.h -- how ranks that hold different channels of one cube speak with each other: by
 * callbacks, since src/ knows no MPI. */
#ifndef CUBIX_COLLECTIVE_H
#define CUBIX_COLLECTIVE_H

#include <stddef.h>
#include <stdint.h>

/** Sums and extremes over the ranks, on every rank.  Collective where there are several. */
struct cubix_collective {
  void (*add)(uint64_t *count, int n);      /* [n], in place */
  double (*largest)(double x);
  double (*total)(double x);
  void (*sum)(double *x, size_t n);          /* [n], in place */
};
/** One rank holds everything. */
extern const struct cubix_collective cubix_collective_alone;

/** Make channels k0 .. k0 + n_k - 1, all held by this rank, of something that `what` names: a block
 * of n_byte bytes.  Local.
 *  Threads of one rank may call it at the same time. */
typedef int cubix_block_make(const void *host, int what, int k0, int n_k, void *block, size_t n_byte);

/** Blocks of channels that others hold.  Only the thread that made MPI ready may call the functions. */
struct cubix_blocks {
  int n_rank, me;
  const int *lambda_first;                  /* [n_rank + 1] rank r holds lambda_first[r] .. lambda_first[r + 1] - 1 */
  void *host;
  /* Ask rank r for a block; it comes some time.  At most CUBIX_MOST_BLOCKS are on their way, each
   * with a slot of its own. */
  int (*ask)(struct cubix_blocks *blocks, int slot, int r, int what, int k0, int n_k, void *block, size_t n_byte);
  /* *here: the block has come.  @return the status of its making, message and all */
  int (*look)(struct cubix_blocks *blocks, int slot, int *here);
};
enum { CUBIX_MOST_BLOCKS = 16 };

/** What the rank that writes does with them. */
typedef int cubix_block_work(const void *host, struct cubix_blocks *blocks);

#endif
