/* output_parts.c -- what the files of a result consist of, in which order and under which names;
 * whatever their kind.
 *
 * The order is part of the format: readers of FITS files of the GIST family take the second and
 * third HDU as flux and variance by position. */
#include "output/output_parts.h"

#include <stdio.h>

#include "cube/truth_maps.h"

static const struct cubix_part order[CUBIX_MOST_PART] = {
  { CUBIX_PART_PLANE, CUBIX_PLANE_DATA },
  { CUBIX_PART_PLANE, CUBIX_PLANE_STAT },
  { CUBIX_PART_PLANE, CUBIX_PLANE_DQ },
  { CUBIX_PART_LSF,   CUBIX_N_PLANE },
  { CUBIX_PART_MAPS,  CUBIX_N_PLANE },                     /* in the order of enum cubix_truth */
  { CUBIX_PART_PLANE, CUBIX_PLANE_NOISEFREE },
};

static const struct { const char *name, *description; } table[CUBIX_N_PLANE] = {
  { "DATA",      "flux density" },
  { "STAT",      "variance of DATA" },
  { "DQ",        "data quality, a sum of bits; 0: good" },
  { "NOISEFREE", "flux density before noise" },
};

const struct cubix_dq_bit cubix_dq_bits[CUBIX_N_DQ_BIT] = {
  { CUBIX_DQ_OUTSIDE,   "DQBIT1", "1: outside the aperture" },
  { CUBIX_DQ_UNCOVERED, "DQBIT2", "2: library does not cover the channel" },
  { CUBIX_DQ_BROAD,     "DQBIT4", "4: template broader than the LSF" },
  { CUBIX_DQ_FEW,       "DQBIT8", "8: fewer than MinStars stars" },
  { CUBIX_DQ_GAP,       "DQBIT16", "16: gap of the instrument, nothing recorded" },
};

const struct cubix_lsf_column cubix_lsf_columns[CUBIX_N_LSF_COLUMN] = {
  { "WAVELENGTH",      "centre of the channel, in the medium of the cube" },
  { "FWHM_INSTRUMENT", "line spread function of the instrument" },
  { "FWHM_TEMPLATE",   "line spread function of the library, observed frame" },
  { "FWHM_CUBE",       "width of a narrow line in the cube" },
  { "WIDTH",           "width of the channel" },
};

int cubix_output_parts(struct cubix_part part[CUBIX_MOST_PART], const struct cubix_params *par)
{
  int n = 0;
  for (int i = 0; i < CUBIX_MOST_PART; i++) {
    if (order[i].kind == CUBIX_PART_MAPS && !par->TruthMaps) continue;
    if (order[i].plane == CUBIX_PLANE_NOISEFREE && !par->KeepNoiseFree) continue;
    part[n++] = order[i];
  }
  return n;
}

/* Bytes on disk.  A variance that is zero throughout is a hole in the file. */
static double bytes_of(const struct cubix_part *part, const struct cubix_params *par,
                       const struct cubix_instrument *ins)
{
  const double image = (double)ins->n_x * ins->n_y;
  if (part->kind == CUBIX_PART_LSF) return CUBIX_N_LSF_COLUMN * (double)ins->n_lambda * sizeof(double);
  if (part->kind == CUBIX_PART_MAPS) return CUBIX_N_TRUTH * image * sizeof(double);
  if (part->plane == CUBIX_PLANE_STAT && par->Noise == CUBIX_Noise_none) return 0;
  return image * ins->n_lambda * (part->plane == CUBIX_PLANE_DQ ? sizeof(int32_t) : sizeof(cubix_real));
}

double cubix_output_file_bytes(const struct cubix_params *par, const struct cubix_instrument *ins)
{
  struct cubix_part part[CUBIX_MOST_PART];
  double bytes = 1 << 18;                                  /* what goes into headers */
  for (int i = cubix_output_parts(part, par); i-- > 0;) bytes += bytes_of(&part[i], par, ins);
  return bytes;
}

const char *cubix_plane_name(enum cubix_plane plane) { return table[plane].name; }
const char *cubix_plane_description(enum cubix_plane plane) { return table[plane].description; }

void cubix_plane_unit(char unit[80], enum cubix_plane plane, const struct cubix_result *result)
{
  const char *form = plane == CUBIX_PLANE_DQ     ? ""
                     : plane == CUBIX_PLANE_STAT ? "(10**(%d)*erg/s/cm**2/Angstrom)**2"
                                                 : "10**(%d)*erg/s/cm**2/Angstrom";
  snprintf(unit, 80, form, result->ins->flux_unit);
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
