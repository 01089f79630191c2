/* fit_evaluate.c -- the objective and its gradient at some values of the unknowns. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/worst.h"
#include "cube/cube.h"
#include "fit/objective.h"
#include "fit/unknowns.h"
#include "mpi/comm/comm.h"
#include "mpi/fit/fit_parts.h"
#include "mpi/pipeline/chain.h"

int cubix_fit_forward(struct cubix_fit *fit, const double *x, const struct cubix_cube **cube)
{
  int status = CUBIX_OK;
  fit->curve.left = 1;
  cubix_unknowns_apply(fit->unknowns, x, &fit->value);
  /* the whole first: positions of stars are put into the frame in use */
  for (int leaf = CUBIX_N_LEAF; leaf--;)
    if (fit->varied[leaf]) CUBIX_TRY(cubix_mpi_chain_put(fit->chain, (enum cubix_leaf)leaf, fit->value.value[leaf]));
  CUBIX_TRY(cubix_mpi_chain_forward(fit->chain, cube));
done:
  return status;
}

int cubix_fit_hold(struct cubix_fit *fit, const struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  const struct cubix_cube *held = &fit->cube_bar;
  if (held->flux && held->n_lambda == cube->n_lambda && held->lambda_first == cube->lambda_first &&
      held->n_x == cube->n_x && held->n_y == cube->n_y)
    return CUBIX_OK;
  free(fit->cube_bar.flux);
  fit->cube_bar = (struct cubix_cube) { .n_x = cube->n_x, .n_y = cube->n_y };
  CUBIX_TRY(cubix_cube_hold(&fit->cube_bar, cube->lambda_first, cube->n_lambda));
done:
  return status;
}

void cubix_fit_clear_bars(struct cubix_fit *fit)
{
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    if (fit->varied[leaf])
      memset(fit->bar.value[leaf], 0, cubix_mpi_chain_size(fit->chain, (enum cubix_leaf)leaf) * sizeof(double));
}

/* The first row of the table: the optimiser tells of iterations only. */
static void note_start(struct cubix_fit *fit, const double *x, double value, const double *gradient)
{
  double largest = 0;
  for (size_t i = 0; i < fit->unknowns->n; i++) {
    int held = gradient[i] > 0 ? x[i] <= fit->unknowns->lower[i] : x[i] >= fit->unknowns->upper[i];
    largest = cubix_worst(largest, held ? 0 : fabs(gradient[i]));
  }
  fit->row[CUBIX_ROW_EVALUATION] = 1;
  fit->row[CUBIX_ROW_VALUE] = value;
  fit->row[CUBIX_ROW_GRADIENT] = cubix_mpi_max(largest);
  fit->n_row = 1;
}

/* Forwards, and back.  *far: the values are refused, beyond the library, or too wide for the memory that there is. */
static int run(struct cubix_fit *fit, const double *x, double *value, int *far)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube;
  *far = 1;
  CUBIX_TRY(cubix_fit_forward(fit, x, &cube));
  CUBIX_TRY(cubix_mpi_agree(cubix_fit_hold(fit, cube)));
  CUBIX_TRY(
      cubix_mpi_agree(cubix_objective(value, fit->par, fit->obs, cube, &fit->cube_bar, &cubix_mpi_collective)));
  cubix_fit_clear_bars(fit);
  status = cubix_mpi_chain_vjp(fit->chain, &fit->cube_bar, &fit->bar);
  *far = status == CUBIX_ENOMEM;
done:
  return status;
}

int cubix_fit_evaluate(void *host, const double *x, double *value, double *gradient)
{
  int status = CUBIX_OK, far;
  struct cubix_fit *fit = host;
  memset(gradient, 0, fit->unknowns->n * sizeof *gradient);
  status = run(fit, x, value, &far);
  if ((status == CUBIX_EFAIL || status == CUBIX_EUSAGE || status == CUBIX_EINPUT || status == CUBIX_ENOMEM) && far &&
      fit->n_row > 0) {
    cubix_log(CUBIX_LOG_DEBUG, "fit: a shorter step, since %s", cubix_error_message());
    cubix_error_clear();
    *value = NAN;
    return CUBIX_OK;
  }
  CUBIX_TRY(status);
  cubix_unknowns_apply_vjp(fit->unknowns, x, &fit->bar, gradient);
  if (fit->n_row == 0) note_start(fit, x, *value, gradient);
done:
  return status;
}
