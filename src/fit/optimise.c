/* optimise.c -- a search in many unknowns, each rank holding its own: what the methods (lbfgs.c,
 * adam.c) have in common.
 *
 * A fit has unknowns for every star, which live where the star does, and a few that all ranks
 * share.  Libraries of optimisers want all of them in one process (NLopt's bounded L-BFGS; GSL's
 * minimisers know no bounds either), so these are written here: all they need of the other ranks is
 * the sum of a dot product and a largest component, which `collective` gives.  All decisions follow
 * from those, and so are the same on all ranks.
 *
 * Exactness: sums go over blocks of fixed size in fixed order, whatever the number of threads; and
 * all that a search knows is in its state, plain numbers. A state that was written and read back
 * continues with the same bits, where evaluate does.
 *
 * The projected gradient of x in [lower, upper] is the gradient, but 0 in components that lie at a
 * bound and would leave by it: it vanishes at a minimum (Karush-Kuhn-Tucker).
 *
 * Ends: one small gain may be a poor line search's, so a method ends after three in a row; and
 * since gradients and gains say little of how far the minimum is where unknowns differ in what they
 * do, the curvature has the last word where it is known: newton.c judges, and goes on where more is
 * to be gained. A minimum it is then, but not always the lowest: optimise_scan.c looks beyond. */
#include "fit/optimise_parts.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/worst.h"
#include "fit/quadratic.h"

enum { MOST_SCANS = 5 };
enum { FEW_GAINS = 3 };               /* small ones in a row: one alone may be a poor line search's */
static const double first_damping = 1e-3;

static int work_init(struct cubix_optimiser_work *work, size_t n)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(work->x, n);
  CUBIX_ALLOC(work->gradient, n);
  CUBIX_ALLOC(work->direction, n);
  CUBIX_ALLOC(work->step, n);
  CUBIX_ALLOC(work->held, n);
done:
  return status;
}

static int start(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                 struct cubix_optimiser_work *work)
{
  int status = CUBIX_OK, finite;
  double *x = cubix_optimiser_x(state);
  cubix_optimiser_move(problem, x, x, 0, work->direction);
  CUBIX_TRY(cubix_optimiser_evaluate(state, problem, x, &state->at[CUBIX_AT_VALUE], cubix_optimiser_gradient(state),
                                     &finite));
  CUBIX_CHECK(finite, CUBIX_EFAIL,
              "at the start of the search the objective is %g; it or its gradient is not finite: choose another start",
              state->at[CUBIX_AT_VALUE]);
done:
  return status;
}

/* Whether the method goes on from here. */
static enum cubix_optimiser_end judge(const struct cubix_optimiser *state, const struct cubix_optimiser_rule *rule)
{
  double size = fmax(1, fabs(state->at[CUBIX_AT_VALUE]));
  if (state->at[CUBIX_AT_GRADIENT] <= rule->gradient_tolerance * size) return CUBIX_END_GRADIENT;
  if (state->method == CUBIX_Optimiser_lbfgs && state->at[CUBIX_AT_SMALL] >= FEW_GAINS) return CUBIX_END_VALUE;
  return state->at[CUBIX_AT_ITERATION] >= rule->max_iterations ? CUBIX_END_ITERATIONS : CUBIX_END_NONE;
}

/* One iteration of the method, or why there is none. */
static int step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work,
                enum cubix_optimiser_end *end)
{
  int status = CUBIX_OK;
  *end = judge(state, rule);
  if (*end != CUBIX_END_NONE) goto done;
  const int lbfgs = state->method == CUBIX_Optimiser_lbfgs;
  CUBIX_TRY((lbfgs ? cubix_lbfgs_step : cubix_adam_step)(state, problem, rule, work, end));
  if (*end != CUBIX_END_NONE) goto done;
  const int small = state->at[CUBIX_AT_DECREASE] <= rule->value_tolerance * fmax(1, fabs(state->at[CUBIX_AT_VALUE]));
  state->at[CUBIX_AT_SMALL] = small ? state->at[CUBIX_AT_SMALL] + 1 : 0;
done:
  return status;
}

/* From here on by Gauss-Newton steps. */
static void finish(struct cubix_optimiser *state)
{
  state->at[CUBIX_AT_NEWTON] = 1;
  state->at[CUBIX_AT_SMALL] = 0;
  state->at[CUBIX_AT_DAMPING] = first_damping;
}

/* Whether a search that has ended goes on from a lower place. */
static int look_beyond(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                       const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work,
                       enum cubix_optimiser_end *end, int *rounds)
{
  int status = CUBIX_OK, lower;
  if (*end == CUBIX_END_NONE || *end == CUBIX_END_ITERATIONS || *end == CUBIX_END_MEMORY || !problem->scan ||
      !problem->curve || !problem->curve->n || *rounds == MOST_SCANS)
    goto done;
  ++*rounds;
  status = cubix_optimiser_scan(state, problem, rule, work, &lower);
  if (!cubix_optimiser_forgive(&status, "other minima are not looked for")) goto done;
  CUBIX_TRY(status);
  problem->scan->ended = !lower;
  if (lower) *end = CUBIX_END_NONE;
done:
  return status;
}

int cubix_optimise(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                   const struct cubix_optimiser_rule *rule)
{
  int status = CUBIX_OK;
  int rounds = 0;
  enum cubix_optimiser_end end;
  struct cubix_optimiser_work work = { 0 };
  status = work_init(&work, state->n);
  if (problem->collective->largest(status) > 0 && !status)
    status = cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "another rank has no memory for the search");
  if (status) goto done;
  if (state->at[CUBIX_AT_EVALUATION] == 0) CUBIX_TRY(start(state, problem, &work));
  cubix_optimiser_hold(state, problem, work.held, 0);
  for (;;) {
    CUBIX_TRY((state->at[CUBIX_AT_NEWTON] != 0 ? cubix_newton_step : step)(state, problem, rule, &work, &end));
    if (end != CUBIX_END_NONE && end != CUBIX_END_ITERATIONS && problem->curve && state->at[CUBIX_AT_NEWTON] == 0) {
      finish(state);
      continue;
    }
    CUBIX_TRY(look_beyond(state, problem, rule, &work, &end, &rounds));
    if (end != CUBIX_END_NONE) break;
    cubix_optimiser_hold(state, problem, work.held, 0);
    if (problem->iterated) CUBIX_TRY(problem->iterated(problem->host, state));
  }
  state->at[CUBIX_AT_END] = end;
done:
  free(work.held);
  free(work.step);
  free(work.direction);
  free(work.gradient);
  free(work.x);
  return status;
}

/* ---- the state ------------------------------------------------------------------------------- */
int cubix_optimiser_init(struct cubix_optimiser **out, enum cubix_Optimiser method, size_t n, int memory)
{
  int status = CUBIX_OK;
  struct cubix_optimiser *state = NULL;
  CUBIX_CHECK(memory >= 1 && memory <= CUBIX_OPTIMISER_MOST_PAIRS, CUBIX_EUSAGE, "L-BFGS keeps 1..%d pairs, not %d",
              CUBIX_OPTIMISER_MOST_PAIRS, memory);
  CUBIX_ALLOC(state, 1);
  state->method = method;
  state->n = n;
  state->memory = method == CUBIX_Optimiser_lbfgs ? memory : 0;
  state->n_vector = method == CUBIX_Optimiser_lbfgs ? 2 + 2 * memory : 4;
  state->at[CUBIX_AT_PROMISE] = -1;
  CUBIX_ALLOC(state->vector, (size_t)state->n_vector * n);
  *out = state;
  state = NULL;
done:
  cubix_optimiser_free(state);
  return status;
}

double cubix_optimiser_bytes(enum cubix_Optimiser method, double n, int memory, int n_matrix)
{
  const double vector = n * sizeof(double);
  if (method == CUBIX_Optimiser_adam) return vector * (4 + 4) + n;      /* it seldom comes to Gauss-Newton steps */
  return vector * (2 + 2. * memory + 4) + n + cubix_quadratic_bytes(n_matrix ? n_matrix : n, n_matrix > 0);
}

const char *cubix_optimiser_end_text(enum cubix_optimiser_end end)
{
  static const char *const text[] = { "not ended",
                                      "converged: the projected gradient is below GradientTolerance",
                                      "converged: the value hardly falls any more",
                                      "converged to rounding: no step lowers the value any more",
                                      "not converged: stopped after MaxIterations",
                                      "converged: the curvature promises no gain that matters",
                                      "not converged: no step finds the gain that gradient and curvature promise",
                                      "not converged: there is no memory for the curvature of the last steps" };
  return text[end];
}

int cubix_optimiser_converged(enum cubix_optimiser_end end)
{
  return end != CUBIX_END_NONE && end != CUBIX_END_ITERATIONS && end != CUBIX_END_STALLED &&
         end != CUBIX_END_MEMORY;
}

void cubix_optimiser_free(struct cubix_optimiser *state)
{
  if (!state) return;
  free(state->vector);
  free(state);
}
