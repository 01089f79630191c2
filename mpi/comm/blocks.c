/* blocks.c -- ranks that hold different channels of one cube: sums over them, and the blocks that
 * rank 0 asks of them while it writes.
 *
 * Rank 0 works and the others serve.  A request (what, channels, bytes, slot) is a small message;
 * the answer is the block itself under the slot's tag, or an empty message followed by the words of
 * an error.  An owner makes a block while the one before is still on its way, and rank 0 has
 * several requests out, so that all ranks work at the same time and nobody holds more than a few
 * blocks of other ranks' channels.  A request for nothing ends the service: rank 0 sends it
 * whatever came of its work, so that no rank waits for ever.  Who waits sleeps now and then, since
 * ranks may share cores. */
#define _POSIX_C_SOURCE 200809L
#include "mpi/comm/blocks.h"

#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/collective.h"
#include "base/error.h"
#include "cube/cube.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"

enum { TAG_REQUEST = 7001, TAG_WORDS = 7002, TAG_BLOCK = 7100, MOST_WORDS = 4096, MOST_SUMMED = 1 << 24 };
enum { WHAT, FIRST, COUNT, BYTES, SLOT, N_REQUEST };          /* WHAT < 0: the end */

/* ---- sums and extremes ----------------------------------------------------------------------- */
static void add(uint64_t *count, int n)
{
  MPI_Allreduce(MPI_IN_PLACE, count, n, MPI_UINT64_T, MPI_SUM, cubix_mpi_group()->comm);
}

static double total(double x)
{
  MPI_Allreduce(MPI_IN_PLACE, &x, 1, MPI_DOUBLE, MPI_SUM, cubix_mpi_group()->comm);
  return x;
}

static void sum(double *x, size_t n)
{
  for (size_t i = 0; i < n; i += MOST_SUMMED)
    MPI_Allreduce(MPI_IN_PLACE, x + i, (int)(n - i < MOST_SUMMED ? n - i : MOST_SUMMED), MPI_DOUBLE, MPI_SUM,
                  cubix_mpi_group()->comm);
}

const struct cubix_collective cubix_mpi_collective = { add, cubix_mpi_max, total, sum };

/* ---- rank 0 ---------------------------------------------------------------------------------- */
struct asker { MPI_Request request[CUBIX_MOST_BLOCKS]; int owner[CUBIX_MOST_BLOCKS]; };

static int ask(struct cubix_blocks *blocks, int slot, int r, int what, int k0, int n_k, void *block, size_t n_byte)
{
  int status = CUBIX_OK;
  struct asker *asker = blocks->host;
  int64_t request[N_REQUEST] = { what, k0, n_k, (int64_t)n_byte, slot };
  CUBIX_CHECK(n_byte <= INT_MAX, CUBIX_EFAIL, "an image of %zu bytes is more than a message holds", n_byte);
  MPI_Irecv(block, (int)n_byte, MPI_BYTE, r, TAG_BLOCK + slot, cubix_mpi_group()->comm, &asker->request[slot]);
  MPI_Send(request, N_REQUEST, MPI_INT64_T, r, TAG_REQUEST, cubix_mpi_group()->comm);
  asker->owner[slot] = r;
done:
  return status;
}

static int look(struct cubix_blocks *blocks, int slot, int *here)
{
  int status = CUBIX_OK, n_byte = 0;
  struct asker *asker = blocks->host;
  char words[MOST_WORDS];
  MPI_Status arrival;
  MPI_Test(&asker->request[slot], here, &arrival);
  if (!*here) return CUBIX_OK;
  MPI_Get_count(&arrival, MPI_BYTE, &n_byte);
  if (n_byte > 0) return CUBIX_OK;
  MPI_Recv(words, MOST_WORDS, MPI_CHAR, asker->owner[slot], TAG_WORDS, cubix_mpi_group()->comm, MPI_STATUS_IGNORE);
  CUBIX_CHECK(0, words[0], "%s", words + 1);
done:
  return status;
}

static int direct(const int *lambda_first, cubix_block_work *work, const void *host)
{
  struct asker asker;
  struct cubix_blocks blocks = { cubix_mpi_size(), 0, lambda_first, &asker, ask, look };
  const int64_t end[N_REQUEST] = { -1 };
  int status = work(host, &blocks);
  for (int r = 1; r < blocks.n_rank; r++)
    MPI_Send(end, N_REQUEST, MPI_INT64_T, r, TAG_REQUEST, cubix_mpi_group()->comm);
  return status;
}

/* ---- the others ------------------------------------------------------------------------------ */
static void nap(int tries)
{
  struct timespec time = { 0, tries < 100 ? 0 : tries < 1000 ? 20000 : 200000 };
  if (time.tv_nsec) nanosleep(&time, NULL);
}

static void wait_for(MPI_Request *request)
{
  int gone = 0;
  for (int tries = 0; !gone; tries++) {
    MPI_Test(request, &gone, MPI_STATUS_IGNORE);
    if (!gone) nap(tries);
  }
}

static void next_request(int64_t request[N_REQUEST])
{
  int here = 0;
  for (int tries = 0; !here; tries++) {
    MPI_Iprobe(0, TAG_REQUEST, cubix_mpi_group()->comm, &here, MPI_STATUS_IGNORE);
    if (!here) nap(tries);
  }
  MPI_Recv(request, N_REQUEST, MPI_INT64_T, 0, TAG_REQUEST, cubix_mpi_group()->comm, MPI_STATUS_IGNORE);
}

/* Memory of two blocks in turn: one is made while the other leaves. */
struct shelf { void *block; size_t room; MPI_Request leaving; };

static int shelf_prepare(struct shelf *shelf, size_t n_byte)
{
  int status = CUBIX_OK;
  wait_for(&shelf->leaving);
  if (shelf->room < n_byte) {
    free(shelf->block);
    shelf->room = 0;
    CUBIX_CHECK((shelf->block = malloc(n_byte)), CUBIX_ENOMEM, "cannot allocate a block of %zu bytes", n_byte);
    shelf->room = n_byte;
  }
done:
  return status;
}

static int serve(cubix_block_make *make, const void *host)
{
  int status = CUBIX_OK, turn = 0;
  int64_t request[N_REQUEST];
  struct shelf shelf[2] = { { NULL, 0, MPI_REQUEST_NULL }, { NULL, 0, MPI_REQUEST_NULL } };
  for (next_request(request); request[WHAT] >= 0; next_request(request), turn ^= 1) {
    struct shelf *s = &shelf[turn];
    const size_t n_byte = (size_t)request[BYTES];
    int failed = shelf_prepare(s, n_byte);
    if (!failed) failed = make(host, (int)request[WHAT], (int)request[FIRST], (int)request[COUNT], s->block, n_byte);
    MPI_Isend(s->block, failed ? 0 : (int)n_byte, MPI_BYTE, 0, TAG_BLOCK + (int)request[SLOT], cubix_mpi_group()->comm,
              &s->leaving);
    if (!failed) continue;
    char words[MOST_WORDS];
    words[0] = (char)failed;
    snprintf(words + 1, sizeof words - 1, "%s", cubix_error_message());
    MPI_Send(words, MOST_WORDS, MPI_CHAR, 0, TAG_WORDS, cubix_mpi_group()->comm);
    status = failed;
  }
  for (int i = 0; i < 2; i++) {
    wait_for(&shelf[i].leaving);
    free(shelf[i].block);
  }
  return status;
}

int cubix_mpi_blocks_share(const struct cubix_cube *cube, int n_lambda, cubix_block_work *work, cubix_block_make *make,
                           const void *host)
{
  int status = CUBIX_OK, *lambda_first = NULL, mine = cube->lambda_first, wrong = 0;
  const int n_rank = cubix_mpi_size(), me = cubix_mpi_rank();
  CUBIX_MPI_ALLOC(lambda_first, n_rank + 1);
  MPI_Allgather(&mine, 1, MPI_INT, lambda_first, 1, MPI_INT, cubix_mpi_group()->comm);
  lambda_first[n_rank] = n_lambda;
  for (int r = n_rank - 1; r >= 0; r--) wrong |= lambda_first[r] > lambda_first[r + 1];
  wrong |= lambda_first[0] != 0 || mine + cube->n_lambda != lambda_first[me + 1];
  CUBIX_MPI_CHECK(!wrong, CUBIX_EFAIL, "rank %d holds channels %d to %d, which leaves a gap or an overlap", me, mine,
                  mine + cube->n_lambda - 1);
  CUBIX_TRY(me == 0 ? direct(lambda_first, work, host) : serve(make, host));
done:
  free(lambda_first);
  return status;
}
