/* optimise_parts.h -- what the methods of optimise.c share: vectors over ranks, bounds, single
 * steps. */
#ifndef CUBIX_OPTIMISE_PARTS_H
#define CUBIX_OPTIMISE_PARTS_H

#include "fit/optimise.h"

/* Vectors of one run, beside those of the state. */
struct cubix_optimiser_work {
  double *x, *gradient;           /* [n] of a trial */
  double *direction, *step;       /* [n] of L-BFGS: direction of search, and step of the trial */
  unsigned char *held;            /* [n] 1: at a bound, and pushed against it */
};

/** Sum of a_i b_i over all ranks; with `held` only over those i that are not held.  The same bits
 * for any number of threads. */
double cubix_optimiser_dot(const struct cubix_optimiser_problem *problem, const double *a, const double *b,
                           const unsigned char *held);
/** Largest |a_i| of all ranks, or of a_i - b_i if b is given; with `held` only of those that are
 * not held. */
double cubix_optimiser_largest(const struct cubix_optimiser_problem *problem, const double *a, const double *b,
                               const unsigned char *held);
/** x + t d, within the bounds. */
void cubix_optimiser_move(const struct cubix_optimiser_problem *problem, double *to, const double *x, double t,
                          const double *d);
/** Mark the unknowns that are at a bound (nearer than `near`) and pushed against it, and note the
 * projected gradient in the state. */
void cubix_optimiser_hold(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                          unsigned char *held, double near);
/** Evaluate; *finite becomes 0 if value or gradient is not finite. */
int cubix_optimiser_evaluate(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                             const double *x, double *value, double *gradient, int *finite);
/** Accept the trial: it becomes the state. */
void cubix_optimiser_accept(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                            struct cubix_optimiser_work *work, double value);

/** What found no memory is done without: say so, and take it for no error.
 *  @param what  is not done  @return 0: that was so; the status is CUBIX_OK now */
int cubix_optimiser_forgive(int *status, const char *what);

/** Make one iteration.  @param[out] end set if the method itself ends */
int cubix_lbfgs_step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                     const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work,
                     enum cubix_optimiser_end *end);
int cubix_adam_step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                    const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work,
                    enum cubix_optimiser_end *end);
/** Make a Gauss-Newton step with the problem's curve. *end is set if the curve promises no gain, if
 * none is found, or if there is no memory for the curve.  Leaves `held` as cubix_optimiser_hold(0) does. */
int cubix_newton_step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                      const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work,
                      enum cubix_optimiser_end *end);
/** Look for a lower minimum than that of the state. *lower 1: the state is now near one, and the
 * search goes on from there.  What was done is noted in problem->scan. */
int cubix_optimiser_scan(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                         const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work, int *lower);

#endif
