/* observe.c -- the cube with its noise, as files or arrays.
 *
 * Noise is drawn while a plane is made, a block of channels at a time, by the rank that holds them: an
 * array is filled as a file is, by rank 0, which asks the others for blocks. */
#include "mpi/pipeline/observe.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "cube/cube.h"
#include "mpi/comm/blocks.h"
#include "mpi/comm/comm.h"
#include "observation/fibres.h"
#include "observation/noise.h"
#include "output/output.h"
#include "params/params.h"

int cubix_mpi_pipeline_noise(struct cubix_noise *noise, const struct cubix_params *par,
                             const struct cubix_pipeline *pipe)
{
  return cubix_noise_init(noise, par, pipe->seen, pipe->fibres ? &pipe->fibres->spectra : pipe->cube,
                          pow(10, pipe->seen->flux_unit), &cubix_mpi_collective);
}

/* What is written, and the noise in it. */
struct record { struct cubix_params par; struct cubix_noise noise; struct cubix_result result; };

/* @param files NULL: those of the parameters */
static int record_init(struct record *record, struct cubix_pipeline *pipe, const char *files)
{
  int status = CUBIX_OK;
  *record = (struct record){ .par = pipe->par };
  CUBIX_MPI_CHECK(pipe->made, CUBIX_EFAIL, "there is no cube of these stars yet: make it first (forward)");
  if (pipe->hooks.writing && pipe->made == 1)
    CUBIX_TRY(cubix_mpi_agree(cubix_mpi_pipeline_hook_check(pipe->hooks.writing(pipe->hooks.host, pipe->cube),
                                                            "the cube before it is written")));
  pipe->made = 2;
  if (files) record->par.OutputFile = files;
  CUBIX_TRY(cubix_mpi_agree(cubix_cube_shine(pipe->cube, &record->par, &cubix_mpi_collective)));
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_pipeline_noise(&record->noise, &record->par, pipe)));
  cubix_mpi_pipeline_result(&record->result, pipe);
  record->result.par = &record->par;
  record->result.noise = &record->noise;
done:
  return status;
}

int cubix_mpi_pipeline_write(struct cubix_pipeline *pipe, const char *files)
{
  int status = CUBIX_OK;
  struct record record = { .noise = { .kind = CUBIX_Noise_none } };
  struct cubix_params par = pipe->par;
  const struct cubix_settings before = cubix_mpi_pipeline_enter(pipe);
  const int root = cubix_mpi_rank() == 0;
  par.OutputFile = files;
  if (root) status = cubix_output_check(&par);
  if (root && !status) status = cubix_output_check_apart(&par);
  if (root && !status) status = cubix_output_room(&par, pipe->seen, NULL, 0);
  CUBIX_TRY(cubix_mpi_agree(status));
  CUBIX_TRY(record_init(&record, pipe, files));
  status = cubix_mpi_blocks_share(pipe->cube, pipe->ins->n_lambda, cubix_output_write, cubix_output_block,
                                  &record.result);
  CUBIX_TRY(cubix_mpi_agree(status));
done:
  cubix_noise_free(&record.noise);
  cubix_mpi_pipeline_leave(pipe, &before);
  return status;
}

/* An array that is wanted. */
struct wanted { const struct cubix_result *result; const char *name; cubix_real *value; size_t n; };

static int fill(const void *host, struct cubix_blocks *blocks)
{
  const struct wanted *wanted = host;
  return cubix_output_array(wanted->result, blocks, wanted->name, wanted->value, wanted->n);
}

static int make(const void *host, int what, int k0, int n_k, void *block, size_t n_byte)
{
  return cubix_output_block(((const struct wanted *)host)->result, what, k0, n_k, block, n_byte);
}

int cubix_mpi_pipeline_get(struct cubix_pipeline *pipe, const char *name, cubix_real *value, size_t n)
{
  int status = CUBIX_OK;
  struct record record = { .noise = { .kind = CUBIX_Noise_none } };
  const struct cubix_settings before = cubix_mpi_pipeline_enter(pipe);
  CUBIX_TRY(record_init(&record, pipe, NULL));
  const struct wanted wanted = { &record.result, name, value, n };
  status = cubix_mpi_blocks_share(pipe->cube, pipe->ins->n_lambda, fill, make, &wanted);
  CUBIX_TRY(cubix_mpi_agree(status));
done:
  cubix_noise_free(&record.noise);
  cubix_mpi_pipeline_leave(pipe, &before);
  return status;
}
