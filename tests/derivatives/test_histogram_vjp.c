/* test_histogram_vjp.c -- derivatives of the histogram engine's parts: deposit and multiply. */
#include "tests/check.h"

#include "engine/survey.h"
#include "tests/histogram_lab.h"

enum { N_STAR = 6000, LEFT = 26 };

/* What stars add, in float64 without rounding: the truth for Taylor remainders.  @param out [N_SPAXEL][N_ROW][LEFT] */
static double *exact_of(const struct cubix_placement *p, const struct cubix_star_bar *dot, double eps)
{
  double *out = calloc((size_t)N_SPAXEL * N_ROW * LEFT, sizeof *out);
  for (size_t s = 0; s < N_SPAXEL; s++)
    for (size_t i = p->start[s]; i < p->start[s + 1]; i++) {
      struct cubix_star star = p->star[i];
      struct cubix_mix mix;
      double f, w[6];
      star.mass_formed += eps * dot[i].mass_formed;
      star.velocity += eps * dot[i].velocity;
      star.f_z += eps * dot[i].f_z;
      star.f_age += eps * dot[i].f_age;
      int j = cubix_node_of(&nodes, star.velocity, &f);
      if (j < 0) continue;
      cubix_node_weights(f, w);
      cubix_mix_of(&tables, &star, &mix);
      for (int c = 0; c < 4; c++)
        for (int k = 0; k < 6; k++)
          out[(s * N_ROW + (size_t)mix.row[c]) * LEFT + (size_t)(j + k)] += star.mass_formed * mix.weight[c] * w[k];
    }
  return out;
}

/* The cover holds every block of the histogram, and exactly what cells and velocities touch. */
static void test_cover(void)
{
  struct cubix_placement *p = stars(N_STAR, 4.);
  for (size_t i = 0; i < N_STAR; i += 5) p->star[i].mass_formed = 0;
  struct cubix_histogram *one = cover_of(p, 1);
  size_t wrong = 0, n = 0;
  CHECK(!one->value);
  CHECK_IS(one->n_value, >, 0);
  for (size_t s = 0; s < N_SPAXEL; s++) {
    struct { int first, last; } window[N_ROW];
    for (int r = 0; r < N_ROW; r++) window[r].first = LEFT, window[r].last = -1;
    for (size_t i = p->start[s]; i < p->start[s + 1]; i++) {
      double f;
      int j = cubix_node_of(&nodes, p->star[i].velocity, &f), cell = p->star[i].iz * N_AGE + p->star[i].ia,
          corner[4] = { cell, cell + 1, cell + N_AGE, cell + N_AGE + 1 };
      if (j < 0) continue;
      for (int c = 0; c < 4; c++) {
        if (j < window[corner[c]].first) window[corner[c]].first = j;
        if (j + 5 > window[corner[c]].last) window[corner[c]].last = j + 5;
      }
    }
    size_t b = one->start[s];
    for (int r = 0; r < N_ROW; r++) {
      if (window[r].last < 0) continue;
      wrong += b >= one->start[s + 1] || one->block[b].row != r || one->block[b].node != window[r].first ||
               one->block[b].n != window[r].last - window[r].first + 1 || one->block[b].at != n;
      n += (size_t)one->block[b++].n;
    }
    wrong += b != one->start[s + 1] || one->exponent[s] != 0;
  }
  CHECK_IS(wrong, ==, 0);
  CHECK_IS(n, ==, one->n_value);
  for (int t = 2; t <= 3; t++) {
    struct cubix_histogram *h = cover_of(p, t);
    CHECK_IS(h->n_value, ==, one->n_value);
    CHECK(!memcmp(h->start, one->start, sizeof *h->start * (N_SPAXEL + 1)));
    CHECK(!memcmp(h->block, one->block, sizeof *h->block * h->start[N_SPAXEL]));
    cubix_histogram_free(h);
  }
  cubix_histogram_free(one);
  cubix_placement_free(p);
}

/* A survey for derivatives counts all rows of a cover as in use, one for the cube alone those with
 * weight; covers cannot be merged. */
static void test_survey(void)
{
  struct cubix_placement *p = stars(20, 2.);
  for (size_t i = 0; i < 20; i++) p->star[i].f_z = 0, p->star[i].f_age = 1, p->star[i].velocity = 0;
  struct cubix_histogram *cover = cover_of(p, 1), *sum = NULL;
  struct cubix_survey *survey[2] = { NULL, NULL };
  int n_cover = 0, n_used[2] = { 0, 0 };
  unsigned char touched[N_ROW] = { 0 };
  for (size_t b = 0; b < cover->start[N_SPAXEL]; b++) touched[cover->block[b].row] = 1;
  for (int d = 0; d < 2; d++) {
    CHECK_IS(cubix_survey_init(&survey[d], N_SPAXEL, N_ROW), ==, 0);
    survey[d]->derivatives = d;
    cubix_survey_add(survey[d], &tables, p);
    for (int r = 0; r < N_ROW; r++) n_used[d] += survey[d]->used[r];
  }
  for (int r = 0; r < N_ROW; r++) n_cover += touched[r];
  CHECK_IS(n_used[0], >, 0);
  CHECK_IS(n_used[0], <, n_used[1]);
  CHECK(!memcmp(touched, survey[1]->used, N_ROW));
  CHECK_IS(n_cover, ==, n_used[1]);
  CHECK_IS(cubix_histogram_merge(&sum, (struct cubix_histogram *[]){ cover, NULL, cover }, 3), ==, CUBIX_EFAIL);
  CHECK(!sum);
  cubix_survey_free(survey[0]);
  cubix_survey_free(survey[1]);
  cubix_histogram_free(cover);
  cubix_placement_free(p);
}

/* Forward against reverse, and threads; stars beyond reach have nothing, those without mass their
 * mass's derivative alone. */
static void test_deposit(size_t n_star)
{
  struct cubix_placement *p = stars(n_star, 2.);
  for (size_t i = 0; i < n_star; i += 13) p->star[i].mass_formed = 0;
  struct cubix_star_bar *dot = dots(n_star, 0), *bar = calloc(n_star, sizeof *bar),
                        *again = calloc(n_star, sizeof *bar);
  struct cubix_histogram *cover = cover_of(p, 2), *h = NULL, *more = NULL;
  double *value_bar = calloc(cover->n_value, sizeof *value_bar), forward = 0, reverse = 0, size = 0;
  for (size_t i = 0; i < cover->n_value; i++) value_bar[i] = uniform() - 0.3;
  for (size_t i = 0; i < n_star; i++) bar[i] = again[i] = (struct cubix_star_bar){ 1, 2, 3, 4, 5 };
  omp_set_num_threads(1);
  CHECK_IS(cubix_histogram_fill_vjp(cover, value_bar, p, &tables, bar), ==, 0);
  CHECK_IS(cubix_histogram_fill_jvp(&h, &nodes, p, dot, &tables), ==, 0);
  for (int t = 2; t <= 3; t++) {
    omp_set_num_threads(t);
    for (size_t i = 0; i < n_star; i++) again[i] = (struct cubix_star_bar){ 1, 2, 3, 4, 5 };
    CHECK_IS(cubix_histogram_fill_vjp(cover, value_bar, p, &tables, again), ==, 0);
    CHECK(!memcmp(bar, again, n_star * sizeof *bar));
    CHECK_IS(cubix_histogram_fill_jvp(&more, &nodes, p, dot, &tables), ==, 0);
    CHECK_IS(h->n_value, ==, more->n_value);
    CHECK(!memcmp(h->value, more->value, h->n_value * sizeof *h->value));
    CHECK(!memcmp(h->exponent, more->exponent, sizeof *h->exponent * N_SPAXEL));
    CHECK(!memcmp(h->block, more->block, h->start[N_SPAXEL] * sizeof *h->block));
    cubix_histogram_free(more);
  }
  double *by_value = dense_of(cover, value_bar, 0), *value_dot = dense_of(h, NULL, 0);
  size_t negative = 0, wrong = 0;
  for (size_t i = 0; i < (size_t)N_SPAXEL * N_ROW * LEFT; i++) {
    forward += by_value[i] * value_dot[i];
    size += fabs(by_value[i] * value_dot[i]);
    negative += value_dot[i] < 0;
  }
  for (size_t i = 0; i < n_star; i++) {
    struct cubix_star_bar b = { bar[i].mass_formed - 1, bar[i].velocity - 2, bar[i].f_z - 3, bar[i].f_age - 4,
                                bar[i].screen - 5 };
    reverse +=
        b.mass_formed * dot[i].mass_formed + b.velocity * dot[i].velocity + b.f_z * dot[i].f_z + b.f_age * dot[i].f_age;
    if (fabs(p->star[i].velocity) > 200.) wrong += b.mass_formed != 0 || b.velocity != 0 || b.f_z != 0 || b.f_age != 0;
    else
      wrong += b.mass_formed == 0 || (p->star[i].mass_formed == 0) != (b.velocity == 0 && b.f_z == 0 && b.f_age == 0);
  }
  CHECK(n_star < 100 || negative > 100);
  CHECK_IS(wrong, ==, 0);
  CHECK_CLOSE(forward, reverse, 1e-12 * size);
  free(by_value), free(value_dot), free(value_bar), free(dot), free(bar), free(again);
  cubix_histogram_free(h);
  cubix_histogram_free(cover);
  cubix_placement_free(p);
}

/* Taylor remainders of the deposited values: with f_z, f_age and velocity, without stars that leave
 * the grid on the way. */
static void test_taylor(void)
{
  struct cubix_placement *p = stars(N_STAR, 2.);
  struct cubix_star_bar *dot = dots(N_STAR, 0);
  struct cubix_histogram *h = NULL;
  size_t n = (size_t)N_SPAXEL * N_ROW * LEFT;
  double remainder[5];
  for (size_t i = 0; i < N_STAR; i++)
    if (fabs(p->star[i].velocity) > 160.) p->star[i].velocity = 150. * (uniform() - 0.5);
  CHECK_IS(cubix_histogram_fill_jvp(&h, &nodes, p, dot, &tables), ==, 0);
  double *change = dense_of(h, NULL, 0), *here = exact_of(p, dot, 0);
  for (int e = 0; e < 5; e++) {
    double eps = pow(10., -1. - e), *there = exact_of(p, dot, eps), sum = 0;
    for (size_t i = 0; i < n; i++) sum += pow(there[i] - here[i] - eps * change[i], 2);
    remainder[e] = sqrt(sum);
    free(there);
    if (e) CHECK_CLOSE(log10(remainder[e - 1] / remainder[e]), 2., 0.1);
  }
  free(change), free(here), free(dot);
  cubix_histogram_free(h);
  cubix_placement_free(p);
}

/* A cube of cotangents; none in every fifth spaxel. */
static struct cubix_cube cotangents(int n)
{
  struct cubix_cube cube = cube_of(0, n);
  for (size_t i = 0; i < (size_t)N_SPAXEL * (size_t)n; i++)
    cube.flux[i] = i / (size_t)n % 5 == 3 ? 0 : (cubix_real)(uniform() - 0.4);
  return cube;
}

static struct cubix_cube channels_of(const struct cubix_cube *cube, int first, int n)
{
  struct cubix_cube part = cube_of(first, n);
  for (size_t s = 0; s < N_SPAXEL; s++)
    memcpy(part.flux + s * (size_t)n, cube->flux + s * (size_t)cube->n_lambda + first, (size_t)n * sizeof *part.flux);
  return part;
}

/* Each instruction set against sums in float64. */
static void test_multiply(const struct cubix_histogram *cover)
{
  static const char *const name[] = { "AVX-512", "AVX2", "NEON", "baseline" };
  static const int n_lambda[] = { 1, 7, CUBIX_TILE - 1, CUBIX_TILE, 3 * CUBIX_TILE + 17 };
  int32_t slot[N_ROW];
  int n_run = 0;
  for (int i = 0; i < 4; i++)
    for (int c = 0; c < 5; c++) {
      struct cubix_basis basis = basis_of(slot, n_lambda[c]);
      struct cubix_cube cube = cotangents(n_lambda[c]);
      double *bar = calloc(cover->n_value, sizeof *bar), worst = 0;
      for (size_t v = 0; v < cover->n_value; v++) bar[v] = 5;
      omp_set_num_threads(1 + c % 3);
      int status = cubix_multiply_vjp_by(&cube, cover, &basis, scale, bar, name[i]);
      CHECK(status == CUBIX_OK || (status == CUBIX_EDEVICE && strcmp(name[i], cubix_multiply_name())));
      for (size_t s = 0; s < N_SPAXEL && !status; s++)
        for (size_t b = cover->start[s]; b < cover->start[s + 1]; b++)
          for (int j = 0; j < cover->block[b].n; j++) {
            double sum = 0, size = 0;
            for (int k = 0; k < n_lambda[c]; k++) {
              double term = scale * (double)cube.flux[s * (size_t)n_lambda[c] + (size_t)k] *
                            (double)d_of(&basis, basis.slot[cover->block[b].row], cover->block[b].node + j, k);
              sum += term;
              size += fabs(term);
            }
            worst = check_worst(worst, fabs(bar[cover->block[b].at + (size_t)j] - 5 - sum) / (size + 1e-8));
          }
      CHECK_CLOSE(worst, 0., 1e-6);
      if (!status) n_run++;
      free(bar);
      free(cube.flux);
    }
  CHECK_IS(n_run, >=, 5);
}

/* Threads and slabs of channels, one after the other: the same bits. */
static void test_slabs(const struct cubix_histogram *cover)
{
  enum { N = 4 * CUBIX_TILE + 5 };
  int32_t slot[N_ROW];
  struct cubix_basis basis = basis_of(slot, N);
  struct cubix_cube cube = cotangents(N);
  double *whole = calloc(cover->n_value, sizeof *whole), *bar = calloc(cover->n_value, sizeof *bar);
  omp_set_num_threads(1);
  CHECK_IS(cubix_multiply_vjp(&cube, cover, &basis, scale, whole), ==, 0);
  for (int t = 1; t <= 3; t++)
    for (int step = CUBIX_TILE; step <= 5 * CUBIX_TILE; step += CUBIX_TILE) {
      memset(bar, 0, cover->n_value * sizeof *bar);
      omp_set_num_threads(t);
      for (int first = 0; first < N; first += step) {
        struct cubix_cube slab = channels_of(&cube, first, N - first < step ? N - first : step);
        CHECK_IS(cubix_multiply_vjp(&slab, cover, &basis, scale, bar), ==, 0);
        free(slab.flux);
      }
      CHECK(!memcmp(whole, bar, cover->n_value * sizeof *bar));
    }
  free(whole), free(bar), free(cube.flux);
}

/* By the basis: sums in float64, threads, slabs, and what is refused. */
static void test_basis(const struct cubix_histogram *h)
{
  enum { N = 2 * CUBIX_TILE + 5 };
  int32_t slot[N_ROW];
  struct cubix_basis basis = basis_of(slot, N);
  struct cubix_cube cube = cotangents(N), slab = channels_of(&cube, CUBIX_TILE, CUBIX_TILE);
  size_t n = cubix_basis_tile_size(&basis);
  float *bar = calloc(n, sizeof *bar), *again = calloc(n, sizeof *again);
  for (int tile = 0; tile < 3; tile++) {
    double *sum = calloc(n, sizeof *sum), *size = calloc(n, sizeof *size), worst = 0;
    for (size_t s = 0; s < N_SPAXEL; s++)
      for (size_t b = h->start[s]; b < h->start[s + 1]; b++)
        for (int j = 0; j < h->block[b].n; j++)
          for (int k = 0; k < CUBIX_TILE && tile * CUBIX_TILE + k < N; k++) {
            double term = scale * ldexp((double)h->value[h->block[b].at + (size_t)j], -h->exponent[s]) *
                          (double)cube.flux[s * N + (size_t)(tile * CUBIX_TILE + k)];
            size_t at = (size_t)((slot[h->block[b].row] * LEFT + h->block[b].node + j) * CUBIX_TILE + k);
            sum[at] += term;
            size[at] += fabs(term);
          }
    for (size_t i = 0; i < n; i++) bar[i] = again[i] = i % 3 ? 0.f : 1.f;
    omp_set_num_threads(1);
    CHECK_IS(cubix_multiply_basis_vjp(&cube, h, &basis, scale, tile, bar), ==, 0);
    omp_set_num_threads(3);
    CHECK_IS(cubix_multiply_basis_vjp(tile == 1 ? &slab : &cube, h, &basis, scale, tile, again), ==, 0);
    for (size_t i = 0; i < n; i++)
      worst = check_worst(worst, fabs((double)bar[i] - (i % 3 ? 0 : 1) - sum[i]) / (size[i] + 1));
    CHECK_CLOSE(worst, 0., 1e-6);
    CHECK(!memcmp(bar, again, n * sizeof *bar));
    free(sum), free(size);
  }
  CHECK_IS(cubix_multiply_basis_vjp(&slab, h, &basis, scale, 0, bar), ==, CUBIX_EFAIL);
  CHECK_IS(cubix_multiply_basis_vjp(&slab, h, &basis, scale, 2, bar), ==, CUBIX_EFAIL);
  free(bar), free(again), free(cube.flux), free(slab.flux);
}

/* The whole engine, from stars to channels and back; in float32. */
static void test_engine(const struct cubix_placement *p, const struct cubix_histogram *cover)
{
  enum { N = 2 * CUBIX_TILE + 5 };
  int32_t slot[N_ROW];
  size_t n_star = p->start[N_SPAXEL];
  struct cubix_basis basis = basis_of(slot, N);
  struct cubix_cube cube_bar = cotangents(N), cube_dot = cube_of(0, N);
  struct cubix_star_bar *dot = dots(n_star, 0), *bar = calloc(n_star, sizeof *bar);
  struct cubix_histogram *h = NULL;
  double *value_bar = calloc(cover->n_value, sizeof *value_bar), forward = 0, reverse = 0, size = 0;
  CHECK_IS(cubix_histogram_fill_jvp(&h, &nodes, p, dot, &tables), ==, 0);
  CHECK_IS(cubix_multiply(&cube_dot, h, &basis, scale), ==, 0);
  CHECK_IS(cubix_multiply_vjp(&cube_bar, cover, &basis, scale, value_bar), ==, 0);
  CHECK_IS(cubix_histogram_fill_vjp(cover, value_bar, p, &tables, bar), ==, 0);
  for (size_t i = 0; i < (size_t)N_SPAXEL * N; i++) {
    forward += (double)cube_dot.flux[i] * (double)cube_bar.flux[i];
    size += fabs((double)cube_dot.flux[i] * (double)cube_bar.flux[i]);
  }
  for (size_t i = 0; i < n_star; i++)
    reverse += bar[i].mass_formed * dot[i].mass_formed + bar[i].velocity * dot[i].velocity + bar[i].f_z * dot[i].f_z +
               bar[i].f_age * dot[i].f_age;
  CHECK_CLOSE(forward, reverse, 1e-5 * size);
  free(cube_bar.flux), free(cube_dot.flux), free(dot), free(bar), free(value_bar);
  cubix_histogram_free(h);
}

/* No stars; what does not go together; a tangent that is no number. */
static void test_refused(const struct cubix_placement *p, const struct cubix_histogram *cover)
{
  int32_t slot[N_ROW];
  struct cubix_basis basis = basis_of(slot, 3 * CUBIX_TILE);
  struct cubix_cube cube = cotangents(3 * CUBIX_TILE), odd = cube_of(5, 10), nothing = cube_of(0, 0),
                    dark = cube_of(0, 3 * CUBIX_TILE);
  struct cubix_placement *none = NULL;
  struct cubix_histogram *empty, *h = NULL;
  struct cubix_star_bar *bar = dots(p->start[N_SPAXEL], 0);
  double *value_bar = calloc(cover->n_value, sizeof *value_bar);
  struct cubix_tables pchip = tables;
  pchip.pchip = 1;
  CHECK_IS(cubix_placement_init(&none, N_SPAXEL, 0), ==, 0);
  empty = cover_of(none, 3);
  CHECK_IS(empty->n_value, ==, 0);
  CHECK_IS(cubix_multiply_vjp(&cube, empty, &basis, scale, NULL), ==, 0);
  CHECK_IS(cubix_histogram_fill_vjp(empty, NULL, none, &tables, NULL), ==, 0);
  CHECK_IS(cubix_histogram_fill_jvp(&h, &nodes, none, NULL, &tables), ==, 0);
  CHECK_IS(h->n_value, ==, 0);
  CHECK_IS(cubix_histogram_fill_vjp(empty, NULL, p, &tables, bar), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "cover lacks");
  CHECK_IS(cubix_histogram_fill_vjp(cover, value_bar, p, &pchip, bar), ==, CUBIX_EFAIL);
  CHECK_IS(cubix_histogram_cover(&h, &nodes, p, &pchip), ==, CUBIX_EFAIL);
  CHECK_IS(cubix_histogram_fill_jvp(&h, &nodes, p, bar, &pchip), ==, CUBIX_EFAIL);
  CHECK_IS(cubix_multiply_vjp(&nothing, cover, &basis, scale, value_bar), ==, 0);
  CHECK_IS(cubix_multiply_vjp(&dark, cover, &basis, scale, value_bar), ==, 0);
  for (size_t i = 0; i < cover->n_value; i++)
    if (value_bar[i] != 0) CHECK_IS(value_bar[i], ==, 0);
  CHECK_IS(cubix_multiply_vjp(&odd, cover, &basis, scale, value_bar), ==, CUBIX_EFAIL);
  missing_tile = 1;
  CHECK_IS(cubix_multiply_vjp(&cube, cover, &basis, scale, value_bar), ==, CUBIX_EINPUT);
  CHECK_SAYS(cubix_error_message(), "no tile 1");
  missing_tile = -1;
  slot[cover->block[0].row] = -1;
  CHECK_IS(cubix_multiply_vjp(&cube, cover, &basis, scale, value_bar), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "library row");
  for (size_t i = 0; i < p->start[N_SPAXEL]; i++)
    if (fabs(p->star[i].velocity) < 200.) bar[i].f_age = NAN;
  struct cubix_histogram *refused = NULL;
  CHECK_IS(cubix_histogram_fill_jvp(&refused, &nodes, p, bar, &tables), ==, CUBIX_EFAIL);
  CHECK(!refused);
  free(cube.flux), free(odd.flux), free(nothing.flux), free(dark.flux), free(bar), free(value_bar);
  cubix_histogram_free(empty);
  cubix_histogram_free(h);
  cubix_placement_free(none);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_cover());
  CASE(test_survey());
  CASE(test_deposit(1));
  CASE(test_deposit(N_STAR));
  CASE(test_deposit(60000));                /* half of them in one spaxel: shared by all threads */
  CASE(test_taylor());
  struct cubix_placement *p = stars(N_STAR, 4.);
  struct cubix_histogram *cover = cover_of(p, 2), *h = NULL;
  int32_t exponent[N_SPAXEL];
  scale_of(exponent, p);
  CHECK_IS(cubix_histogram_build(&h, &nodes, exponent, p, &tables), ==, 0);
  CASE(test_multiply(cover));
  CASE(test_slabs(cover));
  CASE(test_basis(h));
  CASE(test_engine(p, cover));
  CASE(test_refused(p, cover));
  cubix_histogram_free(cover);
  cubix_histogram_free(h);
  cubix_placement_free(p);
  return check_done();
}
