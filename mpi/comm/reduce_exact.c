/* reduce_exact.c -- sums and order statistics over all ranks that do not depend on how the
 * particles are shared out.
 *
 * Floating-point sums depend on their order; then the centre of a galaxy moves by 1e-16 with the
 * number of ranks, and a star at a spaxel's edge changes sides.  Here every term becomes an integer
 * pair on one common scale, and integers add up exactly:
 *   x = q1 2^-s + q2 2^-(s+31),  |q1| <= 2^31,  s from the largest |x| of all ranks,
 * so that a sum of 2^32 terms is rounded to 2^-62 of the largest.  The terms come in blocks, column
 * by column, so that the loops run over vectors; adding 1.5 2^52 rounds a small number to an
 * integer without a call.
 *
 * Order statistics: the values' range is divided into 4096 equal bins and their rows are counted;
 * (x - low) * scale, rounded as it may be, never falls while x rises, so that a bin holds all
 * values between its least and its greatest.  What lies in the bin of the answer is little and is
 * set aside, as the sortable bit patterns of doubles (keys), whose range is divided in the same way
 * until one is left.  Three passes over all rows do for any number of columns. */

#include "mpi/comm/reduce_exact.h"

#include <float.h>
#include <math.h>
#include <mpi.h>
#include <stdlib.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"

enum { FEW = 1 << 14 };            /* so few are not worth waking the other threads */
enum { N_BIN = 1 << 12, MAX_COLUMN = 3 };

static size_t block_size(size_t n, size_t first) { return n - first < CUBIX_BLOCK ? n - first : CUBIX_BLOCK; }

static void find_largest(double *largest, int n_c, size_t n, cubix_terms *terms, const void *host)
{
  double of_mine[CUBIX_MAX_TERM] = { 0 };
#pragma omp parallel for schedule(static) reduction(max : of_mine[:CUBIX_MAX_TERM]) if (n > FEW)
  for (size_t first = 0; first < n; first += CUBIX_BLOCK) {
    double t[CUBIX_MAX_TERM][CUBIX_BLOCK];
    size_t count = block_size(n, first);
    terms(t, host, first, count);
    for (int c = 0; c < n_c; c++)
      for (size_t i = 0; i < count; i++) of_mine[c] = fabs(t[c][i]) > of_mine[c] ? fabs(t[c][i]) : of_mine[c];
  }
  MPI_Allreduce(of_mine, largest, n_c, MPI_DOUBLE, MPI_MAX, cubix_mpi_group()->comm);
}

double cubix_exact_scale(double bound)
{
  int exponent;
  frexp(bound, &exponent);                                  /* bound < 2^exponent */
  return ldexp(1., 31 - exponent);
}

double cubix_exact_value(const int64_t q[2], double scale) { return ((double)q[0] + ldexp((double)q[1], -31)) / scale; }

CUBIX_VECTOR static void add_column(int64_t *q, const double *t, size_t n, double scale)
{
  int64_t sum[2] = { 0, 0 };
  for (size_t i = 0; i < n; i++) cubix_exact_add(sum, t[i] * scale);
  q[0] += sum[0];
  q[1] += sum[1];
}

void cubix_mpi_sum_exact(double *sum, int n_c, size_t n, cubix_terms *terms, const void *host, const double *bound)
{
  double largest[CUBIX_MAX_TERM] = { 0 }, scale[CUBIX_MAX_TERM];
  int64_t q[2 * CUBIX_MAX_TERM] = { 0 };
  if (bound) memcpy(largest, bound, sizeof *bound * (size_t)n_c);
  else find_largest(largest, n_c, n, terms, host);
  for (int c = 0; c < n_c; c++) scale[c] = cubix_exact_scale(largest[c]);
#pragma omp parallel for schedule(static) reduction(+ : q[:2 * CUBIX_MAX_TERM]) if (n > FEW)
  for (size_t first = 0; first < n; first += CUBIX_BLOCK) {
    double t[CUBIX_MAX_TERM][CUBIX_BLOCK];
    size_t count = block_size(n, first);
    terms(t, host, first, count);
    for (int c = 0; c < n_c; c++) add_column(q + 2 * c, t[c], count, scale[c]);
  }
  MPI_Allreduce(MPI_IN_PLACE, q, 2 * n_c, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
  for (int c = 0; c < n_c; c++) sum[c] = cubix_exact_value(q + 2 * c, scale[c]);
}

/* Doubles in rising order as unsigned integers in rising order, and back. */
static uint64_t key_of(double x)
{
  uint64_t u;
  memcpy(&u, &x, sizeof u);
  return u ^ ((uint64_t)((int64_t)u >> 63) | (uint64_t)1 << 63);
}

static double value_of(uint64_t key)
{
  uint64_t u = key >> 63 ? key & ~((uint64_t)1 << 63) : ~key;
  double x;
  memcpy(&x, &u, sizeof x);
  return x;
}

/* What is known of one column. */
struct search {
  double low, high, scale;        /* of all values; value -> bin */
  int64_t bin;                    /* that holds the answer */
  int64_t target;                 /* rows up to the answer, counted from the bin's or the range's beginning */
  int64_t inside;                 /* rows there, all ranks */
  uint64_t *key;                  /* what was set aside */
  int64_t *weight;
  size_t n;
  uint64_t lo, hi;                /* the answer's key lies between */
  int shift;                      /* key -> bin: (key - lo) >> shift */
};

static int64_t bin_of(const struct search *s, double x)
{
  double at = (x - s->low) * s->scale;
  return at < N_BIN ? (int64_t)at : N_BIN - 1;
}

/* Smallest and largest value of each column. */
static void find_range(struct search *s, const struct cubix_columns *columns)
{
  const int n_c = columns->n_c;
  double low[MAX_COLUMN] = { INFINITY, INFINITY, INFINITY }, high[MAX_COLUMN] = { -INFINITY, -INFINITY, -INFINITY };
#pragma omp parallel for schedule(static) reduction(min \
                                                    : low[:MAX_COLUMN]) \
    reduction(max \
              : high[:MAX_COLUMN]) if (columns->n > FEW)
  for (size_t i = 0; i < columns->n; i++) {
    if (columns->use && !columns->use[i]) continue;
    for (int c = 0; c < n_c; c++) {
      double x = columns->x[i * (size_t)n_c + (size_t)c];
      low[c] = x < low[c] ? x : low[c];
      high[c] = x > high[c] ? x : high[c];
    }
  }
  MPI_Allreduce(MPI_IN_PLACE, low, n_c, MPI_DOUBLE, MPI_MIN, cubix_mpi_group()->comm);
  MPI_Allreduce(MPI_IN_PLACE, high, n_c, MPI_DOUBLE, MPI_MAX, cubix_mpi_group()->comm);
  for (int c = 0; c < n_c; c++) {
    s[c].low = low[c];
    s[c].high = high[c];
    /* values next to each other, or all the same */
    s[c].scale = N_BIN / (high[c] - low[c]) < DBL_MAX ? N_BIN / (high[c] - low[c]) : DBL_MAX;
  }
}

/* Rows per bin of every column: my own (mine), and weighted, of all ranks (all). */
static void count_values(int64_t *mine, int64_t *all, const struct search *s, const struct cubix_columns *columns)
{
  const size_t n_cell = (size_t)columns->n_c * N_BIN;
  memset(mine, 0, n_cell * sizeof *mine);
  memset(all, 0, n_cell * sizeof *all);
#pragma omp parallel for schedule(static) reduction(+ : mine[:n_cell], all[:n_cell]) if (columns->n > FEW)
  for (size_t i = 0; i < columns->n; i++) {
    if (columns->use && !columns->use[i]) continue;
    for (int c = 0; c < columns->n_c; c++) {
      int64_t bin = c * N_BIN + bin_of(&s[c], columns->x[i * (size_t)columns->n_c + (size_t)c]);
      mine[bin]++;
      if (columns->weight) all[bin] += cubix_columns_weight(columns, i);
    }
  }
  if (!columns->weight) memcpy(all, mine, n_cell * sizeof *all);
  MPI_Allreduce(MPI_IN_PLACE, all, (int)n_cell, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
}

/* The same for the keys of one column that were set aside. */
static void count_keys(int64_t *all, const struct search *s)
{
  memset(all, 0, N_BIN * sizeof *all);
  for (size_t i = 0; i < s->n; i++)
    if (s->key[i] >= s->lo && s->key[i] <= s->hi) all[(s->key[i] - s->lo) >> s->shift] += s->weight ? s->weight[i] : 1;
  MPI_Allreduce(MPI_IN_PLACE, all, N_BIN, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
}

/* The bin that holds the answer. */
static void find_bin(struct search *s, const int64_t *all)
{
  s->bin = 0;
  while (s->bin < N_BIN - 1 && all[s->bin] < s->target) s->target -= all[s->bin++];
  s->inside = all[s->bin];
}

/* Set the rows of the columns' bins aside, room[c] of them. */
static int set_aside(struct search *s, const size_t *room, const struct cubix_columns *columns)
{
  int status = CUBIX_OK;
  const int n_c = columns->n_c;
  for (int c = 0; c < n_c; c++) {
    CUBIX_ALLOC(s[c].key, room[c]);
    if (columns->weight) CUBIX_ALLOC(s[c].weight, room[c]);
  }
#pragma omp parallel for schedule(static) if (columns->n > FEW)
  for (size_t first = 0; first < columns->n; first += CUBIX_BLOCK)
    for (int c = 0; c < n_c; c++) {
      size_t row[CUBIX_BLOCK], found = 0, count = block_size(columns->n, first), at;
      for (size_t i = first; i < first + count; i++) {
        row[found] = i;
        found +=
            (!columns->use || columns->use[i]) && bin_of(&s[c], columns->x[i * (size_t)n_c + (size_t)c]) == s[c].bin;
      }
#pragma omp atomic capture
      { at = s[c].n; s[c].n += found; }
      for (size_t q = 0; q < found; q++, at++) {
        s[c].key[at] = key_of(columns->x[row[q] * (size_t)n_c + (size_t)c]);
        if (columns->weight) s[c].weight[at] = cubix_columns_weight(columns, row[q]);
      }
    }
done:
  return status;
}

/* The answer among the keys that were set aside. */
static double find_key(struct search *s, int64_t *all)
{
  uint64_t range[2] = { UINT64_MAX, UINT64_MAX };          /* least key, and least of the keys' complements */
  for (size_t i = 0; i < s->n; i++) {
    range[0] = s->key[i] < range[0] ? s->key[i] : range[0];
    range[1] = ~s->key[i] < range[1] ? ~s->key[i] : range[1];
  }
  MPI_Allreduce(MPI_IN_PLACE, range, 2, MPI_UINT64_T, MPI_MIN, cubix_mpi_group()->comm);
  s->lo = range[0];
  s->hi = ~range[1];
  while (s->lo < s->hi) {
    s->shift = 0;
    while ((s->hi - s->lo) >> s->shift >= N_BIN) s->shift++;
    count_keys(all, s);
    find_bin(s, all);
    s->lo += (uint64_t)s->bin << s->shift;
    uint64_t end = s->lo + (((uint64_t)1 << s->shift) - 1);
    s->hi = end < s->hi ? end : s->hi;
  }
  return value_of(s->lo);
}

/* Smallest value above the answer, of rows that count; what was set aside holds all there is up to its own largest. */
static double find_next(const struct search *s, int c, const struct cubix_columns *columns)
{
  uint64_t least = UINT64_MAX;
  double next = INFINITY, answer = value_of(s->lo);
  for (size_t i = 0; i < s->n; i++)
    if (s->key[i] > s->lo && s->key[i] < least && !(s->weight && !s->weight[i])) least = s->key[i];
  MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_UINT64_T, MPI_MIN, cubix_mpi_group()->comm);
  if (least < UINT64_MAX) return value_of(least);
#pragma omp parallel for schedule(static) reduction(min : next) if (columns->n > FEW)
  for (size_t i = 0; i < columns->n; i++) {
    double x = columns->x[i * (size_t)columns->n_c + (size_t)c];
    if ((!columns->use || columns->use[i]) && x > answer && x < next && cubix_columns_weight(columns, i)) next = x;
  }
  return cubix_mpi_min(next);
}

int cubix_mpi_select(double *value, double *next, const struct cubix_columns *columns, int64_t target)
{
  int status = CUBIX_OK;
  struct search s[MAX_COLUMN] = { { 0 } };
  int64_t mine[MAX_COLUMN * N_BIN], all[MAX_COLUMN * N_BIN];
  size_t room[MAX_COLUMN];
  const int n_c = columns->n_c;
  find_range(s, columns);
  count_values(mine, all, s, columns);
  for (int c = 0; c < n_c; c++) {
    s[c].target = target;
    find_bin(&s[c], all + c * N_BIN);
    room[c] = (size_t)mine[c * N_BIN + s[c].bin];
  }
  CUBIX_TRY(cubix_mpi_agree(set_aside(s, room, columns)));
  for (int c = 0; c < n_c; c++) {
    value[c] = find_key(&s[c], all);
    if (next) next[c] = s[c].target < s[c].inside ? value[c] : find_next(&s[c], c, columns);
  }
done:
  for (int c = 0; c < n_c; c++) {
    free(s[c].key);
    free(s[c].weight);
  }
  return status;
}

int cubix_mpi_median(double *median, const double *x, const unsigned char *use, size_t n, int n_c)
{
  int status = CUBIX_OK;
  int64_t count = 0;
  double upper[MAX_COLUMN];
  const struct cubix_columns columns = { .n = n, .n_c = n_c, .x = x, .use = use };
  for (size_t i = 0; use && i < n; i++) count += use[i] != 0;
  count = cubix_mpi_sum_int(use ? count : (int64_t)n);
  CUBIX_CHECK(count > 0, CUBIX_EFAIL, "the median of no star at all was asked for");
  CUBIX_TRY(cubix_mpi_select(median, count % 2 ? NULL : upper, &columns, (count + 1) / 2));
  for (int c = 0; c < n_c && count % 2 == 0; c++) median[c] = 0.5 * (median[c] + upper[c]);
done:
  return status;
}
