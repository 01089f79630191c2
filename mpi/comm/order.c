/* order.c -- order statistics over all ranks that do not depend on how the rows are shared out.
 *
 * The values' range is divided into 4096 equal bins and their rows are counted;
 * (x - low) * scale, rounded as it may be, never falls while x rises, so that a bin holds all
 * values between its least and its greatest.  What lies in the bin of the answer is little and is
 * set aside, as the sortable bit patterns of doubles (keys), whose range is divided in the same way
 * until one is left.  Three passes over all rows do for any number of columns.  Where there is no
 * room for what is in the bin, the range of its keys is divided by further passes. */

#include "mpi/comm/order.h"

#include <float.h>
#include <math.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"

enum { FEW = 1 << 14 };            /* so few are not worth waking the other threads */
enum { N_BIN = 1 << 12, MAX_COLUMN = 3, BLOCK = 256 };

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
  int64_t target;                 /* rows up to the answer, counted from the bin's or the range's beginning */
  int64_t inside, mine;           /* rows there, of all ranks; of this one */
  uint64_t lo, hi;                /* the answer's key lies between */
  int shift;                      /* key -> bin: (key - lo) >> shift */
  uint64_t *key;                  /* what was set aside */
  int64_t *weight;
  size_t n;
  double next;                    /* least value above the answer */
};

/* What a pass over all rows works on. */
struct work {
  int n_c;
  int64_t count;                  /* rows that count, unweighted */
  struct search s[MAX_COLUMN];
  int64_t mine[MAX_COLUMN * N_BIN], all[MAX_COLUMN * N_BIN]; /* rows per bin: my own, and weighted, of all ranks */
};

static int64_t bin_of(const struct search *s, double x)
{
  double at = (x - s->low) * s->scale;
  return at < N_BIN ? (int64_t)at : N_BIN - 1;
}

static int is_between(const struct search *s, uint64_t key) { return key >= s->lo && key <= s->hi; }

/* Smallest and largest value of each column. */
static void see_range(void *state, const struct cubix_values *columns)
{
  struct work *w = state;
  const int n_c = columns->n_c;
  double low[MAX_COLUMN] = { INFINITY, INFINITY, INFINITY }, high[MAX_COLUMN] = { -INFINITY, -INFINITY, -INFINITY };
  int64_t count = 0;
#pragma omp parallel for schedule(static) reduction(min \
                                                    : low[:MAX_COLUMN]) \
    reduction(max \
              : high[:MAX_COLUMN]) reduction(+ : count) if (columns->n > FEW)
  for (size_t i = 0; i < columns->n; i++) {
    if (columns->use && !columns->use[i]) continue;
    count++;
    for (int c = 0; c < n_c; c++) {
      double x = columns->x[i * (size_t)n_c + (size_t)c];
      low[c] = x < low[c] ? x : low[c];
      high[c] = x > high[c] ? x : high[c];
    }
  }
  w->count += count;
  for (int c = 0; c < n_c; c++) {
    w->s[c].low = fmin(w->s[c].low, low[c]);
    w->s[c].high = fmax(w->s[c].high, high[c]);
  }
}

static int find_range(struct work *w, const struct cubix_rows *rows)
{
  int status = CUBIX_OK;
  for (int c = 0; c < w->n_c; c++) {
    w->s[c].low = INFINITY;
    w->s[c].high = -INFINITY;
  }
  CUBIX_TRY(rows->pass(rows->host, see_range, w));
  w->count = cubix_mpi_sum_int(w->count);
  for (int c = 0; c < w->n_c; c++) {
    struct search *s = &w->s[c];
    s->low = cubix_mpi_min(s->low);
    s->high = cubix_mpi_max(s->high);
    /* values next to each other, or all the same */
    s->scale = N_BIN / (s->high - s->low) < DBL_MAX ? N_BIN / (s->high - s->low) : DBL_MAX;
  }
done:
  return status;
}

/* Rows per bin of every column, or per part of what is left of its range. */
static inline __attribute__((always_inline)) void count(struct work *w, const struct cubix_values *columns, int parts)
{
  const struct search *s = w->s;
  const size_t n_cell = (size_t)columns->n_c * N_BIN;
  int64_t *mine = w->mine, *all = w->all;
#pragma omp parallel for schedule(static) reduction(+ : mine[:n_cell], all[:n_cell]) if (columns->n > FEW)
  for (size_t i = 0; i < columns->n; i++) {
    if (columns->use && !columns->use[i]) continue;
    for (int c = 0; c < columns->n_c; c++) {
      const double x = columns->x[i * (size_t)columns->n_c + (size_t)c];
      const uint64_t key = parts ? key_of(x) : 0;
      if (parts && !is_between(&s[c], key)) continue;
      const int64_t bin = c * N_BIN + (parts ? (int64_t)((key - s[c].lo) >> s[c].shift) : bin_of(&s[c], x));
      mine[bin]++;
      if (columns->weight) all[bin] += cubix_values_weight(columns, i);
    }
  }
  if (!columns->weight) memcpy(all, mine, n_cell * sizeof *all);
}

static void count_values(void *state, const struct cubix_values *columns) { count(state, columns, 0); }
static void count_parts(void *state, const struct cubix_values *columns) { count(state, columns, 1); }

static int count_rows(struct work *w, cubix_take *count, const struct cubix_rows *rows)
{
  int status = CUBIX_OK;
  const size_t n_cell = (size_t)w->n_c * N_BIN;
  memset(w->mine, 0, n_cell * sizeof *w->mine);
  memset(w->all, 0, n_cell * sizeof *w->all);
  CUBIX_TRY(rows->pass(rows->host, count, w));
  MPI_Allreduce(MPI_IN_PLACE, w->all, (int)n_cell, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
done:
  return status;
}

/* The same for the keys of one column that were set aside. */
static void count_keys(int64_t *all, const struct search *s)
{
  memset(all, 0, N_BIN * sizeof *all);
  for (size_t i = 0; i < s->n; i++)
    if (is_between(s, s->key[i])) all[(s->key[i] - s->lo) >> s->shift] += s->weight ? s->weight[i] : 1;
  MPI_Allreduce(MPI_IN_PLACE, all, N_BIN, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
}

/* The bin that holds the answer. */
static int64_t find_bin(struct search *s, const int64_t *all)
{
  int64_t bin = 0;
  while (bin < N_BIN - 1 && all[bin] < s->target) s->target -= all[bin++];
  s->inside = all[bin];
  return bin;
}

/* The least key from lo to hi whose value lies in the bin or above it; hi if there is none. */
static uint64_t least_key(const struct search *s, uint64_t lo, uint64_t hi, int64_t bin)
{
  while (lo < hi) {
    const uint64_t middle = lo + (hi - lo) / 2;
    if (bin_of(s, value_of(middle)) >= bin) hi = middle;
    else lo = middle + 1;
  }
  return lo;
}

/* From all values to those of the answer's bin. */
static void take_bin(struct search *s, int64_t bin)
{
  /* a zero may have either sign */
  const uint64_t lo = key_of(s->low < 0 || s->low > 0 ? s->low : -0.);
  const uint64_t hi = key_of(s->high < 0 || s->high > 0 ? s->high : 0.);
  s->lo = least_key(s, lo, hi, bin);
  s->hi = least_key(s, s->lo, hi, bin + 1);
  if (s->hi > s->lo && bin_of(s, value_of(s->hi)) > bin) s->hi--;
}

static void divide_range(struct search *s)
{
  s->shift = 0;
  while ((s->hi - s->lo) >> s->shift >= N_BIN) s->shift++;
}

/* From the range of keys to the part of it where the answer is. */
static void take_part(struct search *s, int64_t bin)
{
  s->lo += (uint64_t)bin << s->shift;
  const uint64_t end = s->lo + (((uint64_t)1 << s->shift) - 1);
  s->hi = end < s->hi ? end : s->hi;
}

/* Count until what lies where the answers are may be set aside. */
static int narrow(struct work *w, const struct cubix_rows *rows)
{
  int status = CUBIX_OK;
  for (;;) {
    double most = 0;
    for (int c = 0; c < w->n_c; c++) {
      struct search *s = &w->s[c];
      if (s->lo == s->hi) s->mine = 0;                     /* that is the answer */
      most += (double)s->mine * (sizeof *s->key + (rows->weighted ? sizeof *s->weight : 0));
      divide_range(s);
    }
    if (cubix_mpi_max(most) <= rows->room) break;
    CUBIX_TRY(count_rows(w, count_parts, rows));
    for (int c = 0; c < w->n_c; c++) {
      const int64_t *mine = w->mine + c * N_BIN, *all = w->all + c * N_BIN, bin = find_bin(&w->s[c], all);
      w->s[c].mine = mine[bin];
      take_part(&w->s[c], bin);
    }
  }
done:
  return status;
}

/* Set the rows where the answers are aside. */
static void set_aside(void *state, const struct cubix_values *columns)
{
  struct work *w = state;
  struct search *s = w->s;
  const int n_c = columns->n_c;
#pragma omp parallel for schedule(static) if (columns->n > FEW)
  for (size_t first = 0; first < columns->n; first += BLOCK)
    for (int c = 0; c < n_c; c++) {
      size_t row[BLOCK], found = 0, count = columns->n - first < BLOCK ? columns->n - first : BLOCK, at;
      if (!s[c].key) continue;
      for (size_t i = first; i < first + count; i++) {
        row[found] = i;
        found += (!columns->use || columns->use[i]) &&
                 is_between(&s[c], key_of(columns->x[i * (size_t)n_c + (size_t)c]));
      }
#pragma omp atomic capture
      { at = s[c].n; s[c].n += found; }
      for (size_t q = 0; q < found; q++, at++) {
        s[c].key[at] = key_of(columns->x[row[q] * (size_t)n_c + (size_t)c]);
        if (s[c].weight) s[c].weight[at] = cubix_values_weight(columns, row[q]);
      }
    }
}

static int make_room(struct work *w, int weighted)
{
  int status = CUBIX_OK;
  for (int c = 0; c < w->n_c; c++) {
    if (!w->s[c].mine) continue;
    CUBIX_ALLOC(w->s[c].key, w->s[c].mine);
    if (weighted) CUBIX_ALLOC(w->s[c].weight, w->s[c].mine);
  }
done:
  return status;
}

/* The answer among the keys that were set aside. */
static double find_key(struct search *s, int64_t *all)
{
  uint64_t range[2] = { UINT64_MAX, UINT64_MAX };          /* least key, and least of the keys' complements */
  if (s->lo == s->hi) return value_of(s->lo);
  for (size_t i = 0; i < s->n; i++) {
    range[0] = s->key[i] < range[0] ? s->key[i] : range[0];
    range[1] = ~s->key[i] < range[1] ? ~s->key[i] : range[1];
  }
  MPI_Allreduce(MPI_IN_PLACE, range, 2, MPI_UINT64_T, MPI_MIN, cubix_mpi_group()->comm);
  s->lo = range[0];
  s->hi = ~range[1];
  while (s->lo < s->hi) {
    divide_range(s);
    count_keys(all, s);
    take_part(s, find_bin(s, all));
  }
  return value_of(s->lo);
}

/* The least value above the answer, of rows that count. */
static void see_next(void *state, const struct cubix_values *columns)
{
  struct work *w = state;
  for (int c = 0; c < columns->n_c; c++) {
    double next = w->s[c].next, answer = value_of(w->s[c].lo);
#pragma omp parallel for schedule(static) reduction(min : next) if (columns->n > FEW)
    for (size_t i = 0; i < columns->n; i++) {
      double x = columns->x[i * (size_t)columns->n_c + (size_t)c];
      if ((!columns->use || columns->use[i]) && x > answer && x < next && cubix_values_weight(columns, i)) next = x;
    }
    w->s[c].next = next;
  }
}

/* The same; what was set aside holds all there is up to its own largest. */
static int find_next(double *next, struct work *w, const struct cubix_rows *rows)
{
  int status = CUBIX_OK, missing = 0;
  for (int c = 0; c < w->n_c; c++) {
    struct search *s = &w->s[c];
    uint64_t least = UINT64_MAX;
    s->next = INFINITY;
    for (size_t i = 0; i < s->n; i++)
      if (s->key[i] > s->lo && s->key[i] < least && !(s->weight && !s->weight[i])) least = s->key[i];
    MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_UINT64_T, MPI_MIN, cubix_mpi_group()->comm);
    next[c] = s->target < s->inside ? value_of(s->lo) : least < UINT64_MAX ? value_of(least) : INFINITY;
    missing |= next[c] == INFINITY;
  }
  if (!missing) goto done;
  CUBIX_TRY(rows->pass(rows->host, see_next, w));
  for (int c = 0; c < w->n_c; c++) {
    const double found = cubix_mpi_min(w->s[c].next);
    if (next[c] == INFINITY) next[c] = found;
  }
done:
  return status;
}

/* @param next NULL: not wanted */
static int find_values(double *value, double *next, struct work *w, const struct cubix_rows *rows, int64_t target)
{
  int status = CUBIX_OK;
  CUBIX_TRY(count_rows(w, count_values, rows));
  for (int c = 0; c < w->n_c; c++) {
    w->s[c].target = target;
    const int64_t bin = find_bin(&w->s[c], w->all + c * N_BIN);
    w->s[c].mine = w->mine[c * N_BIN + bin];
    take_bin(&w->s[c], bin);
  }
  CUBIX_TRY(narrow(w, rows));
  CUBIX_TRY(cubix_mpi_agree(make_room(w, rows->weighted)));
  CUBIX_TRY(rows->pass(rows->host, set_aside, w));
  for (int c = 0; c < w->n_c; c++) value[c] = find_key(&w->s[c], w->all);
  if (next) CUBIX_TRY(find_next(next, w, rows));
done:
  for (int c = 0; c < w->n_c; c++) {
    free(w->s[c].key);
    free(w->s[c].weight);
  }
  return status;
}

int cubix_mpi_select(double *value, const struct cubix_rows *rows, int64_t target)
{
  int status = CUBIX_OK;
  struct work w = { .n_c = rows->n_c };
  CUBIX_TRY(find_range(&w, rows));
  CUBIX_TRY(find_values(value, NULL, &w, rows, target));
done:
  return status;
}

int cubix_mpi_median(double *median, const struct cubix_rows *rows)
{
  int status = CUBIX_OK;
  double upper[MAX_COLUMN];
  struct work w = { .n_c = rows->n_c };
  CUBIX_TRY(find_range(&w, rows));
  CUBIX_CHECK(w.count > 0, CUBIX_EFAIL, "the median of no star at all was asked for");
  CUBIX_TRY(find_values(median, w.count % 2 ? NULL : upper, &w, rows, (w.count + 1) / 2));
  for (int c = 0; c < rows->n_c && w.count % 2 == 0; c++) median[c] = 0.5 * (median[c] + upper[c]);
done:
  return status;
}

int cubix_values_pass(void *columns, cubix_take *take, void *state)
{
  take(state, columns);
  return CUBIX_OK;
}
