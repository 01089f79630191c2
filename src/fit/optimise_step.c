/* optimise_step.c -- what every method does on its way: dot products over all ranks, moves within
 * bounds, evaluations. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/worst.h"
#include "fit/optimise.h"
#include "fit/optimise_parts.h"

enum { BLOCK = 4096, GROUP = 512 };   /* terms that are summed in one go; blocks whose sums wait for each other */

/* ---- vectors over ranks ---------------------------------------------------------------------- */
static double dot_part(const double *a, const double *b, const unsigned char *held, size_t n)
{
  double all = 0, part[GROUP];
  for (size_t first = 0; first < n; first += (size_t)BLOCK * GROUP) {
    size_t left = n - first, n_block = left < (size_t)BLOCK * GROUP ? (left + BLOCK - 1) / BLOCK : GROUP;
#pragma omp parallel for schedule(static) if (n_block > 1)
    for (size_t k = 0; k < n_block; k++) {
      size_t i = first + k * BLOCK, end = i + BLOCK < n ? i + BLOCK : n;
      double sum = 0;
      if (held) for (; i < end; i++) sum += held[i] ? 0 : a[i] * b[i];
      else for (; i < end; i++) sum += a[i] * b[i];
      part[k] = sum;
    }
    for (size_t k = 0; k < n_block; k++) all += part[k];
  }
  return all;
}

double cubix_optimiser_dot(const struct cubix_optimiser_problem *problem, const double *a, const double *b,
                           const unsigned char *held)
{
  size_t own = problem->n - problem->n_shared;
  return problem->collective->total(dot_part(a, b, held, own)) +
         dot_part(a + own, b + own, held ? held + own : NULL, problem->n_shared);
}

double cubix_optimiser_largest(const struct cubix_optimiser_problem *problem, const double *a, const double *b,
                               const unsigned char *held)
{
  double largest = 0;
#pragma omp parallel
  {
    double mine = 0;
#pragma omp for schedule(static)
    for (size_t i = 0; i < problem->n; i++)
      mine = cubix_worst(mine, held && held[i] ? 0 : fabs(b ? a[i] - b[i] : a[i]));
#pragma omp critical(cubix_optimiser_largest)
    largest = cubix_worst(largest, mine);
  }
  return problem->collective->largest(largest);
}

void cubix_optimiser_move(const struct cubix_optimiser_problem *problem, double *to, const double *x, double t,
                          const double *d)
{
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < problem->n; i++) {
    double moved = x[i] + t * d[i];
    if (problem->lower && moved < problem->lower[i]) moved = problem->lower[i];
    if (problem->upper && moved > problem->upper[i]) moved = problem->upper[i];
    to[i] = moved;
  }
}

void cubix_optimiser_hold(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                          unsigned char *held, double near)
{
  const double *x = cubix_optimiser_x(state), *g = cubix_optimiser_gradient(state);
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < problem->n; i++) {
    int down = problem->lower && x[i] <= problem->lower[i] + near,
        up = problem->upper && x[i] >= problem->upper[i] - near;
    held[i] = (down && g[i] > 0) || (up && g[i] < 0) ||
              (problem->lower && problem->upper && problem->lower[i] == problem->upper[i]);
  }
  state->at[CUBIX_AT_GRADIENT] = cubix_optimiser_largest(problem, g, NULL, held);
}

/* ---- a step ---------------------------------------------------------------------------------- */
int cubix_optimiser_evaluate(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                             const double *x, double *value, double *gradient, int *finite)
{
  int status = CUBIX_OK;
  CUBIX_TRY(problem->evaluate(problem->host, x, value, gradient));
  state->at[CUBIX_AT_EVALUATION]++;
  *finite = isfinite(*value) && isfinite(cubix_optimiser_dot(problem, gradient, gradient, NULL));
done:
  return status;
}

void cubix_optimiser_accept(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                            struct cubix_optimiser_work *work, double value)
{
  state->at[CUBIX_AT_STEP] = cubix_optimiser_largest(problem, work->x, cubix_optimiser_x(state), NULL);
  state->at[CUBIX_AT_DECREASE] = state->at[CUBIX_AT_VALUE] - value;
  state->at[CUBIX_AT_VALUE] = value;
  state->at[CUBIX_AT_ITERATION]++;
  memcpy(cubix_optimiser_x(state), work->x, state->n * sizeof(double));
  memcpy(cubix_optimiser_gradient(state), work->gradient, state->n * sizeof(double));
}

double *cubix_optimiser_x(const struct cubix_optimiser *state) { return state->vector; }
double *cubix_optimiser_gradient(const struct cubix_optimiser *state) { return state->vector + state->n; }

int cubix_optimiser_forgive(int *status, const char *what)
{
  if (*status != CUBIX_ENOMEM) return 1;
  cubix_log(CUBIX_LOG_WARNING, "fit: %s: %s", what, cubix_error_message());
  cubix_error_clear();
  *status = CUBIX_OK;
  return 0;
}
