/* optimise_parts.h -- what the methods of optimise.c share: vectors over ranks, bounds, one step. */
#ifndef CUBIX_OPTIMISE_PARTS_H
#define CUBIX_OPTIMISE_PARTS_H

#include "fit/optimise.h"

/* Vectors of one run, beside those of the state. */
struct cubix_optimiser_work {
  double *x, *gradient;           /* [n] of a trial */
  double *direction, *step;       /* [n] where to go, and how far the trial went: by L-BFGS */
  unsigned char *held;            /* [n] 1: at a bound, and pushed against it */
};

/** Sum of a_i b_i over all ranks; with `held` over those i alone that are not.  The same bits for
 * any number of threads. */
double cubix_optimiser_dot(const struct cubix_optimiser_problem *problem, const double *a, const double *b,
                           const unsigned char *held);
/** Largest |a_i| of all ranks; with b: of a_i - b_i; with `held` of those that are not. */
double cubix_optimiser_largest(const struct cubix_optimiser_problem *problem, const double *a, const double *b,
                               const unsigned char *held);
/** x + t d, within the bounds. */
void cubix_optimiser_move(const struct cubix_optimiser_problem *problem, double *to, const double *x, double t,
                          const double *d);
/** Mark who is at a bound (nearer than `near`) and pushed against it, and note the projected gradient in the state. */
void cubix_optimiser_hold(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                          unsigned char *held, double near);
/** Evaluate; *finite: 0 where value or gradient is not. */
int cubix_optimiser_evaluate(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                             const double *x, double *value, double *gradient, int *finite);
/** The trial becomes where we are. */
void cubix_optimiser_accept(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                            struct cubix_optimiser_work *work, double value);

/** One iteration.  @param[out] end set where the method itself finds an end */
int cubix_lbfgs_step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                     const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work,
                     enum cubix_optimiser_end *end);
int cubix_adam_step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                    const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work,
                    enum cubix_optimiser_end *end);
/** By the problem's curve; *end is set where it promises no gain, or where none is found.  Leaves
 * held as cubix_optimiser_hold(0). */
int cubix_newton_step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                      const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work,
                      enum cubix_optimiser_end *end);
/** Look for a lower minimum than the one where the state is; *lower 1: the state is near it, and the
 * search goes on from there.  What was done is noted in problem->scan. */
int cubix_optimiser_scan(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                         const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work, int *lower);

#endif
