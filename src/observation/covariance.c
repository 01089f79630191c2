/* covariance.c -- the covariance of rebuilt spaxels, and the two numbers that surveys give in its stead.
 *
 * Spectra of fibres are independent: C = W diag(v) W^T.  Two spaxels go together where a fibre gives light to both,
 * so a row has as many entries as there are spaxels within twice a weight's reach.  A row is summed in an array of
 * all spaxels, fibre by fibre in their order; the bits depend on nothing else. */
#include "observation/covariance.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

/* ---- the matrix ------------------------------------------------------------------------------ */
static int by_number(const void *a, const void *b)
{
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* Row r from its diagonal on.  @param back a's transpose  @param sum [n_row] all 0, and again afterwards
 * @return entries in column and value */
static size_t row_sum(uint32_t *column, double *value, const struct cubix_sparse *a, const struct cubix_sparse *back,
                      const double *variance, size_t r, double *sum)
{
  size_t n = 0;
  for (size_t e = a->start[r]; e < a->start[r + 1]; e++) {
    const size_t f = a->column[e];
    const double w = a->value[e] * variance[f];
    if (!(w > 0)) continue;
    for (size_t at = back->start[f]; at < back->start[f + 1]; at++) {
      const size_t other = back->column[at];
      const double more = w * back->value[at];
      if (other < r || !(more > 0)) continue;              /* the product of small weights may be 0 */
      if (sum[other] == 0) column[n++] = (uint32_t)other;
      sum[other] += more;
    }
  }
  qsort(column, n, sizeof *column, by_number);
  for (size_t i = 0; i < n; i++) {
    value[i] = sum[column[i]];
    sum[column[i]] = 0;
  }
  return n;
}

int cubix_covariance_build(struct cubix_sparse **upper, const struct cubix_sparse *rebuild, const double *variance)
{
  int status = CUBIX_OK;
  const size_t n = rebuild->n_row;
  struct cubix_sparse *back = NULL;
  uint32_t *column = NULL;
  double *sum = NULL, *value = NULL;
  *upper = NULL;
  CUBIX_TRY(cubix_sparse_transpose(&back, rebuild));
  CUBIX_ALLOC(column, n);
  CUBIX_ALLOC(sum, n);
  CUBIX_ALLOC(value, n);
  for (int counted = 0; counted < 2; counted++) {          /* how many there are, and then what they are */
    size_t at = 0;
    for (size_t r = 0; r < n; r++) {
      struct cubix_sparse *to = *upper;
      at += row_sum(to ? to->column + at : column, to ? to->value + at : value, rebuild, back, variance, r, sum);
      if (to) to->start[r + 1] = at;
    }
    if (!counted) CUBIX_TRY(cubix_sparse_init(upper, n, n, at));
  }
done:
  cubix_sparse_free(back);
  free(column);
  free(sum);
  free(value);
  return status;
}

/* ---- rho(D) ---------------------------------------------------------------------------------- */
/* Pairs up to `reach` columns and rows apart: their number and the sum of their correlations, by dx^2 + dy^2. */
struct pairs { int reach; double *number, *sum; };

static double of_spaxel(const struct cubix_sparse *upper, size_t r)
{
  return upper->start[r + 1] > upper->start[r] ? upper->value[upper->start[r]] : 0;
}

static int pairs_init(struct pairs *pairs, const struct cubix_sparse *upper, int n_x)
{
  int status = CUBIX_OK;
  const int n_y = (int)upper->n_row / n_x;
  for (size_t r = 0; r < upper->n_row; r++)
    for (size_t e = upper->start[r]; e < upper->start[r + 1]; e++) {
      const int dx = abs((int)upper->column[e] % n_x - (int)r % n_x), dy = (int)upper->column[e] / n_x - (int)r / n_x;
      if (dx > pairs->reach) pairs->reach = dx;
      if (dy > pairs->reach) pairs->reach = dy;
    }
  const int reach = pairs->reach;
  CUBIX_ALLOC(pairs->number, 2 * reach * reach + 1);
  CUBIX_ALLOC(pairs->sum, 2 * reach * reach + 1);
  for (int j = 0; j < n_y; j++)
    for (int i = 0; i < n_x; i++)
      for (int dy = 0; dy <= reach && j + dy < n_y; dy++)
        for (int dx = dy ? -reach : 1; dx <= reach; dx++) {
          if (i + dx < 0 || i + dx >= n_x) continue;
          const size_t r = (size_t)j * (size_t)n_x + (size_t)i,
                       other = (size_t)(j + dy) * (size_t)n_x + (size_t)(i + dx);
          if (of_spaxel(upper, r) > 0 && of_spaxel(upper, other) > 0) pairs->number[dx * dx + dy * dy]++;
        }
  for (size_t r = 0; r < upper->n_row; r++)
    for (size_t e = upper->start[r] + 1; e < upper->start[r + 1]; e++) {
      const int dx = (int)upper->column[e] % n_x - (int)r % n_x, dy = (int)upper->column[e] / n_x - (int)r / n_x;
      pairs->sum[dx * dx + dy * dy] += upper->value[e] / sqrt(of_spaxel(upper, r) * of_spaxel(upper, upper->column[e]));
    }
done:
  return status;
}

static double misfit(const struct pairs *pairs, double sigma)
{
  double sum = 0;
  for (int d2 = 1; d2 <= pairs->reach * pairs->reach; d2++) {
    if (pairs->number[d2] == 0) continue;
    const double difference = pairs->sum[d2] / pairs->number[d2] - exp(-0.5 * d2 / (sigma * sigma));
    sum += pairs->number[d2] * difference * difference;
  }
  return sum;
}

/* The least misfit: the best of a row of widths, and between its neighbours by golden sections. */
static double fit_sigma(const struct pairs *pairs)
{
  const double step = 1.05, golden = 0.61803398874989485;
  double best = 0, least = HUGE_VAL, lo, hi;
  if (!pairs->reach) return 0;
  for (double s = 0.1; s < 2. * pairs->reach; s *= step) {
    const double here = misfit(pairs, s);
    if (here < least) best = s;
    least = fmin(least, here);
  }
  lo = best / step;
  hi = best * step;
  while (hi - lo > 1e-6 * hi) {
    const double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
    if (misfit(pairs, a) < misfit(pairs, b)) hi = b;
    else lo = a;
  }
  return 0.5 * (lo + hi);
}

/* ---- beta(N) --------------------------------------------------------------------------------- */
double cubix_covariance_excess(const struct cubix_sparse *upper, int n_x, int side, int *tile, double *sum)
{
  const int n_y = (int)upper->n_row / n_x, n_i = n_x / side, n_j = n_y / side, i0 = n_x % side / 2, j0 = n_y % side / 2;
  double *whole = sum, *alone = sum + upper->n_row, mean = 0;
  int n = 0;
  for (int t = 0; t < n_i * n_j; t++) whole[t] = alone[t] = 0;
  for (size_t r = 0; r < upper->n_row; r++) {
    const int i = (int)r % n_x - i0, j = (int)r / n_x - j0;
    tile[r] = i < 0 || j < 0 || i / side >= n_i || j / side >= n_j ? -1 : j / side * n_i + i / side;
    if (tile[r] >= 0 && !(of_spaxel(upper, r) > 0)) alone[tile[r]] = NAN;
  }
  for (size_t r = 0; r < upper->n_row; r++)
    for (size_t e = upper->start[r]; e < upper->start[r + 1]; e++) {
      if (tile[r] < 0 || tile[upper->column[e]] != tile[r]) continue;
      const int itself = upper->column[e] == r;
      whole[tile[r]] += (itself ? 1 : 2) * upper->value[e];
      if (itself) alone[tile[r]] += upper->value[e];
    }
  for (int t = 0; t < n_i * n_j; t++) {
    if (!(alone[t] > 0)) continue;
    mean += sqrt(whole[t] / alone[t]);
    n++;
  }
  return n ? mean / n : 0;
}

int cubix_covariance_fit(struct cubix_covariance_law *law, const struct cubix_sparse *upper, int n_x)
{
  int status = CUBIX_OK;
  struct pairs pairs = { 0 };
  int *tile = NULL;
  double *sum = NULL, above = 0, below = 0;
  *law = (struct cubix_covariance_law){ 0 };
  CUBIX_TRY(pairs_init(&pairs, upper, n_x));
  law->sigma = fit_sigma(&pairs);
  CUBIX_ALLOC(tile, upper->n_row);
  CUBIX_ALLOC(sum, 2 * upper->n_row);
  for (int side = 2; side <= CUBIX_COVARIANCE_MOST_SIDE; side++) {
    const double excess = cubix_covariance_excess(upper, n_x, side, tile, sum), l = 2 * log10(side);
    if (!(excess > 0)) continue;
    above += (excess - 1) * l;
    below += l * l;
  }
  if (below > 0) law->beta = above / below;
done:
  free(pairs.number);
  free(pairs.sum);
  free(tile);
  free(sum);
  return status;
}
