/* fit_blocks.c -- curvature of the objective among the unknowns of one star: for errors where there
 * are too many unknowns for all at once.
 *
 * H = U^T J^T W J U (fit_errors.c).  Stars that do not share spaxels know nothing of each other in
 * H, but mass, age and metallicity of one star look alike, and a bright star curves the objective
 * 10^4 times as much as a faint one.  So of H the blocks of each star's own unknowns are found, and
 * the diagonal of the unknowns of the whole, by probes: for random signs s on the voxels and a =
 * U^T J^T W^(1/2) s the mean of a_i a_j is H_ij, whatever the other stars are; one backward run a
 * probe.  (Hutchinson 1990, Commun. Stat. Simul. 19, 433, puts the signs on the unknowns instead,
 * z_i (H z)_i: that drowns a star's entry in those of all stars that look like it.)
 *
 * Errors: a sum over n probes of a a^T, of p unknowns, is about a Wishart matrix; (its inverse)_ii
 * is that of H, over chi2 of n - p + 1 degrees (Mardia, Kent & Bibby 1979, 3.4), hence the factor n
 * - p + 1 instead of n, and an error that is right to 1/sqrt(2 (n - p + 1)). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cube/cube.h"
#include "fit/objective.h"
#include "fit/unknowns.h"
#include "mpi/comm/comm.h"
#include "mpi/fit/fit_parts.h"
#include "mpi/pipeline/chain.h"
#include "physics/random.h"

enum { MOST = 12 };                             /* numbers of a star, at least all STAR leaves' */

/* Entry of a packed lower triangle, j <= i. */
static size_t at(int i, int j) { return (size_t)(i * (i + 1) / 2 + j); }
static size_t packed(int p) { return (size_t)(p * (p + 1) / 2); }

/* s for one probe.  The signs belong to voxels, whoever holds them. */
static void probe_voxels(struct cubix_cube *to, int probe, int seed)
{
  const uint32_t key[2] = { (uint32_t)seed, 0x50524f42u };
  const size_t n_spaxel = (size_t)to->n_x * (size_t)to->n_y;
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < n_spaxel; s++)
    for (int k = 0; k < to->n_lambda; k++) {
      const int channel = to->lambda_first + k;
      const uint32_t counter[4] = { (uint32_t)s, (uint32_t)channel / 32, (uint32_t)probe, 0 };
      uint32_t word[4];
      cubix_philox(word, counter, key);
      const size_t v = s * (size_t)to->n_lambda + (size_t)k;
      to->flux[v] = word[0] >> (channel % 32) & 1 ? 1 : -1;
    }
}

static int blocks_init(struct cubix_fit_blocks *blocks, const struct cubix_unknowns *u)
{
  int status = CUBIX_OK;
  *blocks = (struct cubix_fit_blocks) { .p = u->n_star_unknown, .n_star = u->n_star, .n_shared = u->n_shared };
  CUBIX_ALLOC(blocks->star, u->n_star * packed(blocks->p));
  CUBIX_ALLOC(blocks->shared, u->n_shared);
done:
  return status;
}

void cubix_fit_blocks_free(struct cubix_fit_blocks *blocks)
{
  free(blocks->star);
  free(blocks->shared);
  *blocks = (struct cubix_fit_blocks) { 0 };
}

int cubix_fit_blocks_find(struct cubix_fit_blocks *blocks, struct cubix_fit *fit, const struct cubix_cube *weight,
                          const double *x, int n_probe)
{
  int status = CUBIX_OK;
  const struct cubix_unknowns *u = fit->unknowns;
  const int p = u->n_star_unknown;
  const size_t own = u->n - u->n_shared;
  double *a = NULL;
  CUBIX_TRY(cubix_mpi_agree(blocks_init(blocks, u)));
  CUBIX_MPI_ALLOC(a, u->n);
  blocks->n_probe = n_probe;
  for (int probe = 0; probe < n_probe; probe++) {
    probe_voxels(&fit->cube_bar, probe, fit->par->Seed);
    CUBIX_TRY(cubix_mpi_agree(cubix_objective_root(fit->obs, weight, &fit->cube_bar)));
    memset(a, 0, u->n * sizeof *a);
    cubix_fit_clear_bars(fit);
    CUBIX_TRY(cubix_mpi_chain_vjp(fit->chain, &fit->cube_bar, &fit->bar));
    cubix_unknowns_apply_vjp(u, x, &fit->bar, a);
    for (size_t i = 0; i < u->n; i++) if (!(u->lower[i] < u->upper[i])) a[i] = 0;
#pragma omp parallel for schedule(static)
    for (size_t s = 0; s < u->n_star; s++)
      for (int i = 0; i < p; i++)
        for (int j = 0; j <= i; j++)
          blocks->star[s * packed(p) + at(i, j)] +=
              a[s * (size_t)p + (size_t)i] * a[s * (size_t)p + (size_t)j] / n_probe;
    for (size_t i = own; i < u->n; i++) blocks->shared[i - own] += a[i] * a[i] / n_probe;
    cubix_log_progress("curvature", (double)(probe + 1) / n_probe);
  }
done:
  if (status) cubix_fit_blocks_free(blocks);
  free(a);
  return status;
}

/* Cholesky's factor in place; rows without a diagonal are left out (their factor is 0).  @return
 * the smallest pivot relative to its diagonal */
static double factor(double *h, int p)
{
  double least = 1;
  for (int i = 0; i < p; i++)
    for (int j = 0; j <= i; j++) {
      const double diagonal = h[at(i, i)];
      double sum = h[at(i, j)];
      for (int k = 0; k < j; k++) sum -= h[at(i, k)] * h[at(j, k)];
      if (j < i) {
        h[at(i, j)] = h[at(j, j)] > 0 ? sum / h[at(j, j)] : 0;
      } else {
        if (diagonal > 0) least = fmin(least, sum / diagonal);
        h[at(i, i)] = sum > 0 ? sqrt(sum) : 0;
      }
    }
  return least;
}

static void solve(const double *l, int p, double *d)
{
  for (int i = 0; i < p; i++) {
    for (int k = 0; k < i; k++) d[i] -= l[at(i, k)] * d[k];
    d[i] = l[at(i, i)] > 0 ? d[i] / l[at(i, i)] : 0;
  }
  for (int i = p; i--;) {
    for (int k = i + 1; k < p; k++) d[i] -= l[at(k, i)] * d[k];
    d[i] = l[at(i, i)] > 0 ? d[i] / l[at(i, i)] : 0;
  }
}

void cubix_fit_blocks_errors(double *error, const struct cubix_fit_blocks *blocks)
{
  const int p = blocks->p, n = blocks->n_probe;
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < blocks->n_star; s++) {
    const double *h = blocks->star + s * packed(p);
    double l[MOST * (MOST + 1) / 2] = { 0 };
    int said = 0;
    memcpy(l, h, packed(p) * sizeof *l);
    for (int i = 0; i < p; i++) said += h[at(i, i)] > 0;
    /* few probes, or unknowns that look alike: each by itself */
    const int together = n > said && factor(l, p) > 1e-6;
    for (int i = 0; i < p; i++) {
      double unit[MOST] = { 0 }, variance = INFINITY;
      unit[i] = 1;
      if (together && h[at(i, i)] > 0) solve(l, p, unit);
      if (h[at(i, i)] > 0) variance = together ? unit[i] * (n - said + 1) / n : 1 / h[at(i, i)];
      error[s * (size_t)p + (size_t)i] = sqrt(2 * variance);
    }
  }
  for (size_t i = 0; i < blocks->n_shared; i++)
    error[blocks->n_star * (size_t)p + i] = blocks->shared[i] > 0 ? sqrt(2 / blocks->shared[i]) : INFINITY;
}

void cubix_fit_blocks_diagonal(double *d, const struct cubix_fit_blocks *blocks)
{
  const int p = blocks->p;
  for (size_t s = 0; s < blocks->n_star; s++)
    for (int i = 0; i < p; i++) d[s * (size_t)p + (size_t)i] = blocks->star[s * packed(p) + at(i, i)];
  for (size_t i = 0; i < blocks->n_shared; i++) d[blocks->n_star * (size_t)p + i] = blocks->shared[i];
}
