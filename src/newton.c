/* newton.c -- the last steps of a search, and the verdict on it, from the curvature H = J^T W J (Gauss-Newton) of a value that is a sum of squares or nearly so.
 *
 * Within the bounds the quadratic model F + g p + p H p/2 is made smallest: components at a bound that the gradient pushes against it are held; of the others
 * those that would leave go to the bound, and the rest is solved again.  What the model promises there,
 *
 *   gain = -(g p + p H p/2),   without bounds g H^-1 g/2: half the Newton decrement squared (Boyd & Vandenberghe 2004, 9.5),
 *
 * is for F = -2 ln L the square of the distance from the minimum in units of the joint errors, whatever the units of the unknowns: the search has converged where it is
 * below problem->curve->gain.  Where there are too many unknowns for H itself each one counts by itself, gain_i = g_i^2/(2 H_ii): the component of the
 * projected gradient in units of its error, (g_i sigma_i/2)^2 with sigma_i^2 = 2/H_ii, the others held; once all of these are small enough, so must be the gain of
 * all together that conjugate gradients find, divided by the number of unknowns.
 *
 * Steps: (H + lambda D) p = -g with D the diagonal of H (Levenberg 1944; Marquardt 1963, SIAM J. Appl. Math. 11, 431), by Cholesky's factors, or by conjugate gradients
 * with D as preconditioner (Hestenes & Stiefel 1952); lambda falls where the model told the truth and rises where it did not.  A step is taken if F falls.
 * Where none does an unknown may stand at a kink of F: the one whose component of the gradient promises most is left where it is, up to three of them.
 * A floor of lambda keeps combinations of unknowns that the value does not know of (to the rounding of H) from moving. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "optimise_parts.h"
#include "worst.h"

static const double least_damping = 1e-7, most_damping = 1e6;
static const double least_share = 1e-4;              /* of the promised gain that must come */
static const double residual = 0.03;                 /* of conjugate gradients, relative to the start's */
enum { MOST_PRODUCTS = 60, MOST_SMALL = 5, MOST_KINKS = 3 };

/* The model on the unknowns that it knows of: those of H on every rank alike, or this rank's. */
struct quadratic {
  const struct cubix_optimiser_problem *problem;
  const double *h;                /* [n][n]; NULL: products */
  size_t n;
  double *x, *g, *lower, *upper, *d;   /* [n] */
  double *p, *hp, *r, *z, *q;     /* [n] step, H p; room */
  double *factor;                 /* [n][n] */
  unsigned char *fixed, *kink;    /* [n] 1: not to be solved for; left where it is */
};

static int quadratic_init(struct quadratic *m, const struct cubix_optimiser_problem *problem)
{
  int status = CUBIX_OK;
  const struct cubix_optimiser_curve *curve = problem->curve;
  m->problem = problem;
  m->n = curve->n ? (size_t)curve->n : problem->n;
  double **const room[] = { &m->x, &m->g, &m->lower, &m->upper, &m->d, &m->p, &m->hp, &m->r, &m->z, &m->q };
  for (size_t k = 0; k < sizeof room / sizeof room[0]; k++) CUBIX_ALLOC(*room[k], m->n);
  if (curve->n) CUBIX_ALLOC(m->factor, m->n * m->n);
  CUBIX_ALLOC(m->fixed, m->n);
  CUBIX_ALLOC(m->kink, m->n);
done:
  return status;
}

static void quadratic_free(struct quadratic *m)
{
  double *const room[] = { m->x, m->g, m->lower, m->upper, m->d, m->p, m->hp, m->r, m->z, m->q, m->factor };
  for (size_t k = 0; k < sizeof room / sizeof room[0]; k++) free(room[k]);
  free(m->fixed);
  free(m->kink);
}

/* Unknowns from .. to - 1 of this rank to their places in H; mine NULL: `missing` for each. */
static void put(double *all, const int *place, const double *mine, double missing, size_t from, size_t to)
{
  for (size_t i = from; i < to; i++) if (place[i] >= 0) all[place[i]] = mine ? mine[i] : missing;
}

/* A vector of the ranks' unknowns in the order of H, on every rank. */
static void gather(const struct quadratic *m, double *all, const double *mine, double missing)
{
  const struct cubix_optimiser_problem *problem = m->problem;
  const size_t own = problem->n - problem->n_shared;
  size_t shared = 0;
  if (!m->h) {
    for (size_t i = 0; i < m->n; i++) all[i] = mine ? mine[i] : missing;
    return;
  }
  memset(all, 0, m->n * sizeof *all);
  for (size_t i = own; i < problem->n; i++) shared += problem->curve->place[i] >= 0;
  put(all, problem->curve->place, mine, missing, 0, own);
  problem->owners->sum(all, m->n - shared);
  put(all, problem->curve->place, mine, missing, own, problem->n);
}

static double dot(const struct quadratic *m, const double *a, const double *b, const unsigned char *without)
{
  if (!m->h) return cubix_optimiser_dot(m->problem, a, b, without);
  double sum = 0;
  for (size_t i = 0; i < m->n; i++) sum += without && without[i] ? 0 : a[i] * b[i];
  return sum;
}

/* Whether something is so on any rank. */
static int any(const struct quadratic *m, int here) { return m->problem->owners->largest(here) > 0; }

/* Here and now: H or its diagonal, gradient and bounds. */
static int quadratic_fill(struct quadratic *m, const struct cubix_optimiser *state)
{
  int status = CUBIX_OK, finite = 1;
  const struct cubix_optimiser_problem *problem = m->problem;
  const double *x = cubix_optimiser_x(state);
  if (problem->curve->n) CUBIX_TRY(problem->curve->matrix(problem->host, x, &m->h));
  else CUBIX_TRY(problem->curve->diagonal(problem->host, x, m->d));
  gather(m, m->x, x, 0);
  gather(m, m->g, cubix_optimiser_gradient(state), 0);
  gather(m, m->lower, problem->lower, -INFINITY);
  gather(m, m->upper, problem->upper, INFINITY);
  for (size_t i = 0; m->h && i < m->n; i++) m->d[i] = m->h[i * m->n + i];
  for (size_t i = 0; m->h && i < m->n * m->n; i++) finite &= isfinite(m->h[i]) != 0;
  for (size_t i = 0; i < m->n; i++) finite &= isfinite(m->d[i]) != 0;
  CUBIX_CHECK(!any(m, !finite), CUBIX_EFAIL, "the curvature of the objective (there %.10g) is not finite",
              state->at[CUBIX_AT_VALUE]);
done:
  return status;
}

/* hp = H p */
static int multiply(const struct quadratic *m, const double *p, double *hp)
{
  if (!m->h) return m->problem->curve->product(m->problem->host, p, hp);
  for (size_t i = 0; i < m->n; i++) {
    hp[i] = 0;
    for (size_t j = 0; j < m->n; j++) hp[i] += 0.5 * (m->h[i * m->n + j] + m->h[j * m->n + i]) * p[j];
  }
  return CUBIX_OK;
}

/* Cholesky's factor of (H + lambda D) scaled to a diagonal of 1 + lambda, what is fixed left out.  @return 0: none */
static int factorise(const struct quadratic *m, double lambda)
{
  const size_t n = m->n;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      if (m->fixed[i] || m->fixed[j]) {
        m->factor[i * n + j] = i == j;
        continue;
      }
      double sum = i == j ? 1 + lambda : 0.5 * (m->h[i * n + j] + m->h[j * n + i]) / sqrt(m->d[i] * m->d[j]);
      for (size_t k = 0; k < j; k++) sum -= m->fixed[k] ? 0 : m->factor[i * n + k] * m->factor[j * n + k];
      if (i == j && !(sum > 1e-12)) return 0;
      m->factor[i * n + j] = i == j ? sqrt(sum) : sum / m->factor[j * n + j];
    }
  return 1;
}

/* (H + lambda D) p = r where nothing is fixed.  *solved 0: lambda is too small for H's rounding */
static int solve_factors(struct quadratic *m, double lambda, int *solved)
{
  const size_t n = m->n;
  double *y = m->z;
  if (!(*solved = factorise(m, lambda))) return CUBIX_OK;
  for (size_t i = 0; i < n; i++) {
    y[i] = m->fixed[i] ? 0 : m->r[i] / sqrt(m->d[i]);
    for (size_t k = 0; k < i; k++) y[i] -= m->factor[i * n + k] * y[k];
    y[i] /= m->factor[i * n + i];
  }
  for (size_t i = n; i--;) {
    for (size_t k = i + 1; k < n; k++) y[i] -= m->factor[k * n + i] * y[k];
    y[i] /= m->factor[i * n + i];
  }
  for (size_t i = 0; i < n; i++) if (!m->fixed[i]) m->p[i] = y[i] / sqrt(m->d[i]);
  return CUBIX_OK;
}

/* The same by conjugate gradients, from p = 0; r is used up. */
static int solve_products(struct quadratic *m, double lambda)
{
  int status = CUBIX_OK;
  const size_t n = m->n;
  double before = 0, first = 0;
  memset(m->q, 0, n * sizeof *m->q);
  for (size_t i = 0; i < n; i++) if (!m->fixed[i]) m->p[i] = 0;
  for (int k = 0; k < MOST_PRODUCTS; k++) {
    for (size_t i = 0; i < n; i++) m->z[i] = m->fixed[i] ? 0 : m->r[i] / ((1 + lambda) * m->d[i]);
    const double now = dot(m, m->r, m->z, m->fixed);
    if (k == 0) first = now;
    if (!(now > residual * residual * first)) break;
    for (size_t i = 0; i < n; i++) m->q[i] = m->z[i] + (k ? now / before * m->q[i] : 0);
    before = now;
    CUBIX_TRY(multiply(m, m->q, m->hp));
    for (size_t i = 0; i < n; i++) m->hp[i] += lambda * m->d[i] * m->q[i];
    const double curvature = dot(m, m->q, m->hp, m->fixed);
    if (!(curvature > 0)) break;
    for (size_t i = 0; i < n; i++)
      if (!m->fixed[i]) {
        m->p[i] += now / curvature * m->q[i];
        m->r[i] -= now / curvature * m->hp[i];
      }
  }
done:
  return status;
}

/* Fix what would leave at its bound.  @return whether something did, on any rank */
static int clip(struct quadratic *m)
{
  int left = 0;
  for (size_t i = 0; i < m->n; i++) {
    const double to = m->x[i] + m->p[i], within = fmin(fmax(to, m->lower[i]), m->upper[i]);
    if (m->fixed[i] || within == to) continue;
    m->p[i] = within - m->x[i];
    m->fixed[i] = 1;
    left = 1;
  }
  return any(m, left);
}

/* Whether an unknown has no choice: frozen, or at a bound and pushed against it. */
static int pushed(const struct quadratic *m, size_t i)
{
  return (m->x[i] <= m->lower[i] && m->g[i] > 0) || (m->x[i] >= m->upper[i] && m->g[i] < 0) || !(m->lower[i] < m->upper[i]);
}

/* The smallest value of the damped model within the bounds: p, and the gain that the model without damping promises.
 * *solved 0: none. */
static int minimise(struct quadratic *m, double lambda, double *gain, int *solved)
{
  int status = CUBIX_OK, left = 1;
  const size_t n = m->n;
  *solved = 1;
  memset(m->p, 0, n * sizeof *m->p);
  memset(m->hp, 0, n * sizeof *m->hp);
  for (size_t i = 0; i < n; i++) m->fixed[i] = m->kink[i] || !(m->d[i] > 0) || pushed(m, i);
  for (int pass = 0; left && *solved && pass < (m->h ? 30 : 3); pass++) {
    for (size_t i = 0; i < n; i++) if (!m->fixed[i]) m->p[i] = 0;
    if (pass) CUBIX_TRY(multiply(m, m->p, m->hp));
    for (size_t i = 0; i < n; i++) m->r[i] = m->fixed[i] ? 0 : -m->g[i] - m->hp[i];
    if (m->h) CUBIX_TRY(solve_factors(m, lambda, solved));
    else CUBIX_TRY(solve_products(m, lambda));
    left = clip(m);
  }
  CUBIX_TRY(multiply(m, m->p, m->hp));
  *gain = -dot(m, m->g, m->p, NULL) - 0.5 * dot(m, m->p, m->hp, NULL);
done:
  return status;
}

/* What is still to be gained. */
static int promise(struct quadratic *m, double enough, double *gain)
{
  int status = CUBIX_OK, solved = 0;
  double largest = 0, all = 0;
  if (m->h) {
    for (double lambda = least_damping; !solved && lambda <= 1; lambda *= 10)
      CUBIX_TRY(minimise(m, lambda, gain, &solved));
    goto done;
  }
  for (size_t i = 0; i < m->n; i++)
    if (!pushed(m, i) && m->d[i] > 0) largest = cubix_worst(largest, m->g[i] * m->g[i] / (2 * m->d[i]));
  *gain = m->problem->owners->largest(largest);
  if (*gain > enough) goto done;
  const double shared = (double)m->problem->n_shared, n = m->problem->owners->total((double)m->n - shared) + shared;
  CUBIX_TRY(minimise(m, least_damping, &all, &solved));      /* each by itself is content; and all, on average? */
  *gain = fmax(*gain, all / n);
done:
  return status;
}

/* Into work->direction, for the unknowns of this rank. */
static void scatter(const struct quadratic *m, double *mine)
{
  const struct cubix_optimiser_problem *problem = m->problem;
  const int *place = problem->curve->place;
  for (size_t i = 0; i < problem->n; i++) mine[i] = !m->h ? m->p[i] : place[i] >= 0 ? m->p[place[i]] : 0;
}

/* Leave the unknown of which the gradient promises most where it is: it may stand at a kink, and hinder the others. */
static void leave_one(struct quadratic *m)
{
  double largest = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < m->n; i++) {
      const double gain = m->d[i] > 0 && !m->kink[i] && !pushed(m, i) ? m->g[i] * m->g[i] / (2 * m->d[i]) : 0;
      if (pass == 0) largest = fmax(largest, gain);
      else m->kink[i] |= gain > 0 && gain >= largest;
    }
    if (pass == 0) largest = m->problem->owners->largest(largest);
  }
}

/* A step that lowers the value; *found 0: none, however much damped. */
static int descend(struct quadratic *m, struct cubix_optimiser *state, struct cubix_optimiser_work *work, int *found)
{
  int status = CUBIX_OK, finite, solved;
  double value, gain, *lambda = &state->at[CUBIX_AT_DAMPING];
  for (*found = 0; !*found && *lambda <= most_damping; *lambda *= *found ? 1 : 10) {
    CUBIX_TRY(minimise(m, *lambda, &gain, &solved));
    if (!solved || !(gain > 0)) continue;
    scatter(m, work->direction);
    cubix_optimiser_move(m->problem, work->x, cubix_optimiser_x(state), 1, work->direction);
    CUBIX_TRY(cubix_optimiser_evaluate(state, m->problem, work->x, &value, work->gradient, &finite));
    *found = finite && value < state->at[CUBIX_AT_VALUE] - least_share * gain;
    if (!*found) continue;
    const double share = (state->at[CUBIX_AT_VALUE] - value) / gain;
    if (share > 0.75) *lambda = fmax(0.1 * *lambda, least_damping);
    else if (share < 0.25) *lambda *= 4;
    cubix_optimiser_accept(state, m->problem, work, value);
  }
done:
  return status;
}

int cubix_newton_step(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                      const struct cubix_optimiser_rule *rule,
                      struct cubix_optimiser_work *work, enum cubix_optimiser_end *end)
{
  int status = CUBIX_OK, found = 0;
  struct quadratic m = { NULL };
  const double enough = fmax(problem->curve->gain, problem->curve->relative * fabs(state->at[CUBIX_AT_VALUE]));
  status = quadratic_init(&m, problem);
  if (problem->owners->largest(status) > 0 && !status)
    status = cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "another rank has no memory for the curvature");
  if (status) goto done;
  CUBIX_TRY(quadratic_fill(&m, state));
  CUBIX_TRY(promise(&m, enough, &state->at[CUBIX_AT_PROMISE]));
  *end = state->at[CUBIX_AT_PROMISE] <= enough ? CUBIX_END_NEWTON :
         state->at[CUBIX_AT_SMALL] >= MOST_SMALL ? CUBIX_END_STALLED :
         state->at[CUBIX_AT_ITERATION] >= rule->max_iterations ? CUBIX_END_ITERATIONS : CUBIX_END_NONE;
  if (*end != CUBIX_END_NONE) goto done;
  const double damping = state->at[CUBIX_AT_DAMPING];
  for (int kink = 0; !found && kink <= MOST_KINKS; kink++) {
    if (kink) leave_one(&m);
    state->at[CUBIX_AT_DAMPING] = damping;
    CUBIX_TRY(descend(&m, state, work, &found));
  }
  if (!found) *end = CUBIX_END_STALLED;
  else state->at[CUBIX_AT_SMALL] = state->at[CUBIX_AT_DECREASE] <= enough ? state->at[CUBIX_AT_SMALL] + 1 : 0;
done:
  quadratic_free(&m);
  return status;
}
