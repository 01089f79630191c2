/* placement.c -- the stars sorted by painted spaxel, and what they are told spaxel by spaxel.
 *
 * First every star's spaxel, then a stable counting sort of their numbers, at last, spaxel by spaxel, the stars themselves: their place on the
 * library's grid, and their share in the truth maps and in the account of number, mass and light.  Stars outside field and margin are sorted
 * too, behind the last spaxel, in shares of SHARE: they count in the account alone.  All sums are made in the slab's order within a spaxel or a share,
 * and those of spaxels and shares in theirs: whatever the threads do, the numbers are the same.                                             */
#include "placement.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "physics/project.h"

enum { SHARE = 4096 };

struct order {
  size_t n_spaxel;
  uint32_t *spaxel;               /* [slab.n] n_spaxel: outside */
  uint32_t *star;                 /* [slab.n] numbers of the stars, by spaxel */
  size_t *start;                  /* [n_spaxel + 2] */
};

struct account { struct cubix_budget budget[CUBIX_N_ACCOUNT]; double v_max; };

static void order_free(struct order *order)
{
  free(order->spaxel);
  free(order->star);
  free(order->start);
}

/* Stable counting sort: thread t counts, and later places, the t-th part of the slab. */
static int order_init(struct order *order, const struct cubix_view *view, const struct cubix_slab *slab)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  size_t n_bucket = (size_t)view->n_x * (size_t)view->n_y + 1, *count = NULL, before = 0;
  order->n_spaxel = n_bucket - 1;
  CUBIX_CHECK(slab->n < UINT32_MAX, CUBIX_EFAIL, "%zu stars on one rank; at most %u fit: use more ranks", slab->n, UINT32_MAX);
  CUBIX_ALLOC(order->spaxel, slab->n);
  CUBIX_ALLOC(order->star, slab->n);
  CUBIX_ALLOC(order->start, n_bucket + 1);
  CUBIX_ALLOC(count, (size_t)n_thread * n_bucket);
#pragma omp parallel for schedule(static, 1) num_threads(n_thread)
  for (int t = 0; t < n_thread; t++)
    for (size_t i = slab->n * (size_t)t / (size_t)n_thread; i < slab->n * (size_t)(t + 1) / (size_t)n_thread; i++) {
      int64_t s = cubix_project(view, slab->position + 3 * i);
      order->spaxel[i] = (uint32_t)(s >= 0 ? (size_t)s : n_bucket - 1);
      count[(size_t)t * n_bucket + order->spaxel[i]]++;
    }
  for (size_t b = 0; b < n_bucket; b++) {
    order->start[b] = before;
    for (size_t t = 0; t < (size_t)n_thread; t++) {
      size_t n = count[t * n_bucket + b];
      count[t * n_bucket + b] = before;
      before += n;
    }
  }
  order->start[n_bucket] = before;
#pragma omp parallel for schedule(static, 1) num_threads(n_thread)
  for (int t = 0; t < n_thread; t++)
    for (size_t i = slab->n * (size_t)t / (size_t)n_thread; i < slab->n * (size_t)(t + 1) / (size_t)n_thread; i++)
      order->star[count[(size_t)t * n_bucket + order->spaxel[i]]++] = (uint32_t)i;
done:
  free(count);
  return status;
}

static void add(struct cubix_budget *b, double number, double mass, double light)
{
  b->number += number;
  b->mass += mass;
  b->light += light;
}

/* Star i of the slab: what it is, and its entry in an account.  @return its light in the band */
static double take(struct cubix_star *star, struct account *account, const struct cubix_view *v, const struct cubix_slab *slab, size_t i, enum cubix_account where)
{
  struct cubix_mix mix;
  int clamped = cubix_locate(v, slab->metallicity[i], slab->age[i], star);
  star->mass_formed = slab->mass_formed[i];
  star->velocity = slab->velocity[3 * i + 2];
  cubix_mix_of(v, star, &mix);
  double light = star->mass_formed * cubix_mix_light(v, &mix) * v->light_scale;
  add(&account->budget[CUBIX_ALL], 1, star->mass_formed, light);
  add(&account->budget[where], 1, star->mass_formed, light);
  if (clamped & CUBIX_CLAMP_Z) add(&account->budget[CUBIX_CLAMPED_Z], 1, star->mass_formed, light);
  if (clamped & CUBIX_CLAMP_AGE) add(&account->budget[CUBIX_CLAMPED_AGE], 1, star->mass_formed, light);
  if (where != CUBIX_OUTSIDE) account->v_max = fmax(account->v_max, fabs(star->velocity));
  return light;
}

static void map_star(double *const *map, size_t f, const struct cubix_slab *slab, size_t i, const struct cubix_star *star, double light)
{
  double m = star->mass_formed, vel = star->velocity, age = slab->age[i], z = slab->metallicity[i];
  map[CUBIX_MAP_NSTAR][f] += 1;
  map[CUBIX_MAP_MASS][f] += m;
  map[CUBIX_MAP_MASS_NOW][f] += slab->mass_now[i];
  map[CUBIX_MAP_LIGHT][f] += light;
  map[CUBIX_MAP_M_AGE][f] += m * age;
  map[CUBIX_MAP_L_AGE][f] += light * age;
  map[CUBIX_MAP_M_Z][f] += m * z;
  map[CUBIX_MAP_L_Z][f] += light * z;
  map[CUBIX_MAP_M_V][f] += m * vel;
  map[CUBIX_MAP_L_V][f] += light * vel;
  map[CUBIX_MAP_M_V2][f] += m * vel * vel;
  map[CUBIX_MAP_L_V2][f] += light * vel * vel;
}

/* The stars of a spaxel, or of the share-th share of those outside. */
static void take_spaxel(struct cubix_placement *p, double *const *map, struct account *account, const struct cubix_view *v, const struct cubix_slab *slab,
                        const struct order *order, size_t s)
{
  int64_t f = 0;
  int in_field = cubix_in_field(v, (int64_t)s, &f);
  for (size_t j = order->start[s]; j < order->start[s + 1]; j++) {
    size_t i = order->star[j];
    double light = take(&p->star[j], account, v, slab, i, in_field ? CUBIX_IN_FIELD : CUBIX_IN_MARGIN);
    if (in_field) map_star(map, (size_t)f, slab, i, &p->star[j], light);
  }
}

static void take_outside(struct account *account, const struct cubix_view *v, const struct cubix_slab *slab, const struct order *order, size_t share)
{
  size_t first = order->start[order->n_spaxel] + share * SHARE, end = order->start[order->n_spaxel + 1], last = end - first < SHARE ? end : first + SHARE;
  struct cubix_star star;
  for (size_t j = first; j < last; j++) take(&star, account, v, slab, order->star[j], CUBIX_OUTSIDE);
}

int cubix_placement_init(struct cubix_placement **out, size_t n_spaxel, size_t n_star)
{
  int status = CUBIX_OK;
  struct cubix_placement *p = NULL;
  CUBIX_ALLOC(p, 1);
  p->n_spaxel = n_spaxel;
  CUBIX_ALLOC(p->start, n_spaxel + 1);
  CUBIX_ALLOC(p->star, n_star);
  *out = p;
  p = NULL;
done:
  cubix_placement_free(p);
  return status;
}

int cubix_placement_build(struct cubix_placement **out, struct cubix_cube *cube, const struct cubix_view *view, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  struct order order = { 0 };
  struct account *account = NULL;
  struct cubix_placement *p = NULL;
  CUBIX_TRY(order_init(&order, view, slab));
  size_t n_spaxel = order.n_spaxel, n_outside = order.start[n_spaxel + 1] - order.start[n_spaxel], n_share = n_spaxel + (n_outside + SHARE - 1) / SHARE;
  CUBIX_ALLOC(account, n_share);
  CUBIX_TRY(cubix_placement_init(&p, n_spaxel, order.start[n_spaxel]));
  memcpy(p->start, order.start, sizeof *p->start * (n_spaxel + 1));
#pragma omp parallel for schedule(dynamic, 16)
  for (size_t s = 0; s < n_share; s++) {
    if (s < n_spaxel) take_spaxel(p, cube->map, &account[s], view, slab, &order, s);
    else take_outside(&account[s], view, slab, &order, s - n_spaxel);
  }
  for (size_t s = 0; s < n_share; s++) {
    for (int a = 0; a < CUBIX_N_ACCOUNT; a++) add(&cube->budget[a], account[s].budget[a].number, account[s].budget[a].mass, account[s].budget[a].light);
    cube->v_max = fmax(cube->v_max, account[s].v_max);
  }
  *out = p;
  p = NULL;
done:
  free(account);
  order_free(&order);
  cubix_placement_free(p);
  return status;
}

void cubix_placement_free(struct cubix_placement *placement)
{
  if (!placement) return;
  free(placement->start);
  free(placement->star);
  free(placement);
}
