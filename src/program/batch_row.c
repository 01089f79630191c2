/* batch_row.c -- a row's cube, with what the rows before have left. */
#include "program/batch_row.h"

#include "base/error.h"
#include "base/log.h"
#include "cube/cube.h"
#include "mpi/comm/blocks.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/stage.h"
#include "mpi/pipeline/observe.h"
#include "mpi/pipeline/pipeline.h"
#include "observation/noise.h"
#include "output/output.h"
#include "program/report.h"

/* Rank 0 writes, or notes what the cube is like; the others give it their channels. */
static int put(const struct cubix_result *result, const struct cubix_batch_sink *sink)
{
  const struct cubix_cube *cube = result->cube;
  const int n = result->ins->n_lambda;
  const struct cubix_stack_job job = { *result, sink->stack, sink->row };
  switch (sink->to) {
  case CUBIX_TO_FILES: return cubix_mpi_blocks_share(cube, n, cubix_output_write, cubix_output_block, result);
  case CUBIX_TO_STACK: return cubix_mpi_blocks_share(cube, n, cubix_stack_write, cubix_output_block, &job);
  case CUBIX_TO_DRAFT: return cubix_mpi_rank() == 0 ? cubix_stack_add(sink->draft, sink->g, result) : CUBIX_OK;
  default: return CUBIX_OK;
  }
}

int cubix_batch_row(const struct cubix_params *par, struct cubix_kept *kept, const struct cubix_batch_sink *sink,
                    struct cubix_warnings *warnings)
{
  int status = CUBIX_OK;
  const int writes = cubix_mpi_rank() == 0 && sink->to == CUBIX_TO_FILES;
  struct cubix_pipeline *pipe = NULL;
  struct cubix_noise noise = { 0 };
  struct cubix_result result;
  *warnings = (struct cubix_warnings){ "" };
  cubix_log_collect(warnings);
  CUBIX_STAGE(NULL, "files", writes ? cubix_output_check(par) : CUBIX_OK);
  CUBIX_TRY(cubix_mpi_pipeline_open(&pipe, par, &(struct cubix_pipeline_use){ .kept = kept }, NULL));
  CUBIX_STAGE(NULL, "disk",  writes ? cubix_output_room(par, pipe->seen, NULL, 0) : CUBIX_OK);
  CUBIX_TRY(cubix_mpi_pipeline_load(pipe, NULL, NULL));
  CUBIX_STAGE(NULL, "apart", writes ? cubix_output_check_apart(par) : CUBIX_OK);
  cubix_mpi_pipeline_result(&result, pipe);
  cubix_report_scene(&result);
  CUBIX_TRY(cubix_mpi_pipeline_forward(pipe));
  if (par->Engine == CUBIX_Engine_auto)
    pipe->par.Engine = pipe->engine->method == CUBIX_DIRECT ? CUBIX_Engine_direct : CUBIX_Engine_histogram;
  cubix_mpi_pipeline_result(&result, pipe);
  CUBIX_STAGE(NULL, "light", cubix_cube_shine(pipe->cube, par, &cubix_mpi_collective));
  CUBIX_STAGE(NULL, "noise", cubix_mpi_pipeline_noise(&noise, par, pipe));
  result.noise = &noise;
  cubix_report_noise(result.par, &noise);
  cubix_report_budget(&result, &cubix_mpi_collective);
  CUBIX_STAGE(NULL, "write", put(&result, sink));
done:
  if (pipe) *warnings = pipe->warnings;
  cubix_noise_free(&noise);
  cubix_mpi_pipeline_close(pipe);
  cubix_log_collect(NULL);
  return status;
}
