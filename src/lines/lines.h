/* lines.h -- the emission lines of a run: those that the band holds, and what a source sheds in each.
 * Source: doc/math.md section 15.
 *
 * A source is a cell of gas that forms stars (Lines sfr) or a young star (Lines stars).  It is placed as a star is
 * (cube/placement.h): mass_formed is its star formation rate [Msun/yr] or its mass [Msun], f_z, iz and f_age, ia
 * its place on the table's axes, screen the dust in front of it.  In line l it sheds
 *   mass_formed light_l(Z, age) exp(-screen dim_l) factor_l   erg/s. */
#ifndef CUBIX_LINES_H
#define CUBIX_LINES_H

#include <stddef.h>

#include "geometry/scene.h"
#include "instrument/instrument.h"
#include "lines/ionising.h"
#include "lines/line_basis.h"
#include "lines/line_profile.h"
#include "lines/line_table.h"
#include "params/params.h"
#include "physics/population.h"
#include "physics/tables.h"

struct cubix_lines {
  struct cubix_line_table *table;
  struct cubix_ionising ionising;
  enum cubix_Lines mode;
  /* where a source lies; the age is that of stars, and Lines sfr has one node */
  int n_z, n_age;
  double *log_z, *log_age;        /* [n_z] log10 mass fraction, [n_age] log10 Gyr */
  double *rate, most;             /* [n_z][n_age] photons/s per mass_formed; the largest of them */
  /* the lines of the band, rising in wavelength */
  int n;
  int *of;                        /* [n] its number in the table */
  struct cubix_line_shape *shape; /* [n] */
  double *dim;                    /* [n] natural logarithms that a magnitude A(V) takes */
  double *dim_by_shape;           /* [n] its derivative with DustRv or DustSlope */
  double *cloud;                  /* [n] natural logarithms that a BirthCloudTau of 1 takes */
  double *bare;                   /* [n] what birth clouds leave */
  double *factor;                 /* [n] what escape, dust in HII regions and birth clouds leave */
  double *behind;                 /* [n] what DustScreen leaves: of maps, since it dims the cube by channels */
  /* [n_z][n_age][n] ln of light_l/peak_l; LogU is in it already */
  double *log_light;
  double *by_log_u;               /* [n_z][n_age][n] its derivative with LogU */
  double *peak;                   /* [n] erg/s per mass_formed at the brightest node */
  double *none;                   /* [n_z n_age] zeros: a source has no light in the sense of stars */
  double turbulence, escape, dust; /* as the parameters say: km/s, fractions */
  int reference;                  /* the line whose velocities are mapped: Ha, or the brightest */
  double scale;                   /* erg/s -> flux of the cube [10^FluxUnit erg/s/cm2] */
  struct cubix_line_basis *basis; /* NULL: every source is painted by itself */
  int told;                       /* 1: the log has what there is */
  struct cubix_line_sources {     /* of all ranks */
    int64_t n, n_clamped;         /* sources; those beyond the table's metallicities */
    int64_t n_by_oxygen;          /* whose metallicity is that of their oxygen */
    double total, clamped, in_field; /* mass_formed: all, of those clamped, in the field */
  } sources;
};

/** Read table and photons and find the lines that fall into the band at |v| <= reach [km/s].  Local.
 *  @param ins must outlive the lines  @param[out] lines owned by the caller
 *  Errors: CUBIX_EUSAGE: no line in the band; those of the files. */
int cubix_lines_open(struct cubix_lines **lines, const struct cubix_params *par, const struct cubix_instrument *ins,
                     const struct cubix_scene *scene, double reach);
/** The same lines for other values of parameters, instrument and scene; files are not read again.  Local.
 *  Errors: CUBIX_EUSAGE: no line in the band. */
int cubix_lines_renew(struct cubix_lines *lines, const struct cubix_params *par, const struct cubix_instrument *ins,
                      const struct cubix_scene *scene, double reach);
/** The line's profiles on a grid of velocities, for a histogram.  Local; all threads.
 *  @param slopes 1: with what derivatives need (line_vjp.h) */
int cubix_lines_prepare(struct cubix_lines *lines, double reach, double tolerance, int slopes);
/** Tables that place a source: those of the stars with the axes of the lines.  Local. */
struct cubix_tables cubix_lines_tables(const struct cubix_lines *lines, const struct cubix_tables *tables);
/** Luminosities over peak_l of a source that has been placed, without what is common to all (factor).  Local.
 *  @param[out] light [n] */
void cubix_lines_light(const struct cubix_lines *lines, const struct cubix_star *source, double *light);
/** Derivatives of the logarithms of these with f_z and f_age.  Local.  @param[out] by_z, by_age [n] */
void cubix_lines_slopes(const struct cubix_lines *lines, const struct cubix_star *source, double *by_z, double *by_age);
/** Say what there is, in the log, once.  Local. */
void cubix_lines_report(struct cubix_lines *lines);
void cubix_lines_free(struct cubix_lines *lines);

#endif
