/* lbfgs.c -- one iteration of the limited-memory quasi-Newton method of Broyden, Fletcher, Goldfarb
 * and Shanno, within bounds.
 *
 * Direction: of the last pairs s = x_k+1 - x_k, y = g_k+1 - g_k the two-loop recursion (Nocedal
 * 1980, Math. Comp. 35, 773; Liu & Nocedal 1989, Math. Prog. 45, 503) makes d = -H g, with H_0 = (s
 * y / y y) 1 of the newest pair.  Bounds (L-BFGS-B: Byrd, Lu, Nocedal & Zhu 1995, SIAM J. Sci.
 * Comput. 16, 1190) are met by the simpler projection of Bertsekas (1982, SIAM J. Control Optim.
 * 20, 221), which needs nothing but dot products: components at a bound that the gradient pushes
 * against it are held, all dot products of the recursion run over the others alone, and the search
 * goes along the path x(t) = P(x + t d), P the nearest point within the bounds.  A component that
 * is nearly there (1e-9) and pushed goes to the bound.
 *
 * Step: t = 1 first, then a bracket [lo, hi] is narrowed, or widened, until the value falls enough
 * and the slope along the path, which is sum over components that are not clipped of g_i(t) d_i,
 * has risen enough (weak Wolfe; Lewis & Overton 2013, Math. Prog. 141, 135, whose bracket also
 * copes with the kinks of a clipped path).  Where the value is not finite the step was too long.
 * Where no step helps, the pairs are forgotten and the gradient itself is tried; where that does
 * not help either, the value's own noise is reached.  A step that lowers the value but finds no
 * such slope is taken, and the pairs are forgotten as well. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "fit/optimise_parts.h"

/* shares of the expected decrease and of the slope (Nocedal & Wright 2006, 3.1) */
static const double armijo = 1e-4, wolfe = 0.9;
static const double near_bound = 1e-9;
enum { MOST_TRIALS = 25 };

static double *pair_s(const struct cubix_optimiser *state, int k)
{
  return state->vector + (size_t)(2 + 2 * k) * state->n;
}
static double *pair_y(const struct cubix_optimiser *state, int k)
{
  return state->vector + (size_t)(3 + 2 * k) * state->n;
}

/* q += a p where nothing is held. */
static void add(double *q, double a, const double *p, const unsigned char *held, size_t n)
{
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) if (!held[i]) q[i] += a * p[i];
}

/* d = -H g. */
static void find_direction(const struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                           struct cubix_optimiser_work *work, double rate)
{
  const int n_pair = (int)state->at[CUBIX_AT_PAIRS], newest = (int)state->at[CUBIX_AT_NEWEST];
  const size_t n = state->n;
  const double *x = cubix_optimiser_x(state), *g = cubix_optimiser_gradient(state);
  const unsigned char *held = work->held;
  double *d = work->direction, alpha[CUBIX_OPTIMISER_MOST_PAIRS], rho[CUBIX_OPTIMISER_MOST_PAIRS], gamma = 0;
  for (size_t i = 0; i < n; i++) d[i] = held[i] ? 0 : -g[i];
  for (int j = 0; j < n_pair; j++) {
    int k = (newest - j + state->memory) % state->memory;
    double sy = cubix_optimiser_dot(problem, pair_s(state, k), pair_y(state, k), held),
           yy = cubix_optimiser_dot(problem, pair_y(state, k), pair_y(state, k), held);
    rho[k] = sy > 1e-12 * yy && yy > 0 ? 1 / sy : 0;       /* seen by those that are free the pair may be worthless */
    if (rho[k] == 0) continue;
    if (gamma == 0) gamma = sy / yy;
    alpha[k] = rho[k] * cubix_optimiser_dot(problem, pair_s(state, k), d, held);
    add(d, -alpha[k], pair_y(state, k), held, n);
  }
  if (gamma == 0) gamma = state->at[CUBIX_AT_GRADIENT] > 0 ? rate / state->at[CUBIX_AT_GRADIENT] : 0;
  for (size_t i = 0; i < n; i++) d[i] *= gamma;
  for (int j = n_pair - 1; j >= 0; j--) {
    int k = (newest - j + state->memory) % state->memory;
    if (rho[k] == 0) continue;
    add(d, alpha[k] - rho[k] * cubix_optimiser_dot(problem, pair_y(state, k), d, held), pair_s(state, k), held, n);
  }
  for (size_t i = 0; i < n; i++) {
    const double *bound = g[i] > 0 ? problem->lower : problem->upper;
    if (held[i]) d[i] = bound && fabs(bound[i] - x[i]) <= near_bound ? bound[i] - x[i] : 0;
  }
}

/* Slope along the path at the trial: what is clipped there does not move any more. */
static double slope_at(const struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                       struct cubix_optimiser_work *work, double t, unsigned char *clipped)
{
  const double *x = cubix_optimiser_x(state), *d = work->direction;
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < state->n; i++) {
    double moved = x[i] + t * d[i];
    clipped[i] = (problem->lower && moved < problem->lower[i]) || (problem->upper && moved > problem->upper[i]);
  }
  return cubix_optimiser_dot(problem, work->gradient, d, clipped);
}

/* *low: whether the value at x(t) is below that at x by a share of what the gradient promises, g (x(t) - x). */
static int try_step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                    struct cubix_optimiser_work *work, double t, double *value, int *finite, int *low)
{
  int status = CUBIX_OK;
  const double *x = cubix_optimiser_x(state);
  cubix_optimiser_move(problem, work->x, x, t, work->direction);
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < state->n; i++) work->step[i] = work->x[i] - x[i];
  CUBIX_TRY(cubix_optimiser_evaluate(state, problem, work->x, value, work->gradient, finite));
  *low =
      *finite &&
      *value <= state->at[CUBIX_AT_VALUE] +
                    armijo * fmin(cubix_optimiser_dot(problem, cubix_optimiser_gradient(state), work->step, NULL), 0);
done:
  return status;
}

/* Where in the bracket to look next: the parabola through value and slope at 0 and the value at hi,
 * kept off the ends. */
static double narrow(double lo, double hi, double value_0, double slope_0, double value_hi)
{
  double t =
      isfinite(value_hi) && lo == 0 ? -slope_0 * hi * hi / (2 * (value_hi - value_0 - slope_0 * hi)) : 0.5 * (lo + hi);
  if (!isfinite(value_hi)) return lo + 0.1 * (hi - lo);
  return fmin(fmax(t, lo + 0.1 * (hi - lo)), lo + 0.5 * (hi - lo));
}

/* The trial that is to be taken, in work.  *found 0: there is none, 2: one that rose too little in
 * slope; *bad: the value was not finite at every trial. */
static int search_line(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                       struct cubix_optimiser_work *work, double *value, int *found, int *bad)
{
  int status = CUBIX_OK, finite = 0, trial;
  const double value_0 = state->at[CUBIX_AT_VALUE];
  double lo = 0, hi = INFINITY, t = 1, at_hi = INFINITY;
  double slope_0 = cubix_optimiser_dot(problem, cubix_optimiser_gradient(state), work->direction, NULL);
  *found = 0;
  *bad = 1;
  if (!(slope_0 < 0)) {
    *bad = 0;
    goto done;
  }
  for (trial = 0; trial < MOST_TRIALS; trial++) {
    CUBIX_TRY(try_step(state, problem, work, t, value, &finite, found));
    if (finite) *bad = 0;
    if (!*found) {
      hi = t;
      at_hi = finite ? *value : INFINITY;
    } else if (slope_at(state, problem, work, t, work->held) < wolfe * slope_0) {
      lo = t;
    } else {
      goto done;
    }
    t = isfinite(hi) ? narrow(lo, hi, value_0, slope_0, at_hi) : 2.5 * t;
    if (lo > 0 && hi - lo < 1e-3 * hi) break;              /* a kink: it will not get better */
  }
  if (!*found && lo > 0) CUBIX_TRY(try_step(state, problem, work, lo, value, &finite, found));
  *found *= 2;
done:
  return status;
}

/* Keep the step as a pair where the curvature along it is positive. */
static void remember(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                     const struct cubix_optimiser_work *work)
{
  int place = state->at[CUBIX_AT_PAIRS] == 0 ? 0 : ((int)state->at[CUBIX_AT_NEWEST] + 1) % state->memory;
  double *s = pair_s(state, place), *y = pair_y(state, place), *g = cubix_optimiser_gradient(state);
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < state->n; i++) {
    s[i] = work->step[i];
    y[i] = work->gradient[i] - g[i];
  }
  double sy = cubix_optimiser_dot(problem, s, y, NULL), yy = cubix_optimiser_dot(problem, y, y, NULL);
  if (sy > 1e-12 * yy && yy > 0) {
    state->at[CUBIX_AT_NEWEST] = place;
    state->at[CUBIX_AT_PAIRS] = fmin(state->at[CUBIX_AT_PAIRS] + 1, state->memory);
  } else if (state->at[CUBIX_AT_PAIRS] == state->memory) {
    state->at[CUBIX_AT_PAIRS]--;                           /* the oldest was overwritten */
  }
}

int cubix_lbfgs_step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                     const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work,
                     enum cubix_optimiser_end *end)
{
  int status = CUBIX_OK, found = 0, bad = 0;
  double value = 0;
  for (;;) {
    cubix_optimiser_hold(state, problem, work->held, near_bound);
    find_direction(state, problem, work, rule->rate);
    CUBIX_TRY(search_line(state, problem, work, &value, &found, &bad));
    if (found || state->at[CUBIX_AT_PAIRS] == 0) break;
    state->at[CUBIX_AT_PAIRS] = 0;
  }
  CUBIX_CHECK(found || !bad, CUBIX_EFAIL,
              "after iteration %.0f the objective (there %.10g) or its gradient is not finite at any of %d steps, each "
              "shorter than the one before",
              state->at[CUBIX_AT_ITERATION], state->at[CUBIX_AT_VALUE], MOST_TRIALS);
  if (!found) {
    *end = CUBIX_END_NOISE;
    goto done;
  }
  remember(state, problem, work);
  cubix_optimiser_accept(state, problem, work, value);
  if (found == 2) state->at[CUBIX_AT_PAIRS] = 0;           /* what the pairs know led nowhere */
done:
  return status;
}
