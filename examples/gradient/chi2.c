/* chi2.c -- CUBIX from C: how well a galaxy fits an observed cube, and how that changes with its
 * inclination and its stars' masses.
 *
 *   mpicc -std=c17 chi2.c $(pkg-config --cflags --libs cubix) -o chi2
 *   mpirun -np 2 ./chi2 disc.param ObservedFile=observed.fits Inclination=40
 *
 * The chain is opened once; each turn of the loop puts an inclination, makes the cube, compares it,
 * and leads the cotangents back. */
#include <cubix/cubix.h>
#include <cubix/cubix-mpi.h>
#include <stdio.h>
#include <stdlib.h>

/* chi2 at an inclination, and its derivatives into bar. */
static int compare(double *chi2, struct cubix_leaves *bar, struct cubix_chain *chain, const struct cubix_params *par,
                   const struct cubix_observed *obs, double inclination)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube;
  struct cubix_cube cube_bar = { 0 };
  CUBIX_TRY(cubix_mpi_chain_put(chain, CUBIX_LEAF_Inclination, &inclination));
  CUBIX_TRY(cubix_mpi_chain_forward(chain, &cube));
  cube_bar = (struct cubix_cube){ .n_x = cube->n_x, .n_y = cube->n_y };
  CUBIX_TRY(cubix_mpi_agree(cubix_cube_hold(&cube_bar, cube->lambda_first, cube->n_lambda)));
  CUBIX_TRY(cubix_mpi_agree(cubix_objective(chi2, par, obs, cube, &cube_bar, &cubix_mpi_collective)));
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_chain_leaves_init(bar, chain)));      /* bars add: they start at 0 */
  CUBIX_TRY(cubix_mpi_chain_vjp(chain, &cube_bar, bar));
done:
  free(cube_bar.flux);
  return status;
}

int main(int argc, char **argv)
{
  struct cubix_params *par = NULL;
  struct cubix_chain *chain = NULL;
  struct cubix_observed *obs = NULL;
  struct cubix_leaves bar = { { NULL } };
  struct cubix_result result;
  const struct cubix_cube *cube;
  unsigned char active[CUBIX_N_LEAF];
  double start, chi2;
  int status = cubix_mpi_start(&argc, &argv);
  if (status) goto done;
  if (argc < 2) {
    if (cubix_mpi_rank() == 0) fprintf(stderr, "usage: chi2 FILE.param [Name=value ...]\n");
    return cubix_mpi_finish(CUBIX_EUSAGE);
  }
  CUBIX_TRY(cubix_mpi_params_read(&par, argv[1], argc - 2, argv + 2, NULL));
  CUBIX_TRY(cubix_leaves_parse(active, "inclination, mass", "chi2.c"));
  /* NULL: stars of InputFile; or a struct cubix_slab of your own */
  CUBIX_TRY(cubix_mpi_chain_open(&chain, par, NULL, NULL, active, 0));
  CUBIX_TRY(cubix_mpi_chain_get(chain, CUBIX_LEAF_Inclination, &start));
  /* once, to know which channels this rank owns */
  CUBIX_TRY(cubix_mpi_chain_forward(chain, &cube));
  cubix_mpi_chain_result(&result, chain);
  CUBIX_TRY(cubix_mpi_agree(
      cubix_observed_read(&obs, par->ObservedFile, result.ins, par, cube->lambda_first, cube->n_lambda)));
  cubix_observed_mask_channels(obs, result.templates->covered);
  for (int step = -1; step <= 1; step++) {
    double inclination = start + 0.1 * step, by_mass = 0;
    CUBIX_TRY(compare(&chi2, &bar, chain, par, obs, inclination));
    /* of this rank's stars */
    for (size_t i = 0; i < cubix_mpi_chain_size(chain, CUBIX_LEAF_Mass); i++) by_mass += bar.value[CUBIX_LEAF_Mass][i];
    by_mass = cubix_mpi_collective.total(by_mass);
    if (cubix_mpi_rank() == 0)
      printf("inclination %.2f deg  chi2 %.8g  dchi2/dinclination %.6g  sum of dchi2/dmass %.6g\n", inclination, chi2,
             *bar.value[CUBIX_LEAF_Inclination], by_mass);
    cubix_leaves_free(&bar);
  }
done:
  if (status && cubix_mpi_rank() == 0) fprintf(stderr, "chi2: %s\n", cubix_error_message());
  cubix_leaves_free(&bar);
  cubix_observed_free(obs);
  cubix_mpi_chain_close(chain);
  cubix_params_free(par);
  return cubix_mpi_finish(status);
}
