/* gradient_write.c -- derivatives of the objective by everything that Parameters names, as text
 * and, star by star, as HDF5.
 *
 * A derivative is per unit of the leaf (leaves.def): chi2 per Msun, per Gyr, per km/s ...  Stars
 * are those that are kept (no wind, within SelectRadius), in the order of the simulation file. */

#include "mpi/fit/gradient_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/atomic_file.h"
#include "base/disk.h"
#include "base/error.h"
#include "fit/leaves.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/particles/star_file.h"
#include "mpi/pipeline/chain.h"
#include "mpi/pipeline/chain_parts.h"
#include "output/output.h"
#include "params/params.h"
#include "spectra/ssp.h"

int cubix_mpi_gradient_check(const struct cubix_params *par)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_output_side_check(par, "-gradient.hdf5", ""));
  CUBIX_TRY(cubix_output_side_check(par, "-gradient.txt", ""));
done:
  return status;
}

int cubix_mpi_gradient_room(const struct cubix_chain *chain, const struct cubix_params *par,
                            const unsigned char active[CUBIX_N_LEAF])
{
  int status = CUBIX_OK;
  struct cubix_disk_need need = { .bytes = 1 << 16 };
  struct cubix_result result;
  cubix_mpi_chain_result(&result, chain);
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const enum cubix_leaf_of of = cubix_leaf_info((enum cubix_leaf)leaf)->of;
    const double n = (double)cubix_mpi_chain_size(chain, (enum cubix_leaf)leaf);
    CUBIX_CHECK(!active[leaf] || of != CUBIX_OF_GAS, CUBIX_EUSAGE,
                "Parameters = %s (%s): Mode gradient writes derivatives by stars, by the library and by what belongs "
                "to the whole; those by cells of gas (%s) are for programs, as from Python",
                par->Parameters, cubix_params_origin(par, "Parameters"), cubix_leaf_info((enum cubix_leaf)leaf)->name);
    if (active[leaf] && of != CUBIX_OF_GLOBAL)
      need.bytes += sizeof(double) * (of == CUBIX_OF_STAR ? (double)cubix_mpi_sum_int((int64_t)n) : n);
  }
  CUBIX_TRY(cubix_output_side_name(need.path, par, "-gradient.hdf5", ""));
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_rank() == 0 ? cubix_output_room(par, result.ins, &need, 1) : CUBIX_OK));
done:
  return status;
}

struct text {
  const struct cubix_params *par;
  double value, voxels;
  const struct cubix_leaves *bar;
  double *const *at;
};

static int print(FILE *out, const void *host)
{
  const struct text *t = host;
  fprintf(out, "# CUBIX, Mode gradient: Likelihood %s, ObservedFile %s\n# objective %.17g\n# voxels    %.0f\n",
          cubix_Likelihood_word[t->par->Likelihood], t->par->ObservedFile, t->value, t->voxels);
  fprintf(out, "# gradient: change of the objective per unit of the parameter\n#%-25s %24s %24s %s\n", " name", "value",
          "gradient", "unit");
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const struct cubix_leaf_info *info = cubix_leaf_info((enum cubix_leaf)leaf);
    for (int c = 0; t->bar->value[leaf] && info->of == CUBIX_OF_GLOBAL && c < info->n; c++) {
      char name[64];
      snprintf(name, sizeof name, info->n > 1 ? "%s[%d]" : "%s", info->name, c);
      fprintf(out, "%-26s %24.17g %24.17g %s\n", name, t->at[leaf][c], t->bar->value[leaf][c], info->unit);
    }
  }
  return CUBIX_OK;
}

/* Columns and tables of what is not global; n_column + n_table = 0: nothing. */
static void list(struct cubix_star_file *file, char (*unit)[48], const struct cubix_chain *chain,
                 const struct cubix_leaves *bar)
{
  struct cubix_result result;
  cubix_mpi_chain_result(&result, chain);
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const struct cubix_leaf_info *info = cubix_leaf_info((enum cubix_leaf)leaf);
    if (!bar->value[leaf] || info->of == CUBIX_OF_GLOBAL) continue;
    snprintf(unit[leaf], sizeof unit[leaf], "1/(%s)", info->unit);
    if (info->of == CUBIX_OF_STAR) {
      file->column[file->n_column++] = (struct cubix_star_column){
        info->name, unit[leaf], "derivative of the objective with this number of each star", info->n, bar->value[leaf],
        NULL
      };
      file->n_star = cubix_mpi_chain_size(chain, (enum cubix_leaf)leaf) / (size_t)info->n;
    } else {
      const struct cubix_ssp *ssp = result.templates->ssp;
      file->table[file->n_table++] = (struct cubix_star_table){
        info->name,
        unit[leaf],
        "derivative of the objective with the library's values, [metallicity][age][wavelength]",
        { (size_t)ssp->n_z, (size_t)ssp->n_age, (size_t)ssp->n_lambda },
        bar->value[leaf]
      };
    }
  }
}

int cubix_mpi_gradient_write(const struct cubix_chain *chain, const struct cubix_params *par, double voxels,
                             double value, const struct cubix_leaves *bar)
{
  int status = CUBIX_OK;
  double numbers[CUBIX_N_LEAF][8] = { { 0 } }, *at[CUBIX_N_LEAF];
  char unit[CUBIX_N_LEAF][48];
  struct cubix_star_column column[CUBIX_N_LEAF];
  struct cubix_star_table table[CUBIX_N_LEAF];
  struct cubix_star_fact fact[] = { { "CubixFile", "gradient", NULL, 0 },
                                    { "Likelihood", cubix_Likelihood_word[par->Likelihood], NULL, 0 },
                                    { "ObservedFile", par->ObservedFile, NULL, 0 },
                                    { "Objective", NULL, &value, 1 },
                                    { "Voxels", NULL, &voxels, 1 } };
  struct cubix_star_file file = { .column = column, .table = table, .fact = fact, .n_fact = 5 };
  const struct text text = { par, value, voxels, bar, at };
  char path[CUBIX_OUTPUT_PATH];
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    at[leaf] = numbers[leaf];
    if (bar->value[leaf] && cubix_leaf_info((enum cubix_leaf)leaf)->of == CUBIX_OF_GLOBAL)
      CUBIX_TRY(cubix_mpi_chain_get(chain, (enum cubix_leaf)leaf, at[leaf]));
  }
  list(&file, unit, chain, bar);
  CUBIX_TRY(cubix_output_side_name(path, par, "-gradient.hdf5", ""));
  if (file.n_column + file.n_table) CUBIX_TRY(cubix_mpi_star_file_write(&file, path));
  else CUBIX_TRY(cubix_mpi_agree(cubix_mpi_rank() == 0 ? cubix_output_remove(par, "-gradient.hdf5") : CUBIX_OK));
  CUBIX_TRY(cubix_output_side_name(path, par, "-gradient.txt", ""));
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_rank() == 0 ? cubix_atomic_file_text(path, print, &text) : CUBIX_OK));
done:
  return status;
}
