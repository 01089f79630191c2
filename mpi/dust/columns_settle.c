/* columns_settle.c -- the sky is divided among ranks.
 *
 * 256 x 256 regions along Morton's curve are cut where the sums of stars times cells say that each rank has
 * about the same work. Stars are those of the first call: with chunks a part of every rank's, which are
 * as good as a sample. A cell goes to every rank that has a tile of the cell's own level that it reaches, so
 * that a rank has all cells in front of any place in its part, in the order of the ranks and thereby of
 * the file. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"
#include "mpi/dust/columns_parts.h"

enum { DEPTH = 8, SIDE = 1 << DEPTH, REGIONS = SIDE * SIDE, SHIFT = 2 * (CUBIX_COLUMN_DEPTH - DEPTH), PER_CELL = 256 };

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

/* Cells that a place in a region will meet, times PER_CELL: as differences with those before in a row
 * and above, so that a cell costs the same however wide it is. */
static void count_cells(const struct cubix_columns *columns, uint64_t *grid)
{
  const double side = columns->sky.side / SIDE;
  for (size_t c = 0; c < columns->n; c++) {
    const double h = columns->radius[c], x = columns->position[3 * c] - columns->sky.x,
                 y = columns->position[3 * c + 1] - columns->sky.y;
    const int i0 = (int)fmax((x - h) / side, 0), i1 = (int)fmin((x + h) / side, SIDE - 1);
    const int j0 = (int)fmax((y - h) / side, 0), j1 = (int)fmin((y + h) / side, SIDE - 1);
    const double regions = (i1 - i0 + 1.) * (j1 - j0 + 1.);
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

static int cut_sky(struct cubix_columns *columns, const double *position, size_t n)
{
  int status = CUBIX_OK;
  const int n_rank = cubix_mpi_size();
  uint64_t *grid = NULL, *stars = NULL;
  double *work = NULL;
  CUBIX_MPI_ALLOC(grid, (SIDE + 1) * (SIDE + 1));
  CUBIX_MPI_ALLOC(stars, REGIONS);
  CUBIX_MPI_ALLOC(work, REGIONS + 1);
  CUBIX_MPI_ALLOC(columns->cut, n_rank + 1);
  count_cells(columns, grid);
  for (size_t i = 0; i < n; i++) {
    const uint64_t code = cubix_column_code(&columns->sky, position[3 * i], position[3 * i + 1]);
    if (code != UINT64_MAX) stars[code >> SHIFT]++;
  }
  cubix_mpi_sum_counts(grid, (SIDE + 1) * (SIDE + 1));
  cubix_mpi_sum_counts(stars, REGIONS);
  for (uint32_t j = 0; j < SIDE; j++)
    for (uint32_t i = 0; i < SIDE; i++) {
      const uint64_t at = cubix_column_curve(i, j);
      work[at + 1] = (1 + (double)stars[at]) * (PER_CELL + (double)grid[j * (SIDE + 1) + i]);
    }
  for (int r = 0; r < REGIONS; r++) work[r + 1] += work[r];
  for (int r = 1, at = 0; r < n_rank; r++) {
    while (at < REGIONS && work[at] * n_rank < work[REGIONS] * r) at++;
    columns->cut[r] = (uint64_t)at << SHIFT;
  }
  columns->cut[n_rank] = (uint64_t)REGIONS << SHIFT;
done:
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
