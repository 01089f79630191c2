/* dusty_panel.c -- the blocks of a histogram behind dust in the order in which dusty.c multiplies them.
 *
 * A line is a spaxel, or of one with more nodes in A(V) than a middle one serves, some that are
 * neighbours.  All blocks of a line that are of one library row, each of another node in A(V), become one item:
 * the union of their windows, with the values of all nodes one after the other.  Items are sorted by row, and
 * within a row by the length of their windows, as in multiply_panel.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "histogram/dusty_parts.h"
#include "histogram/multiply_parts.h"

enum { GROUP = 32 };

struct found { int row; size_t line; int first, last, low, high; };   /* an item before it is sorted; last: one after */

static size_t length_of(int n)
{
  return ((size_t)n + CUBIX_DUSTY_LANE - 1) / CUBIX_DUSTY_LANE * CUBIX_DUSTY_LANE;
}

static size_t size_of(const struct found *f) { return length_of(f->last - f->first) * (size_t)(f->high - f->low + 1); }

static int list_lines(struct cubix_dusty *x)
{
  int status = CUBIX_OK;
  const struct cubix_histogram *h = x->histogram;
  const int n_row = x->basis->n_row, most = 2 * x->reach + 1;
  size_t room = 0;
  for (int pass = 0; pass < 2; pass++) {
    x->n_line = 0;
    for (size_t s = 0; s < h->n_spaxel; s++) {
      if (h->start[s] == h->start[s + 1]) continue;
      const int low = h->block[h->start[s]].row / n_row, high = h->block[h->start[s + 1] - 1].row / n_row;
      const int n_part = (high - low + most) / most, each = (high - low + n_part) / n_part;
      for (int first = low; first <= high; first += each, x->n_line++) {
        const int last = first + each - 1 < high ? first + each - 1 : high;
        if (pass) x->line[x->n_line] = (struct cubix_dusty_line){ s, first, last, (first + last) / 2 };
      }
    }
    if (!pass) CUBIX_ALLOC(x->line, room = x->n_line);
  }
  x->n_panel = (x->n_line + CUBIX_DUSTY_PANEL - 1) / CUBIX_DUSTY_PANEL;
done:
  (void)room;
  return status;
}

/* Blocks first .. last - 1 of a line.  They rise in row, and so in node. */
struct blocks { size_t first, last; };

static struct blocks blocks_of(const struct cubix_dusty *x, const struct cubix_dusty_line *line)
{
  const struct cubix_histogram *h = x->histogram;
  const int n_row = x->basis->n_row;
  struct blocks b = { h->start[line->spaxel], h->start[line->spaxel + 1] };
  while (h->block[b.first].row / n_row < line->low) b.first++;
  while (b.last > b.first && h->block[b.last - 1].row / n_row > line->high) b.last--;
  return b;
}

/* What a panel is made in. */
struct workshop {
  struct cubix_place *place;      /* [n_row][n_length] */
  struct found *found;            /* line after line */
  size_t n_found, room;
  int32_t *at;                    /* [n_row] -1, or which of those found is this line's */
};

static void workshop_free(struct workshop *w)
{
  free(w->place);
  free(w->found);
  free(w->at);
}

/* The items of line number i. */
static int find_items(struct workshop *w, const struct cubix_dusty *x, const struct cubix_dusty_panel *panel, size_t i)
{
  int status = CUBIX_OK;
  const struct cubix_histogram *h = x->histogram;
  const int n_row = x->basis->n_row;
  const struct blocks b = blocks_of(x, &panel->line[i]);
  const size_t before = w->n_found;
  if (w->n_found + (b.last - b.first) > w->room) {
    w->room = 2 * w->room + (b.last - b.first);
    struct found *more = realloc(w->found, w->room * sizeof *more);
    CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate %zu items of a panel", w->room);
    w->found = more;
  }
  for (size_t k = b.first; k < b.last; k++) {
    const struct cubix_block *block = &h->block[k];
    const int row = block->row % n_row, screen = block->row / n_row, end = block->node + block->n;
    if (w->at[row] < 0) {
      w->at[row] = (int32_t)w->n_found;
      w->found[w->n_found++] = (struct found){ row, i, block->node, end, screen, screen };
      continue;
    }
    struct found *f = &w->found[w->at[row]];
    f->first = block->node < f->first ? block->node : f->first;
    f->last = end > f->last ? end : f->last;
    f->high = screen;
  }
  for (size_t f = before; f < w->n_found; f++) w->at[w->found[f].row] = -1;
done:
  return status;
}

/* Runs, and the places of their items. */
static int sort_items(struct workshop *w, const struct cubix_dusty *x, struct cubix_dusty_panel *panel)
{
  int status = CUBIX_OK;
  const size_t n_row = (size_t)x->basis->n_row, n_length = (size_t)x->histogram->nodes.n + 1;
  struct cubix_place at = { 0, 0 };
  struct { int first, last; } *range = NULL;
  CUBIX_ALLOC(range, n_row);
  for (size_t t = 0; t < n_row; t++) range[t].first = x->histogram->nodes.n;
  for (size_t f = 0; f < w->n_found; f++) {
    const struct found *i = &w->found[f];
    struct cubix_place *place = &w->place[(size_t)i->row * n_length + (size_t)(i->last - i->first)];
    place->item++;
    place->value += size_of(i);
    if (i->first < range[i->row].first) range[i->row].first = i->first;
    if (i->last > range[i->row].last) range[i->row].last = i->last;
  }
  CUBIX_ALLOC(panel->run, n_row + 1);
  for (size_t t = 0; t < n_row; t++) {
    const struct cubix_place first = at;
    for (size_t n = 0; n < n_length; n++) {
      const struct cubix_place here = w->place[t * n_length + n];
      w->place[t * n_length + n] = at;
      at.item += here.item;
      at.value += here.value;
    }
    if (at.item == first.item) continue;
    CUBIX_CHECK(x->basis->slot[t] >= 0, CUBIX_EFAIL,
                "%zu blocks of stars are of library row %zu, which the prepared templates lack", at.item - first.item,
                t);
    panel->run[panel->n_run++] = (struct cubix_dusty_run){ (size_t)x->basis->slot[t], range[t].first,
                                                           range[t].last - range[t].first, first.item, first.value };
  }
  panel->run[panel->n_run].item = at.item;
  panel->run[panel->n_run].value = at.value;
  CUBIX_ALLOC(panel->item, at.item + CUBIX_AHEAD);
  CUBIX_ALLOC(panel->value, at.value);
done:
  free(range);
  return status;
}

/* The items of a line, of which the first is found[f], to their places.  @return the first of the next line */
static size_t lay_out(struct workshop *w, const struct cubix_dusty *x, struct cubix_dusty_panel *panel, size_t f)
{
  const struct cubix_histogram *h = x->histogram;
  const size_t n_length = (size_t)h->nodes.n + 1, i = w->found[f].line, begin = f;
  const struct cubix_dusty_line *line = &panel->line[i];
  const struct blocks b = blocks_of(x, line);
  const double scale = ldexp(x->scale, -h->exponent[line->spaxel]);
  for (; f < w->n_found && w->found[f].line == i; f++) w->at[w->found[f].row] = (int32_t)f;
  for (size_t k = b.first; k < b.last; k++) {
    const struct cubix_block *block = &h->block[k];
    const struct found *of = &w->found[w->at[block->row % x->basis->n_row]];
    const struct cubix_place at = w->place[(size_t)of->row * n_length + (size_t)(of->last - of->first)];
    float *value = panel->value + at.value +
                   length_of(of->last - of->first) * (size_t)(block->row / x->basis->n_row - of->low) + block->node -
                   of->first;
    for (int j = 0; j < block->n; j++) value[j] = (float)((double)h->value[block->at + (size_t)j] * scale);
  }
  for (size_t g = begin; g < f; g++) {
    const struct found *of = &w->found[g];
    struct cubix_place *at = &w->place[(size_t)of->row * n_length + (size_t)(of->last - of->first)];
    panel->item[at->item++] = (struct cubix_dusty_item){ .line = (uint32_t)i & INT32_MAX,
                                                         .node = (int16_t)of->first,
                                                         .n = (int16_t)(of->last - of->first),
                                                         .offset = (int16_t)(of->low - line->centre),
                                                         .n_screen = (int16_t)(of->high - of->low + 1) };
    at->value += size_of(of);
    w->at[of->row] = -1;
  }
  return f;
}

static void mark_groups(struct cubix_dusty_panel *panel)
{
  unsigned char n[CUBIX_DUSTY_PANEL] = { 0 };
  for (size_t i = 0; i < panel->run[panel->n_run].item; i++) {
    struct cubix_dusty_item *item = &panel->item[i];
    if (++n[item->line] < GROUP) continue;
    item->full = 1;
    n[item->line] = 0;
  }
}

static int panel_init(struct cubix_dusty *x, size_t p)
{
  int status = CUBIX_OK;
  struct cubix_dusty_panel *panel = &x->panel[p];
  struct workshop w = { .n_found = 0 };
  const size_t first = p * CUBIX_DUSTY_PANEL, n_row = (size_t)x->basis->n_row;
  panel->line = x->line + first;
  panel->n_line = x->n_line - first < CUBIX_DUSTY_PANEL ? x->n_line - first : CUBIX_DUSTY_PANEL;
  CUBIX_ALLOC(w.place, n_row * ((size_t)x->histogram->nodes.n + 1));
  CUBIX_ALLOC(w.at, n_row);
  for (size_t t = 0; t < n_row; t++) w.at[t] = -1;
  for (size_t i = 0; i < panel->n_line; i++) CUBIX_TRY(find_items(&w, x, panel, i));
  CUBIX_TRY(sort_items(&w, x, panel));
  for (size_t f = 0; f < w.n_found;) f = lay_out(&w, x, panel, f);
  mark_groups(panel);
done:
  workshop_free(&w);
  return status;
}

int cubix_dusty_panels(struct cubix_dusty *x)
{
  int status = CUBIX_OK, failed = 0;
  CUBIX_TRY(list_lines(x));
  CUBIX_ALLOC(x->panel, x->n_panel);
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t p = 0; p < x->n_panel; p++)
    if (panel_init(x, p)) {
#pragma omp atomic write
      failed = 1;
    }
  for (size_t p = 0; p < x->n_panel && failed; p++) {  /* an error is known to the thread that met it: meet it again */
    free(x->panel[p].run);
    free(x->panel[p].item);
    free(x->panel[p].value);
    x->panel[p] = (struct cubix_dusty_panel){ .n_run = 0 };
    CUBIX_TRY(panel_init(x, p));
  }
done:
  return status;
}
