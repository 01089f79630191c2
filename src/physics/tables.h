/* physics/tables.h -- the tables of a model as a processor sees them: plain pointers, taken by value.
 *
 * Template rows hold, for every knot i, the pair {value T_i, curvature T''_i/6}; a row ends with
 * one knot of padding. A star's spectrum is sum_c weight[c] * row[c]: 4 rows (bilinear) or 8
 * (monotone cubic in age). */
#ifndef CUBIX_PHYSICS_TABLES_H
#define CUBIX_PHYSICS_TABLES_H

#include "physics/hd.h"

enum { CUBIX_MAX_CORNER = 8, CUBIX_AGE_CELLS = 2048 };
/* How a star's light is divided among spaxels: physics/deposit.h. */
enum cubix_deposit_kind {
  CUBIX_DEPOSIT_NEAREST, CUBIX_DEPOSIT_CIC, CUBIX_DEPOSIT_TSC,
  CUBIX_DEPOSIT_GAUSSIAN, CUBIX_DEPOSIT_CUBIC, CUBIX_DEPOSIT_WENDLAND   /* those of a length */
};

struct cubix_tables {
  uint64_t edition;               /* views of the same are equal in all tables but the edges; 0: nobody knows */
  /* grid of the library */
  int n_z, n_age;
  int zero_z, zero_age;           /* 1: the first node stands for 0, so that nothing lies below it */
  int pchip;                      /* 0: bilinear, 1: monotone cubic in log age */
  const double *log_z;            /* [n_z] */
  const double *log_age;          /* [n_age] log10 Gyr */
  /* on CPUs, from log age to its interval: of a cell the last node below all of it (cubix_index_ages).  NULL: none */
  double age_cell_per_dex;
  const int16_t *age_first;       /* [CUBIX_AGE_CELLS] */
  /* templates; row (iz, ia) = iz*n_age + ia; with pchip the derivatives d/dlog_age follow at n_z*n_age + row */
  int n_row, n_knot, row_stride;  /* row_stride [cubix_real] = 2*(n_knot + 1) */
  const cubix_real *row;          /* [n_row][n_knot + 1][2], 1e30 erg/s/AA per Msun and that /AA^2 */
  /* [n_row] band integral of the row over the observed band at v = 0 [1e30 erg/s per Msun] */
  const double *light;
  const double *knot;             /* [n_knot] vacuum rest AA, increasing */
  /* from a wavelength to its interval: knot[first[cell]] <= lambda of the cell's blue end */
  int n_cell;
  double cell_origin, cell_per_AA;
  const int32_t *first;           /* [n_cell] */
  /* channels */
  int n_lambda;
  const double *edge;             /* [n_lambda + 1] vacuum observed AA */
  double one_plus_z;
  const double *dust_k;           /* [n_lambda] A(lambda)/A(V) of the dust in every channel; NULL: no dust */
  const double *dust_screen_k;    /* [n_lambda] of a screen in front of all; NULL: no dust */
  double dust_screen;             /* A(V) [mag] of a screen in front of all; taken off the summed cube, by no engine */
  double oldest;                  /* age that no star can have at the redshift [Gyr] */
  double star_scale;              /* Msun -> weight: 1e30 erg/s -> 10^FluxUnit erg/s/cm2, over the channel's width */
  double light_scale;             /* the same without the width */
  /* spaxels, painted field with margin */
  int n_x, n_y, margin;
  double arcsec_per_kpc, inv_pixel_x, inv_pixel_y;
  double pointing_x, pointing_y, cos_roll, sin_roll;
  enum cubix_deposit_kind deposit;
  double deposit_length;          /* length of every star's light [kpc]; 0: each star has its own */
  double deposit_most;            /* longest length [spaxels] */
  const double *kernel;           /* cubic, wendland: physics/kernel.h */
};

/** The same model in channels first .. first + n - 1 only. */
CUBIX_HD struct cubix_tables cubix_tables_channels(const struct cubix_tables *v, int first, int n)
{
  struct cubix_tables part = *v;
  part.edge += first;
  if (part.dust_k) part.dust_k += first;
  if (part.dust_screen_k) part.dust_screen_k += first;
  part.n_lambda = n;
  return part;
}

/** The same model with other template rows, as many of as many knots.  @param edition  of the rows, or 0 */
CUBIX_HD struct cubix_tables cubix_tables_rows(const struct cubix_tables *v, const cubix_real *row, uint64_t edition)
{
  struct cubix_tables other = *v;
  other.row = row;
  other.edition = edition;
  return other;
}

#endif
