/* optimise.h -- minimisation of a function of many bounded unknowns, which may be spread over
 * ranks. */
#ifndef CUBIX_OPTIMISE_H
#define CUBIX_OPTIMISE_H

#include <stddef.h>

#include "base/collective.h"
#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CUBIX_OPTIMISER_MOST_PAIRS = 100, CUBIX_OPTIMISER_MOST_ITERATIONS = 1000000 };

/* Why a search ended. */
enum cubix_optimiser_end {
  CUBIX_END_NONE,                 /* it has not ended */
  CUBIX_END_GRADIENT,             /* the projected gradient is below its tolerance */
  CUBIX_END_VALUE,                /* the value hardly decreases any more */
  CUBIX_END_NOISE,                /* no step along the gradient lowers the value: what is left is rounding */
  CUBIX_END_ITERATIONS,           /* as many as were allowed */
  CUBIX_END_NEWTON,               /* the curvature promises no gain that matters */
  CUBIX_END_STALLED,              /* the curvature promises a gain, and no step finds it */
  CUBIX_END_MEMORY                /* there was no memory for the curvature: nobody knows what may still be gained */
};

/* The numbers of the state: with the vectors, all that is needed to continue. */
enum {
  CUBIX_AT_ITERATION, CUBIX_AT_EVALUATION, CUBIX_AT_VALUE,
  CUBIX_AT_GRADIENT,              /* largest component of the projected gradient, of all ranks */
  CUBIX_AT_STEP,                  /* largest change of an unknown in the last step */
  CUBIX_AT_DECREASE,              /* by which the value fell in the last step */
  CUBIX_AT_PAIRS, CUBIX_AT_NEWEST,/* pairs (s, y) that are kept, and where the newest of them is */
  CUBIX_AT_END,                   /* enum cubix_optimiser_end */
  CUBIX_AT_SMALL,                 /* consecutive steps that hardly lowered the value */
  CUBIX_AT_NEWTON,                /* 1: the method has ended, Gauss-Newton steps finish */
  CUBIX_AT_DAMPING,               /* of these */
  CUBIX_AT_PROMISE,               /* by how much the value may still fall, from the curvature; -1: not known */
  CUBIX_N_AT
};

/* State of a search.  Copied number by number, another run continues with the same bits. */
struct cubix_optimiser {
  enum cubix_Optimiser method;
  size_t n;                       /* unknowns of this rank */
  int memory, n_vector;           /* pairs of L-BFGS; vectors: 2 + 2 memory, Adam: 4 */
  double at[CUBIX_N_AT];
  double *vector;                 /* [n_vector][n]: x, gradient, then s and y of each pair, or Adam's two moments */
};

/* The curvature of the value: H, the Gauss-Newton approximation to its second derivatives.  Known
 * completely up to so many unknowns, beyond that through products with vectors. */
struct cubix_optimiser_curve {
  /* free unknowns of all ranks, if `matrix` gives H; 0: `diagonal` and `product` do */
  int n;
  /* [problem->n] an unknown's row in H, the ranks' own before the shared ones; -1: it has none */
  const int *place;
  /* the gain in value that does not matter: the larger of an absolute one and one relative to the value */
  double gain, relative;
  /** H [n][n] at x, the same on all ranks, borrowed until the next call. */
  int (*matrix)(void *host, const double *x, const double **h);
  /** About H's diagonal at x, [problem->n], and products with H at that x from then on. */
  int (*diagonal)(void *host, const double *x, double *d);
  int (*product)(void *host, const double *p, double *hp);
};

/* Along which unknowns the search looks for other minima once it has ended, and what it found. */
struct cubix_optimiser_scan {
  /* [problem->n] range to scan; low < high: the value is far from quadratic along this unknown */
  const double *low, *high;
  int values, unknowns;           /* how many the last scan went through */
  int ended;                      /* 1: the last scan was complete and found nothing lower */
  double lower;                   /* by how much the value fell because of scans */
};

struct cubix_optimiser_problem {
  /* unknowns of this rank, of which the last n_shared are the same, and count once, on all ranks */
  size_t n, n_shared;
  const double *lower, *upper;    /* [n]; NULL: no bounds.  Equal ones freeze an unknown */
  /** Value and gradient [n] at x, with the same value on all ranks.  If value or gradient is not
   * finite, x is out of reach; an error ends the search. */
  int (*evaluate)(void *host, const double *x, double *value, double *gradient);
  /** Called after each iteration; may be NULL.  An error ends the search. */
  int (*iterated)(void *host, const struct cubix_optimiser *state);
  void *host;
  const struct cubix_collective *collective;
  const struct cubix_optimiser_curve *curve;   /* NULL: unknown; the method's own end counts */
  struct cubix_optimiser_scan *scan;           /* NULL: other minima are not looked for; needs the curve's matrix */
};

struct cubix_optimiser_rule {
  int max_iterations;             /* counted from the very start, over all runs */
  double gradient_tolerance;      /* of the projected gradient's largest component, relative to max(1, |value|) */
  /* of the decrease in each of three iterations, relative to max(1, |value|); L-BFGS only */
  double value_tolerance;
  /* Adam: the learning rate; L-BFGS: largest change of an unknown in the very first step */
  double rate;
};

/** Allocate a search that starts at x = 0; put another start into cubix_optimiser_x.  Local.
 *  @param memory pairs that L-BFGS keeps
 *  @param[out] state owned by the caller */
int cubix_optimiser_init(struct cubix_optimiser **state, enum cubix_Optimiser method, size_t n, int memory);
/** Bytes that a search takes: its state, and what its steps hold beside that.  Local.
 *  @param n unknowns of this rank
 *  @param n_matrix as in cubix_optimiser_curve.n */
double cubix_optimiser_bytes(enum cubix_Optimiser method, double n, int memory, int n_matrix);
/** Search from the state's position.  If the curvature is known, Gauss-Newton steps follow the
 * method's own end until H promises no more gain, and then other minima are looked for
 * (problem->scan).  Where there is no memory for the curvature the search ends where it is.  Collective if the
 * problem's collective is.
 *  Errors: CUBIX_EFAIL if the value is not finite at the start, or at every step however small;
 *    those of the callbacks. */
int cubix_optimise(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                   const struct cubix_optimiser_rule *rule);
/** Check that numbers read from a file can be the state of a search in this problem; each rank
 * checks its own.  Local.
 *  @param what "FILE", for messages
 *  Errors: CUBIX_EINPUT. */
int cubix_optimiser_check(const struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                          const char *what);
/** Check its pairs too, once cubix_optimiser_check has succeeded on all ranks.  Collective if the
 * problem's collective is.
 *  Errors: CUBIX_EINPUT. */
int cubix_optimiser_check_pairs(const struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                                const char *what);
/** The unknowns [n], and the gradient there.  Local, borrowed. */
double *cubix_optimiser_x(const struct cubix_optimiser *state);
double *cubix_optimiser_gradient(const struct cubix_optimiser *state);
/** Whether such an end is a minimum, as far as is known.  Local. */
int cubix_optimiser_converged(enum cubix_optimiser_end end);
/** Why the search ended, in words; begins with "not converged" if it did not converge.  Local. */
const char *cubix_optimiser_end_text(enum cubix_optimiser_end end);
void cubix_optimiser_free(struct cubix_optimiser *state);

#ifdef __cplusplus
}
#endif
#endif
