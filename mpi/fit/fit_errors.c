/* fit_errors.c -- how well the cube determines the unknowns, from the curvature of the objective at
 * its minimum.
 *
 * The objective is -2 ln L (chi2, the deviance), so the covariance of the unknowns is C = 2 H^-1,
 * with H = J^T W J in the Gauss-Newton approximation (W: cubix_objective_curvature; J: from
 * unknowns to the cube).  For cosine, which is no likelihood, there are no errors.
 *
 * Up to 300 free unknowns: all of H (fit_curve.c), scaled to a diagonal of 1; Cholesky; errors are
 * the roots of C's diagonal.
 * Where H is singular (unknowns that the cube cannot tell apart) errors are those of each unknown
 * with all others held, sqrt(2/H_ii).  With more unknowns the errors of a star are those of its own
 * unknowns together, the other stars and the whole held, from probes (fit_blocks.c), and those of
 * the whole from their own part of H, the stars held. */
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "fit/objective.h"
#include "fit/optimise.h"
#include "fit/unknowns.h"
#include "mpi/comm/comm.h"
#include "mpi/fit/fit_parts.h"

/* Errors from H.  *joined 0: it is singular, each error is that with the others held. */
static int joint_errors(double *error, int *joined, const struct cubix_fit_joint *joint)
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
    for (size_t j = 0; j < n; j++)
      gsl_matrix_set(c, i, j, i == j ? 1 : 0.5 * (joint->h[i * n + j] + joint->h[j * n + i]) * scale[i] * scale[j]);
  *joined = !gsl_linalg_cholesky_decomp1(c);
  /* a correlation of 1 - 1e-10: float32 knows no better */
  for (size_t i = 0; *joined && i < n; i++) *joined = gsl_matrix_get(c, i, i) > 1e-5;
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

/* Of all unknowns together, or of the whole's with the stars held. */
static int find_joint(struct cubix_fit *fit, int stars, int *joined)
{
  int status = CUBIX_OK;
  struct cubix_fit_joint shared = { 0 };
  const struct cubix_fit_joint *joint = stars ? &fit->curve.joint : &shared;
  const double *x = cubix_optimiser_x(fit->state), *h;
  double *error = NULL;
  if (stars) CUBIX_TRY(cubix_fit_curve_matrix(fit, x, &h));
  else {
    CUBIX_TRY(cubix_mpi_agree(cubix_fit_joint_init(&shared, fit->unknowns, 0)));
    CUBIX_TRY(cubix_fit_joint_fill(&shared, fit));
  }
  CUBIX_MPI_ALLOC(error, joint->n);
  CUBIX_TRY(cubix_mpi_agree(joint_errors(error, joined, joint)));
  for (size_t i = 0; i < fit->unknowns->n; i++) if (joint->place[i] >= 0) fit->error[i] = error[joint->place[i]];
done:
  free(error);
  cubix_fit_joint_free(&shared);
  return status;
}

int cubix_fit_errors(struct cubix_fit *fit)
{
  int status = CUBIX_OK, joined = 1;
  const struct cubix_unknowns *u = fit->unknowns;
  const int few = fit->free <= CUBIX_FIT_MOST_JOINT;
  if (!fit->par->FitProbes || fit->par->Likelihood == CUBIX_Likelihood_cosine) {
    cubix_log(CUBIX_LOG_INFO, "fit: no errors: %s",
              fit->par->FitProbes ? "Likelihood cosine is no likelihood of noise" : "FitProbes = 0");
    return CUBIX_OK;
  }
  CUBIX_MPI_ALLOC(fit->error, u->n);
  if (few) for (size_t i = 0; i < u->n; i++) fit->error[i] = INFINITY;
  else {
    CUBIX_TRY(cubix_fit_curve_blocks(fit, cubix_optimiser_x(fit->state)));
    cubix_fit_blocks_errors(fit->error, &fit->curve.blocks);
  }
  if (few || u->n_shared <= CUBIX_FIT_MOST_JOINT) CUBIX_TRY(find_joint(fit, few, &joined));
  fit->joint = few && joined;
  if (!joined)
    cubix_log(
        CUBIX_LOG_WARNING,
        "the cube cannot tell the fitted parameters apart: the errors are those of each one with the others held");
done:
  return status;
}
