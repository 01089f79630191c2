/* pack.c -- the blobs of tile.h.
 *
 * Spaxels' blocks rise in row, but each spaxel has rows of its own: a table [row][panel] takes the union of the windows of a panel's spaxels, and is walked
 * row by row.  The group's windows are unions of its panels', cut into steps.  Weights are value/2^exponent times scale, in float32.     */
#include "pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

enum { PANEL = CUBIX_CUDA_PANEL, WARPS = CUBIX_CUDA_WARPS, GROUP = CUBIX_CUDA_GROUP, WINDOW = CUBIX_CUDA_WINDOW };

int cubix_cuda_packer_init(struct cubix_cuda_packer *packer, const struct cubix_histogram *histogram, const struct cubix_basis *basis, const size_t *spaxel, size_t n_spaxel, double scale)
{
  int status = CUBIX_OK;
  memset(packer, 0, sizeof *packer);
  packer->histogram = histogram;
  packer->basis = basis;
  packer->spaxel = spaxel;
  packer->n_spaxel = n_spaxel;
  packer->scale = scale;
  packer->missing = -1;
  CUBIX_ALLOC(packer->extent, (size_t)basis->n_row * WARPS);
done:
  return status;
}

/* Number of spaxels in group g. */
static size_t members(const struct cubix_cuda_packer *p, size_t g)
{
  size_t left = p->n_spaxel - g * GROUP;
  return left < GROUP ? left : GROUP;
}

/* The windows of a group's panels. */
static void look(struct cubix_cuda_packer *p, size_t g)
{
  const struct cubix_histogram *h = p->histogram;
  for (size_t i = 0; i < (size_t)p->basis->n_row * WARPS; i++) p->extent[i] = (struct cubix_cuda_extent){ INT16_MAX, 0, 0 };
  for (size_t m = 0; m < members(p, g); m++) {
    size_t s = p->spaxel[g * GROUP + m];
    for (size_t b = h->start[s]; b < h->start[s + 1]; b++) {
      int row = h->block[b].row;
      if (row >= p->basis->n_row || p->basis->slot[row] < 0) {
        p->missing = row;
        continue;
      }
      struct cubix_cuda_extent *e = &p->extent[(size_t)row * WARPS + m / PANEL];
      int lo = h->block[b].node, hi = lo + h->block[b].n;
      if (lo < e->lo) e->lo = (int16_t)lo;
      if (hi > e->hi) e->hi = (int16_t)hi;
    }
  }
}

/* Row after row, step after step; with a step, written from there on.  @return how many steps; *n_weight: nodes of all panels */
static int walk(struct cubix_cuda_packer *p, struct cubix_cuda_step *step, size_t *n_weight)
{
  int n_step = 0, n_node = p->basis->nodes.n;
  uint32_t at = 0;
  for (int row = 0; row < p->basis->n_row; row++) {
    struct cubix_cuda_extent *e = &p->extent[(size_t)row * WARPS];
    int lo = INT16_MAX, hi = 0;
    for (int w = 0; w < WARPS; w++) {
      if (e[w].lo >= e[w].hi) continue;
      lo = e[w].lo < lo ? e[w].lo : lo;
      hi = e[w].hi > hi ? e[w].hi : hi;
      e[w].base = at;
      at += (uint32_t)(e[w].hi - e[w].lo);
    }
    for (int first = lo; first < hi; first += WINDOW, n_step++) {
      int last = hi - first < WINDOW ? hi : first + WINDOW;
      if (!step) continue;
      step[n_step] = (struct cubix_cuda_step){ .row = p->basis->slot[row] * n_node + first, .n = last - first };
      for (int w = 0; w < WARPS; w++) {
        int a = e[w].lo > first ? e[w].lo : first, b = e[w].hi < last ? e[w].hi : last;
        if (a < b) step[n_step].piece[w] = (struct cubix_cuda_piece){ e[w].base + (uint32_t)(a - e[w].lo), (uint16_t)(a - first), (uint16_t)(b - a) };
      }
    }
  }
  *n_weight = at;
  return n_step;
}

size_t cubix_cuda_packer_size(struct cubix_cuda_packer *p, size_t g, int *n_step)
{
  size_t n_weight;
  look(p, g);
  *n_step = walk(p, NULL, &n_weight);
  return cubix_cuda_weights_at((size_t)*n_step) + n_weight * PANEL * sizeof(float);
}

void cubix_cuda_packer_fill(struct cubix_cuda_packer *p, size_t g, int n_step, size_t bytes, void *blob)
{
  const struct cubix_histogram *h = p->histogram;
  float *weight = (float *)((char *)blob + cubix_cuda_weights_at((size_t)n_step));
  size_t n_weight;
  memset(blob, 0, bytes);
  look(p, g);
  walk(p, blob, &n_weight);
  for (size_t m = 0; m < members(p, g); m++) {
    size_t s = p->spaxel[g * GROUP + m];
    double factor = ldexp(p->scale, -h->exponent[s]);
    for (size_t b = h->start[s]; b < h->start[s + 1]; b++) {
      const struct cubix_block *block = &h->block[b];
      const struct cubix_cuda_extent *e = &p->extent[(size_t)block->row * WARPS + m / PANEL];
      float *to = weight + (e->base + (size_t)(block->node - e->lo)) * PANEL + m % PANEL;
      for (int j = 0; j < block->n; j++) to[(size_t)j * PANEL] = (float)((double)h->value[block->at + (size_t)j] * factor);
    }
  }
}

void cubix_cuda_packer_free(struct cubix_cuda_packer *packer)
{
  free(packer->extent);
  packer->extent = NULL;
}
