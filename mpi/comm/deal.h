/* deal.h -- inside mpi/: elements dealt out by every rank to every rank, and answers that come back. */
#ifndef CUBIX_MPI_DEAL_H
#define CUBIX_MPI_DEAL_H

#include <stddef.h>

/* What goes to rank r begins at out[r], what comes from it at in[r]. */
struct cubix_deal { size_t *out, *in; };        /* [size + 1] */

/** Collective. */
int cubix_mpi_deal_init(struct cubix_deal *deal);
/** Tell the others how many elements each will get: in from out.  Collective. */
void cubix_mpi_deal_meet(struct cubix_deal *deal);
/** Elements of `size` bytes to those that they are dealt to; or back to where they came from.  Collective.
 *  @param back 1: from in to out */
void cubix_mpi_deal_travel(const struct cubix_deal *deal, const void *from, void *to, size_t size, int back);
void cubix_mpi_deal_free(struct cubix_deal *deal);

#endif
