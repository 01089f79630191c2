/* sounding.c -- the number of values in a histogram, estimated from a few spaxels that are examined
 * star by star.
 *
 * How many values n stars leave depends on how alike they are in age, metallicity and velocity: a
 * rule of thumb (cubix_engine_values) is wrong by factors if n is large, as with Deposit gaussian.
 * So spaxels are drawn with a probability proportional to the rule's estimate f.  The mean of V/f
 * over those drawn, times the sum of f over all, is an unbiased estimate of all values, however
 * good the rule is (Horvitz & Thompson 1952, J.  Am.  Stat.  Assoc. 47, 663).  They are drawn in
 * steps of equal sums of f along the rows of the field: the same ones in every run. */
#include "engine/sounding.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "engine/engine.h"
#include "physics/deposit.h"
#include "physics/node.h"
#include "physics/population.h"

enum { DRAWS = 256 };

int cubix_sounding_init(struct cubix_sounding **out, const double *count, int n_x, int n_y, int n_row, double reach)
{
  int status = CUBIX_OK;
  const size_t n_spaxel = (size_t)n_x * (size_t)n_y;
  double all = 0, before = 0;
  struct cubix_sounding *o = NULL;
  CUBIX_ALLOC(o, 1);
  o->n_row = n_row;
  o->reach = reach;
  CUBIX_ALLOC(o->x, DRAWS);
  CUBIX_ALLOC(o->y, DRAWS);
  CUBIX_ALLOC(o->share, DRAWS);
  for (size_t s = 0; s < n_spaxel; s++) all += cubix_engine_values(count[s]);
  for (size_t s = 0, drawn = 0; s < n_spaxel; s++) {
    const double f = cubix_engine_values(count[s]);
    before += f;
    size_t times = 0;
    for (; drawn < DRAWS && ((double)drawn + 0.5) * all <= before * DRAWS && f > 0; drawn++) times++;
    if (!times) continue;
    o->x[o->n] = (int)(s % (size_t)n_x);
    o->y[o->n] = (int)(s / (size_t)n_x);
    o->share[o->n++] = (double)times * all / (DRAWS * f);
  }
  CUBIX_ALLOC(o->slowest, (size_t)o->n * (size_t)n_row);
  CUBIX_ALLOC(o->fastest, (size_t)o->n * (size_t)n_row);
  for (size_t i = 0; i < (size_t)o->n * (size_t)n_row; i++) {
    o->slowest[i] = HUGE_VALF;
    o->fastest[i] = -HUGE_VALF;
  }
  *out = o;
  o = NULL;
done:
  cubix_sounding_free(o);
  return status;
}

/* A star in spaxel k. */
static void note(struct cubix_sounding *o, int k, const struct cubix_mix *mix, float v)
{
  for (int c = 0; c < mix->n; c++) {
    const size_t at = (size_t)k * (size_t)o->n_row + (size_t)mix->row[c];
    if (mix->weight[c] == 0) continue;
    o->slowest[at] = fminf(o->slowest[at], v);
    o->fastest[at] = fmaxf(o->fastest[at], v);
  }
}

void cubix_sounding_add(struct cubix_sounding *o, const struct cubix_tables *tables, const struct cubix_slab *slab)
{
  for (size_t i = 0; i < slab->n; i++) {
    const double length = cubix_deposit_length(tables, slab->smoothing_length, (int64_t)i);
    struct cubix_foot foot;
    struct cubix_star star = { 0 };
    struct cubix_mix mix = { 0 };
    if (!(fabs(slab->velocity[3 * i + 2]) <= o->reach)) continue;
    if (!cubix_foot_of(tables, slab->position + 3 * i, length, &foot)) continue;
    for (int k = 0; k < o->n; k++) {
      const unsigned x = (unsigned)(o->x[k] - foot.first[0]), y = (unsigned)(o->y[k] - foot.first[1]);
      if (x >= (unsigned)foot.n[0] || y >= (unsigned)foot.n[1]) continue;
      if (!mix.n) {
        cubix_locate(tables, slab->metallicity[i], slab->age[i], &star);
        cubix_mix_of(tables, &star, &mix);
      }
      note(o, k, &mix, (float)slab->velocity[3 * i + 2]);
    }
  }
}

double cubix_sounding_values(const struct cubix_sounding *o, const struct cubix_nodes *nodes)
{
  double sum = 0;
  for (int k = 0; k < o->n; k++)
    for (size_t at = (size_t)k * (size_t)o->n_row; at < (size_t)(k + 1) * (size_t)o->n_row; at++) {
      const double low = fmax((double)o->slowest[at], -nodes->reach), high = fmin((double)o->fastest[at], nodes->reach);
      double f;
      if (!(low <= high)) continue;
      sum += o->share[k] * (cubix_node_of(nodes, high, &f) - cubix_node_of(nodes, low, &f) + CUBIX_N_WEIGHT);
    }
  return sum;
}

void cubix_sounding_free(struct cubix_sounding *o)
{
  if (!o) return;
  free(o->x);
  free(o->y);
  free(o->share);
  free(o->slowest);
  free(o->fastest);
  free(o);
}
