/* quadratic.c -- the quadratic model of a value about a point: F + g p + p H p/2, within bounds.
 *
 * Components at a bound that the gradient pushes against it are held; of the others those that
 * would leave go to the bound, and the rest is solved again. (H + lambda D) p = -g, D the diagonal
 * of H, by Cholesky's factors where H is complete, else by conjugate gradients with D as
 * preconditioner (Hestenes & Stiefel 1952).  Where H is complete it and all vectors are the same on
 * all ranks, so that everything here is. */
#include "fit/quadratic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const double residual = 0.03;                 /* of conjugate gradients, relative to the start's */
enum { MOST_PRODUCTS = 60 };

int cubix_quadratic_init(struct cubix_quadratic *m, const struct cubix_optimiser_problem *problem)
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

double cubix_quadratic_bytes(double n, int complete)
{
  return n * (10 * sizeof(double) + 2) + (complete ? n * n * sizeof(double) : 0);
}

void cubix_quadratic_free(struct cubix_quadratic *m)
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

void cubix_quadratic_gather(const struct cubix_quadratic *m, double *all, const double *mine, double missing)
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
  problem->collective->sum(all, m->n - shared);
  put(all, problem->curve->place, mine, missing, own, problem->n);
}

double cubix_quadratic_dot(const struct cubix_quadratic *m, const double *a, const double *b,
                           const unsigned char *without)
{
  if (!m->h) return cubix_optimiser_dot(m->problem, a, b, without);
  double sum = 0;
  for (size_t i = 0; i < m->n; i++) sum += without && without[i] ? 0 : a[i] * b[i];
  return sum;
}

/* Whether something is so on any rank. */
static int any(const struct cubix_quadratic *m, int here) { return m->problem->collective->largest(here) > 0; }

int cubix_quadratic_fill(struct cubix_quadratic *m, const struct cubix_optimiser *state)
{
  int status = CUBIX_OK, finite = 1;
  const struct cubix_optimiser_problem *problem = m->problem;
  const double *x = cubix_optimiser_x(state);
  if (problem->curve->n) CUBIX_TRY(problem->curve->matrix(problem->host, x, &m->h));
  else CUBIX_TRY(problem->curve->diagonal(problem->host, x, m->d));
  cubix_quadratic_gather(m, m->x, x, 0);
  cubix_quadratic_gather(m, m->g, cubix_optimiser_gradient(state), 0);
  cubix_quadratic_gather(m, m->lower, problem->lower, -INFINITY);
  cubix_quadratic_gather(m, m->upper, problem->upper, INFINITY);
  for (size_t i = 0; m->h && i < m->n; i++) m->d[i] = m->h[i * m->n + i];
  for (size_t i = 0; m->h && i < m->n * m->n; i++) finite &= isfinite(m->h[i]) != 0;
  for (size_t i = 0; i < m->n; i++) finite &= isfinite(m->d[i]) != 0;
  CUBIX_CHECK(!any(m, !finite), CUBIX_EFAIL, "the curvature of the objective (there %.10g) is not finite",
              state->at[CUBIX_AT_VALUE]);
done:
  return status;
}

/* hp = H p */
static int multiply(const struct cubix_quadratic *m, const double *p, double *hp)
{
  if (!m->h) return m->problem->curve->product(m->problem->host, p, hp);
  for (size_t i = 0; i < m->n; i++) {
    hp[i] = 0;
    for (size_t j = 0; j < m->n; j++) hp[i] += 0.5 * (m->h[i * m->n + j] + m->h[j * m->n + i]) * p[j];
  }
  return CUBIX_OK;
}

/* Cholesky's factor of (H + lambda D) scaled to a diagonal of 1 + lambda, what is fixed left out.  @return 0: none */
static int factorise(const struct cubix_quadratic *m, double lambda)
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
static int solve_factors(struct cubix_quadratic *m, double lambda, int *solved)
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
static int solve_products(struct cubix_quadratic *m, double lambda)
{
  int status = CUBIX_OK;
  const size_t n = m->n;
  double before = 0, first = 0;
  memset(m->q, 0, n * sizeof *m->q);
  for (size_t i = 0; i < n; i++) if (!m->fixed[i]) m->p[i] = 0;
  for (int k = 0; k < MOST_PRODUCTS; k++) {
    for (size_t i = 0; i < n; i++) m->z[i] = m->fixed[i] ? 0 : m->r[i] / ((1 + lambda) * m->d[i]);
    const double now = cubix_quadratic_dot(m, m->r, m->z, m->fixed);
    if (k == 0) first = now;
    if (!(now > residual * residual * first)) break;
    for (size_t i = 0; i < n; i++) m->q[i] = m->z[i] + (k ? now / before * m->q[i] : 0);
    before = now;
    CUBIX_TRY(multiply(m, m->q, m->hp));
    for (size_t i = 0; i < n; i++) m->hp[i] += lambda * m->d[i] * m->q[i];
    const double curvature = cubix_quadratic_dot(m, m->q, m->hp, m->fixed);
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
static int clip(struct cubix_quadratic *m)
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

int cubix_quadratic_pushed(const struct cubix_quadratic *m, size_t i)
{
  return (m->x[i] <= m->lower[i] && m->g[i] > 0) || (m->x[i] >= m->upper[i] && m->g[i] < 0) ||
         !(m->lower[i] < m->upper[i]);
}

int cubix_quadratic_minimise(struct cubix_quadratic *m, double lambda, double *gain, int *solved)
{
  int status = CUBIX_OK, left = 1;
  const size_t n = m->n;
  *solved = 1;
  memset(m->p, 0, n * sizeof *m->p);
  memset(m->hp, 0, n * sizeof *m->hp);
  for (size_t i = 0; i < n; i++) m->fixed[i] = m->kink[i] || !(m->d[i] > 0) || cubix_quadratic_pushed(m, i);
  for (int pass = 0; left && *solved && pass < (m->h ? 30 : 3); pass++) {
    for (size_t i = 0; i < n; i++) if (!m->fixed[i]) m->p[i] = 0;
    if (pass) CUBIX_TRY(multiply(m, m->p, m->hp));
    for (size_t i = 0; i < n; i++) m->r[i] = m->fixed[i] ? 0 : -m->g[i] - m->hp[i];
    if (m->h) CUBIX_TRY(solve_factors(m, lambda, solved));
    else CUBIX_TRY(solve_products(m, lambda));
    left = clip(m);
  }
  CUBIX_TRY(multiply(m, m->p, m->hp));
  *gain = -cubix_quadratic_dot(m, m->g, m->p, NULL) - 0.5 * cubix_quadratic_dot(m, m->p, m->hp, NULL);
done:
  return status;
}

int cubix_quadratic_solve(struct cubix_quadratic *m, double *gain, int *solved)
{
  int status = CUBIX_OK;
  *gain = *solved = 0;
  for (double lambda = CUBIX_LEAST_DAMPING; !*solved && lambda <= 1; lambda *= 10)
    CUBIX_TRY(cubix_quadratic_minimise(m, lambda, gain, solved));
done:
  return status;
}

void cubix_quadratic_scatter(const struct cubix_quadratic *m, double *mine)
{
  const struct cubix_optimiser_problem *problem = m->problem;
  const int *place = problem->curve->place;
  for (size_t i = 0; i < problem->n; i++) mine[i] = !m->h ? m->p[i] : place[i] >= 0 ? m->p[place[i]] : 0;
}
