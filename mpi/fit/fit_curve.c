/* fit_curve.c -- how the objective of a fit curves: H = U^T J^T W J U, for the optimiser's last
 * steps (src/fit/newton.c) and for the errors (fit_errors.c).
 *
 * W is cubix_objective_curvature's, J leads from the leaves to the cube, U from the unknowns to the
 * leaves.  Up to 300 free unknowns H is complete, column by column from Gauss-Newton products with
 * unit vectors: two runs each.  Beyond there are products with any vector, and the diagonal from
 * the probes of fit_blocks.c.  What was found at some x is kept until another x is asked for: the
 * matrix by which the fit was judged is the one that the errors come from. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cube/cube.h"
#include "fit/leaves.h"
#include "fit/objective.h"
#include "fit/optimise.h"
#include "fit/unknowns.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/fit/fit_parts.h"
#include "mpi/pipeline/chain.h"

static const double no_gain = 0.01;             /* of -2 ln L: a tenth of a standard deviation */
static const double no_gain_cosine = 1e-9;      /* of 1 - cosine, for each spaxel */
enum { LEAST_PROBES = 8 };

static int undetermined(const struct cubix_unknowns *u, size_t i) { return !(u->lower[i] < u->upper[i]); }

int cubix_fit_joint_init(struct cubix_fit_joint *joint, const struct cubix_unknowns *u, int stars)
{
  int status = CUBIX_OK;
  const size_t own = u->n - u->n_shared;
  int here = 0, before = 0, all = 0, k;
  for (size_t i = 0; stars && i < own; i++) here += !undetermined(u, i);
  MPI_Exscan(&here, &before, 1, MPI_INT, MPI_SUM, cubix_mpi_group()->comm);
  MPI_Allreduce(&here, &all, 1, MPI_INT, MPI_SUM, cubix_mpi_group()->comm);
  joint->n = all;
  for (size_t i = own; i < u->n; i++) joint->n += !undetermined(u, i);
  CUBIX_ALLOC(joint->place, u->n);
  CUBIX_ALLOC(joint->h, (size_t)joint->n * (size_t)joint->n);
  k = cubix_mpi_rank() == 0 ? 0 : before;
  for (size_t i = 0; i < own; i++) joint->place[i] = stars && !undetermined(u, i) ? k++ : -1;
  k = all;
  for (size_t i = own; i < u->n; i++) joint->place[i] = !undetermined(u, i) ? k++ : -1;
done:
  return status;
}

void cubix_fit_joint_free(struct cubix_fit_joint *joint)
{
  free(joint->place);
  free(joint->h);
  *joint = (struct cubix_fit_joint) { 0 };
}

/* bar = J^T W J dot where W is no diagonal. */
static int range_product(struct cubix_fit *fit)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube_dot;
  CUBIX_TRY(cubix_mpi_chain_jvp(fit->chain, &fit->curve.dot, &cube_dot));
  memcpy(fit->cube_bar.flux, cube_dot->flux,
         (size_t)cube_dot->n_x * (size_t)cube_dot->n_y * (size_t)cube_dot->n_lambda * sizeof *cube_dot->flux);
  CUBIX_TRY(cubix_mpi_agree(cubix_objective_weigh(fit->obs, &fit->curve.weight, &fit->cube_bar)));
  CUBIX_TRY(cubix_mpi_chain_vjp(fit->chain, &fit->cube_bar, &fit->bar));
done:
  return status;
}

/* hp = H p at the curve's x, where the chain is. */
static int multiply(struct cubix_fit *fit, const double *p, double *hp)
{
  int status = CUBIX_OK;
  struct cubix_fit_curve *curve = &fit->curve;
  cubix_unknowns_apply_jvp(fit->unknowns, curve->x, p, &curve->dot);
  memset(hp, 0, fit->unknowns->n * sizeof *hp);
  cubix_fit_clear_bars(fit);
  if (fit->obs->range) CUBIX_TRY(range_product(fit));
  else CUBIX_TRY(cubix_mpi_chain_gnvp(fit->chain, &curve->weight, &curve->dot, &fit->bar));
  cubix_unknowns_apply_vjp(fit->unknowns, curve->x, &fit->bar, hp);
done:
  return status;
}

int cubix_fit_joint_fill(struct cubix_fit_joint *joint, struct cubix_fit *fit)
{
  int status = CUBIX_OK;
  const struct cubix_unknowns *u = fit->unknowns;
  double *unit = fit->curve.unit, *column = fit->curve.column;
  const size_t n = (size_t)joint->n;
  for (size_t j = 0; j < n; j++) {
    for (size_t i = 0; i < u->n; i++) unit[i] = joint->place[i] == (int)j;
    CUBIX_TRY(multiply(fit, unit, column));
    for (size_t i = 0; i < n; i++) joint->h[i * n + j] = 0;
    for (size_t i = 0; i < u->n; i++)                        /* what is shared is told by rank 0 */
      if (joint->place[i] >= 0 && (i < u->n - u->n_shared ||
          cubix_mpi_rank() == 0)) joint->h[(size_t)joint->place[i] * n + j] = column[i];
    cubix_log_progress("curvature", (double)(j + 1) / (double)n);
  }
  if (n) MPI_Allreduce(MPI_IN_PLACE, joint->h, (int)(n * n), MPI_DOUBLE, MPI_SUM, cubix_mpi_group()->comm);
done:
  return status;
}

/* Room, on this rank. */
static int make_room(struct cubix_fit *fit, const struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  struct cubix_fit_curve *curve = &fit->curve;
  const size_t n = fit->unknowns->n;
  curve->weight = (struct cubix_cube) { .n_x = cube->n_x, .n_y = cube->n_y };
  CUBIX_TRY(cubix_cube_hold(&curve->weight, cube->lambda_first, cube->n_lambda));
  CUBIX_TRY(cubix_unknowns_leaves(fit->unknowns, &curve->dot));
  CUBIX_ALLOC(curve->x, n);
  CUBIX_ALLOC(curve->unit, n);
  CUBIX_ALLOC(curve->column, n);
done:
  return status;
}

static void free_room(struct cubix_fit_curve *curve)
{
  free(curve->weight.flux);
  free(curve->x);
  free(curve->unit);
  free(curve->column);
  cubix_leaves_free(&curve->dot);
  curve->weight = (struct cubix_cube) { 0 };
  curve->dot = (struct cubix_leaves) { { NULL } };
  curve->x = curve->unit = curve->column = NULL;
}

int cubix_fit_curve_at(struct cubix_fit *fit, const double *x)
{
  int status = CUBIX_OK;
  struct cubix_fit_curve *curve = &fit->curve;
  const size_t n = fit->unknowns->n;
  const struct cubix_cube *cube;
  const int here = curve->x && !memcmp(curve->x, x, n * sizeof *x);
  if (!curve->left && cubix_mpi_max(!here) == 0) goto done;
  if (cubix_mpi_max(!here) > 0) {
    curve->filled = 0;
    cubix_fit_blocks_free(&curve->blocks);
  }
  CUBIX_TRY(cubix_fit_forward(fit, x, &cube));
  if (!curve->x) {
    status = cubix_mpi_agree(make_room(fit, cube));
    if (status) free_room(curve);                            /* on all ranks, which may ask again */
    CUBIX_TRY(status);
  }
  if (x != curve->x) memcpy(curve->x, x, n * sizeof *x);
  CUBIX_TRY(cubix_mpi_agree(cubix_fit_hold(fit, cube)));
  CUBIX_TRY(
      cubix_mpi_agree(cubix_objective_curvature(&curve->weight, fit->par, fit->obs, cube, &cubix_mpi_collective)));
  curve->left = 0;
done:
  return status;
}

int cubix_fit_curve_blocks(struct cubix_fit *fit, const double *x)
{
  int status = CUBIX_OK;
  struct cubix_fit_curve *curve = &fit->curve;
  CUBIX_TRY(cubix_fit_curve_at(fit, x));
  if (curve->blocks.n_probe) goto done;
  CUBIX_TRY(cubix_fit_blocks_find(&curve->blocks, fit, &curve->weight, curve->x, fit->par->FitProbes > LEAST_PROBES ?
      fit->par->FitProbes : LEAST_PROBES));
done:
  return status;
}

/* ---- what the optimiser asks ----------------------------------------------------------------- */
int cubix_fit_curve_matrix(void *host, const double *x, const double **h)
{
  int status = CUBIX_OK;
  struct cubix_fit *fit = host;
  CUBIX_TRY(cubix_fit_curve_at(fit, x));
  if (!fit->curve.filled) CUBIX_TRY(cubix_fit_joint_fill(&fit->curve.joint, fit));
  fit->curve.filled = 1;
  *h = fit->curve.joint.h;
done:
  return status;
}

static int diagonal(void *host, const double *x, double *d)
{
  int status = CUBIX_OK;
  struct cubix_fit *fit = host;
  CUBIX_TRY(cubix_fit_curve_blocks(fit, x));
  cubix_fit_blocks_diagonal(d, &fit->curve.blocks);
done:
  return status;
}

static int product(void *host, const double *p, double *hp)
{
  int status = CUBIX_OK;
  struct cubix_fit *fit = host;
  CUBIX_TRY(cubix_fit_curve_at(fit, fit->curve.x));
  CUBIX_TRY(multiply(fit, p, hp));
done:
  return status;
}

int cubix_fit_curve_init(struct cubix_fit *fit)
{
  int status = CUBIX_OK;
  const int cosine = fit->par->Likelihood == CUBIX_Likelihood_cosine, few = fit->free <= CUBIX_FIT_MOST_JOINT;
  struct cubix_fit_curve *curve = &fit->curve;
  if (few) CUBIX_TRY(cubix_fit_joint_init(&curve->joint, fit->unknowns, 1));
  curve->told = (struct cubix_optimiser_curve) { .n = curve->joint.n, .place = curve->joint.place, .gain = cosine ?
      no_gain_cosine * fit->obs->n_x * fit->obs->n_y : no_gain,
                                                 .relative = cosine ? 1e-4 : 1e-8, .matrix = cubix_fit_curve_matrix,
                                                     .diagonal = diagonal, .product = product };
  curve->left = 1;
done:
  return status;
}

void cubix_fit_curve_free(struct cubix_fit_curve *curve)
{
  free_room(curve);
  cubix_fit_joint_free(&curve->joint);
  cubix_fit_blocks_free(&curve->blocks);
}
