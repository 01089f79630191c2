/* unknowns_info.c -- unknowns in words and units, and room for the leaves that they move. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "fit/unknowns_parts.h"

int cubix_unknowns_leaves(const struct cubix_unknowns *u, struct cubix_leaves *leaves)
{
  int status = CUBIX_OK;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) leaves->value[leaf] = NULL;
  for (int b = 0; b < u->map->n_block; b++) {
    const struct cubix_unknown_block *k = &u->map->block[b];
    CUBIX_ALLOC(leaves->value[k->leaf], (k->of == CUBIX_OF_ALL ? 1 : u->n_star) * (size_t)k->n_c);
  }
done:
  if (status) cubix_leaves_free(leaves);
  return status;
}

static void bin_info(const struct cubix_unknown_block *k, double x, size_t j, struct cubix_unknown_info *info)
{
  const int mass = k->leaf == CUBIX_LEAF_Mass, velocity = k->leaf == CUBIX_LEAF_Velocity;
  snprintf(info->name, sizeof info->name, "%s%s[%zu]", cubix_leaf_info(k->leaf)->name,
           k->leaf == CUBIX_LEAF_Metallicity ? "Shift" : "Factor", j);
  snprintf(info->unit, sizeof info->unit, "%s", mass || velocity ? "1" : "dex");
  info->value = mass ? exp(x) : velocity ? 1 + x : x;
  info->slope = mass ? exp(x) : 1;
  info->from = k->edge[j];
  info->to = k->edge[j + 1];
  info->range_unit = velocity ? "kpc" : "Gyr";
}

void cubix_unknowns_info(const struct cubix_unknowns *u, const double *x, size_t i, struct cubix_unknown_info *info)
{
  const struct cubix_unknown_block *k = u->map->block;
  const size_t at = u->n - u->n_shared + i;
  while (k->of == CUBIX_OF_EACH || i < k->first || i >= k->first + (size_t)k->n) k++;
  const size_t j = i - k->first;
  *info = (struct cubix_unknown_info) { .frozen = u->lower[at] == u->upper[at] };
  if (k->of == CUBIX_OF_BIN) {
    bin_info(k, x[at], j, info);
    return;
  }
  const struct cubix_leaf_info *leaf = cubix_leaf_info(k->leaf);
  const int factor = k->form == CUBIX_FORM_LN;
  snprintf(info->name, sizeof info->name, k->n > 1 ? "%s[%zu]" : "%s", leaf->name, j);
  snprintf(info->unit, sizeof info->unit, "%s", leaf->unit);
  info->value = factor ? k->base[j] * exp(x[at]) : k->base[j] + k->scale * x[at];
  info->slope = factor ? info->value : k->scale;
}

double cubix_unknowns_mark(const struct cubix_unknowns *u)
{
  double own = 0, shared = 0;
  for (int b = 0; b < u->map->n_block; b++) {
    const struct cubix_unknown_block *k = &u->map->block[b];
    const size_t n = (k->of == CUBIX_OF_ALL ? 1 : u->n_star) * (size_t)k->n_c;
    double *sum = k->of == CUBIX_OF_ALL ? &shared : &own;
    for (size_t i = 0; i < n; i++) *sum += k->base[i] * (1 + b);
  }
  for (int j = 0; u->map->age_bin && j <= u->map->n_age; j++) shared += (j + 1) * u->map->age_edge[j];
  return u->map->collective->total(own) + shared;
}
