/* test_objective.c -- objectives: closed forms, derivatives by Taylor remainders and differences,
 * masks, dark spaxels, threads, and channels that several ranks hold. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fit/objective.h"

enum { N_X = 3, N_Y = 4, N_LAMBDA = 37, N_SPAXEL = N_X * N_Y, N = N_SPAXEL * N_LAMBDA };
static const char *const likelihoods[] = { "chi2", "poisson", "cosine" };

static double noise(unsigned *seed)                /* -1 .. 1 */
{
  *seed = *seed * 1664525u + 1013904223u;
  return (double)(*seed >> 8) / (1 << 23) - 1.;
}

static struct cubix_params *params(const char *likelihood)
{
  struct cubix_params *par = NULL;
  CHECK(!cubix_params_init(&par));
  CHECK(!cubix_params_set(par, "Likelihood", likelihood));
  return par;
}

static struct cubix_cube cube_new(int first, int n)
{
  return (struct cubix_cube){ .n_x = N_X,
                              .n_y = N_Y,
                              .lambda_first = first,
                              .n_lambda = n,
                              .flux = calloc((size_t)(N_SPAXEL * n + 1), sizeof(cubix_real)) };
}

/* Spectra of a hundred or so with gaps and a negative number; spaxel 2 masked throughout, spaxel 5
 * dark in the model, spaxel 7 in the data. */
static void scene(struct cubix_observed **obs, struct cubix_cube *model)
{
  unsigned seed = 4;
  *model = cube_new(0, N_LAMBDA);
  CHECK(!cubix_observed_init(obs, N_X, N_Y, 0, N_LAMBDA));
  for (int s = 0; s < N_SPAXEL; s++) {
    for (int k = 0; k < N_LAMBDA; k++) {
      const double level = 100. * (1. + 0.3 * s) * (1. + 0.4 * sin(0.7 * k + s));
      const int at = s * N_LAMBDA + k, masked = s == 2 || (k * 7 + s) % 11 == 0;
      if (s != 5) model->flux[at] = (cubix_real)(level * (1. + 0.2 * noise(&seed)));
      if (masked) continue;
      (*obs)->weight[at] = (cubix_real)(1. / (level * (2. + 0.5 * noise(&seed))));
      if (s != 7) (*obs)->data[at] = (cubix_real)(level * (1. + 0.2 * noise(&seed)));
    }
  }
  (*obs)->data[1] = -3;
  cubix_observed_settle(*obs);
}

static double value_of(const struct cubix_params *par, const struct cubix_observed *obs, const struct cubix_cube *model,
                       struct cubix_cube *bar)
{
  double value = NAN;
  CHECK_IS(cubix_objective(&value, par, obs, model, bar, &cubix_collective_alone), ==, CUBIX_OK);
  return value;
}

/* The three formulas once more, without any care. */
static double plain(const char *likelihood, const struct cubix_observed *obs, const struct cubix_cube *model)
{
  double value = 0.;
  for (int s = 0; s < N_SPAXEL; s++) {
    double dd = 0., dm = 0., mm = 0.;
    for (int k = 0; k < N_LAMBDA; k++) {
      const double d = (double)obs->data[s * N_LAMBDA + k], w = (double)obs->weight[s * N_LAMBDA + k],
                   m = (double)model->flux[s * N_LAMBDA + k];
      dd += w * d * d;
      dm += w * d * m;
      mm += w * m * m;
      if (!strcmp(likelihood, "chi2")) value += w * (d - m) * (d - m);
      if (!strcmp(likelihood, "poisson") && w > 0. && m > 0.)
        value += 2. * obs->gain[k] * (d > 0. ? m - d + d * log(d / m) : m);
    }
    if (!strcmp(likelihood, "cosine") && dd > 0. && mm > 0.) value += 1. - dm / sqrt(dd * mm);
  }
  return value;
}

static void test_values(void)
{
  for (int l = 0; l < 3; l++) {
    struct cubix_params *par = params(likelihoods[l]);
    struct cubix_observed *obs;
    struct cubix_cube model, bar = cube_new(0, N_LAMBDA);
    scene(&obs, &model);
    /* dark spaxels have a test of their own */
    for (int k = 0; l == 1 && k < N_LAMBDA; k++) model.flux[5 * N_LAMBDA + k] = (cubix_real)0.7;
    const double value = value_of(par, obs, &model, &bar), want = plain(likelihoods[l], obs, &model);
    CHECK_CLOSE(value, want, 1e-12 * want);
    CHECK_IS(value, >, 0.);
    CHECK_IS(value, ==, value_of(par, obs, &model, NULL));
    for (int at = 0; at < N; at++) if (obs->weight[at] == 0) CHECK_IS(bar.flux[at], ==, 0);
    for (int k = 0; k < N_LAMBDA; k++) {
      CHECK_IS(bar.flux[2 * N_LAMBDA + k], ==, 0);
      CHECK(l != 2 || (bar.flux[5 * N_LAMBDA + k] == 0 && bar.flux[7 * N_LAMBDA + k] == 0));
    }
    /* where the model is the data: nothing is left to pull */
    memcpy(model.flux, obs->data, N * sizeof *model.flux);
    if (l == 1) for (int at = 0; at < N; at++) if (obs->data[at] <= 0) obs->weight[at] = 0;
    CHECK_CLOSE(value_of(par, obs, &model, &bar), 0., 1e-13 * N_SPAXEL);
    for (int at = 0; at < N; at++) CHECK_IS(fabs((double)bar.flux[at]), <=, 1e-12);
    cubix_observed_free(obs);
    free(model.flux);
    free(bar.flux);
    cubix_params_free(par);
  }
}

/* F(m + h v) - F(m) - h bar v falls by 100 when h falls by 10; and bar is what differences say.  In
 * the spaxel without light the model of poisson goes below its floor, where the parabola is. */
static void test_derivative(void)
{
  for (int l = 0; l < 3; l++) {
    struct cubix_params *par = params(likelihoods[l]);
    struct cubix_observed *obs;
    struct cubix_cube model, moved = cube_new(0, N_LAMBDA), bar = cube_new(0, N_LAMBDA);
    double before = 0.;
    scene(&obs, &model);
    const double value = value_of(par, obs, &model, &bar);
    for (int step = 0; step < 5; step++) {
      const double h = 0.05 * pow(10., -step);
      double slope = 0.;
      unsigned seed = 9;
      for (int at = 0; at < N; at++) {
        const double level = model.flux[at] > 0 ? (double)model.flux[at] : l == 1 ? 1e-4 : 0.;
        moved.flux[at] = model.flux[at] + (cubix_real)(h * level * (0.4 + noise(&seed)));
        slope += (double)bar.flux[at] * ((double)moved.flux[at] - (double)model.flux[at]);
      }
      const double rest = fabs(value_of(par, obs, &moved, NULL) - value - slope);
      if (step) CHECK_CLOSE(log10(before / rest), 2., 0.1);
      before = rest;
    }
    for (int at = 0; at < N; at += 5) {
      if (l == 2 && (at / N_LAMBDA == 5 || at / N_LAMBDA == 7)) continue;      /* dark: no derivative by differences */
      const double m = (double)model.flux[at], h = m > 0. ? 1e-2 * m : 1e-5;
      memcpy(moved.flux, model.flux, N * sizeof *moved.flux);
      moved.flux[at] = (cubix_real)(m + h);
      double up = (double)moved.flux[at], difference = value_of(par, obs, &moved, NULL);
      moved.flux[at] = (cubix_real)(m - h);
      difference = (difference - value_of(par, obs, &moved, NULL)) / (up - (double)moved.flux[at]);
      CHECK_CLOSE((double)bar.flux[at], difference, 2e-3 * fabs(difference) + 1e-3 * (l == 2 ? 1e-3 : 1.));
    }
    cubix_observed_free(obs);
    free(model.flux);
    free(moved.flux);
    free(bar.flux);
    cubix_params_free(par);
  }
}

/* W against differences of bar: exact for chi2; for poisson where the data are the model; for
 * cosine along what leaves a spectrum's length. */
static void test_curvature(void)
{
  for (int l = 0; l < 3; l++) {
    struct cubix_params *par = params(likelihoods[l]);
    struct cubix_observed *obs;
    struct cubix_cube model, moved = cube_new(0, N_LAMBDA), a = cube_new(0, N_LAMBDA), b = cube_new(0, N_LAMBDA),
                             weight = cube_new(0, N_LAMBDA);
    scene(&obs, &model);
    if (l) memcpy(obs->data, model.flux, N * sizeof *model.flux);
    CHECK_IS(cubix_objective_curvature(&weight, par, obs, &model, &cubix_collective_alone), ==, CUBIX_OK);
    for (int at = 0; at < N; at++) {
      CHECK_IS((double)weight.flux[at], >=, 0.);
      CHECK(isfinite((double)weight.flux[at]));
      CHECK(obs->weight[at] > 0 || weight.flux[at] == 0);
    }
    for (int s = 0; s < N_SPAXEL; s++) {
      const int at = s * N_LAMBDA + 4, other = at + 1;
      if (s == 2 || s == 5 || !(obs->weight[at] > 0) || !(obs->weight[other] > 0)) continue;
      memcpy(moved.flux, model.flux, N * sizeof *moved.flux);
      const double h = 1e-2 * (double)model.flux[at];
      /* two channels move so that <m, change> = 0 */
      const double ratio =
          -(double)obs->weight[at] * (double)model.flux[at] / ((double)obs->weight[other] * (double)model.flux[other]);
      double form = 0., want = 0.;
      for (int sign = -1; sign <= 1; sign += 2) {
        moved.flux[at] = model.flux[at] + (cubix_real)(sign * h);
        moved.flux[other] = model.flux[other] + (cubix_real)(sign * ratio * h);
        value_of(par, obs, &moved, sign < 0 ? &a : &b);
      }
      for (int i = at; i <= other; i++) {
        const double v = i == at ? 1. : ratio;
        form += v * ((double)b.flux[i] - (double)a.flux[i]) / (2. * h);
        want += v * v * (double)weight.flux[i];
      }
      CHECK_CLOSE(form / want, 1., l ? 5e-3 : 1e-5);
    }
    cubix_observed_free(obs);
    free(model.flux);
    free(moved.flux);
    free(a.flux);
    free(b.flux);
    free(weight.flux);
    cubix_params_free(par);
  }
}

/* Dark models, models below zero: finite, and never NaN; brighter is better where the data have light. */
static void test_dark(void)
{
  for (int l = 0; l < 3; l++) {
    struct cubix_params *par = params(likelihoods[l]);
    struct cubix_observed *obs;
    struct cubix_cube model, bar = cube_new(0, N_LAMBDA), weight = cube_new(0, N_LAMBDA);
    scene(&obs, &model);
    for (int kind = 0; kind < 3; kind++) {
      for (int at = 0; at < N; at++) model.flux[at] = (cubix_real)(kind == 0 ? 0. : kind == 1 ? -1e-3 : -50.);
      const double value = value_of(par, obs, &model, &bar);
      CHECK(isfinite(value));
      CHECK_IS(value, >=, 0.);
      if (l == 2 && kind == 0) CHECK_IS(value, ==, 0.);
      CHECK_IS(cubix_objective_curvature(&weight, par, obs, &model, &cubix_collective_alone), ==, CUBIX_OK);
      for (int at = 0; at < N; at++) {
        CHECK(isfinite((double)bar.flux[at]));
        CHECK(isfinite((double)weight.flux[at]));
        if (l < 2 && obs->weight[at] > 0 && obs->data[at] > 0) CHECK_IS(bar.flux[at], <, 0);
        if (l == 2 && kind == 0) CHECK_IS(bar.flux[at], ==, 0);
      }
    }
    cubix_observed_free(obs);
    free(model.flux);
    free(bar.flux);
    free(weight.flux);
    cubix_params_free(par);
  }
}

/* What poisson makes of flux and variance: for counts the gain comes back, and near the data it is chi2. */
static void test_gain(void)
{
  struct cubix_params *par = params("poisson"), *chi2 = params("chi2");
  struct cubix_observed *obs;
  struct cubix_cube model;
  scene(&obs, &model);
  for (int at = 0; at < N; at++) {
    const double gain = 5. + at % N_LAMBDA, d = 20. + at % 13;
    obs->data[at] = (cubix_real)d;
    obs->weight[at] = (cubix_real)(gain / d);
    model.flux[at] = (cubix_real)(d * (1. + 1e-4 * sin(at)));
  }
  cubix_observed_settle(obs);
  CHECK_IS(obs->n_used, ==, N);
  CHECK_IS(obs->n_counted, ==, N);
  CHECK_IS(cubix_objective_voxels(par, obs, &cubix_collective_alone), ==, N);
  for (int k = 0; k < N_LAMBDA; k++) CHECK_CLOSE(obs->gain[k] / (5. + k), 1., 1e-6);
  CHECK_CLOSE(value_of(par, obs, &model, NULL) / value_of(chi2, obs, &model, NULL), 1., 1e-4);
  obs->has_variance = 0;
  cubix_observed_settle(obs);
  CHECK_IS(obs->gain[3], ==, 1.);
  unsigned char keep[N_LAMBDA] = { 0 };
  keep[6] = keep[7] = 1;
  cubix_observed_mask_channels(obs, keep);
  CHECK_IS(obs->n_used, ==, 2 * N_SPAXEL);
  CHECK_IS(obs->weight[5], ==, 0);
  CHECK_IS(obs->weight[6], >, 0);
  CHECK_IS(obs->data[5], ==, 0);
  cubix_observed_free(obs);
  free(model.flux);
  cubix_params_free(par);
  cubix_params_free(chi2);
}

/* A cube in which there is nothing to compare is refused: it would agree with any model.  One dark
 * channel does not count. */
static void test_nothing_to_compare(void)
{
  for (int l = 1; l < 3; l++) {
    struct cubix_params *par = params(likelihoods[l]);
    struct cubix_observed *obs;
    struct cubix_cube model, weight = cube_new(0, N_LAMBDA);
    double value;
    scene(&obs, &model);
    for (int s = 0; s < N_SPAXEL; s++) obs->data[s * N_LAMBDA + 5] = (cubix_real)(l == 1 ? -1 : 0);
    cubix_observed_settle(obs);
    double n = 0.;
    for (int at = 0; at < N; at++) n += obs->weight[at] > 0 && (l == 2 || at % N_LAMBDA != 5);
    CHECK_IS(cubix_objective_voxels(par, obs, &cubix_collective_alone), ==, n);
    CHECK_IS(value_of(par, obs, &model, NULL), >, 0.);
    for (int at = 0; at < N; at++) obs->data[at] = (cubix_real)(l == 1 ? -2 : 0);
    cubix_observed_settle(obs);
    CHECK_IS(cubix_objective(&value, par, obs, &model, NULL, &cubix_collective_alone), ==, CUBIX_EINPUT);
    CHECK_SAYS(cubix_error_message(), l == 1 ? "compares counts" : "flux is 0 in every spaxel");
    CHECK_IS(cubix_objective_curvature(&weight, par, obs, &model, &cubix_collective_alone), ==, CUBIX_EINPUT);
    cubix_error_clear();
    cubix_observed_free(obs);
    free(model.flux);
    free(weight.flux);
    cubix_params_free(par);
  }
}

static void test_threads(void)
{
  const int most = omp_get_max_threads();
  for (int l = 0; l < 3; l++) {
    struct cubix_params *par = params(likelihoods[l]);
    struct cubix_observed *obs;
    struct cubix_cube model, one = cube_new(0, N_LAMBDA), many = cube_new(0, N_LAMBDA);
    scene(&obs, &model);
    omp_set_num_threads(1);
    const double value = value_of(par, obs, &model, &one);
    for (int n = 2; n <= 5; n++) {
      omp_set_num_threads(n);
      CHECK_IS(value_of(par, obs, &model, &many), ==, value);
      CHECK(!memcmp(one.flux, many.flux, N * sizeof *one.flux));
    }
    cubix_observed_free(obs);
    free(model.flux);
    free(one.flux);
    free(many.flux);
    cubix_params_free(par);
  }
  omp_set_num_threads(most);
}

/* ---- ranks as threads ------------------------------------------------------------------------ */
enum { N_RANK = 3 };
static pthread_barrier_t meeting;
static double shared_sum[N_RANK][3 * N_SPAXEL + 2];
static _Thread_local int me;

static void meet_sum(double *x, size_t n)
{
  memcpy(shared_sum[me], x, n * sizeof *x);
  pthread_barrier_wait(&meeting);
  for (size_t i = 0; i < n; i++) {
    x[i] = 0.;
    for (int r = 0; r < N_RANK; r++) x[i] += shared_sum[r][i];
  }
  pthread_barrier_wait(&meeting);
}

static const struct cubix_collective meeting_owners = { .sum = meet_sum };

struct rank {
  pthread_t thread;
  int index, status, status_w;
  const struct cubix_params *par;
  struct cubix_observed *obs;
  struct cubix_cube model, bar, weight;
  double value;
};

static void *rank_run(void *host)
{
  struct rank *r = host;
  me = r->index;
  omp_set_num_threads(1);
  r->status = cubix_objective(&r->value, r->par, r->obs, &r->model, &r->bar, &meeting_owners);
  r->status_w = cubix_objective_curvature(&r->weight, r->par, r->obs, &r->model, &meeting_owners);
  return NULL;
}

static void rank_run_all(struct rank rank[N_RANK])
{
  for (int r = 0; r < N_RANK; r++) CHECK(!pthread_create(&rank[r].thread, NULL, rank_run, &rank[r]));
  for (int r = 0; r < N_RANK; r++) pthread_join(rank[r].thread, NULL);
}

/* Channels dealt out, one rank without any: the same sums; a wrong shape on one rank is everybody's failure. */
static void test_ranks(void)
{
  static const int cut[N_RANK + 1] = { 0, 14, 14, N_LAMBDA };
  pthread_barrier_init(&meeting, NULL, N_RANK);
  for (int l = 0; l < 3; l++) {
    struct cubix_params *par = params(likelihoods[l]);
    struct cubix_observed *obs;
    struct cubix_cube model, bar = cube_new(0, N_LAMBDA), weight = cube_new(0, N_LAMBDA);
    struct rank rank[N_RANK] = { { 0 } };
    scene(&obs, &model);
    const double value = value_of(par, obs, &model, &bar);
    CHECK_IS(cubix_objective_curvature(&weight, par, obs, &model, &cubix_collective_alone), ==, CUBIX_OK);
    for (int r = 0; r < N_RANK; r++) {
      const int n = cut[r + 1] - cut[r];
      rank[r] = (struct rank){
        .index = r, .par = par, .model = cube_new(cut[r], n), .bar = cube_new(cut[r], n), .weight = cube_new(cut[r], n)
      };
      CHECK(!cubix_observed_init(&rank[r].obs, N_X, N_Y, cut[r], n));
      for (int at = 0; at < N_SPAXEL * n; at++) {
        const int whole = at / n * N_LAMBDA + cut[r] + at % n;
        rank[r].obs->data[at] = obs->data[whole];
        rank[r].obs->weight[at] = obs->weight[whole];
        rank[r].model.flux[at] = model.flux[whole];
      }
      cubix_observed_settle(rank[r].obs);
    }
    rank_run_all(rank);
    for (int r = 0; r < N_RANK; r++) {
      const int n = cut[r + 1] - cut[r];
      CHECK(!rank[r].status);
      CHECK(!rank[r].status_w);
      CHECK_IS(rank[r].value, ==, rank[0].value);
      CHECK_CLOSE(rank[r].value, value, 1e-13 * value);
      for (int at = 0; at < N_SPAXEL * n; at++) {
        const int whole = at / n * N_LAMBDA + cut[r] + at % n;
        CHECK_CLOSE((double)rank[r].bar.flux[at], (double)bar.flux[whole], 2e-7 * fabs((double)bar.flux[whole]));
        CHECK_CLOSE((double)rank[r].weight.flux[at], (double)weight.flux[whole],
                    2e-7 * fabs((double)weight.flux[whole]));
      }
    }
    rank[2].model.n_x++;
    rank_run_all(rank);
    for (int r = 0; r < N_RANK; r++) {
      CHECK_IS(rank[r].status, ==, CUBIX_EFAIL);
      CHECK_IS(rank[r].status_w, ==, CUBIX_EFAIL);
    }
    for (int r = 0; r < N_RANK; r++) {
      cubix_observed_free(rank[r].obs);
      free(rank[r].model.flux);
      free(rank[r].bar.flux);
      free(rank[r].weight.flux);
    }
    cubix_observed_free(obs);
    free(model.flux);
    free(bar.flux);
    free(weight.flux);
    cubix_params_free(par);
  }
  pthread_barrier_destroy(&meeting);
}

static void test_refusals(void)
{
  for (int l = 0; l < 3; l++) {
    struct cubix_params *par = params(likelihoods[l]);
    struct cubix_observed *obs;
    struct cubix_cube model, bar = cube_new(0, N_LAMBDA);
    double value = 7.;
    scene(&obs, &model);
    model.flux[3 * N_LAMBDA + 5] = (cubix_real)NAN;
    CHECK_IS(cubix_objective(&value, par, obs, &model, &bar, &cubix_collective_alone), ==, CUBIX_EFAIL);
    CHECK_SAYS(cubix_error_message(), "not finite");
    CHECK_IS(value, ==, 7.);
    model.flux[3 * N_LAMBDA + 5] = 1;
    model.lambda_first = 1;
    CHECK_IS(cubix_objective(&value, par, obs, &model, &bar, &cubix_collective_alone), ==, CUBIX_EFAIL);
    CHECK_SAYS(cubix_error_message(), "shape");
    model.lambda_first = 0;
    memset(obs->weight, 0, N * sizeof *obs->weight);
    cubix_observed_settle(obs);
    CHECK_IS(cubix_objective(&value, par, obs, &model, &bar, &cubix_collective_alone), ==, CUBIX_EINPUT);
    CHECK_SAYS(cubix_error_message(), "no voxel is left");
    cubix_observed_free(obs);
    free(model.flux);
    free(bar.flux);
    cubix_params_free(par);
  }
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_values());
  CASE(test_derivative());
  CASE(test_curvature());
  CASE(test_dark());
  CASE(test_gain());
  CASE(test_nothing_to_compare());
  CASE(test_threads());
  CASE(test_ranks());
  CASE(test_refusals());
  return check_done();
}
