/* test_deposit.c -- how a star's light is divided among spaxels: weights, their derivatives, and
 * those of the place on the sky; and placements. */
#include "tests/check.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cube/placement.h"
#include "instrument/instrument.h"
#include "math/kernel_table.h"
#include "physics/deposit.h"

enum { N_X = 31, N_Y = 26, MARGIN = 3, N_STAR = 200 };

static const enum cubix_deposit_kind smooth[] = { CUBIX_DEPOSIT_CIC, CUBIX_DEPOSIT_TSC, CUBIX_DEPOSIT_GAUSSIAN,
                                                 CUBIX_DEPOSIT_CUBIC, CUBIX_DEPOSIT_WENDLAND };
static double *kernel[CUBIX_DEPOSIT_WENDLAND + 1];      /* of those that have a table */

static int has_length(enum cubix_deposit_kind kind) { return kind >= CUBIX_DEPOSIT_GAUSSIAN; }
static int is_kernel(enum cubix_deposit_kind kind) { return kind > CUBIX_DEPOSIT_GAUSSIAN; }

static void set_roll(struct cubix_tables *v, double roll)
{
  v->cos_roll = cos(roll);
  v->sin_roll = sin(roll);
}

static struct cubix_tables tables_of(enum cubix_deposit_kind kind, double roll)
{
  struct cubix_tables v = { 0 };
  v.n_x = N_X;
  v.n_y = N_Y;
  v.margin = MARGIN;
  v.arcsec_per_kpc = 1.7;
  v.inv_pixel_x = 1 / 0.4;
  v.inv_pixel_y = 1 / 0.5;
  v.pointing_x = 0.31;
  v.pointing_y = -0.22;
  v.deposit = kind;
  v.deposit_most = HUGE_VAL;
  v.kernel = kernel[kind];
  set_roll(&v, roll);
  return v;
}

/* Sum of bar times weight over the painted field. */
static double added_up(const struct cubix_tables *v, const double *position, double length, double bar[N_Y][N_X])
{
  struct cubix_foot foot;
  double sum = 0;
  if (!cubix_foot_of(v, position, length, &foot)) return 0;
  for (int ky = 0; ky < foot.n[1]; ky++)
    for (int kx = 0; kx < foot.n[0]; kx++)
      sum += bar[foot.first[1] + ky][foot.first[0] + kx] * cubix_deposit_weight(&foot, kx, ky, NULL);
  return sum;
}

static void fill(double bar[N_Y][N_X], double low, double high)
{
  for (int y = 0; y < N_Y; y++)
    for (int x = 0; x < N_X; x++) bar[y][x] = draw(low, high);
}

/* Their sum is 1, their mean is where the star is, and their variance is the kernel's. */
static void check_moments(enum cubix_deposit_kind kind, double length)
{
  struct cubix_tables v = tables_of(kind, 0.4);
  const double per_sigma = is_kernel(kind) ? cubix_kernel_radius(kind) : 1;
  double variance = 0, sigma = fmax(CUBIX_DEPOSIT_LEAST, length * v.arcsec_per_kpc * v.inv_pixel_y / per_sigma);
  /* of a Gaussian's pixels: the first harmonic */
  double off = 1.01 * exp(-2 * acos(-1) * acos(-1) * sigma * sigma) / acos(-1) + 1e-8;
  if (is_kernel(kind)) off = 0.02 / sigma;              /* a kernel's Fourier transform falls by a power */
  for (int i = 0; i < N_STAR; i++) {
    double position[3] = { draw(-0.5, 0.5), draw(-0.5, 0.5), draw(-9, 9) }, at[2], sum = 0, m[2] = { 0 }, m2 = 0;
    struct cubix_foot foot;
    cubix_sky(&v, position, at);
    CHECK(cubix_foot_of(&v, position, length, &foot));
    for (int ky = 0; ky < foot.n[1]; ky++)
      for (int kx = 0; kx < foot.n[0]; kx++) {
        double w = cubix_deposit_weight(&foot, kx, ky, NULL), x = foot.first[0] + kx - MARGIN + 0.5 - at[0],
               y = foot.first[1] + ky - MARGIN + 0.5 - at[1];
        CHECK_IS(w, >=, 0);
        sum += w;
        m[0] += w * x;
        m[1] += w * y;
        m2 += w * x * x;
      }
    CHECK_CLOSE(sum, 1, 1e-14);
    CHECK_CLOSE(m[0], 0, kind == CUBIX_DEPOSIT_NEAREST ? 0.5 : has_length(kind) ? off : 1e-14);
    CHECK_CLOSE(m[1], 0, kind == CUBIX_DEPOSIT_NEAREST ? 0.5 : has_length(kind) ? off : 1e-14);
    variance += m2 / N_STAR;
  }
  sigma = fmax(CUBIX_DEPOSIT_LEAST, length * v.arcsec_per_kpc * v.inv_pixel_x / per_sigma);
  double expected[] = { 1. / 12, 1. / 6, 1. / 4, sigma * sigma + 1. / 12 };
  CHECK_CLOSE(variance, expected[has_length(kind) ? CUBIX_DEPOSIT_GAUSSIAN : kind],
              kind == CUBIX_DEPOSIT_TSC ? 1e-13 : 0.02);
}

/* In a wider field more of a footprint is painted, and nothing else changes. */
static void check_borders(enum cubix_deposit_kind kind, double length)
{
  struct cubix_tables v = tables_of(kind, 1.1), wide = v;
  const int more = 40;
  wide.n_x += 2 * more;
  wide.n_y += 2 * more;
  wide.margin += more;
  int partial = 0;
  for (int i = 0; i < N_STAR; i++) {
    double position[3] = { draw(-5, 5), draw(-5, 5), 0 };
    struct cubix_foot foot, whole;
    int seen = cubix_foot_of(&v, position, length, &foot), overlap = 0;
    int64_t s = cubix_project(&v, position);
    CHECK(s < 0 || seen);
    CHECK(kind != CUBIX_DEPOSIT_NEAREST || (s >= 0) == seen);
    CHECK(s < 0 || kind != CUBIX_DEPOSIT_NEAREST || s == (int64_t)foot.first[1] * N_X + foot.first[0]);
    CHECK(cubix_foot_of(&wide, position, length, &whole));
    for (int ky = 0; ky < whole.n[1]; ky++)
      for (int kx = 0; kx < whole.n[0]; kx++) {
        int x = whole.first[0] + kx - more, y = whole.first[1] + ky - more, qx = x - foot.first[0],
            qy = y - foot.first[1];
        int painted = x >= 0 && x < N_X && y >= 0 && y < N_Y,
            mine = seen && qx >= 0 && qx < foot.n[0] && qy >= 0 && qy < foot.n[1];
        CHECK_IS(painted, ==, mine);
        if (!mine) continue;
        CHECK_CLOSE(cubix_deposit_weight(&foot, qx, qy, NULL), cubix_deposit_weight(&whole, kx, ky, NULL), 1e-14);
        overlap++;
      }
    CHECK_IS(overlap, ==, seen ? foot.n[0] * foot.n[1] : 0);
    partial += seen && overlap < whole.n[0] * whole.n[1];
  }
  CHECK(kind == CUBIX_DEPOSIT_NEAREST || partial > 3);
}

static void check_nowhere(enum cubix_deposit_kind kind)
{
  const double far[][3] = { { 1e30, 0, 0 }, { 0, -1e30, 0 }, { NAN, 0, 0 }, { 0, NAN, 0 }, { 200, 0, 0 } };
  struct cubix_tables v = tables_of(kind, 0.2);
  struct cubix_foot foot;
  for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) CHECK(!cubix_foot_of(&v, far[i], 0.3, &foot));
}

/* A star much wider than the field: nothing overflows, and its light is level. */
static void check_wide(void)
{
  struct cubix_tables v = tables_of(CUBIX_DEPOSIT_GAUSSIAN, 0);
  double position[3] = { 0 }, length = 1e9;
  struct cubix_foot foot;
  CHECK(cubix_foot_of(&v, position, length, &foot));
  CHECK_IS(foot.n[0], ==, N_X);
  CHECK_IS(foot.n[1], ==, N_Y);
  double w = cubix_deposit_weight(&foot, 0, 0, NULL), sigma = length * v.arcsec_per_kpc * v.inv_pixel_x;
  CHECK_CLOSE(w * 2 * acos(-1) * sigma * length * v.arcsec_per_kpc * v.inv_pixel_y, 1, 1e-6);
}

/* Light within squares about a kernel's middle, by Gauss-Legendre points in polar coordinates (numpy). */
static void check_kernels(void)
{
  static const struct { enum cubix_deposit_kind kind; double half, light; } known[] = {
    { CUBIX_DEPOSIT_CUBIC, 0.1, 0.0736645087 },
    { CUBIX_DEPOSIT_CUBIC, 0.37, 0.6602987886 },
    { CUBIX_DEPOSIT_CUBIC, 0.62, 0.9621561864 },
    { CUBIX_DEPOSIT_CUBIC, 0.9, 0.9999402667 },
    { CUBIX_DEPOSIT_WENDLAND, 0.1, 0.0849499139 },
    { CUBIX_DEPOSIT_WENDLAND, 0.37, 0.7049400132 },
    { CUBIX_DEPOSIT_WENDLAND, 0.62, 0.9758376697 },
    { CUBIX_DEPOSIT_WENDLAND, 0.9, 0.9999877400 },
  };
  double *none;
  CHECK_IS(cubix_kernel_table(&none, CUBIX_DEPOSIT_GAUSSIAN), ==, CUBIX_OK);
  CHECK(!none);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    CHECK_CLOSE(4 * cubix_kernel_corner(kernel[known[i].kind], known[i].half, known[i].half, NULL), known[i].light,
                1e-7);
}

/* A length is cut at deposit_most, on each axis; there it has no derivative. */
static void check_most(void)
{
  for (size_t k = 2; k < sizeof smooth / sizeof *smooth; k++) {
    struct cubix_tables v = tables_of(smooth[k], 0.3);
    const double most = 3, position[3] = { 0.1, 0.2, 0 };
    struct cubix_foot cut, same;
    struct cubix_deposit_slope slope;
    CHECK(cubix_foot_of(&v, position, most / (v.arcsec_per_kpc * v.inv_pixel_x), &same));
    v.deposit_most = most;
    CHECK(cubix_foot_of(&v, position, 1e6, &cut));
    CHECK_IS(cut.size[0], ==, most);
    CHECK_IS(cut.size[1], ==, most);
    CHECK_CLOSE(same.size[0], most, 1e-15);
    CHECK_IS(cut.n[0], ==, same.n[0]);
    cubix_deposit_weight(&cut, 1, 1, &slope);
    CHECK_IS(slope.length, ==, 0);
    CHECK_IS(fabs(slope.at[0]), >, 0);
  }
}

/* The slopes of single weights against central differences. */
static void check_slopes(enum cubix_deposit_kind kind, double length)
{
  const double h = 1e-5;
  struct cubix_tables v = tables_of(kind, 0);
  /* a spaxel in kpc */
  double one_x = 1 / (v.arcsec_per_kpc * v.inv_pixel_x), one_y = 1 / (v.arcsec_per_kpc * v.inv_pixel_y);
  int compared = 0;
  for (int i = 0; i < 30; i++) {
    double position[3] = { draw(-2, 2), draw(-2, 2), 0 };
    struct cubix_foot foot, near[6];
    if (!cubix_foot_of(&v, position, length, &foot)) continue;
    for (int q = 0; q < 4; q++) {           /* towards larger px (smaller x), smaller px, larger py, smaller py */
      double moved[3] = { position[0] + (q == 0   ? -h * one_x
                                         : q == 1 ? h * one_x
                                                  : 0),
                          position[1] + (q == 2   ? h * one_y
                                         : q == 3 ? -h * one_y
                                                  : 0),
                          0 };
      cubix_foot_of(&v, moved, length, &near[q]);
    }
    cubix_foot_of(&v, position, length + h, &near[4]);
    cubix_foot_of(&v, position, length - h, &near[5]);
    int jumps = 0;
    for (int q = 0; q < 6; q++)
      jumps |= memcmp(near[q].first, foot.first, sizeof foot.first) || memcmp(near[q].n, foot.n, sizeof foot.n);
    if (jumps) continue;
    for (int ky = 0; ky < foot.n[1]; ky++)
      for (int kx = 0; kx < foot.n[0]; kx++) {
        struct cubix_deposit_slope s;
        double w[6], alone = cubix_deposit_weight(&foot, kx, ky, NULL);
        CHECK_IS(cubix_deposit_weight(&foot, kx, ky, &s), ==, alone);
        for (int q = 0; q < 6; q++) w[q] = cubix_deposit_weight(&near[q], kx, ky, NULL);
        CHECK_CLOSE(s.at[0], (w[0] - w[1]) / (2 * h), 3e-9);
        CHECK_CLOSE(s.at[1], (w[2] - w[3]) / (2 * h), 3e-9);
        CHECK_CLOSE(s.length, (w[4] - w[5]) / (2 * h), 1e-8);
        compared++;
      }
  }
  CHECK_IS(compared, >, 20);
}

/* What everything of the sky is moved by. */
struct move { double position[3], length, roll; struct cubix_sky_bar sky; };

static struct move draw_move(enum cubix_deposit_kind kind)
{
  struct move m = { .position = { draw(-1, 1), draw(-1, 1), draw(-1, 1) },
                    .length = has_length(kind) ? draw(-1, 1) : 0 };
  m.sky = (struct cubix_sky_bar){ draw(-1, 1), draw(-1, 1), draw(-1, 1), draw(-1, 1) };
  return m;
}

static double moved(struct cubix_tables v, const double *position, double length, double roll, const struct move *m,
                    double eps, double bar[N_Y][N_X])
{
  double x[3] = { position[0] + eps * m->position[0], position[1] + eps * m->position[1],
                  position[2] + eps * m->position[2] };
  v.arcsec_per_kpc += eps * m->sky.arcsec_per_kpc;
  v.pointing_x += eps * m->sky.pointing_x;
  v.pointing_y += eps * m->sky.pointing_y;
  set_roll(&v, roll + eps * m->sky.roll);
  return added_up(&v, x, length + eps * m->length, bar);
}

static double forward(const struct cubix_tables *v, const double *position, double length, const struct move *m,
                      double bar[N_Y][N_X], struct cubix_deposit_slope *sum)
{
  struct cubix_foot foot;
  struct cubix_deposit_slope dot = { { 0 }, 0 }, s;
  double tangent = 0;
  cubix_deposit_jvp(v, position, length, m->position, m->length, &m->sky, &dot);
  *sum = (struct cubix_deposit_slope){ { 0 }, 0 };
  if (!cubix_foot_of(v, position, length, &foot)) return 0;
  for (int ky = 0; ky < foot.n[1]; ky++)
    for (int kx = 0; kx < foot.n[0]; kx++) {
      double b = bar[foot.first[1] + ky][foot.first[0] + kx];
      cubix_deposit_weight(&foot, kx, ky, &s);
      tangent += b * (s.at[0] * dot.at[0] + s.at[1] * dot.at[1] + s.length * dot.length);
      sum->at[0] += b * s.at[0];
      sum->at[1] += b * s.at[1];
      sum->length += b * s.length;
    }
  return tangent;
}

/* <J dot, bar> = <dot, J' bar>; and remainders of second order, over four decades. */
static void check_derivatives(enum cubix_deposit_kind kind, double length)
{
  double bar[N_Y][N_X], worst = 0;
  int straight = 0, bent = 0;
  fill(bar, -1, 1);
  for (int i = 0; i < N_STAR; i++) {
    double roll = draw(-4, 4), position[3] = { draw(-3.5, 3.5), draw(-3.5, 3.5), draw(-1, 1) }, position_bar[3] = { 0 },
           length_bar = 0;
    struct cubix_tables v = tables_of(kind, roll);
    struct move m = draw_move(kind);
    struct cubix_deposit_slope sum;
    struct cubix_sky_bar sky_bar = { 0 };
    double tangent = forward(&v, position, length, &m, bar, &sum);
    cubix_deposit_vjp(&v, position, length, &sum, position_bar, &length_bar, &sky_bar);
    double there = position_bar[0] * m.position[0] + position_bar[1] * m.position[1] + position_bar[2] * m.position[2] +
                   length_bar * m.length + sky_bar.arcsec_per_kpc * m.sky.arcsec_per_kpc +
                   sky_bar.pointing_x * m.sky.pointing_x + sky_bar.pointing_y * m.sky.pointing_y +
                   sky_bar.roll * m.sky.roll;
    double size = fabs(sum.at[0]) + fabs(sum.at[1]) + fabs(sum.length) + 1e-300;
    worst = check_worst(worst, fabs(there - tangent) / (30 * size));
    double here = added_up(&v, position, length, bar), rest[5];
    for (int d = 0; d < 5; d++)
      rest[d] = fabs(moved(v, position, length, roll, &m, pow(10, -2.5 - d), bar) - here - tangent * pow(10, -2.5 - d));
    if (!(rest[0] > 1e-8)) continue;                  /* outside, or as good as straight */
    int second = 1;
    for (int d = 0; d < 4; d++) second &= fabs(log10(rest[d] / rest[d + 1]) - 2) < 0.1 || rest[d + 1] < 2e-15;
    straight += second;
    bent += !second;                                  /* a spaxel's border was crossed, or a border of the field */
  }
  CHECK_IS(worst, <, 1e-14);
  CHECK_IS(straight, >, 5 * bent);
  CHECK_IS(straight, >, 20);
}

static void fill_slab(struct cubix_slab *slab)
{
  for (size_t i = 0; i < slab->n; i++) {
    for (size_t c = 0; c < 3; c++) {
      slab->position[3 * i + c] = draw(-5, 5);
      slab->velocity[3 * i + c] = draw(-200, 200);
    }
    slab->mass_formed[i] = i % 7 ? draw(1e4, 1e6) : 0;
    slab->mass_now[i] = 0.5 * slab->mass_formed[i];
    slab->age[i] = draw(0.1, 10);
    slab->metallicity[i] = draw(0.001, 0.04);
    if (slab->smoothing_length) slab->smoothing_length[i] = draw(0.01, 0.5);
  }
}

/* Every record of a placement is what its star and its spaxel say, in the slab's order, and none is missing. */
static void compare_records(const struct cubix_placement *p, const struct cubix_tables *v,
                            const struct cubix_slab *slab)
{
  size_t expected = 0, wrong = 0;
  struct cubix_foot foot;
  for (size_t i = 0; i < slab->n; i++)
    if (cubix_foot_of(v, slab->position + 3 * i, cubix_deposit_length(v, slab->smoothing_length, (int64_t)i), &foot))
      expected += (size_t)foot.n[0] * (size_t)foot.n[1];
  CHECK_IS(p->start[p->n_spaxel], ==, expected);
  CHECK_IS(expected, >, slab->n / 2);
  for (size_t s = 0; s < p->n_spaxel; s++)
    for (size_t k = p->start[s]; k < p->start[s + 1]; k++) {
      size_t i = p->source[k];
      cubix_foot_of(v, slab->position + 3 * i, cubix_deposit_length(v, slab->smoothing_length, (int64_t)i), &foot);
      int x = (int)(s % N_X) - foot.first[0], y = (int)(s / N_X) - foot.first[1];
      wrong +=
          x < 0 || x >= foot.n[0] || y < 0 || y >= foot.n[1] || (k > p->start[s] && p->source[k - 1] >= p->source[k]);
      wrong += !(fabs(p->star[k].mass_formed - slab->mass_formed[i] * cubix_deposit_weight(&foot, x, y, NULL)) <=
                 1e-15 * slab->mass_formed[i]);
      wrong += p->star[k].velocity != slab->velocity[3 * i + 2];
    }
  CHECK_IS(wrong, ==, 0);
}

/* The maps hold what the records of field and margin hold; every star is counted once. */
static void compare_maps(const struct cubix_cube *cube, const struct cubix_placement *p, const struct cubix_tables *v)
{
  double number = 0;
  for (size_t s = 0; s < p->n_spaxel; s++) {
    int64_t field;
    double mass = 0, momentum = 0;
    for (size_t k = p->start[s]; k < p->start[s + 1]; k++) {
      mass += p->star[k].mass_formed;
      momentum += p->star[k].mass_formed * p->star[k].velocity;
    }
    CHECK_CLOSE(cube->sums.map[CUBIX_MAP_MASS][s], mass, 1e-12 * mass);
    CHECK_CLOSE(cube->sums.map[CUBIX_MAP_MASS_NOW][s], 0.5 * mass, 1e-12 * mass);
    CHECK_CLOSE(cube->sums.map[CUBIX_MAP_M_V][s], momentum, 1e-9 * mass);
    CHECK_CLOSE(cube->sums.map[CUBIX_MAP_LIGHT][s], 3e-5 * mass, 1e-12 * mass);
    if (cubix_in_field(v, (int64_t)s, &field)) number += cube->sums.map[CUBIX_MAP_NSTAR][s];
  }
  CHECK_IS(number, >, 0);
  CHECK_IS(number, ==, cube->budget[CUBIX_IN_FIELD].number);
}

/* @param n of stars; more than one share of them */
static void check_placement(enum cubix_deposit_kind kind, double length, size_t n)
{
  struct cubix_tables v = tables_of(kind, 0.7);
  const double node = 0, light = 3;
  struct cubix_instrument ins = { .n_x = N_X - 2 * MARGIN, .n_y = N_Y - 2 * MARGIN, .margin = MARGIN };
  struct cubix_slab slab = { 0 };
  struct cubix_placement *p[2] = { NULL }, *bare = NULL;
  struct cubix_cube *cube[2] = { NULL };
  v.deposit_length = length;
  v.deposit_most = is_kernel(kind) ? 2.5 : HUGE_VAL;
  v.n_z = v.n_age = v.n_row = 1;
  v.log_z = v.log_age = &node;
  v.light = &light;
  v.light_scale = 1e-5;
  CHECK_IS(cubix_slab_reserve( &slab, n,
           CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION | (length > 0 ? 0 : CUBIX_SLAB_LENGTH)), ==, CUBIX_OK);
  fill_slab(&slab);
  for (int t = 0; t < 2; t++) {
    omp_set_num_threads(t + 1);
    CHECK_IS(cubix_cube_init(&cube[t], &ins), ==, CUBIX_OK);
    CHECK_IS(cubix_placement_build(&p[t], cube[t], &v, &slab, 1), ==, CUBIX_OK);
  }
  compare_records(p[0], &v, &slab);
  compare_maps(cube[0], p[0], &v);
  CHECK(!memcmp(p[0]->start, p[1]->start, sizeof *p[0]->start * (p[0]->n_spaxel + 1)));
  CHECK(!memcmp(p[0]->source, p[1]->source, sizeof *p[0]->source * p[0]->start[p[0]->n_spaxel]));
  for (int k = 0; k < CUBIX_N_MAP_CLEAR; k++)
    CHECK(!memcmp(cube[0]->sums.map[k], cube[1]->sums.map[k], sizeof(double) * cubix_sums_size(&cube[0]->sums)));
  CHECK(!memcmp(cube[0]->budget, cube[1]->budget, sizeof cube[0]->budget));
  CHECK_IS(cube[0]->v_max, ==, cube[1]->v_max);
  CHECK_IS(cube[0]->v_max, >, 0);
  REQUIRE(cubix_placement_build(&bare, NULL, &v, &slab, 0) == CUBIX_OK);
  CHECK(!bare->source);
  for (size_t k = 0; k < bare->start[bare->n_spaxel]; k++)
    CHECK_IS(bare->star[k].mass_formed, ==, p[0]->star[k].mass_formed);
  for (int t = 0; t < 2; t++) {
    cubix_placement_free(p[t]);
    cubix_cube_free(cube[t]);
  }
  cubix_placement_free(bare);
  cubix_slab_forget_stars(&slab);
}

/* None at all; one; and stars without the lengths that are asked for. */
static void check_few(void)
{
  struct cubix_tables v = tables_of(CUBIX_DEPOSIT_TSC, 0);
  struct cubix_slab slab = { 0 };
  struct cubix_placement *p = NULL;
  REQUIRE(cubix_placement_build(&p, NULL, &v, &slab, 1) == CUBIX_OK);
  CHECK_IS(p->start[p->n_spaxel], ==, 0);
  cubix_placement_free(p);
  p = NULL;
  v.deposit = CUBIX_DEPOSIT_GAUSSIAN;
  slab.n = 1;
  REQUIRE(cubix_placement_build(&p, NULL, &v, &slab, 0) == CUBIX_EUSAGE);
  CHECK(!p);
  CHECK_SAYS(cubix_error_message(), "give a SmoothingLength");
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  static const char *const name[] = { "cic", "tsc", "gaussian", "cubic", "wendland" };
  for (int k = CUBIX_DEPOSIT_CUBIC; k <= CUBIX_DEPOSIT_WENDLAND; k++)
    REQUIRE(cubix_kernel_table(&kernel[k], (enum cubix_deposit_kind)k) == CUBIX_OK);
  const double lengths[] = { 0.03, 0.2, 0.4, 0.9 };  /* below the least, and above */
  CASE(check_moments(CUBIX_DEPOSIT_NEAREST, 0));
  CASE(check_borders(CUBIX_DEPOSIT_NEAREST, 0));
  CASE(check_nowhere(CUBIX_DEPOSIT_NEAREST));
  CASE(check_wide());
  for (size_t k = 0; k < sizeof smooth / sizeof smooth[0]; k++) {
    CASE_OF(check_nowhere(smooth[k]), "%s", name[k]);
    for (int l = 0; l < (is_kernel(smooth[k]) ? 4 : has_length(smooth[k]) ? 3 : 1); l++) {
      CASE_OF(check_moments(smooth[k], lengths[l]), "%s, %g kpc", name[k], lengths[l]);
      CASE_OF(check_borders(smooth[k], lengths[l]), "%s, %g kpc", name[k], lengths[l]);
      CASE_OF(check_slopes(smooth[k], lengths[l]), "%s, %g kpc", name[k], lengths[l]);
      CASE_OF(check_derivatives(smooth[k], lengths[l]), "%s, %g kpc", name[k], lengths[l]);
    }
  }
  CASE(check_placement(CUBIX_DEPOSIT_NEAREST, 0, 9001));
  CASE(check_placement(CUBIX_DEPOSIT_CIC, 0, 40000));
  CASE(check_placement(CUBIX_DEPOSIT_TSC, 0, 9001));
  CASE(check_placement(CUBIX_DEPOSIT_GAUSSIAN, 0.2, 5000));
  CASE(check_placement(CUBIX_DEPOSIT_GAUSSIAN, 0, 5000));
  CASE(check_placement(CUBIX_DEPOSIT_CUBIC, 0.5, 5000));
  CASE(check_placement(CUBIX_DEPOSIT_WENDLAND, 0, 5000));
  CASE(check_kernels());
  CASE(check_most());
  CASE(check_few());
  for (int k = 0; k <= CUBIX_DEPOSIT_WENDLAND; k++) free(kernel[k]);
  return check_done();
}
