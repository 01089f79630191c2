/* provenance_parts.h -- inside the provenance: how a line of it is written, and the chapter on emission lines. */
#ifndef CUBIX_PROVENANCE_PARTS_H
#define CUBIX_PROVENANCE_PARTS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/output.h"
#include "output/provenance.h"

static inline struct cubix_fact *fact_add(struct cubix_facts *facts, const char *name, const char *unit,
                                          const char *comment)
{
  struct cubix_fact *fact;
  if (facts->n == facts->room) {
    int room = facts->room ? 2 * facts->room : 128;
    struct cubix_fact *more = realloc(facts->fact, (size_t)room * sizeof *more);
    if (!more) {
      facts->n_lost++;
      return NULL;
    }
    facts->fact = more;
    facts->room = room;
  }
  fact = &facts->fact[facts->n++];
  memset(fact, 0, sizeof *fact);
  snprintf(fact->name, sizeof fact->name, "%s", name);
  fact->unit = unit;
  fact->comment = comment;
  return fact;
}

static inline void text(struct cubix_facts *facts, const char *name, const char *value, const char *comment)
{
  struct cubix_fact *fact = fact_add(facts, name, "", comment);
  if (!fact) return;
  fact->type = CUBIX_FACT_TEXT;
  fact->text = malloc(strlen(value) + 1);
  if (!fact->text) {
    facts->n--;
    facts->n_lost++;
    return;
  }
  strcpy(fact->text, value);
}

static inline void logical(struct cubix_facts *facts, const char *name, int value, const char *comment)
{
  struct cubix_fact *fact = fact_add(facts, name, "", comment);
  if (!fact) return;
  fact->type = CUBIX_FACT_LOGICAL;
  fact->integer = !!value;
}

static inline void integer(struct cubix_facts *facts, const char *name, int64_t value, const char *unit,
                           const char *comment)
{
  struct cubix_fact *fact = fact_add(facts, name, unit, comment);
  if (!fact) return;
  fact->type = CUBIX_FACT_INTEGER;
  fact->integer = value;
}

/* A number that is not finite says nothing, and a FITS header cannot hold it. */
static inline void real(struct cubix_facts *facts, const char *name, double value, const char *unit,
                        const char *comment)
{
  struct cubix_fact *fact = isfinite(value) ? fact_add(facts, name, unit, comment) : NULL;
  if (!fact) return;
  fact->type = CUBIX_FACT_REAL;
  fact->real = value;
}

/* FILE1, FILE2 ... or, with more than one index, ROT11, ROT12 ... */
static inline const char *numbered(char name[9], const char *stem, int i)
{
  char whole[32];
  snprintf(whole, sizeof whole, "%s%d", stem, i);
  snprintf(name, 9, "%.8s", whole);
  return name;
}

/** Where emission lines come from; nothing without any.  Local. */
void cubix_line_facts(struct cubix_facts *facts, const struct cubix_result *result);

#endif
