/* unknowns.h -- what a fit varies: scaled, bounded numbers, from which the values of stars and of
 * the chain's parameters follow.
 *
 * The unknowns of a rank are [stars of this rank][n_star_unknown], star by star, and then n_shared
 * that are the same on every rank. */
#ifndef CUBIX_UNKNOWNS_H
#define CUBIX_UNKNOWNS_H

#include <stddef.h>

#include "base/collective.h"
#include "fit/leaves.h"
#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a fit starts. */
struct cubix_unknowns_start {
  size_t n_star;                  /* of this rank */
  const struct cubix_leaves *value; /* those that cubix_unknowns_need names; copied */
  double age[2], metallicity[2];  /* range of the library [Gyr, mass fraction], above 0 */
  /* [n_star] light of each star in the band, 0 if none reaches the field; NULL: all stars count alike */
  const double *light;
};

struct cubix_unknowns {
  /* stars of this rank; unknowns, of which the last n_shared are the same on every rank */
  size_t n_star, n, n_shared;
  int n_star_unknown;             /* of a star */
  double *lower, *upper;          /* [n] */
  struct cubix_unknowns_map *map; /* private (unknowns_parts.h) */
};

/* One shared unknown in words and in its own unit. */
struct cubix_unknown_info {
  char name[48], unit[16];
  double value, slope;            /* slope: of the value with the unknown */
  double from, to;                /* the bin, in range_unit; without range_unit it is a number of the whole */
  const char *range_unit;         /* "Gyr", "kpc" or NULL */
  int frozen;                     /* 1: its bounds are equal (a bin without stars) */
};

enum { CUBIX_UNKNOWN_MOST_BINS = 64 };
/** The edges that FitAgeEdges gives [Gyr].  Local.
 *  @param[out] n number of bins between them; 0: FitAgeEdges is empty
 *  Errors: CUBIX_EUSAGE. */
int cubix_unknowns_edges(double edge[CUBIX_UNKNOWN_MOST_BINS + 1], int *n, const struct cubix_params *par);
/** Which leaves a fit of `varied` needs starting values of.  Local.
 *  @param[out] need [CUBIX_N_LEAF] */
void cubix_unknowns_need(unsigned char need[CUBIX_N_LEAF], const struct cubix_params *par,
                         const unsigned char varied[CUBIX_N_LEAF]);
/** Set up the unknowns, all 0 at the start.  Collective if `collective` is.
 *  @param[out] unknowns owned by the caller; borrows collective
 *  Errors: CUBIX_EUSAGE if FitModel cannot vary a leaf, or none is varied. */
int cubix_unknowns_init(struct cubix_unknowns **unknowns, const struct cubix_params *par,
                        const unsigned char varied[CUBIX_N_LEAF], const struct cubix_unknowns_start *start,
                        const struct cubix_collective *collective);
/** Values of the varied leaves.  Local.
 *  @param x [n]
 *  @param[out] value sets of all varied leaves */
void cubix_unknowns_apply(const struct cubix_unknowns *unknowns, const double *x, struct cubix_leaves *value);
/** Reverse derivative: add the cotangents of the leaves (GLOBAL ones complete on every rank) to
 * x_bar.  Collective. */
void cubix_unknowns_apply_vjp(const struct cubix_unknowns *unknowns, const double *x,
                              const struct cubix_leaves *value_bar, double *x_bar);
/** Forward derivative: tangents of the varied leaves, overwritten.  Local. */
void cubix_unknowns_apply_jvp(const struct cubix_unknowns *unknowns, const double *x, const double *x_dot,
                              struct cubix_leaves *value_dot);
/** Allocate zeroed sets for all varied leaves.  Local.
 *  @param[out] leaves owned by the caller: cubix_leaves_free */
int cubix_unknowns_leaves(const struct cubix_unknowns *unknowns, struct cubix_leaves *leaves);
/** Describe shared unknown i of n_shared.  Local. */
void cubix_unknowns_info(const struct cubix_unknowns *unknowns, const double *x, size_t i,
                         struct cubix_unknown_info *info);
/** The range of an unknown of n in which there may be several minima, because the objective is far
 * from quadratic along it (ages and metallicities, over the library).  Local.
 *  @param[out] range low and high; equal if there is one minimum only, or no choice */
void cubix_unknowns_scan(const struct cubix_unknowns *unknowns, size_t i, double range[2]);
/** How far the unknowns of a leaf may go from the start, as a factor or in the unit of the leaf; 0:
 * as far as the bounds.  Local. */
double cubix_unknowns_range(enum cubix_leaf leaf);
/** A number that differs for different starts: the sum of all values that the fit started from.
 * Collective. */
double cubix_unknowns_mark(const struct cubix_unknowns *unknowns);
void cubix_unknowns_free(struct cubix_unknowns *unknowns);

#ifdef __cplusplus
}
#endif
#endif
