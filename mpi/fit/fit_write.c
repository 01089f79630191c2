/* fit_write.c -- what a fit found: its way there, the parameters of the whole with their errors,
 * and the stars as a particle file that cubix reads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/disk.h"
#include "base/error.h"
#include "fit/leaves.h"
#include "fit/objective.h"
#include "fit/optimise.h"
#include "fit/optimise_parts.h"
#include "fit/unknowns.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/fit/fit.h"
#include "mpi/fit/fit_parts.h"
#include "mpi/particles/star_file.h"
#include "mpi/pipeline/chain.h"
#include "mpi/pipeline/chain_parts.h"
#include "output/output.h"
#include "params/params.h"
#include "simulation/slab.h"

/* A text file of rank 0's. */
static int text_write(const struct cubix_fit *fit, const char *ending, int (*print)(FILE *, const void *fit))
{
  int status = CUBIX_OK;
  char path[CUBIX_OUTPUT_PATH];
  CUBIX_TRY(cubix_output_side_name(path, fit->par, ending, ""));
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_rank() == 0 ? cubix_atomic_file_text(path, print, fit) : CUBIX_OK));
done:
  return status;
}

static int print_convergence(FILE *out, const void *host)
{
  const struct cubix_fit *fit = host;
  fprintf(out, "# CUBIX, Mode fit: Likelihood %s, Optimiser %s, Parameters %s\n# voxels  %.0f\n# unknowns %.0f\n",
          cubix_Likelihood_word[fit->par->Likelihood], cubix_Optimiser_word[fit->par->Optimiser], fit->par->Parameters,
          fit->voxels, fit->free);
  fprintf(out, "# gradient: largest component of the projected gradient; step: largest change of an unknown; both in "
               "the unknowns of doc/math.md section 13\n");
  fprintf(out, "#%9s %11s %24s %14s %14s\n", "iteration", "evaluations", "value", "gradient", "step");
  for (size_t i = 0; i < fit->n_row; i++) {
    const double *row = fit->row + CUBIX_N_ROW * i;
    fprintf(out, "%10.0f %11.0f %24.17g %14.6e %14.6e\n", row[CUBIX_ROW_ITERATION], row[CUBIX_ROW_EVALUATION],
            row[CUBIX_ROW_VALUE], row[CUBIX_ROW_GRADIENT], row[CUBIX_ROW_STEP]);
  }
  return CUBIX_OK;
}

int cubix_fit_write_convergence(const struct cubix_fit *fit)
{
  return text_write(fit, "-convergence.txt", print_convergence);
}

const char *cubix_fit_promise(const struct cubix_fit *fit, char text[CUBIX_FIT_VERDICT])
{
  const double promise = fit->state->at[CUBIX_AT_PROMISE];
  text[0] = '\0';
  if (promise < 0) return text;
  if (fit->par->Likelihood == CUBIX_Likelihood_cosine)
    snprintf(text, CUBIX_FIT_VERDICT, "; %.2g may still be gained", promise);
  else
    snprintf(text, CUBIX_FIT_VERDICT, "; %.2g may still be gained, %.2g standard deviations%s", promise, sqrt(promise),
             fit->curve.told.n ? "" : " of an unknown at most");
  return text;
}

const char *cubix_fit_scanned(const struct cubix_fit *fit, char text[CUBIX_FIT_VERDICT])
{
  const struct cubix_optimiser_scan *scan = &fit->scan;
  char lower[CUBIX_FIT_VERDICT / 2] = "";
  if (scan->lower > 0) snprintf(lower, sizeof lower, "a scan found a lower minimum, by %.4g; ", scan->lower);
  if (scan->ended && scan->unknowns)
    snprintf(text, CUBIX_FIT_VERDICT, "%sa scan of %d values along %d unknowns found no %s minimum", lower,
             scan->values, scan->unknowns, lower[0] ? "other lower" : "lower");
  else if (scan->ended)
    snprintf(text, CUBIX_FIT_VERDICT, "no unknown is an age or a metallicity, along which there may be other minima");
  else snprintf(text, CUBIX_FIT_VERDICT, "%sother minima were not looked for%s%s", lower, lower[0] ? " from there" : "",
                !scan->low && fit->par->FitScan ? ": there are too many unknowns" : "");
  return text;
}

int cubix_fit_describes(const struct cubix_fit *fit, char text[CUBIX_FIT_VERDICT])
{
  const double freedom = fit->voxels - fit->free, chi2 = fit->state->at[CUBIX_AT_VALUE],
               sigma = (chi2 - freedom) / sqrt(2 * freedom);
  text[0] = '\0';
  if (fit->par->Likelihood != CUBIX_Likelihood_chi2 || !(freedom >= 1)) return 1;
  snprintf(text, CUBIX_FIT_VERDICT, "chi2 is %s (%+.1f standard deviations of chi2)",
           fabs(sigma) < 5 ? "what the noise makes it"
           : sigma < 0     ? "less than the noise makes it: the variances are too large, or the cube has no noise"
                           : "more than the noise makes it: the model misses something",
           sigma);
  return chi2 <= 2 * freedom;
}

static int print_fit(FILE *out, const void *host)
{
  const struct cubix_fit *fit = host;
  const struct cubix_unknowns *u = fit->unknowns;
  const double *at = fit->state->at, *x = cubix_optimiser_x(fit->state);
  double freedom = fmax(fit->voxels - fit->free, 1);
  char text[CUBIX_FIT_VERDICT];
  fprintf(out, "# CUBIX, Mode fit: Likelihood %s, ObservedFile %s, Parameters %s\n# %s%s\n",
          cubix_Likelihood_word[fit->par->Likelihood], fit->par->ObservedFile, fit->par->Parameters,
          cubix_optimiser_end_text((enum cubix_optimiser_end)at[CUBIX_AT_END]), cubix_fit_promise(fit, text));
  (void)cubix_fit_describes(fit, text);
  if (text[0]) fprintf(out, "# %s\n", text);
  fprintf(out, "# %s\n", cubix_fit_scanned(fit, text));
  fprintf(out, "# objective  %.17g\n# voxels     %.0f\n# unknowns   %.0f\n# per_degree %.8g\n# iterations %.0f\n",
          at[CUBIX_AT_VALUE], fit->voxels, fit->free, at[CUBIX_AT_VALUE] / freedom, at[CUBIX_AT_ITERATION]);
  fprintf(out, "# error: one standard deviation, %s; 0: none was found; inf: the cube says nothing\n",
          fit->joint ? "with all unknowns free" : u->n_star_unknown ? "those of the stars held" : "the others held");
  fprintf(out, "#%-23s %20s %12s %-8s %12s %12s %-4s %s\n", " name", "value", "error", "unit", "from", "to", "of",
          "at_bound");
  for (size_t i = 0; i < u->n_shared; i++) {
    struct cubix_unknown_info info;
    const size_t k = u->n - u->n_shared + i;
    cubix_unknowns_info(u, x, i, &info);
    fprintf(out, "%-24s %20.14g %12.5g %-8s %12.5g %12.5g %-4s %s\n", info.name, info.value,
            fit->error ? fit->error[k] * fabs(info.slope) : 0, info.unit, info.from, info.to,
            info.range_unit ? info.range_unit : "-",
            info.frozen           ? "frozen"
            : x[k] <= u->lower[k] ? "lower"
            : x[k] >= u->upper[k] ? "upper"
                                  : "no");
  }
  return CUBIX_OK;
}

/* ---- stars ----------------------------------------------------------------------------------- */
static const struct { enum cubix_leaf leaf; const char *name, *unit, *error;
} datasets[] = {
  { CUBIX_LEAF_Position, "Position", "kpc", "PositionError" },
  { CUBIX_LEAF_Velocity, "Velocity", "km/s", "VelocityError" },
  { CUBIX_LEAF_Mass, "InitialMass", "Msun", "InitialMassError" },
  { CUBIX_LEAF_Age, "Age", "Gyr", "AgeError" },
  { CUBIX_LEAF_Metallicity, "Metallicity", "1", "MetallicityError" },
  { CUBIX_LEAF_SmoothingLength, "SmoothingLength", "kpc", "SmoothingLengthError" },
};
enum { N_DATASET = sizeof datasets / sizeof datasets[0] };

/* Errors of the stars' values, those of their unknowns times the slopes; fit->bar serves as room. */
static void star_errors(const struct cubix_fit *fit)
{
  cubix_unknowns_apply_jvp(fit->unknowns, cubix_optimiser_x(fit->state), fit->error, (struct cubix_leaves *)&fit->bar);
  for (int i = 0; i < N_DATASET; i++) {
    const size_t n = fit->varied[datasets[i].leaf] ? cubix_mpi_chain_size(fit->chain, datasets[i].leaf) : 0;
    double *error = fit->bar.value[datasets[i].leaf];
    /* 0 times infinity: a star without mass */
    for (size_t k = 0; k < n; k++) error[k] = isnan(error[k]) ? INFINITY : fabs(error[k]);
  }
}

static int stars_write(const struct cubix_fit *fit)
{
  int status = CUBIX_OK;
  const size_t n = fit->unknowns->n_star;
  double version = 1, *value[N_DATASET] = { NULL };
  char path[CUBIX_OUTPUT_PATH];
  struct cubix_result result;
  cubix_mpi_chain_result(&result, fit->chain);
  struct cubix_snapshot snap = result.slab->snapshot;
  double centre[3];
  memcpy(centre, result.frame->centre, sizeof centre);
  struct cubix_star_fact fact[] = {
    { "CubixFile", "particles of a fit", NULL, 0 },
    { "Source", snap.simulation, NULL, 0 },
    { "Version", NULL, &version, 1 },
    { "Fit", cubix_optimiser_end_text((enum cubix_optimiser_end)fit->state->at[CUBIX_AT_END]), NULL, 0 },
    { "Redshift", NULL, &snap.redshift, 1 },
    { "OmegaMatter", NULL, &snap.omega_m, 1 },
    { "OmegaLambda", NULL, &snap.omega_l, 1 },
    { "HubbleParam", NULL, &snap.h, 1 },
    { "BoxSize", NULL, &snap.box, 1 },
    { "Centre", NULL, centre, 3 }
  };
  struct cubix_star_column column[2 * N_DATASET + 1];
  struct cubix_star_file file = { .n_star = n, .fact = fact, .n_fact = sizeof fact / sizeof fact[0], .column = column };
  for (int i = 0; i < N_DATASET; i++) CUBIX_MPI_ALLOC(value[i], cubix_mpi_chain_size(fit->chain, datasets[i].leaf));
  if (fit->error && fit->unknowns->n_star_unknown) star_errors(fit);
  for (int i = 0; i < N_DATASET; i++) {
    const int n_c = cubix_leaf_info(datasets[i].leaf)->n, varied = fit->varied[datasets[i].leaf];
    if (datasets[i].leaf == CUBIX_LEAF_SmoothingLength && !result.slab->smoothing_length) continue;
    CUBIX_TRY(cubix_mpi_chain_get(fit->chain, datasets[i].leaf, value[i]));
    column[file.n_column++] = (struct cubix_star_column){ datasets[i].name, datasets[i].unit,
                                                          varied ? "fitted" : "as in the input", n_c, value[i], NULL };
    if (varied && fit->error && fit->unknowns->n_star_unknown)
      column[file.n_column++] = (struct cubix_star_column){ datasets[i].error, datasets[i].unit,
                                                            fit->joint ? "standard deviation, all unknowns free"
                                                                       : "standard deviation, the other stars held",
                                                            n_c, fit->bar.value[datasets[i].leaf], NULL };
  }
  column[file.n_column++] =
      (struct cubix_star_column){ "Mass", "Msun",
                                  result.slab->mass_now ? "present mass, as in the input"
                                                        : "mass formed: the present one is not known",
                                  1, result.slab->mass_now ? result.slab->mass_now : value[2], NULL };
  CUBIX_TRY(cubix_output_side_name(path, fit->par, "-stars.hdf5", ""));
  CUBIX_TRY(cubix_mpi_star_file_write(&file, path));
done:
  for (int i = 0; i < N_DATASET; i++) free(value[i]);
  return status;
}

int cubix_mpi_fit_room(const struct cubix_chain *chain, const struct cubix_params *par,
                       const unsigned char varied[CUBIX_N_LEAF])
{
  int status = CUBIX_OK, own = 0, columns = 1, n = 1;         /* numbers of a star: unknowns, in the particle file */
  const int vectors = par->Optimiser == CUBIX_Optimiser_lbfgs ? 2 + 2 * par->FitPairs : 4,
            each = par->FitModel == CUBIX_FitModel_stars;
  const double n_star = (double)cubix_mpi_sum_int((int64_t)cubix_mpi_chain_size(chain, CUBIX_LEAF_Mass));
  struct cubix_disk_need need[2] = { { .bytes = 1 << 16 }, { .bytes = 1 << 17 } };
  struct cubix_result result;
  cubix_mpi_chain_result(&result, chain);
  for (int i = 0; i < N_DATASET; i++) {
    const int n_c = cubix_leaf_info(datasets[i].leaf)->n;
    if (datasets[i].leaf == CUBIX_LEAF_SmoothingLength && !result.slab->smoothing_length) continue;
    columns += n_c * (varied[datasets[i].leaf] && each ? 2 : 1);
    own += varied[datasets[i].leaf] ? n_c : 0;
  }
  if (own) need[0].bytes += sizeof(double) * columns * n_star;
  CUBIX_TRY(cubix_output_side_name(need[0].path, par, "-stars.hdf5", ""));
  if (par->FitRestart) {
    if (each) need[1].bytes += 2. * sizeof(double) * vectors * own * n_star;
    CUBIX_TRY(cubix_output_side_name(need[n++].path, par, "-restart.hdf5", par->FitRestartFile));
  }
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_rank() == 0 ? cubix_output_room(par, result.ins, need, n) : CUBIX_OK));
done:
  return status;
}

int cubix_fit_write(const struct cubix_fit *fit)
{
  int status = CUBIX_OK, stars = 0;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    stars |= fit->varied[leaf] && cubix_leaf_info((enum cubix_leaf)leaf)->of == CUBIX_OF_STAR;
  CUBIX_TRY(cubix_fit_write_convergence(fit));
  CUBIX_TRY(text_write(fit, "-fit.txt", print_fit));
  if (stars) CUBIX_TRY(stars_write(fit));
  else CUBIX_TRY(cubix_mpi_agree(cubix_mpi_rank() == 0 ? cubix_output_remove(fit->par, "-stars.hdf5") : CUBIX_OK));
done:
  return status;
}
