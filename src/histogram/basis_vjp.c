/* basis_vjp.c -- derivatives of the prepared templates with the rows they are fitted to.
 *
 * A row's D in a channel is linear in the row's knot values: the normal equations solved for
 * right-hand sides that are linear forms (basis_fit.c), then the grid's own nodes picked out; where
 * nothing is fitted, the forms B(v_j) themselves; where the row is left out, nothing.  Which of the
 * three it is depends on where the row has light, as in the forward fit, and is not differentiated.
 *
 * Reverse, for one tile: the forms of its channels are made once, by all threads; then every group
 * of channels and every block of 32 rows is a piece of work of its own with bars of its own, on the
 * group's few knots; in the end each row adds up its groups, in their order: the same bits with any
 * number of threads.  All of it in float64.  Bars of channels beyond the last are not looked at.
 *
 * Tangents are fitted in the rows' place, each in its row's way: a basis of tangents is the
 * derivative of the basis. */
#include "histogram/basis.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "histogram/basis_parts.h"

enum { GROUP_PER_TILE = CUBIX_TILE / CUBIX_BASIS_FIT_GROUP };

/* Channels that are worked on together, as in the forward fit. */
struct group {
  int n_k, a, b;                  /* channels; knots they rest on */
  struct cubix_basis_channel channel[CUBIX_BASIS_FIT_GROUP];
  double *bar;                    /* [n_block][(b - a + 1) * 2][CUBIX_BASIS_FIT_LANE] */
};

struct job {
  const struct cubix_basis *basis;
  const struct cubix_basis_fit *fit;
  const int *row;                 /* [n_template] */
  const float *tile_bar;
  int n_block;
  struct group group[GROUP_PER_TILE];
};

static size_t group_values(const struct group *g) { return (size_t)(g->b - g->a + 1) * 2 * CUBIX_BASIS_FIT_LANE; }

/* Windows of the groups of a tile, and room for what they give. */
static int groups_init(struct job *job, int tile)
{
  int status = CUBIX_OK;
  for (int i = 0; i < GROUP_PER_TILE; i++) {
    struct group *g = &job->group[i];
    int k0 = tile * CUBIX_TILE + i * CUBIX_BASIS_FIT_GROUP, left = job->fit->tables.n_lambda - k0;
    g->n_k = left < 0 ? 0 : left < CUBIX_BASIS_FIT_GROUP ? left : CUBIX_BASIS_FIT_GROUP;
    g->a = INT32_MAX;
    for (int k = 0; k < g->n_k; k++) {
      struct cubix_basis_channel *ch = &g->channel[k];
      cubix_basis_window(job->fit, k0 + k, &ch->a, &ch->b);
      if (ch->a < g->a) g->a = ch->a;
      if (ch->b > g->b) g->b = ch->b;
    }
    if (g->n_k)
      CUBIX_CHECK((g->bar = cubix_reserve((size_t)job->n_block * group_values(g), sizeof *g->bar)), CUBIX_ENOMEM,
                  "no memory for the derivatives of %d templates", job->basis->n_template);
  }
done:
  return status;
}

/* The forms of all channels. */
static int channels_init(struct job *job, int tile)
{
  int status = CUBIX_OK, there = 1;
#pragma omp parallel reduction(& : there)
  {
    struct cubix_forms sample = { 0 };
#pragma omp for schedule(dynamic, 4)
    for (int k = 0; k < CUBIX_TILE; k++) {
      struct group *g = &job->group[k / CUBIX_BASIS_FIT_GROUP];
      if (k % CUBIX_BASIS_FIT_GROUP < g->n_k)
        there &= !cubix_basis_channel_init(job->fit, &g->channel[k % CUBIX_BASIS_FIT_GROUP], tile * CUBIX_TILE + k,
                                           g->a, 0, &sample);
    }
    cubix_basis_forms_free(&sample);
  }
  CUBIX_CHECK(there, CUBIX_ENOMEM, "no memory for the weights of %d channels", CUBIX_TILE);
done:
  return status;
}

/* Bars of a block of rows at the nodes of one channel, those that go `way`; 0 for the others.
 * @return 1 where there are any */
static int load(const struct job *job, const enum cubix_basis_way way[CUBIX_BASIS_FIT_LANE], enum cubix_basis_way want,
                int first, int n, int column, double *d)
{
  size_t n_node = (size_t)job->basis->nodes.n;
  int any = 0;
  memset(d, 0, n_node * CUBIX_BASIS_FIT_LANE * sizeof *d);
  for (int lane = 0; lane < n; lane++) {
    if (way[lane] != want) continue;
    const float *bar = job->tile_bar + (size_t)(first + lane) * n_node * CUBIX_TILE + column;
    for (size_t j = 0; j < n_node; j++)
      any |= (d[j * CUBIX_BASIS_FIT_LANE + (size_t)lane] = (double)bar[j * CUBIX_TILE]) != 0;
  }
  return any;
}

/* One block of rows in the channels of a group.  @param d  scratch [nodes of the fit][CUBIX_BASIS_FIT_LANE] */
static void block_reverse(const struct job *job, int which, int block, const struct cubix_basis_fit_kernel *kernel,
                          double *d)
{
  const struct group *g = &job->group[which];
  double *bar = g->bar + (size_t)block * group_values(g), *inner = d + CUBIX_BASIS_FIT_EXTRA * CUBIX_BASIS_FIT_LANE;
  size_t edge = CUBIX_BASIS_FIT_EXTRA * CUBIX_BASIS_FIT_LANE;
  int first = block * CUBIX_BASIS_FIT_LANE, left = job->basis->n_template - first,
      n = left < CUBIX_BASIS_FIT_LANE ? left : CUBIX_BASIS_FIT_LANE, dark[CUBIX_BASIS_FIT_LANE];
  memset(bar, 0, group_values(g) * sizeof *bar);
  for (int lane = 0; lane < n; lane++)
    dark[lane] = cubix_basis_row_light(job->fit, job->row[first + lane], g->a, g->b) != CUBIX_LIT;
  for (int k = 0; k < g->n_k; k++) {
    const struct cubix_basis_channel *ch = &g->channel[k];
    enum cubix_basis_way way[CUBIX_BASIS_FIT_LANE];
    int column = which * CUBIX_BASIS_FIT_GROUP + k, exact = 0;
    for (int lane = 0; lane < n; lane++)
      exact |= (way[lane] = cubix_basis_way_of(job->fit, ch, job->row[first + lane], dark[lane])) == CUBIX_EXACT;
    if (exact && load(job, way, CUBIX_EXACT, first, n, column, inner)) kernel->apply_vjp(&ch->exact, bar, inner);
    if (!load(job, way, CUBIX_FITTED, first, n, column, inner)) continue;
    memset(d, 0, edge * sizeof *d);
    memset(inner + (size_t)job->basis->nodes.n * CUBIX_BASIS_FIT_LANE, 0, edge * sizeof *d);
    kernel->solve_vjp(&ch->rhs, &job->fit->factor, bar, d);
  }
}

static int blocks_reverse(struct job *job)
{
  int status = CUBIX_OK, there = 1;
#pragma omp parallel reduction(& : there)
  {
    const struct cubix_basis_fit_kernel *kernel = cubix_basis_fit_kernel_best();
    double *d = cubix_alloc((size_t)job->fit->factor.n * CUBIX_BASIS_FIT_LANE, sizeof *d);
    there &= d != NULL;
#pragma omp for schedule(dynamic, 1)
    for (int unit = 0; unit < GROUP_PER_TILE * job->n_block; unit++)
      if (d && job->group[unit % GROUP_PER_TILE].n_k)
        block_reverse(job, unit % GROUP_PER_TILE, unit / GROUP_PER_TILE, kernel, d);
    free(d);
  }
  CUBIX_CHECK(there, CUBIX_ENOMEM, "no memory for the derivatives of %d templates", CUBIX_BASIS_FIT_LANE);
done:
  return status;
}

int cubix_basis_vjp(const struct cubix_basis *basis, int i, const float *tile_bar, double *row_bar)
{
  int status = CUBIX_OK;
  const struct cubix_basis_state *state = basis->state;
  struct job job = { .basis = basis,
                     .fit = &state->fit,
                     .row = state->row,
                     .tile_bar = tile_bar,
                     .n_block = (basis->n_template + CUBIX_BASIS_FIT_LANE - 1) / CUBIX_BASIS_FIT_LANE };
  size_t stride = 2 * ((size_t)state->fit.tables.n_knot + 1);
  CUBIX_TRY(groups_init(&job, i));
  CUBIX_TRY(channels_init(&job, i));
  CUBIX_TRY(blocks_reverse(&job));
#pragma omp parallel for schedule(static)
  for (int t = 0; t < basis->n_template; t++)
    for (const struct group *g = job.group; g < job.group + GROUP_PER_TILE && g->n_k; g++) {
      const double *bar = g->bar + (size_t)(t / CUBIX_BASIS_FIT_LANE) * group_values(g) + t % CUBIX_BASIS_FIT_LANE;
      double *to = row_bar + (size_t)state->row[t] * stride + 2 * (size_t)g->a;
      for (int x = 0; x < 2 * (g->b - g->a + 1); x++) to[x] += bar[(size_t)x * CUBIX_BASIS_FIT_LANE];
    }
done:
  for (int g = 0; g < GROUP_PER_TILE; g++) {
    for (int k = 0; k < CUBIX_BASIS_FIT_GROUP; k++) cubix_basis_channel_free(&job.group[g].channel[k]);
    free(job.group[g].bar);
  }
  return status;
}

int cubix_basis_jvp(struct cubix_basis **out, const struct cubix_basis *basis, const struct cubix_templates *templates,
                    const cubix_real *row_dot)
{
  int status = CUBIX_OK, n_lambda = basis->n_lambda;
  struct cubix_basis *dot = NULL;
  unsigned char *used = NULL;
  CUBIX_CHECK(templates->tables.n_row == basis->n_row && templates->tables.n_lambda == n_lambda, CUBIX_EFAIL,
              "a basis of %d rows and %d channels, but templates of %d and %d", basis->n_row, n_lambda,
              templates->tables.n_row, templates->tables.n_lambda);
  CUBIX_ALLOC(used, basis->n_row);
  for (int r = 0; r < basis->n_row; r++) used[r] = basis->slot[r] >= 0;
  CUBIX_TRY(cubix_basis_init(&dot, templates, &basis->nodes, used, basis->tolerance));
  memcpy(dot->ending, basis->ending, (size_t)basis->n_row);
  memcpy(dot->at_end, basis->at_end, (size_t)n_lambda);
  memcpy(dot->unbounded, basis->unbounded, (size_t)n_lambda);
  dot->n_at_end = basis->n_at_end;
  struct cubix_basis_state *mine = dot->state;
  mine->fit.instead = row_dot;
  *out = dot;
  dot = NULL;
done:
  cubix_basis_free(dot);
  free(used);
  return status;
}
