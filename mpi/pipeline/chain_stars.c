/* chain_stars.c -- from the leaves of stars to the stars as they are painted, and back; and from those of stars or gas
 * to the sources of emission lines, which are placed in the same way.
 *
 * A star at x (file) is at x' = R (x - c) on the sky; its velocity along the line of sight is v' =
 * [R (v - v0)]_z.  It is painted as one record per spaxel of its footprint: mass k m with the
 * weight k of the spaxel, velocity v', and its places on the library's grid.  (1 + z enters as a
 * velocity c ln(1 + z) that all stars have in common: the Doppler factor is exp of the sum of both
 * over c.)  From the bars of a record follow
 *   m_bar += k mass_bar,   k_bar = m mass_bar,   Z, age: cubix_locate_vjp,   v'_bar,
 * from k_bar through the deposit (physics/deposit.h) x'_bar, length_bar and those of the sky, and
 * from both x_bar = R^T x'_bar, c_bar = -sum x_bar, R_bar = sum x'_bar (x - c)^T.  Everything is
 * linear in the bars, so records can be processed in any order.
 *
 * With a smooth deposit the records of a star are therefore first added up in the sky frame (struct
 * cubix_chain_total), and then taken to the star's leaves once.  Sums over stars are taken in
 * shares of SHARE, and the shares in their order: the numbers do not depend on the number of
 * threads.  With Deposit nearest a star has one record at most, so its bars have the same bits as
 * well; with other deposits they are added atomically, in any order. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "fit/leaves.h"
#include "mpi/lines/sources.h"
#include "mpi/pipeline/chain_parts.h"
#include "physics/deposit.h"
#include "physics/population.h"

enum { SHARE = 4096, AHEAD = 16 };

/* Where in the footprint the spaxel of a record is. */
static double weight_in(const struct cubix_tables *v, const struct cubix_foot *foot, size_t spaxel,
                        struct cubix_deposit_slope *slope)
{
  int ix = (int)(spaxel % (size_t)v->n_x), iy = (int)(spaxel / (size_t)v->n_x);
  return cubix_deposit_weight(foot, ix - foot->first[0], iy - foot->first[1], slope);
}

struct cubix_chain_who cubix_chain_stars(const struct cubix_chain *chain)
{
  return (struct cubix_chain_who){ .chain = chain, .slab = chain->pipe->particles->slab,
                                   .placement = chain->pipe->particles->placement,
                                   .tables = chain->pipe->templates->tables, .mass = CUBIX_LEAF_Mass,
                                   .age = CUBIX_LEAF_Age, .metallicity = CUBIX_LEAF_Metallicity,
                                   .velocity = CUBIX_LEAF_Velocity, .position = CUBIX_LEAF_Position,
                                   .length = CUBIX_LEAF_SmoothingLength, .scaled = 1 };
}

/* Which star or cell one is. */
static size_t number_in_leaf(const struct cubix_chain_who *who, size_t i) { return who->of ? who->of[i] : i; }

/* NULL where the set is absent, or there is none. */
static double *set_of(const struct cubix_leaves *leaves, enum cubix_leaf leaf)
{
  return leaf == CUBIX_N_LEAF ? NULL : leaves->value[leaf];
}

static void add(struct cubix_leaves *bar, enum cubix_leaf leaf, size_t at, double x)
{
  double *set = set_of(bar, leaf);
  if (set) set[at] += x;
}

/* Whether it shines by its oxygen, whatever its metals. */
static int by_oxygen(const struct cubix_chain_who *who, size_t i)
{
  return who->lines && cubix_mpi_line_by_oxygen(who->lines, who->slab, i);
}

/* The columns that a star is asked for. */
struct columns {
  int n;
  struct { const double *at; size_t stride; } column[CUBIX_N_LEAF + 3];
};

static void add_column(struct columns *c, const double *at, size_t stride)
{
  c->column[c->n].at = at;
  c->column[c->n++].stride = stride;
}

static struct columns columns_of(const struct cubix_chain_who *who, const struct cubix_leaves *bar)
{
  struct columns c = { .n = 0 };
  const struct cubix_slab *slab = who->slab;
  if (bar->value[CUBIX_LEAF_MassScale]) add_column(&c, slab->mass_formed, 1);
  add_column(&c, slab->metallicity, 1);
  add_column(&c, slab->age, 1);
  for (int leaf = 0; leaf < CUBIX_N_LEAF && !who->of; leaf++) {
    const struct cubix_leaf_info *info = cubix_leaf_info((enum cubix_leaf)leaf);
    if (bar->value[leaf] && info->of == CUBIX_OF_STAR) add_column(&c, bar->value[leaf], (size_t)info->n);
  }
  return c;
}

/* Stars lie in the order of the file, records in that of the spaxels: what star i will be asked for
 * is called for ahead. */
static void fetch(const struct columns *c, size_t i)
{
  for (int k = 0; k < c->n; k++) __builtin_prefetch(c->column[k].at + c->column[k].stride * i, 1);
}

/* 1 where the sums for the rotation are wanted. */
static int turns(const struct cubix_leaves *bar)
{
  return bar->value[CUBIX_LEAF_Alpha] || bar->value[CUBIX_LEAF_Beta] || bar->value[CUBIX_LEAF_Gamma] ||
         bar->value[CUBIX_LEAF_Inclination] || bar->value[CUBIX_LEAF_PositionAngle];
}

/* A star's place: to its own leaves and the sums. */
static void place_back(const struct cubix_chain_who *who, size_t i, const struct cubix_chain_total *t,
                       struct cubix_leaves *bar, struct cubix_chain_sums *sums)
{
  const struct cubix_tables *v = &who->tables;
  const struct cubix_slab *slab = who->slab;
  const struct cubix_frame *frame = &who->chain->pipe->frame;
  const double *x = slab->position + 3 * i;
  const size_t number = number_in_leaf(who, i);
  double length_bar = 0, x_bar[3] = { 0 }, file[3], from[3];
  cubix_deposit_vjp(v, x, cubix_deposit_length(v, slab->smoothing_length, (int64_t)i), &t->slope, x_bar, &length_bar,
                    &sums->sky);
  add(bar, who->length, number, length_bar);
  sums->length += length_bar;
  cubix_rotate_back(file, frame, x_bar);
  cubix_rotate_back(from, frame, x);
  for (size_t c = 0; c < 3; c++) {
    add(bar, who->position, 3 * number + c, file[c]);
    sums->centre[c] -= file[c];
    sums->rotation[0][c] += x_bar[0] * from[c];
    sums->rotation[1][c] += x_bar[1] * from[c];
  }
}

/* What its bars are taken to. */
struct home {
  double *screen;                           /* NULL: not wanted */
  struct cubix_leaves *bar;
  int turning;
};

/* A star with all its records, to its own leaves and the sums. */
static void star_back(const struct cubix_chain_who *who, size_t i, const struct cubix_star *place,
                      const struct cubix_chain_total *t, const struct home *home, struct cubix_chain_sums *sums)
{
  const struct cubix_tables *v = &who->tables;
  const struct cubix_slab *slab = who->slab;
  const struct cubix_frame *frame = &who->chain->pipe->frame;
  struct cubix_leaves *bar = home->bar;
  const size_t number = number_in_leaf(who, i);
  double z_bar = 0, age_bar = 0, v_bar[3] = { 0, 0, t->bar.velocity }, file[3], from[3];
  if (home->screen) home->screen[number] += t->bar.screen;
  add(bar, who->mass, number, t->bar.mass_formed * (who->scaled ? who->chain->mass_scale : 1));
  if (bar->value[CUBIX_LEAF_MassScale] && who->scaled) sums->mass_scale += t->bar.mass_formed * slab->mass_formed[i];
  cubix_locate_vjp(v, slab->metallicity[i], slab->age[i], place, &t->bar, &z_bar, &age_bar);
  if (!by_oxygen(who, i)) add(bar, who->metallicity, number, z_bar);
  add(bar, who->age, number, age_bar);
  sums->receding += t->bar.velocity;
  cubix_rotate_back(file, frame, v_bar);
  for (size_t c = 0; c < 3; c++) {
    add(bar, who->velocity, 3 * number + c, file[c]);
    sums->velocity[c] -= file[c];
  }
  if (home->turning) cubix_rotate_back(from, frame, slab->velocity + 3 * i);
  for (int c = 0; c < 3 && home->turning; c++) sums->rotation[2][c] += v_bar[2] * from[c];
  if (v->deposit != CUBIX_DEPOSIT_NEAREST) place_back(who, i, t, bar, sums);
}

/* One of several records of a star, to its total; another thread may be at the same star. */
static void record_back(const struct cubix_chain_who *who, size_t i, size_t spaxel, const struct cubix_star_bar *b,
                        struct cubix_chain_total *t)
{
  const struct cubix_tables *v = &who->tables;
  const struct cubix_slab *slab = who->slab;
  struct cubix_foot foot;
  struct cubix_deposit_slope slope;
  cubix_foot_of(v, slab->position + 3 * i, cubix_deposit_length(v, slab->smoothing_length, (int64_t)i), &foot);
  double k = weight_in(v, &foot, spaxel, &slope), k_bar = slab->mass_formed[i] * b->mass_formed;
#pragma omp atomic
  t->bar.mass_formed += k * b->mass_formed;
#pragma omp atomic
  t->bar.velocity += b->velocity;
#pragma omp atomic
  t->bar.f_z += b->f_z;
#pragma omp atomic
  t->bar.f_age += b->f_age;
#pragma omp atomic
  t->bar.screen += b->screen;
#pragma omp atomic
  t->slope.at[0] += k_bar * slope.at[0];
#pragma omp atomic
  t->slope.at[1] += k_bar * slope.at[1];
  if (v->deposit < CUBIX_DEPOSIT_GAUSSIAN) return;
#pragma omp atomic
  t->slope.length += k_bar * slope.length;
}

/* Spaxel of record r, from that of a record before it. */
static size_t spaxel_of(const struct cubix_placement *p, size_t r, size_t s)
{
  while (p->start[s + 1] <= r) s++;
  return s;
}

/* Spaxel of the first record of a share. */
static size_t spaxel_at(const struct cubix_placement *p, size_t r)
{
  size_t lo = 0, hi = p->n_spaxel;
  while (hi - lo > 1) {
    size_t half = (lo + hi) / 2;
    if (p->start[half] <= r) lo = half;
    else hi = half;
  }
  return lo;
}

/* Shares of a sum in their order. */
static void add_shares(struct cubix_chain_sums *sums, const struct cubix_chain_sums *share, size_t n_share)
{
  for (size_t h = 0; h < n_share; h++)
    for (size_t q = 0; q < sizeof *sums / sizeof(double); q++) ((double *)sums)[q] += ((const double *)&share[h])[q];
}

/* Records with one star each. */
static int stars_back(const struct cubix_chain_who *who, const struct cubix_placement *p,
                      const struct cubix_star_bar *star_bar, const struct home *home, struct cubix_chain_sums *sums)
{
  int status = CUBIX_OK;
  size_t n = p->start[p->n_spaxel], n_share = (n + SHARE - 1) / SHARE;
  struct cubix_chain_sums *share = NULL;
  struct columns columns = columns_of(who, home->bar);
  CUBIX_ALLOC(share, n_share);
#pragma omp parallel for schedule(dynamic, 4)
  for (size_t h = 0; h < n_share; h++)
    for (size_t r = h * SHARE; r < n && r < (h + 1) * SHARE; r++) {
      if (r + AHEAD < n) fetch(&columns, p->source[r + AHEAD]);
      star_back(who, p->source[r], &p->star[r], &(struct cubix_chain_total){ .bar = star_bar[r] }, home, &share[h]);
    }
  add_shares(sums, share, n_share);
done:
  free(share);
  return status;
}

int cubix_chain_stars_vjp(const struct cubix_chain_who *who, const struct cubix_placement *p, size_t first_spaxel,
                          const struct cubix_star_bar *star_bar, struct cubix_chain_total *total, double *screen_bar,
                          struct cubix_leaves *bar, struct cubix_chain_sums *sums)
{
  const struct cubix_slab *slab = who->slab;
  const struct home home = { screen_bar, bar, turns(bar) };
  size_t n = p->start[p->n_spaxel], n_share = (n + SHARE - 1) / SHARE;
  if (!total) return stars_back(who, p, star_bar, &home, sums);
#pragma omp parallel for schedule(dynamic, 4)
  for (size_t h = 0; h < n_share; h++) {
    size_t last = (h + 1) * SHARE < n ? (h + 1) * SHARE : n, s = spaxel_at(p, h * SHARE);
    for (size_t r = h * SHARE; r < last; r++) {
      if (r + AHEAD < n) {
        size_t i = p->source[r + AHEAD];
        __builtin_prefetch(&total[i], 1);
        __builtin_prefetch(slab->position + 3 * i);
        __builtin_prefetch(slab->mass_formed + i);
      }
      record_back(who, p->source[r], first_spaxel + (s = spaxel_of(p, r, s)), &star_bar[r], &total[p->source[r]]);
    }
  }
  return CUBIX_OK;
}

int cubix_chain_totals_vjp(const struct cubix_chain_who *who, const struct cubix_chain_total *total,
                           double *screen_bar, struct cubix_leaves *bar, struct cubix_chain_sums *sums)
{
  int status = CUBIX_OK;
  const struct cubix_slab *slab = who->slab;
  const struct home home = { screen_bar, bar, turns(bar) };
  size_t n = slab->n, n_share = (n + SHARE - 1) / SHARE;
  struct cubix_chain_sums *share = NULL;
  CUBIX_ALLOC(share, n_share);
#pragma omp parallel for schedule(dynamic, 4)
  for (size_t h = 0; h < n_share; h++)
    for (size_t i = h * SHARE; i < n && i < (h + 1) * SHARE; i++) {
      struct cubix_star place = { .iz = 0 };
      cubix_locate(&who->tables, slab->metallicity[i], slab->age[i], &place);
      star_back(who, i, &place, &total[i], &home, &share[h]);
    }
  add_shares(sums, share, n_share);
done:
  free(share);
  return status;
}

/* x_dot' = R (x_dot - c_dot) + R_dot (x - c), from x' = R (x - c). */
void cubix_chain_move(double to[3], const struct cubix_chain *chain, const double *x_dot, const double c_dot[3],
                      const double r_dot[3][3], const double x[3])
{
  double from[3], moved[3];
  for (int c = 0; c < 3; c++) moved[c] = (x_dot ? x_dot[c] : 0) - c_dot[c];
  cubix_rotate(to, &chain->pipe->frame, moved);
  cubix_rotate_back(from, &chain->pipe->frame, x);
  for (int c = 0; c < 3; c++) to[c] += r_dot[c][0] * from[0] + r_dot[c][1] * from[1] + r_dot[c][2] * from[2];
}

/* Tangents of star i in a leaf of one number, of three; none where the set is absent. */
static double number_of(const struct cubix_leaves *dot, enum cubix_leaf leaf, size_t i)
{
  const double *set = set_of(dot, leaf);
  return set ? set[i] : 0;
}
static const double *vector_of(const struct cubix_leaves *dot, enum cubix_leaf leaf, size_t i)
{
  const double *set = set_of(dot, leaf);
  return set ? set + 3 * i : NULL;
}

static void give(struct cubix_star_bar *d, const struct cubix_chain_who *who, size_t r, size_t spaxel,
                 const double *screen_dot, const struct cubix_leaves *dot, const struct cubix_chain_sums *dots)
{
  const struct cubix_tables *v = &who->tables;
  const struct cubix_slab *slab = who->slab;
  const size_t i = who->placement->source[r], number = number_in_leaf(who, i);
  double k = 1, k_dot = 0, x_dot[3], v_dot[3], mass = slab->mass_formed[i];
  double mass_dot = number_of(dot, who->mass, number) * (who->scaled ? who->chain->mass_scale : 1) +
                    (who->scaled ? mass * dots->mass_scale : 0);
  cubix_locate_jvp(v, slab->metallicity[i], slab->age[i], &who->placement->star[r],
                   by_oxygen(who, i) ? 0 : number_of(dot, who->metallicity, number),
                   number_of(dot, who->age, number), d);
  cubix_chain_move(v_dot, who->chain, vector_of(dot, who->velocity, number), dots->velocity, dots->rotation,
                   slab->velocity + 3 * i);
  d->velocity = v_dot[2] + dots->receding;
  d->screen = screen_dot ? screen_dot[number] : 0;
  if (v->deposit != CUBIX_DEPOSIT_NEAREST) {
    struct cubix_foot foot;
    struct cubix_deposit_slope slope, rate = { { 0, 0 }, 0 };
    const double *x = slab->position + 3 * i;
    double length = cubix_deposit_length(v, slab->smoothing_length, (int64_t)i);
    cubix_chain_move(x_dot, who->chain, vector_of(dot, who->position, number), dots->centre, dots->rotation, x);
    cubix_foot_of(v, x, length, &foot);
    k = weight_in(v, &foot, spaxel, &slope);
    cubix_deposit_jvp(v, x, length, x_dot, number_of(dot, who->length, number) + dots->length, &dots->sky, &rate);
    k_dot = slope.at[0] * rate.at[0] + slope.at[1] * rate.at[1] + slope.length * rate.length;
  }
  d->mass_formed = k * mass_dot + k_dot * mass;
}

void cubix_chain_stars_jvp(struct cubix_star_bar *star_dot, const struct cubix_chain_who *who,
                           const double *screen_dot, const struct cubix_leaves *dot,
                           const struct cubix_chain_sums *dots)
{
  const struct cubix_placement *p = who->placement;
  size_t n = p->start[p->n_spaxel], n_share = (n + SHARE - 1) / SHARE;
#pragma omp parallel for schedule(dynamic, 4)
  for (size_t h = 0; h < n_share; h++) {
    size_t last = (h + 1) * SHARE < n ? (h + 1) * SHARE : n, s = spaxel_at(p, h * SHARE);
    for (size_t r = h * SHARE; r < last; r++)
      give(&star_dot[r], who, r, s = spaxel_of(p, r, s), screen_dot, dot, dots);
  }
}
