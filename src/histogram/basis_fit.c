/* basis_fit.c -- spectra as functions of velocity: least squares on B-splines, and how good they are.
 *
 * The integral B(v) of a template over a channel is a linear form on the values {T_i, T''_i/6} at
 * the few knots that the channel meets at velocity v (physics/pixel.h), with weights that no
 * template enters.  So is everything that is made of it: the right-hand side sum_u phi_j(v_u)
 * B(v_u) of the normal equations of node j rests on some dozen knot values, however many velocities
 * v_u are fitted.  Per channel these forms are made once; basis_kernel.c applies them to 32 rows at
 * a time.  The normal matrix sum_u phi_i(v_u) phi_j(v_u) is the same for all, has five side
 * diagonals and is factored once.
 *
 * The fit covers two steps more than the grid on both sides, so that the grid's end nodes are as
 * well determined as the others.  A channel that the library covers at the velocities there are may
 * leave it in that margin: there the template is continued by point reflection in its last knot,
 * which keeps value and slope, so that the edge does not ring into velocities that are used.
 *
 * Rows that end within what a channel sees are left out of D (basis_ends.c).  Where a row is dim,
 * with less than 1e-6 of its mean at all knots that a channel sees, D_j = B(v_j), zero where B is:
 * no relative error could be bounded there.
 *
 * The certificate compares in float64, at eight velocities per step and the two ends, which are not
 * those that were fitted, |v| <= reach. */
#include "histogram/basis_parts.h"

#include <float.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/worst.h"
#include "physics/doppler.h"

/* of a row's mean: what counts as no light, in the certificate and in the search for a row's ends */
static const double DARK = 1e-6;

/* Normal equations of the fitted velocities, and their factors. */
static int factor_init(struct cubix_basis_fit *fit)
{
  int status = CUBIX_OK;
  struct cubix_basis_fit_factor *f = &fit->factor;
  double (*m)[6] = NULL;                         /* [n] diagonal and the five before it */
  f->n = fit->nodes.n + 2 * CUBIX_BASIS_FIT_EXTRA;
  CUBIX_ALLOC(f->lower, f->n);
  CUBIX_ALLOC(f->inverse, f->n);
  CUBIX_ALLOC(m, f->n);
  for (int i = 0; i + 5 < f->n; i++)
    for (int s = 0; s < CUBIX_BASIS_FIT_SAMPLE; s++)
      for (int a = 0; a < 6; a++)
        for (int b = 0; b <= a; b++) m[i + a][a - b] += fit->sample_phi[s][a] * fit->sample_phi[s][b];
  for (int j = 0; j < f->n; j++) {
    for (int q = j < 5 ? j : 5; q >= 1; q--) {   /* L[j][j - q] */
      double sum = m[j][q];
      for (int p = q + 1; p <= 5 && p <= j; p++)
        sum -= f->lower[j][p - 1] * f->lower[j - q][p - q - 1] / f->inverse[j - p];
      f->lower[j][q - 1] = sum * f->inverse[j - q];
    }
    double pivot = m[j][0];
    for (int q = 1; q <= 5 && q <= j; q++) pivot -= f->lower[j][q - 1] * f->lower[j][q - 1] / f->inverse[j - q];
    f->inverse[j] = 1 / pivot;
  }
done:
  free(m);
  return status;
}

static int velocities_init(struct cubix_basis_fit *fit)
{
  int status = CUBIX_OK, n_interval = fit->factor.n - 5;
  const struct cubix_nodes *nodes = &fit->nodes;
  int n_inner = (int)ceil(2 * nodes->reach / nodes->step * CUBIX_BASIS_FIT_CHECK);
  CUBIX_ALLOC(fit->sample_doppler, n_interval * CUBIX_BASIS_FIT_SAMPLE);
  CUBIX_ALLOC(fit->node_doppler, nodes->n);
  CUBIX_ALLOC(fit->check_doppler, n_inner + 2);
  CUBIX_ALLOC(fit->check_phi, n_inner + 2);
  CUBIX_ALLOC(fit->check_node, n_inner + 2);
  for (int i = 0; i < n_interval * CUBIX_BASIS_FIT_SAMPLE; i++)
    fit->sample_doppler[i] =
        cubix_doppler(fit->tables.one_plus_z, cubix_basis_fit_velocity(fit, (i + 0.5) / CUBIX_BASIS_FIT_SAMPLE));
  for (int j = 0; j < nodes->n; j++)
    fit->node_doppler[j] = cubix_doppler(fit->tables.one_plus_z, -nodes->reach + (j - 2) * nodes->step);
  for (int i = -1; i <= n_inner; i++) {
    double v = i < 0          ? -nodes->reach
               : i == n_inner ? nodes->reach
                              : -nodes->reach + (i + 0.5) / CUBIX_BASIS_FIT_CHECK * nodes->step,
           f = 0;
    if (v > nodes->reach) continue;              /* the last step may be partly beyond */
    int at = fit->n_check++;
    fit->check_node[at] = cubix_node_of(nodes, v, &f) + CUBIX_BASIS_FIT_EXTRA;
    cubix_node_weights(f, fit->check_phi[at]);
    fit->check_doppler[at] = cubix_doppler(fit->tables.one_plus_z, v);
  }
done:
  return status;
}

static int dark_init(struct cubix_basis_fit *fit)
{
  int status = CUBIX_OK;
  const struct cubix_tables *v = &fit->tables;
  CUBIX_ALLOC(fit->dark, v->n_row);
#pragma omp parallel for schedule(static) if (!omp_in_parallel())
  for (int r = 0; r < v->n_row; r++) {
    const cubix_real *p = v->row + (size_t)r * (size_t)v->row_stride;
    double sum = 0;
    for (int i = 0; i < v->n_knot; i++) sum += fabs((double)p[2 * i]);
    fit->dark[r] = DARK * sum / v->n_knot;
  }
done:
  return status;
}

int cubix_basis_fit_init(struct cubix_basis_fit *fit, const struct cubix_nodes *nodes,
                         const struct cubix_tables *tables, const unsigned char *covered)
{
  int status = CUBIX_OK;
  memset(fit, 0, sizeof *fit);
  fit->nodes = *nodes;
  fit->tables = *tables;
  fit->covered = covered;
  for (int s = 0; s < CUBIX_BASIS_FIT_SAMPLE; s++)
    cubix_node_weights((s + 0.5) / CUBIX_BASIS_FIT_SAMPLE, fit->sample_phi[s]);
  CUBIX_TRY(factor_init(fit));
  CUBIX_TRY(velocities_init(fit));
  CUBIX_TRY(dark_init(fit));
done:
  if (status) cubix_basis_fit_free(fit);
  return status;
}

void cubix_basis_fit_free(struct cubix_basis_fit *fit)
{
  free(fit->factor.lower);
  free(fit->factor.inverse);
  free(fit->sample_doppler);
  free(fit->node_doppler);
  free(fit->check_doppler);
  free(fit->check_phi);
  free(fit->check_node);
  free(fit->dark);
  memset(fit, 0, sizeof *fit);
}

/* ---- rows and channels ----------------------------------------------------------------------- */
/* Up to 32 rows, their values at knots a .. b beside each other; dark[lane]: 1 where one of them is
 * not lit throughout. */
static int gather(const struct cubix_basis_fit *fit, const int *row, int n, int a, int b, double *value,
                  unsigned char *dark)
{
  int status = CUBIX_OK, any = 0;
  double sum = 0;
  for (int lane = 0; lane < CUBIX_BASIS_FIT_LANE; lane++) {
    const cubix_real *p =
        lane < n ? (fit->instead ? fit->instead : fit->tables.row) + (size_t)row[lane] * (size_t)fit->tables.row_stride
                 : NULL;
    for (int i = 2 * a; i < 2 * b + 2; i++)
      sum += 0 * (value[(size_t)(i - 2 * a) * CUBIX_BASIS_FIT_LANE + (size_t)lane] = p ? (double)p[i] : 0);
    any |= dark[lane] = (unsigned char)(p && cubix_basis_row_light(fit, row[lane], a, b) != CUBIX_LIT);
  }
  CUBIX_CHECK(sum == 0, CUBIX_EFAIL, "a template near %.1f AA is not finite", fit->tables.knot[a]);
  dark[CUBIX_BASIS_FIT_LANE] = (unsigned char)any;
done:
  return status;
}

struct block {
  int n;
  double *value, *d, *exact;
  double floor[CUBIX_BASIS_FIT_LANE] __attribute__((aligned(64))),
      limit[CUBIX_BASIS_FIT_LANE] __attribute__((aligned(64))),
      worst[CUBIX_BASIS_FIT_LANE] __attribute__((aligned(64)));
  unsigned char dark[CUBIX_BASIS_FIT_LANE + 1], dim[CUBIX_BASIS_FIT_LANE], left_out[CUBIX_BASIS_FIT_LANE];
};

static void store(const struct cubix_basis_fit *fit, const struct block *block, const double *d,
                  const unsigned char *only, float *tile)
{
  size_t n_node = (size_t)fit->nodes.n;
  for (int lane = 0; lane < block->n; lane++) {
    if (only && !only[lane]) continue;
    for (size_t j = 0; j < n_node; j++)
      tile[((size_t)lane * n_node + j) * CUBIX_TILE] = (float)d[j * CUBIX_BASIS_FIT_LANE + (size_t)lane];
  }
}

enum cubix_basis_way cubix_basis_way_of(const struct cubix_basis_fit *fit, const struct cubix_basis_channel *ch,
                                        int row, int dark)
{
  int covered = fit->covered[ch->k];
  if (fit->at_end[ch->k] && fit->ending[row]) return CUBIX_LEFT_OUT;
  return !covered || (dark && cubix_basis_row_light(fit, row, ch->a, ch->b) != CUBIX_LIT) ? CUBIX_EXACT : CUBIX_FITTED;
}

/* Which rows of a block a channel does not fit: those that end are left out, the dim ones are taken as they are. */
static int set_aside(const struct cubix_basis_fit *fit, const struct cubix_basis_channel *ch, const int *row,
                     struct block *block)
{
  int any = 0;
  for (int lane = 0; lane < CUBIX_BASIS_FIT_LANE; lane++) {
    enum cubix_basis_way way =
        lane < block->n ? cubix_basis_way_of(fit, ch, row[lane], block->dark[lane]) : CUBIX_FITTED;
    block->left_out[lane] = way == CUBIX_LEFT_OUT;
    block->dim[lane] = way == CUBIX_EXACT;
    any |= way != CUBIX_FITTED;
  }
  return any;
}

/* One block of rows in one channel. */
static void block_channel(const struct cubix_basis_fit *fit, const struct cubix_basis_fit_kernel *kernel,
                          const struct cubix_basis_channel *ch, const int *row, struct block *block, float *tile,
                          int check)
{
  int any = set_aside(fit, ch, row, block);
  if (fit->covered[ch->k]) {
    kernel->solve(&ch->rhs, &fit->factor, block->value, block->d);
    if (tile) store(fit, block, block->d + CUBIX_BASIS_FIT_EXTRA * CUBIX_BASIS_FIT_LANE, NULL, tile);
    for (int lane = 0; lane < CUBIX_BASIS_FIT_LANE; lane++)
      block->limit[lane] = block->dim[lane] || block->left_out[lane] ? DBL_MAX : block->floor[lane];
    if (check)
      kernel->check(&ch->check, fit->check_node + ch->first_check,
                    (const double(*)[CUBIX_N_WEIGHT])fit->check_phi + ch->first_check, block->value, block->d,
                    block->limit, block->worst);
  }
  if (!tile || !any) return;
  kernel->apply(&ch->exact, block->value, block->exact);
  store(fit, block, block->exact, block->dim, tile);
  memset(block->exact, 0, sizeof *block->exact * (size_t)fit->nodes.n * CUBIX_BASIS_FIT_LANE);
  store(fit, block, block->exact, block->left_out, tile);
}

/* All blocks of rows in the channels of a group, which rest on knots a .. b. */
static int group_rows(const struct cubix_basis_fit *fit, const struct cubix_basis_job *job,
                      const struct cubix_basis_channel *ch, int a, int b)
{
  int status = CUBIX_OK, n_row = job->n_row;
  double *worst = job->worst;
  const struct cubix_basis_fit_kernel *kernel = cubix_basis_fit_kernel_best();
  struct block block = { 0 };
  CUBIX_ALLOC(block.value, (size_t)(b - a + 1) * 2 * CUBIX_BASIS_FIT_LANE);
  CUBIX_ALLOC(block.d, fit->factor.n * CUBIX_BASIS_FIT_LANE);
  CUBIX_ALLOC(block.exact, fit->nodes.n * CUBIX_BASIS_FIT_LANE);
  for (int t = 0; t < n_row && !(worst && !(*worst <= job->limit)); t += CUBIX_BASIS_FIT_LANE) {
    const int *row = job->row + t;
    block.n = n_row - t < CUBIX_BASIS_FIT_LANE ? n_row - t : CUBIX_BASIS_FIT_LANE;
    CUBIX_TRY(gather(fit, row, block.n, a, b, block.value, block.dark));
    for (int lane = 0; lane < CUBIX_BASIS_FIT_LANE; lane++) {
      double mean = lane < block.n ? fit->tables.light[row[lane]] / fit->tables.n_lambda : 1;
      block.floor[lane] = mean > 0 ? fmax(DARK * mean, DBL_MIN) : DBL_MIN;
      block.worst[lane] = 0;
    }
    for (int k = 0; k < job->n_k; k++)
      block_channel(fit, kernel, &ch[k], row, &block,
                    job->tile ? job->tile + (size_t)t * (size_t)fit->nodes.n * CUBIX_TILE + k : NULL, worst != NULL);
    for (int lane = 0; lane < CUBIX_BASIS_FIT_LANE && worst; lane++) *worst = cubix_worst(*worst, block.worst[lane]);
  }
done:
  free(block.value);
  free(block.d);
  free(block.exact);
  return status;
}

int cubix_basis_fit_channels(const struct cubix_basis_fit *fit, const struct cubix_basis_job *job)
{
  int status = CUBIX_OK, a = INT32_MAX, b = 0, check = job->worst != NULL, k0 = job->k0, n_k = job->n_k;
  struct cubix_basis_channel ch[CUBIX_BASIS_FIT_GROUP] = { 0 };
  struct cubix_forms sample = { 0 };
  CUBIX_CHECK(n_k <= CUBIX_BASIS_FIT_GROUP, CUBIX_EFAIL, "%d channels in a group of at most %d", n_k,
              CUBIX_BASIS_FIT_GROUP);
  for (int k = 0; k < n_k; k++) {
    cubix_basis_window(fit, k0 + k, &ch[k].a, &ch[k].b);
    if (ch[k].a < a) a = ch[k].a;
    if (ch[k].b > b) b = ch[k].b;
  }
  for (int k = 0; k < n_k; k++) CUBIX_TRY(cubix_basis_channel_init(fit, &ch[k], k0 + k, a, check, &sample));
  CUBIX_TRY(group_rows(fit, job, ch, a, b));
done:
  for (int k = 0; k < CUBIX_BASIS_FIT_GROUP; k++) cubix_basis_channel_free(&ch[k]);
  cubix_basis_forms_free(&sample);
  return status;
}
