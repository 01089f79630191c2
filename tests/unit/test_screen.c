/* test_screen.c -- what dust leaves of light, expanded on nodes in A(V): against the exponential itself. */
#include "tests/check.h"

#include "histogram/axis.h"

static const double t = 0.92103403719761827361;

/* Bands and laws: t (k_max - k_min)/2, and the middle of k. */
static const struct { const char *name; double kappa, k_mid; } law[] = {
  { "G23, 4750-9350", 0.349, 0.85 },    { "G23, 3600-9400", 0.514, 1.0 },    { "CCM89, 3600-9400", 0.517, 1.0 },
  { "SMC, 3600-9400", 0.593, 1.0 },     { "Calzetti, 3600-9400", 0.452, 0.95 }, { "slope -0.7, 3600-9400", 0.303, 1.0 },
  { "G23, 1000-50000", 2.36, 2.6 },     { "SMC, 1000-50000", 4.41, 4.83 },   { "narrow", 1e-5, 1.2 },
};

/* D2: the error is what the bound says, at every A, whatever the step. */
static void test_bound(void)
{
  enum { N_K = 65 };
  double nearest = 0;
  for (size_t l = 0; l < sizeof law / sizeof *law; l++)
    for (double error = 1e-2; error > 5e-8; error *= 0.1) {
      struct cubix_axis axis;
      double k[N_K], worst = 0;
      for (int i = 0; i < N_K; i++) k[i] = law[l].k_mid + law[l].kappa / t * (2. * i / (N_K - 1) - 1);
      CHECK(cubix_axis_init(&axis, k, N_K, error, 0, 60));
      const double bound = cubix_axis_error(&axis, N_K);
      CHECK_IS(bound, <=, error * (1 + 1e-12));
      for (int i = 0; i < 2000; i++) {
        double A = i ? 60 * uniform() : 0, f, w[4];
        const int j = cubix_axis_of(&axis, A, &f);
        REQUIRE(j >= 0 && j + 3 < axis.n);
        cubix_axis_weights(&axis, f, w);
        for (int q = 0; q < N_K; q++) {
          double is = 0, should = exp(-t * A * k[q]);
          if (should < 1e-27) continue;
          for (int m = 0; m < 4; m++) is += w[m] * cubix_axis_factor(&axis, j + m, k[q]);
          worst = check_worst(worst, fabs(is / should - 1));
        }
      }
      CHECK_CLOSE(worst, 0., bound * (1 + 1e-6) + 5e-14);
      if (bound > 1e-8) nearest = check_worst(nearest, worst / bound);
    }
  CHECK_IS(nearest, >=, 0.9);
}

/* Weights are positive, small enough for the scale of the histogram, and have the slopes that they say. */
static void test_weights(void)
{
  const double range[2] = { 0.5, 1.6 };
  struct cubix_axis axis;
  REQUIRE(cubix_axis_init(&axis, range, 2, 1e-5, 0, 40));
  for (double y = 0; y <= CUBIX_AXIS_STEEPEST; y += 0.01) CHECK_CLOSE(cubix_axis_decay(y) / exp(-y), 1., 1e-14);
  for (int i = 0; i <= 1000; i++) {
    double f = i / 1000., w[4], d[4], up[4], down[4], h = 1e-5, sum = 0;
    cubix_axis_weights(&axis, f, w);
    cubix_axis_slopes(&axis, f, d);
    cubix_axis_weights(&axis, f + h, up);
    cubix_axis_weights(&axis, f - h, down);
    for (int m = 0; m < 4; m++) {
      CHECK_IS(w[m], >=, 0);
      CHECK_IS(w[m], <, 1);
      CHECK_CLOSE(d[m], (up[m] - down[m]) / (2 * h * axis.step), 1e-8);
      sum += w[m];
    }
    CHECK_IS(sum, <, 2);
  }
  for (int j = 0; j < axis.n; j++)
    for (double k = 0.5; k < 2; k += 0.0237) {
      const double h = 1e-5, slope = (cubix_axis_factor(&axis, j, k + h) -
                                      cubix_axis_factor(&axis, j, k - h)) / (2 * h);
      CHECK_CLOSE(cubix_axis_factor_slope(&axis, j, k), slope, 1e-8 * fabs(slope) + 1e-10);
    }
}

/* Bounds on the step: no weight grows where k is the same everywhere; in the dark, which has an end. */
static void test_limits(void)
{
  struct cubix_axis axis;
  const double even[2] = { 3, 3 }, none[2] = { 0, 0 }, wide[2] = { 0, 5 };
  double f;
  CHECK(cubix_axis_init(&axis, even, 2, 1e-5, 0, 5));
  CHECK_IS(t * axis.k_mid * axis.step, <=, CUBIX_AXIS_STEEPEST * (1 + 1e-12));
  CHECK_IS(cubix_axis_error(&axis, 2), ==, 0);
  CHECK(cubix_axis_init(&axis, none, 2, 1e-5, 0, 5));
  CHECK_IS(axis.n, <, 8);
  CHECK(cubix_axis_init(&axis, even, 2, 1e-5, 0, 1e9));     /* light ends long before */
  CHECK_IS(axis.n, <, 60);
  CHECK_IS(cubix_axis_of(&axis, 1e9, &f), ==, axis.n - 4);
  CHECK_IS(cubix_axis_factor(&axis, axis.n - 4, 3), ==, 0);
  CHECK(!cubix_axis_init(&axis, wide, 2, 1e-5, 0, 1e9));
  CHECK(cubix_axis_init(&axis, wide, 2, 1e-5, 0, 1));
  CHECK_IS(cubix_axis_of(&axis, 3, &f), ==, axis.n - 4);    /* more than was said counts as that */
  CHECK_IS(cubix_axis_of(&axis, -3, &f), ==, -1);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_bound());
  CASE(test_weights());
  CASE(test_limits());
  return check_done();
}
