/* histogram_merge.c -- the sum of histograms of the same spaxels: chunks of a read, or ranks.
 *
 * Spaxel by spaxel the parts' blocks, which rise in row, are walked together.  A row's window is
 * the union of its windows; no mass is negative, so that its two ends stay occupied, and the sum
 * has the very blocks that one deposit of all stars makes.  The walk is made twice: first to count
 * what there will be, then to fill it. */
#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "histogram/axis.h"
#include "histogram/histogram.h"

struct count { size_t n_block, n_value; };

/* The parts' blocks of spaxel s together; with a sum, into its places from at on.  next [n_part]: scratch. */
static struct count walk(struct cubix_histogram *sum, struct count at, struct cubix_histogram *const *part, int n_part,
                         size_t s, size_t *next)
{
  struct count count = { 0, 0 };
  for (int p = 0; p < n_part; p++) next[p] = part[p]->start[s];
  for (;;) {
    int row = INT_MAX, first = INT_MAX, last = -1;
    for (int p = 0; p < n_part; p++) {
      const struct cubix_block *b = &part[p]->block[next[p]];
      if (next[p] == part[p]->start[s + 1] || b->row > row) continue;
      if (b->row < row) first = INT_MAX, last = -1;
      row = b->row;
      first = b->node < first ? b->node : first;
      last = b->node + b->n > last ? b->node + b->n : last;
    }
    if (row == INT_MAX) return count;
    size_t n = (size_t)(last - first), here = at.n_value + count.n_value;
    if (sum) {
      sum->block[at.n_block + count.n_block] = (struct cubix_block){ row, (int16_t)first, (int16_t)n, here };
      memset(sum->value + here, 0, n * sizeof *sum->value);
    }
    for (int p = 0; p < n_part; p++) {
      const struct cubix_block *b = &part[p]->block[next[p]];
      if (next[p] == part[p]->start[s + 1] || b->row != row) continue;
      for (int j = 0; sum && j < b->n; j++)
        sum->value[here + (size_t)(b->node - first + j)] += part[p]->value[b->at + (size_t)j];
      next[p]++;
    }
    count.n_block++;
    count.n_value += n;
  }
}

/* Parts that are there, and whether they go together. */
static int gather(struct cubix_histogram **there, int *n_there, struct cubix_histogram *const *part, int n)
{
  int status = CUBIX_OK;
  for (int p = 0; p < n; p++) {
    if (!part[p]) continue;
    const struct cubix_histogram *a = part[p], *b = *n_there ? there[0] : a;
    CUBIX_CHECK(a->n_spaxel == b->n_spaxel && a->nodes.n == b->nodes.n && a->nodes.reach == b->nodes.reach &&
                    a->nodes.step == b->nodes.step && cubix_axis_same(&a->nodes.axis, &b->nodes.axis),
                CUBIX_EFAIL, "histograms of %zu spaxels, %d nodes and of %zu spaxels, %d nodes cannot be added",
                b->n_spaxel, b->nodes.n, a->n_spaxel, a->nodes.n);
    CUBIX_CHECK(a->value || !a->n_value, CUBIX_EFAIL,
                "a cover has no values that could be added: a cover of all stars is made from a placement of all");
    CUBIX_CHECK(!memcmp(a->exponent, b->exponent, a->n_spaxel * sizeof *a->exponent), CUBIX_EFAIL,
                "histograms of different scales cannot be added");
    there[(*n_there)++] = part[p];
  }
done:
  return status;
}

int cubix_histogram_merge(struct cubix_histogram **out, struct cubix_histogram *const *part, int n)
{
  int status = CUBIX_OK, n_there = 0, n_thread = omp_get_max_threads();
  struct cubix_histogram **there = NULL, *sum = NULL;
  struct count *place = NULL;
  size_t *next = NULL, n_spaxel = 0;
  *out = NULL;
  CUBIX_ALLOC(there, n);
  CUBIX_TRY(gather(there, &n_there, part, n));
  if (!n_there) goto done;
  n_spaxel = there[0]->n_spaxel;
  CUBIX_ALLOC(place, n_spaxel + 1);
  CUBIX_ALLOC(next, (size_t)n_thread * (size_t)n_there);
#pragma omp parallel for schedule(dynamic, 64) num_threads(n_thread)
  for (size_t s = 0; s < n_spaxel; s++)
    place[s + 1] =
        walk(NULL, (struct count){ 0, 0 }, there, n_there, s, next + (size_t)omp_get_thread_num() * (size_t)n_there);
  for (size_t s = 0; s < n_spaxel; s++) {
    place[s + 1].n_block += place[s].n_block;
    place[s + 1].n_value += place[s].n_value;
  }
  CUBIX_TRY(cubix_histogram_init(&sum, &there[0]->nodes, there[0]->exponent, n_spaxel, place[n_spaxel].n_block,
                                 place[n_spaxel].n_value));
  for (size_t s = 0; s <= n_spaxel; s++) sum->start[s] = place[s].n_block;
#pragma omp parallel for schedule(dynamic, 64) num_threads(n_thread)
  for (size_t s = 0; s < n_spaxel; s++)
    walk(sum, place[s], there, n_there, s, next + (size_t)omp_get_thread_num() * (size_t)n_there);
  *out = sum;
  sum = NULL;
done:
  free(there);
  free(place);
  free(next);
  cubix_histogram_free(sum);
  return status;
}

static double size_of(const struct cubix_histogram *h)
{
  return (double)h->start[h->n_spaxel] * sizeof *h->block + (double)h->n_value * sizeof *h->value;
}

/* How long the parts wait. */
static int is_due(int n, double waiting, double first) { return n == CUBIX_HISTOGRAM_STACK || 2 * waiting >= first; }

/* The sum of k of n parts grows like a power of k.  While they are merged, parts and sum are there. */
double cubix_histogram_stack_bytes(double one, double all, size_t n, double work)
{
  const double power = n > 1 && one > 0 ? log(all / one) / log((double)n) : 0;
  double first = one, waiting = 0, most = fmax(one, work);
  int n_part = 1;
  for (size_t k = 2; k <= n; k++) {
    most = fmax(most, first + waiting + work);
    waiting += one;
    if (!is_due(++n_part, waiting, first) && k < n) continue;
    const double sum = one * pow((double)k, power);
    most = fmax(most, first + waiting + sum);
    first = sum;
    waiting = 0;
    n_part = 1;
  }
  return most;
}

static int merge_stack(struct cubix_histogram_stack *stack)
{
  int status = CUBIX_OK;
  struct cubix_histogram *sum = NULL;
  if (stack->n < 2) goto done;
  CUBIX_TRY(cubix_histogram_merge(&sum, stack->part, stack->n));
  cubix_histogram_stack_free(stack);
  cubix_memory_trim();
  stack->part[0] = sum;
  stack->n = 1;
done:
  return status;
}

int cubix_histogram_stack_add(struct cubix_histogram_stack *stack, struct cubix_histogram *histogram)
{
  double waiting = 0;
  stack->part[stack->n++] = histogram;
  for (int i = 1; i < stack->n; i++) waiting += size_of(stack->part[i]);
  return is_due(stack->n, waiting, size_of(stack->part[0])) ? merge_stack(stack) : CUBIX_OK;
}

int cubix_histogram_stack_take(struct cubix_histogram **sum, struct cubix_histogram_stack *stack)
{
  int status = CUBIX_OK;
  CUBIX_TRY(merge_stack(stack));
  *sum = stack->part[0];
  stack->part[0] = NULL;
  stack->n = 0;
done:
  return status;
}

void cubix_histogram_stack_free(struct cubix_histogram_stack *stack)
{
  for (int i = 0; i < stack->n; i++) cubix_histogram_free(stack->part[i]);
  *stack = (struct cubix_histogram_stack){ 0 };
}
