/* placement.c -- the stars sorted by painted spaxel, and what they are told spaxel by spaxel.
 *
 * Two passes through the slab, in its order, in shares of SHARE stars: the first finds every star's spaxel and counts, the second finds the star's place on
 * the library's grid and writes it where it belongs (a stable counting sort: a thread has a contiguous part of the slab, and knows where its stars of
 * every spaxel begin).  What the maps want of a star lies beside it, so that the third pass goes through the sorted stars, spaxel by spaxel, without a jump.
 *
 * The account of number, mass and light is summed in the slab's order within a share, maps in the slab's order within a spaxel, and shares in theirs:
 * whatever the threads do, the numbers are the same.                                                                                   */
#include "placement.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "physics/project.h"

enum { SHARE = 4096, AHEAD = 16 };

struct account { struct cubix_budget budget[CUBIX_N_ACCOUNT]; double v_max; };

/* What the maps are told of a star, beside what is painted. */
struct told { double light, mass_now, age, metallicity; };

struct sort {
  const struct cubix_view *view;
  const struct cubix_slab *slab;
  int n_thread;
  size_t n_spaxel, n_share;       /* spaxel number n_spaxel: outside */
  uint32_t *spaxel;               /* [slab.n] */
  size_t *next;                   /* [n_thread][n_spaxel + 1] where a thread's next star of a spaxel goes */
  struct told *told;              /* like the placement's stars */
  struct account *account;        /* [n_share] */
};

static void sort_free(struct sort *sort)
{
  free(sort->spaxel);
  free(sort->next);
  free(sort->told);
  free(sort->account);
}

/* First star of a thread's part of the slab. */
static size_t part(const struct sort *sort, int t)
{
  size_t first = sort->n_share * (size_t)t / (size_t)sort->n_thread * SHARE;
  return first < sort->slab->n ? first : sort->slab->n;
}

static int sort_init(struct sort *sort, const struct cubix_view *view, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  sort->view = view;
  sort->slab = slab;
  sort->n_thread = omp_get_max_threads();
  sort->n_spaxel = (size_t)view->n_x * (size_t)view->n_y;
  sort->n_share = (slab->n + SHARE - 1) / SHARE;
  CUBIX_CHECK(slab->n < UINT32_MAX, CUBIX_EFAIL, "%zu stars on one rank; at most %u fit: use more ranks", slab->n, UINT32_MAX);
  CUBIX_CHECK((sort->spaxel = cubix_reserve(slab->n, sizeof *sort->spaxel)), CUBIX_ENOMEM, "cannot allocate the spaxels of %zu stars: use more ranks", slab->n);
  CUBIX_ALLOC(sort->next, (size_t)sort->n_thread * (sort->n_spaxel + 1));
  CUBIX_ALLOC(sort->account, sort->n_share);
done:
  return status;
}

/* First pass.  @param[out] start [n_spaxel + 1] of the placement */
static void count(struct sort *sort, size_t *start)
{
  size_t n_bucket = sort->n_spaxel + 1, before = 0;
#pragma omp parallel for schedule(static, 1) num_threads(sort->n_thread)
  for (int t = 0; t < sort->n_thread; t++) {
    size_t *n = sort->next + (size_t)t * n_bucket;
    for (size_t i = part(sort, t); i < part(sort, t + 1); i++) {
      int64_t s = cubix_project(sort->view, sort->slab->position + 3 * i);
      sort->spaxel[i] = (uint32_t)(s >= 0 ? (size_t)s : sort->n_spaxel);
      n[sort->spaxel[i]]++;
    }
  }
  for (size_t b = 0; b < n_bucket; b++) {
    start[b] = before;
    for (size_t t = 0; t < (size_t)sort->n_thread; t++) {
      size_t n = sort->next[t * n_bucket + b];
      sort->next[t * n_bucket + b] = before;
      before += n;
    }
  }
}

static void add(struct cubix_budget *b, double number, double mass, double light)
{
  b->number += number;
  b->mass += mass;
  b->light += light;
}

/* Star i of the slab: what it is, and its entry in the account.  @return its light in the band */
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
  if (where != CUBIX_OUTSIDE && fabs(star->velocity) > account->v_max) account->v_max = fabs(star->velocity);
  return light;
}

/* Second pass. */
static void place(struct sort *sort, struct cubix_placement *p)
{
  const struct cubix_slab *slab = sort->slab;
#pragma omp parallel for schedule(static, 1) num_threads(sort->n_thread)
  for (int t = 0; t < sort->n_thread; t++) {
    size_t *next = sort->next + (size_t)t * (sort->n_spaxel + 1);
    for (size_t i = part(sort, t); i < part(sort, t + 1); i++) {
      struct account *account = &sort->account[i / SHARE];
      struct cubix_star star;
      size_t s = sort->spaxel[i], at = next[s]++, soon = i + AHEAD < slab->n ? next[sort->spaxel[i + AHEAD]] : at;
      int64_t f;
      __builtin_prefetch(&p->star[soon], 1);
      __builtin_prefetch(&sort->told[soon], 1);
      if (s == sort->n_spaxel) take(&star, account, sort->view, slab, i, CUBIX_OUTSIDE);
      else {
        double light = take(&star, account, sort->view, slab, i, cubix_in_field(sort->view, (int64_t)s, &f) ? CUBIX_IN_FIELD : CUBIX_IN_MARGIN);
        p->star[at] = star;
        sort->told[at] = (struct told){ light, slab->mass_now[i], slab->age[i], slab->metallicity[i] };
      }
    }
  }
}

/* Third pass: the stars of a spaxel of the field, number f there. */
static void map_stars(double *const *map, size_t f, const struct cubix_star *star, const struct told *told, size_t n)
{
  double sum[CUBIX_N_MAP] = { 0 };
  for (size_t i = 0; i < n; i++) {
    double m = star[i].mass_formed, vel = star[i].velocity, light = told[i].light, age = told[i].age, z = told[i].metallicity;
    sum[CUBIX_MAP_NSTAR] += 1;
    sum[CUBIX_MAP_MASS] += m;
    sum[CUBIX_MAP_MASS_NOW] += told[i].mass_now;
    sum[CUBIX_MAP_LIGHT] += light;
    sum[CUBIX_MAP_M_AGE] += m * age;
    sum[CUBIX_MAP_L_AGE] += light * age;
    sum[CUBIX_MAP_M_Z] += m * z;
    sum[CUBIX_MAP_L_Z] += light * z;
    sum[CUBIX_MAP_M_V] += m * vel;
    sum[CUBIX_MAP_L_V] += light * vel;
    sum[CUBIX_MAP_M_V2] += m * vel * vel;
    sum[CUBIX_MAP_L_V2] += light * vel * vel;
  }
  for (int k = 0; k < CUBIX_N_MAP; k++) map[k][f] += sum[k];
}

int cubix_placement_init(struct cubix_placement **out, size_t n_spaxel, size_t n_star)
{
  int status = CUBIX_OK;
  struct cubix_placement *p = NULL;
  CUBIX_ALLOC(p, 1);
  p->n_spaxel = n_spaxel;
  CUBIX_ALLOC(p->start, n_spaxel + 1);
  CUBIX_CHECK((p->star = cubix_reserve(n_star, sizeof *p->star)), CUBIX_ENOMEM, "cannot allocate %zu sorted stars of %zu bytes: use more ranks", n_star, sizeof *p->star);
  *out = p;
  p = NULL;
done:
  cubix_placement_free(p);
  return status;
}

int cubix_placement_build(struct cubix_placement **out, struct cubix_cube *cube, const struct cubix_view *view, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  struct sort sort = { 0 };
  struct cubix_placement *p = NULL;
  size_t *start = NULL;
  CUBIX_TRY(sort_init(&sort, view, slab));
  CUBIX_ALLOC(start, sort.n_spaxel + 1);
  count(&sort, start);
  size_t n_star = start[sort.n_spaxel];
  CUBIX_CHECK((sort.told = cubix_reserve(n_star, sizeof *sort.told)), CUBIX_ENOMEM, "cannot allocate the maps' share of %zu stars: use more ranks", n_star);
  CUBIX_TRY(cubix_placement_init(&p, sort.n_spaxel, n_star));
  memcpy(p->start, start, sizeof *start * (sort.n_spaxel + 1));
  place(&sort, p);
#pragma omp parallel for schedule(dynamic, 64)
  for (size_t s = 0; s < p->n_spaxel; s++) {
    int64_t f;
    if (cubix_in_field(view, (int64_t)s, &f)) map_stars(cube->map, (size_t)f, p->star + start[s], sort.told + start[s], start[s + 1] - start[s]);
  }
  for (size_t s = 0; s < sort.n_share; s++) {
    const struct account *account = &sort.account[s];
    for (int a = 0; a < CUBIX_N_ACCOUNT; a++) add(&cube->budget[a], account->budget[a].number, account->budget[a].mass, account->budget[a].light);
    cube->v_max = fmax(cube->v_max, account->v_max);
  }
  *out = p;
  p = NULL;
done:
  free(start);
  sort_free(&sort);
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
