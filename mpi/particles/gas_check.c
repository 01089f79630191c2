/* gas_check.c -- what is asked of gas, and what is wrong with it. */
#include "mpi/particles/gas_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "simulation/simformat.h"

/* What a run asks of the gas: one of the quantities, or all of others instead. */
struct demand {
  enum cubix_field field, instead[2];
  int wanted;
  const char *what, *why, *remedy;
};

int cubix_mpi_gas_sized(const struct cubix_params *par)
{
  const int lines = par->Lines == CUBIX_Lines_sfr;
  return par->Dust == CUBIX_Dust_gas ||
         (lines && !cubix_params_unmet(par, CUBIX_NEEDS_LENGTH) && !(par->SmoothingLength.x > 0));
}

static int n_demand_of(struct demand demand[6], const struct cubix_params *par)
{
  const enum cubix_field none = CUBIX_N_FIELD;
  const int dust = par->Dust == CUBIX_Dust_gas, lines = par->Lines == CUBIX_Lines_sfr,
            cool = par->DustGas == CUBIX_DustGas_cool, forming = par->DustGas == CUBIX_DustGas_starforming;
  const struct demand all[] = {
    { CUBIX_FIELD_LENGTH, { CUBIX_FIELD_DENSITY, none }, cubix_mpi_gas_sized(par), "smoothing lengths or densities",
      "from which the sizes of kernels follow", dust ? "" : ", or give a SmoothingLength in kpc, or another Deposit" },
    { CUBIX_FIELD_METALLICITY, { CUBIX_FIELD_DUST_MASS, none }, dust, "metallicities or dust masses",
      "from which its dust follows", "" },
    { CUBIX_FIELD_METALLICITY, { none, none }, lines, "metallicities", "on which its emission lines depend", "" },
    { CUBIX_FIELD_TEMPERATURE, { CUBIX_FIELD_ENERGY, CUBIX_FIELD_ELECTRONS }, dust && cool, "temperatures",
      "which tell cool gas from hot", ", or set DustGas starforming or all" },
    { CUBIX_FIELD_SFR, { none, none }, dust && forming, "star formation rates",
      "which tell where DustGas starforming finds dust", ", or set DustGas cool or all" },
    { CUBIX_FIELD_SFR, { none, none }, lines, "star formation rates", "from which Lines sfr makes emission lines",
      ", or set Lines stars" },
  };
  int n = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i].wanted) demand[n++] = all[i];
  return n;
}

/* A dataset as the format names it, the first of several; its general name if it has none. */
static void name_of(char *text, size_t size, const struct cubix_species *gas, enum cubix_field field)
{
  const struct cubix_names *names = gas ? &gas->field[field].dataset : NULL;
  snprintf(text, size, "%s", names && names->n ? names->name[0] : cubix_field_table[field].name);
}

static int is_there(const struct cubix_simfile *sim, enum cubix_field field)
{
  return field < CUBIX_N_FIELD && sim->field[field].name[0];
}

int cubix_gas_columns_check(const struct cubix_simfile *sim, const char *file, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const struct cubix_species *gas = cubix_simfile_species(sim);
  struct demand demand[6];
  const int n = n_demand_of(demand, par);
  for (int i = 0; i < n; i++) {
    const struct demand *d = &demand[i];
    char lack[3][256] = { "" };
    if (is_there(sim, d->field)) continue;
    if (is_there(sim, d->instead[0]) && (d->instead[1] == CUBIX_N_FIELD || is_there(sim, d->instead[1]))) continue;
    name_of(lack[0], sizeof lack[0], gas, d->field);
    for (int k = 0; k < 2 && d->instead[k] < CUBIX_N_FIELD; k++)
      name_of(lack[1 + k], sizeof lack[1 + k], gas, d->instead[k]);
    CUBIX_CHECK(0, CUBIX_EINPUT, "%s: the gas in /%s has no %s, %s: it needs %s%s%s%s%s there%s", file,
                sim->group[0], d->what, d->why, lack[0], lack[1][0] ? ", or " : "", lack[1],
                lack[2][0] ? " and " : "", lack[2], d->remedy);
  }
done:
  return status;
}

int cubix_gas_given_check(const struct cubix_slab *gas, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct demand demand[6];
  const int n = n_demand_of(demand, par);
  CUBIX_CHECK(gas->position && gas->velocity && gas->mass_now, CUBIX_EINPUT,
              "gas given as arrays needs positions, velocities and masses");
  for (int i = 0; i < n; i++) {
    const struct demand *d = &demand[i];
    const int others = d->instead[0] < CUBIX_N_FIELD && cubix_slab_column(gas, d->instead[0]);
    CUBIX_CHECK(cubix_slab_column(gas, d->field) || others, CUBIX_EINPUT,
                "gas given as arrays has no %s, %s%s", d->what, d->why, d->remedy);
  }
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    const double *x = cubix_slab_column(gas, (enum cubix_field)f);
    const struct cubix_field_info *info = &cubix_field_table[f];
    double low, high;
    cubix_field_bounds(&low, &high, (enum cubix_field)f);
    for (size_t i = 0; x && i < gas->n * (size_t)info->n_c; i++)
      CUBIX_CHECK(x[i] >= low && x[i] <= high, CUBIX_EINPUT,
                  "%s of cell %zu of the gas (of 0 to %zu) is %g %s; it must be finite and in %g..%g", info->name,
                  i / (size_t)info->n_c, gas->n - 1, x[i], strcmp(info->unit, "1") ? info->unit : "", info->low,
                  info->high);
  }
  if (cubix_mpi_gas_sized(par)) CUBIX_TRY(cubix_gas_check(gas, NULL, 0));
done:
  return status;
}

int cubix_gas_check(const struct cubix_slab *gas, const struct cubix_simfile *sim, int64_t number)
{
  int status = CUBIX_OK;
  const int lengths = sim ? sim->field[CUBIX_FIELD_LENGTH].name[0] : gas->smoothing_length != NULL;
  const enum cubix_field field = lengths ? CUBIX_FIELD_LENGTH : CUBIX_FIELD_DENSITY;
  const double *x = cubix_slab_column(gas, field);
  char path[256];
  for (size_t i = 0; i < gas->n; i++) {
    if (x[i] > 0 || !(gas->mass_now[i] > 0)) continue;
    snprintf(path, sizeof path, "%s", cubix_field_table[field].name);
    if (sim) cubix_simfile_path(path, sizeof path, sim, &sim->part[0], field);
    CUBIX_CHECK(0, CUBIX_EINPUT,
                "%s%s%s is 0 for cell %lld of the gas (of those read, from 0 on), which has %g Msun: a kernel needs a "
                "size.  Remove the cell or repair the file",
                sim ? gas->snapshot.file[0] : "", sim ? ": /" : "", path, (long long)number + (long long)i,
                gas->mass_now[i]);
  }
done:
  return status;
}

int cubix_mpi_gas_asked(int status, const struct cubix_params *par)
{
  const int dust = par->Dust == CUBIX_Dust_gas, lines = par->Lines == CUBIX_Lines_sfr;
  if (status == CUBIX_EINPUT && dust && lines)
    cubix_error_about("Dust = gas (%s), Lines = sfr (%s)", cubix_params_origin(par, "Dust"),
                      cubix_params_origin(par, "Lines"));
  else if (status == CUBIX_EINPUT && dust) cubix_error_about("Dust = gas (%s)", cubix_params_origin(par, "Dust"));
  else if (status == CUBIX_EINPUT) cubix_error_about("Lines = sfr (%s)", cubix_params_origin(par, "Lines"));
  return status;
}
