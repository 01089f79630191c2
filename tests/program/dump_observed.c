/* dump_observed.c -- what the reader of observed cubes hands on, for the tests: dump_observed OUT
 * FIRST N Name=value ..., N < 0: to the last channel.
 *
 * OUT holds raw doubles: data and weight, each [n_y][n_x][N], and gain [N]; standard output says
 * "n_y n_x N has_variance n_used". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "base/error.h"
#include "fit/observed.h"

static int reals_write(FILE *f, const cubix_real *x, size_t n)
{
  int status = CUBIX_OK;
  for (size_t i = 0; i < n; i++) {
    const double value = (double)x[i];
    CUBIX_CHECK(fwrite(&value, sizeof value, 1, f) == 1, CUBIX_EOUTPUT, "cannot write");
  }
done:
  return status;
}

static int dump(const char *out, int first, int n, int n_set, char **set)
{
  int status = CUBIX_OK;
  struct cubix_params *par = NULL;
  struct cubix_instrument *ins = NULL;
  struct cubix_observed *obs = NULL;
  FILE *f = NULL;
  CUBIX_TRY(cubix_params_init(&par));
  for (int i = 0; i < n_set; i++) {
    char *value = strchr(set[i], '=');
    CUBIX_CHECK(value, CUBIX_EUSAGE, "%s is not Name=value", set[i]);
    *value = '\0';
    CUBIX_TRY(cubix_params_set(par, set[i], value + 1));
  }
  CUBIX_TRY(cubix_instrument_read(&ins, par));
  CUBIX_TRY(cubix_observed_read(&obs, par->ObservedFile, ins, par, first, n < 0 ? ins->n_lambda - first : n));
  f = fopen(out, "wb");
  CUBIX_CHECK(f, CUBIX_EOUTPUT, "cannot write %s", out);
  const size_t size = (size_t)obs->n_x * (size_t)obs->n_y * (size_t)obs->n_lambda;
  CUBIX_TRY(reals_write(f, obs->data, size));
  CUBIX_TRY(reals_write(f, obs->weight, size));
  CUBIX_CHECK(fwrite(obs->gain, sizeof(double), (size_t)obs->n_lambda, f) == (size_t)obs->n_lambda, CUBIX_EOUTPUT,
              "cannot write %s", out);
  printf("%d %d %d %d %.0f\n", obs->n_y, obs->n_x, obs->n_lambda, obs->has_variance, obs->n_used);
done:
  if (f) fclose(f);
  cubix_observed_free(obs);
  cubix_instrument_free(ins);
  cubix_params_free(par);
  return status;
}

int main(int argc, char **argv)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(argc >= 4, CUBIX_EUSAGE, "usage: dump_observed OUT FIRST N Name=value ...");
  CUBIX_TRY(dump(argv[1], atoi(argv[2]), atoi(argv[3]), argc - 4, argv + 4));
done:
  if (H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) > 0) {
    fprintf(stderr, "dump_observed: the reader left HDF5 objects open\n");
    abort();
  }
  if (status) fprintf(stderr, "cubix: error: %s\n", cubix_error_message());
  return cubix_error_exit_status(status);
}
