/* multiply_panel.c -- the blocks of a histogram in the order in which they are multiplied.
 *
 * Spaxels are cut into panels.  The blocks of a panel are sorted by row, and their values copied as
 * float32 in that order, so that a template's tile stays in the first-level cache while all blocks
 * of the panel that have it pass by.  Within a template the blocks are sorted by their number of
 * nodes, so that the processor foresees the end of the innermost loop.  Spaxels without stars are
 * in no panel.  Behind dust a template's blocks are sorted by their node in A(V) first. */
#include "histogram/multiply_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { GROUP = 32 };

struct range { int first, last; };

/* Keys of a panel: rows, for each the nodes in A(V) that its blocks have, for each numbers of nodes. */
struct keys { size_t n_row, n_screen, n_length; int screen; };

static struct keys keys_of(const struct cubix_panel *panel, const struct cubix_panels *x)
{
  const struct cubix_histogram *h = x->histogram;
  const int n_row = x->basis->n_row;
  int low = h->nodes.axis.n ? h->nodes.axis.n : 0, high = 0;
  for (size_t s = 0; s < panel->n_spaxel && h->nodes.axis.n; s++) {    /* blocks rise in row */
    const int first = h->block[h->start[panel->spaxel[s]]].row / n_row,
              last = h->block[h->start[panel->spaxel[s] + 1] - 1].row / n_row;
    low = first < low ? first : low;
    high = last > high ? last : high;
  }
  return (struct keys){ (size_t)n_row, (size_t)(high - low + 1), (size_t)h->nodes.n + 1, low };
}

static size_t key_of(const struct keys *k, const struct cubix_block *block)
{
  const size_t row = (size_t)block->row % k->n_row, screen = (size_t)block->row / k->n_row - (size_t)k->screen;
  return row * k->n_screen + screen;
}

static void panel_free(struct cubix_panel *panel)
{
  free(panel->run);
  free(panel->item);
  free(panel->value);
  free(panel->origin);
  memset(panel, 0, sizeof *panel);
}

/* Places of the panel's blocks and values in the order of rows and, of the same row, nodes in A(V) and
 * numbers of nodes.  @param place [n_row][n_screen][n_length], zero */
static int panel_runs(struct cubix_panel *panel, const struct cubix_panels *x, const struct keys *keys,
                      struct cubix_place *place)
{
  int status = CUBIX_OK;
  const struct cubix_histogram *h = x->histogram;
  const size_t n_row = keys->n_row * keys->n_screen, n_key = keys->n_length;
  struct cubix_place at = { 0, 0 };
  struct range *range = NULL;
  CUBIX_ALLOC(range, n_row);
  for (size_t t = 0; t < n_row; t++) range[t].first = h->nodes.n;
  for (size_t s = 0; s < panel->n_spaxel; s++)
    for (size_t b = h->start[panel->spaxel[s]]; b < h->start[panel->spaxel[s] + 1]; b++) {
      const struct cubix_block *block = &h->block[b];
      struct range *r = &range[key_of(keys, block)];
      place[key_of(keys, block) * n_key + (size_t)block->n].item++;
      r->first = block->node < r->first ? block->node : r->first;
      r->last = block->node + block->n > r->last ? block->node + block->n : r->last;
    }
  CUBIX_ALLOC(panel->run, n_row + 1);
  for (size_t t = 0; t < n_row; t++) {
    struct cubix_place first = at;
    for (size_t n = 0; n < n_key; n++) {
      size_t count = place[t * n_key + n].item;
      place[t * n_key + n] = at;
      at.item += count;
      at.value += count * n;
    }
    if (at.item == first.item) continue;
    const size_t row = t / keys->n_screen;
    CUBIX_CHECK(x->basis->slot[row] >= 0, CUBIX_EFAIL,
                "%zu blocks of stars are of library row %zu, which the prepared templates lack", at.item - first.item,
                row);
    panel->run[panel->n_run++] = (struct cubix_run){ (size_t)x->basis->slot[row],
                                                     (int)(t % keys->n_screen) + keys->screen, range[t].first,
                                                     range[t].last - range[t].first, first };
  }
  panel->run[panel->n_run].at = at;
  CUBIX_CHECK((panel->item = cubix_reserve(at.item + CUBIX_AHEAD, sizeof *panel->item)) &&
                  (panel->origin = cubix_reserve(at.item, sizeof *panel->origin)) &&
                  (!h->value || (panel->value = cubix_reserve(at.value, sizeof *panel->value))),
              CUBIX_ENOMEM, "cannot allocate %zu blocks and %zu values of a panel", at.item, at.value);
  memset(panel->item + at.item, 0, CUBIX_AHEAD * sizeof *panel->item);
done:
  free(range);
  return status;
}

/* The blocks that end a group, spaxel by spaxel in the order in which they are added. */
static void mark_groups(struct cubix_panel *panel)
{
  unsigned char n[CUBIX_PANEL] = { 0 };
  for (size_t i = 0; i < panel->run[panel->n_run].at.item; i++) {
    struct cubix_item *item = &panel->item[i];
    if (++n[item->spaxel] < GROUP) continue;
    item->full = 1;
    n[item->spaxel] = 0;
  }
}

static int panel_init(struct cubix_panel *panel, const struct cubix_panels *x, size_t p)
{
  int status = CUBIX_OK;
  const struct cubix_histogram *h = x->histogram;
  const size_t first = p * CUBIX_PANEL;
  struct cubix_place *place = NULL;
  panel->spaxel = x->occupied + first;
  panel->n_spaxel = x->n_occupied - first < CUBIX_PANEL ? x->n_occupied - first : CUBIX_PANEL;
  const struct keys keys = keys_of(panel, x);
  CUBIX_ALLOC(place, keys.n_row * keys.n_screen * keys.n_length);
  CUBIX_TRY(panel_runs(panel, x, &keys, place));
  for (size_t s = 0; s < panel->n_spaxel; s++) {
    double scale = ldexp(x->scale, -h->exponent[panel->spaxel[s]]);
    for (size_t b = h->start[panel->spaxel[s]]; b < h->start[panel->spaxel[s] + 1]; b++) {
      const struct cubix_block *block = &h->block[b];
      struct cubix_place *at = &place[key_of(&keys, block) * keys.n_length + (size_t)block->n];
      panel->origin[at->item] = block->at;
      panel->item[at->item++] =
          (struct cubix_item){ .spaxel = (uint32_t)s & INT32_MAX, .node = block->node, .n = block->n };
      for (int j = 0; j < block->n && h->value; j++)
        panel->value[at->value + (size_t)j] = (float)((double)h->value[block->at + (size_t)j] * scale);
      at->value += (size_t)block->n;
    }
  }
  mark_groups(panel);
done:
  free(place);
  return status;
}

int cubix_panels_init(struct cubix_panels *x, const struct cubix_histogram *h, const struct cubix_basis *basis,
                      double scale, const unsigned char *wanted)
{
  int status = CUBIX_OK, failed = CUBIX_OK;
  *x = (struct cubix_panels){ .histogram = h, .basis = basis, .scale = scale };
  CUBIX_ALLOC(x->occupied, h->n_spaxel);
  for (size_t s = 0; s < h->n_spaxel; s++)
    if (h->start[s] < h->start[s + 1] && (!wanted || wanted[s])) x->occupied[x->n_occupied++] = s;
  x->n_panel = (x->n_occupied + CUBIX_PANEL - 1) / CUBIX_PANEL;
  CUBIX_ALLOC(x->panel, x->n_panel);
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t p = 0; p < x->n_panel; p++)
    if (panel_init(&x->panel[p], x, p)) {
#pragma omp atomic write
      failed = 1;
    }
  for (size_t p = 0; p < x->n_panel && failed; p++) {  /* an error is known to the thread that met it: meet it again */
    panel_free(&x->panel[p]);
    CUBIX_TRY(panel_init(&x->panel[p], x, p));
  }
done:
  return status;
}

double cubix_panels_bytes(double n_value)
{
  return n_value * (sizeof(float) + (sizeof(struct cubix_item) + sizeof(size_t)) / 7.);
}

void cubix_panels_free(struct cubix_panels *x)
{
  for (size_t p = 0; p < x->n_panel && x->panel; p++) panel_free(&x->panel[p]);
  free(x->panel);
  free(x->occupied);
}
