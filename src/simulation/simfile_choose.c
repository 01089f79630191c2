/* simfile_choose.c -- of a snapshot only some rows: those of a galaxy that a catalogue names. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "simulation/simfile.h"

int cubix_choice_add(struct cubix_choice *choice, int part, int64_t from, int64_t to)
{
  int status = CUBIX_OK;
  struct cubix_chosen *last = choice->n ? &choice->list[choice->n - 1] : NULL, *more;
  if (from >= to) goto done;
  if (last && last->part == part && last->rows.to == from) {
    last->rows.to = to;
    goto done;
  }
  if (choice->n == choice->room) {
    more = realloc(choice->list, (2 * choice->room + 64) * sizeof *more);
    CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate memory for %zu runs of rows", 2 * choice->room + 64);
    choice->list = more;
    choice->room = 2 * choice->room + 64;
  }
  choice->list[choice->n++] = (struct cubix_chosen){ part, { from, to } };
done:
  return status;
}

void cubix_choice_free(struct cubix_choice *choice)
{
  free(choice->list);
  *choice = (struct cubix_choice){ 0 };
}

static int by_place(const void *a, const void *b)
{
  const struct cubix_chosen *x = a, *y = b;
  if (x->part != y->part) return x->part < y->part ? -1 : 1;
  return x->rows.from < y->rows.from ? -1 : x->rows.from > y->rows.from;
}

/* In the order of the file, each row once. */
static void settle(struct cubix_choice *choice)
{
  size_t n = 0;
  if (choice->n) qsort(choice->list, choice->n, sizeof *choice->list, by_place);
  for (size_t i = 0; i < choice->n; i++) {
    struct cubix_chosen *one = &choice->list[i], *last = n ? &choice->list[n - 1] : NULL;
    if (last && last->part == one->part && one->rows.from <= last->rows.to) {
      if (one->rows.to > last->rows.to) last->rows.to = one->rows.to;
    } else {
      choice->list[n++] = *one;
    }
  }
  choice->n = n;
}

int cubix_choice_common(struct cubix_choice *one, struct cubix_choice *other)
{
  int status = CUBIX_OK;
  struct cubix_choice both = { 0 };
  size_t k = 0;
  settle(one);
  settle(other);
  for (size_t i = 0; i < one->n; i++) {
    const struct cubix_chosen *x = &one->list[i];
    while (k < other->n && (other->list[k].part < x->part ||
                            (other->list[k].part == x->part && other->list[k].rows.to <= x->rows.from)))
      k++;
    for (size_t at = k; at < other->n && other->list[at].part == x->part; at++) {
      const struct cubix_span y = other->list[at].rows;
      if (y.from >= x->rows.to) break;
      CUBIX_TRY(cubix_choice_add(&both, x->part, y.from > x->rows.from ? y.from : x->rows.from,
                                 y.to < x->rows.to ? y.to : x->rows.to));
    }
  }
  cubix_choice_free(one);
  *one = both;
  both = (struct cubix_choice){ 0 };
done:
  cubix_choice_free(&both);
  return status;
}

int cubix_simfile_choose(struct cubix_simfile *sim, struct cubix_choice *choice, const char *what)
{
  int status = CUBIX_OK, n_part = 0;
  struct cubix_run *run = NULL;
  size_t at = 0;
  settle(choice);
  if (!sim->all) {
    CUBIX_ALLOC(sim->all, sim->n_part);
    memcpy(sim->all, sim->part, (size_t)sim->n_part * sizeof *sim->all);
    sim->n_all = sim->n_part;
  }
  CUBIX_CHECK(choice->n || sim->population == CUBIX_GAS, CUBIX_ENONE, "%s has no stars in %s", what,
              sim->snapshot.file[0]);
  CUBIX_ALLOC(run, choice->n);
  sim->n_total = 0;
  for (int i = 0; i < sim->n_all; i++) {
    struct cubix_simpart part = sim->all[i];
    part.first_run = (int64_t)at;
    part.n = 0;
    for (; at < choice->n && choice->list[at].part == i; at++) {
      const struct cubix_span rows = choice->list[at].rows;
      run[at] = (struct cubix_run){ rows, part.n };
      part.n += rows.to - rows.from;
    }
    part.n_run = (int64_t)at - part.first_run;
    sim->n_total += part.n;
    if (part.n) sim->part[n_part++] = part;
  }
  sim->n_part = n_part;
  free(sim->run);
  sim->run = run;
  sim->n_run = (int64_t)choice->n;
done:
  return status;
}
