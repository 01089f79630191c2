/* exchange.c -- arrays of any length between ranks, and the account of what was sent.
 *
 * MPI 3 counts are int: longer arrays go in pieces of at most CUBIX_MPI_PIECE bytes.  Both ends
 * know the length, so both know the number of pieces; the i-th call of one end meets the i-th of
 * the other.  In a shift (everybody sends k ranks up and receives from k ranks down) nobody waits
 * for ever: of the ranks that still have pieces to move, those with the fewest moved wait for none
 * but each other, and they have all posted what the others need.
 *
 * The ring: in step k everybody passes to the rank above what it got in the step before.  Each rank
 * sends all parts but one, the least that is possible, with no memory beside the result. */

#include "mpi/comm/exchange.h"

#include <mpi.h>
#include <string.h>

#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"

#ifndef CUBIX_MPI_PIECE           /* the tests take small ones */
#define CUBIX_MPI_PIECE ((size_t)1 << 30)
#endif

static uint64_t sent;

void cubix_mpi_volume_add(size_t bytes) { sent += bytes; }
double cubix_mpi_volume(void) { return (double)sent; }

/* Length of the piece that begins at `first`; 0: there is none. */
static int piece(size_t n, size_t first)
{
  return first >= n ? 0 : (int)(n - first < CUBIX_MPI_PIECE ? n - first : CUBIX_MPI_PIECE);
}

void cubix_mpi_swap(const void *out, size_t n_out, int to, void *in, size_t n_in, int from)
{
  if (to == cubix_mpi_rank()) {
    if (n_out) memcpy(in, out, n_out);
    return;
  }
  for (size_t first = 0; first < n_out || first < n_in; first += CUBIX_MPI_PIECE) {
    int n_send = piece(n_out, first), n_receive = piece(n_in, first);
    MPI_Sendrecv(n_send ? (const char *)out + first : NULL, n_send, MPI_BYTE, n_send ? to : MPI_PROC_NULL, 0,
                 n_receive ? (char *)in + first : NULL, n_receive, MPI_BYTE, n_receive ? from : MPI_PROC_NULL, 0,
                 cubix_mpi_group()->comm, MPI_STATUS_IGNORE);
  }
  cubix_mpi_volume_add(n_out);
}

void cubix_mpi_ring(void *all, const size_t *offset)
{
  int n = cubix_mpi_size(), me = cubix_mpi_rank();
  for (int k = 0; k + 1 < n; k++) {
    int out = (me - k + n) % n, in = (me - k - 1 + n) % n;
    cubix_mpi_swap((char *)all + offset[out], offset[out + 1] - offset[out], (me + 1) % n,
                   (char *)all + offset[in], offset[in + 1] - offset[in], (me - 1 + n) % n);
  }
}

static void all_reduce(void *x, size_t n, size_t size, MPI_Datatype type, MPI_Op op)
{
  size_t most = CUBIX_MPI_PIECE / size;
  for (size_t first = 0; first < n; first += most)
    MPI_Allreduce(MPI_IN_PLACE, (char *)x + first * size, (int)(n - first < most ? n - first : most), type, op,
                  cubix_mpi_group()->comm);
  if (cubix_mpi_size() > 1) cubix_mpi_volume_add(n * size);
}

void cubix_mpi_sum_counts(uint64_t *count, size_t n) { all_reduce(count, n, sizeof *count, MPI_UINT64_T, MPI_SUM); }
void cubix_mpi_max_all(double *x, size_t n) { all_reduce(x, n, sizeof *x, MPI_DOUBLE, MPI_MAX); }

/* MPI 3 counts are int, and a reduction needs scratch of its own length: what is long goes in pieces. */
static void sum_to(int root, void *values, size_t n, MPI_Datatype type, size_t size)
{
  const size_t piece = (size_t)1 << 22;
  int mine = cubix_mpi_rank() == root;
  for (size_t first = 0; first < n; first += piece) {
    char *at = (char *)values + first * size;
    int count = (int)(n - first < piece ? n - first : piece);
    MPI_Reduce(mine ? MPI_IN_PLACE : at, mine ? at : NULL, count, type, MPI_SUM, root, cubix_mpi_group()->comm);
  }
  if (!mine) cubix_mpi_volume_add(n * size);
}

void cubix_mpi_sum_to(int root, cubix_real *values, size_t n)
{
  sum_to(root, values, n, sizeof(cubix_real) == sizeof(double) ? MPI_DOUBLE : MPI_FLOAT, sizeof *values);
}

void cubix_mpi_sum_doubles_to(int root, double *values, size_t n)
{
  sum_to(root, values, n, MPI_DOUBLE, sizeof *values);
}
