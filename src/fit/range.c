/* range.c -- products with W, and conjugate gradients on them: no matrix of spaxels or spectra is made.
 *
 * Channels side by side; each ends by its own residual and stays as it is then, so its bits depend neither
 * on its neighbours nor on threads. */
#include "fit/range.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { LANES = CUBIX_RANGE_LANES, MOST = 10, MORE = 100 };    /* iterations: MOST n_col + MORE */
static const double precision = 1e-12;
const double cubix_range_ridge = 1e-8;

int cubix_range_block_init(struct cubix_range_block *block, const struct cubix_sparse *rebuild)
{
  int status = CUBIX_OK;
  *block = (struct cubix_range_block){ .rebuild = rebuild };
  CUBIX_ALLOC(block->weight, rebuild->n_row * LANES);
  CUBIX_ALLOC(block->seen, rebuild->n_row * LANES);
  CUBIX_ALLOC(block->root, rebuild->n_col * LANES);
  CUBIX_ALLOC(block->room, 4 * rebuild->n_col * LANES);
done:
  return status;
}

void cubix_range_block_free(struct cubix_range_block *block)
{
  free(block->weight);
  free(block->seen);
  free(block->root);
  free(block->room);
}

static double entry(const struct cubix_range_block *b, size_t e)
{
  const double value = b->rebuild->value[e];
  return b->squared ? value * value : value;
}

void cubix_range_forth(struct cubix_range_block *b, const double *x)
{
  const struct cubix_sparse *w = b->rebuild;
  for (size_t r = 0; r < w->n_row; r++) {
    double sum[LANES] = { 0 };
    for (size_t e = w->start[r]; e < w->start[r + 1]; e++) {
      const size_t at = (size_t)w->column[e] * LANES;
      const double value = entry(b, e);
      for (size_t l = 0; l < LANES; l++) sum[l] += value * b->root[at + l] * x[at + l];
    }
    memcpy(b->seen + r * LANES, sum, sizeof sum);
  }
}

void cubix_range_back(struct cubix_range_block *b, double *y)
{
  const struct cubix_sparse *w = b->rebuild;
  const size_t n = w->n_col * LANES;
  memset(y, 0, n * sizeof *y);
  for (size_t i = 0; i < w->n_row * LANES; i++) b->seen[i] *= b->weight[i];
  for (size_t r = 0; r < w->n_row; r++)
    for (size_t e = w->start[r]; e < w->start[r + 1]; e++) {
      double *to = y + (size_t)w->column[e] * LANES;
      const double value = entry(b, e);
      for (size_t l = 0; l < LANES; l++) to[l] += value * b->seen[r * LANES + l];
    }
  for (size_t i = 0; i < n; i++) y[i] *= b->root[i];
}

/* The diagonal of G + ridge; 1 where that is 0. */
static void diagonal(const struct cubix_range_block *b, double *d)
{
  const struct cubix_sparse *w = b->rebuild;
  const size_t n = w->n_col * LANES;
  memset(d, 0, n * sizeof *d);
  for (size_t r = 0; r < w->n_row; r++)
    for (size_t e = w->start[r]; e < w->start[r + 1]; e++) {
      double *to = d + (size_t)w->column[e] * LANES;
      const double value = entry(b, e) * entry(b, e);
      for (size_t l = 0; l < LANES; l++) to[l] += value * b->weight[r * LANES + l];
    }
  for (size_t i = 0; i < n; i++) {
    d[i] = d[i] * b->root[i] * b->root[i] + b->ridge;
    if (d[i] == 0) d[i] = 1;
  }
}

/* sum[l] = sum over spectra of a b / d; d NULL: 1 */
static void inner(double sum[LANES], size_t n_col, const double *a, const double *b, const double *d)
{
  for (size_t l = 0; l < LANES; l++) sum[l] = 0;
  for (size_t f = 0; f < n_col; f++)
    for (size_t l = 0; l < LANES; l++) sum[l] += a[f * LANES + l] * b[f * LANES + l] / (d ? d[f * LANES + l] : 1);
}

int cubix_range_solve(struct cubix_range_block *block, double *b, double *x)
{
  const size_t n_col = block->rebuild->n_col, n = n_col * LANES;
  double *d = block->room, *p = d + n, *q = p + n;
  double first[LANES], now[LANES], next[LANES], along[LANES];
  int left = 0;
  diagonal(block, d);
  memset(x, 0, n * sizeof *x);
  for (size_t i = 0; i < n; i++) p[i] = b[i] / d[i];
  inner(first, n_col, b, b, d);
  memcpy(now, first, sizeof now);
  for (size_t i = 0; i < MOST * n_col + MORE; i++) {
    left = 0;
    for (size_t l = 0; l < LANES; l++) left += now[l] > precision * precision * first[l];
    if (!left) break;
    cubix_range_forth(block, p);
    cubix_range_back(block, q);
    for (size_t j = 0; j < n; j++) q[j] += block->ridge * p[j];
    inner(along, n_col, p, q, NULL);
    for (size_t l = 0; l < LANES; l++)
      along[l] = now[l] > precision * precision * first[l] && along[l] > 0 ? now[l] / along[l] : 0;
    for (size_t f = 0; f < n_col; f++)
      for (size_t l = 0; l < LANES; l++) {
        x[f * LANES + l] += along[l] * p[f * LANES + l];
        b[f * LANES + l] -= along[l] * q[f * LANES + l];
      }
    inner(next, n_col, b, b, d);
    for (size_t f = 0; f < n_col; f++)
      for (size_t l = 0; l < LANES; l++)
        p[f * LANES + l] = b[f * LANES + l] / d[f * LANES + l] +
                           (now[l] > 0 ? next[l] / now[l] : 0) * p[f * LANES + l];
    memcpy(now, next, sizeof now);
  }
  return left;
}

/* How many channels from `at` on are worked on together. */
static size_t part(const struct cubix_fibres *fibres, int lambda_first, int n_lambda, size_t at)
{
  const int k = lambda_first + (int)at, end = lambda_first + n_lambda;
  const int next = (cubix_fibres_group(fibres, k) + 1)->first;
  const int n = (next < end ? next : end) - k;
  return (size_t)(n < LANES ? n : LANES);
}

int cubix_range_parts(size_t **start, size_t *n_part, const struct cubix_fibres *fibres, int lambda_first, int n_lambda)
{
  int status = CUBIX_OK;
  *n_part = 0;
  CUBIX_ALLOC(*start, n_lambda + 1);
  for (size_t at = 0; at < (size_t)n_lambda; (*start)[++*n_part] = at)
    at += part(fibres, lambda_first, n_lambda, at);
done:
  return status;
}

/* Channels first .. last - 1 of those held.  @return channels in which it does not end; -1: no memory */
static int project_part(const struct cubix_range *range, double *z, size_t first, size_t last)
{
  int status = CUBIX_OK, left = 0;
  const size_t n_lambda = (size_t)range->n_lambda;
  const struct cubix_sparse *w = cubix_fibres_group(range->fibres, range->lambda_first + (int)first)->rebuild;
  struct cubix_range_block block;
  double *x = NULL, *b = NULL;
  CUBIX_TRY(cubix_range_block_init(&block, w));
  block.ridge = cubix_range_ridge;
  CUBIX_ALLOC(x, w->n_col * LANES);
  CUBIX_ALLOC(b, w->n_col * LANES);
  for (size_t k = first; k < last; k++) {
    if (!range->lacking[k]) continue;
    for (size_t r = 0; r < w->n_row; r++)
      block.weight[r * LANES + k - first] = (double)range->weight[r * n_lambda + k];
    for (size_t f = 0; f < w->n_col; f++) {
      const double weight = (double)range->sample[f * n_lambda + k];
      block.root[f * LANES + k - first] = weight > 0 ? 1 / sqrt(weight) : 0;
      x[f * LANES + k - first] = z[f * n_lambda + k];
    }
  }
  cubix_range_forth(&block, x);
  cubix_range_back(&block, b);
  left = cubix_range_solve(&block, b, x);
  for (size_t k = first; k < last; k++)
    for (size_t f = 0; f < w->n_col && range->lacking[k]; f++) z[f * n_lambda + k] = x[f * LANES + k - first];
done:
  cubix_range_block_free(&block);
  free(x);
  free(b);
  return status ? -1 : left;
}

int cubix_range_project(const struct cubix_range *range, double *z)
{
  int status = CUBIX_OK, left = 0, no_memory = 0;
  size_t *start = NULL, n_part;
  if (!range) return CUBIX_OK;
  CUBIX_TRY(cubix_range_parts(&start, &n_part, range->fibres, range->lambda_first, range->n_lambda));
#pragma omp parallel for schedule(dynamic) reduction(+ : left, no_memory)
  for (size_t i = 0; i < n_part; i++) {
    int any = 0;
    for (size_t k = start[i]; k < start[i + 1]; k++) any |= range->lacking[k];
    const int n = any ? project_part(range, z, start[i], start[i + 1]) : 0;
    left += n > 0 ? n : 0;
    no_memory += n < 0;
  }
  CUBIX_CHECK(!no_memory, CUBIX_ENOMEM, "SpaxelNoise fibres: there is no memory to project %d spectra",
              range->fibres->n_spectrum);
  CUBIX_CHECK(!left, CUBIX_EFAIL, "SpaxelNoise fibres: in %d channels the spectra cannot be told from the cube", left);
done:
  free(start);
  return status;
}

void cubix_range_free(struct cubix_range *range)
{
  if (!range) return;
  free(range->weight);
  free(range->lacking);
  free(range);
}
