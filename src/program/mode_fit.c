/* mode_fit.c -- Mode gradient and Mode fit: compare the cube with an observed one, differentiate
 * the difference with respect to the parameters, and minimise it.
 *
 * Both end with the model cube, written like any other: that of the given parameters, or of those
 * that fit best. */

#include "program/mode_fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/infile.h"
#include "base/log.h"
#include "cube/cube.h"
#include "fit/leaves.h"
#include "fit/objective.h"
#include "fit/observed.h"
#include "fit/unbuild.h"
#include "instrument/instrument.h"
#include "mpi/comm/blocks.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/stage.h"
#include "mpi/fit/fit.h"
#include "mpi/fit/gradient_write.h"
#include "mpi/pipeline/chain.h"
#include "mpi/pipeline/chain_parts.h"
#include "mpi/pipeline/observe.h"
#include "observation/noise.h"
#include "output/output.h"
#include "params/params.h"
#include "program/report.h"

/* A derivative that is none is no result. */
static int check_finite(const struct cubix_chain *chain, const struct cubix_leaves *bar)
{
  int status = CUBIX_OK;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const size_t n = bar->value[leaf] ? cubix_mpi_chain_size(chain, (enum cubix_leaf)leaf) : 0;
    for (size_t i = 0; i < n; i++)
      CUBIX_CHECK(isfinite(bar->value[leaf][i]), CUBIX_EFAIL,
                  "the objective's derivative by %s (number %zu on this rank) is %g: values there are beyond what "
                  "float32 holds",
                  cubix_leaf_info((enum cubix_leaf)leaf)->name, i, bar->value[leaf][i]);
  }
done:
  return status;
}

/* The objective's derivatives by the leaves; the observed cube is given up before they are taken.
 * @param[out] n_used voxels compared */
static int gradient(struct cubix_leaves *bar, double *value, double *n_used, struct cubix_chain *chain,
                    const struct cubix_params *par, struct cubix_observed **obs, const struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  struct cubix_cube cube_bar = *cube;
  cube_bar.flux = NULL;
  CUBIX_TRY(cubix_mpi_agree(cubix_cube_hold(&cube_bar, cube->lambda_first, cube->n_lambda)));
  CUBIX_TRY(cubix_mpi_agree(cubix_objective(value, par, *obs, cube, &cube_bar, &cubix_mpi_collective)));
  *n_used = cubix_objective_voxels(par, *obs, &cubix_mpi_collective);
  cubix_observed_free(*obs);
  *obs = NULL;
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_chain_leaves_init(bar, chain)));
  CUBIX_TRY(cubix_mpi_chain_vjp(chain, &cube_bar, bar));
  CUBIX_TRY(cubix_mpi_agree(check_finite(chain, bar)));
done:
  free(cube_bar.flux);
  return status;
}

/* What Parameters names. */
static int names(unsigned char active[CUBIX_N_LEAF], const struct cubix_params *par)
{
  int status = CUBIX_OK, any = 0;
  CUBIX_TRY(cubix_leaves_parse(active, par->Parameters, cubix_params_origin(par, "Parameters")));
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) any |= active[leaf];
  CUBIX_CHECK(any, CUBIX_EUSAGE,
              "Parameters is empty: Mode %s needs the names of what varies, as in Parameters Mass,Age,Inclination",
              cubix_Mode_word[par->Mode]);
done:
  return status;
}

/* Before the work: that there is something to compare with.  What is in it is looked at once the field is known. */
static int check_observed(const struct cubix_params *par)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(par->ObservedFile[0], CUBIX_EUSAGE,
              "ObservedFile is not given: Mode %s needs the cube that it compares with",
              cubix_Mode_word[par->Mode]);
  status = cubix_infile_check(par->ObservedFile, CUBIX_EINPUT);
  if (status) cubix_error_about("ObservedFile (%s)", cubix_params_origin(par, "ObservedFile"));
done:
  return status;
}

/* Whether a cube is taken back to the spectra of its fibres. */
static int wants_back(const struct cubix_params *par, const struct cubix_observed *obs)
{
  return par->SpaxelNoise == CUBIX_SpaxelNoise_fibres && !obs->of_fibres;
}

/* And whether it fits the field; what it holds is what the chain is asked for. */
static int header(const struct cubix_params *par, const struct cubix_instrument *ins, struct cubix_chain *chain)
{
  int status = CUBIX_OK;
  struct cubix_observed *obs = NULL;
  CUBIX_TRY(cubix_observed_read(&obs, par->ObservedFile, ins, par, 0, 0));
  const int back = wants_back(par, obs);
  CUBIX_CHECK(!back || ins->bundle, CUBIX_EUSAGE,
              "SpaxelNoise = fibres (%s) is of cubes that are rebuilt from fibres: set Sampling fibres",
              cubix_params_origin(par, "SpaxelNoise"));
  CUBIX_CHECK(!back || par->Likelihood == CUBIX_Likelihood_chi2, CUBIX_EUSAGE,
              "SpaxelNoise = fibres (%s) needs Likelihood chi2, not %s: the others know no covariance",
              cubix_params_origin(par, "SpaxelNoise"), cubix_Likelihood_word[par->Likelihood]);
  if (obs->of_fibres || back) CUBIX_TRY(cubix_mpi_chain_of_fibres(chain));
  cubix_log(CUBIX_LOG_INFO, "compare: %s holds %s", par->ObservedFile,
            obs->of_fibres ? "spectra of fibres: the model's are compared, before a cube is rebuilt from them"
            : back         ? "a cube: the spectra that it was rebuilt from are compared"
            : ins->bundle  ? "a cube: it is compared with the one rebuilt from the fibres"
                           : "a cube");
done:
  cubix_observed_free(obs);
  return status;
}

/* STEM-rss.fits beside STEM.fits, where every rank can read it. */
static int beside(char path[CUBIX_OUTPUT_PATH], const char *cube)
{
  const size_t n = strlen(cube);
  const int is_fits = n > 5 && !strcmp(cube + n - 5, ".fits") && n + 4 < CUBIX_OUTPUT_PATH;
  if (is_fits) snprintf(path, CUBIX_OUTPUT_PATH, "%.*s-rss.fits", (int)(n - 5), cube);
  return cubix_mpi_min(is_fits && !access(path, R_OK)) > 0;
}

/* From a cube to the spectra of its fibres. */
static int take_back(struct cubix_observed **obs, const struct cubix_params *par, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  char path[CUBIX_OUTPUT_PATH];
  struct cubix_observed *spectra, *noise = NULL;
  if (beside(path, par->ObservedFile))
    CUBIX_TRY(cubix_mpi_agree(cubix_observed_read(&noise, path, result->ins, par, (*obs)->lambda_first,
                                                  (*obs)->n_lambda)));
  CUBIX_TRY(cubix_unbuild(&spectra, *obs, noise, result->fibres, &cubix_mpi_collective));
  cubix_observed_free(*obs);
  *obs = spectra;
done:
  cubix_observed_free(noise);
  return status;
}

int cubix_mode_fit(const struct cubix_params *par, int dry_run, struct cubix_stages *stages)
{
  int status = CUBIX_OK, root = cubix_mpi_rank() == 0, fit = par->Mode == CUBIX_Mode_fit;
  unsigned char active[CUBIX_N_LEAF];      /* what Parameters names                      */
  struct cubix_chain    *chain = NULL;     /* the pipeline, held open                    */
  struct cubix_observed *obs   = NULL;     /* the observed cube                          */
  struct cubix_leaves    bar   = { { NULL } }; /* derivatives of the objective           */
  struct cubix_noise     noise = { 0 };
  struct cubix_result    result;
  const struct cubix_cube *cube;           /* the model's                                */
  double value = 0, n_used = 0;            /* of the objective; voxels compared          */
  const char *end = NULL;                  /* how the fit ended                          */

  CUBIX_STAGE(stages, "names",    names(active, par));
  CUBIX_STAGE(stages, "check",    root ? cubix_output_check(par) : CUBIX_OK);
  CUBIX_STAGE(stages, "compare",  root ? check_observed(par) : CUBIX_OK);
  CUBIX_STAGE(stages, "files",    !root ? CUBIX_OK : fit ? cubix_mpi_fit_check(par) : cubix_mpi_gradient_check(par));
  CUBIX_STAGE(stages, "open",     cubix_mpi_chain_open(&chain, par, NULL, NULL, active, dry_run));
  CUBIX_STAGE(stages, "apart",    root ? cubix_output_check_apart(par) : CUBIX_OK);
  cubix_mpi_chain_result(&result, chain);
  CUBIX_STAGE(stages, "header",   header(par, result.ins, chain));
  CUBIX_STAGE(stages, "room",
              fit ? cubix_mpi_fit_room(chain, par, active) : cubix_mpi_gradient_room(chain, par, active));
  cubix_report_scene(&result);
  if (dry_run) goto done;
  CUBIX_STAGE(stages, "forward",  cubix_mpi_chain_forward(chain, &cube));
  CUBIX_STAGE(stages, "light",    cubix_cube_shine(cube, par, &cubix_mpi_collective));
  cubix_mpi_chain_result(&result, chain);
  CUBIX_STAGE(stages, "observed",
              cubix_observed_read(&obs, par->ObservedFile, result.ins, par, cube->lambda_first, cube->n_lambda));
  cubix_observed_mask_channels(obs, result.templates->covered);
  if (wants_back(par, obs)) CUBIX_STAGE(stages, "unbuild", take_back(&obs, par, &result));
  if (fit) {
    CUBIX_STAGE(stages, "fit",      cubix_mpi_fit(chain, par, obs, active, &end));
    cubix_mpi_chain_result(&result, chain);
    result.fit = end;
  } else {
    CUBIX_STAGE(stages, "gradient", gradient(&bar, &value, &n_used, chain, par, &obs, cube));
    CUBIX_STAGE(stages, "tell",     cubix_mpi_gradient_write(chain, par, n_used, value, &bar));
  }
  CUBIX_STAGE(stages, "noise",    cubix_mpi_pipeline_noise(&noise, result.par, chain->pipe));
  result.noise = &noise;
  cubix_report_noise(result.par, &noise);
  cubix_report_budget(&result, &cubix_mpi_collective);
  CUBIX_STAGE(
      stages, "write",
      cubix_mpi_blocks_share(result.cube, result.ins->n_lambda, cubix_output_write, cubix_output_block, &result));
  CUBIX_STAGE(stages, "timings",  root ? cubix_output_timings(par, cubix_mpi_stages_print, stages) : CUBIX_OK);
  cubix_mpi_stages_summary(stages);
done:
  cubix_noise_free(&noise);
  cubix_leaves_free(&bar);
  cubix_observed_free(obs);
  cubix_mpi_chain_close(chain);
  return status;
}
