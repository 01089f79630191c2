/* template_width.c -- by how much each template is broadened, and how broad a channel's line is then. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "instrument/instrument.h"
#include "physics/constants.h"
#include "physics/doppler.h"
#include "physics/population.h"
#include "spectra/templates.h"
#include "spectra/templates_parts.h"

/* Observed vacuum wavelength -> the instrument's medium. */
static double in_medium(const struct cubix_instrument *ins, double lambda_vac)
{
  return ins->medium == CUBIX_AIR ? cubix_vacuum_to_air(lambda_vac) : lambda_vac;
}

/* Of a channel at this wavelength, if the FWHM holds it already; and its derivative. */
static double pixel_variance(const struct cubix_instrument *ins, double lambda)
{
  const double width = cubix_instrument_width_at(ins, lambda);
  return ins->lsf_pixel_included ? width * width / 12 : 0;
}

static double pixel_variance_slope(const struct cubix_instrument *ins, double lambda)
{
  return ins->lsf_pixel_included
             ? cubix_instrument_width_at(ins, lambda) * cubix_instrument_width_slope(ins, lambda) / 6
             : 0;
}

double cubix_templates_missing_variance(const struct cubix_instrument *ins, double lambda_vac, double fwhm_template)
{
  double at = in_medium(ins, lambda_vac), inst = cubix_curve_at(&ins->lsf_fwhm, at) / CUBIX_FWHM_SIGMA;
  double own = ins->lsf_shape == CUBIX_LSF_SINC ? 0 : fwhm_template / CUBIX_FWHM_SIGMA;
  return inst * inst - pixel_variance(ins, at) - own * own;
}

void cubix_templates_width_slopes(const struct cubix_templates *templates, const struct cubix_instrument *ins, int i,
                                  double *lsf_fwhm, double *one_plus_z)
{
  double x = templates->tables.knot[i], per_z = 1 / templates->tables.one_plus_z,
         lambda = templates->tables.one_plus_z * x, at = in_medium(ins, lambda);
  double fwhm = cubix_curve_at(&ins->lsf_fwhm, at), unit = CUBIX_FWHM_SIGMA * CUBIX_FWHM_SIGMA,
         own = fwhm * fwhm / unit - pixel_variance(ins, at);
  double medium = ins->medium == CUBIX_AIR ? cubix_vacuum_to_air_slope(lambda) : 1;
  *lsf_fwhm = 2 * fwhm / unit * per_z * per_z;
  *one_plus_z = *lsf_fwhm * cubix_curve_slope(&ins->lsf_fwhm, at) * medium * x -
                pixel_variance_slope(ins, at) * medium * x * per_z * per_z - 2 * own * per_z * per_z * per_z;
}

/* The library's FWHM at a rest wavelength. */
static double library_fwhm(const struct cubix_ssp *ssp, double lambda)
{
  int i;
  double f;
  cubix_bracket(ssp->lambda, ssp->n_lambda, lambda, &i, &f);
  return (1 - f) * ssp->lsf_fwhm[i] + f * ssp->lsf_fwhm[ssp->n_lambda > 1 ? i + 1 : i];
}

int cubix_templates_too_broad(const struct cubix_templates *templates, const struct cubix_instrument *ins, int k)
{
  return !ins->lsf_none &&
         templates->fwhm_template[k] > cubix_curve_at(&ins->lsf_fwhm, cubix_instrument_lambda(ins, k));
}

void cubix_templates_channels(struct cubix_templates *templates, const struct cubix_instrument *ins)
{
  int n = ins->n_lambda;
  double one_plus_z = templates->tables.one_plus_z, blue = cubix_doppler(one_plus_z, templates->v_max),
         red = cubix_doppler(one_plus_z, -templates->v_max);
  templates->n_uncovered = templates->n_too_broad = templates->n_pixel_broad = 0;
  for (int k = 0; k < n; k++) {
    double centre = 0.5 * (ins->edge[k] + ins->edge[k + 1]), width = cubix_instrument_width(ins, k),
           box = width * width / 12;
    templates->covered[k] =
        ins->edge[k] / blue >= templates->ssp->lambda_first && ins->edge[k + 1] / red <= templates->ssp->lambda_last;
    templates->n_uncovered += !templates->covered[k];
    templates->fwhm_template[k] = one_plus_z * library_fwhm(templates->ssp, centre / one_plus_z);
    double own = templates->fwhm_template[k] / CUBIX_FWHM_SIGMA,
           missing = ins->lsf_none ? 0 : cubix_templates_missing_variance(ins, centre, templates->fwhm_template[k]);
    templates->fwhm_cube[k] = CUBIX_FWHM_SIGMA * sqrt(own * own + fmax(missing, 0) + box);
    if (ins->lsf_none) continue;
    double inst = cubix_curve_at(&ins->lsf_fwhm, cubix_instrument_lambda(ins, k));
    int too_broad = cubix_templates_too_broad(templates, ins, k);
    templates->n_too_broad += too_broad;
    templates->n_pixel_broad += !too_broad && missing <= 0 && templates->fwhm_cube[k] > 1.01 * inst;
  }
}
