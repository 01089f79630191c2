/* unknowns_parts.h -- how leaves follow from unknowns; shared by unknowns.c and unknowns_info.c. */
#ifndef CUBIX_UNKNOWNS_PARTS_H
#define CUBIX_UNKNOWNS_PARTS_H

#include "fit/unknowns.h"

/* How a number follows from its unknown x, b being its start. */
enum cubix_unknown_form {
  CUBIX_FORM_LINEAR,              /* b + scale x */
  CUBIX_FORM_LN                   /* b exp(x) */
};

/* a star's own, all stars' of a bin, a GLOBAL leaf */
enum cubix_unknown_of { CUBIX_OF_EACH, CUBIX_OF_BIN, CUBIX_OF_ALL };

/* The unknowns of a leaf. */
struct cubix_unknown_block {
  enum cubix_leaf leaf;
  enum cubix_unknown_of of;
  enum cubix_unknown_form form;
  double scale;
  double low, high;               /* what the value may be */
  int n, n_c;                     /* unknowns: of a star (EACH), of bins, of the leaf; numbers of the leaf */
  size_t first;                   /* EACH: of a star's unknowns; else of the shared ones */
  const unsigned char *bin;       /* BIN: [n_star] */
  const double *edge;             /* BIN: [n + 1] */
  double *base;                   /* [n_star][n_c] or [n_c] the start */
  int several;                    /* 1: the objective is far from quadratic along them, and may have several minima */
  double range;                   /* how far from it: a factor (LN), in the leaf's unit; 0: to the bounds alone */
};

struct cubix_unknowns_map {
  const struct cubix_collective *collective;
  int n_block;
  struct cubix_unknown_block block[CUBIX_N_LEAF];
  unsigned char *age_bin, *shell; /* [n_star], or NULL */
  int n_age;                      /* bins of age */
  double age_edge[CUBIX_UNKNOWN_MOST_BINS + 1], shell_edge[CUBIX_UNKNOWN_MOST_BINS + 1];   /* Gyr, kpc */
  double systemic[3];             /* km/s */
  /* dex by which a bin's stars, on average, get to the library's ends in metallicity */
  double shift[CUBIX_UNKNOWN_MOST_BINS][2];
};

/** Find the bin of every star, and the edges; those of ages stay if n_age is set.  Collective if
 * `collective` is. */
void cubix_unknowns_find_bins(struct cubix_unknowns *unknowns, const struct cubix_params *par,
                              const struct cubix_unknowns_start *start);

#endif
