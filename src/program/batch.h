/* batch.h -- the rows of a table, one cube after another, by teams of ranks. */
#ifndef CUBIX_BATCH_H
#define CUBIX_BATCH_H

#include <stddef.h>

enum { CUBIX_TEAM_AUTO = -1 };

struct cubix_batch_options {
  const char *table;              /* the table's file */
  const char *base;               /* parameter file; NULL: none */
  char *const *override;          /* [n_override] "Name=value", borrowed */
  int n_override;
  const char *journal;            /* folder; NULL: beside the table */
  const char *stack;              /* one file for all cubes; NULL: files of their own */
  int team;                       /* ranks of a team; 0: all in one; CUBIX_TEAM_AUTO: 1, but all for the largest rows */
  int quiet, verbose;
};

/* What became of the rows. */
struct cubix_batch_end { size_t n_row, n_before, n_done, n_failed; int signal; };

/** Make the cubes of all rows that the journal does not call done.  A row that fails is noted there,
 * and the next begins.  A signal that the console notes lets no row begin any more.  Collective.
 *  @param journal  folder
 *  @param[out] end on rank 0 */
int cubix_batch(struct cubix_batch_end *end, const struct cubix_batch_options *options, const char *journal);

#endif
