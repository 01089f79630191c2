/* gradient_write.c -- derivatives of the objective by everything that Parameters names, as text and, star by star, as HDF5.
 *
 * A derivative is per unit of the leaf (leaves.def): chi2 per Msun, per Gyr, per km/s ...  Stars are those that are kept (no wind, within SelectRadius), in
 * the order of the simulation file. */
#include "gradient_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cubix-mpi.h"
#include "error.h"
#include "star_file.h"

int cubix_mpi_gradient_check(const struct cubix_params *par)
{
  static const char *const ending[] = { "-gradient.hdf5", "-gradient.txt" };
  int status = CUBIX_OK;
  struct cubix_beside beside;
  for (int i = 0; i < 2; i++) {
    CUBIX_TRY(cubix_beside_init(&beside, par, ending[i], ""));
    CUBIX_TRY(cubix_beside_check(&beside, par));
  }
done:
  return status;
}

static int text_write(const struct cubix_beside *beside, const struct cubix_params *par, double value, double voxels, const struct cubix_leaves *bar, double *const *at)
{
  int status = CUBIX_OK, bad;
  FILE *out;
  cubix_beside_begin(beside);
  out = fopen(beside->temporary, "w");
  CUBIX_CHECK(out, CUBIX_EOUTPUT, "cannot write %s: %s", beside->path, strerror(errno));
  fprintf(out, "# CUBIX, Mode gradient: Likelihood %s, ObservedFile %s\n# objective %.17g\n# voxels    %.0f\n", par->Likelihood, par->ObservedFile, value, voxels);
  fprintf(out, "# gradient: change of the objective per unit of the parameter\n#%-25s %24s %24s %s\n", " name", "value", "gradient", "unit");
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const struct cubix_leaf_info *info = cubix_leaf_info((enum cubix_leaf)leaf);
    for (int c = 0; bar->value[leaf] && info->of == CUBIX_OF_GLOBAL && c < info->n; c++) {
      char name[64];
      snprintf(name, sizeof name, info->n > 1 ? "%s[%d]" : "%s", info->name, c);
      fprintf(out, "%-26s %24.17g %24.17g %s\n", name, at[leaf][c], bar->value[leaf][c], info->unit);
    }
  }
  bad = fflush(out) || ferror(out);
  if (fclose(out)) bad = 1;
  CUBIX_CHECK(!bad, CUBIX_EOUTPUT, "cannot write %s: %s", beside->path, strerror(errno));
done:
  return cubix_beside_end(beside, status);
}

/* Columns and tables of what is not global; n_column + n_table = 0: nothing. */
static void list(struct cubix_star_file *file, char (*unit)[48], const struct cubix_chain *chain, const struct cubix_leaves *bar)
{
  struct cubix_result result;
  cubix_mpi_chain_result(&result, chain);
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const struct cubix_leaf_info *info = cubix_leaf_info((enum cubix_leaf)leaf);
    if (!bar->value[leaf] || info->of == CUBIX_OF_GLOBAL) continue;
    snprintf(unit[leaf], sizeof unit[leaf], "1/(%s)", info->unit);
    if (info->of == CUBIX_OF_STAR) {
      file->column[file->n_column++] = (struct cubix_star_column) { info->name, unit[leaf], "derivative of the objective with this number of each star", info->n, bar->value[leaf] };
      file->n_star = cubix_mpi_chain_size(chain, (enum cubix_leaf)leaf) / (size_t)info->n;
    } else {
      const struct cubix_ssp *ssp = result.mod->ssp;
      file->table[file->n_table++] = (struct cubix_star_table) { info->name, unit[leaf], "derivative of the objective with the library's values, [metallicity][age][wavelength]",
                                                                 { (size_t)ssp->n_z, (size_t)ssp->n_age, (size_t)ssp->n_lambda }, bar->value[leaf] };
    }
  }
}

int cubix_mpi_gradient_write(const struct cubix_chain *chain, const struct cubix_params *par, double voxels, double value, const struct cubix_leaves *bar)
{
  int status = CUBIX_OK;
  double numbers[CUBIX_N_LEAF][8] = { { 0 } }, *at[CUBIX_N_LEAF];
  char unit[CUBIX_N_LEAF][48];
  struct cubix_star_column column[CUBIX_N_LEAF];
  struct cubix_star_table table[CUBIX_N_LEAF];
  struct cubix_star_fact fact[] = { { "CubixFile", "gradient", NULL, 0 }, { "Likelihood", par->Likelihood, NULL, 0 }, { "ObservedFile", par->ObservedFile, NULL, 0 },
                                    { "Objective", NULL, &value, 1 }, { "Voxels", NULL, &voxels, 1 } };
  struct cubix_star_file file = { .column = column, .table = table, .fact = fact, .n_fact = 5 };
  struct cubix_beside beside;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    at[leaf] = numbers[leaf];
    if (bar->value[leaf] && cubix_leaf_info((enum cubix_leaf)leaf)->of == CUBIX_OF_GLOBAL) CUBIX_TRY(cubix_mpi_chain_get(chain, (enum cubix_leaf)leaf, at[leaf]));
  }
  list(&file, unit, chain, bar);
  CUBIX_TRY(cubix_beside_init(&beside, par, "-gradient.hdf5", ""));
  if (file.n_column + file.n_table) CUBIX_TRY(cubix_mpi_star_file_write(&file, &beside));
  CUBIX_TRY(cubix_beside_init(&beside, par, "-gradient.txt", ""));
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_rank() == 0 ? text_write(&beside, par, value, voxels, bar, at) : CUBIX_OK));
done:
  return status;
}
