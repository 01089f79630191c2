/* output_parts.c -- the tables and vectors of the files of a result, whatever their kind, and how
 * large the files are. */
#define _POSIX_C_SOURCE 200809L
#include "output/output_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "cube/truth_maps.h"
#include "lines/gas_maps.h"
#include "output/output_covariance.h"

const struct cubix_lsf_column cubix_lsf_columns[CUBIX_N_LSF_COLUMN] = {
  { "WAVELENGTH",      "centre of the channel, in the cube's medium" },
  { "FWHM_INSTRUMENT", "line spread function of the instrument" },
  { "FWHM_TEMPLATE",   "that of the library, in the observed frame" },
  { "FWHM_CUBE",       "width of a narrow line in the cube" },
  { "WIDTH",           "width of the channel" },
};

static int has_dust(const struct cubix_params *par) { return par->Dust != CUBIX_Dust_none; }

/* Maps as they are, and as seen through the PSF. */
static int n_truth(const struct cubix_params *par) { return 2 * cubix_truth_count(has_dust(par)) - 1; }

/* All of the stars. */
static int n_map(const struct cubix_params *par)
{
  return n_truth(par) + (cubix_losvd_bins(par) > 0 ? 2 * CUBIX_N_FIT_MAP : 0);
}

/* Bytes on disk. */
static double bytes_of(const struct cubix_part *part, const struct cubix_params *par,
                       const struct cubix_instrument *ins)
{
  const double image = (double)ins->n_x * ins->n_y, n_gas = par->Lines ? 2. * CUBIX_GAS_MOST_MAPS : 0;
  if (part->kind == CUBIX_PART_LSF) return CUBIX_N_LSF_COLUMN * (double)ins->n_lambda * sizeof(double);
  if (part->kind == CUBIX_PART_MAPS)
    return (n_map(par) + n_gas + 2. * cubix_losvd_bins(par)) * image * sizeof(double);
  if (part->kind == CUBIX_PART_VECTOR) return (double)ins->n_lambda * sizeof(double);
  return image * ins->n_lambda * (part->which == CUBIX_PLANE_DQ ? sizeof(int32_t) : sizeof(cubix_real));
}

double cubix_output_file_bytes(const struct cubix_params *par, const struct cubix_instrument *ins)
{
  struct cubix_part part[CUBIX_MOST_PART];
  double bytes = (1 << 18) + cubix_covariance_bytes(par, ins);   /* what goes into headers; and that */
  for (int i = cubix_layout_parts(part, cubix_layout_fits(par, ins), par); i-- > 0;)
    bytes += bytes_of(&part[i], par, ins);
  return bytes;
}

void cubix_lsf_values(const struct cubix_result *result, int column, double *value)
{
  for (int k = 0; k < result->ins->n_lambda; k++) {
    double lambda = cubix_instrument_lambda(result->ins, k);
    value[k] = column == 0   ? lambda
               : column == 1 ? (result->ins->lsf_none ? 0. : cubix_curve_at(&result->ins->lsf_fwhm, lambda))
               : column == 2 ? result->templates->fwhm_template[k]
               : column == 3 ? result->templates->fwhm_cube[k]
                             : cubix_instrument_width(result->ins, k);
  }
}

double cubix_output_maps_bytes(const struct cubix_params *par, const struct cubix_instrument *ins)
{
  const double fits = cubix_losvd_bins(par) > 0 ? 2 * CUBIX_N_FIT_MAP : 0;
  return (n_map(par) + 1 + fits) * ins->n_x * ins->n_y * sizeof(double);
}

static void map_of(struct cubix_output_map *map, double *value, const struct cubix_result *result, int number)
{
  const size_t n = (size_t)result->ins->n_x * (size_t)result->ins->n_y;
  const int fit = number - n_truth(result->par);
  const int gas = number - n_map(result->par);
  if (gas >= 0) {
    const int n_gas = cubix_gas_n_map(result->lines);
    struct cubix_gas_title title;
    map->of_light = 0;
    map->seen = gas >= n_gas;
    cubix_gas_map(&title, value, result->lines, map->seen ? result->seen : result->sums, gas % n_gas, map->seen,
                  result->ins->flux_unit);
    memcpy(map->name, title.name, sizeof map->name);
    memcpy(map->unit, title.unit, sizeof map->unit);
    memcpy(map->description, title.description, sizeof map->description);
  } else if (fit >= 0) {
    const enum cubix_fit_map which = (enum cubix_fit_map)(fit % CUBIX_N_FIT_MAP);
    map->of_light = 1;
    map->seen = fit >= CUBIX_N_FIT_MAP;
    cubix_fit_name(map->name, which, map->seen);
    snprintf(map->unit, sizeof map->unit, "%s", cubix_fit_unit(which));
    cubix_fit_description(map->description, which, map->seen);
    memcpy(value, result->losvd_fit + (size_t)fit * n, n * sizeof *value);
  } else {
    const enum cubix_truth truth = cubix_truth_at(number, has_dust(result->par), &map->seen);
    map->of_light = cubix_truth_of_light(truth);
    cubix_truth_name(map->name, truth, map->seen);
    cubix_truth_unit(map->unit, truth, result->ins->flux_unit);
    cubix_truth_description(map->description, truth, map->seen);
    cubix_truth_map(map->seen ? result->seen : result->sums, truth, value);
  }
}

int cubix_output_maps(const struct cubix_result *result, void *to,
                      int put(void *to, const struct cubix_output_map *map, const struct cubix_facts *facts,
                              const double *value))
{
  int status = CUBIX_OK;
  struct cubix_facts *facts = NULL;
  double *value = NULL;
  CUBIX_ALLOC(value, (size_t)result->ins->n_x * (size_t)result->ins->n_y);
  const int n_all = n_map(result->par) + 2 * cubix_gas_n_map(result->lines);
  for (int m = 0; m < n_all; m++) {
    struct cubix_output_map map;
    map_of(&map, value, result, m);
    CUBIX_TRY(cubix_map_facts_init(&facts, result->ins, map.of_light, map.seen));
    CUBIX_TRY(put(to, &map, facts, value));
    cubix_facts_free(facts);
    facts = NULL;
  }
done:
  cubix_facts_free(facts);
  free(value);
  return status;
}

void cubix_output_losvd(struct cubix_output_map *map, const struct cubix_result *result, int seen)
{
  snprintf(map->name, sizeof map->name, "%s", seen ? "LOSVD_OBS" : "LOSVD");
  snprintf(map->unit, sizeof map->unit, "10**(%d)*erg/s/cm**2/(km/s)", result->ins->flux_unit);
  snprintf(map->description, sizeof map->description, "light per velocity%s", seen ? "; seen through the PSF" : "");
  map->of_light = 1;
  map->seen = seen;
}

void cubix_output_losvd_bin(double *value, const struct cubix_result *result, int seen, int k, int swapped)
{
  const struct cubix_sums *sums = seen ? result->seen : result->sums;
  const double *light = sums->losvd + (size_t)k * cubix_sums_size(sums);
  for (int j = 0; j < sums->n_y; j++)
    for (int i = 0; i < sums->n_x; i++, value++) {
      uint64_t bits;
      *value = light[cubix_sums_at(sums, i, j)] / sums->v_step;
      if (!swapped) continue;
      memcpy(&bits, value, sizeof bits);
      bits = __builtin_bswap64(bits);
      memcpy(value, &bits, sizeof bits);
    }
}

void cubix_vector_values(const struct cubix_result *result, enum cubix_channel_vector vector, double *value)
{
  for (int k = 0; k < result->ins->n_lambda; k++) {
    const double lambda = cubix_instrument_lambda(result->ins, k), fwhm = result->templates->fwhm_cube[k];
    value[k] = vector == CUBIX_VECTOR_WAVE ? lambda : vector == CUBIX_VECTOR_RESOLUTION && fwhm > 0 ? lambda / fwhm : 0;
  }
}

int cubix_output_take(struct cubix_blocks *blocks, int r, int what, int k0, int n_k, void *block, size_t n_byte)
{
  int status = CUBIX_OK, here = 0;
  const struct timespec nap = { 0, 50000 };
  CUBIX_TRY(blocks->ask(blocks, 0, r, what, k0, n_k, block, n_byte));
  for (;;) {
    status = blocks->look(blocks, 0, &here);
    if (here) break;
    nanosleep(&nap, NULL);
  }
done:
  return status;
}
