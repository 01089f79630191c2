/* templates_parts.h -- inside the templates: how their rows are made (template_rows.c); the
 * derivatives take the same steps again (templates_vjp.c). */
#ifndef CUBIX_TEMPLATES_PARTS_H
#define CUBIX_TEMPLATES_PARTS_H

#include <math.h>

#include "math/spline.h"
#include "spectra/lsf.h"
#include "spectra/templates.h"

static const double CUBIX_TEMPLATE_UNIT = 1e30;  /* erg/s/AA per Msun: keeps float32 in the middle of its range */

/* What is the same for all rows. */
struct cubix_maker {
  const struct cubix_templates *templates;
  struct cubix_spline spline;
  struct cubix_lsf lsf;
  double *birth_k;                /* [n_knot] (lambda/5500 AA)^-slope of the birth clouds */
};

/* One thread's scratch, [n_knot][CUBIX_LANES] each; the second three are there on request. */
struct cubix_lanes {
  double (*f)[CUBIX_LANES], (*m)[CUBIX_LANES], (*broad)[CUBIX_LANES], (*f_bar)[CUBIX_LANES], (*m_bar)[CUBIX_LANES],
      (*broad_bar)[CUBIX_LANES];
};

/** The spline's factors and the LSF's weights for the redshift in templates->tables.  Local.
 *  @param slope  1: also the weights' derivatives */
int cubix_maker_init(struct cubix_maker *maker, const struct cubix_templates *templates,
                     const struct cubix_instrument *ins, int slope);
void cubix_maker_free(struct cubix_maker *maker);
/** T''/6 of lanes of values, 0 for straight lines.  Local. */
void cubix_maker_curvature(const struct cubix_maker *maker, const double (*f)[CUBIX_LANES], double (*m)[CUBIX_LANES]);
/** s of the birth clouds' exp(-s tau k) for template t, and that factor at library point i.  Local. */
double cubix_maker_birth(const struct cubix_maker *maker, int t);
static inline double cubix_maker_cloud(const struct cubix_maker *maker, double s, size_t i)
{
  return maker->templates->birth.tau > 0 ? exp(-s * maker->templates->birth.tau * maker->birth_k[i]) : 1;
}
/** Templates first .. first + n - 1 of a library [n_z][n_age][n_knot], in lanes (the last ones
 * repeat the first): f, behind birth clouds, and m; broadened.  Local. */
void cubix_maker_load(const struct cubix_maker *maker, const double *luminosity, int first, int n,
                      const struct cubix_lanes *s);
void cubix_maker_broaden(const struct cubix_maker *maker, const struct cubix_lanes *s);
/** make(job, first, n, scratch) for templates 0 .. n_template - 1, CUBIX_LANES at a time, by all
 * threads.  Local.
 *  @param bars  1: all six of the scratch */
int cubix_maker_run(void *job, int n_knot, int n_template, int bars,
                    void make(void *job, int first, int n, const struct cubix_lanes *s));
/** sigma_inst^2 - pixel^2 - ((1+z) sigma_template)^2 at an observed vacuum wavelength [AA^2].
 * Local.
 *  @param fwhm_template  (1+z) times the library's */
double cubix_templates_missing_variance(const struct cubix_instrument *ins, double lambda_vac, double fwhm_template);
/** Its derivative with a LsfFwhm that is the same at all wavelengths [AA].  Local. */
double cubix_templates_fwhm_slope(const struct cubix_instrument *ins, double lambda_vac);
/** Coverage per channel at |v| <= templates->v_max.  Local.  @return 1: it is another than before */
int cubix_templates_cover(struct cubix_templates *templates, const struct cubix_instrument *ins);
/** Coverage and widths per channel, for DQ and the LSF table: templates->covered, fwhm_template,
 * fwhm_cube and their counts.  Local. */
void cubix_templates_channels(struct cubix_templates *templates, const struct cubix_instrument *ins);
/** Warn by how much lines are too broad, at the worst channel and at strong absorption lines.  Local.
 *  @param templates with channels that are */
void cubix_templates_report_width(const struct cubix_templates *templates, const struct cubix_instrument *ins);
/** Derivatives of the width squared [rest AA^2] at library point i: with the LSF's FWHM, the same
 * at all wavelengths, and with 1 + z.  Local. */
void cubix_templates_width_slopes(const struct cubix_templates *templates, const struct cubix_instrument *ins, int i,
                                  double *lsf_fwhm, double *one_plus_z);
/** All rows and their light, from ssp->luminosity into templates->row and templates->light, which
 * are there.  Local. */
int cubix_templates_fill(struct cubix_templates *templates, const struct cubix_instrument *ins);

#endif
