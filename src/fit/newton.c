/* newton.c -- the last steps of a search, and the verdict on it, from the curvature H = J^T W J
 * (Gauss-Newton) of a value that is a sum of squares or nearly so.
 *
 * Within the bounds the quadratic model F + g p + p H p/2 is made smallest (quadratic.c).  What the
 * model promises there,
 *
 *   gain = -(g p + p H p/2),   without bounds g H^-1 g/2: half the Newton decrement squared
 *                              (Boyd & Vandenberghe 2004, 9.5),
 *
 * is for F = -2 ln L the square of the distance from the minimum in units of the joint errors,
 * whatever the units of the unknowns: the search has converged where it is below
 * problem->curve->gain.  Where there are too many unknowns for H itself each one counts by itself,
 * gain_i = g_i^2/(2 H_ii): the component of the projected gradient in units of its error, (g_i
 * sigma_i/2)^2 with sigma_i^2 = 2/H_ii, the others held; once all of these are small enough, so
 * must be the gain of all together that conjugate gradients find, divided by the number of
 * unknowns.
 *
 * Steps: (H + lambda D) p = -g with D the diagonal of H (Levenberg 1944; Marquardt 1963, SIAM J.
 * Appl. Math. 11, 431);
 * lambda falls where the model told the truth and rises where it did not.  A step is taken if F falls.
 * Where none does an unknown may stand at a kink of F: the one whose component of the gradient
 * promises most is left where it is, up to three of them. A floor of lambda keeps combinations of
 * unknowns that the value does not know of (to the rounding of H) from moving. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/worst.h"
#include "fit/quadratic.h"

/* where H has no factors: nothing is promised, and nothing excluded */
static const double unknown_gain = 1e300;
static const double most_damping = 1e6;
static const double least_share = 1e-4;              /* of the promised gain that must come */
enum { MOST_SMALL = 5, MOST_KINKS = 3 };

/* What is still to be gained. */
static int promise(struct cubix_quadratic *m, double enough, double *gain)
{
  int status = CUBIX_OK, solved = 0;
  double largest = 0, all = 0;
  if (m->h) {
    CUBIX_TRY(cubix_quadratic_solve(m, gain, &solved));
    if (!solved) *gain = unknown_gain;
    goto done;
  }
  for (size_t i = 0; i < m->n; i++)
    if (!cubix_quadratic_pushed(m, i) && m->d[i] > 0) largest = cubix_worst(largest, m->g[i] * m->g[i] / (2 * m->d[i]));
  *gain = m->problem->collective->largest(largest);
  if (*gain > enough) goto done;
  const double shared = (double)m->problem->n_shared, n = m->problem->collective->total((double)m->n - shared) + shared;
  /* each by itself is content; and all, on average? */
  CUBIX_TRY(cubix_quadratic_minimise(m, CUBIX_LEAST_DAMPING, &all, &solved));
  *gain = fmax(*gain, all / n);
done:
  return status;
}

/* Leave the unknown of which the gradient promises most where it is: it may stand at a kink, and hinder the others. */
static void leave_one(struct cubix_quadratic *m)
{
  double largest = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < m->n; i++) {
      const double gain =
          m->d[i] > 0 && !m->kink[i] && !cubix_quadratic_pushed(m, i) ? m->g[i] * m->g[i] / (2 * m->d[i]) : 0;
      if (pass == 0) largest = fmax(largest, gain);
      else m->kink[i] |= gain > 0 && gain >= largest;
    }
    if (pass == 0) largest = m->problem->collective->largest(largest);
  }
}

/* A step that lowers the value; *found 0: none, however much damped. */
static int descend(struct cubix_quadratic *m, struct cubix_optimiser *state, struct cubix_optimiser_work *work,
                   int *found)
{
  int status = CUBIX_OK, finite, solved;
  double value, gain, *lambda = &state->at[CUBIX_AT_DAMPING];
  for (*found = 0; !*found && *lambda <= most_damping; *lambda *= *found ? 1 : 10) {
    CUBIX_TRY(cubix_quadratic_minimise(m, *lambda, &gain, &solved));
    if (!solved || !(gain > 0)) continue;
    cubix_quadratic_scatter(m, work->direction);
    cubix_optimiser_move(m->problem, work->x, cubix_optimiser_x(state), 1, work->direction);
    CUBIX_TRY(cubix_optimiser_evaluate(state, m->problem, work->x, &value, work->gradient, &finite));
    *found = finite && value < state->at[CUBIX_AT_VALUE] - least_share * gain;
    if (!*found) continue;
    const double share = (state->at[CUBIX_AT_VALUE] - value) / gain;
    if (share > 0.75) *lambda = fmax(0.1 * *lambda, CUBIX_LEAST_DAMPING);
    else if (share < 0.25) *lambda *= 4;
    cubix_optimiser_accept(state, m->problem, work, value);
  }
done:
  return status;
}

/* What the curvature says of the end, and a step by it. */
static int advance(struct cubix_quadratic *m, struct cubix_optimiser *state, const struct cubix_optimiser_rule *rule,
                   struct cubix_optimiser_work *work, enum cubix_optimiser_end *end)
{
  int status = CUBIX_OK, found = 0;
  const struct cubix_optimiser_problem *problem = m->problem;
  const double enough = fmax(problem->curve->gain, problem->curve->relative * fabs(state->at[CUBIX_AT_VALUE]));
  CUBIX_TRY(cubix_quadratic_fill(m, state));
  CUBIX_TRY(promise(m, enough, &state->at[CUBIX_AT_PROMISE]));
  *end = state->at[CUBIX_AT_PROMISE] <= enough ? CUBIX_END_NEWTON :
         state->at[CUBIX_AT_SMALL] >= MOST_SMALL ? CUBIX_END_STALLED :
         state->at[CUBIX_AT_ITERATION] >= rule->max_iterations ? CUBIX_END_ITERATIONS : CUBIX_END_NONE;
  if (*end != CUBIX_END_NONE) goto done;
  const double damping = state->at[CUBIX_AT_DAMPING];
  for (int kink = 0; !found && kink <= MOST_KINKS; kink++) {
    if (kink) leave_one(m);
    state->at[CUBIX_AT_DAMPING] = damping;
    CUBIX_TRY(descend(m, state, work, &found));
  }
  if (!found) *end = CUBIX_END_STALLED;
  else state->at[CUBIX_AT_SMALL] = state->at[CUBIX_AT_DECREASE] <= enough ? state->at[CUBIX_AT_SMALL] + 1 : 0;
done:
  return status;
}

int cubix_newton_step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                      const struct cubix_optimiser_rule *rule,
                      struct cubix_optimiser_work *work, enum cubix_optimiser_end *end)
{
  int status = CUBIX_OK;
  struct cubix_quadratic m = { NULL };
  status = cubix_quadratic_init(&m, problem);
  if (problem->collective->largest(status) > 0 && !status)
    status =
        cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "another rank has no memory for the curvature");
  if (!status) status = advance(&m, state, rule, work, end);
  if (!cubix_optimiser_forgive(&status, "the search ends here, without the curvature")) {
    *end = CUBIX_END_MEMORY;
    state->at[CUBIX_AT_PROMISE] = -1;
  }
  cubix_quadratic_free(&m);
  return status;
}
