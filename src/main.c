/* cubix -- what an integral-field spectrograph would record of a simulated galaxy.
 *
 * Read my share of the galaxy, find its frame on the sky, paint it, add the ranks up, look at it
 * through the instrument, write. */
#include "base/atomic_file.h"
#include "base/error.h"
#include "cube/cube.h"
#include "mpi/comm/blocks.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/cores.h"
#include "mpi/comm/group.h"
#include "mpi/comm/stage.h"
#include "mpi/comm/text.h"
#include "mpi/pipeline/observe.h"
#include "mpi/pipeline/pipeline.h"
#include "observation/noise.h"
#include "output/output.h"
#include "params/params.h"
#include "program/console.h"
#include "program/each_group.h"
#include "program/foresee.h"
#include "program/mode_fit.h"
#include "program/options.h"
#include "program/report.h"

struct job { const struct cubix_options *opt; struct cubix_stages stages; };

static int make_cube(const struct cubix_params *par, void *host)
{
  struct job            *job = host;
  const int              dry_run = job->opt->dry_run, root = cubix_mpi_rank() == 0;
  struct cubix_pipeline *pipe = NULL;      /* from stars to the observed cube            */
  struct cubix_noise     noise = { 0 };    /* variance and noise as functions of a voxel */
  struct cubix_result    result;           /* what is written                            */
  struct cubix_stages   *stages = &job->stages; /* how long each step took               */
  int status;

  stages->n = 0;                           /* of the last cube, if this is not the first */
  if (par->Mode != CUBIX_Mode_cube) return cubix_mode_fit(par, dry_run, stages);
  CUBIX_STAGE(stages, "files", root ? cubix_output_check(par) : CUBIX_OK);
  if (root) cubix_report_files(par);
  CUBIX_TRY(cubix_mpi_pipeline_open(&pipe, par, &(struct cubix_pipeline_use){ .dry_run = dry_run }, stages));
  CUBIX_STAGE(stages, "disk",  root ? cubix_output_room(par, pipe->seen, NULL, 0) : CUBIX_OK);
  CUBIX_TRY(cubix_mpi_pipeline_load(pipe, NULL, NULL));
  CUBIX_STAGE(stages, "apart", root ? cubix_output_check_apart(par) : CUBIX_OK);
  cubix_mpi_pipeline_result(&result, pipe);
  cubix_report_scene(&result);
  if (dry_run) {
    CUBIX_TRY(cubix_mpi_pipeline_survey(pipe));
    cubix_mpi_pipeline_result(&result, pipe);
    cubix_report_light(&result);
    CUBIX_STAGE(stages, "foresee", root ? cubix_foresee_noise(&result) : CUBIX_OK);
    goto done;
  }
  CUBIX_TRY(cubix_mpi_pipeline_forward(pipe));
  cubix_mpi_pipeline_result(&result, pipe);
  CUBIX_STAGE(stages, "light", cubix_cube_shine(pipe->cube, par, &cubix_mpi_collective));
  CUBIX_STAGE(stages, "noise", cubix_mpi_pipeline_noise(&noise, par, pipe));
  result.noise = &noise;
  cubix_report_noise(result.par, &noise);
  cubix_report_budget(&result, &cubix_mpi_collective);
  CUBIX_STAGE(stages, "write",
              cubix_mpi_blocks_share(pipe->cube, pipe->ins->n_lambda, cubix_output_write, cubix_output_block, &result));
  CUBIX_STAGE(stages, "times", root ? cubix_output_timings(par, cubix_mpi_stages_print, stages) : CUBIX_OK);
  cubix_mpi_stages_summary(stages);
done:
  cubix_noise_free(&noise);
  cubix_mpi_pipeline_close(pipe);
  return status;
}

int main(int argc, char **argv)
{
  struct cubix_options opt;                /* the command line      */
  struct cubix_params *par = NULL;         /* what the user asked for */
  struct job           job = { .opt = &opt };
  int status, started, answered, root;

  status = cubix_options_read(&opt, &answered, argc, argv);
  if (answered && !status) return 0;
  started = cubix_mpi_start(&argc, &argv);
  if (!status) status = started;
  root = cubix_mpi_rank() == 0;
  cubix_console_open("cubix", root, opt.quiet, opt.verbose);
  cubix_console_catch_signals("cubix", root, cubix_atomic_file_abandon);
  if (status) goto done;
  cubix_mpi_cores_warn();
  CUBIX_STAGE(&job.stages, "parameters",
              cubix_mpi_params_read(&par, opt.file, opt.n_override, opt.override, NULL));
  CUBIX_TRY(cubix_each_group(par, make_cube, &job));
done:
  if (status) cubix_console_error("cubix", opt.verbose);
  cubix_params_free(par);
  return cubix_mpi_finish(status);
}
