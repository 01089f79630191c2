/* tally.c -- what the stars are, spaxel by spaxel, told from the particles and not from the cube.
 *
 * One pass over the slab in its own order, so that sums depend neither on threads nor on the sorting.  Means and dispersions are made of
 * these sums when the maps are written.                                                                                            */
#include "tally.h"

#include <math.h>

#include "physics/population.h"
#include "physics/project.h"

static void add(struct cubix_budget *b, double mass, double light)
{
  b->number += 1;
  b->mass += mass;
  b->light += light;
}

void cubix_tally(struct cubix_cube *cube, const struct cubix_view *v, const struct cubix_slab *slab)
{
  for (size_t i = 0; i < slab->n; i++) {
    struct cubix_mix mix;
    double m = slab->mass_formed[i], vel = slab->velocity[3 * i + 2], age = slab->age[i], z = slab->metallicity[i];
    int clamped = cubix_mix_of(v, z, age, &mix);
    double w = m * cubix_mix_light(v, &mix) * v->light_scale;
    int64_t s = cubix_project(v, slab->position + 3 * i), f = 0;
    int in_field = s >= 0 && cubix_in_field(v, s, &f);
    add(&cube->budget[CUBIX_ALL], m, w);
    add(&cube->budget[in_field ? CUBIX_IN_FIELD : s >= 0 ? CUBIX_IN_MARGIN : CUBIX_OUTSIDE], m, w);
    if (clamped & CUBIX_CLAMP_Z) add(&cube->budget[CUBIX_CLAMPED_Z], m, w);
    if (clamped & CUBIX_CLAMP_AGE) add(&cube->budget[CUBIX_CLAMPED_AGE], m, w);
    if (s >= 0) cube->v_max = fmax(cube->v_max, fabs(vel));
    if (!in_field) continue;
    cube->map[CUBIX_MAP_NSTAR][f] += 1;
    cube->map[CUBIX_MAP_MASS][f] += m;
    cube->map[CUBIX_MAP_MASS_NOW][f] += slab->mass_now[i];
    cube->map[CUBIX_MAP_LIGHT][f] += w;
    cube->map[CUBIX_MAP_M_AGE][f] += m * age;
    cube->map[CUBIX_MAP_L_AGE][f] += w * age;
    cube->map[CUBIX_MAP_M_Z][f] += m * z;
    cube->map[CUBIX_MAP_L_Z][f] += w * z;
    cube->map[CUBIX_MAP_M_V][f] += m * vel;
    cube->map[CUBIX_MAP_L_V][f] += w * vel;
    cube->map[CUBIX_MAP_M_V2][f] += m * vel * vel;
    cube->map[CUBIX_MAP_L_V2][f] += w * vel * vel;
  }
}
