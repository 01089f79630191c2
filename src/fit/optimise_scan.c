/* optimise_scan.c -- whether a lower minimum lies beyond the hills about the one that a search has
 * found.
 *
 * Where a value is far from quadratic along an unknown (a star's age or metallicity, between the
 * nodes of a library) it has several minima, and a descent ends in the nearest.  Along each such
 * unknown k the scan goes outwards from the best point by even steps over the range of
 * problem->scan, first up, then down. At each value the other unknowns follow by the best point's H
 * and the gradient where it comes from, then by up to three chord steps (the gradient there, the
 * same H): an evaluation each, and no matrix.
 *
 * A minimum beyond a hill lies between two values where the slope along k turns upwards again, or
 * upwards where the value has fallen meanwhile: it is narrowed down by that slope. From the most
 * promising few of them steps by matrices of their own (newton.c) tell how deep they are.  In one
 * well, of any shape, nothing is seen, and no matrix is paid for.  The search goes on from a point
 * that is lower, and scans again.
 *
 * A scan costs about as many evaluations as the search before it: with many such unknowns fewer
 * values of each, at least three.
 * Nothing of it is in the state: a search that continues scans again when it has ended. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fit/quadratic.h"

/* of an unknown; evaluations that are never too many; of a value */
enum { MOST_VALUES = 9, LEAST_VALUES = 3, FREE = 200, COST = 3 };
enum { MOST_CHORDS = 3, MOST_NARROW = 6, MOST_DESCENTS = 4, MOST_STEPS = 15 };
static const double first_damping = 1e-3;
/* change of the other unknowns in a step: of order one they matter */
static const double longest = 1;
/* a chord step's gain, as a share of how far the value is above the best */
static const double matters = 0.1;
static const double doubt = 1;                       /* a promised gain may be larger by so much */
static const double nearest = 0.1;                   /* to the ends of what is narrowed, as a share of it */

struct place {
  double *x, *g;                  /* [problem->n] */
  double value, promise;          /* what it may fall to */
};

struct scan {
  struct cubix_optimiser *state;  /* at the best point */
  const struct cubix_optimiser_problem *problem;
  struct cubix_optimiser_work *work;
  struct cubix_quadratic m;
  double *h, *low, *high;         /* [m.n][m.n] the best point's H, for as long as the scan; [m.n] range */
  /* on a line; where to descend from, the most promising first */
  struct place here, before, far, found[MOST_DESCENTS];
  int n_found, n_value;
  double enough;
};

static int place_init(struct place *p, size_t n)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(p->x, n);
  CUBIX_ALLOC(p->g, n);
done:
  return status;
}

static void place_free(struct place *p)
{
  free(p->x);
  free(p->g);
}

static void place_set(struct place *p, const double *x, const double *g, double value, size_t n)
{
  memcpy(p->x, x, n * sizeof *x);
  memcpy(p->g, g, n * sizeof *g);
  p->value = value;
}

/* Room, on this rank. */
static int make_room(struct scan *s)
{
  int status = CUBIX_OK;
  const size_t n = s->problem->n;
  CUBIX_TRY(cubix_quadratic_init(&s->m, s->problem));
  CUBIX_ALLOC(s->h, s->m.n * s->m.n);
  CUBIX_ALLOC(s->low, s->m.n);
  CUBIX_ALLOC(s->high, s->m.n);
  CUBIX_TRY(place_init(&s->here, n));
  CUBIX_TRY(place_init(&s->before, n));
  CUBIX_TRY(place_init(&s->far, n));
  for (int i = 0; i < MOST_DESCENTS; i++) CUBIX_TRY(place_init(&s->found[i], n));
done:
  return status;
}

static void scan_free(struct scan *s)
{
  cubix_quadratic_free(&s->m);
  free(s->h);
  free(s->low);
  free(s->high);
  place_free(&s->here);
  place_free(&s->before);
  place_free(&s->far);
  for (int i = 0; i < MOST_DESCENTS; i++) place_free(&s->found[i]);
}

/* The model about a place, with the best point's H. */
static void model_at(struct scan *s, const struct place *p)
{
  cubix_quadratic_gather(&s->m, s->m.x, p->x, 0);
  cubix_quadratic_gather(&s->m, s->m.g, p->g, 0);
}

/* By the model's step from `before`, of the others than k not too far; what is there into `here`. */
static int go(struct scan *s, size_t k, int *finite)
{
  int status = CUBIX_OK;
  double largest = 0, value;
  for (size_t i = 0; i < s->m.n; i++) if (i != k) largest = fmax(largest, fabs(s->m.p[i]));
  for (size_t i = 0; largest > longest && i < s->m.n; i++) if (i != k) s->m.p[i] *= longest / largest;
  cubix_quadratic_scatter(&s->m, s->work->direction);
  cubix_optimiser_move(s->problem, s->work->x, s->before.x, 1, s->work->direction);
  CUBIX_TRY(cubix_optimiser_evaluate(s->state, s->problem, s->work->x, &value, s->work->gradient, finite));
  if (*finite) place_set(&s->here, s->work->x, s->work->gradient, value, s->problem->n);
done:
  return status;
}

/* From `before` to x_k = v, and the others towards their minimum there.  *finite 0: one cannot go there */
static int visit(struct scan *s, size_t k, double v, int *finite)
{
  int status = CUBIX_OK, lower = 1, solved;
  struct cubix_quadratic *m = &s->m;
  const size_t n = m->n;
  double gain;
  model_at(s, &s->before);
  const double step = v - m->x[k];
  for (size_t i = 0; i < n; i++) m->g[i] += 0.5 * (m->h[i * n + k] + m->h[k * n + i]) * step;
  m->x[k] = v;
  m->kink[k] = 1;
  CUBIX_TRY(cubix_quadratic_solve(m, &gain, &solved));
  m->p[k] = step;
  CUBIX_TRY(go(s, k, finite));
  for (int chord = 0; *finite && lower && chord < MOST_CHORDS; chord++) {
    const double above = s->here.value - s->state->at[CUBIX_AT_VALUE];
    place_set(&s->before, s->here.x, s->here.g, s->here.value, s->problem->n);
    model_at(s, &s->here);
    CUBIX_TRY(cubix_quadratic_solve(m, &gain, &solved));
    if (gain <= s->enough || gain < matters * above) break;
    CUBIX_TRY(go(s, k, &lower));
    lower = lower && s->here.value < s->before.value;
    if (!lower) place_set(&s->here, s->before.x, s->before.g, s->before.value, s->problem->n);
  }
done:
  m->kink[k] = 0;
  return status;
}

/* A place that is worth a descent: among the few that promise most. */
static void keep(struct scan *s)
{
  int at = s->n_found < MOST_DESCENTS ? s->n_found++ : MOST_DESCENTS;
  struct place room;
  if (at == MOST_DESCENTS && s->found[--at].promise <= s->here.promise) return;
  for (; at > 0 && s->found[at - 1].promise > s->here.promise; at--) {
    room = s->found[at];
    s->found[at] = s->found[at - 1];
    s->found[at - 1] = room;
  }
  place_set(&s->found[at], s->here.x, s->here.g, s->here.value, s->problem->n);
  s->found[at].promise = s->here.promise;
}

/* A value of unknown k on its line: the slope along it outwards, the others having followed. */
struct stop { double v, value, slope; };

static int stop_at(struct scan *s, size_t k, double v, double outwards, struct stop *stop, int *finite)
{
  int status = CUBIX_OK;
  place_set(&s->before, s->here.x, s->here.g, s->here.value, s->problem->n);
  CUBIX_TRY(visit(s, k, v, finite));
  s->n_value++;
  model_at(s, &s->here);
  *stop = (struct stop) { v, s->here.value, s->m.g[k] * outwards };
done:
  return status;
}

/* Whether a minimum lies between, beyond a hill. */
static int between(const struct stop *a, const struct stop *b)
{
  return b->slope > 0 && (a->slope < 0 || b->value < a->value);
}

/* Towards it; `here` ends near it, and is kept where the model, with doubt, sees it below the best. */
static int narrow(struct scan *s, size_t k, double outwards, struct stop a, struct stop b)
{
  int status = CUBIX_OK, finite = 1, solved;
  const double best = s->state->at[CUBIX_AT_VALUE];
  double others = 0, along = 0;
  struct stop mid = b;
  for (int i = 0; i < MOST_NARROW && mid.value >= best - s->enough; i++) {
    const double root = a.slope < 0 ? a.slope / (a.slope - b.slope) : 0.5;         /* of the slope, were it linear */
    CUBIX_TRY(stop_at(s, k, a.v + fmin(fmax(root, nearest), 1 - nearest) * (b.v - a.v), outwards, &mid, &finite));
    if (!finite) goto done;
    if (between(&a, &mid)) b = mid;
    else a = mid;
  }
  s->m.kink[k] = 1;
  CUBIX_TRY(cubix_quadratic_solve(&s->m, &others, &solved));
  if (a.slope < 0) along = 0.5 * mid.slope * mid.slope * fabs(b.v - a.v) / (b.slope - a.slope);
  s->here.promise = s->here.value - (1 + doubt) * (others + along);
  if (s->here.promise < best - s->enough) keep(s);
done:
  s->m.kink[k] = 0;
  return status;
}

/* Outwards along k. */
static int line(struct scan *s, size_t k, double step, double outwards)
{
  int status = CUBIX_OK, finite = 1;
  const double best = s->state->at[CUBIX_AT_VALUE];
  struct stop last = { .value = best, .slope = 1 }, stop;
  place_set(&s->here, cubix_optimiser_x(s->state), cubix_optimiser_gradient(s->state), best, s->problem->n);
  model_at(s, &s->here);
  /* the best may lie beyond the range */
  const double from = s->m.x[k], lead = fmax(outwards > 0 ? s->low[k] - from : from - s->high[k], 0);
  last.v = from;
  for (int j = 1; j <= MOST_VALUES; j++) {
    const double v = from + outwards * (lead + j * step);
    if (v < s->low[k] || v > s->high[k]) break;
    CUBIX_TRY(stop_at(s, k, v, outwards, &stop, &finite));
    if (!finite) break;
    if (between(&last, &stop)) {
      place_set(&s->far, s->here.x, s->here.g, s->here.value, s->problem->n);
      CUBIX_TRY(narrow(s, k, outwards, last, stop));
      place_set(&s->here, s->far.x, s->far.g, s->far.value, s->problem->n);
    }
    last = stop;
  }
  s->here.promise = s->here.value;
  /* it still falls at the range's end */
  if (finite && last.slope < 0 && s->here.value < best - s->enough) keep(s);
done:
  return status;
}

/* Down from a place, by matrices; the state is at what is lower, or again at the best point. */
static int descend(struct scan *s, const struct place *from, const struct cubix_optimiser_rule *rule, double *by)
{
  int status = CUBIX_OK;
  const size_t n = s->problem->n;
  struct cubix_optimiser *state = s->state;
  struct cubix_optimiser_rule few = *rule;
  enum cubix_optimiser_end end = CUBIX_END_NONE;
  double at[CUBIX_N_AT];
  memcpy(at, state->at, sizeof at);
  place_set(&s->before, cubix_optimiser_x(state), cubix_optimiser_gradient(state), at[CUBIX_AT_VALUE], n);
  memcpy(cubix_optimiser_x(state), from->x, n * sizeof(double));
  memcpy(cubix_optimiser_gradient(state), from->g, n * sizeof(double));
  state->at[CUBIX_AT_VALUE] = from->value;
  state->at[CUBIX_AT_DAMPING] = first_damping;
  state->at[CUBIX_AT_SMALL] = 0;
  few.max_iterations = (int)at[CUBIX_AT_ITERATION] + MOST_STEPS;
  while (end == CUBIX_END_NONE) CUBIX_TRY(cubix_newton_step(state, s->problem, &few, s->work, &end));
  at[CUBIX_AT_EVALUATION] = state->at[CUBIX_AT_EVALUATION];
  *by = at[CUBIX_AT_VALUE] - state->at[CUBIX_AT_VALUE];
  if (*by > s->enough) {                               /* all of it one step of the search */
    state->at[CUBIX_AT_ITERATION] = at[CUBIX_AT_ITERATION] + 1;
    state->at[CUBIX_AT_STEP] = cubix_optimiser_largest(s->problem, cubix_optimiser_x(state), s->before.x, NULL);
    state->at[CUBIX_AT_DECREASE] = *by;
    state->at[CUBIX_AT_SMALL] = 0;
    goto done;
  }
  *by = 0;
  memcpy(state->at, at, sizeof at);
  memcpy(cubix_optimiser_x(state), s->before.x, n * sizeof(double));
  memcpy(cubix_optimiser_gradient(state), s->before.g, n * sizeof(double));
done:
  return status;
}

int cubix_optimiser_scan(struct cubix_optimiser *state, const struct cubix_optimiser_problem *problem,
                         const struct cubix_optimiser_rule *rule, struct cubix_optimiser_work *work, int *lower)
{
  int status = CUBIX_OK;
  struct cubix_optimiser_scan *told = problem->scan;
  struct scan s = { .state = state, .problem = problem, .work = work };
  double by = 0;
  *lower = told->unknowns = 0;
  status = make_room(&s);
  if (problem->collective->largest(status) > 0 && !status)
    status = cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "another rank has no memory for a scan");
  if (status) goto done;
  s.enough = fmax(problem->curve->gain, problem->curve->relative * fabs(state->at[CUBIX_AT_VALUE]));
  CUBIX_TRY(cubix_quadratic_fill(&s.m, state));
  memcpy(s.h, s.m.h, s.m.n * s.m.n * sizeof *s.h);
  s.m.h = s.h;
  cubix_quadratic_gather(&s.m, s.low, told->low, 0);
  cubix_quadratic_gather(&s.m, s.high, told->high, 0);
  for (size_t k = 0; k < s.m.n; k++) told->unknowns += s.low[k] < s.high[k];
  if (told->unknowns == 0) goto done;
  const double room = fmax(state->at[CUBIX_AT_EVALUATION], FREE) / (COST * told->unknowns);
  const double values = fmin(fmax(floor(room), LEAST_VALUES), MOST_VALUES);
  for (size_t k = 0; k < s.m.n; k++)
    for (int side = 1; s.low[k] < s.high[k] && side >= -1; side -= 2)
      CUBIX_TRY(line(&s, k, (s.high[k] - s.low[k]) / values, side));
  for (int i = 0; !(by > 0) && i < s.n_found; i++) CUBIX_TRY(descend(&s, &s.found[i], rule, &by));
  told->values = s.n_value;
  told->lower += by;
  *lower = by > 0;
done:
  scan_free(&s);
  return status;
}
