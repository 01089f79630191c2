/* optimise_check.c -- whether a state that was read from somewhere can be one of this problem's
 * searches.
 *
 * A state is plain numbers, some of which count or index others: all of them are looked at before
 * they are used.  What cannot be seen here is whether the value belongs to the unknowns: the caller
 * evaluates it again. */
#include <math.h>

#include "base/error.h"
#include "fit/optimise_parts.h"

/* What a number of the state may be. */
struct range { const char *name; double from, to; int whole; };

static int check_numbers(const struct cubix_optimiser *state, const char *what)
{
  int status = CUBIX_OK;
  const double memory = state->memory, large = 1e300;
  const struct range range[CUBIX_N_AT] = {
    [CUBIX_AT_ITERATION] = { "the iteration", 0, CUBIX_OPTIMISER_MOST_ITERATIONS, 1 },
        [CUBIX_AT_EVALUATION] = { "the number of evaluations", 1, 1e9, 1 },
    [CUBIX_AT_VALUE] = { "the value", -large, large, 0 },
    [CUBIX_AT_GRADIENT] = { "the largest component of the gradient", 0, large, 0 },
    [CUBIX_AT_STEP] = { "the last step", 0, large, 0 }, [CUBIX_AT_DECREASE] = { "the last decrease", -large, large, 0 },
    [CUBIX_AT_PAIRS] = { "the number of pairs", 0, memory, 1 },
    [CUBIX_AT_NEWEST] = { "the newest pair", 0, memory > 0 ? memory - 1 : 0, 1 },
    [CUBIX_AT_END] = { "the end", CUBIX_END_NONE, CUBIX_END_MEMORY, 1 },
    [CUBIX_AT_SMALL] = { "the number of small gains", 0, CUBIX_OPTIMISER_MOST_ITERATIONS, 1 },
    [CUBIX_AT_NEWTON] = { "the phase", 0, 1, 1 }, [CUBIX_AT_DAMPING] = { "the damping", 0, 1e12, 0 },
    [CUBIX_AT_PROMISE] = { "the promised gain", -large, large, 0 },
  };
  for (int i = 0; i < CUBIX_N_AT; i++)
    CUBIX_CHECK(state->at[i] >= range[i].from && state->at[i] <= range[i].to &&
                    (!range[i].whole || state->at[i] == rint(state->at[i])),
                CUBIX_EINPUT, "%s: number %d of State, %s, is %g; it must be %s in %g .. %g: the file is damaged", what,
                i, range[i].name, state->at[i], range[i].whole ? "a whole number" : "a number", range[i].from,
                range[i].to);
  CUBIX_CHECK(state->at[CUBIX_AT_EVALUATION] > state->at[CUBIX_AT_ITERATION], CUBIX_EINPUT,
              "%s: %g evaluations in %g iterations are too few: the file is damaged", what,
              state->at[CUBIX_AT_EVALUATION], state->at[CUBIX_AT_ITERATION]);
done:
  return status;
}

/* On this rank: numbers that are none, unknowns beyond their bounds. */
static int check_vectors(const struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                         const char *what)
{
  int status = CUBIX_OK;
  const double *x = cubix_optimiser_x(state);
  for (int k = 0; k < state->n_vector; k++)
    for (size_t i = 0; i < state->n; i++)
      CUBIX_CHECK(isfinite(state->vector[(size_t)k * state->n + i]), CUBIX_EINPUT,
                  "%s: unknown %zu of vector v%d (%s) is %g: the file is damaged", what, i, k,
                  k == 0 ? "unknowns" : k == 1 ? "gradient" : "memory of the optimiser",
                      state->vector[(size_t)k * state->n + i]);
  for (size_t i = 0; i < state->n; i++) {
    const double lower = problem->lower ? problem->lower[i] : -INFINITY, upper = problem->upper ? problem->upper[i] :
        INFINITY, slack = 1e-9 * fmax(1, fabs(x[i]));
    CUBIX_CHECK(x[i] >= lower - slack && x[i] <= upper + slack, CUBIX_EINPUT,
                "%s: unknown %zu is %g, outside its bounds %g .. %g: the file is of another problem, or damaged", what,
                i,
                x[i], lower, upper);
  }
  for (size_t i = 0; state->method == CUBIX_Optimiser_adam && i < state->n; i++)
    CUBIX_CHECK(state->vector[3 * state->n + i] >= 0, CUBIX_EINPUT,
                "%s: the mean square of unknown %zu's gradient is %g: the file is damaged", what, i,
                state->vector[3 * state->n + i]);
done:
  return status;
}

int cubix_optimiser_check(const struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                          const char *what)
{
  int status = check_numbers(state, what);
  return status ? status : check_vectors(state, problem, what);
}

int cubix_optimiser_check_pairs(const struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                                const char *what)
{
  int status = CUBIX_OK;
  for (int j = 0; j < (int)state->at[CUBIX_AT_PAIRS]; j++) {
    const int k = ((int)state->at[CUBIX_AT_NEWEST] - j + state->memory) % state->memory;
    const double *s = state->vector + (size_t)(2 + 2 * k) * state->n, *y = s + state->n,
        sy = cubix_optimiser_dot(problem, s, y, NULL);
    CUBIX_CHECK(sy > 0 && isfinite(sy), CUBIX_EINPUT,
                "%s: the curvature along pair %d is %g; it must be positive: the file is damaged", what, k, sy);
  }
done:
  return status;
}
