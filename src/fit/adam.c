/* adam.c -- one iteration of Adam, within bounds: steps of about the learning rate in every
 * unknown, whatever the gradient's size.
 *
 * With g the gradient, m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2 and k the iteration, x <-
 * P(x - rate (m/(1 - b1^k)) / (sqrt(v/(1 - b2^k)) + eps)), b1 = 0.9, b2 = 0.999 (Kingma & Ba 2015,
 * ICLR; arXiv:1412.6980, algorithm 1); P clips to the bounds.  The value may rise: Adam does not
 * look at it, and so copes with noise that would stop a line search.  Where the value is not finite
 * the momentum m is forgotten, and then the step halved, up to twenty times. */
#include <math.h>

#include "base/error.h"
#include "fit/optimise_parts.h"

static const double b1 = 0.9, b2 = 0.999, eps = 1e-8;
enum { MOST_TRIALS = 20 };

static void forget(double *m, const double *g, double scale, size_t n)
{
  for (size_t i = 0; i < n; i++) m[i] = scale * g[i];
}

int cubix_adam_step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                    const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work,
                    enum cubix_optimiser_end *end)
{
  int status = CUBIX_OK, finite = 0;
  const size_t n = state->n;
  const double *g = cubix_optimiser_gradient(state), k = state->at[CUBIX_AT_ITERATION] + 1,
               scale_m = 1 / (1 - pow(b1, k)), scale_v = 1 / (1 - pow(b2, k));
  double *m = state->vector + 2 * n, *v = state->vector + 3 * n, *d = work->direction, value = 0, t = rule->rate;
  *end = CUBIX_END_NONE;
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) {
    m[i] = b1 * m[i] + (1 - b1) * g[i];
    v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
  }
  for (int trial = 0; trial < MOST_TRIALS && !finite; trial++) {
    if (trial == 1) forget(m, g, 1 / scale_m, n);
    if (trial > 1) t *= 0.5;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) d[i] = -scale_m * m[i] / (sqrt(scale_v * v[i]) + eps);
    cubix_optimiser_move(problem, work->x, cubix_optimiser_x(state), t, d);
    CUBIX_TRY(cubix_optimiser_evaluate(state, problem, work->x, &value, work->gradient, &finite));
  }
  CUBIX_CHECK(finite, CUBIX_EFAIL,
              "after iteration %.0f the objective (there %.10g) or its gradient is not finite at any of %d steps, each "
              "shorter than the one before",
              state->at[CUBIX_AT_ITERATION], state->at[CUBIX_AT_VALUE], MOST_TRIALS);
  cubix_optimiser_accept(state, problem, work, value);
done:
  return status;
}
