/* observed_read.c -- what a model is compared with, out of a file that holds a cube or, where its FLUX has two
 * axes, spectra of fibres. */
#include <stdio.h>

#include "base/error.h"
#include "cube/plane_names.h"
#include "fit/observed.h"
#include "fit/observed_parts.h"

int cubix_observed_read(struct cubix_observed **out, const char *path, const struct cubix_instrument *ins,
                        const struct cubix_params *par, int lambda_first, int n_lambda)
{
  int status = CUBIX_OK, n_axis;
  long long side[3];
  struct cubix_observed *obs = NULL;
  struct cubix_observed_file *file = NULL;
  CUBIX_CHECK(path && path[0], CUBIX_EUSAGE, "ObservedFile is not given: Mode %s needs the cube that it compares with",
              cubix_Mode_word[par->Mode]);
  CUBIX_TRY(cubix_observed_file_open(&file, path));
  CUBIX_TRY(cubix_observed_file_shape(file, CUBIX_MANGA_DATA, &n_axis, side));
  CUBIX_TRY((n_axis == 2 ? cubix_observed_spectra_read
                         : cubix_observed_cube_read)(&obs, file, path, ins, par, lambda_first, n_lambda));
  snprintf(obs->file, sizeof obs->file, "%s", path);
  CUBIX_TRY(cubix_observed_file_check(file));
  cubix_observed_settle(obs);
  *out = obs;
  obs = NULL;
done:
  cubix_observed_file_close(file);
  cubix_observed_free(obs);
  return status;
}
