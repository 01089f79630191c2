/* physics/population.h -- which template rows make a star's spectrum, and with which weights.
 * Source: doc/math.md section 6.
 *
 * In age and metallicity beyond the grid the nearest edge counts; the caller learns of it and
 * reports it. */
#ifndef CUBIX_PHYSICS_POPULATION_H
#define CUBIX_PHYSICS_POPULATION_H

#include "physics/tables.h"

enum { CUBIX_CLAMP_Z = 1, CUBIX_CLAMP_AGE = 2 };

/* A star as it is painted. */
struct cubix_star {
  double mass_formed;             /* Msun */
  double velocity;                /* along the line of sight [km/s], receding positive */
  double f_z, f_age;              /* place between grid points iz, iz + 1 and ia, ia + 1: 0 .. 1 */
  int16_t iz, ia;
  cubix_real screen;              /* A(V) of the dust in front of it [mag] */
};

/* What a number changes with what a star is painted from: a cotangent; or how fast that changes: a tangent. */
struct cubix_star_bar {
  double mass_formed, velocity, f_z, f_age, screen;
};

struct cubix_mix {
  int n;                          /* rows in use: 4, or 8 with pchip */
  int row[CUBIX_MAX_CORNER];
  double weight[CUBIX_MAX_CORNER];
};

/** Interval of x in rising nodes[n], and the fraction inside it; clamped to the ends.  @return 1 if it was clamped */
CUBIX_HD int cubix_bracket(const double *nodes, int n, double x, int *i, double *f)
{
  int lo = 0, left = n - 1;
  *i = 0;
  *f = 0;
  if (n < 2 || !(x > nodes[0])) return !(x == nodes[0]);
  if (x >= nodes[n - 1]) {
    *i = n - 2;
    *f = 1;
    return x > nodes[n - 1];
  }
  for (int half; left > 1; left -= half) {         /* without a branch on what is random */
    half = left / 2;
    lo += half & -(nodes[lo + half] <= x);
  }
  *i = lo;
  *f = (x - nodes[lo]) / (nodes[lo + 1] - nodes[lo]);
  return 0;
}

/** Cell of a log age within the grid.  It never falls as log age rises, however it is rounded. */
CUBIX_HD int cubix_age_cell(const struct cubix_tables *v, double log_age)
{
  return (int)((log_age - v->log_age[0]) * v->age_cell_per_dex);
}

/** Make the cells, from node to node of v->log_age.  @param[out] first [CUBIX_AGE_CELLS] borrowed by v */
CUBIX_HD void cubix_index_ages(struct cubix_tables *v, int16_t *first)
{
  int cell, i = 0;
  v->age_first = 0;
  if (v->n_age < 2) return;
  v->age_cell_per_dex = (CUBIX_AGE_CELLS - 1) / (v->log_age[v->n_age - 1] - v->log_age[0]);
  for (cell = 0; cell < CUBIX_AGE_CELLS; cell++) {
    while (i + 2 < v->n_age && cubix_age_cell(v, v->log_age[i + 1]) < cell) i++;
    first[cell] = (int16_t)i;
  }
  v->age_first = first;
}

/** cubix_bracket in log age, with the same result: from the cell's first node it is a step or none. */
CUBIX_HD int cubix_bracket_age(const struct cubix_tables *v, double log_age, int *i, double *f)
{
  const double *node = v->log_age;
  int lo;
  if (!v->age_first || !(log_age > node[0] && log_age < node[v->n_age - 1]))
    return cubix_bracket(node, v->n_age, log_age, i, f);
  lo = v->age_first[cubix_age_cell(v, log_age)];
  lo += node[lo + 1] <= log_age;
  while (node[lo + 1] <= log_age) lo++;
  *i = lo;
  *f = (log_age - node[lo]) / (node[lo + 1] - node[lo]);
  return 0;
}

/** Where a star's metallicity and age [Gyr] lie on the library's grid.  @return CUBIX_CLAMP_Z |
 * CUBIX_CLAMP_AGE where the grid ended */
CUBIX_HD int cubix_locate(const struct cubix_tables *v, double metallicity, double age, struct cubix_star *star)
{
  int iz, ia, clamped = 0;
  double log_z = metallicity > 0 ? log10(metallicity) : -1e3, log_age = age > 0 ? log10(age) : -1e3;
  if (cubix_bracket(v->log_z, v->n_z, log_z, &iz, &star->f_z) && !(v->zero_z && log_z < v->log_z[0]))
    clamped |= CUBIX_CLAMP_Z;
  if (cubix_bracket_age(v, log_age, &ia, &star->f_age) && !(v->zero_age && log_age < v->log_age[0]))
    clamped |= CUBIX_CLAMP_AGE;
  star->iz = (int16_t)iz;
  star->ia = (int16_t)ia;
  return clamped;
}

/** Rows and weights, per Msun formed, of a star. */
CUBIX_HD void cubix_mix_of(const struct cubix_tables *v, const struct cubix_star *star, struct cubix_mix *mix)
{
  int iz = star->iz, ia = star->ia, ja = v->n_age > 1 ? ia + 1 : ia, jz = v->n_z > 1 ? iz + 1 : iz;
  double fz = star->f_z, fa = star->f_age, wa[2] = { 1 - fa, fa }, slope[2] = { 0, 0 };
  if (v->pchip) {
    double h = v->log_age[ja] - v->log_age[ia], f2 = fa * fa, f3 = f2 * fa;
    wa[1] = 3 * f2 - 2 * f3;
    wa[0] = 1 - wa[1];
    slope[0] = h * (f3 - 2 * f2 + fa);
    slope[1] = h * (f3 - f2);
  }
  mix->n = v->pchip ? 8 : 4;
  for (int k = 0; k < 4; k++) {
    int row = (k < 2 ? iz : jz) * v->n_age + (k & 1 ? ja : ia);
    double wz = k < 2 ? 1 - fz : fz;
    mix->row[k] = row;
    mix->weight[k] = wz * wa[k & 1];
    mix->row[k + 4] = row + v->n_z * v->n_age;
    mix->weight[k + 4] = wz * slope[k & 1];
  }
}

/** Derivative of a place f in interval i between grid points with the metallicity or age x itself,
 * log_node [n] rising.  Beyond the grid, and at its two ends, where f no
 *  longer changes on one side, it is 0; at an inner node, where it jumps, it is that of the
 *  interval above, which is the one that holds the node (cubix_bracket). */
CUBIX_HD double cubix_place_slope(const double *log_node, int n, int i, double f, double x)
{
  if (n < 2 || (i == 0 && !(f > 0)) || (i == n - 2 && !(f < 1))) return 0;
  return 1 / (2.302585092994045684 * x * (log_node[i + 1] - log_node[i]));   /* ln 10 */
}

/** Reverse of cubix_locate, which has put the star into its place: from what the places change to
 * what metallicity and age [1/Gyr] do. */
CUBIX_HD void cubix_locate_vjp(const struct cubix_tables *v, double metallicity, double age,
                               const struct cubix_star *star, const struct cubix_star_bar *star_bar,
                               double *metallicity_bar, double *age_bar)
{
  *metallicity_bar += star_bar->f_z * cubix_place_slope(v->log_z, v->n_z, star->iz, star->f_z, metallicity);
  *age_bar += star_bar->f_age * cubix_place_slope(v->log_age, v->n_age, star->ia, star->f_age, age);
}

/** Tangents of cubix_locate's places. */
CUBIX_HD void cubix_locate_jvp(const struct cubix_tables *v, double metallicity, double age,
                               const struct cubix_star *star, double metallicity_dot, double age_dot,
                               struct cubix_star_bar *star_dot)
{
  star_dot->f_z = metallicity_dot * cubix_place_slope(v->log_z, v->n_z, star->iz, star->f_z, metallicity);
  star_dot->f_age = age_dot * cubix_place_slope(v->log_age, v->n_age, star->ia, star->f_age, age);
}

/** Derivatives of cubix_mix_of's weights with the places f_z and f_age; 0 where there is one node
 * only, and so no place. */
CUBIX_HD void cubix_mix_slope(const struct cubix_tables *v, const struct cubix_star *star,
                              double by_z[CUBIX_MAX_CORNER], double by_age[CUBIX_MAX_CORNER])
{
  int ia = star->ia, ja = v->n_age > 1 ? ia + 1 : ia;
  double fz = star->f_z, f = star->f_age, f2 = f * f;
  double w[4] = { 1 - f, f, 0, 0 }, dw[4] = { -1, 1, 0, 0 };       /* of the two ages, and of their derivatives */
  if (v->pchip) {
    double h = v->log_age[ja] - v->log_age[ia];
    w[1] = 3 * f2 - 2 * f2 * f;
    w[0] = 1 - w[1];
    w[2] = h * (f2 * f - 2 * f2 + f);
    w[3] = h * (f2 * f - f2);
    dw[1] = 6 * (f - f2);
    dw[0] = -dw[1];
    dw[2] = h * (3 * f2 - 4 * f + 1);
    dw[3] = h * (3 * f2 - 2 * f);
  }
  for (int k = 0; k < CUBIX_MAX_CORNER; k++) {
    int a = (k & 1) + (k & 4) / 2, up = k & 2;
    by_z[k] = v->n_z < 2 ? 0 : up ? w[a] : -w[a];
    by_age[k] = v->n_age < 2 ? 0 : (up ? fz : 1 - fz) * dw[a];
  }
}

/** Reverse of cubix_mix_of.  @param weight_bar [4, or 8 with pchip] */
CUBIX_HD void cubix_mix_of_vjp(const struct cubix_tables *v, const struct cubix_star *star, const double *weight_bar,
                               double *f_z_bar, double *f_age_bar)
{
  double by_z[CUBIX_MAX_CORNER], by_age[CUBIX_MAX_CORNER];
  cubix_mix_slope(v, star, by_z, by_age);
  for (int k = 0; k < (v->pchip ? 8 : 4); k++) {
    *f_z_bar += weight_bar[k] * by_z[k];
    *f_age_bar += weight_bar[k] * by_age[k];
  }
}

/** Tangents of cubix_mix_of's weights. */
CUBIX_HD void cubix_mix_of_jvp(const struct cubix_tables *v, const struct cubix_star *star, double f_z_dot,
                               double f_age_dot, double weight_dot[CUBIX_MAX_CORNER])
{
  double by_z[CUBIX_MAX_CORNER], by_age[CUBIX_MAX_CORNER];
  cubix_mix_slope(v, star, by_z, by_age);
  for (int k = 0; k < CUBIX_MAX_CORNER; k++) weight_dot[k] = by_z[k] * f_z_dot + by_age[k] * f_age_dot;
}

/** Luminosity in the observed band at rest [1e30 erg/s per Msun formed]. */
CUBIX_HD double cubix_mix_light(const struct cubix_tables *v, const struct cubix_mix *mix)
{
  double light = 0;
  for (int k = 0; k < mix->n; k++) light += mix->weight[k] * v->light[mix->row[k]];
  return light;
}

#endif
