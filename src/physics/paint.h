/* physics/paint.h -- one star into one spaxel's spectrum: the plain kernel, which every tuned one must equal. */
#ifndef CUBIX_PHYSICS_PAINT_H
#define CUBIX_PHYSICS_PAINT_H

#include "physics/doppler.h"
#include "physics/population.h"
#include "physics/spectrum.h"

/** A star's rows and weights in units of the cube: what the kernels below take. */
CUBIX_HD void cubix_blend_of(const struct cubix_tables *v, const struct cubix_star *star, struct cubix_blend *b)
{
  struct cubix_mix mix;
  cubix_mix_of(v, star, &mix);
  b->n = mix.n;
  for (int k = 0; k < mix.n; k++) {
    b->row[k] = v->row + (int64_t)mix.row[k] * v->row_stride;
    b->weight[k] = (cubix_real)(mix.weight[k] * star->mass_formed * v->star_scale);
  }
}

/** Flux density of a star in channel k [unit of the cube].  @param doppler lambda_obs/lambda_rest */
CUBIX_HD cubix_real cubix_star_channel(const struct cubix_tables *v, const struct cubix_blend *b, double doppler, int k)
{
  return cubix_integral(v, b, v->edge[k] / doppler, v->edge[k + 1] / doppler);
}

#endif
