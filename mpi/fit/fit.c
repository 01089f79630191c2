/* fit.c -- the values of Parameters that bring the model nearest to the observed cube.
 *
 * Unknowns x (src/fit/unknowns.c) give values of the chain's leaves, the chain a cube, the
 * objective (src/fit/objective.c) one number F; its gradient comes back the same way,
 *
 *   dF/dx = U^T J^T dF/dcube        U: unknowns to leaves, J: leaves to the cube,
 *
 * and an optimiser (src/fit/optimise.c) follows it.  Every rank holds the unknowns of its own
 * stars; those of the whole are on all.  An evaluation is one forward and one backward run.  Where
 * the objective is not finite, or the values are refused, the optimiser takes a shorter step.  The
 * chain is left where the optimiser ended: L-BFGS at the lowest value that it found, Adam at its
 * last. */
#include "mpi/fit/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"
#include "base/log.h"
#include "base/worst.h"
#include "cube/cube.h"
#include "fit/leaves.h"
#include "fit/objective.h"
#include "fit/observed.h"
#include "fit/optimise.h"
#include "fit/unknowns.h"
#include "mpi/comm/comm.h"
#include "mpi/fit/fit_parts.h"
#include "mpi/pipeline/chain.h"
#include "mpi/pipeline/chain_parts.h"
#include "output/output.h"
#include "params/params.h"
#include "spectra/templates.h"

int cubix_mpi_fit_check(const struct cubix_params *par)
{
  static const char *const ending[] = { "-convergence.txt", "-fit.txt", "-stars.hdf5" };
  int status = CUBIX_OK, n_age;
  char path[CUBIX_OUTPUT_PATH];
  double edge[CUBIX_UNKNOWN_MOST_BINS + 1];
  CUBIX_TRY(cubix_unknowns_edges(edge, &n_age, par));
  /* the convergence so far is in the restart file, and goes on */
  for (int i = par->FitResume != 0; i < 3; i++)
    CUBIX_TRY(cubix_output_side_check(par, ending[i], ""));
  CUBIX_TRY(cubix_output_side_name(path, par, "-restart.hdf5", par->FitRestartFile));
  if (*par->FitRestartFile)
    CUBIX_TRY(cubix_output_check_other(par, "FitRestartFile", "-restart.hdf5", par->FitRestartFile));
  if (!par->FitResume && par->FitRestart) CUBIX_TRY(cubix_output_side_check(par, "-restart.hdf5", par->FitRestartFile));
  if (par->FitResume) status = cubix_infile_check(path, CUBIX_EINPUT);
  if (status)
    cubix_error_about("FitResume yes (%s) needs the restart file that FitRestartFile names",
                      cubix_params_origin(par, "FitResume"));
done:
  return status;
}

int cubix_fit_note(struct cubix_fit *fit, const struct cubix_optimiser *state)
{
  int status = CUBIX_OK;
  if (fit->n_row == fit->room) {
    double *more = NULL;
    CUBIX_ALLOC(more, 2 * fit->room * CUBIX_N_ROW);
    memcpy(more, fit->row, fit->n_row * CUBIX_N_ROW * sizeof *more);
    free(fit->row);
    fit->row = more;
    fit->room *= 2;
  }
  double *row = fit->row + CUBIX_N_ROW * fit->n_row++;
  row[CUBIX_ROW_ITERATION] = state->at[CUBIX_AT_ITERATION];
  row[CUBIX_ROW_EVALUATION] = state->at[CUBIX_AT_EVALUATION];
  row[CUBIX_ROW_VALUE] = state->at[CUBIX_AT_VALUE];
  row[CUBIX_ROW_GRADIENT] = state->at[CUBIX_AT_GRADIENT];
  row[CUBIX_ROW_STEP] = state->at[CUBIX_AT_STEP];
done:
  return status;
}

/* What a fit can be continued from.  Where the disk is full or gone it goes on without: the file of
 * before stays, and the next one may succeed. */
static void keep(struct cubix_fit *fit, const struct cubix_optimiser *state)
{
  int status = cubix_fit_save(fit, state);
  if (!status) status = cubix_fit_write_convergence(fit);
  if (status && !fit->unsaved++)
    cubix_log(CUBIX_LOG_WARNING,
              "fit: after iteration %.0f the restart file is not written, and the fit goes on without; it is tried "
              "again every %d iterations, and at the end: %s",
              state->at[CUBIX_AT_ITERATION], fit->par->FitRestart, cubix_error_message());
  if (status) cubix_error_clear();
}

static int iterated(void *host, const struct cubix_optimiser *state)
{
  int status = CUBIX_OK;
  struct cubix_fit *fit = host;
  const int iteration = (int)state->at[CUBIX_AT_ITERATION];
  cubix_log(CUBIX_LOG_INFO, "fit: iteration %d, %s %.8g, per degree of freedom %.5g, gradient %.2e, step %.2e",
            iteration, cubix_Likelihood_word[fit->par->Likelihood], state->at[CUBIX_AT_VALUE],
            state->at[CUBIX_AT_VALUE] / fmax(fit->voxels - fit->free, 1), state->at[CUBIX_AT_GRADIENT],
            state->at[CUBIX_AT_STEP]);
  cubix_log_progress("fit", (double)iteration / fmax(fit->par->MaxIterations, 1));
  CUBIX_TRY(cubix_mpi_agree(cubix_fit_note(fit, state)));
  if (fit->par->FitRestart && iteration % fit->par->FitRestart == 0) keep(fit, state);
done:
  return status;
}

/* Range of the library; what it calls 0 is there the value that stands for it. */
static void library_range(struct cubix_unknowns_start *start, const struct cubix_chain *chain)
{
  struct cubix_result result;
  cubix_mpi_chain_result(&result, chain);
  const struct cubix_templates *templates = result.templates;
  for (int end = 0; end < 2; end++) {
    start->age[end] = pow(10, templates->log_age[end ? templates->ssp->n_age - 1 : 0]);
    start->metallicity[end] = pow(10, templates->log_z[end ? templates->ssp->n_z - 1 : 0]);
  }
}

static int find_unknowns(struct cubix_fit *fit)
{
  int status = CUBIX_OK;
  unsigned char need[CUBIX_N_LEAF];
  struct cubix_leaves first = { { NULL } };
  double *light = NULL;
  struct cubix_unknowns_start start = { .n_star = cubix_mpi_chain_size(fit->chain, CUBIX_LEAF_Mass), .value = &first };
  library_range(&start, fit->chain);
  cubix_unknowns_need(need, fit->par, fit->varied);
  for (enum cubix_leaf leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    if (!need[leaf]) continue;
    CUBIX_MPI_ALLOC(first.value[leaf], cubix_mpi_chain_size(fit->chain, leaf));
    CUBIX_TRY(cubix_mpi_chain_get(fit->chain, leaf, first.value[leaf]));
  }
  CUBIX_MPI_ALLOC(light, start.n_star);
  cubix_mpi_chain_light(fit->chain, light);
  start.light = light;
  CUBIX_TRY(cubix_mpi_agree(cubix_unknowns_init(&fit->unknowns, fit->par, fit->varied, &start, &cubix_mpi_collective)));
done:
  free(light);
  cubix_leaves_free(&first);
  return status;
}

/* Along what other minima are looked for; on this rank. */
static int find_ranges(struct cubix_fit *fit)
{
  int status = CUBIX_OK;
  double range[2];
  for (int end = 0; end < 2; end++) CUBIX_ALLOC(fit->scan_range[end], fit->unknowns->n);
  for (size_t i = 0; i < fit->unknowns->n; i++) {
    cubix_unknowns_scan(fit->unknowns, i, range);
    for (int end = 0; end < 2; end++) fit->scan_range[end][i] = range[end];
  }
  fit->scan.low = fit->scan_range[0];
  fit->scan.high = fit->scan_range[1];
done:
  return status;
}

/* Room, on this rank. */
static int make_room(struct cubix_fit *fit)
{
  int status = CUBIX_OK;
  const struct cubix_params *par = fit->par;
  CUBIX_TRY(cubix_unknowns_leaves(fit->unknowns, &fit->value));
  CUBIX_TRY(cubix_unknowns_leaves(fit->unknowns, &fit->bar));
  CUBIX_TRY(cubix_optimiser_init(&fit->state, par->Optimiser, fit->unknowns->n, par->FitPairs));
  if (par->FitScan && fit->free <= CUBIX_FIT_MOST_JOINT) CUBIX_TRY(find_ranges(fit));
  fit->room = 256;
  CUBIX_ALLOC(fit->row, fit->room * CUBIX_N_ROW);
done:
  return status;
}

static void count_free(struct cubix_fit *fit)
{
  const struct cubix_unknowns *u = fit->unknowns;
  const size_t own = u->n - u->n_shared;
  int64_t n = 0, shared = 0;
  for (size_t i = 0; i < own; i++) n += u->lower[i] < u->upper[i];
  for (size_t i = own; i < u->n; i++) shared += u->lower[i] < u->upper[i];
  fit->free = (double)(cubix_mpi_sum_int(n) + shared);
}

static void tell_end(const struct cubix_fit *fit)
{
  const double *at = fit->state->at;
  const enum cubix_optimiser_end end = (enum cubix_optimiser_end)at[CUBIX_AT_END];
  char verdict[CUBIX_FIT_VERDICT];
  cubix_log(cubix_optimiser_converged(end) ? CUBIX_LOG_INFO : CUBIX_LOG_WARNING,
            "fit: %s%s; %.0f iterations, %.0f evaluations, %s %.10g", cubix_optimiser_end_text(end),
            cubix_fit_promise(fit, verdict), at[CUBIX_AT_ITERATION], at[CUBIX_AT_EVALUATION],
            cubix_Likelihood_word[fit->par->Likelihood], at[CUBIX_AT_VALUE]);
  cubix_log(CUBIX_LOG_INFO, "fit: %s", cubix_fit_scanned(fit, verdict));
  if (!cubix_fit_describes(fit, verdict))
    cubix_log(CUBIX_LOG_WARNING,
              "fit: chi2 is %.3g per degree of freedom: the model does not describe the cube, and the errors mean "
              "little; other starts, or other Parameters?",
              at[CUBIX_AT_VALUE] / fmax(fit->voxels - fit->free, 1));
  else if (verdict[0]) cubix_log(CUBIX_LOG_INFO, "fit: %s", verdict);
}

static int search(struct cubix_fit *fit)
{
  int status = CUBIX_OK;
  const struct cubix_params *par = fit->par;
  const struct cubix_optimiser_rule rule = { par->MaxIterations, par->GradientTolerance, par->ValueTolerance,
                                             par->LearningRate };
  const struct cubix_optimiser_problem problem = { fit->unknowns->n,
                                                   fit->unknowns->n_shared,
                                                   fit->unknowns->lower,
                                                   fit->unknowns->upper,
                                                   cubix_fit_evaluate,
                                                   iterated,
                                                   fit,
                                                   &cubix_mpi_collective,
                                                   &fit->curve.told,
                                                   fit->scan.low ? &fit->scan : NULL };
  if (par->FitResume) CUBIX_TRY(cubix_fit_resume(fit, &problem));
  cubix_log(CUBIX_LOG_INFO, "fit: %.0f unknowns, %zu of them of the whole, and %.0f voxels; %s%s", fit->free,
            fit->unknowns->n_shared, fit->voxels, cubix_Optimiser_word[par->Optimiser],
            par->FitResume ? ", continued" : "");
  CUBIX_TRY(cubix_optimise(fit->state, &problem, &rule));
  tell_end(fit);
  if (par->FitRestart) keep(fit, fit->state);
done:
  return status;
}

/* The errors.  Where there is no memory for them the fit goes without, and its values are written before the chain is
 * led back to them. */
static int finish(struct cubix_fit *fit)
{
  const struct cubix_cube *cube;
  int status = cubix_fit_curve_at(fit, cubix_optimiser_x(fit->state));
  if (!status) status = cubix_fit_errors(fit);
  if (status != CUBIX_ENOMEM) {
    CUBIX_TRY(status);
    return cubix_fit_write(fit);
  }
  cubix_log(CUBIX_LOG_WARNING, "fit: no errors, since there is no memory for them: %s", cubix_error_message());
  cubix_error_clear();
  free(fit->error);
  fit->error = NULL;
  cubix_fit_curve_free(&fit->curve);
  fit->curve = (struct cubix_fit_curve){ 0 };
  CUBIX_TRY(cubix_fit_write(fit));
  CUBIX_TRY(cubix_fit_forward(fit, cubix_optimiser_x(fit->state), &cube));
done:
  return status;
}

int cubix_mpi_fit(struct cubix_chain *chain, const struct cubix_params *par, const struct cubix_observed *obs,
                  const unsigned char varied[CUBIX_N_LEAF], const char **end)
{
  int status = CUBIX_OK;
  struct cubix_fit fit = { .chain = chain,
                           .par = par,
                           .obs = obs,
                           .varied = varied,
                           .voxels = cubix_objective_voxels(par, obs, &cubix_mpi_collective) };
  CUBIX_TRY(find_unknowns(&fit));
  count_free(&fit);
  CUBIX_TRY(cubix_mpi_agree(make_room(&fit)));
  CUBIX_TRY(cubix_mpi_agree(cubix_fit_curve_init(&fit)));
  CUBIX_TRY(search(&fit));
  *end = cubix_optimiser_end_text((enum cubix_optimiser_end)fit.state->at[CUBIX_AT_END]);
  CUBIX_TRY(finish(&fit));
done:
  cubix_fit_curve_free(&fit.curve);
  free(fit.error);
  free(fit.row);
  free(fit.scan_range[0]);
  free(fit.scan_range[1]);
  free(fit.cube_bar.flux);
  cubix_optimiser_free(fit.state);
  cubix_leaves_free(&fit.bar);
  cubix_leaves_free(&fit.value);
  cubix_unknowns_free(fit.unknowns);
  return status;
}
