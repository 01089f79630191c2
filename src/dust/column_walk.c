/* column_walk.c -- every place meets the cells that may be in front of it.
 *
 * Places are sorted along Morton's curve, a batch at a time, and taken a group at a time by one thread.
 * In a group those that share a tile of a level lie side by side: the tile's list is brought
 * into the nearest cache once for them all, a piece at a time, as plain columns, and each of them goes through
 * as much of it as begins in front of it. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "dust/code_sort.h"
#include "dust/column_parts.h"

enum { BATCH = 1 << 22 };

/* The list of a tile.  @return its length */
static size_t find_list(const struct cubix_column_level *level, uint64_t code, const uint32_t **entry)
{
  const uint64_t upper = code >> (2 * level->depth - level->top);
  size_t low = level->first[upper], high = level->first[upper + 1];
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (level->code[middle] < code) low = middle + 1;
    else high = middle;
  }
  if (low == level->n_tile || level->code[low] != code) return 0;
  *entry = level->entry + level->start[low];
  return level->start[low + 1] - level->start[low];
}

/* Cells of a list from one on, as many as begin in front of z and fit. */
static void take_piece(struct cubix_column_piece *piece, const struct cubix_column_tiles *tiles, const uint32_t *entry,
                       size_t n, double z)
{
  int k = 0;
  piece->cell = entry;
  for (; k < CUBIX_COLUMN_PIECE && (size_t)k < n; k++) {
    const struct cubix_cell *c = &tiles->cell[entry[k]];
    if (!(c->front < z)) break;
    piece->x[k] = c->x;
    piece->y[k] = c->y;
    piece->z[k] = c->z;
    piece->per_h[k] = c->per_h;
    piece->middle[k] = c->middle;
    piece->front[k] = c->front;
  }
  piece->n = k;
  for (; k % CUBIX_COLUMN_LANES; k++) {
    piece->x[k] = piece->x[k - 1];
    piece->y[k] = piece->y[k - 1];
    piece->z[k] = piece->z[k - 1];
    piece->per_h[k] = piece->per_h[k - 1];
    piece->middle[k] = 0;
  }
}

static void walk_level(const struct cubix_column_walk *walk, const struct cubix_column_level *level, void *scratch,
                       struct cubix_column_piece *piece, struct cubix_column_group *g)
{
  const int shift = 2 * (CUBIX_COLUMN_DEPTH - level->depth);
  for (int from = 0, to; from < g->n; from = to) {
    const uint64_t code = g->code[from] >> shift;
    const uint32_t *entry = NULL;
    double z = g->z[from];
    for (to = from + 1; to < g->n && g->code[to] >> shift == code; to++) z = fmax(z, g->z[to]);
    const size_t n = find_list(level, code, &entry);
    for (size_t at = 0; at < n; at += CUBIX_COLUMN_PIECE) {
      take_piece(piece, walk->tiles, entry + at, n - at, z);
      if (piece->n) walk->run(walk, scratch, piece, g, from, to);
      if (piece->n < CUBIX_COLUMN_PIECE) break;
    }
  }
}

static void begin_group(const struct cubix_column_walk *walk, struct cubix_column_group *g,
                        const struct cubix_coded *item, size_t first, size_t n)
{
  const double *dot = walk->dot ? walk->dot->position : NULL;
  g->n = 0;
  for (size_t i = 0; i < n && item[i].code != UINT64_MAX; i++) {
    const size_t at = first + item[i].index;
    const double *x = walk->position + 3 * at;
    const int k = g->n++;
    g->code[k] = item[i].code;
    g->index[k] = item[i].index;
    g->x[k] = x[0];
    g->y[k] = x[1];
    g->z[k] = x[2];
    g->sum[k] = g->slope[0][k] = g->slope[1][k] = g->slope[2][k] = 0;
    g->bar[k] = walk->screen_bar ? ldexp(walk->screen_bar[at], -walk->exponent) : 0;
    for (int c = 0; c < 3; c++) g->dot[c][k] = dot ? dot[3 * at + (size_t)c] : 0;
  }
}

static void end_group(const struct cubix_column_walk *walk, const struct cubix_column_group *g, size_t first)
{
  for (int k = 0; k < g->n; k++) {
    const size_t at = first + g->index[k];
    if (walk->screen) walk->screen[at] = g->sum[k];
    for (int c = 0; c < 3 && walk->position_bar; c++)
      walk->position_bar[3 * at + (size_t)c] += walk->screen_bar[at] * g->slope[c][k];
  }
}

static int walk_batch(const struct cubix_column_walk *walk, struct cubix_coded *item, struct cubix_coded *scratch,
                      size_t first, size_t n)
{
  int status = CUBIX_OK;
  const struct cubix_column_tiles *tiles = walk->tiles;
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) {
    const double *x = walk->position + 3 * (first + i);
    item[i] = (struct cubix_coded){ cubix_column_code(&tiles->sky, x[0], x[1]), (uint32_t)i };
    if (walk->screen) walk->screen[first + i] = 0;
  }
  size_t inside = 0;                            /* the others have nothing in front */
  for (size_t i = 0; i < n; i++)
    if (item[i].code != UINT64_MAX) item[inside++] = item[i];
  CUBIX_TRY(cubix_code_sort(item, scratch, inside, 2 * CUBIX_COLUMN_DEPTH));
  int lacking = 0;
#pragma omp parallel reduction(+ : lacking)
  {
    struct cubix_column_piece *piece = cubix_alloc(1, sizeof *piece);
    struct cubix_column_group *g = cubix_alloc(1, sizeof *g);
    void *own = cubix_alloc(walk->scratch + 1, 1);
    const int there = piece && g && own;
    lacking += !there;
#pragma omp for schedule(dynamic, 1)
    for (size_t at = 0; at < inside; at += CUBIX_COLUMN_GROUP) {
      if (!there) continue;
      begin_group(walk, g, item + at, first, inside - at < CUBIX_COLUMN_GROUP ? inside - at : CUBIX_COLUMN_GROUP);
      for (int l = 0; l < tiles->n_level; l++) walk_level(walk, &tiles->level[l], own, piece, g);
      end_group(walk, g, first);
    }
    free(piece);
    free(g);
    free(own);
  }
  CUBIX_CHECK(!lacking, CUBIX_ENOMEM, "cannot allocate %zu bytes for columns of dust, in %d of %d threads",
              sizeof(struct cubix_column_piece) + sizeof(struct cubix_column_group) + walk->scratch, lacking,
              omp_get_max_threads());
done:
  return status;
}

double cubix_column_walk_bytes(double n) { return 2 * sizeof(struct cubix_coded) * fmin(n, BATCH); }

int cubix_column_walk(const struct cubix_column_walk *walk)
{
  int status = CUBIX_OK;
  const size_t batch = walk->n < BATCH ? walk->n : BATCH;
  struct cubix_coded *item = NULL, *scratch = NULL;
  CUBIX_ALLOC(item, batch);
  CUBIX_ALLOC(scratch, batch);
  for (size_t first = 0; first < walk->n; first += BATCH)
    CUBIX_TRY(walk_batch(walk, item, scratch, first, walk->n - first < BATCH ? walk->n - first : BATCH));
done:
  free(item);
  free(scratch);
  return status;
}
