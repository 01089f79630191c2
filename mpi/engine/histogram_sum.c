/* histogram_sum.c -- the sum of all ranks' histograms, which have one scale, on every rank.
 *
 * The sum.  Spaxels are dealt to the ranks in contiguous ranges with about as many values each.
 * Every rank sends what it has of a range to the range's owner, who merges what it gets; then the
 * merged ranges go round to all.  Values are integers and the merged blocks of a spaxel are a
 * function of its values alone: the result has the same bits whoever sums, and in whatever order.
 *
 * On the wire a range is three arrays: the number of blocks of each spaxel, the blocks without
 * their address (8 bytes), and the values (8 bytes, of which 6 are significant on the average:
 * squeezing them out would save a quarter of the volume, for the price of a pass over all of it on
 * either side). A rank's own blocks and values lie in the order of the spaxels, so that every range
 * is a piece of them.
 *
 * With h bytes on a rank and a sum of H bytes a rank sends about h (1 - 1/n) + H (1 - 1/n).  It
 * holds h + what comes in for its range (about h) while ranges are collected, then its share of the
 * sum while that is merged, then H + H/n.  What was sent is freed before what follows is asked for.
 * Memory is got before ranks talk, and they agree that all have it: nobody waits for one that gave
 * up. */
#include "mpi/engine/histogram_sum.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "histogram/histogram.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"

struct wire_block { int32_t row; int16_t node, n; };
struct size { uint64_t n_block, n_value; };

/* A histogram's blocks as they travel. */
struct wire {
  uint32_t *count;                /* [n_spaxel] blocks */
  struct wire_block *block;
};

static void wire_free(struct wire *wire)
{
  free(wire->count);
  free(wire->block);
}

static int wire_init(struct wire *wire, size_t n_spaxel, size_t n_block)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(wire->count, n_spaxel);
  wire->block = cubix_reserve(n_block, sizeof *wire->block);
  CUBIX_CHECK(wire->block, CUBIX_ENOMEM, "cannot allocate %zu x %zu bytes for the blocks that ranks exchange", n_block,
              sizeof *wire->block);
done:
  return status;
}

static void pack(const struct wire *wire, const struct cubix_histogram *h)
{
  for (size_t s = 0; s < h->n_spaxel; s++) wire->count[s] = (uint32_t)(h->start[s + 1] - h->start[s]);
#pragma omp parallel for schedule(static)
  for (size_t b = 0; b < h->start[h->n_spaxel]; b++)
    wire->block[b] = (struct wire_block){ h->block[b].row, h->block[b].node, h->block[b].n };
}

static void unpack(struct cubix_histogram *h, const struct wire *wire)
{
  size_t at = 0;
  for (size_t s = 0; s < h->n_spaxel; s++) h->start[s + 1] = h->start[s] + wire->count[s];
  for (size_t b = 0; b < h->start[h->n_spaxel]; b++) {
    h->block[b] = (struct cubix_block){ wire->block[b].row, wire->block[b].node, wire->block[b].n, at };
    at += (size_t)wire->block[b].n;
  }
}

static struct size size_of(const struct cubix_histogram *h, size_t first, size_t end)
{
  return (struct size){ h->start[end] - h->start[first],
                        cubix_histogram_value_start(h, end) - cubix_histogram_value_start(h, first) };
}

/* Whose spaxels are whose, and what goes where. */
struct plan {
  size_t *first;                  /* [n_rank + 1] rank r owns spaxels first[r] .. first[r + 1] - 1 */
  struct size *out, *in;          /* [n_rank] to and from each rank */
  size_t *offset;                 /* [n_rank + 1] bytes */
};

static void plan_free(struct plan *plan)
{
  free(plan->first);
  free(plan->out);
  free(plan->in);
  free(plan->offset);
}

/* Cut where the blocks and values of all ranks reach r/n of their number. */
static void cut(struct plan *plan, const uint64_t *weight, size_t n)
{
  int n_rank = cubix_mpi_size(), r = 1;
  uint64_t all = 0, before = 0;
  for (size_t s = 0; s < n; s++) all += weight[s];
  for (size_t s = 0; s < n; s++) {
    before += weight[s];
    for (; r < n_rank && (double)before >= (double)all * r / n_rank; r++) plan->first[r] = s + 1;
  }
  for (; r <= n_rank; r++) plan->first[r] = n;
}

static int plan_init(struct plan *plan, const struct cubix_histogram *h)
{
  int status = CUBIX_OK, n_rank = cubix_mpi_size();
  uint64_t *weight = NULL;
  CUBIX_ALLOC(plan->first, n_rank + 1);
  CUBIX_ALLOC(plan->out, n_rank);
  CUBIX_ALLOC(plan->in, n_rank);
  CUBIX_ALLOC(plan->offset, n_rank + 1);
  CUBIX_ALLOC(weight, h->n_spaxel);
  for (size_t s = 0; s < h->n_spaxel; s++) {
    struct size size = size_of(h, s, s + 1);
    weight[s] = size.n_block + size.n_value;
  }
done:
  status = cubix_mpi_agree(status);
  if (!status) {
    cubix_mpi_sum_counts(weight, h->n_spaxel);
    cut(plan, weight, h->n_spaxel);
    for (int r = 0; r < n_rank; r++) plan->out[r] = size_of(h, plan->first[r], plan->first[r + 1]);
    MPI_Alltoall(plan->out, sizeof *plan->out, MPI_BYTE, plan->in, sizeof *plan->in, MPI_BYTE, cubix_mpi_group()->comm);
  }
  free(weight);
  return status;
}

/* One shift: my blocks and values of to's range go there, from's of my range come. */
static void shift(struct cubix_histogram *part, const struct wire *incoming, const struct cubix_histogram *h,
                  const struct wire *wire, const struct plan *plan, int to, int from)
{
  size_t first = plan->first[to], block = h->start[first], value = cubix_histogram_value_start(h, first);
  const struct size *out = &plan->out[to], *in = &plan->in[from];
  cubix_mpi_swap(wire->count + first, sizeof *wire->count * (plan->first[to + 1] - first), to, incoming->count,
                 sizeof *wire->count * part->n_spaxel, from);
  cubix_mpi_swap(wire->block + block, sizeof *wire->block * out->n_block, to, incoming->block,
                 sizeof *wire->block * in->n_block, from);
  cubix_mpi_swap(h->value + value, sizeof *h->value * out->n_value, to, part->value, sizeof *h->value * in->n_value,
                 from);
  unpack(part, incoming);
}

/* The sum of all ranks' in my range.  Takes *histogram. */
static int collect(struct cubix_histogram **mine, struct cubix_histogram **histogram, const struct plan *plan)
{
  int status = CUBIX_OK, n_rank = cubix_mpi_size(), me = cubix_mpi_rank();
  struct cubix_histogram *h = *histogram, **part = NULL;
  struct wire wire = { 0 }, incoming = { 0 };
  size_t first = plan->first[me], n = plan->first[me + 1] - first, most = 0;
  CUBIX_ALLOC(part, n_rank);
  for (int r = 0; r < n_rank; r++) {
    most = plan->in[r].n_block > most ? plan->in[r].n_block : most;
    CUBIX_TRY(
        cubix_histogram_init(&part[r], &h->nodes, h->exponent + first, n, plan->in[r].n_block, plan->in[r].n_value));
  }
  CUBIX_TRY(wire_init(&incoming, n, most));
  CUBIX_TRY(wire_init(&wire, h->n_spaxel, h->start[h->n_spaxel]));
  pack(&wire, h);
done:
  status = cubix_mpi_agree(status);
  if (!status) {
    for (int k = 0; k < n_rank; k++) {
      int to = (me + k) % n_rank, from = (me - k + n_rank) % n_rank;
      shift(part[from], &incoming, h, &wire, plan, to, from);
    }
    cubix_histogram_free(h);
    *histogram = NULL;
    status = cubix_histogram_merge(mine, part, n_rank);
  }
  for (int r = 0; part && r < n_rank; r++) cubix_histogram_free(part[r]);
  free(part);
  wire_free(&wire);
  wire_free(&incoming);
  return cubix_mpi_agree(status);
}

static void go_round(void *all, const struct plan *plan, size_t size, size_t (*length)(const struct plan *, int))
{
  for (int r = 0; r < cubix_mpi_size(); r++) plan->offset[r + 1] = plan->offset[r] + size * length(plan, r);
  cubix_mpi_ring(all, plan->offset);
}

static size_t spaxels(const struct plan *plan, int r) { return plan->first[r + 1] - plan->first[r]; }
static size_t blocks(const struct plan *plan, int r) { return plan->in[r].n_block; }
static size_t values(const struct plan *plan, int r) { return plan->in[r].n_value; }

/* All ranks' merged ranges, on every rank.  Takes *mine. */
static int spread(struct cubix_histogram **histogram, struct cubix_histogram **mine, const int32_t *exponent,
                  size_t n_spaxel, const struct plan *plan)
{
  int status = CUBIX_OK, n_rank = cubix_mpi_size(), me = cubix_mpi_rank();
  struct cubix_histogram *h = *mine, *all = NULL;
  struct wire wire = { 0 };
  struct size own = { h->start[h->n_spaxel], h->n_value }, before = { 0 }, sum = { 0 };
  MPI_Allgather(&own, sizeof own, MPI_BYTE, plan->in, sizeof own, MPI_BYTE, cubix_mpi_group()->comm);
  for (int r = 0; r < n_rank; r++) {
    if (r == me) before = sum;
    sum.n_block += plan->in[r].n_block;
    sum.n_value += plan->in[r].n_value;
  }
  CUBIX_TRY(cubix_histogram_init(&all, &h->nodes, exponent, n_spaxel, sum.n_block, sum.n_value));
  CUBIX_TRY(wire_init(&wire, n_spaxel, sum.n_block));
done:
  status = cubix_mpi_agree(status);
  if (!status) {
    struct wire here = { wire.count + plan->first[me], wire.block + before.n_block };
    pack(&here, h);
    memcpy(all->value + before.n_value, h->value, sizeof *h->value * h->n_value);
    cubix_histogram_free(h);
    *mine = NULL;
    go_round(wire.count, plan, sizeof *wire.count, spaxels);
    go_round(wire.block, plan, sizeof *wire.block, blocks);
    go_round(all->value, plan, sizeof *all->value, values);
    unpack(all, &wire);
    *histogram = all;
    all = NULL;
  }
  cubix_histogram_free(all);
  wire_free(&wire);
  return status;
}

int cubix_mpi_histogram_share(struct cubix_histogram **histogram)
{
  int status = CUBIX_OK;
  size_t n_spaxel = (*histogram)->n_spaxel;
  struct plan plan = { 0 };
  struct cubix_histogram *mine = NULL;
  int32_t *exponent = NULL;
  if (cubix_mpi_size() == 1) return CUBIX_OK;
  CUBIX_MPI_ALLOC(exponent, n_spaxel);
  memcpy(exponent, (*histogram)->exponent, sizeof *exponent * n_spaxel);
  CUBIX_TRY(plan_init(&plan, *histogram));
  CUBIX_TRY(collect(&mine, histogram, &plan));
  CUBIX_TRY(spread(histogram, &mine, exponent, n_spaxel, &plan));
done:
  cubix_histogram_free(mine);
  plan_free(&plan);
  free(exponent);
  return status;
}
