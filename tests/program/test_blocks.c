/* test_blocks -- a made-up result written by ranks that hold different channels.  Run by
 * tests/program/test_blocks.py.
 *
 *   mpirun test_blocks CUT BAD LIMIT Name=value ...
 * CUT: the first channel of every rank, and the end ("0,30,30,101"); BAD: a channel that is made
 * not finite, or -1; LIMIT: the longest file that may be written (set here: mpirun lifts limits),
 * or -1.  Rank r keeps its channels only; the noise is set up by all together and must be that of
 * one rank, to the bit.  Exit status as of cubix. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "tests/made.h"
#include "mpi/cubix-mpi.h"

static int keep_slab(struct cubix_cube *cube, int from, int to)
{
  int status = CUBIX_OK;
  size_t n_xy = (size_t)cube->n_x * (size_t)cube->n_y, n = (size_t)(to - from);
  cubix_real *whole = cube->flux;
  cube->flux = NULL;
  if (n) CUBIX_ALLOC(cube->flux, n_xy * n);
  for (size_t s = 0; n && s < n_xy; s++)
    memcpy(cube->flux + s * n, whole + s * (size_t)cube->n_lambda + from, n * sizeof *whole);
  cube->lambda_first = from;
  cube->n_lambda = to - from;
done:
  free(whole);
  return status;
}

static int noise_again(struct made *m)
{
  int status = CUBIX_OK;
  const double time = m->noise.exposure_time, snr = m->noise.achieved_snr;
  cubix_noise_free(&m->noise);
  CUBIX_TRY(cubix_noise_init(&m->noise, m->par, m->ins, m->cube, pow(10., m->ins->flux_unit), &cubix_mpi_collective));
  CUBIX_CHECK(m->noise.exposure_time == time && m->noise.achieved_snr == snr, CUBIX_EFAIL,
              "rank %d: %.17g s for S/N %.17g, but one rank alone needs %.17g s for %.17g", cubix_mpi_rank(),
              m->noise.exposure_time, m->noise.achieved_snr, time, snr);
done:
  return status;
}

/* Sums over ranks, entry by entry. */
static int sums_add(void)
{
  int status = CUBIX_OK;
  double x[3] = { 1., cubix_mpi_rank(), -0.5 }, n = cubix_mpi_size();
  cubix_mpi_collective.sum(x, 3);
  CUBIX_CHECK(x[0] == n && x[1] == 0.5 * n * (n - 1.) && x[2] == -0.5 * n, CUBIX_EFAIL, "%g ranks add up to %g, %g, %g",
              n, x[0], x[1], x[2]);
done:
  return status;
}

int main(int argc, char **argv)
{
  int status = cubix_mpi_start(&argc, &argv), cut[16] = { 0 }, n = 0;
  struct made m = { 0 };
  struct rlimit limit;
  signal(SIGXFSZ, SIG_IGN);
  for (char *word = strtok(argv[1], ","); word && n < 16; word = strtok(NULL, ",")) cut[n++] = atoi(word);
  CUBIX_TRY(cubix_mpi_agree(made_init(&m, argc - 4, argv + 4)));
  const int bad = atoi(argv[2]), me = cubix_mpi_rank();
  CUBIX_TRY(cubix_mpi_agree(keep_slab(m.cube, cut[me], cut[me + 1])));
  CUBIX_TRY(cubix_mpi_agree(noise_again(&m)));
  CUBIX_TRY(cubix_mpi_agree(sums_add()));
  if (bad >= cut[me] && bad < cut[me + 1]) m.cube->flux[bad - cut[me]] = (cubix_real)NAN;
  getrlimit(RLIMIT_FSIZE, &limit);
  if (atol(argv[3]) >= 0) limit.rlim_cur = (rlim_t)atol(argv[3]);
  setrlimit(RLIMIT_FSIZE, &limit);
  CUBIX_TRY(cubix_mpi_agree(
      cubix_mpi_blocks_share(m.cube, m.ins->n_lambda, cubix_output_write, cubix_output_block, &m.result)));
done:
  if (status && cubix_mpi_rank() == 0) fprintf(stderr, "%s\n", cubix_error_message());
  if (m.par) made_free(&m);
  return cubix_mpi_finish(status);
}
