/* columns_settle.c -- the sky is divided among ranks.
 *
 * A window of 256 x 256 regions along Morton's curve is cut where the sums of stars times cells say that each rank
 * has about the same work. It lies about the mean place of the stars, and is as small as holds 99 % of them, for gas
 * may reach a hundred times as far; the others' work is not counted. Stars are those of the first call: with chunks a
 * part of every rank's, which are as good as a sample. A cell goes to every rank that has a tile of the cell's own
 * level that it reaches, so that a rank has all cells in front of any place in its part, in the order of the ranks
 * and thereby of the file. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "dust/code_sort.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"
#include "mpi/dust/columns_parts.h"

enum { LEAST = 8, SIDE = 1 << LEAST, REGIONS = SIDE * SIDE, PER_CELL = 256, FINEST = CUBIX_COLUMN_DEPTH };
static const double most_outside = 0.01;    /* of the stars */

/* Regions are tiles of a depth, from column first[0] and row first[1] on. */
struct window { int depth; int64_t first[2]; };

int cubix_mpi_columns_rank(const struct cubix_columns *columns, uint64_t code)
{
  int low = 0, high = cubix_mpi_size();
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (columns->cut[middle] <= code) low = middle;
    else high = middle;
  }
  return low;
}

/* The window for the stars of all ranks: sums are of integers, so that all ranks have the same. */
static struct window window_of(const struct cubix_column_sky *sky, const double *position, size_t n)
{
  uint64_t sum[3] = { 0 }, held[FINEST + 1] = { 0 }, within = 0;   /* held: by that depth, and by none that is finer */
  struct window w = { LEAST, { 0, 0 } };
  uint32_t at[2];
  int64_t mean[2];
  for (size_t i = 0; i < n; i++) {
    if (!cubix_column_finest(sky, position[3 * i], position[3 * i + 1], at)) continue;
    sum[0] += at[0];
    sum[1] += at[1];
    sum[2]++;
  }
  cubix_mpi_sum_counts(sum, 3);
  if (!sum[2]) return w;
  for (int c = 0; c < 2; c++) mean[c] = (int64_t)(sum[c] / sum[2]);
  for (size_t i = 0; i < n; i++) {
    if (!cubix_column_finest(sky, position[3 * i], position[3 * i + 1], at)) continue;
    const int64_t x = llabs(at[0] - mean[0]), y = llabs(at[1] - mean[1]), apart = x > y ? x : y;
    int depth = FINEST;
    while (depth > LEAST && apart >= (int64_t)(SIDE / 2 - 1) << (FINEST - depth)) depth--;
    held[depth]++;
  }
  cubix_mpi_sum_counts(held, FINEST + 1);
  for (w.depth = FINEST; w.depth > LEAST; w.depth--) {
    within += held[w.depth];
    if ((double)within >= (1 - most_outside) * (double)sum[2]) break;
  }
  for (int c = 0; c < 2; c++) {
    const int64_t last = ((int64_t)1 << w.depth) - SIDE, first = (mean[c] >> (FINEST - w.depth)) - SIDE / 2;
    w.first[c] = first < 0 ? 0 : first > last ? last : first;
  }
  return w;
}

/* Cells that a place in a region will meet, times PER_CELL: as differences with those before in a row
 * and above, so that a cell costs the same however wide it is. */
static void count_cells(const struct cubix_columns *columns, const struct window *w, uint64_t *grid)
{
  const double side = ldexp(columns->sky.side, -w->depth);
  const double x0 = columns->sky.x + side * (double)w->first[0], y0 = columns->sky.y + side * (double)w->first[1];
  for (size_t c = 0; c < columns->n; c++) {
    const double h = columns->radius[c], x = columns->position[3 * c] - x0, y = columns->position[3 * c + 1] - y0;
    const double left = floor((x - h) / side), right = floor((x + h) / side);
    const double below = floor((y - h) / side), above = floor((y + h) / side);
    const double regions = (right - left + 1) * (above - below + 1);
    if (right < 0 || above < 0 || left >= SIDE || below >= SIDE) continue;
    const int i0 = (int)fmax(left, 0), i1 = (int)fmin(right, SIDE - 1);
    const int j0 = (int)fmax(below, 0), j1 = (int)fmin(above, SIDE - 1);
    const uint64_t part = (uint64_t)(PER_CELL * fmin(1, 3.14 * h * h / (side * side * regions)));
    grid[j0 * (SIDE + 1) + i0] += part;
    grid[j0 * (SIDE + 1) + i1 + 1] -= part;
    grid[(j1 + 1) * (SIDE + 1) + i0] -= part;
    grid[(j1 + 1) * (SIDE + 1) + i1 + 1] += part;
  }
  for (int j = 0; j <= SIDE; j++)
    for (int i = 1; i <= SIDE; i++) grid[j * (SIDE + 1) + i] += grid[j * (SIDE + 1) + i - 1];
  for (int j = 1; j <= SIDE; j++)
    for (int i = 0; i <= SIDE; i++) grid[j * (SIDE + 1) + i] += grid[(j - 1) * (SIDE + 1) + i];
}

static void count_stars(const struct cubix_columns *columns, const struct window *w, const double *position, size_t n,
                        uint64_t *stars)
{
  uint32_t at[2];
  for (size_t s = 0; s < n; s++) {
    if (!cubix_column_finest(&columns->sky, position[3 * s], position[3 * s + 1], at)) continue;
    const int64_t i = (at[0] >> (FINEST - w->depth)) - w->first[0], j = (at[1] >> (FINEST - w->depth)) - w->first[1];
    if (i >= 0 && i < SIDE && j >= 0 && j < SIDE) stars[j * SIDE + i]++;
  }
}

/* Regions of the window along the curve. */
static int order_regions(struct cubix_coded **region, const struct window *w)
{
  int status = CUBIX_OK;
  struct cubix_coded *scratch = NULL;
  CUBIX_ALLOC(*region, REGIONS);
  CUBIX_ALLOC(scratch, REGIONS);
  for (uint32_t r = 0; r < REGIONS; r++)
    (*region)[r] = (struct cubix_coded){
      cubix_column_curve((uint32_t)w->first[0] + r % SIDE, (uint32_t)w->first[1] + r / SIDE), r
    };
  CUBIX_TRY(cubix_code_sort(*region, scratch, REGIONS, 2 * w->depth));
done:
  free(scratch);
  return status;
}

static int cut_sky(struct cubix_columns *columns, const double *position, size_t n)
{
  int status = CUBIX_OK;
  const int n_rank = cubix_mpi_size();
  const struct window w = window_of(&columns->sky, position, n);
  struct cubix_coded *region = NULL;
  uint64_t *grid = NULL, *stars = NULL;
  double *work = NULL;
  CUBIX_MPI_ALLOC(grid, (SIDE + 1) * (SIDE + 1));
  CUBIX_MPI_ALLOC(stars, REGIONS);
  CUBIX_MPI_ALLOC(work, REGIONS + 1);
  CUBIX_MPI_ALLOC(columns->cut, n_rank + 1);
  CUBIX_TRY(cubix_mpi_agree(order_regions(&region, &w)));
  count_cells(columns, &w, grid);
  count_stars(columns, &w, position, n, stars);
  cubix_mpi_sum_counts(grid, (SIDE + 1) * (SIDE + 1));
  cubix_mpi_sum_counts(stars, REGIONS);
  for (int r = 0; r < REGIONS; r++) {
    const uint32_t at = region[r].index;
    work[r + 1] = work[r] + (double)stars[at] * (PER_CELL + (double)grid[at / SIDE * (SIDE + 1) + at % SIDE]);
  }
  for (int r = 1, at = 0; r < n_rank; r++) {
    while (at < REGIONS - 1 && work[at] * n_rank < work[REGIONS] * r) at++;
    columns->cut[r] = region[at].code << (2 * (FINEST - w.depth));
  }
  columns->cut[n_rank] = (uint64_t)1 << (2 * FINEST);
done:
  free(region);
  free(grid);
  free(stars);
  free(work);
  return status;
}

/* The ranks that a cell reaches, as ranges that rise and do not meet.
 *  @param[out] range [CUBIX_COLUMN_REACH][2] first and last  @return how many */
static int reached(const struct cubix_columns *columns, size_t cell, int (*range)[2])
{
  uint64_t code[CUBIX_COLUMN_REACH];
  int depth, n = 0;
  const double *x = columns->position + 3 * cell;
  const int tiles = cubix_column_reach(&columns->sky, x, columns->radius[cell], &depth, code);
  const int shift = 2 * (CUBIX_COLUMN_DEPTH - depth);
  for (int t = 0; t < tiles; t++) {
    const int first = cubix_mpi_columns_rank(columns, code[t] << shift),
              last = cubix_mpi_columns_rank(columns, ((code[t] + 1) << shift) - 1);
    int at = n++;
    for (; at > 0 && range[at - 1][0] > first; at--) memcpy(range[at], range[at - 1], sizeof *range);
    range[at][0] = first;
    range[at][1] = last;
  }
  int kept = 0;
  for (int t = 1; t < n; t++)
    if (range[t][0] > range[kept][1]) memcpy(range[++kept], range[t], sizeof *range);
    else if (range[t][1] > range[kept][1]) range[kept][1] = range[t][1];
  return n ? kept + 1 : 0;
}

/* Which cells go to which ranks: every thread has a part of the cells. */
static int deal_cells(struct cubix_columns *columns)
{
  int status = CUBIX_OK;
  const size_t n_rank = (size_t)cubix_mpi_size(), parts = (size_t)omp_get_max_threads(), n = columns->n;
  size_t *at = NULL, sum = 0;
  CUBIX_MPI_ALLOC(at, parts * n_rank);
  for (int fill = 0; fill < 2; fill++) {
#pragma omp parallel for schedule(static, 1)
    for (size_t p = 0; p < parts; p++) {
      int range[CUBIX_COLUMN_REACH][2];
      for (size_t i = n * p / parts; i < n * (p + 1) / parts; i++)
        for (int k = reached(columns, i, range); k > 0; k--)
          for (int r = range[k - 1][0]; r <= range[k - 1][1]; r++) {
            const size_t to = at[p * n_rank + (size_t)r]++;
            if (fill) columns->order[to] = (uint32_t)i;
          }
    }
    if (fill) break;
    for (size_t r = 0; r < n_rank; r++) {
      for (size_t p = 0; p < parts; p++) {
        const size_t count = at[p * n_rank + r];
        at[p * n_rank + r] = sum;
        sum += count;
      }
      columns->deal.out[r + 1] = sum;
    }
    CUBIX_MPI_ALLOC(columns->order, sum);
  }
  cubix_mpi_deal_meet(&columns->deal);
done:
  free(at);
  return status;
}

int cubix_mpi_columns_send(const struct cubix_columns *columns, const double *row, int width, double **here)
{
  int status = CUBIX_OK;
  const size_t n_rank = (size_t)cubix_mpi_size(), n = columns->deal.out[n_rank], size = (size_t)width * sizeof *row;
  double *out = NULL;
  CUBIX_MPI_ALLOC(out, n * (size_t)width);
  CUBIX_MPI_ALLOC(*here, columns->deal.in[n_rank] * (size_t)width);
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) memcpy(out + i * (size_t)width, row + columns->order[i] * (size_t)width, size);
  cubix_mpi_deal_travel(&columns->deal, out, *here, size, 0);
done:
  free(out);
  return status;
}

int cubix_mpi_columns_settle(struct cubix_columns *columns, const double *position, size_t n)
{
  int status = CUBIX_OK;
  const int me = cubix_mpi_rank(), n_rank = cubix_mpi_size();
  double *x = NULL, *h = NULL, *a = NULL;
  if (columns->tiles) goto done;
  CUBIX_MPI_CHECK(columns->n < UINT32_MAX, CUBIX_EUSAGE,
                  "%zu cells of gas on one rank, at most %u can be: use more ranks", columns->n, UINT32_MAX - 1);
  if (n_rank == 1) {
    CUBIX_TRY(cubix_column_tiles_build(&columns->tiles, &columns->sky, 0, UINT64_MAX, columns->position,
                                       columns->radius, columns->weight, columns->n));
    goto done;
  }
  CUBIX_TRY(cut_sky(columns, position, n));
  CUBIX_TRY(cubix_mpi_deal_init(&columns->deal));
  CUBIX_TRY(deal_cells(columns));
  CUBIX_TRY(cubix_mpi_columns_send(columns, columns->position, 3, &x));
  CUBIX_TRY(cubix_mpi_columns_send(columns, columns->radius, 1, &h));
  CUBIX_TRY(cubix_mpi_columns_send(columns, columns->weight, 1, &a));
  CUBIX_TRY(cubix_mpi_agree(cubix_column_tiles_build(&columns->tiles, &columns->sky, columns->cut[me],
                                                     columns->cut[me + 1], x, h, a, columns->deal.in[n_rank])));
done:
  free(x);
  free(h);
  free(a);
  return status;
}
