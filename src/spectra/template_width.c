/* template_width.c -- by how much each template is broadened, and how broad a channel's line is then. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
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

double cubix_templates_fwhm_slope(const struct cubix_instrument *ins, double lambda_vac)
{
  return 2 * cubix_curve_at(&ins->lsf_fwhm, in_medium(ins, lambda_vac)) / (CUBIX_FWHM_SIGMA * CUBIX_FWHM_SIGMA);
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

/* FWHM of a sinc of FWHM `sinc` convolved with a Gaussian: its transform is that Gaussian's, cut off where the
 * sinc's ends, so the profile is the integral of exp(-(sigma k)^2/2) cos(k x) from 0 to pi/a, a = sinc/1.2067. */
static double sinc_fwhm(double sinc, double sigma)
{
  enum { N = 64 };
  const double end = CUBIX_PI * CUBIX_LSF_SINC_FWHM / sinc;
  double lo = 0, hi = 0.5 * (sinc + CUBIX_FWHM_SIGMA * sigma), weight[N], top = 0;
  for (int i = 0; i < N; i++) {                     /* by midpoints; half the FWHM is at most the halves' sum */
    const double k = end * (i + 0.5) / N;
    weight[i] = exp(-0.5 * sigma * sigma * k * k);
    top += weight[i];
  }
  for (int step = 0; step < 40; step++) {
    double x = 0.5 * (lo + hi), sum = 0;
    for (int i = 0; i < N; i++) sum += weight[i] * cos(end * (i + 0.5) / N * x);
    if (sum > 0.5 * top) lo = x;
    else hi = x;
  }
  return lo + hi;
}

int cubix_templates_cover(struct cubix_templates *templates, const struct cubix_instrument *ins)
{
  const double one_plus_z = templates->tables.one_plus_z, blue = cubix_doppler(one_plus_z, templates->v_max),
               red = cubix_doppler(one_plus_z, -templates->v_max);
  int changed = 0;
  templates->n_uncovered = 0;
  for (int k = 0; k < ins->n_lambda; k++) {
    const unsigned char before = templates->covered[k];
    templates->covered[k] =
        ins->edge[k] / blue >= templates->ssp->lambda_first && ins->edge[k + 1] / red <= templates->ssp->lambda_last;
    templates->n_uncovered += !templates->covered[k];
    changed |= before != templates->covered[k];
  }
  return changed;
}

void cubix_templates_channels(struct cubix_templates *templates, const struct cubix_instrument *ins)
{
  const double one_plus_z = templates->tables.one_plus_z;
  (void)cubix_templates_cover(templates, ins);
  templates->n_too_broad = templates->n_pixel_broad = 0;
  for (int k = 0; k < ins->n_lambda; k++) {
    double centre = 0.5 * (ins->edge[k] + ins->edge[k + 1]), width = cubix_instrument_width(ins, k),
           box = width * width / 12;
    templates->fwhm_template[k] = one_plus_z * library_fwhm(templates->ssp, centre / one_plus_z);
    double own = templates->fwhm_template[k] / CUBIX_FWHM_SIGMA,
           missing = ins->lsf_none ? 0 : cubix_templates_missing_variance(ins, centre, templates->fwhm_template[k]);
    const int is_sinc = !ins->lsf_none && ins->lsf_shape == CUBIX_LSF_SINC && missing > 0;
    templates->fwhm_cube[k] = is_sinc ? sinc_fwhm(CUBIX_FWHM_SIGMA * sqrt(missing), sqrt(own * own + box))
                                      : CUBIX_FWHM_SIGMA * sqrt(own * own + fmax(missing, 0) + box);
    if (ins->lsf_none) continue;
    double inst = cubix_curve_at(&ins->lsf_fwhm, cubix_instrument_lambda(ins, k));
    int too_broad = cubix_templates_too_broad(templates, ins, k);
    templates->n_too_broad += too_broad;
    templates->n_pixel_broad += !too_broad && (missing <= 0 || is_sinc) && templates->fwhm_cube[k] > 1.01 * inst;
  }
}

/* What a narrow line would have in channel k if the library were sharp, the pixel included [AA]. */
static double wanted_fwhm(const struct cubix_instrument *ins, int k)
{
  const double inst = cubix_curve_at(&ins->lsf_fwhm, cubix_instrument_lambda(ins, k)),
               pixel = cubix_instrument_width(ins, k) / sqrt(12.), fwhm = CUBIX_FWHM_SIGMA * pixel;
  if (ins->lsf_pixel_included) return inst;
  return ins->lsf_shape == CUBIX_LSF_SINC ? sinc_fwhm(inst, pixel) : sqrt(inst * inst + fwhm * fwhm);
}

/* By how much lines are too broad there [%]; 0 where the instrument records nothing. */
static double excess(const struct cubix_templates *templates, const struct cubix_instrument *ins, int k)
{
  return cubix_instrument_gap(ins, k) ? 0 : 100 * (templates->fwhm_cube[k] / wanted_fwhm(ins, k) - 1);
}

void cubix_templates_report_width(const struct cubix_templates *templates, const struct cubix_instrument *ins)
{
  static const struct { const char *name; double lambda;     /* vacuum AA */
  } line[] = { { "Ca II K", 3934.8 }, { "Mg b", 5176.6 }, { "H alpha", 6564.6 }, { "Ca II 8542", 8544.4 } };
  char at_lines[160] = "";
  size_t used = 0;
  int worst = 0;
  for (int k = 0; k < ins->n_lambda; k++)
    if (excess(templates, ins, k) > excess(templates, ins, worst)) worst = k;
  for (size_t l = 0; l < sizeof line / sizeof *line; l++) {
    const double lambda = templates->tables.one_plus_z * line[l].lambda;
    int k = 0;
    while (k < ins->n_lambda && !(ins->edge[k] <= lambda && lambda < ins->edge[k + 1])) k++;
    if (k < ins->n_lambda && excess(templates, ins, k) >= 0.5)
      used += (size_t)snprintf(at_lines + used, sizeof at_lines - used, "%s %s %.0f %%", used ? "," : ";",
                               line[l].name, excess(templates, ins, k));
  }
  const char *what = ins->lsf_shape == CUBIX_LSF_SINC
                         ? " has a width beside the line spread function's sinc"
                         : ", or it and the pixel together, is broader than the line spread function";
  cubix_log(CUBIX_LOG_WARNING,
            "%d of %d channels: %s%s, and is not sharpened: lines are up to %.1f %% too broad (at %.0f AA %.2f instead "
            "of %.2f AA%s); see table LSF",
            templates->n_too_broad + templates->n_pixel_broad, ins->n_lambda, templates->ssp->name, what,
            excess(templates, ins, worst), cubix_instrument_lambda(ins, worst), templates->fwhm_cube[worst],
            wanted_fwhm(ins, worst), at_lines);
}
