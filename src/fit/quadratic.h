/* quadratic.h -- the quadratic model of a value about a point, and its minimum within the bounds;
 * for newton.c and optimise_scan.c. */
#ifndef CUBIX_QUADRATIC_H
#define CUBIX_QUADRATIC_H

#include "fit/optimise_parts.h"

/* The model of the free unknowns: all of H's, the same on every rank, or without H this rank's. */
struct cubix_quadratic {
  const struct cubix_optimiser_problem *problem;
  const double *h;                /* [n][n]; NULL: products */
  size_t n;
  double *x, *g, *lower, *upper, *d;   /* [n] */
  double *p, *hp, *r, *z, *q;     /* [n] step, H p; room */
  double *factor;                 /* [n][n] */
  unsigned char *fixed, *kink;    /* [n] 1: not solved for; left where it is */
};

#define CUBIX_LEAST_DAMPING 1e-7      /* keeps directions in which the value is flat from moving, to H's rounding */

/** Allocate a model.  Local.
 *  @param[out] m free it with cubix_quadratic_free, also after a failure */
int cubix_quadratic_init(struct cubix_quadratic *m, const struct cubix_optimiser_problem *problem);
/** Bytes that it takes for n unknowns.  Local.  @param complete 1: H is complete and has factors */
double cubix_quadratic_bytes(double n, int complete);
void cubix_quadratic_free(struct cubix_quadratic *m);
/** Fill in H or its diagonal, gradient and bounds at the state.  Collective.
 *  Errors: CUBIX_EFAIL if H is not finite. */
int cubix_quadratic_fill(struct cubix_quadratic *m, const struct cubix_optimiser *state);
/** Gather a vector of the ranks' unknowns in the order of H, on every rank; if `mine` is NULL every
 * element is `missing`.  Collective. */
void cubix_quadratic_gather(const struct cubix_quadratic *m, double *all, const double *mine, double missing);
/** Sum of a_i b_i.  Collective. */
double cubix_quadratic_dot(const struct cubix_quadratic *m, const double *a, const double *b,
                           const unsigned char *without);
/** Whether an unknown has no freedom: frozen, or at a bound and pushed against it.  Local. */
int cubix_quadratic_pushed(const struct cubix_quadratic *m, size_t i);
/** Minimise the damped model within the bounds: p, and the gain that the model without damping
 * promises.  Collective.
 *  @param[out] solved 0: no solution */
int cubix_quadratic_minimise(struct cubix_quadratic *m, double lambda, double *gain, int *solved);
/** The same with as little damping as the rounding of H allows; needs H.
 *  @param[out] solved 0: no damping up to 1 gives factors; gain and p are 0 */
int cubix_quadratic_solve(struct cubix_quadratic *m, double *gain, int *solved);
/** Put p into the order of this rank's unknowns.  Local. */
void cubix_quadratic_scatter(const struct cubix_quadratic *m, double *mine);

#endif
