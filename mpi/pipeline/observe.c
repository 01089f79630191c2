/* observe.c -- the cube with its noise, as files or arrays.
 *
 * Noise is drawn while a plane is made, a block of channels at a time, by the rank that holds them: an
 * array is filled as a file is, by rank 0, which asks the others for blocks.  So are realisations, whose number is what
 * is asked for. */
#include "mpi/pipeline/observe.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cube/cube.h"
#include "mpi/comm/blocks.h"
#include "mpi/comm/comm.h"
#include "observation/fibres.h"
#include "observation/noise.h"
#include "output/output.h"
#include "output/output_parts.h"
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

struct drawing { const struct cubix_result *result; const struct cubix_draws *draws; cubix_real *value; };

/* Channels of realisation `what`. */
static int draw(const void *host, int what, int k0, int n_k, void *block, size_t n_byte)
{
  struct cubix_result result = *((const struct drawing *)host)->result;
  struct cubix_noise noise = *result.noise;
  noise.realisation = (uint32_t)what;
  result.noise = &noise;
  return cubix_output_block(&result, cubix_block_what(cubix_layout_plain(), CUBIX_PLANE_DATA, 0), k0, n_k, block,
                            n_byte);
}

/* Rank 0: neighbouring channels of one rank at a time. */
static int draw_all(const void *host, struct cubix_blocks *blocks)
{
  int status = CUBIX_OK;
  const struct drawing *job = host;
  const struct cubix_draws *draws = job->draws;
  const struct cubix_result *result = job->result;
  const size_t n_xy = (size_t)result->ins->n_x * (size_t)result->ins->n_y, most = 1 + ((size_t)1 << 22) / n_xy;
  const int whole[2] = { 0, result->ins->n_lambda }, *first = blocks ? blocks->lambda_first : whole;
  cubix_real *block = NULL, *to = job->value;
  double *sum = NULL;
  CUBIX_ALLOC(block, most * n_xy);
  CUBIX_ALLOC(sum, n_xy);
  for (int i = 0; i < draws->n; i++) {
    memset(sum, 0, n_xy * sizeof *sum);
    for (int c = 0, n_k; c < draws->n_channel; c += n_k) {
      const int k = draws->channel[c];
      int r = 0;
      while (first[r + 1] <= k) r++;
      for (n_k = 1; c + n_k < draws->n_channel && (size_t)n_k < most; n_k++)
        if (draws->channel[c + n_k] != k + n_k || k + n_k >= first[r + 1]) break;
      const size_t n = (size_t)n_k * n_xy;
      if (!blocks || r == blocks->me) CUBIX_TRY(draw(job, draws->first + i, k, n_k, block, n * sizeof *block));
      else CUBIX_TRY(cubix_output_take(blocks, r, draws->first + i, k, n_k, block, n * sizeof *block));
      if (draws->sum)
        for (size_t s = 0; s < n; s++) sum[s % n_xy] += (double)block[s];
      else
        memcpy(to, block, n * sizeof *to);
      if (!draws->sum) to += n;
    }
    for (size_t s = 0; draws->sum && s < n_xy; s++) *to++ = (cubix_real)sum[s];
  }
done:
  free(block);
  free(sum);
  return status;
}

int cubix_mpi_pipeline_draw(struct cubix_pipeline *pipe, const struct cubix_draws *draws, cubix_real *value)
{
  int status = CUBIX_OK;
  struct record record = { .noise = { .kind = CUBIX_Noise_none } };
  const struct cubix_settings before = cubix_mpi_pipeline_enter(pipe);
  const int n_lambda = pipe->ins->n_lambda;
  int c = 0;
  while (c < draws->n_channel && draws->channel[c] >= 0 && draws->channel[c] < n_lambda) c++;
  CUBIX_TRY(record_init(&record, pipe, NULL));
  CUBIX_MPI_CHECK(record.noise.kind != CUBIX_Noise_none, CUBIX_EUSAGE,
                  "Noise = none (%s): there is nothing to draw; set Noise exposure or snr",
                  cubix_params_origin(&pipe->par, "Noise"));
  CUBIX_MPI_CHECK(draws->n > 0 && draws->first >= 0 && draws->first <= INT_MAX - draws->n && draws->n_channel > 0,
                  CUBIX_EUSAGE,
                  "%d realisations from number %d on, in %d channels, are none: ask for one at least, from 0 on",
                  draws->n, draws->first, draws->n_channel);
  CUBIX_MPI_CHECK(c == draws->n_channel, CUBIX_EUSAGE, "channel %d: the cube has channels 0 to %d", draws->channel[c],
                  n_lambda - 1);
  const struct drawing job = { &record.result, draws, value };
  status = cubix_mpi_blocks_share(pipe->cube, n_lambda, draw_all, draw, &job);
  CUBIX_TRY(cubix_mpi_agree(status));
done:
  cubix_noise_free(&record.noise);
  cubix_mpi_pipeline_leave(pipe, &before);
  return status;
}
