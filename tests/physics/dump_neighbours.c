/* dump_neighbours.c -- distances to k-th neighbours, for the tests: dump_neighbours POSITIONS N K OUT,
 * alone or under mpirun.
 *
 * POSITIONS holds N rows of three doubles; each rank takes a part of them, the later ones more.  OUT.RANK
 * is what each found; rank 0 says how many seconds that took. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "mpi/cubix-mpi.h"
#include "mpi/particles/neighbours.h"

static size_t start(size_t n, int rank)
{
  const double share = (double)rank / cubix_mpi_size();
  return (size_t)((double)n * share * share);
}

static int dump(const char *in, size_t n_all, int k, const char *out)
{
  int status = CUBIX_OK;
  const size_t first = start(n_all, cubix_mpi_rank()), n = start(n_all, cubix_mpi_rank() + 1) - first;
  double *x = NULL, *distance = NULL, seconds;
  char path[4096];
  FILE *f = fopen(in, "rb");
  CUBIX_ALLOC(x, 3 * n);
  CUBIX_ALLOC(distance, n);
  CUBIX_CHECK(f && !fseek(f, (long)(3 * first * sizeof *x), SEEK_SET) && fread(x, sizeof *x, 3 * n, f) == 3 * n,
              CUBIX_EINPUT, "cannot read %s", in);
  seconds = cubix_log_clock();
  CUBIX_TRY(cubix_mpi_neighbours(distance, x, n, k));
  if (cubix_mpi_rank() == 0) printf("%.3f s\n", cubix_log_clock() - seconds);
  fclose(f);
  snprintf(path, sizeof path, "%s.%d", out, cubix_mpi_rank());
  f = fopen(path, "wb");
  CUBIX_CHECK(f && fwrite(distance, sizeof *distance, n, f) == n, CUBIX_EOUTPUT, "cannot write %s", path);
done:
  if (f) fclose(f);
  free(x);
  free(distance);
  return status;
}

int main(int argc, char **argv)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_mpi_start(&argc, &argv));
  CUBIX_CHECK(argc == 5, CUBIX_EUSAGE, "usage: dump_neighbours POSITIONS N K OUT");
  CUBIX_TRY(dump(argv[1], (size_t)atol(argv[2]), atoi(argv[3]), argv[4]));
done:
  if (status) fprintf(stderr, "cubix: error: %s\n", cubix_error_message());
  return cubix_mpi_finish(status);
}
