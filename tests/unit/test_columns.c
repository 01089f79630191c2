/* test_columns.c -- the dust in front of stars: one cell against integrals that are known, many against the
 * plain sum over all of them, and derivatives. */
#include "tests/check.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dust/column_tiles.h"

enum { N_CELL = 3000, N_STAR = 300 };
static const double pi = 3.14159265358979323846;

struct gas { size_t n; double *x, *h, *a; };

static struct gas gas_of(size_t n)
{
  struct gas g = { n, malloc(3 * n * sizeof(double)), malloc(n * sizeof(double)), malloc(n * sizeof(double)) };
  REQUIRE(g.x && g.h && g.a);
  return g;
}

static void gas_free(struct gas *g)
{
  free(g->x);
  free(g->h);
  free(g->a);
}

/* A clumpy cloud of cells of all sizes: most 0.1 .. 2, some 1e-7, some as large as the whole, some at one place. */
static struct gas cloud(size_t n)
{
  struct gas g = gas_of(n);
  for (size_t i = 0; i < n; i++) {
    const double r = 10 * pow(uniform(), 2);
    for (int c = 0; c < 3; c++) g.x[3 * i + (size_t)c] = r * draw(-1, 1);
    g.h[i] = 0.1 * pow(20, uniform());
    if (i % 100 == 7) g.h[i] = 1e-7;
    if (i % 200 == 11) g.h[i] = draw(10, 30);
    if (i % 50 == 13) memcpy(g.x + 3 * i, g.x, 3 * sizeof *g.x), g.h[i] = g.h[0];
    g.a[i] = i % 17 ? 0.05 * uniform() * g.h[i] * g.h[i] : 0;
  }
  return g;
}

/* Places in it, in the middle of cells, on their faces, on the seams of tiles, and far away. */
static double *places(const struct gas *g, size_t n)
{
  double *x = malloc(3 * n * sizeof *x);
  REQUIRE(x);
  for (size_t i = 0; i < n; i++) {
    const size_t cell = (size_t)(uniform() * (double)g->n);
    for (int c = 0; c < 3; c++) x[3 * i + (size_t)c] = i % 2 ? draw(-8, 8) : g->x[3 * cell + (size_t)c];
    if (i % 7 == 1) x[3 * i + 2] = g->x[3 * cell + 2] + (i % 3 - 1.) * g->h[cell];
    if (i % 11 == 3) x[3 * i] = x[3 * i + 1] = 0;
    if (i % 31 == 5) x[3 * i] = 1e6;
  }
  return x;
}

static struct cubix_column_tiles *tiles_of(const struct gas *g, uint64_t first, uint64_t last)
{
  struct cubix_column_tiles *tiles = NULL;
  double low[2] = { HUGE_VAL, HUGE_VAL }, high[2] = { -HUGE_VAL, -HUGE_VAL };
  for (size_t i = 0; i < g->n; i++)
    for (size_t c = 0; c < 2; c++) {
      const double x = g->x[3 * i + c], h = g->h[i];
      if (x - h < low[c]) low[c] = x - h;
      if (x + h > high[c]) high[c] = x + h;
    }
  const struct cubix_column_sky sky = cubix_column_sky_of(low, high);
  REQUIRE(cubix_column_tiles_build(&tiles, &sky, first, last, g->x, g->h, g->a, g->n) == CUBIX_OK);
  return tiles;
}

/* A(V) by the formula as physicists write it, without rounding to units. */
static double plain_term(const double *star, const double *cell, double h, double a)
{
  const double dx = star[0] - cell[0], dy = star[1] - cell[1], q = 1 - (dx * dx + dy * dy) / (h * h);
  if (q <= 0) return 0;
  double s = (star[2] - cell[2]) / (h * sqrt(q));
  s = s < -1 ? -1 : s > 1 ? 1 : s;
  const double s2 = s * s, phi = 0.5 + 315. / 256 * s * (1 + s2 * (-4. / 3 + s2 * (6. / 5 + s2 * (-4. / 7 + s2 / 9))));
  return a / (h * h) * 5.5 / pi * q * q * q * q * sqrt(q) * phi;
}

/* @param[out] bound of what rounding to whole units changes */
static double plain(const struct gas *g, const double *star, double *bound)
{
  double sum = 0;
  *bound = 0;
  for (size_t i = 0; i < g->n; i++) {
    const double term = plain_term(star, g->x + 3 * i, g->h[i], g->a[i]);
    sum += term;
    *bound += (term > 0) * 0x1p-41 + 1e-14 * term;
  }
  return sum;
}

/* The integral of A(V) over the sky behind a cell is its weight, at the height of its middle half of that, and before
 * it there is nothing. With p = sqrt(q) the integrand is a polynomial of degree 10: Gauss with 6 points. */
static void one_cell(double h)
{
  static const double at[3] = { 0.2386191860831969, 0.6612093864662645, 0.9324695142031521 };
  static const double weight[3] = { 0.4679139345726910, 0.3607615730481386, 0.1713244923791704 };
  const double a = 300 * h * h, cell[3] = { 0.3, -0.2, 5 };
  static const double wanted[3] = { 1, 0.5, 0 };
  const double z[3] = { 5 + 1.0001 * h, 5, 5 - h };
  for (int k = 0; k < 3; k++) {
    double sum = 0;
    for (int i = 0; i < 6; i++) {
      const double p = 0.5 + 0.5 * (i < 3 ? -at[i] : at[i - 3]), w = 0.5 * weight[i % 3], r = h * sqrt(1 - p * p);
      const double phi = 1.1 * i;
      sum += w * 2 * p * cubix_column_term(r * cos(phi), r * sin(phi), z[k] - cell[2], 1 / h,
                                           a * CUBIX_COLUMN_MIDDLE / (h * h));
    }
    CHECK_CLOSE(sum * pi * h * h, wanted[k] * a, 1e-12 * a);
  }
  CHECK_IS(cubix_column_term(0, 0, -h, 1 / h, 1e9), ==, 0);
  CHECK_IS(cubix_column_term(h, 0, h, 1 / h, 1e3), ==, 0);
}

static void double_loop(void)
{
  struct gas g = cloud(N_CELL);
  double *star = places(&g, N_STAR), screen[N_STAR], most = 0;
  struct cubix_column_tiles *tiles = tiles_of(&g, 0, UINT64_MAX);
  REQUIRE(cubix_column_tiles_screen(tiles, star, N_STAR, screen) == CUBIX_OK);
  for (size_t i = 0; i < N_STAR; i++) {
    double sum = 0, bound;
    for (size_t c = 0; c < g.n; c++) {
      const struct cubix_cell k = cubix_cell_of(g.x + 3 * c, g.h[c], g.a[c]);
      sum += cubix_column_term(star[3 * i] - k.x, star[3 * i + 1] - k.y, star[3 * i + 2] - k.z, k.per_h, k.middle);
    }
    CHECK_IS(screen[i], ==, sum);
    const double wanted = plain(&g, star + 3 * i, &bound);
    CHECK_CLOSE(screen[i], wanted, bound);
    most = check_worst(most, sum);
  }
  CHECK_IS(most, >, 1);
  CHECK_IS(tiles->n_level, >, 5);
  cubix_column_tiles_free(tiles);
  free(star);
  gas_free(&g);
}

/* A part of the sky has the same numbers for the places in it, and so have any threads. */
static void parts_and_threads(void)
{
  struct gas g = cloud(N_CELL);
  double *star = places(&g, N_STAR), all[N_STAR], part[N_STAR], bar[N_STAR];
  double *slope[2] = { calloc(3 * N_STAR, sizeof(double)), calloc(3 * N_STAR, sizeof(double)) };
  struct cubix_column_sums *sums[2] = { calloc(N_CELL, sizeof **sums), calloc(N_CELL, sizeof **sums) };
  const uint64_t cut[4] = { 0, UINT64_C(3) << 46, (UINT64_C(3) << 46) + 12345, UINT64_MAX };
  const int threads = omp_get_max_threads();
  for (size_t i = 0; i < N_STAR; i++) bar[i] = draw(-1, 1);
  struct cubix_column_tiles *tiles = tiles_of(&g, 0, UINT64_MAX);
  REQUIRE(cubix_column_tiles_screen(tiles, star, N_STAR, all) == CUBIX_OK);
  REQUIRE(cubix_column_tiles_vjp(tiles, star, N_STAR, bar, 0, slope[0], sums[0]) == CUBIX_OK);
  const struct cubix_column_sky sky = tiles->sky;
  cubix_column_tiles_free(tiles);
  omp_set_num_threads(3);
  for (int p = 0; p < 3; p++) {
    tiles = tiles_of(&g, cut[p], cut[p + 1]);
    size_t n = 0, of[N_STAR];
    double x[3 * N_STAR], b[N_STAR], s[3 * N_STAR] = { 0 };
    for (size_t i = 0; i < N_STAR; i++) {
      const uint64_t code = cubix_column_code(&sky, star[3 * i], star[3 * i + 1]);
      if (code < cut[p] || (code >= cut[p + 1] && p < 2)) continue;
      memcpy(x + 3 * n, star + 3 * i, 3 * sizeof *x);
      b[n] = bar[i];
      of[n++] = i;
    }
    REQUIRE(cubix_column_tiles_screen(tiles, x, n, part) == CUBIX_OK);
    REQUIRE(cubix_column_tiles_vjp(tiles, x, n, b, 0, s, sums[1]) == CUBIX_OK);
    for (size_t i = 0; i < n; i++) {
      CHECK_IS(part[i], ==, all[of[i]]);
      memcpy(slope[1] + 3 * of[i], s + 3 * i, 3 * sizeof *s);
    }
    cubix_column_tiles_free(tiles);
  }
  omp_set_num_threads(threads);
  CHECK(!memcmp(slope[0], slope[1], 3 * N_STAR * sizeof(double)));
  CHECK(!memcmp(sums[0], sums[1], N_CELL * sizeof **sums));
  for (int k = 0; k < 2; k++) free(slope[k]), free(sums[k]);
  free(star);
  gas_free(&g);
}

/* However thick the gas is, in whatever order: A(V) stops at 2048 mag. A little below it is exact. */
static void very_thick(void)
{
  struct gas g = cloud(N_CELL);
  double *star = places(&g, N_STAR), screen[N_STAR], behind[3] = { 0, 0, 1e3 }, one;
  for (size_t i = 0; i < g.n; i++) g.a[i] *= i % 2 ? 1e15 : 1e300;
  struct cubix_column_tiles *tiles = tiles_of(&g, 0, UINT64_MAX);
  REQUIRE(cubix_column_tiles_screen(tiles, star, N_STAR, screen) == CUBIX_OK);
  int full = 0;
  for (int i = 0; i < N_STAR; i++) {
    CHECK(screen[i] >= 0 && screen[i] <= CUBIX_COLUMN_MOST);
    full += screen[i] == CUBIX_COLUMN_MOST;
  }
  CHECK_IS(full, >, N_STAR / 4);
  cubix_column_tiles_free(tiles);
  g.n = 2000;                     /* of 1 mag each, and of 2 */
  for (size_t i = 0; i < g.n; i++) {
    memset(g.x + 3 * i, 0, 3 * sizeof *g.x);
    g.h[i] = 1 + (double)(i % 7);
    g.a[i] = g.h[i] * g.h[i] / CUBIX_COLUMN_MIDDLE;
  }
  for (int twice = 0; twice < 2; twice++) {
    tiles = tiles_of(&g, 0, UINT64_MAX);
    REQUIRE(cubix_column_tiles_screen(tiles, behind, 1, &one) == CUBIX_OK);
    CHECK_CLOSE(one, twice ? 2048. : 2000., twice ? 0 : 1e-9);
    cubix_column_tiles_free(tiles);
    for (size_t i = 0; i < g.n; i++) g.a[i] *= 2;
  }
  free(star);
  gas_free(&g);
}

static void nothing(void)
{
  struct gas g = gas_of(1);
  double x[3] = { 0, 0, 0 }, screen = -1;
  g.n = 0;
  struct cubix_column_tiles *tiles = tiles_of(&g, 0, UINT64_MAX);
  REQUIRE(cubix_column_tiles_screen(tiles, x, 1, &screen) == CUBIX_OK);
  CHECK_IS(screen, ==, 0);
  REQUIRE(cubix_column_tiles_screen(tiles, x, 0, &screen) == CUBIX_OK);
  cubix_column_tiles_free(tiles);
  gas_free(&g);
}

/* A cell without mass has no size: it dims nothing, and has no derivatives, whichever place lies in it. */
static void no_size(void)
{
  struct gas g = gas_of(2);
  double star[6] = { 0, 0, 1, 0.1, 0, 2 }, bar[2] = { 1, -0.5 }, screen[2], x[3] = { 0 }, h = 0, a = 0, bound;
  struct cubix_column_sums sums[2] = { { { 0 }, { 0 } } };
  memset(g.x, 0, 6 * sizeof *g.x);
  g.h[0] = 0.5, g.a[0] = 0.2;
  g.h[1] = g.a[1] = 0;
  struct cubix_column_tiles *tiles = tiles_of(&g, 0, UINT64_MAX);
  REQUIRE(cubix_column_tiles_screen(tiles, star, 2, screen) == CUBIX_OK);
  REQUIRE(cubix_column_tiles_vjp(tiles, star, 2, bar, 1, NULL, sums) == CUBIX_OK);
  g.n = 1;
  for (size_t i = 0; i < 2; i++) {
    const double wanted = plain(&g, star + 3 * i, &bound);
    CHECK_CLOSE(screen[i], wanted, bound);
  }
  cubix_column_sums_bar(&sums[1], 1, 0, 0, x, &h, &a);
  for (int c = 0; c < 3; c++) CHECK_IS(x[c], ==, 0);
  CHECK_IS(h, ==, 0);
  CHECK_IS(a, ==, 0);
  cubix_column_tiles_free(tiles);
  gas_free(&g);
}

/* Every derivative of one term against differences of the plain formula, which are good to h^4. */
static void slopes(void)
{
  double worst = 0;
  for (int i = 0; i < 300; i++) {
    const double h = draw(0.1, 3), a = draw(0.1, 2), e = 2e-3 * h, cell[3] = { draw(-1, 1), draw(-1, 1), draw(-1, 1) };
    double star[3], diff[5];
    for (int c = 0; c < 3; c++) star[c] = cell[c] + h * draw(-0.8, 0.8);
    for (int k = 0; k < 5; k++) {
      double f[4];
      for (int p = 0; p < 4; p++) {
        static const double step[4] = { -2, -1, 1, 2 };
        double moved[3] = { star[0], star[1], star[2] }, wide = h, heavy = a;
        if (k < 3) moved[k] += step[p] * e;
        if (k == 3) wide += step[p] * e;
        if (k == 4) heavy += step[p] * e;
        f[p] = plain_term(moved, cell, wide, heavy);
      }
      diff[k] = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * e);
    }
    const double dx = star[0] - cell[0], dy = star[1] - cell[1], dz = star[2] - cell[2];
    const double middle = a * CUBIX_COLUMN_MIDDLE / (h * h), unit = middle / h;
    const struct cubix_column_slope s = cubix_column_slope_of(dx, dy, dz, 1 / h);
    worst = check_worst(worst, fabs(unit * s.u - diff[0]) / unit);
    worst = check_worst(worst, fabs(unit * s.v - diff[1]) / unit);
    worst = check_worst(worst, fabs(unit * s.w - diff[2]) / unit);
    worst = check_worst(worst, fabs(unit * cubix_column_widening(&s, dx, dy, dz, 1 / h) - diff[3]) / unit);
    worst = check_worst(worst, fabs(middle / a * s.k - diff[4]) / (middle / a));
  }
  CHECK_IS(worst, <, 1e-6);
}

struct bars { double *star, *x, *h, *a; };

static struct bars bars_of(size_t cells, size_t stars)
{
  struct bars b = { calloc(3 * stars, 8), calloc(3 * cells, 8), calloc(cells, 8), calloc(cells, 8) };
  REQUIRE(b.star && b.x && b.h && b.a);
  return b;
}

static void bars_free(struct bars *b)
{
  free(b->star);
  free(b->x);
  free(b->h);
  free(b->a);
}

static double dot(const double *a, const double *b, size_t n)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* <bar, J dot> = <J^T bar, dot>, for each input alone; the sum over a cell's weight times its bar is that over A times
 * its own; to move everything changes nothing. */
static void reverse_and_tangent(double scale)
{
  struct gas g = cloud(N_CELL);
  double *star = places(&g, N_STAR), bar[N_STAR], screen[N_STAR], screen_dot[N_STAR];
  struct bars b = bars_of(N_CELL, N_STAR), d = bars_of(N_CELL, N_STAR);
  struct cubix_column_sums *sums = calloc(N_CELL, sizeof *sums);
  struct cubix_column_tiles *tiles = tiles_of(&g, 0, UINT64_MAX);
  REQUIRE(sums);
  for (int i = 0; i < N_STAR; i++) bar[i] = scale * draw(-1, 1);
  const int exponent = ilogb(scale) + 1;
  REQUIRE(cubix_column_tiles_vjp(tiles, star, N_STAR, bar, exponent, b.star, sums) == CUBIX_OK);
  for (size_t i = 0; i < g.n; i++)
    cubix_column_sums_bar(&sums[i], exponent, g.h[i], g.a[i], b.x + 3 * i, b.h + i, b.a + i);
  for (size_t i = 0; i < 3 * N_STAR; i++) d.star[i] = draw(-1, 1);
  for (size_t i = 0; i < 3 * g.n; i++) d.x[i] = draw(-1, 1) * g.h[i / 3];
  for (size_t i = 0; i < g.n; i++) d.h[i] = draw(-1, 1) * g.h[i], d.a[i] = draw(-1, 1) * g.h[i] * g.h[i];
  for (int k = 0; k < 4; k++) {
    const struct cubix_column_dot in = { k == 0 ? d.star : NULL, k == 1 ? d.x : NULL, k == 2 ? d.h : NULL,
                                         k == 3 ? d.a : NULL };
    REQUIRE(cubix_column_tiles_jvp(tiles, star, N_STAR, &in, screen_dot) == CUBIX_OK);
    const double one = dot(bar, screen_dot, N_STAR);
    const double most = sqrt(dot(bar, bar, N_STAR) * dot(screen_dot, screen_dot, N_STAR));
    const double other = k == 0   ? dot(b.star, d.star, 3 * N_STAR)
                         : k == 1 ? dot(b.x, d.x, 3 * g.n)
                         : k == 2 ? dot(b.h, d.h, g.n)
                                  : dot(b.a, d.a, g.n);
    CHECK_IS(most, >, 0);
    CHECK_CLOSE(other, one, 1e-12 * most);
  }
  REQUIRE(cubix_column_tiles_screen(tiles, star, N_STAR, screen) == CUBIX_OK);
  CHECK_CLOSE(dot(b.a, g.a, g.n), dot(bar, screen, N_STAR), 1e-10 * scale * N_STAR);
  for (size_t c = 0; c < 3; c++) {
    double sum = 0, most = 0;
    for (size_t i = 0; i < N_STAR; i++) sum += b.star[3 * i + c], most += fabs(b.star[3 * i + c]);
    for (size_t i = 0; i < g.n; i++) sum += b.x[3 * i + c];
    CHECK_CLOSE(sum, 0, 1e-12 * most);
  }
  cubix_column_tiles_free(tiles);
  bars_free(&b);
  bars_free(&d);
  free(sums);
  free(star);
  gas_free(&g);
}

/* The tangent against differences of A(V) itself, all inputs at once: what is left falls with the fourth power. */
static void remainders(void)
{
  struct gas g = cloud(N_CELL), moved = gas_of(N_CELL);
  double *star = places(&g, N_STAR), *at = malloc(3 * N_STAR * sizeof *at), screen_dot[N_STAR], f[4][N_STAR], worst[2];
  struct bars d = bars_of(N_CELL, N_STAR);
  for (size_t i = 0; i < 3 * N_STAR; i++) d.star[i] = 0.05 * draw(-1, 1);
  for (size_t i = 0; i < 3 * g.n; i++) d.x[i] = draw(-1, 1) * g.h[i / 3];
  for (size_t i = 0; i < g.n; i++) {
    if (g.h[i] < 1e-3) g.a[i] = 0;              /* too narrow for a difference */
    d.h[i] = draw(-1, 1) * g.h[i];
    d.a[i] = draw(-1, 1) * g.a[i];
  }
  struct cubix_column_tiles *tiles = tiles_of(&g, 0, UINT64_MAX);
  const struct cubix_column_dot in = { d.star, d.x, d.h, d.a };
  REQUIRE(cubix_column_tiles_jvp(tiles, star, N_STAR, &in, screen_dot) == CUBIX_OK);
  cubix_column_tiles_free(tiles);
  for (int fine = 0; fine < 2; fine++) {
    const double e = fine ? 2e-3 : 8e-3;
    for (int p = 0; p < 4; p++) {
      const double step = e * (p < 2 ? p - 2 : p - 1);
      for (size_t i = 0; i < 3 * N_STAR; i++) at[i] = star[i] + step * d.star[i];
      for (size_t i = 0; i < 3 * g.n; i++) moved.x[i] = g.x[i] + step * d.x[i];
      for (size_t i = 0; i < g.n; i++) moved.h[i] = g.h[i] + step * d.h[i], moved.a[i] = g.a[i] + step * d.a[i];
      tiles = tiles_of(&moved, 0, UINT64_MAX);
      REQUIRE(cubix_column_tiles_screen(tiles, at, N_STAR, f[p]) == CUBIX_OK);
      cubix_column_tiles_free(tiles);
    }
    worst[fine] = 0;
    double most = 0;
    for (int i = 0; i < N_STAR; i++) {
      const double diff = (f[0][i] - 8 * f[1][i] + 8 * f[2][i] - f[3][i]) / (12 * e);
      worst[fine] = check_worst(worst[fine], fabs(diff - screen_dot[i]));
      most = check_worst(most, fabs(screen_dot[i]));
    }
    worst[fine] /= most;
  }
  CHECK_IS(worst[1], <, 1e-6);
  CHECK_IS(worst[1], <, worst[0] / 30);
  bars_free(&d);
  free(at);
  free(star);
  gas_free(&g);
  gas_free(&moved);
}

/* Just within the edge of a cell, all around: it is in the list of every tile that it reaches, if only a corner. */
static void at_the_edge(void)
{
  enum { N = 4000 };
  double x[N][3], screen[N];
  for (int turn = 0; turn < 20; turn++) {
    struct gas g = gas_of(2);
    const double cell[6] = { draw(-1, 1), draw(-1, 1), 0, -50, 30, 0 };
    memcpy(g.x, cell, sizeof cell);
    g.h[0] = g.h[1] = draw(1, 2);
    g.a[0] = 1e3;
    g.a[1] = 0;
    struct cubix_column_tiles *tiles = tiles_of(&g, 0, UINT64_MAX);
    for (int i = 0; i < N; i++) {
      const double angle = 2 * pi * i / N, r = 0.998 * g.h[0];
      x[i][0] = cell[0] + r * cos(angle);
      x[i][1] = cell[1] + r * sin(angle);
      x[i][2] = 10;
    }
    REQUIRE(cubix_column_tiles_screen(tiles, x[0], N, screen) == CUBIX_OK);
    double least = HUGE_VAL, most = 0;
    for (int i = 0; i < N; i++) {
      least = screen[i] < least ? screen[i] : least;
      most = check_worst(most, screen[i]);
    }
    CHECK_IS(least, >, 0);
    CHECK_CLOSE(most / least, 1., 1e-2);
    cubix_column_tiles_free(tiles);
    gas_free(&g);
  }
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(one_cell(1));
  CASE(one_cell(0.013));
  CASE(one_cell(1e5));
  CASE(double_loop());
  CASE(parts_and_threads());
  CASE(very_thick());
  CASE(nothing());
  CASE(no_size());
  CASE(at_the_edge());
  CASE(slopes());
  CASE(reverse_and_tangent(1));
  CASE(reverse_and_tangent(3e-40));
  CASE(remainders());
  return check_done();
}
