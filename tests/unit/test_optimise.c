/* test_optimise.c -- the optimisers on problems with known answers, within bounds, with failing
 * values, interrupted, and split over "ranks". */
#include "tests/check.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fit/optimise.h"

enum { MOST = 6000 };

/* Of all problems; what each one needs of it. */
struct host {
  size_t n;
  double curvature[MOST], centre[MOST];
  double wall;                    /* evaluate is not finite where x[0] is beyond */
  double noise;                   /* on the gradient */
  int calls, fail_at;             /* call in which evaluate fails; 0: none */
  int iterations, stop_at;        /* iteration in which the state is copied; 0: none */
  struct cubix_optimiser *kept;
  double last_value;
  int rose;
};

static int rosenbrock(void *host, const double *x, double *value, double *gradient)
{
  struct host *h = host;
  h->calls++;
  *value = 0;
  for (size_t i = 0; i < h->n; i++) gradient[i] = 0;
  for (size_t i = 0; i + 1 < h->n; i++) {
    double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
    *value += 100 * a * a + b * b;
    gradient[i] += -400 * x[i] * a - 2 * b;
    gradient[i + 1] += 200 * a;
  }
  return CUBIX_OK;
}

/* sum c (x - centre)^2 / 2; a wall, a failure, noise. */
static int quadratic(void *host, const double *x, double *value, double *gradient)
{
  int status = CUBIX_OK;
  struct host *h = host;
  h->calls++;
  *value = 0;
  CUBIX_CHECK(h->calls != h->fail_at, CUBIX_EINPUT, "call %d fails", h->calls);
  for (size_t i = 0; i < h->n; i++) {
    double d = x[i] - h->centre[i];
    *value += 0.5 * h->curvature[i] * d * d;
    gradient[i] = h->curvature[i] * d + h->noise * (2 * uniform_of(i, (uint64_t)h->calls) - 1);
  }
  if (h->wall != 0 && x[0] > h->wall) *value = NAN;
done:
  return status;
}

static void state_copy(struct cubix_optimiser **to, const struct cubix_optimiser *from)
{
  CHECK(!cubix_optimiser_init(to, from->method, from->n, from->memory ? from->memory : 1));
  memcpy((*to)->at, from->at, sizeof from->at);
  memcpy((*to)->vector, from->vector, (size_t)from->n_vector * from->n * sizeof(double));
}

static int iterated(void *host, const struct cubix_optimiser *state)
{
  struct host *h = host;
  h->iterations++;
  if (h->iterations > 1 && state->at[CUBIX_AT_VALUE] > h->last_value) h->rose++;
  h->last_value = state->at[CUBIX_AT_VALUE];
  if (h->iterations == h->stop_at) state_copy(&h->kept, state);
  return CUBIX_OK;
}

static struct cubix_optimiser_problem problem_of(struct host *h,
                                                 int (*evaluate)(void *, const double *, double *, double *))
{
  struct cubix_optimiser_problem p = {
    .n = h->n, .evaluate = evaluate, .iterated = iterated, .host = h, .collective = &cubix_collective_alone
  };
  return p;
}

static const struct cubix_optimiser_rule rule = { 2000, 1e-9, -1, 0.1 };

static void test_rosenbrock(size_t n, enum cubix_Optimiser method)
{
  struct host h = { .n = n };
  struct cubix_optimiser_problem p = problem_of(&h, rosenbrock);
  struct cubix_optimiser *s = NULL;
  struct cubix_optimiser_rule r = rule;
  if (method == CUBIX_Optimiser_adam) r = (struct cubix_optimiser_rule) { 20000, 1e-6, 0, 0.01 };
  CHECK(!cubix_optimiser_init(&s, method, n, 10));
  for (size_t i = 0; i < n; i++) cubix_optimiser_x(s)[i] = i % 2 ? 1 : -1.2;
  CHECK(!cubix_optimise(s, &p, &r));
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_GRADIENT);
  for (size_t i = 0; i < n; i++) CHECK_CLOSE(cubix_optimiser_x(s)[i], 1, method == CUBIX_Optimiser_lbfgs ? 1e-8 : 1e-5);
  if (method == CUBIX_Optimiser_lbfgs) CHECK_IS(h.rose, ==, 0);
  CHECK_IS(s->at[CUBIX_AT_EVALUATION], ==, h.calls);
  CHECK_IS(s->at[CUBIX_AT_ITERATION], ==, h.iterations);
  printf("rosenbrock in %zu, %s: %d iterations, %d evaluations\n", n, cubix_Optimiser_word[method],
         h.iterations, h.calls);
  cubix_optimiser_free(s);
}

/* In [1.5, 4]^2 the minimum of Rosenbrock's function lies at (1.5, 2.25). */
static void test_rosenbrock_bounded(void)
{
  struct host h = { .n = 2 };
  struct cubix_optimiser_problem p = problem_of(&h, rosenbrock);
  struct cubix_optimiser *s = NULL;
  double lower[2] = { 1.5, 1.5 }, upper[2] = { 4, 4 };
  p.lower = lower;
  p.upper = upper;
  CHECK(!cubix_optimiser_init(&s, CUBIX_Optimiser_lbfgs, 2, 5));
  cubix_optimiser_x(s)[0] = 3;
  cubix_optimiser_x(s)[1] = -1;                            /* outside: brought to the bound */
  CHECK(!cubix_optimise(s, &p, &rule));
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_GRADIENT);
  CHECK_IS(cubix_optimiser_x(s)[0], ==, 1.5);
  CHECK_CLOSE(cubix_optimiser_x(s)[1], 2.25, 1e-9);
  CHECK_CLOSE(cubix_optimiser_gradient(s)[0], 1, 1e-6);      /* it would go on to (1, 1) */
  cubix_optimiser_free(s);
}

/* Curvatures over six decades; centres beyond the bounds for two in three: the answer is the nearest point within. */
static void fill(struct host *h, size_t n, double decades)
{
  h->n = n;
  for (size_t i = 0; i < n; i++) {
    h->curvature[i] = pow(10, decades * (double)((i * 7) % n) / (double)n);
    h->centre[i] = (double)(i % 3) - 1 + 0.25 * (double)(i % 5);
  }
}

static void test_quadratic(double decades, const double *lower, const double *upper, size_t n)
{
  struct host h = { 0 };
  struct cubix_optimiser *s = NULL;
  fill(&h, n, decades);
  struct cubix_optimiser_problem p = problem_of(&h, quadratic);
  p.lower = lower;
  p.upper = upper;
  CHECK(!cubix_optimiser_init(&s, CUBIX_Optimiser_lbfgs, n, 20));
  CHECK(!cubix_optimise(s, &p, &rule));
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_GRADIENT);
  CHECK_IS(h.rose, ==, 0);
  size_t wrong = 0;
  double slope = 0;
  for (size_t i = 0; i < n; i++) {
    double at = h.centre[i], x = cubix_optimiser_x(s)[i];
    if (lower && at < lower[i]) wrong += x != lower[i];
    else if (upper && at > upper[i]) wrong += x != upper[i];
    else slope = check_worst(slope, fabs(h.curvature[i] * (x - at)));
  }
  CHECK_IS(wrong, ==, 0);
  CHECK_IS(slope, <=, 1e-9 * fmax(1, s->at[CUBIX_AT_VALUE]));
  CHECK_CLOSE(s->at[CUBIX_AT_GRADIENT], slope, 1e-9 * slope);
  printf("quadratic in %zu, %g decades%s: %d iterations, %d evaluations\n", n, decades, lower ? ", bounded" : "",
         h.iterations, h.calls);
  cubix_optimiser_free(s);
}

static void test_bounds(void)
{
  static double lower[MOST], upper[MOST];
  for (size_t i = 0; i < MOST; i++) {
    lower[i] = i % 2 ? -0.1 : -INFINITY;
    upper[i] = i % 7 == 3 ? lower[i] : i % 3 ? 0.3 : INFINITY;   /* some are frozen */
    if (i % 7 == 3 && !(i % 2)) upper[i] = 0.3;
  }
  test_quadratic(4, NULL, NULL, 50);
  test_quadratic(6, NULL, NULL, 16);
  test_quadratic(3, lower, upper, 100);
  test_quadratic(2, lower, upper, MOST);
  test_quadratic(2, lower, NULL, 20);
  test_quadratic(2, NULL, upper, 20);
}

static void same_state(const struct cubix_optimiser *a, const struct cubix_optimiser *b)
{
  CHECK(!memcmp(a->at, b->at, sizeof a->at));
  CHECK(!memcmp(a->vector, b->vector, (size_t)a->n_vector * a->n * sizeof(double)));
}

/* Stopped and continued, and with another number of threads: the same bits. */
static void test_restart(enum cubix_Optimiser method,
                         int (*evaluate)(void *, const double *, double *, double *), size_t n)
{
  static double lower[MOST], upper[MOST];
  struct host h = { .stop_at = 11 }, again = { 0 };
  struct cubix_optimiser *s = NULL;
  struct cubix_optimiser_rule r = { 40, 0, -1, 0.05 };
  fill(&h, n, 2);
  fill(&again, n, 2);
  for (size_t i = 0; i < n; i++) lower[i] = -2, upper[i] = i % 4 ? 2 : 0.5;
  struct cubix_optimiser_problem p = problem_of(&h, evaluate);
  p.lower = lower;
  p.upper = upper;
  CHECK(!cubix_optimiser_init(&s, method, n, 4));
  CHECK(!cubix_optimise(s, &p, &r));
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_ITERATIONS);
  CHECK_IS(s->at[CUBIX_AT_ITERATION], ==, 40);
  REQUIRE(h.kept);
  CHECK_IS(h.kept->at[CUBIX_AT_ITERATION], ==, 11);
  p.host = &again;
  omp_set_num_threads(3);
  if (h.kept) {
    CHECK(!cubix_optimise(h.kept, &p, &r));
    same_state(h.kept, s);
    CHECK_IS(again.iterations, ==, 29);
  }
  omp_set_num_threads(1);
  cubix_optimiser_free(h.kept);
  cubix_optimiser_free(s);
}

static void test_not_finite(enum cubix_Optimiser method)
{
  struct host h = { 0 };
  struct cubix_optimiser *s = NULL;
  struct cubix_optimiser_rule r = { 400, 1e-8, -1, method == CUBIX_Optimiser_adam ? 0.2 : 5 };
  fill(&h, 4, 1);
  h.centre[0] = 1.9;
  h.wall = 1.91;                                           /* what overshoots falls off: */
  struct cubix_optimiser_problem p = problem_of(&h, quadratic);
  CHECK(!cubix_optimiser_init(&s, method, 4, 5));
  CHECK(!cubix_optimise(s, &p, &r));
  CHECK(isfinite(s->at[CUBIX_AT_VALUE]));
  CHECK_CLOSE(cubix_optimiser_x(s)[0], 1.9, 0.02);
  CHECK_IS(s->at[CUBIX_AT_EVALUATION], >, s->at[CUBIX_AT_ITERATION] + 1);      /* some were drawn back */
  cubix_optimiser_free(s);

  h.wall = 1e-30;                                          /* now nothing but the start is finite */
  h.calls = h.iterations = 0;
  CHECK(!cubix_optimiser_init(&s, method, 4, 5));
  CHECK_IS(cubix_optimise(s, &p, &r), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "not finite");
  CHECK_SAYS(cubix_error_message(), "after iteration 0");
  CHECK_IS(cubix_optimiser_x(s)[0], ==, 0);
  cubix_optimiser_free(s);

  CHECK(!cubix_optimiser_init(&s, method, 4, 5));
  cubix_optimiser_x(s)[0] = 3;
  CHECK_IS(cubix_optimise(s, &p, &r), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "at the start of the search");
  cubix_optimiser_free(s);

  h.wall = 0;
  h.calls = 0;
  h.fail_at = 3;
  CHECK(!cubix_optimiser_init(&s, method, 4, 5));
  CHECK_IS(cubix_optimise(s, &p, &r), ==, CUBIX_EINPUT);
  CHECK_SAYS(cubix_error_message(), "call 3 fails");
  cubix_optimiser_free(s);
  cubix_error_clear();
}

/* Gradients with noise as large as they are: Adam comes within a few learning rates and stays. */
static void test_adam_noisy(void)
{
  struct host h = { .noise = 0.5 };
  struct cubix_optimiser *s = NULL;
  struct cubix_optimiser_rule r = { 3000, 0, 0, 0.002 };
  fill(&h, 30, 1);
  struct cubix_optimiser_problem p = problem_of(&h, quadratic);
  CHECK(!cubix_optimiser_init(&s, CUBIX_Optimiser_adam, 30, 1));
  CHECK(!cubix_optimise(s, &p, &r));
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_ITERATIONS);
  for (size_t i = 0; i < 30; i++) CHECK_CLOSE(cubix_optimiser_x(s)[i], h.centre[i], 0.05);
  cubix_optimiser_free(s);
}

/* Values that do not fall: an end, no error. */
static int deceitful(void *host, const double *x, double *value, double *gradient)
{
  (void)x;
  ((struct host *)host)->calls++;
  *value = ((struct host *)host)->calls;
  gradient[0] = 1;
  return CUBIX_OK;
}

static void test_noise_end(void)
{
  struct host h = { .n = 1 };
  struct cubix_optimiser_problem p = problem_of(&h, deceitful);
  struct cubix_optimiser *s = NULL;
  CHECK(!cubix_optimiser_init(&s, CUBIX_Optimiser_lbfgs, 1, 3));
  CHECK(!cubix_optimise(s, &p, &rule));
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_NOISE);
  CHECK_IS(s->at[CUBIX_AT_ITERATION], ==, 0);
  CHECK_IS(cubix_optimiser_x(s)[0], ==, 0);
  cubix_optimiser_free(s);
  CHECK_IS(cubix_optimiser_init(&s, CUBIX_Optimiser_lbfgs, 1, 0), ==, CUBIX_EUSAGE);
  cubix_error_clear();
}

/* Two ranks, of which this is one; the other has the same unknowns: what is shared counts once. */
static double twice(double x) { return 2 * x; }
static double same(double x) { return x; }
static void add(uint64_t *count, int n) { for (int i = 0; i < n; i++) count[i] *= 2; }
static void sum(double *x, size_t n) { for (size_t i = 0; i < n; i++) x[i] *= 2; }
static const struct cubix_collective twin = { add, same, twice, sum };

static int split_quadratic(void *host, const double *x, double *value, double *gradient)
{
  struct host *h = host;
  /* x[0] is each rank's own, 1 and 2 are shared; the third term is of both ranks */
  double v[3] = { x[0] - 1, x[1] + 2, x[2] - x[0] - 4 };
  *value = 2 * v[0] * v[0] + v[1] * v[1] + 2 * v[2] * v[2];
  gradient[0] = 2 * v[0] - 2 * v[2];
  gradient[1] = 2 * v[1];
  gradient[2] = 4 * v[2];
  h->calls++;
  return CUBIX_OK;
}

static void test_shared(void)
{
  struct host h = { .n = 3 };
  struct cubix_optimiser_problem p = problem_of(&h, split_quadratic);
  struct cubix_optimiser *s = NULL;
  p.n_shared = 2;
  p.collective = &twin;
  CHECK(!cubix_optimiser_init(&s, CUBIX_Optimiser_lbfgs, 3, 5));
  CHECK(!cubix_optimise(s, &p, &rule));
  CHECK_IS(s->at[CUBIX_AT_END], ==, CUBIX_END_GRADIENT);
  CHECK_CLOSE(cubix_optimiser_x(s)[0], 1, 1e-8);
  CHECK_CLOSE(cubix_optimiser_x(s)[1], -2, 1e-8);
  CHECK_CLOSE(cubix_optimiser_x(s)[2], 5, 1e-8);
  CHECK_IS(h.calls, <, 20);
  cubix_optimiser_free(s);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_rosenbrock(2, CUBIX_Optimiser_lbfgs));
  CASE(test_rosenbrock(20, CUBIX_Optimiser_lbfgs));
  CASE(test_rosenbrock(2, CUBIX_Optimiser_adam));
  CASE(test_rosenbrock_bounded());
  CASE(test_bounds());
  CASE(test_restart(CUBIX_Optimiser_lbfgs, rosenbrock, 20));
  CASE(test_restart(CUBIX_Optimiser_lbfgs, quadratic, MOST));
  CASE(test_restart(CUBIX_Optimiser_adam, quadratic, 50));
  CASE(test_not_finite(CUBIX_Optimiser_lbfgs));
  CASE(test_not_finite(CUBIX_Optimiser_adam));
  CASE(test_adam_noisy());
  CASE(test_noise_end());
  CASE(test_shared());
  return check_done();
}
