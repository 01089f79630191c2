/* cube.h -- the product: flux per spaxel and channel, the truth maps, and the budget of where the
 * light went. */
#ifndef CUBIX_CUBE_H
#define CUBIX_CUBE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "physics/hd.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_instrument;
struct cubix_collective;
struct cubix_params;
struct cubix_tables;

/* Sums per spaxel; weights: M mass formed, L light in the band (doc/math.md section 8). */
enum cubix_map {
  CUBIX_MAP_NSTAR, CUBIX_MAP_MASS, CUBIX_MAP_MASS_NOW, CUBIX_MAP_LIGHT,
  CUBIX_MAP_M_AGE, CUBIX_MAP_L_AGE, CUBIX_MAP_M_Z, CUBIX_MAP_L_Z,
  CUBIX_MAP_M_V, CUBIX_MAP_L_V, CUBIX_MAP_M_V2, CUBIX_MAP_L_V2,
  CUBIX_MAP_M_AV, CUBIX_MAP_L_AV,  /* where there is dust, else NULL */
  CUBIX_N_MAP
};
enum { CUBIX_N_MAP_CLEAR = CUBIX_MAP_M_AV };      /* those that there always are */
/* Before the PSF they have the margin that the cube is painted with, so that what it scatters into
 * the field is known. */
struct cubix_sums {
  int n_x, n_y;                   /* spaxels of the field */
  int margin;                     /* more on each side */
  double *map[CUBIX_N_MAP];       /* each [n_y + 2 margin][n_x + 2 margin] */
  /* the light by velocity, on request (n_v > 0): in bins of width v_step [km/s], the middle one about 0 */
  int n_v;
  double v_step;
  double *losvd;                  /* [n_v][n_y + 2 margin][n_x + 2 margin] */
  /* of gas that shines in lines (n_gas > 0): lines/line_paint.h says which */
  int n_gas;
  double *gas;                    /* [n_gas][n_y + 2 margin][n_x + 2 margin] */
};

/* Where number, mass formed [Msun] and band light [10^FluxUnit erg/s/cm2] went: all sums over
 * stars, added up over ranks. */
enum cubix_account {
  CUBIX_ALL,                      /* every star read and selected       */
  CUBIX_IN_FIELD,                 /* in the field                       */
  CUBIX_IN_MARGIN,                /* painted only for the PSF's sake    */
  CUBIX_OUTSIDE,                  /* neither: not painted               */
  CUBIX_SHED,                     /* outside, but so wide that some of their light falls into field or margin */
  CUBIX_CLAMPED_Z, CUBIX_CLAMPED_AGE, /* beyond the library's grid (of all) */
  CUBIX_TOO_OLD,                  /* older than the universe at Redshift (of all) */
  CUBIX_N_ACCOUNT
};
struct cubix_budget { double number, mass, light; };

/* Bits of data quality (doc/math.md section 11). */
enum { CUBIX_DQ_OUTSIDE = 1, CUBIX_DQ_UNCOVERED = 2, CUBIX_DQ_FEW = 8, CUBIX_DQ_GAP = 16 };
/* Keyword of a plane for variances that holds none, as there was no noise. */
#define CUBIX_NO_VARIANCE "NOVAR"

struct cubix_cube {
  int n_x, n_y;                   /* as painted (with margin); after cubix_psf_apply the field's */
  /* the channels that this rank holds: all while a whole cube is painted; n_lambda 0 where it holds none */
  int lambda_first, n_lambda;
  int margin;                     /* spaxels on each side that are still to be cropped */
  cubix_real *flux;               /* [n_y][n_x][n_lambda], 10^FluxUnit erg/s/cm2/AA; column 0 is the most eastern */
  struct cubix_sums sums;         /* as painted; the PSF leaves them */
  struct cubix_budget budget[CUBIX_N_ACCOUNT];
  double v_max;                   /* largest |v| painted [km/s] */
};

/** Maps and flux budget for the instrument's field, empty, and no channel yet.  Local.
 *  @param[out] cube owned by the caller */
int cubix_cube_init(struct cubix_cube **cube, const struct cubix_instrument *ins);
/** Empty sums, for a field and its margin.  Local.
 *  @param[in,out] sums what they held before is lost; cubix_sums_free frees them */
int cubix_sums_init(struct cubix_sums *sums, int n_x, int n_y, int margin);
void cubix_sums_free(struct cubix_sums *sums);
/** Add an empty histogram of velocities to empty sums.  Local. */
int cubix_sums_losvd(struct cubix_sums *sums, int n_v, double v_step);
/** Add empty sums of the dust in front of stars.  Local. */
int cubix_sums_dust(struct cubix_sums *sums);
/** Add maps of gas to empty sums, empty as well.  Local. */
int cubix_sums_add_gas(struct cubix_sums *sums, int n_gas);
/** Add to empty sums whatever others have, empty.  Local. */
int cubix_sums_like(struct cubix_sums *sums, const struct cubix_sums *other);
/** How many images they are: maps, velocities, gas; and image i of them, with its margin.  Local. */
static inline int cubix_sums_n(const struct cubix_sums *sums)
{
  return (sums->map[CUBIX_MAP_M_AV] ? (int)CUBIX_N_MAP : (int)CUBIX_N_MAP_CLEAR) + sums->n_v + sums->n_gas;
}
double *cubix_sums_image(const struct cubix_sums *sums, int i);
/** Bins that the parameters ask for: of width Losvd, up to LosvdMax on both sides; 0: none.  Local. */
double cubix_losvd_bins(const struct cubix_params *par);
/** Spaxels of a map with its margin; the place of spaxel (i, j) of the field in it.  Local. */
static inline size_t cubix_sums_size(const struct cubix_sums *sums)
{
  return (size_t)(sums->n_x + 2 * sums->margin) * (size_t)(sums->n_y + 2 * sums->margin);
}
static inline size_t cubix_sums_at(const struct cubix_sums *sums, int i, int j)
{
  return (size_t)(j + sums->margin) * (size_t)(sums->n_x + 2 * sums->margin) + (size_t)(i + sums->margin);
}
/** Add light at a velocity to the histogram of spaxel s, margin included; faster stars are left out.  Local. */
static inline void cubix_losvd_add(struct cubix_sums *sums, size_t s, double velocity, double light)
{
  const double k = floor(velocity / sums->v_step + 0.5 * sums->n_v);
  if (k >= 0 && k < sums->n_v) sums->losvd[(size_t)k * cubix_sums_size(sums) + s] += light;
}
/** Allocate channels first .. first + n - 1 of field and margin, all zero; what was held before is
 * freed.  Local. */
int cubix_cube_hold(struct cubix_cube *cube, int first, int n);
/** From light over the channels' mean width, as engines paint it, to light over each channel's own:
 * multiplies channel k by mean/width.  It is its own adjoint and tangent.  Local; all threads. */
void cubix_cube_rescale(struct cubix_cube *cube, const struct cubix_instrument *ins);
/** What a uniform screen of dust leaves of the light of the channels that the cube holds: channel k times
 * exp(-0.4 ln 10 A k).  It is its own adjoint and tangent.  Local; all threads.
 *  @param tables  of all channels */
void cubix_cube_dim(struct cubix_cube *cube, const struct cubix_tables *tables);
/** Check after the sum that some star sheds light into the field, directly or through the PSF.
 * Local.
 *  Errors: CUBIX_EUSAGE. */
int cubix_cube_check(const struct cubix_cube *cube, const struct cubix_params *par);
/** Bytes of the sums with a margin of so many spaxels, and of the histogram of velocities.  Local. */
double cubix_sums_bytes(const struct cubix_instrument *ins, const struct cubix_params *par, int margin);
/** Check after the PSF that the cube is not dark in every voxel of all ranks.  Collective through
 * `collective`.
 *  Errors: CUBIX_EINPUT. */
int cubix_cube_shine(const struct cubix_cube *cube, const struct cubix_params *par,
                     const struct cubix_collective *collective);
void cubix_cube_free(struct cubix_cube *cube);

#ifdef __cplusplus
}
#endif
#endif
