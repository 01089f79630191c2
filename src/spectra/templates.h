/* templates.h -- everything that is tabulated once, before the first star: templates on their knots
 * (broadened by the LSF), channels, spaxel grid. */
#ifndef CUBIX_TEMPLATES_H
#define CUBIX_TEMPLATES_H

#include "dust/law.h"
#include "geometry/scene.h"
#include "instrument/instrument.h"
#include "params/params.h"
#include "physics/tables.h"
#include "simulation/slab.h"
#include "spectra/ssp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Clouds around young stars, as parameters BirthCloud...: a population of age t at wavelength l (rest, vacuum) keeps
 * exp(-tau s (l/5500 AA)^-slope) of its light, s = 1/(1 + (t/age)^8). */
struct cubix_birth_cloud { double tau, age_gyr, slope; };

struct cubix_templates {
  /* what was read; its luminosities are released once they are in `row`, unless they are kept */
  struct cubix_ssp *ssp;
  cubix_real *row;                /* see physics/tables.h */
  double *light, *log_z, *log_age;
  int32_t *first;
  int16_t age_first[CUBIX_AGE_CELLS];
  struct cubix_tables tables;         /* points into the above and into the instrument */
  double *kernel;                 /* of the deposit, or NULL */
  struct cubix_birth_cloud birth; /* in the rows, and in `light` */
  struct cubix_law law;           /* of the dust in every channel; tables.dust_k points into it */
  /* per channel, for DQ and the LSF table */
  unsigned char *covered;         /* [n_lambda] 1: the library covers the channel at every |v| <= v_max */
  double *fwhm_template;          /* [n_lambda] AA observed, as the library states it, times 1 + z */
  double *fwhm_cube;              /* [n_lambda] AA observed: what a narrow line has in the cube */
  int n_uncovered, n_too_broad;   /* channels */
  int n_pixel_broad;              /* channels where only template and pixel together are too broad, by more than 1 % */
  int is_spline;                  /* TemplateSemantic */
  double v_max;                   /* km/s, for `covered` */
  double read_first, read_last;   /* rest AA: the range that was read of the library */
};

/** Fill in the part of the tables that determines where a star's light falls on the sky.  Local. */
void cubix_templates_sky(struct cubix_tables *tables, const struct cubix_params *par,
                         const struct cubix_instrument *ins, const struct cubix_scene *scene);
/** Read the library, broaden it and tabulate it.  Local.
 *  @param v_max speed of the fastest star of all ranks (occupancy.h)
 *  @param[out] templates owned by the caller; borrows ins, which must outlive it */
int cubix_templates_build(struct cubix_templates **templates, const struct cubix_params *par,
                          const struct cubix_instrument *ins, const struct cubix_scene *scene, double v_max);
/** The same, keeping the library's luminosities for cubix_templates_remake, _vjp and _jvp; the
 * range that is read allows the redshift to change by at least 0.002 (1 + z).  Local. */
int cubix_templates_build_kept(struct cubix_templates **templates, const struct cubix_params *par,
                               const struct cubix_instrument *ins, const struct cubix_scene *scene, double v_max);
/** Whether the templates have the rows that cubix_templates_build would make for this scene and speed, everything else
 * being the same.  Local. */
int cubix_templates_serve(const struct cubix_templates *templates, const struct cubix_instrument *ins,
                          const struct cubix_scene *scene, double v_max);
/** Take templates that serve for another galaxy: places on the sky, coverage and what is said of them.  Local.
 *  @param[out] covered  1: the same channels are covered as before */
void cubix_templates_renew(struct cubix_templates *templates, int *covered, const struct cubix_params *par,
                           const struct cubix_instrument *ins, const struct cubix_scene *scene, double v_max);
/** 1 if the wavelengths of the library that were read suffice for these channels at |v| <= v_max.
 * Local. */
int cubix_templates_reaches(const struct cubix_templates *templates, const struct cubix_instrument *ins,
                            const struct cubix_scene *scene, double v_max);
/** Make kept templates again, in place and without reading, for the present ins and scene and |v|
 * <= templates->v_max, which the caller may change before, as it may templates->birth.tau; the dust's law is
 * cubix_templates_dust's.  All sizes and pointers stay; copies of templates->tables, bases, and what a
 * device has loaded become out of date.  Local.
 *  @param ins as many channels as before
 *  @param luminosity new ones [n_z][n_age][n_knot] erg/s/AA per Msun, or NULL: those in use
 *  Errors: CUBIX_EUSAGE if the channels leave the range that was read; the templates are unchanged
 *    then. */
int cubix_templates_remake(struct cubix_templates *templates, const struct cubix_instrument *ins,
                           const struct cubix_scene *scene, const double *luminosity);
/** Reverse derivative of the rows of kept templates, added.  Local; all threads.
 *  @param row_bar [n_row][n_knot + 1][2]
 *  @param luminosity_bar NULL, or [n_z][n_age][n_knot] per erg/s/AA per Msun
 *  @param lsf_fwhm_bar NULL, or of LsfFwhm with Lsf gaussian [per AA]
 *  @param one_plus_z_bar NULL, or of 1 + z through the widths
 *  @param birth_tau_bar NULL, or of BirthCloudTau
 *  Errors: CUBIX_EUSAGE for lsf_fwhm_bar of an LSF that varies with wavelength. */
int cubix_templates_vjp(const struct cubix_templates *templates, const struct cubix_instrument *ins,
                        const double *row_bar, double *luminosity_bar, double *lsf_fwhm_bar, double *one_plus_z_bar,
                        double *birth_tau_bar);
/** Forward derivative of the rows.  Local; all threads.
 *  @param luminosity_dot NULL: 0
 *  @param[out] row_dot [n_row][row_stride] */
int cubix_templates_jvp(const struct cubix_templates *templates, const struct cubix_instrument *ins,
                        const double *luminosity_dot, double lsf_fwhm_dot, double one_plus_z_dot, double birth_tau_dot,
                        cubix_real *row_dot);
/** 1 if the library's own resolution, redshifted, is coarser than the instrument's, from
 * fwhm_template.  Local. */
int cubix_templates_too_broad(const struct cubix_templates *templates, const struct cubix_instrument *ins, int k);
/** Another screen of dust, or another shape of its law, for rows that stay as they are.  Local.
 *  Errors: CUBIX_EUSAGE as cubix_law_init; the law is unchanged then. */
int cubix_templates_dust(struct cubix_templates *templates, const struct cubix_params *par,
                         const struct cubix_instrument *ins, const struct cubix_scene *scene);
/** Update only what determines places on the sky (scales, pointing, roll, deposit), for rows that
 * stay as they are.  Local. */
void cubix_templates_place(struct cubix_templates *templates, const struct cubix_params *par,
                           const struct cubix_instrument *ins, const struct cubix_scene *scene);
void cubix_templates_free(struct cubix_templates *templates);

#ifdef __cplusplus
}
#endif
#endif
