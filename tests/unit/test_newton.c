/* test_newton.c -- the last steps of a search, by the curvature: sums of squares with known minima
 * and errors, within bounds, scaled badly, split over "ranks"; and the verdict. */
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fit/optimise.h"

enum { MOST = 40, ROWS = 120 };

/* F = sum over rows of r^2, r = a x - b, or Rosenbrock's residuals. */
struct host {
  size_t n, n_row;
  double a[ROWS][MOST], b[ROWS], x[MOST], h[MOST * MOST];
  int rosenbrock, calls, matrices, products;
  double lie;                     /* added to each gradient */
  double kink;                    /* times |x[0] - 0.3| */
  int starved;                    /* which matrix, or product, finds no memory; 0: none */
  int wells;                      /* the rows see a zigzag of x[0], and one more row only draws it to 3.35 */
  double slope;                   /* of the zigzag */
};

/* Residuals and their derivatives at x. */
static void residuals(struct host *h, const double *x, double *r)
{
  if (h->rosenbrock) {
    memset(h->a, 0, sizeof h->a);
    h->n_row = 2 * (h->n - 1);
    for (size_t i = 0; i + 1 < h->n; i++) {
      r[2 * i] = 10 * (x[i + 1] - x[i] * x[i]);
      r[2 * i + 1] = 1 - x[i];
      h->a[2 * i][i] = -20 * x[i];
      h->a[2 * i][i + 1] = 10;
      h->a[2 * i + 1][i] = -1;
    }
    return;
  }
  for (size_t k = 0; k < h->n_row; k++) {
    r[k] = -h->b[k];
    for (size_t i = 0; i < h->n; i++) r[k] += h->a[k][i] * x[i];
  }
}

/* Up and down between 0 and 1. */
static double zigzag(double x, double *slope)
{
  const double off = x + 0.25 - 2 * floor((x + 1.25) / 2);
  *slope = off < 0 ? -1 : 1;
  return fabs(off);
}

static double column(const struct host *h, size_t k, size_t i)
{
  return h->a[k][i] * (h->wells && i == 0 ? h->slope : 1);
}

static const double pull = 0.25, home = 3.35;

static int evaluate(void *host, const double *x, double *value, double *gradient)
{
  struct host *h = host;
  double r[ROWS];
  double y[MOST];
  h->calls++;
  memcpy(y, x, h->n * sizeof *x);
  if (h->wells) y[0] = zigzag(x[0], &h->slope);
  residuals(h, y, r);
  *value = 0;
  for (size_t i = 0; i < h->n; i++) gradient[i] = h->lie;
  for (size_t k = 0; k < h->n_row; k++) {
    *value += r[k] * r[k];
    for (size_t i = 0; i < h->n; i++) gradient[i] += 2 * column(h, k, i) * r[k];
  }
  *value += h->wells * pull * pow(x[0] - home, 2);
  gradient[0] += 2 * h->wells * pull * (x[0] - home);
  *value += h->kink * fabs(x[0] - 0.3);
  gradient[0] += x[0] > 0.3 ? h->kink : -h->kink;
  return CUBIX_OK;
}

static int starve(struct host *h)
{
  if (h->matrices != h->starved) return CUBIX_OK;
  return cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "there is nothing left for %d", h->starved);
}

static int matrix(void *host, const double *x, const double **out)
{
  struct host *h = host;
  double r[ROWS];
  residuals(h, x, r);
  (void)zigzag(x[0], &h->slope);
  for (size_t i = 0; i < h->n; i++)
    for (size_t j = 0; j < h->n; j++) {
      h->h[i * h->n + j] = 0;
      for (size_t k = 0; k < h->n_row; k++) h->h[i * h->n + j] += 2 * column(h, k, i) * column(h, k, j);
    }
  h->h[0] += 2 * h->wells * pull;
  *out = h->h;
  h->matrices++;
  return starve(h);
}

static int diagonal(void *host, const double *x, double *d)
{
  struct host *h = host;
  const double *all;
  memcpy(h->x, x, h->n * sizeof *x);
  if (matrix(host, x, &all)) return CUBIX_ENOMEM;
  for (size_t i = 0; i < h->n; i++) d[i] = all[i * h->n + i];
  return CUBIX_OK;
}

static int product(void *host, const double *p, double *hp)
{
  struct host *h = host;
  const double *all;
  if (matrix(host, h->x, &all)) return CUBIX_ENOMEM;
  h->products++;
  for (size_t i = 0; i < h->n; i++) {
    hp[i] = 0;
    for (size_t j = 0; j < h->n; j++) hp[i] += all[i * h->n + j] * p[j];
  }
  return CUBIX_OK;
}

static const double gain = 0.01;
static int place[MOST];

/* Columns of sizes over `decades`, mixed with each other: of many such problems one whose bounds, kink
 * and wells are met. */
static void fill(struct host *h, size_t n, double decades)
{
  const size_t problem = 2000;
  *h = (struct host) { .n = n, .n_row = 3 * n };
  for (size_t k = 0; k < h->n_row; k++) {
    h->b[k] = 20 * (uniform_of(problem + k, 999) - 0.5);
    for (size_t i = 0; i < n; i++)
      h->a[k][i] = pow(10, decades * (double)((7 * i) % n) / (double)n) * (uniform_of(problem + k, i) - 0.3);
  }
}

static struct cubix_optimiser_scan *scan;     /* NULL: none */

static struct cubix_optimiser *search(struct host *h, int by_matrix, const double *lower, const double *upper,
                                      const struct cubix_optimiser_rule *rule, int want)
{
  struct cubix_optimiser_curve curve = { by_matrix ? (int)h->n : 0, place, gain, 1e-13, matrix, diagonal, product };
  struct cubix_optimiser_problem problem = { .n = h->n,
                                             .lower = lower,
                                             .upper = upper,
                                             .evaluate = evaluate,
                                             .host = h,
                                             .collective = &cubix_collective_alone,
                                             .curve = &curve,
                                             .scan = scan };
  struct cubix_optimiser *s = NULL;
  for (int i = 0; i < MOST; i++) place[i] = i;
  CHECK(!cubix_optimiser_init(&s, CUBIX_Optimiser_lbfgs, h->n, 5));
  CHECK_IS(cubix_optimise(s, &problem, rule), ==, want);
  CHECK(want || !cubix_optimiser_check(s, &problem, "here"));
  CHECK(want || !cubix_optimiser_check_pairs(s, &problem, "here"));
  return s;
}

/* What a linear problem's minimum is: the gradient vanishes to the rounding of its terms. */
static double slope_of(struct host *h, const double *x, size_t i)
{
  double g[MOST], value, size = 0;
  (void)evaluate(h, x, &value, g);
  for (size_t k = 0; k < h->n_row; k++) size += 2 * h->a[k][i] * h->a[k][i];
  return g[i] / sqrt(size);                                /* twice the distance in the unknown's error */
}

/* The method is told to be content at once: without the curvature it ends far away. */
static const struct cubix_optimiser_rule hasty = { 500, 1e9, 1e9, 0.05 };

static void test_linear(int by_matrix, double decades, size_t n)
{
  struct host h;
  fill(&h, n, decades);
  struct cubix_optimiser *s = search(&h, by_matrix, NULL, NULL, &hasty, CUBIX_OK);
  double worst = 0;
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_NEWTON);
  CHECK(cubix_optimiser_converged(CUBIX_END_NEWTON));
  CHECK_IS(s->at[CUBIX_AT_PROMISE], <=, gain);
  CHECK_IS(s->at[CUBIX_AT_PROMISE], >=, 0);
  for (size_t i = 0; i < n; i++) worst = check_worst(worst, fabs(slope_of(&h, cubix_optimiser_x(s), i)));
  CHECK_IS(worst, <=, 2 * sqrt(gain));                          /* in errors: half of it */
  printf("linear in %zu, %g decades, %s: %g steps, %d matrices, %d products; off by %.1e errors\n", n, decades,
         by_matrix ? "matrix" : "products", s->at[CUBIX_AT_ITERATION], h.matrices, h.products, 0.5 * worst);
  CHECK_IS(s->at[CUBIX_AT_ITERATION], <, by_matrix ? 12 : 60);
  cubix_optimiser_free(s);
}

/* The promised gain is what a minimum is lower by: known exactly where the problem is linear. */
static void test_promise(void)
{
  struct host h;
  struct cubix_optimiser_rule none = { 0, 1e9, 1e9, 0.05 }, all = { 500, 0, -1, 0.05 };
  fill(&h, 8, 2);
  struct cubix_optimiser *first = search(&h, 1, NULL, NULL, &none, CUBIX_OK);
  CHECK_IS(first->at[CUBIX_AT_END], ==, CUBIX_END_ITERATIONS);
  CHECK_IS(first->at[CUBIX_AT_ITERATION], ==, 0);
  CHECK(!cubix_optimiser_converged(CUBIX_END_ITERATIONS));
  struct cubix_optimiser *last = search(&h, 1, NULL, NULL, &all, CUBIX_OK);
  CHECK_CLOSE(first->at[CUBIX_AT_PROMISE], first->at[CUBIX_AT_VALUE] - last->at[CUBIX_AT_VALUE],
              1e-5 * first->at[CUBIX_AT_PROMISE] + gain);
  cubix_optimiser_free(first);
  cubix_optimiser_free(last);
}

/* Of all choices of unknowns at their bounds the one whose minimum lies within, and whose multipliers push outwards. */
static void best_within(struct host *h, const double *lower, const double *upper, double *best)
{
  double lowest = INFINITY;
  size_t choices = 1;
  for (size_t i = 0; i < h->n; i++) choices *= 3;
  for (size_t c = 0; c < choices; c++) {
    double x[MOST] = { 0 }, value, g[MOST];
    int fixed[MOST] = { 0 }, inside = 1;
    size_t code = c;
    for (size_t i = 0; i < h->n; i++, code /= 3) {
      fixed[i] = code % 3 != 0;
      x[i] = code % 3 == 1 ? lower[i] : code % 3 == 2 ? upper[i] : 0;
    }
    for (int sweep = 0; sweep < 400; sweep++)             /* coordinate by coordinate: slow and sure */
      for (size_t i = 0; i < h->n; i++) {
        double top = 0, bottom = 0;
        for (size_t k = 0; k < h->n_row && !fixed[i]; k++) {
          double r = -h->b[k];
          for (size_t j = 0; j < h->n; j++) r += h->a[k][j] * x[j];
          top += h->a[k][i] * r;
          bottom += h->a[k][i] * h->a[k][i];
        }
        if (!fixed[i]) x[i] -= top / bottom;
      }
    for (size_t i = 0; i < h->n; i++) inside &= x[i] >= lower[i] && x[i] <= upper[i];
    (void)evaluate(h, x, &value, g);
    if (!inside || value >= lowest) continue;
    lowest = value;
    memcpy(best, x, h->n * sizeof *x);
  }
}

static void test_bounds(int by_matrix)
{
  struct host h;
  double lower[4] = { -0.2, -5, -0.1, -3 }, upper[4] = { 5, 0.1, 0.1, 3 }, best[MOST] = { 0 };
  struct cubix_optimiser_rule once = { 200, 1e9, 1e9, 0.05 };
  int at_bound = 0;
  fill(&h, 4, 0);
  best_within(&h, lower, upper, best);
  struct cubix_optimiser *s = search(&h, by_matrix, lower, upper, &once, CUBIX_OK);
  const double *x = cubix_optimiser_x(s);
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_NEWTON);
  for (size_t i = 0; i < 4; i++) {
    const int bound = best[i] == lower[i] || best[i] == upper[i];
    at_bound += bound;
    if (bound) CHECK_IS(x[i], ==, best[i]);
    else CHECK_CLOSE(x[i], best[i], 0.1);
  }
  CHECK_IS(at_bound, >=, 1);
  CHECK_IS(at_bound, <, 4);
  cubix_optimiser_free(s);
}

static void test_rosenbrock(int by_matrix)
{
  struct host h = { .n = 6, .rosenbrock = 1 };
  struct cubix_optimiser *s = search(&h, by_matrix, NULL, NULL, &hasty, CUBIX_OK);
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_NEWTON);
  CHECK_IS(s->at[CUBIX_AT_VALUE], <, 0.02);
  for (size_t i = 0; i < 6; i++) CHECK_CLOSE(cubix_optimiser_x(s)[i], 1, 0.3);
  printf("rosenbrock, %s: %g steps, %g evaluations, value %.1e\n", by_matrix ? "matrix" : "products",
         s->at[CUBIX_AT_ITERATION], s->at[CUBIX_AT_EVALUATION], s->at[CUBIX_AT_VALUE]);
  cubix_optimiser_free(s);
}

/* A gradient that is wrong by more than its error: no step finds what it promises, and that is no
 * convergence.  A curvature that is not finite is an error. */
static void test_verdict(int by_matrix)
{
  struct host h;
  struct cubix_optimiser_rule rule = { 500, 0, -1, 0.05 };
  fill(&h, 5, 0);
  h.lie = 30;
  struct cubix_optimiser *s = search(&h, by_matrix, NULL, NULL, &rule, CUBIX_OK);
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_STALLED);
  CHECK(!cubix_optimiser_converged(CUBIX_END_STALLED));
  CHECK_IS(s->at[CUBIX_AT_PROMISE], >, gain);
  CHECK(!strncmp(cubix_optimiser_end_text(CUBIX_END_STALLED), "not converged", 13));
  cubix_optimiser_free(s);
  fill(&h, 5, 0);
  h.a[3][2] = 1e200;                                       /* its square is not finite, the value is */
  h.b[3] = 0;
  s = search(&h, by_matrix, NULL, NULL, &rule, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "not finite");
  cubix_error_clear();
  cubix_optimiser_free(s);
}

/* Without memory for the curvature the search ends where it has come to, without a verdict. */
static void test_no_memory(int by_matrix)
{
  struct host h, plenty;
  fill(&plenty, 6, 1);
  struct cubix_optimiser *all = search(&plenty, by_matrix, NULL, NULL, &hasty, CUBIX_OK);
  CHECK_IS(plenty.matrices, >, 1);
  for (int at = 1; at <= plenty.matrices; at++) {
    fill(&h, 6, 1);
    h.starved = at;
    struct cubix_optimiser *s = search(&h, by_matrix, NULL, NULL, &hasty, CUBIX_OK);
    CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_MEMORY);
    CHECK(!cubix_optimiser_converged(CUBIX_END_MEMORY));
    CHECK_IS(s->at[CUBIX_AT_PROMISE], ==, -1);
    CHECK_IS(s->at[CUBIX_AT_VALUE], >=, all->at[CUBIX_AT_VALUE]);
    if (at == 1) CHECK_IS(s->at[CUBIX_AT_VALUE], >, 1.1 * all->at[CUBIX_AT_VALUE]);
    CHECK(!cubix_error_message()[0]);
    double value, g[MOST];
    (void)evaluate(&h, cubix_optimiser_x(s), &value, g);
    CHECK_IS(s->at[CUBIX_AT_VALUE], ==, value);
    cubix_optimiser_free(s);
  }
  cubix_optimiser_free(all);
}

/* A kink holds one unknown: it is no convergence that can be proved, but the others come to their minimum. */
static void test_kink(int by_matrix)
{
  struct host h;
  fill(&h, 8, 0);
  h.kink = 1000;
  struct cubix_optimiser *s = search(&h, by_matrix, NULL, NULL, &hasty, CUBIX_OK);
  double worst = 0;
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_STALLED);
  CHECK_CLOSE(cubix_optimiser_x(s)[0], 0.3, 1e-3);
  for (size_t i = 1; i < 8; i++) worst = check_worst(worst, fabs(slope_of(&h, cubix_optimiser_x(s), i)));
  CHECK_IS(worst, <, 2 * sqrt(gain));
  printf("kink, %s: %g steps, %g evaluations; the others off by %.1e errors\n", by_matrix ? "matrix" : "products",
         s->at[CUBIX_AT_ITERATION], s->at[CUBIX_AT_EVALUATION], 0.5 * worst);
  cubix_optimiser_free(s);
}

/* Wells along one unknown: the descent ends in the nearest, the scan finds the lowest, though there
 * are hills between and the others move with it.  In one well it finds nothing, and asks for no
 * more matrices than its own. */
static void test_scan(void)
{
  struct host h;
  double lower[8], upper[8], low[8] = { -1 }, high[8] = { 5 };
  struct cubix_optimiser_scan told = { .low = low, .high = high };
  for (size_t i = 0; i < 8; i++) {
    lower[i] = i ? -100 : -1;
    upper[i] = i ? 100 : 5;
  }
  for (int look = 0; look < 2; look++) {
    fill(&h, 8, 0);
    h.wells = 1;
    for (size_t k = 0; k < h.n_row; k++) {                   /* the zigzag at 0.4, the others at 1 */
      h.b[k] = 0.4 * h.a[k][0];
      for (size_t i = 1; i < 8; i++) h.b[k] += h.a[k][i];
    }
    scan = look ? &told : NULL;
    struct cubix_optimiser *s = search(&h, 1, lower, upper, &hasty, CUBIX_OK);
    CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_NEWTON);
    if (look) {
      CHECK_CLOSE(cubix_optimiser_x(s)[0], home, 0.1);
    } else {
      CHECK_IS(cubix_optimiser_x(s)[0], <, home - 0.5);
      CHECK_IS(s->at[CUBIX_AT_VALUE], >, 0.2);
    }
    for (size_t i = 1; i < 8 && look; i++) CHECK_CLOSE(cubix_optimiser_x(s)[i], 1, 0.1);
    CHECK_IS(s->at[CUBIX_AT_EVALUATION], ==, h.calls);
    printf("wells, %s: %g steps, %d evaluations, %d matrices, value %.2e\n", look ? "scanned" : "not scanned",
           s->at[CUBIX_AT_ITERATION], h.calls, h.matrices, s->at[CUBIX_AT_VALUE]);
    cubix_optimiser_free(s);
  }
  CHECK(told.ended);
  CHECK_IS(told.unknowns, ==, 1);
  CHECK_IS(told.values, >=, 8);
  CHECK_IS(told.lower, >, 0.2);
  for (size_t i = 0; i < 8; i++) {
    low[i] = -3;
    high[i] = 3;
  }
  told = (struct cubix_optimiser_scan) { .low = low, .high = high };
  fill(&h, 8, 0);
  struct cubix_optimiser *s = search(&h, 1, NULL, NULL, &hasty, CUBIX_OK);
  CHECK(told.ended);
  CHECK_IS(told.unknowns, ==, 8);
  CHECK_IS(told.lower, ==, 0);
  CHECK_IS(h.matrices, <=, 4);
  cubix_optimiser_free(s);
  scan = NULL;
}

/* One small gain is no end, nor are two. */
static double decreases[600];

static int note(void *host, const struct cubix_optimiser *state)
{
  (void)host;
  decreases[(int)state->at[CUBIX_AT_ITERATION]] = state->at[CUBIX_AT_DECREASE];
  return CUBIX_OK;
}

static void test_small_gains(void)
{
  struct host h = { .n = 20, .rosenbrock = 1 };
  struct cubix_optimiser_problem problem = {
    .n = 20, .evaluate = evaluate, .iterated = note, .host = &h, .collective = &cubix_collective_alone
  };
  const struct cubix_optimiser_rule rule = { 500, 0, 0.03, 0.1 };
  struct cubix_optimiser *s = NULL;
  int in_a_row = 0, most = 0, before = 0;
  CHECK(!cubix_optimiser_init(&s, CUBIX_Optimiser_lbfgs, 20, 5));
  for (size_t i = 0; i < 20; i++) cubix_optimiser_x(s)[i] = i % 2 ? 1 : -1.2;
  CHECK(!cubix_optimise(s, &problem, &rule));
  const int end = (int)s->at[CUBIX_AT_ITERATION];
  for (int i = 1; i <= end; i++) {
    if (i == end) before = most;
    in_a_row = decreases[i] <= 0.03 * fmax(1, s->at[CUBIX_AT_VALUE]) ? in_a_row + 1 : 0;
    most = in_a_row > most ? in_a_row : most;
  }
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_VALUE);
  CHECK_IS(in_a_row, ==, 3);
  CHECK_IS(before, ==, 2);
  cubix_optimiser_free(s);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  for (int by_matrix = 0; by_matrix < 2; by_matrix++) {
    const char *how = by_matrix ? "by matrix" : "by products";
    CASE_OF(test_linear(by_matrix, 0, 10), "0 decades, %s", how);
    CASE_OF(test_linear(by_matrix, 3, 30), "3 decades, %s", how);
    CASE_OF(test_bounds(by_matrix), "%s", how);
    CASE_OF(test_rosenbrock(by_matrix), "%s", how);
    CASE_OF(test_verdict(by_matrix), "%s", how);
    CASE_OF(test_kink(by_matrix), "%s", how);
    CASE_OF(test_no_memory(by_matrix), "%s", how);
  }
  CASE_OF(test_linear(1, 8, 30), "8 decades, by matrix");
  CASE(test_promise());
  CASE(test_scan());
  CASE(test_small_gains());
  return check_done();
}
