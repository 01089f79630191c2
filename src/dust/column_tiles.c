/* column_tiles.c -- cells of gas in tiles of the sky.
 *
 * Tiles come in levels, each with half the side of the one before. A cell of radius h lies at the level
 * whose tiles have a side between h/2 and h, and stands in the list of every tile there that it
 * reaches: 13.5 on average. A place looks at one tile of each level; half of the cells that it meets in
 * them are indeed in its line of sight. Lists hold numbers of cells, 4 bytes each, and only tiles
 * that some cell reaches have one.
 *
 * A list is sorted by the cells' front faces, z - h, and those with one face by their numbers: cells
 * behind a place are at the end of it. So lists, and the order of sums in derivatives, are the same
 * for any threads, and for any ranks that divide the sky (mpi/dust). */
#include "dust/column_tiles.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "dust/code_sort.h"

struct cubix_column_sky cubix_column_sky_of(const double *low, const double *high)
{
  struct cubix_column_sky sky = { 0, 0, 1 };
  if (!(low[0] < high[0] && low[1] < high[1])) return sky;
  sky.x = low[0];
  sky.y = low[1];
  sky.side = fmax(high[0] - low[0], high[1] - low[1]) * (1 + 0x1p-20);
  return sky;
}

int cubix_column_finest(const struct cubix_column_sky *sky, double x, double y, uint32_t at[2])
{
  const double tiles = (double)(1 << CUBIX_COLUMN_DEPTH);
  const double i = floor((x - sky->x) / sky->side * tiles), j = floor((y - sky->y) / sky->side * tiles);
  if (!(i >= 0 && i < tiles && j >= 0 && j < tiles)) return 0;
  at[0] = (uint32_t)i;
  at[1] = (uint32_t)j;
  return 1;
}

uint64_t cubix_column_code(const struct cubix_column_sky *sky, double x, double y)
{
  uint32_t at[2];
  return cubix_column_finest(sky, x, y, at) ? cubix_column_curve(at[0], at[1]) : UINT64_MAX;
}

static int depth_of(const struct cubix_column_sky *sky, double radius)
{
  const int depth = radius > 0 ? ilogb(sky->side / radius) + 1 : CUBIX_COLUMN_DEPTH;
  return depth < 0 ? 0 : depth > CUBIX_COLUMN_DEPTH ? CUBIX_COLUMN_DEPTH : depth;
}

/* What of [a, b] lies nearest to x. */
static double nearest(double x, double a, double b) { return x < a ? a : x > b ? b : x; }

int cubix_column_reach(const struct cubix_column_sky *sky, const double *position, double radius, int *depth,
                       uint64_t *code)
{
  int n = 0;
  *depth = depth_of(sky, radius);
  const double tiles = (double)(1 << *depth), side = sky->side / tiles;
  const double x = position[0] - sky->x, y = position[1] - sky->y, last = tiles - 1;
  const int i0 = (int)nearest(floor((x - radius) / side), 0, last);
  const int i1 = (int)nearest(floor((x + radius) / side), 0, last);
  const int j0 = (int)nearest(floor((y - radius) / side), 0, last);
  const int j1 = (int)nearest(floor((y + radius) / side), 0, last);
  for (int j = j0; j <= j1; j++)
    for (int i = i0; i <= i1; i++) {
      const double dx = nearest(x, i * side, (i + 1) * side) - x, dy = nearest(y, j * side, (j + 1) * side) - y;
      if (dx * dx + dy * dy < radius * radius && n < CUBIX_COLUMN_REACH)
        code[n++] = cubix_column_curve((uint32_t)i, (uint32_t)j);
    }
  return n;
}

/* A number that rises with x. */
static uint64_t rising(double x)
{
  uint64_t bits;
  x += 0.0;                       /* -0 is 0 */
  memcpy(&bits, &x, sizeof bits);
  return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

/* Cells by level, and in each by front face.
 *  @param[out] order [n]  @param[out] start [CUBIX_COLUMN_DEPTH + 2] where levels begin in it */
static int order_cells(const struct cubix_column_tiles *tiles, uint32_t *order, size_t *start)
{
  int status = CUBIX_OK;
  const size_t n = tiles->n;
  struct cubix_coded *item = NULL, *scratch = NULL;
  CUBIX_ALLOC(item, n);
  CUBIX_ALLOC(scratch, n);
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) item[i] = (struct cubix_coded){ rising(tiles->cell[i].front), (uint32_t)i };
  CUBIX_TRY(cubix_code_sort(item, scratch, n, 64));
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++)
    item[i].code = (uint64_t)depth_of(&tiles->sky, 1 / tiles->cell[item[i].index].per_h);
  CUBIX_TRY(cubix_code_sort(item, scratch, n, 5));
  memset(start, 0, sizeof *start * (CUBIX_COLUMN_DEPTH + 2));
  for (size_t i = 0; i < n; i++) {
    order[i] = item[i].index;
    start[item[i].code + 1]++;
  }
  for (int d = 0; d <= CUBIX_COLUMN_DEPTH; d++) start[d + 1] += start[d];
done:
  free(item);
  free(scratch);
  return status;
}

/* The tiles of a cell that hold codes first .. last - 1. */
static int reach_within(const struct cubix_column_tiles *tiles, uint32_t cell, uint64_t first, uint64_t last,
                        uint64_t *code)
{
  const struct cubix_cell *c = &tiles->cell[cell];
  const double position[2] = { c->x, c->y };
  int depth, kept = 0;
  const int n = cubix_column_reach(&tiles->sky, position, 1 / c->per_h, &depth, code);
  const int shift = 2 * (CUBIX_COLUMN_DEPTH - depth);
  for (int k = 0; k < n; k++)
    if (code[k] << shift < last && (code[k] + 1) << shift > first) code[kept++] = code[k];
  return kept;
}

/* Pairs of tile and cell, in the order of the cells. */
static int list_pairs(const struct cubix_column_tiles *tiles, uint64_t first, uint64_t last, const uint32_t *order,
                      size_t n, struct cubix_coded **out, size_t *n_out)
{
  int status = CUBIX_OK;
  const size_t parts = 4 * (size_t)omp_get_max_threads();
  size_t *at = NULL;
  struct cubix_coded *pair = NULL;
  CUBIX_ALLOC(at, parts + 1);
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t p = 0; p < parts; p++) {
    uint64_t code[CUBIX_COLUMN_REACH];
    for (size_t i = n * p / parts; i < n * (p + 1) / parts; i++)
      at[p + 1] += (size_t)reach_within(tiles, order[i], first, last, code);
  }
  for (size_t p = 0; p < parts; p++) at[p + 1] += at[p];
  *n_out = at[parts];
  CUBIX_ALLOC(pair, *n_out);
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t p = 0; p < parts; p++) {
    uint64_t code[CUBIX_COLUMN_REACH];
    size_t to = at[p];
    for (size_t i = n * p / parts; i < n * (p + 1) / parts; i++) {
      const int k = reach_within(tiles, order[i], first, last, code);
      for (int t = 0; t < k; t++) pair[to++] = (struct cubix_coded){ code[t], order[i] };
    }
  }
  *out = pair;
done:
  free(at);
  return status;
}

/* Sorted pairs to lists, and the table of their tiles. */
static int make_lists(struct cubix_column_level *level, const struct cubix_coded *pair, size_t n)
{
  int status = CUBIX_OK;
  size_t tile = 0;
  for (size_t i = 0; i < n; i++) level->n_tile += i == 0 || pair[i].code != pair[i - 1].code;
  CUBIX_ALLOC(level->code, level->n_tile);
  CUBIX_ALLOC(level->start, level->n_tile + 1);
  CUBIX_ALLOC(level->entry, n);
  while (level->top < 2 * level->depth && (size_t)1 << level->top < 2 * level->n_tile) level->top++;
  CUBIX_ALLOC(level->first, ((size_t)1 << level->top) + 1);
  for (size_t i = 0; i < n; i++) {
    level->entry[i] = pair[i].index;
    if (i && pair[i].code == pair[i - 1].code) continue;
    level->code[tile] = pair[i].code;
    level->start[tile++] = i;
  }
  level->start[tile] = n;
  size_t upper = 0;
  for (tile = 0; tile < level->n_tile; tile++)
    for (; upper <= level->code[tile] >> (2 * level->depth - level->top); upper++) level->first[upper] = (uint32_t)tile;
  for (; upper <= (size_t)1 << level->top; upper++) level->first[upper] = (uint32_t)level->n_tile;
done:
  return status;
}

static int build_level(struct cubix_column_tiles *tiles, int depth, uint64_t first, uint64_t last,
                       const uint32_t *order, size_t n)
{
  int status = CUBIX_OK;
  struct cubix_coded *pair = NULL, *scratch = NULL;
  size_t n_pair = 0;
  CUBIX_TRY(list_pairs(tiles, first, last, order, n, &pair, &n_pair));
  if (!n_pair) goto done;
  struct cubix_column_level *level = &tiles->level[tiles->n_level++];
  level->depth = depth;
  CUBIX_ALLOC(scratch, n_pair);
  CUBIX_TRY(cubix_code_sort(pair, scratch, n_pair, 2 * depth));
  CUBIX_TRY(make_lists(level, pair, n_pair));
done:
  free(pair);
  free(scratch);
  return status;
}

int cubix_column_tiles_build(struct cubix_column_tiles **out, const struct cubix_column_sky *sky, uint64_t first,
                             uint64_t last, const double *position, const double *radius, const double *weight,
                             size_t n)
{
  int status = CUBIX_OK;
  struct cubix_column_tiles *tiles = NULL;
  uint32_t *order = NULL;
  size_t start[CUBIX_COLUMN_DEPTH + 2];
  CUBIX_CHECK(n < UINT32_MAX, CUBIX_EUSAGE, "%zu cells of gas on one rank, at most %u can be: use more ranks", n,
              UINT32_MAX - 1);
  CUBIX_ALLOC(tiles, 1);
  tiles->sky = *sky;
  tiles->n = n;
  CUBIX_ALLOC(tiles->cell, n);
  CUBIX_ALLOC(order, n);
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) tiles->cell[i] = cubix_cell_of(position + 3 * i, radius[i], weight[i]);
  CUBIX_TRY(order_cells(tiles, order, start));
  for (int d = 0; d <= CUBIX_COLUMN_DEPTH; d++)
    if (start[d + 1] > start[d])
      CUBIX_TRY(build_level(tiles, d, first, last, order + start[d], start[d + 1] - start[d]));
  *out = tiles;
  tiles = NULL;
done:
  free(order);
  cubix_column_tiles_free(tiles);
  return status;
}

/* A circle of r sides of a square reaches 1 + 4 r + pi r^2 squares, on average over where it lies: 8 to 22 here. */
double cubix_column_tiles_bytes(const struct cubix_column_sky *sky, const double *radius, size_t n, double *sorting)
{
  const double each = sizeof(struct cubix_coded), cells = (double)n;
  double pairs[CUBIX_COLUMN_DEPTH + 1] = { 0 }, entries = 0, most = 2 * each * cells;
  for (size_t i = 0; i < n; i++) {
    const int depth = depth_of(sky, radius[i]);
    const double r = ldexp(radius[i] / sky->side, depth);
    pairs[depth] += fmin(1 + r * (4 + 3.1416 * r), ldexp(1, 2 * depth));
  }
  for (int d = 0; d <= CUBIX_COLUMN_DEPTH; d++) {
    entries += sizeof(uint32_t) * pairs[d];
    most = fmax(most, entries + 2 * each * pairs[d]);
  }
  *sorting = sizeof(uint32_t) * cells + fmax(most - entries, 0);
  return cells * sizeof(struct cubix_cell) + entries;
}

void cubix_column_tiles_free(struct cubix_column_tiles *tiles)
{
  if (!tiles) return;
  for (int l = 0; l < tiles->n_level; l++) {
    free(tiles->level[l].code);
    free(tiles->level[l].start);
    free(tiles->level[l].first);
    free(tiles->level[l].entry);
  }
  free(tiles->cell);
  free(tiles);
}
