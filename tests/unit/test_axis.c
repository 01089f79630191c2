/* test_axis.c -- stars behind dust in the histogram engine, against the exponential itself, star by star. */
#include "tests/check.h"

#include "histogram/axis.h"
#include "histogram/dusty_parts.h"
#include "tests/histogram_lab.h"

enum { N_STAR = 4000, N_LAMBDA = 2 * CUBIX_TILE + 17 };

static const double t = 0.92103403719761827361;
static double k_of[N_LAMBDA];
static struct cubix_nodes behind;                 /* the lab's nodes, and those in A(V) of its stars */

static struct cubix_placement *dusty(size_t n, double decades)
{
  struct cubix_placement *p = stars(n, decades);
  for (size_t i = 0; i < n; i++)
    p->star[i].screen = i % 6 == 0 ? 0 : (cubix_real)(-1.5 * log(1 - uniform()) + (i % 501 == 1 ? 20 : 0));
  return p;
}

static struct cubix_histogram *build(const struct cubix_placement *p, int n_thread)
{
  struct cubix_histogram *h = NULL;
  int32_t exponent[N_SPAXEL];
  scale_of(exponent, p);
  omp_set_num_threads(n_thread);
  CHECK_IS(cubix_histogram_build(&h, &behind, exponent, p, &tables), ==, 0);
  return h;
}

static size_t place_of(size_t s, int row, int node)
{
  return (s * N_ROW * (size_t)behind.axis.n + (size_t)row) * (size_t)nodes.n + (size_t)node;
}

/* What stars add, in float64 without rounding, with some of each tangent.  @param out [spaxel][extended row][node] */
static double *exact_of(const struct cubix_placement *p, const struct cubix_star_bar *dot, double eps)
{
  double *out = calloc((size_t)N_SPAXEL * N_ROW * (size_t)behind.axis.n * (size_t)nodes.n, sizeof *out);
  for (size_t s = 0; s < N_SPAXEL; s++)
    for (size_t i = p->start[s]; i < p->start[s + 1]; i++) {
      struct cubix_star star = p->star[i];
      struct cubix_mix mix;
      double f, w[6], g, A = (double)star.screen + (dot ? eps * dot[i].screen : 0), u;
      if (dot) {
        star.mass_formed += eps * dot[i].mass_formed;
        star.velocity += eps * dot[i].velocity;
        star.f_z += eps * dot[i].f_z;
        star.f_age += eps * dot[i].f_age;
      }
      const int j = cubix_node_of(&nodes, star.velocity, &f), a = (int)floor(A / behind.axis.step);
      if (j < 0) continue;
      cubix_node_weights(f, w);
      cubix_mix_of(&tables, &star, &mix);
      for (int m = a - 1; m < a + 3; m++) {
        u = fabs(A / behind.axis.step - m);
        g = (u < 1 ? 2 / 3. - u * u + u * u * u / 2 : pow(2 - u, 3) / 6) *
            exp(-t * (A - m * behind.axis.step) * behind.axis.k_mid);
        for (int c = 0; c < 4; c++)
          for (int k = 0; k < 6; k++)
            out[place_of(s, (m - behind.axis.first) * N_ROW + mix.row[c], j + k)] +=
                star.mass_formed * mix.weight[c] * w[k] * g;
      }
    }
  return out;
}

static double *dense_behind(const struct cubix_histogram *h, const double *value)
{
  double *dense = calloc((size_t)N_SPAXEL * N_ROW * (size_t)behind.axis.n * (size_t)nodes.n, sizeof *dense);
  for (size_t s = 0; s < N_SPAXEL; s++)
    for (size_t b = h->start[s]; b < h->start[s + 1]; b++)
      for (int j = 0; j < h->block[b].n; j++) {
        const size_t at = h->block[b].at + (size_t)j;
        dense[place_of(s, h->block[b].row, h->block[b].node + j)] =
            value ? value[at] : ldexp((double)h->value[at], -h->exponent[s]);
      }
  return dense;
}

/* Every value; blocks rise in row, and neither of their ends is empty. */
static void test_deposit(size_t n_star)
{
  struct cubix_placement *p = dusty(n_star, 3);
  struct cubix_histogram *h = build(p, 2);
  double *is = dense_behind(h, NULL), *should = exact_of(p, NULL, 0), worst = 0;
  size_t shape = 0;
  for (size_t s = 0; s < N_SPAXEL; s++) {
    const double unit = ldexp(1, -h->exponent[s]), n = (double)(p->start[s + 1] - p->start[s]);
    for (size_t i = place_of(s, 0, 0); i < place_of(s + 1, 0, 0); i++)
      worst = check_worst(worst, fabs(is[i] - should[i]) / (1e-12 * should[i] + 0.5 * n * unit + 1e-300));
    for (size_t b = h->start[s]; b < h->start[s + 1]; b++) {
      const struct cubix_block *block = &h->block[b];
      shape += b > h->start[s] && block->row <= block[-1].row;
      shape += h->value[block->at] <= 0 || h->value[block->at + (size_t)block->n - 1] <= 0;
    }
  }
  CHECK_CLOSE(worst, 0., 1.);
  CHECK_IS(shape, ==, 0);
  free(is), free(should);
  cubix_histogram_free(h);
  cubix_placement_free(p);
}

/* Any number of threads, and stars in two parts: the same bits. */
static void test_same_bits(void)
{
  struct cubix_placement *p = dusty(60000, 4), *share[2];
  struct cubix_histogram *whole = build(p, 1), *part[2] = { NULL, NULL }, *sum = NULL;
  int32_t exponent[N_SPAXEL];
  scale_of(exponent, p);
  for (int n = 2; n <= 4; n++) {
    struct cubix_histogram *h = build(p, n);
    CHECK(same_histogram(whole, h));
    cubix_histogram_free(h);
  }
  for (int q = 0; q < 2; q++) {
    CHECK_IS(cubix_placement_init(&share[q], N_SPAXEL, p->start[N_SPAXEL]), ==, 0);
    for (size_t s = 0, n = 0; s < N_SPAXEL; s++) {
      for (size_t i = p->start[s]; i < p->start[s + 1]; i++)
        if ((i % 3 == 0) == q) share[q]->star[n++] = p->star[i];
      share[q]->start[s + 1] = n;
    }
    CHECK_IS(cubix_histogram_build(&part[q], &behind, exponent, share[q], &tables), ==, 0);
    cubix_placement_free(share[q]);
  }
  CHECK_IS(cubix_histogram_merge(&sum, part, 2), ==, 0);
  REQUIRE(sum);
  CHECK(same_histogram(whole, sum));
  cubix_histogram_free(sum);
  sum = NULL;
  part[0]->nodes.axis.first--;
  CHECK_IS(cubix_histogram_merge(&sum, part, 2), ==, CUBIX_EFAIL);
  cubix_histogram_free(part[0]);
  cubix_histogram_free(part[1]);
  cubix_histogram_free(whole);
  cubix_placement_free(p);
}

/* Stars without dust: the histogram that there is without nodes in A(V), spread over them. */
static void test_no_dust(void)
{
  struct cubix_placement *p = stars(N_STAR, 3.);
  struct cubix_nodes none = behind;
  struct cubix_histogram *plain = NULL, *h = build(p, 2);
  int32_t slot[N_ROW], exponent[N_SPAXEL];
  struct cubix_basis basis = basis_of(slot, N_LAMBDA);
  struct cubix_cube a = cube_of(0, N_LAMBDA), b = cube_of(0, N_LAMBDA);
  double worst = 0;
  none.axis = (struct cubix_axis){ .n = 0 };
  scale_of(exponent, p);
  CHECK_IS(cubix_histogram_build(&plain, &none, exponent, p, &tables), ==, 0);
  CHECK_IS(cubix_multiply(&a, plain, &basis, scale), ==, 0);
  basis.nodes = behind;
  CHECK_IS(cubix_multiply(&b, h, &basis, scale), ==, 0);
  for (size_t i = 0; i < (size_t)N_SPAXEL * N_LAMBDA; i++)
    if (a.flux[i] > 0) worst = check_worst(worst, fabs((double)b.flux[i] / (double)a.flux[i] - 1));
  CHECK_CLOSE(worst, 0., 1e-5 + 1e-6);
  free(a.flux), free(b.flux);
  cubix_histogram_free(h);
  cubix_histogram_free(plain);
  cubix_placement_free(p);
}

/* Star by star, with the exponential; in channel k of spaxel s.  @param by_k  its derivative with k */
static double exact_flux(const struct cubix_placement *p, const struct cubix_basis *b, size_t s, int k, double *by_k)
{
  double sum = 0;
  *by_k = 0;
  for (size_t i = p->start[s]; i < p->start[s + 1]; i++) {
    const struct cubix_star *star = &p->star[i];
    struct cubix_mix mix;
    double f, w[6], flux = 0;
    const int j = cubix_node_of(&nodes, star->velocity, &f);
    if (j < 0) continue;
    cubix_node_weights(f, w);
    cubix_mix_of(&tables, star, &mix);
    for (int c = 0; c < 4; c++)
      for (int q = 0; q < 6; q++)
        flux += scale * star->mass_formed * mix.weight[c] * w[q] * (double)d_of(b, b->slot[mix.row[c]], j + q, k);
    flux *= exp(-t * (double)star->screen * k_of[k]);
    sum += flux;
    *by_k -= t * (double)star->screen * flux;
  }
  return sum;
}

static const char *const instructions[] = { "AVX-512", "AVX2", "NEON", "baseline" };

/* Multiply by an instruction set, on one thread and with the same bits on three.
 * @param[out] worst relative error  @return 0: this machine lacks it */
static int multiplies(struct cubix_cube *cube, double *worst, const struct cubix_histogram *h,
                      const struct cubix_basis *basis, const char *by, const double *should)
{
  struct cubix_cube again = cube_of(0, N_LAMBDA);
  omp_set_num_threads(1);
  const int status = cubix_multiply_by(cube, h, basis, scale, by);
  omp_set_num_threads(3);
  for (size_t v = 0; v < N_SPAXEL * N_LAMBDA && !status; v++)
    *worst = check_worst(*worst, fabs((double)cube->flux[v] - should[v]) / (should[v] > 0 ? should[v] : 1));
  if (!status) {
    CHECK_IS(cubix_multiply_by(&again, h, basis, scale, by), ==, 0);
    CHECK(!memcmp(cube->flux, again.flux, N_SPAXEL * N_LAMBDA * sizeof *cube->flux));
  }
  free(again.flux);
  return !status;
}

/* From stars to channels, by each instruction set, with any number of threads; and the tangent with k. */
static void test_flux(void)
{
  struct cubix_placement *p = dusty(N_STAR, 3);
  struct cubix_histogram *h = build(p, 2);
  int32_t slot[N_ROW];
  struct cubix_basis basis = basis_of(slot, N_LAMBDA);
  double k_dot[N_LAMBDA], *should = calloc(N_SPAXEL * N_LAMBDA, sizeof *should),
                          *by_k = calloc(N_SPAXEL * N_LAMBDA, sizeof *by_k);
  const double error = cubix_axis_error(&behind.axis, N_LAMBDA);
  basis.nodes = behind;
  for (size_t i = 0; i < N_SPAXEL * N_LAMBDA; i++)
    should[i] = exact_flux(p, &basis, i / N_LAMBDA, (int)(i % N_LAMBDA), &by_k[i]);
  for (int i = 0; i < 4; i++) {
    struct cubix_cube cube = cube_of(0, N_LAMBDA);
    double worst = 0;
    const int runs = multiplies(&cube, &worst, h, &basis, instructions[i], should);
    CHECK_CLOSE(worst, 0., error + 1e-6);
    if (runs) CHECK_IS(worst, >, 0.1 * error);
    free(cube.flux);
  }
  struct cubix_cube dot = cube_of(0, N_LAMBDA);
  double worst = 0;
  for (int k = 0; k < N_LAMBDA; k++) k_dot[k] = uniform() - 0.5;
  CHECK_IS(cubix_multiply_screen_jvp(&dot, h, &basis, scale, k_dot), ==, 0);
  for (size_t v = 0; v < N_SPAXEL * N_LAMBDA; v++)
    if (should[v] > 0)
      worst = check_worst(worst, fabs((double)dot.flux[v] - by_k[v] * k_dot[v % N_LAMBDA]) / should[v]);
  CHECK_CLOSE(worst, 0., 3e-5);
  free(dot.flux), free(should), free(by_k);
  cubix_histogram_free(h);
  cubix_placement_free(p);
}

/* Three functions in place of the nodes, where k changes little over a tile: against the exponential, by
 * each instruction set, threads and slabs. */
static void test_functions(double change, int reach)
{
  const struct cubix_nodes wide = behind;
  double kept[N_LAMBDA], *should = calloc(N_SPAXEL * N_LAMBDA, sizeof *should), by_k;
  struct cubix_placement *p = dusty(N_STAR, 3);
  int32_t slot[N_ROW];
  struct cubix_basis basis = basis_of(slot, N_LAMBDA);
  memcpy(kept, k_of, sizeof kept);
  for (int k = 0; k < N_LAMBDA; k++) k_of[k] = 1 + change * (0.5 - (double)k / N_LAMBDA + 0.02 * sin(k));
  REQUIRE(cubix_axis_init(&behind.axis, k_of, N_LAMBDA, 1e-5, 0, 40));
  basis.nodes = behind;
  basis.tolerance = 1e-4;
  CHECK_IS(cubix_dusty_reach(&behind.axis, N_LAMBDA, 5e-6), ==, reach);
  const double error = cubix_axis_error(&behind.axis, N_LAMBDA) + 5e-6 + 1e-6;
  struct cubix_histogram *h = build(p, 2);
  for (size_t i = 0; i < N_SPAXEL * N_LAMBDA; i++)
    should[i] = exact_flux(p, &basis, i / N_LAMBDA, (int)(i % N_LAMBDA), &by_k);
  for (int i = 0; i < 4; i++) {
    struct cubix_cube cube = cube_of(0, N_LAMBDA);
    double worst = 0;
    const int runs = multiplies(&cube, &worst, h, &basis, instructions[i], should);
    CHECK_CLOSE(worst, 0., error);
    if (runs) {
      struct cubix_cube slab = cube_of(CUBIX_TILE, CUBIX_TILE + 3);
      size_t different = 0;
      CHECK_IS(cubix_multiply_by(&slab, h, &basis, scale, instructions[i]), ==, 0);
      for (size_t s = 0; s < N_SPAXEL; s++)
        different += memcmp(slab.flux + s * (size_t)slab.n_lambda, cube.flux + s * N_LAMBDA + CUBIX_TILE,
                            (size_t)slab.n_lambda * sizeof *slab.flux) != 0;
      CHECK_IS(different, ==, 0);
      free(slab.flux);
    }
    free(cube.flux);
  }
  slot[h->block[0].row % N_ROW] = -1;
  struct cubix_cube cube = cube_of(0, N_LAMBDA);
  CHECK_IS(cubix_multiply(&cube, h, &basis, scale), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "library row");
  cubix_error_clear();
  free(cube.flux), free(should);
  cubix_histogram_free(h);
  cubix_placement_free(p);
  behind = wide;
  memcpy(k_of, kept, sizeof kept);
}

static struct cubix_star_bar *dots_of(size_t n)
{
  struct cubix_star_bar *d = dots(n, 0);
  for (size_t i = 0; i < n; i++) d[i].screen = uniform() - 0.5;
  return d;
}

/* Forward against reverse; the cover holds what the stars touch. */
static void test_deposit_vjp(size_t n_star)
{
  struct cubix_placement *p = dusty(n_star, 2.);
  struct cubix_star_bar *dot = dots_of(n_star), *bar = calloc(n_star, sizeof *bar),
                        *again = calloc(n_star, sizeof *bar);
  struct cubix_histogram *cover = NULL, *h = NULL;
  omp_set_num_threads(2);
  CHECK_IS(cubix_histogram_cover(&cover, &behind, p, &tables), ==, 0);
  double *value_bar = calloc(cover->n_value, sizeof *value_bar), forward = 0, reverse = 0, size = 0;
  for (size_t i = 0; i < cover->n_value; i++) value_bar[i] = uniform() - 0.3;
  CHECK_IS(cubix_histogram_fill_vjp(cover, value_bar, p, &tables, bar), ==, 0);
  CHECK_IS(cubix_histogram_fill_jvp(&h, &behind, p, dot, &tables), ==, 0);
  omp_set_num_threads(3);
  CHECK_IS(cubix_histogram_fill_vjp(cover, value_bar, p, &tables, again), ==, 0);
  CHECK(!memcmp(bar, again, n_star * sizeof *bar));
  double *by_value = dense_behind(cover, value_bar), *value_dot = dense_behind(h, NULL);
  for (size_t i = 0; i < place_of(N_SPAXEL, 0, 0); i++) {
    forward += by_value[i] * value_dot[i];
    size += fabs(by_value[i] * value_dot[i]);
  }
  for (size_t i = 0; i < n_star; i++)
    reverse += bar[i].mass_formed * dot[i].mass_formed + bar[i].velocity * dot[i].velocity + bar[i].f_z * dot[i].f_z +
               bar[i].f_age * dot[i].f_age + bar[i].screen * dot[i].screen;
  CHECK_CLOSE(forward, reverse, 1e-12 * size);
  free(by_value), free(value_dot), free(value_bar), free(dot), free(bar), free(again);
  cubix_histogram_free(h);
  cubix_histogram_free(cover);
  cubix_placement_free(p);
}

/* Taylor remainders of the deposited values, with all of a star's numbers. */
static void test_taylor(void)
{
  struct cubix_placement *p = dusty(N_STAR, 2.);
  struct cubix_star_bar *dot = dots_of(N_STAR);
  struct cubix_histogram *h = NULL;
  double remainder[5];
  for (size_t i = 0; i < N_STAR; i++) {
    if (fabs(p->star[i].velocity) > 160.) p->star[i].velocity = 150. * (uniform() - 0.5);
    p->star[i].screen = (cubix_real)(0.1 + 10 * uniform());
  }
  CHECK_IS(cubix_histogram_fill_jvp(&h, &behind, p, dot, &tables), ==, 0);
  double *change = dense_behind(h, NULL), *here = exact_of(p, dot, 0);
  for (int e = 0; e < 5; e++) {
    double eps = pow(10., -1. - e), *there = exact_of(p, dot, eps), sum = 0;
    for (size_t i = 0; i < place_of(N_SPAXEL, 0, 0); i++) sum += pow(there[i] - here[i] - eps * change[i], 2);
    remainder[e] = sqrt(sum);
    free(there);
    if (e) CHECK_CLOSE(log10(remainder[e - 1] / remainder[e]), 2., 0.1);
  }
  free(change), free(here), free(dot);
  cubix_histogram_free(h);
  cubix_placement_free(p);
}

/* The whole engine and back: stars and k; by A(V) it is -t k F of the exponential (D8). */
static void test_engine_vjp(void)
{
  struct cubix_placement *p = dusty(N_STAR, 2.);
  struct cubix_star_bar *dot = dots_of(N_STAR), *bar = calloc(N_STAR, sizeof *bar);
  struct cubix_histogram *cover = NULL, *h = build(p, 2), *h_dot = NULL;
  int32_t slot[N_ROW];
  struct cubix_basis basis = basis_of(slot, N_LAMBDA);
  struct cubix_cube cube_bar = cube_of(0, N_LAMBDA), cube_dot = cube_of(0, N_LAMBDA);
  double k_dot[N_LAMBDA], k_bar[N_LAMBDA] = { 0 }, by_slab[N_LAMBDA] = { 0 }, forward = 0, reverse = 0, size = 0;
  basis.nodes = behind;
  for (size_t v = 0; v < N_SPAXEL * N_LAMBDA; v++) cube_bar.flux[v] = (cubix_real)(uniform() - 0.4);
  for (int k = 0; k < N_LAMBDA; k++) k_dot[k] = uniform() - 0.5;
  CHECK_IS(cubix_histogram_cover(&cover, &behind, p, &tables), ==, 0);
  double *value_bar = calloc(cover->n_value, sizeof *value_bar);
  CHECK_IS(cubix_histogram_fill_jvp(&h_dot, &behind, p, dot, &tables), ==, 0);
  CHECK_IS(cubix_multiply(&cube_dot, h_dot, &basis, scale), ==, 0);
  CHECK_IS(cubix_multiply_screen_jvp(&cube_dot, h, &basis, scale, k_dot), ==, 0);
  CHECK_IS(cubix_multiply_vjp(&cube_bar, cover, &basis, scale, value_bar), ==, 0);
  CHECK_IS(cubix_histogram_fill_vjp(cover, value_bar, p, &tables, bar), ==, 0);
  CHECK_IS(cubix_multiply_screen_vjp(&cube_bar, h, &basis, scale, k_bar), ==, 0);
  for (size_t v = 0; v < N_SPAXEL * N_LAMBDA; v++) {
    forward += (double)cube_dot.flux[v] * (double)cube_bar.flux[v];
    size += fabs((double)cube_dot.flux[v] * (double)cube_bar.flux[v]);
  }
  for (size_t i = 0; i < N_STAR; i++)
    reverse += bar[i].mass_formed * dot[i].mass_formed + bar[i].velocity * dot[i].velocity + bar[i].f_z * dot[i].f_z +
               bar[i].f_age * dot[i].f_age + bar[i].screen * dot[i].screen;
  for (int k = 0; k < N_LAMBDA; k++) reverse += k_bar[k] * k_dot[k];
  CHECK_CLOSE(forward, reverse, 1e-5 * size);
  omp_set_num_threads(3);
  for (int first = 0; first < N_LAMBDA; first += CUBIX_TILE) {          /* in slabs, by other threads */
    struct cubix_cube slab = cube_of(first, N_LAMBDA - first < CUBIX_TILE ? N_LAMBDA - first : CUBIX_TILE);
    for (size_t s = 0; s < N_SPAXEL; s++)
      memcpy(slab.flux + s * (size_t)slab.n_lambda, cube_bar.flux + s * N_LAMBDA + first,
             (size_t)slab.n_lambda * sizeof *slab.flux);
    CHECK_IS(cubix_multiply_screen_vjp(&slab, h, &basis, scale, by_slab), ==, 0);
    free(slab.flux);
  }
  CHECK(!memcmp(k_bar, by_slab, sizeof k_bar));
  /* one star after the other: its light falls as the exponential does */
  double worst = 0;
  for (size_t s = 0; s < N_SPAXEL; s++)
    for (size_t i = p->start[s]; i < p->start[s + 1] && i < p->start[s] + 5; i++) {
      const struct cubix_placement one = { .n_spaxel = 1, .start = (size_t[]){ 0, 1 }, .star = p->star + i };
      double should = 0, all = 0, by_k;
      for (int k = 0; k < N_LAMBDA; k++) {
        const double term =
            -t * k_of[k] * exact_flux(&one, &basis, 0, k, &by_k) * (double)cube_bar.flux[s * N_LAMBDA + (size_t)k];
        should += term;
        all += fabs(term);
      }
      if (all > 0) worst = check_worst(worst, fabs(bar[i].screen - should) / all);
    }
  CHECK_CLOSE(worst, 0., 2e-4);
  free(cube_bar.flux), free(cube_dot.flux), free(dot), free(bar), free(value_bar);
  cubix_histogram_free(h);
  cubix_histogram_free(h_dot);
  cubix_histogram_free(cover);
  cubix_placement_free(p);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  for (int k = 0; k < N_LAMBDA; k++) k_of[k] = 1.62 - 1.1 * k / N_LAMBDA;
  behind = nodes;
  REQUIRE(cubix_axis_init(&behind.axis, k_of, N_LAMBDA, 1e-5, 0, 40));
  CASE(test_deposit(1));
  CASE(test_deposit(N_STAR));
  CASE(test_deposit(60000));              /* half of them in one spaxel: shared by all threads */
  CASE(test_same_bits());
  CASE(test_no_dust());
  CASE(test_flux());
  CASE(test_functions(0.04, 2));
  CASE(test_functions(0.02, 5));
  CASE(test_functions(0.005, 20));
  CASE(test_deposit_vjp(N_STAR));
  CASE(test_deposit_vjp(60000));
  CASE(test_taylor());
  CASE(test_engine_vjp());
  return check_done();
}
