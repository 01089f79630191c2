/* reduce_exact.c -- sums and order statistics over all ranks that do not depend on how the particles are shared out.
 *
 * Floating-point sums depend on their order; then the centre of a galaxy moves by 1e-16 with the number of ranks, and a star at a
 * spaxel's edge changes sides.  Here every term becomes an integer pair on one common scale, and integers add up exactly:
 *   x = q1 2^-s + q2 2^-(s+31),  |q1| <= 2^31,  s from the largest |x| of all ranks,
 * so that a sum of 2^32 terms is rounded to 2^-62 of the largest.  The terms come in blocks, column by column, so that the loops run over
 * vectors; adding 1.5 2^52 rounds a small number to an integer without a call.
 *
 * Order statistics are found on the sortable bit pattern of a double (its key).  The keys' range is divided into 4096 equal bins and their
 * rows are counted; the bin that holds the answer is the next range, and the keys in it, which are few, are set aside for the rounds to
 * come.  Two passes over all rows do for any number of columns.  Where there is no memory for what is set aside, all rows are looked at again. */
#include "reduce_exact.h"

#include <math.h>
#include <mpi.h>
#include <stdlib.h>

#include "cubix-mpi.h"
#include "error.h"

enum { FEW = 1 << 14 };            /* so few are not worth waking the other threads */
enum { BIN_BITS = 12, N_BIN = 1 << BIN_BITS, MAX_COLUMN = 3 };

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
  MPI_Allreduce(of_mine, largest, n_c, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
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
  MPI_Allreduce(MPI_IN_PLACE, q, 2 * n_c, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
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

/* What is known of one column: the answer's key lies in [lo, hi]. */
struct search {
  uint64_t lo, hi;
  int shift;                      /* key -> bin: (key - lo) >> shift */
  int64_t target;                 /* rows up to the answer, counted from lo */
  int64_t inside;                 /* rows with keys in [lo, hi], all ranks */
  uint64_t *key;                  /* the keys that were set aside, NULL: none yet */
  int64_t *weight;
  size_t n;
  uint64_t from, to;              /* the range they were taken from */
};

/* Smallest and largest key of each column. */
static void find_range(struct search *s, const struct cubix_columns *columns)
{
  const int n_c = columns->n_c;
  uint64_t least[MAX_COLUMN] = { UINT64_MAX, UINT64_MAX, UINT64_MAX }, most[MAX_COLUMN] = { UINT64_MAX, UINT64_MAX, UINT64_MAX };
  double low[MAX_COLUMN] = { INFINITY, INFINITY, INFINITY }, high[MAX_COLUMN] = { -INFINITY, -INFINITY, -INFINITY };
#pragma omp parallel for schedule(static) reduction(min : low[:MAX_COLUMN]) reduction(max : high[:MAX_COLUMN]) if (columns->n > FEW)
  for (size_t i = 0; i < columns->n; i++) {
    if (columns->use && !columns->use[i]) continue;
    for (int c = 0; c < n_c; c++) {
      double x = columns->x[i * (size_t)n_c + (size_t)c];
      low[c] = x < low[c] ? x : low[c];
      high[c] = x > high[c] ? x : high[c];
    }
  }
  for (int c = 0; c < n_c; c++) {
    least[c] = key_of(low[c] == 0 ? -0. : low[c]);          /* both zeros lie in the range */
    most[c] = ~key_of(high[c] == 0 ? 0. : high[c]);
  }
  MPI_Allreduce(MPI_IN_PLACE, least, n_c, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, most, n_c, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
  for (int c = 0; c < n_c; c++) {
    s[c].lo = least[c];
    s[c].hi = ~most[c];
  }
}

/* Rows per bin of the columns c0 .. c1 - 1, my own and (weighted) all ranks'. */
static void count_bins(int64_t *mine, int64_t *all, const struct search *s, int c0, int c1, const struct cubix_columns *columns)
{
  const size_t n_cell = (size_t)(c1 - c0) * N_BIN, n = s[c0].key ? s[c0].n : columns->n;
  memset(mine, 0, n_cell * sizeof *mine);
  memset(all, 0, n_cell * sizeof *all);
#pragma omp parallel for schedule(static) reduction(+ : mine[:n_cell], all[:n_cell]) if (n > FEW)
  for (size_t i = 0; i < n; i++) {
    if (!s[c0].key && columns->use && !columns->use[i]) continue;
    for (int c = c0; c < c1; c++) {
      uint64_t key = s[c].key ? s[c].key[i] : key_of(columns->x[i * (size_t)columns->n_c + (size_t)c]);
      if (key < s[c].lo || key > s[c].hi) continue;
      size_t bin = (size_t)(c - c0) * N_BIN + (size_t)((key - s[c].lo) >> s[c].shift);
      mine[bin]++;
      if (columns->weight) all[bin] += s[c].key ? s[c].weight[i] : cubix_columns_weight(columns, i);
    }
  }
  if (!columns->weight) memcpy(all, mine, n_cell * sizeof *all);
  MPI_Allreduce(MPI_IN_PLACE, all, (int)n_cell, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
}

/* The bin that holds the answer becomes the range. */
static size_t narrow(struct search *s, const int64_t *mine, const int64_t *all)
{
  size_t bin = 0;
  while (bin < N_BIN - 1 && all[bin] < s->target) s->target -= all[bin++];
  s->lo += (uint64_t)bin << s->shift;
  uint64_t end = s->lo + (((uint64_t)1 << s->shift) - 1);
  if (end < s->hi) s->hi = end;
  s->inside = all[bin];
  return (size_t)mine[bin];
}

static void set_shift(struct search *s)
{
  s->shift = 0;
  while ((s->hi - s->lo) >> s->shift >= N_BIN) s->shift++;
}

/* Put the keys of the columns' ranges aside, room[c] of them. */
static void set_aside(struct search *s, const size_t *room, const struct cubix_columns *columns)
{
  const int n_c = columns->n_c;
  int there = 1;
  for (int c = 0; c < n_c; c++) {
    s[c].key = cubix_alloc(room[c], sizeof *s->key);
    s[c].weight = columns->weight ? cubix_alloc(room[c], sizeof *s->weight) : NULL;
    s[c].from = s[c].lo;
    s[c].to = s[c].hi;
    there &= s[c].key && (s[c].weight || !columns->weight);
  }
  MPI_Allreduce(MPI_IN_PLACE, &there, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
#pragma omp parallel for schedule(static) if (there && columns->n > FEW)
  for (size_t first = 0; first < (there ? columns->n : 0); first += CUBIX_BLOCK)
    for (int c = 0; c < n_c; c++) {
      uint64_t key[CUBIX_BLOCK];
      int64_t weight[CUBIX_BLOCK];
      size_t found = 0, count = block_size(columns->n, first), at;
      for (size_t i = first; i < first + count; i++) {
        if (columns->use && !columns->use[i]) continue;
        key[found] = key_of(columns->x[i * (size_t)n_c + (size_t)c]);
        weight[found] = columns->weight ? cubix_columns_weight(columns, i) : 0;
        found += key[found] >= s[c].lo && key[found] <= s[c].hi && (weight[found] || !columns->weight);
      }
#pragma omp atomic capture
      { at = s[c].n; s[c].n += found; }
      memcpy(s[c].key + at, key, found * sizeof *key);
      if (columns->weight) memcpy(s[c].weight + at, weight, found * sizeof *weight);
    }
  for (int c = 0; c < n_c && !there; c++) {
    free(s[c].key);
    free(s[c].weight);
    s[c].key = NULL;
    s[c].weight = NULL;
  }
}

/* Smallest key above that of the answer; what was set aside is all there is up to `to`. */
static uint64_t key_above(const struct search *s, int c, const struct cubix_columns *columns)
{
  uint64_t least = UINT64_MAX;
  for (size_t i = 0; s->key && i < s->n; i++)
    if (s->key[i] > s->lo && s->key[i] < least) least = s->key[i];
  MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
  if (least <= s->to) return least;
#pragma omp parallel for schedule(static) reduction(min : least)
  for (size_t i = 0; i < columns->n; i++) {
    uint64_t key = key_of(columns->x[i * (size_t)columns->n_c + (size_t)c]);
    if (columns->use && !columns->use[i]) continue;
    if (columns->weight && !cubix_columns_weight(columns, i)) continue;
    if (key > s->lo && key < least) least = key;
  }
  MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
  return least;
}

void cubix_mpi_select(double *value, double *next, const struct cubix_columns *columns, int64_t target)
{
  struct search s[MAX_COLUMN] = { { 0 } };
  int64_t mine[MAX_COLUMN * N_BIN], all[MAX_COLUMN * N_BIN];
  size_t room[MAX_COLUMN];
  const int n_c = columns->n_c;
  find_range(s, columns);
  for (int c = 0; c < n_c; c++) {
    s[c].target = target;
    set_shift(&s[c]);
  }
  count_bins(mine, all, s, 0, n_c, columns);
  for (int c = 0; c < n_c; c++) room[c] = narrow(&s[c], mine + c * N_BIN, all + c * N_BIN);
  set_aside(s, room, columns);
  for (int c = 0; c < n_c; c++) {
    while (s[c].lo < s[c].hi) {
      set_shift(&s[c]);
      count_bins(mine, all, s, c, c + 1, columns);
      narrow(&s[c], mine, all);
    }
    value[c] = value_of(s[c].lo);
    if (next) next[c] = s[c].target < s[c].inside ? value[c] : value_of(key_above(&s[c], c, columns));
    free(s[c].key);
    free(s[c].weight);
  }
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
  cubix_mpi_select(median, count % 2 ? NULL : upper, &columns, (count + 1) / 2);
  for (int c = 0; c < n_c && count % 2 == 0; c++) median[c] = 0.5 * (median[c] + upper[c]);
done:
  return status;
}
