/* fibres_vjp.c -- derivatives of spectra = S painted and cube = W spectra: painted_bar = S^T W^T cube_bar.
 *
 * The transposes are made where they are used: that takes as long as a few channels.  Each of their rows
 * is summed up in its order by one thread. */
#include "observation/fibres_vjp.h"

#include <stdlib.h>

#include "base/error.h"

static size_t spaxels(const struct cubix_cube *cube) { return (size_t)cube->n_x * (size_t)cube->n_y; }

/* @param seen  cube or spectra, of n spaxels */
static int check(const struct cubix_fibres *fibres, const struct cubix_cube *painted, const struct cubix_cube *seen,
                 size_t n)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = fibres->ins;
  const size_t n_painted = (size_t)(ins->n_x + 2 * ins->apron) * (size_t)(ins->n_y + 2 * ins->apron) *
                           (size_t)ins->sub * (size_t)ins->sub;
  CUBIX_CHECK(!painted->margin && spaxels(painted) == n_painted && spaxels(seen) == n &&
                  painted->lambda_first == seen->lambda_first && painted->n_lambda == seen->n_lambda,
              CUBIX_EFAIL,
              "derivatives through fibres need a painted field of %zu spaxels without margin and %zu of what is seen, "
              "with the same channels, not %d x %d with %d and %d x %d",
              n_painted, n, painted->n_x, painted->n_y, painted->margin, seen->n_x, seen->n_y);
done:
  return status;
}

static struct cubix_cube spectra_like(const struct cubix_fibres *fibres, const struct cubix_cube *cube)
{
  return (struct cubix_cube){
    .n_x = fibres->n_spectrum, .n_y = 1, .lambda_first = cube->lambda_first, .n_lambda = cube->n_lambda
  };
}

/* out = S^T in, or W^T in. */
static int apply_back(const struct cubix_fibres *fibres, int rebuild, const struct cubix_cube *in,
                      struct cubix_cube *out)
{
  int status = CUBIX_OK;
  struct cubix_sparse *back = NULL;
  for (size_t at = 0, n; at < (size_t)in->n_lambda; at += n) {
    const struct cubix_fibre_group *group = cubix_fibres_part(fibres, in, at, &n);
    cubix_sparse_free(back);
    CUBIX_TRY(cubix_sparse_transpose(&back, rebuild ? group->rebuild : group->sample));
    cubix_sparse_apply(back, in->flux, (size_t)in->n_lambda, at, n, out->flux);
  }
done:
  cubix_sparse_free(back);
  return status;
}

int cubix_fibres_sample_vjp(const struct cubix_fibres *fibres, const struct cubix_cube *spectra_bar,
                            struct cubix_cube *painted_bar)
{
  int status = CUBIX_OK;
  CUBIX_TRY(check(fibres, painted_bar, spectra_bar, (size_t)fibres->n_spectrum));
  CUBIX_TRY(apply_back(fibres, 0, spectra_bar, painted_bar));
done:
  return status;
}

int cubix_fibres_apply_vjp(const struct cubix_fibres *fibres, const struct cubix_cube *cube_bar,
                           struct cubix_cube *painted_bar)
{
  int status = CUBIX_OK;
  struct cubix_cube spectra_bar = spectra_like(fibres, cube_bar);
  CUBIX_TRY(check(fibres, painted_bar, cube_bar, (size_t)fibres->ins->n_x * (size_t)fibres->ins->n_y));
  CUBIX_TRY(cubix_cube_hold(&spectra_bar, cube_bar->lambda_first, cube_bar->n_lambda));
  CUBIX_TRY(apply_back(fibres, 1, cube_bar, &spectra_bar));
  CUBIX_TRY(apply_back(fibres, 0, &spectra_bar, painted_bar));
done:
  free(spectra_bar.flux);
  return status;
}

int cubix_fibres_sample_jvp(const struct cubix_fibres *fibres, const struct cubix_cube *painted_dot,
                            struct cubix_cube *spectra_dot)
{
  int status = CUBIX_OK;
  CUBIX_TRY(check(fibres, painted_dot, spectra_dot, (size_t)fibres->n_spectrum));
  cubix_fibres_multiply(fibres, 0, painted_dot, spectra_dot->flux);
done:
  return status;
}

int cubix_fibres_apply_jvp(const struct cubix_fibres *fibres, const struct cubix_cube *painted_dot,
                           struct cubix_cube *cube_dot)
{
  int status = CUBIX_OK;
  struct cubix_cube spectra_dot = spectra_like(fibres, cube_dot);
  CUBIX_TRY(check(fibres, painted_dot, cube_dot, (size_t)fibres->ins->n_x * (size_t)fibres->ins->n_y));
  CUBIX_TRY(cubix_cube_hold(&spectra_dot, cube_dot->lambda_first, cube_dot->n_lambda));
  CUBIX_TRY(cubix_fibres_sample_jvp(fibres, painted_dot, &spectra_dot));
  cubix_fibres_multiply(fibres, 1, &spectra_dot, cube_dot->flux);
done:
  free(spectra_dot.flux);
  return status;
}

double cubix_fibres_vjp_bytes(const struct cubix_instrument *painted, double n_channel)
{
  const double cube = (double)painted->n_x * painted->n_y / ((double)painted->sub * painted->sub);
  return painted->bundle ? cubix_fibres_bytes(painted, n_channel) + cube * n_channel * sizeof(cubix_real) : 0;
}
