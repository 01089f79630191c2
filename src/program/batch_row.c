/* batch_row.c -- a row's cube, with what the rows before have left. */
#include "program/batch_row.h"

#include <math.h>

#include "base/error.h"
#include "base/log.h"
#include "cube/cube.h"
#include "mpi/comm/blocks.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/stage.h"
#include "mpi/pipeline/pipeline.h"
#include "observation/noise.h"
#include "output/output.h"
#include "program/report.h"

int cubix_batch_row(const struct cubix_params *par, struct cubix_kept *kept, struct cubix_warnings *warnings)
{
  int status = CUBIX_OK;
  const int root = cubix_mpi_rank() == 0;
  struct cubix_pipeline *pipe = NULL;
  struct cubix_noise noise = { 0 };
  struct cubix_result result;
  *warnings = (struct cubix_warnings){ "" };
  cubix_log_collect(warnings);
  CUBIX_STAGE(NULL, "files", root ? cubix_output_check(par) : CUBIX_OK);
  CUBIX_TRY(cubix_mpi_pipeline_open(&pipe, par, &(struct cubix_pipeline_use){ .kept = kept }, NULL));
  CUBIX_STAGE(NULL, "disk",  root ? cubix_output_room(par, pipe->ins, NULL, 0) : CUBIX_OK);
  CUBIX_TRY(cubix_mpi_pipeline_load(pipe, NULL, NULL));
  CUBIX_STAGE(NULL, "apart", root ? cubix_output_check_apart(par) : CUBIX_OK);
  cubix_mpi_pipeline_result(&result, pipe);
  cubix_report_scene(&result);
  CUBIX_TRY(cubix_mpi_pipeline_forward(pipe));
  if (par->Engine == CUBIX_Engine_auto)
    pipe->par.Engine = pipe->engine->method == CUBIX_DIRECT ? CUBIX_Engine_direct : CUBIX_Engine_histogram;
  cubix_mpi_pipeline_result(&result, pipe);
  CUBIX_STAGE(NULL, "light", cubix_cube_shine(pipe->cube, par, &cubix_mpi_collective));
  CUBIX_STAGE(
      NULL, "noise",
      cubix_noise_init(&noise, par, pipe->ins, pipe->cube, pow(10, pipe->ins->flux_unit), &cubix_mpi_collective));
  result.noise = &noise;
  cubix_report_noise(result.par, &noise);
  cubix_report_budget(&result, &cubix_mpi_collective);
  CUBIX_STAGE(NULL, "write",
              cubix_mpi_blocks_share(pipe->cube, pipe->ins->n_lambda, cubix_output_write, cubix_output_block, &result));
done:
  if (pipe) *warnings = pipe->warnings;
  cubix_noise_free(&noise);
  cubix_mpi_pipeline_close(pipe);
  cubix_log_collect(NULL);
  return status;
}
