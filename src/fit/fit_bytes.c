/* fit_bytes.c -- the memory that Mode fit needs beside its cubes: what follows from the numbers of
 * stars and of unknowns. */
#include "fit/fit_bytes.h"

#include "fit/optimise.h"

double cubix_fit_bytes(const struct cubix_params *par, const unsigned char varied[CUBIX_N_LEAF], double n_star,
                       const struct cubix_collective *collective)
{
  const int each = par->FitModel == CUBIX_FitModel_stars;
  double of_star = 0, of_all = 0, all;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const struct cubix_leaf_info *info = cubix_leaf_info((enum cubix_leaf)leaf);
    if (varied[leaf] && info->of == CUBIX_OF_STAR) of_star += info->n;
    if (varied[leaf] && info->of == CUBIX_OF_GLOBAL) of_all += info->n;
  }
  all = n_star * (each ? of_star : 0) + of_all;
  const int few = collective->total(all) <= CUBIX_FIT_MOST_JOINT;
  const double leaves = 4 * n_star * of_star;  /* value, bar, dot and start */
  const double vectors = 6 * all;              /* bounds, room of the curve, errors */
  const double blocks = few ? 0 : n_star * (each ? of_star * (of_star + 1) / 2 : 0) + all;
  return sizeof(double) * (leaves + vectors + blocks) +
         cubix_optimiser_bytes(par->Optimiser, all, par->FitPairs, few ? (int)all : 0);
}
