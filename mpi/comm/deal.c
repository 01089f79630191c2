/* deal.c -- in shift k everybody sends to the rank k above and receives from the rank k below. */
#include "mpi/comm/deal.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"

int cubix_mpi_deal_init(struct cubix_deal *deal)
{
  int status = CUBIX_OK;
  CUBIX_MPI_ALLOC(deal->out, cubix_mpi_size() + 1);
  CUBIX_MPI_ALLOC(deal->in, cubix_mpi_size() + 1);
done:
  return status;
}

void cubix_mpi_deal_free(struct cubix_deal *deal)
{
  free(deal->out);
  free(deal->in);
}

void cubix_mpi_deal_meet(struct cubix_deal *deal)
{
  const int n = cubix_mpi_size(), me = cubix_mpi_rank();
  deal->in[0] = 0;
  for (int k = 0; k < n; k++) {
    const int to = (me + k) % n, from = (me - k + n) % n;
    const uint64_t count = deal->out[to + 1] - deal->out[to];
    uint64_t here;
    cubix_mpi_swap(&count, sizeof count, to, &here, sizeof here, from);
    deal->in[from + 1] = here;
  }
  for (int k = 0; k < n; k++) deal->in[k + 1] += deal->in[k];
}

void cubix_mpi_deal_travel(const struct cubix_deal *deal, const void *out, void *in, size_t size, int back)
{
  const int n = cubix_mpi_size(), me = cubix_mpi_rank();
  const size_t *from_at = back ? deal->in : deal->out, *to_at = back ? deal->out : deal->in;
  for (int k = 0; k < n; k++) {
    const int to = (me + k) % n, from = (me - k + n) % n;
    cubix_mpi_swap((const char *)out + from_at[to] * size, (from_at[to + 1] - from_at[to]) * size, to,
                   (char *)in + to_at[from] * size, (to_at[from + 1] - to_at[from]) * size, from);
  }
}
