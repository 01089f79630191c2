/* histogram_lab.h -- what tests of the histogram engine are made of: a small library's grid, stars,
 * cubes, and a basis of made-up numbers. */
#ifndef CUBIX_TESTS_HISTOGRAM_LAB_H
#define CUBIX_TESTS_HISTOGRAM_LAB_H

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tests/check.h"
#include "histogram/histogram.h"
#include "histogram/multiply.h"
#include "physics/population.h"

#ifndef LAB_N_X                   /* spaxels, where a test needs another number of them */
#define LAB_N_X 9
#define LAB_N_Y 5
#endif
#ifndef LAB_FIRST_AGE
#define LAB_FIRST_AGE 0
#endif

enum { N_Z = 3, N_AGE = 7, N_ROW = N_Z * N_AGE, N_X = LAB_N_X, N_Y = LAB_N_Y, N_SPAXEL = N_X * N_Y };

static const double log_z[N_Z] = { -3., -2., -1.5 }, log_age[N_AGE] = { -2., -1., -0.5, 0., 0.5, 0.8, 1.1 };
static const struct cubix_tables tables = {
  .n_z = N_Z, .n_age = N_AGE, .n_row = N_ROW, .log_z = log_z, .log_age = log_age, .n_x = N_X, .n_y = N_Y
};
static const struct cubix_nodes nodes = { .n = 26, .reach = 200., .step = 20. };

/* The basis: numbers between 1 and 2, and instead of basis.c's tiles these; one can be missing, some mapped. */
static int missing_tile = -1;
static float *mapped_tile[8];                    /* NULL: a tile is read into the buffer */
size_t cubix_basis_tile_size(const struct cubix_basis *b)
{
  return (size_t)b->n_template * (size_t)b->nodes.n * CUBIX_TILE;
}

static inline float d_of(const struct cubix_basis *b, int slot, int node, int channel)
{
  if (channel >= b->n_lambda) return 0.f;
  return 1.f + (float)((unsigned)(slot * 7919 + node * 104729 + channel * 1299709) * 2654435761u >> 16) / 65536.f;
}

int cubix_basis_tile(const struct cubix_basis *b, int i, float *buffer, const float **tile)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(i != missing_tile, CUBIX_EINPUT, "no tile %d", i);
  *tile = mapped_tile[i] ? mapped_tile[i] : buffer;
  for (int t = 0; t < b->n_template && !mapped_tile[i]; t++)
    for (int j = 0; j < b->nodes.n; j++)
      for (int k = 0; k < CUBIX_TILE; k++)
        buffer[(t * b->nodes.n + j) * CUBIX_TILE + k] = d_of(b, t, j, i * CUBIX_TILE + k);
done:
  return status;
}

/* n stars: half of them in spaxel 20, some at and beyond the ends of grid and reach, masses over `decades`. */
static inline struct cubix_placement *stars(size_t n, double decades)
{
  struct cubix_placement *p = NULL;
  CHECK_IS(cubix_placement_init(&p, N_SPAXEL, n), ==, 0);
  for (size_t s = 0, i = 0; s <= N_SPAXEL; s++) {
    p->start[s] = i;
    if (s == N_SPAXEL - 1) i = n;
    else if (s % 3 != 1) i += s == 20 ? n / 2 : 9 * n / (20 * N_SPAXEL);
  }
  for (size_t i = 0; i < n; i++) {
    static const double edge[] = { -200., 200., -200.0000001, 200.0000001, 1e9, -1e9, 0., 180., -180. };
    struct cubix_star *star = &p->star[i];
    star->mass_formed = 1e4 * pow(10., -decades * uniform());
    star->velocity = i % 10 ? 500. * (uniform() - 0.5) : edge[i / 10 % 9];
    star->iz = (int16_t)(uniform() * (N_Z - 1));
    star->ia = (int16_t)(LAB_FIRST_AGE + uniform() * (N_AGE - 1 - LAB_FIRST_AGE));
    star->f_z = i % 7 ? uniform() : (double)(i % 2);
    star->f_age = i % 11 ? uniform() : (double)(i % 2);
    star->screen = 0;
  }
  return p;
}

static inline void scale_of(int32_t *exponent, const struct cubix_placement *p)
{
  uint64_t count[N_SPAXEL] = { 0 };
  double heaviest[N_SPAXEL] = { 0 };
  for (size_t s = 0; s < N_SPAXEL; s++)
    for (size_t i = p->start[s]; i < p->start[s + 1]; i++) {
      count[s]++;
      heaviest[s] = check_worst(heaviest[s], p->star[i].mass_formed);
    }
  cubix_histogram_scale(exponent, count, heaviest, N_SPAXEL);
}

static const double scale = 0.37;

static inline struct cubix_cube cube_of(int first, int n)
{
  struct cubix_cube cube = { .n_x = N_X, .n_y = N_Y, .lambda_first = first, .n_lambda = n };
  CHECK((cube.flux = calloc((size_t)(N_SPAXEL * n) + 1, sizeof *cube.flux)) != NULL);
  return cube;
}

static inline struct cubix_basis basis_of(int32_t *slot, int n_lambda)
{
  struct cubix_basis b = { .nodes = nodes,
                           .n_row = N_ROW,
                           .slot = slot,
                           .n_template = N_ROW,
                           .n_lambda = n_lambda,
                           .n_tile = (n_lambda + CUBIX_TILE - 1) / CUBIX_TILE };
  for (int t = 0; t < N_ROW; t++) slot[t] = (t * 5 + 3) % N_ROW;
  return b;
}

static inline int same_histogram(const struct cubix_histogram *a, const struct cubix_histogram *b)
{
  size_t n = a->start[a->n_spaxel];
  return a->n_spaxel == b->n_spaxel && a->n_value == b->n_value &&
         !memcmp(a->start, b->start, sizeof *a->start * (a->n_spaxel + 1)) &&
         !memcmp(a->block, b->block, sizeof *a->block * n) &&
         !memcmp(a->value, b->value, sizeof *a->value * a->n_value) &&
         !memcmp(a->exponent, b->exponent, sizeof *a->exponent * a->n_spaxel);
}

/** The cover of stars, by so many threads; 0: by as many as there were. */
static inline struct cubix_histogram *cover_of(const struct cubix_placement *p, int n_thread)
{
  struct cubix_histogram *cover = NULL;
  if (n_thread) omp_set_num_threads(n_thread);
  REQUIRE(cubix_histogram_cover(&cover, &nodes, p, &tables) == 0);
  return cover;
}

/** Dense numbers, [spaxel][row][node]: one for each of the histogram's values, or (NULL) these themselves,
 * in_bits: in units of their last bit. */
static inline double *dense_of(const struct cubix_histogram *h, const double *value, int in_bits)
{
  double *dense = calloc((size_t)N_SPAXEL * N_ROW * (size_t)h->nodes.n, sizeof *dense);
  for (size_t s = 0; s < h->n_spaxel; s++)
    for (size_t b = h->start[s]; b < h->start[s + 1]; b++)
      for (int j = 0; j < h->block[b].n; j++) {
        size_t at = h->block[b].at + (size_t)j;
        dense[(s * N_ROW + (size_t)h->block[b].row) * (size_t)h->nodes.n + (size_t)(h->block[b].node + j)] =
            value ? value[at] : ldexp((double)h->value[at], in_bits ? 0 : -h->exponent[s]);
      }
  return dense;
}

/** Directions of n stars; every `still`-th (0: none) is zero. */
static inline struct cubix_star_bar *dots(size_t n, size_t still)
{
  struct cubix_star_bar *d = calloc(n + 1, sizeof *d);
  for (size_t i = 0; i < n; i++)
    if (!still || i % still)
      d[i] =
          (struct cubix_star_bar){ 1e3 * (uniform() - 0.5), 60 * (uniform() - 0.5), uniform() - 0.5, uniform() - 0.5,
                                   0 };
  return d;
}

#endif
