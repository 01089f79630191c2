/* fit_errors.c -- how well the cube determines the unknowns, from the curvature of the objective at its minimum.
 *
 * The objective is -2 ln L (chi2, the deviance), so the covariance of the unknowns is C = 2 H^-1, with H = J^T W J in the Gauss-Newton approximation (W:
 * cubix_objective_curvature; J: from unknowns to the cube).  For cosine, which is no likelihood, there are no errors.
 *
 * Up to 300 free unknowns: H column by column, by Gauss-Newton products with unit vectors; scaled to a diagonal of 1; Cholesky; errors are the roots of C's diagonal.
 * Where H is singular (unknowns that the cube cannot tell apart) errors are those of each unknown with all others held, sqrt(2/H_ii).  With more unknowns the errors of a star
 * are those of its own unknowns together, the other stars and the whole held, from probes (fit_blocks.c), and those of the whole from their own part of H, the stars held. */
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "cubix-mpi.h"
#include "error.h"
#include "fit_parts.h"
#include "log.h"
#include "objective.h"

enum { MOST_JOINT = 300 };

/* Unknowns that are worked out together: some of those of all ranks, numbered; the others are held. */
struct joint {
  int n;                          /* together, on every rank */
  int *mine;                      /* [n] index of the unknown here, -1: another rank's */
  double *h;                      /* [n][n] */
};

static int undetermined(const struct cubix_unknowns *u, size_t i) { return !(u->lower[i] < u->upper[i]); }

/* All free unknowns (stars 1), or the shared ones alone. */
static int joint_init(struct joint *joint, const struct cubix_unknowns *u, int stars)
{
  int status = CUBIX_OK;
  const size_t own = u->n - u->n_shared;
  int here = 0, before = 0, all = 0, k;
  for (size_t i = 0; stars && i < own; i++) here += !undetermined(u, i);
  MPI_Exscan(&here, &before, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  MPI_Allreduce(&here, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  joint->n = all;
  for (size_t i = own; i < u->n; i++) joint->n += !undetermined(u, i);
  CUBIX_ALLOC(joint->mine, joint->n);
  CUBIX_ALLOC(joint->h, (size_t)joint->n * (size_t)joint->n);
  for (k = 0; k < joint->n; k++) joint->mine[k] = -1;
  k = cubix_mpi_rank() == 0 ? 0 : before;
  for (size_t i = 0; stars && i < own; i++) if (!undetermined(u, i)) joint->mine[k++] = (int)i;
  k = all;
  for (size_t i = own; i < u->n; i++) if (!undetermined(u, i)) joint->mine[k++] = (int)i;
done:
  return status;
}

static void joint_free(struct joint *joint)
{
  free(joint->mine);
  free(joint->h);
}

/* H, column by column. */
static int joint_fill(struct joint *joint, struct cubix_fit *fit, const struct cubix_cube *weight, struct cubix_leaves *dot, double *unit, double *column)
{
  int status = CUBIX_OK;
  const struct cubix_unknowns *u = fit->unknowns;
  const double *x = cubix_optimiser_x(fit->state);
  const size_t n = (size_t)joint->n;
  for (size_t j = 0; j < n; j++) {
    const int mine = joint->mine[j];
    memset(unit, 0, u->n * sizeof *unit);
    memset(column, 0, u->n * sizeof *column);
    if (mine >= 0) unit[mine] = 1;
    cubix_unknowns_apply_jvp(u, x, unit, dot);
    cubix_fit_clear_bars(fit);
    CUBIX_TRY(cubix_mpi_chain_gnvp(fit->chain, weight, dot, &fit->bar));
    cubix_unknowns_apply_vjp(u, x, &fit->bar, column);
    for (size_t i = 0; i < n; i++) {
      const int at = joint->mine[i];                       /* what is shared is told by rank 0 */
      joint->h[i * n + j] = at < 0 || ((size_t)at >= u->n - u->n_shared && cubix_mpi_rank()) ? 0 : column[at];
    }
    cubix_log_progress("errors", (double)(j + 1) / (double)n);
  }
  if (n) MPI_Allreduce(MPI_IN_PLACE, joint->h, (int)(n * n), MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
done:
  return status;
}

/* Errors from H.  *joined 0: it is singular, each error is that with the others held. */
static int joint_errors(double *error, int *joined, const struct joint *joint)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)joint->n;
  double *scale = NULL;
  gsl_matrix *c = n ? gsl_matrix_alloc(n, n) : NULL;
  *joined = 1;
  if (!n) return CUBIX_OK;
  CUBIX_ALLOC(scale, n);
  CUBIX_CHECK(c, CUBIX_ENOMEM, "cannot allocate a matrix of %zu x %zu", n, n);
  for (size_t i = 0; i < n; i++) scale[i] = joint->h[i * n + i] > 0 ? 1 / sqrt(joint->h[i * n + i]) : 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) gsl_matrix_set(c, i, j, i == j ? 1 : 0.5 * (joint->h[i * n + j] + joint->h[j * n + i]) * scale[i] * scale[j]);
  *joined = !gsl_linalg_cholesky_decomp1(c);
  for (size_t i = 0; *joined && i < n; i++) *joined = gsl_matrix_get(c, i, i) > 1e-5;   /* a correlation of 1 - 1e-10: float32 knows no better */
  if (*joined) gsl_linalg_cholesky_invert(c);
  for (size_t i = 0; i < n; i++) {
    double variance = *joined ? gsl_matrix_get(c, i, i) : 1;
    error[i] = scale[i] > 0 ? sqrt(2 * variance) * scale[i] : INFINITY;
  }
done:
  if (c) gsl_matrix_free(c);
  free(scale);
  return status;
}

static int find_joint(struct cubix_fit *fit, const struct cubix_cube *weight, int stars, int *joined)
{
  int status = CUBIX_OK;
  const struct cubix_unknowns *u = fit->unknowns;
  struct joint joint = { 0 };
  struct cubix_leaves dot = { { NULL } };
  double *unit = NULL, *column = NULL, *error = NULL;
  status = joint_init(&joint, u, stars);
  if (!status) status = cubix_unknowns_leaves(u, &dot);
  if (!status && !((unit = cubix_alloc(u->n, sizeof *unit)) && (column = cubix_alloc(u->n, sizeof *column)) && (error = cubix_alloc((size_t)joint.n, sizeof *error))))
    status = cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate %zu x 2 numbers for errors", u->n);
  CUBIX_TRY(cubix_mpi_agree(status));
  CUBIX_TRY(joint_fill(&joint, fit, weight, &dot, unit, column));
  CUBIX_TRY(cubix_mpi_agree(joint_errors(error, joined, &joint)));
  for (int k = 0; k < joint.n; k++) if (joint.mine[k] >= 0) fit->error[joint.mine[k]] = error[k];
done:
  free(error);
  free(column);
  free(unit);
  cubix_leaves_free(&dot);
  joint_free(&joint);
  return status;
}

static int find_blocks(struct cubix_fit *fit, const struct cubix_cube *weight)
{
  int status = CUBIX_OK;
  struct cubix_fit_blocks blocks = { 0 };
  CUBIX_TRY(cubix_fit_blocks_find(&blocks, fit, weight, cubix_optimiser_x(fit->state), fit->par->FitProbes));
  cubix_fit_blocks_errors(fit->error, &blocks);
done:
  cubix_fit_blocks_free(&blocks);
  return status;
}

int cubix_fit_errors(struct cubix_fit *fit, const struct cubix_cube *cube)
{
  int status = CUBIX_OK, joined = 1;
  const struct cubix_unknowns *u = fit->unknowns;
  const int few = fit->free <= MOST_JOINT;
  struct cubix_cube weight = { .n_x = cube->n_x, .n_y = cube->n_y };
  if (!fit->par->FitProbes || cubix_likelihood_of(fit->par) == CUBIX_COSINE) {
    cubix_log(CUBIX_LOG_INFO, "fit: no errors: %s", fit->par->FitProbes ? "Likelihood cosine is no likelihood of noise" : "FitProbes = 0");
    return CUBIX_OK;
  }
  CUBIX_TRY(cubix_mpi_agree(cubix_cube_hold(&weight, cube->lambda_first, cube->n_lambda)));
  CUBIX_TRY(cubix_mpi_agree(cubix_fit_hold(fit, cube)));
  CUBIX_TRY(cubix_mpi_agree(cubix_objective_curvature(&weight, fit->par, fit->obs, cube, &cubix_mpi_owners)));
  CUBIX_TRY(cubix_mpi_agree((fit->error = cubix_alloc(u->n, sizeof *fit->error)) ? CUBIX_OK :
                            cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate %zu errors", u->n)));
  if (few) for (size_t i = 0; i < u->n; i++) fit->error[i] = INFINITY;
  else CUBIX_TRY(find_blocks(fit, &weight));
  if (few || u->n_shared <= MOST_JOINT) CUBIX_TRY(find_joint(fit, &weight, few, &joined));
  fit->joint = few && joined;
  if (!joined) cubix_log(CUBIX_LOG_WARNING, "the cube cannot tell the fitted parameters apart: the errors are those of each one with the others held");
done:
  free(weight.flux);
  return status;
}
