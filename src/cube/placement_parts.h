/* placement_parts.h -- what the files of the placement share: how a star is taken in, and what it
 * adds to maps and budget. */
#ifndef CUBIX_PLACEMENT_PARTS_H
#define CUBIX_PLACEMENT_PARTS_H

#include "cube/placement.h"

enum { CUBIX_PLACEMENT_SHARE = 4096 };    /* stars whose account is summed together, in the slab's order */

struct cubix_share_account { struct cubix_budget budget[CUBIX_N_ACCOUNT]; double v_max; };

static inline void cubix_placement_count(struct cubix_budget *b, double number, double mass, double light)
{
  b->number += number;
  b->mass += mass;
  b->light += light;
}

/** Take in star i of the slab: fill in the star and its entry in the budget.  Local.
 *  @param where place of its nearest spaxel
 *  @param painted 1: it sheds light into field or margin
 *  @return its light in the band */
static inline double cubix_placement_take(struct cubix_star *star, struct cubix_share_account *account,
                                          const struct cubix_tables *v, const struct cubix_slab *slab, size_t i,
                                          enum cubix_account where, int painted)
{
  struct cubix_mix mix;
  int clamped = cubix_locate(v, slab->metallicity[i], slab->age[i], star);
  star->mass_formed = slab->mass_formed[i];
  star->velocity = slab->velocity[3 * i + 2];
  star->screen = slab->screen ? (cubix_real)slab->screen[i] : 0;
  cubix_mix_of(v, star, &mix);
  double light = star->mass_formed * cubix_mix_light(v, &mix) * v->light_scale;
  cubix_placement_count(&account->budget[CUBIX_ALL], 1, star->mass_formed, light);
  cubix_placement_count(&account->budget[where], 1, star->mass_formed, light);
  if (painted && where == CUBIX_OUTSIDE)
    cubix_placement_count(&account->budget[CUBIX_SHED], 1, star->mass_formed, light);
  if (slab->age[i] > v->oldest) cubix_placement_count(&account->budget[CUBIX_TOO_OLD], 1, star->mass_formed, light);
  if (clamped & CUBIX_CLAMP_Z) cubix_placement_count(&account->budget[CUBIX_CLAMPED_Z], 1, star->mass_formed, light);
  if (clamped & CUBIX_CLAMP_AGE)
    cubix_placement_count(&account->budget[CUBIX_CLAMPED_AGE], 1, star->mass_formed, light);
  if (painted && fabs(star->velocity) > account->v_max) account->v_max = fabs(star->velocity);
  return light;
}

/** Add a star, or a part of one, to the maps of a spaxel.  Local.
 *  @param star with the mass formed of that part  @param screen A(V) of the screen in front of all */
static inline void cubix_placement_map(double sum[CUBIX_N_MAP], double number, const struct cubix_star *star,
                                       double mass_now, double light, double age, double metallicity, double screen)
{
  const double m = star->mass_formed, vel = star->velocity, dust = star->screen + screen;
  sum[CUBIX_MAP_NSTAR] += number;
  sum[CUBIX_MAP_MASS] += m;
  sum[CUBIX_MAP_MASS_NOW] += mass_now;
  sum[CUBIX_MAP_LIGHT] += light;
  sum[CUBIX_MAP_M_AGE] += m * age;
  sum[CUBIX_MAP_L_AGE] += light * age;
  sum[CUBIX_MAP_M_Z] += m * metallicity;
  sum[CUBIX_MAP_L_Z] += light * metallicity;
  sum[CUBIX_MAP_M_V] += m * vel;
  sum[CUBIX_MAP_L_V] += light * vel;
  sum[CUBIX_MAP_M_V2] += m * vel * vel;
  sum[CUBIX_MAP_L_V2] += light * vel * vel;
  sum[CUBIX_MAP_M_AV] += m * dust;
  sum[CUBIX_MAP_L_AV] += light * dust;
}

/** Add the sums to the cube.  Local.  @param sum [n_spaxel] field and margin */
static inline void cubix_placement_tell(struct cubix_cube *cube, size_t n_spaxel, const double (*sum)[CUBIX_N_MAP],
                                        size_t n_share, const struct cubix_share_account *account)
{
  const int n_map = cube->sums.map[CUBIX_MAP_M_AV] ? CUBIX_N_MAP : CUBIX_N_MAP_CLEAR;
  for (size_t s = 0; s < n_spaxel; s++)
    for (int k = 0; k < n_map; k++) cube->sums.map[k][s] += sum[s][k];
  for (size_t s = 0; s < n_share; s++) {
    const struct cubix_budget *b = account[s].budget;
    for (int a = 0; a < CUBIX_N_ACCOUNT; a++)
      cubix_placement_count(&cube->budget[a], b[a].number, b[a].mass, b[a].light);
    cube->v_max = fmax(cube->v_max, account[s].v_max);
  }
}

/** Bytes that sorting takes beside the placement, and cubix_placement_build, for Deposit nearest.
 * Local. */
double cubix_placement_nearest_bytes(double n_star, double n_spaxel, int n_thread);
int cubix_placement_nearest(struct cubix_placement **placement, struct cubix_cube *cube,
                            const struct cubix_tables *tables, const struct cubix_slab *slab, int with_source);
/** Bytes that sorting takes beside the placement for a smooth deposit.  Local. */
double cubix_placement_spread_bytes(double n_star, double n_record, double n_spaxel, int n_thread);
/** cubix_placement_build for a smooth deposit.  Local. */
int cubix_placement_spread(struct cubix_placement **placement, struct cubix_cube *cube,
                           const struct cubix_tables *tables, const struct cubix_slab *slab, int with_source);

#endif
