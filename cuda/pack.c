/* pack.c -- the blobs of multiply.h, and for derivatives the way back.
 *
 * Spaxels' blocks rise in row, but each spaxel has rows of its own: a table [row][panel] takes the
 * union of the windows of a panel's spaxels, and is walked row by row.  The group's windows are
 * unions of its panels', cut into steps.  Weights are value/2^exponent times scale, in float32. */
#include "cuda/pack.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { PANEL = CUBIX_CUDA_PANEL, WARPS = CUBIX_CUDA_WARPS, GROUP = CUBIX_CUDA_GROUP, WINDOW = CUBIX_CUDA_WINDOW };

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
  for (size_t i = 0; i < (size_t)p->n_screen * (size_t)p->basis->n_row * WARPS; i++)
    p->extent[i] = (struct cubix_cuda_extent){ INT16_MAX, 0, 0 };
  for (size_t m = 0; m < members(p, g); m++) {
    size_t s = p->spaxel[g * GROUP + m];
    for (size_t b = h->start[s]; b < h->start[s + 1]; b++) {
      const int row = h->block[b].row, n_row = p->basis->n_row;
      if (row >= p->n_screen * n_row || p->basis->slot[row % n_row] < 0) {
        p->missing = row % n_row;
        continue;
      }
      struct cubix_cuda_extent *e = &p->extent[(size_t)row * WARPS + m / PANEL];
      int lo = h->block[b].node, hi = lo + h->block[b].n;
      if (lo < e->lo) e->lo = (int16_t)lo;
      if (hi > e->hi) e->hi = (int16_t)hi;
    }
  }
}

/* Row after row, for each node in A(V) after node, step after step; with a step, written from there on.
 * @return how many steps; *n_weight: nodes of all panels */
static int walk(struct cubix_cuda_packer *p, struct cubix_cuda_step *step, size_t *n_weight)
{
  const int n_node = p->basis->nodes.n, n_row = p->basis->n_row;
  int n_step = 0;
  uint32_t at = 0;
  for (int i = 0; i < n_row * p->n_screen; i++) {
    const int row = i / p->n_screen, screen = i % p->n_screen;
    struct cubix_cuda_extent *e = &p->extent[(size_t)(screen * n_row + row) * WARPS];
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
      step[n_step] = (struct cubix_cuda_step){ .row = p->basis->slot[row] * n_node + first,
                                               .n = (int16_t)(last - first),
                                               .screen = (int16_t)screen };
      for (int w = 0; w < WARPS; w++) {
        int a = e[w].lo > first ? e[w].lo : first, b = e[w].hi < last ? e[w].hi : last;
        if (a < b)
          step[n_step].piece[w] = (struct cubix_cuda_piece){ e[w].base + (uint32_t)(a - e[w].lo), (uint16_t)(a - first),
                                                             (uint16_t)(b - a) };
      }
    }
  }
  *n_weight = at;
  return n_step;
}

/* Look at group g, and for rows that the basis lacks: those have no part in it.  @return bytes of its blob */
static size_t size_of(struct cubix_cuda_packer *p, size_t g, int *n_step)
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
      for (int j = 0; j < block->n; j++)
        to[(size_t)j * PANEL] = (float)((double)h->value[block->at + (size_t)j] * factor);
    }
  }
}

size_t cubix_cuda_packer_steps(struct cubix_cuda_packer *p, size_t g, struct cubix_cuda_step *step)
{
  size_t n_weight;
  look(p, g);
  walk(p, step, &n_weight);
  return n_weight;
}

void cubix_cuda_packer_take(struct cubix_cuda_packer *p, size_t g, const double *bar, double *value_bar)
{
  const struct cubix_histogram *h = p->histogram;
  size_t n_weight;
  look(p, g);
  walk(p, NULL, &n_weight);
  for (size_t m = 0; m < members(p, g); m++) {
    size_t s = p->spaxel[g * GROUP + m];
    for (size_t b = h->start[s]; b < h->start[s + 1]; b++) {
      const struct cubix_block *block = &h->block[b];
      const struct cubix_cuda_extent *e = &p->extent[(size_t)block->row * WARPS + m / PANEL];
      const double *from = bar + (e->base + (size_t)(block->node - e->lo)) * PANEL + m % PANEL;
      for (int j = 0; j < block->n; j++) value_bar[block->at + (size_t)j] += p->scale * from[(size_t)j * PANEL];
    }
  }
}

/* ---- all threads together -------------------------------------------------------------------- */

/* Spaxels with blocks, square after square of a group and in it panel after panel: neighbours have
 * rows and velocities in common. */
static void list_spaxels(struct cubix_cuda_packers *packers, const struct cubix_histogram *h, int n_x, int n_y,
                         const unsigned char *wanted)
{
  enum { SIDE = 8, ACROSS = 4, DOWN = PANEL / ACROSS };
  for (int y0 = 0; y0 < n_y; y0 += SIDE)
    for (int x0 = 0; x0 < n_x; x0 += SIDE)
      for (int i = 0; i < SIDE * SIDE; i++) {
        int panel = i / PANEL, q = i % PANEL;
        int x = x0 + panel % (SIDE / ACROSS) * ACROSS + q % ACROSS,
            y = y0 + panel / (SIDE / ACROSS) * DOWN + q / ACROSS;
        size_t s = (size_t)y * (size_t)n_x + (size_t)x;
        if (x < n_x && y < n_y && h->start[s] < h->start[s + 1] && (!wanted || wanted[s]))
          packers->spaxel[packers->n_spaxel++] = s;
      }
}

int cubix_cuda_packers_init(struct cubix_cuda_packers *packers, const struct cubix_histogram *h,
                            const struct cubix_basis *basis, int n_x, int n_y, const unsigned char *wanted,
                            double scale)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(packers->spaxel, h->n_spaxel);
  list_spaxels(packers, h, n_x, n_y, wanted);
  packers->n_group = (packers->n_spaxel + GROUP - 1) / GROUP;
  CUBIX_ALLOC(packers->bytes, packers->n_group);
  CUBIX_ALLOC(packers->n_step, packers->n_group);
  packers->n = omp_get_max_threads();
  CUBIX_ALLOC(packers->packer, packers->n);
  for (int t = 0; t < packers->n; t++) {
    struct cubix_cuda_packer *p = &packers->packer[t];
    *p = (struct cubix_cuda_packer){ .histogram = h,
                                     .basis = basis,
                                     .spaxel = packers->spaxel,
                                     .n_spaxel = packers->n_spaxel,
                                     .scale = scale,
                                     .missing = -1,
                                     .n_screen = h->nodes.axis.n ? h->nodes.axis.n : 1 };
    CUBIX_ALLOC(p->extent, (size_t)p->n_screen * (size_t)basis->n_row * WARPS);
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(packers->n)
  for (size_t g = 0; g < packers->n_group; g++)
    packers->bytes[g] = size_of(&packers->packer[omp_get_thread_num()], g, &packers->n_step[g]);
  for (int t = 0; t < packers->n; t++)            /* mass on a row that the basis lacks would be lost */
    CUBIX_CHECK(packers->packer[t].missing < 0, CUBIX_EFAIL,
                "stars are of library row %d, which the prepared templates lack", packers->packer[t].missing);
done:
  return status;
}

void cubix_cuda_packers_free(struct cubix_cuda_packers *packers)
{
  for (int t = 0; t < packers->n && packers->packer; t++) free(packers->packer[t].extent);
  free(packers->packer);
  free(packers->spaxel);
  free(packers->bytes);
  free(packers->n_step);
}
