/* instrument.h -- the spectrograph: spaxels, channels, aperture, PSF, LSF and noise, from one file
 * of parameterfiles/instruments, as modified by the user's parameters. */
#ifndef CUBIX_INSTRUMENT_H
#define CUBIX_INSTRUMENT_H

#include "instrument/bundle.h"
#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

enum cubix_medium   { CUBIX_AIR, CUBIX_VACUUM };
enum cubix_aperture { CUBIX_SQUARE, CUBIX_CIRCLE, CUBIX_HEXAGON };
enum cubix_grid     { CUBIX_LINEAR, CUBIX_LOG, CUBIX_TABLE };
enum cubix_lsf_shape { CUBIX_LSF_GAUSSIAN, CUBIX_LSF_SINC };
enum cubix_psf_kind { CUBIX_PSF_NONE, CUBIX_PSF_GAUSSIAN, CUBIX_PSF_MOFFAT, CUBIX_PSF_FILE };

/** A function of wavelength: a polynomial sum c_i lambda^i, or (n_table > 0) a table, linear
 * between, constant beyond. */
struct cubix_curve {
  int n_coef;   double coef[8];            /* lambda [AA, output medium] -> value */
  int n_table;  double *lambda, *value;    /* [n_table] */
};

struct cubix_instrument {
  char name[64], file[1024], reference[512];
  /* spaxels: n_x * n_y in the field; painted with `margin` more on every side, cropped after the PSF */
  int n_x, n_y, margin;
  double pixel_x, pixel_y;                 /* arcsec */
  double pointing_x, pointing_y, roll;     /* arcsec east, arcsec north, rad */
  enum cubix_aperture aperture;
  /* fibres (Sampling fibres): the cube is rebuilt from the spectra of a bundle.  It is painted on a finer grid, `sub`
   * spaxels for each across, with `apron` more of the cube's on every side, so that the whole bundle sees light */
  struct cubix_bundle *bundle;             /* NULL: spaxels sample the field */
  int sub, apron;                          /* of the grid that is painted; 1 and 0 without fibres */
  unsigned char *covered;                  /* [n_y][n_x] 1: a fibre gives light to it; NULL: the aperture decides */
  /* channels */
  int n_lambda;
  enum cubix_medium medium;
  enum cubix_grid grid;
  double lambda_min, lambda_step;          /* centre of the first channel, width (their mean) [AA, medium] */
  double log_step;                         /* CUBIX_LOG: ln of the ratio of neighbouring centres */
  double *centre, *border;                 /* CUBIX_TABLE: [n_lambda], [n_lambda + 1] AA, medium; else NULL */
  double *edge;                            /* [n_lambda + 1] vacuum AA, observed */
  int layout;                              /* of FITS files, as Layout of the parameters counts them from plain */
  double sky_ra, sky_dec;                  /* where the galaxy's centre is said to be [deg] */
  int flux_unit;                           /* the cube is in 10^flux_unit erg/s/cm2/AA */
  unsigned char *gap;                      /* [n_lambda] 1: the instrument records nothing there; NULL: no gaps */
  /* point spread function */
  enum cubix_psf_kind psf;
  struct cubix_curve psf_fwhm;             /* arcsec */
  struct cubix_curve psf_beta;             /* CUBIX_PSF_MOFFAT */
  double psf_axis_ratio;                   /* minor over major axis, 0: round; psf_fwhm is the geometric mean of both */
  double psf_angle;                        /* of the major axis, from the field's y axis through east [rad] */
  int psf_n;                               /* CUBIX_PSF_FILE: side of the kernel (odd), else 0 */
  double *psf_kernel;                      /* [psf_n][psf_n], sum 1; row 0 is the southernmost, as in the cube */
  /* line spread function */
  int lsf_none;                            /* 1: the templates are left as they are */
  int lsf_pixel_included;                  /* 1: the FWHM is that of a line in the cube, pixel included */
  enum cubix_lsf_shape lsf_shape;
  struct cubix_curve lsf_fwhm;             /* AA */
  /* noise */
  enum cubix_Noise noise;
  double area_cm2;                         /* collecting area [cm2] */
  struct cubix_curve throughput;           /* electrons per photon above the atmosphere */
  struct cubix_curve sky;                  /* surface brightness [erg/s/cm2/AA/arcsec2], right at channels' centres */
  struct cubix_curve dark;                 /* electrons/s/pixel */
  struct cubix_curve read_noise;           /* electrons rms/pixel/read */
  struct cubix_curve n_pixel;              /* detector pixels per voxel */
  double exposure;                         /* longest single exposure [s]: n_exp = ceil(t / exposure) */
  double n_sky;                            /* spaxels that measured the sky; 0: sky known */
};

/** Read the instrument file and apply the parameters.  Local.
 *  @param[out] ins owned by the caller
 *  Errors: name file, key and remedy: CUBIX_EINPUT for what the file says, CUBIX_EUSAGE where a parameter has a
 *    part in it. */
int cubix_instrument_read(struct cubix_instrument **ins, const struct cubix_params *par);
/** Point it elsewhere: PointingX, PointingY, Roll, SkyRa and SkyDec.  Local. */
void cubix_instrument_point(struct cubix_instrument *ins, const struct cubix_params *par);
/** The same, with the grid of spaxels that is painted and goes through the PSF: the cube's own, or with fibres a finer
 *  one.  Local. */
int cubix_instrument_read_painted(struct cubix_instrument **ins, const struct cubix_params *par);
/** Value of a curve at lambda [AA, output medium].  Local. */
double cubix_curve_at(const struct cubix_curve *curve, double lambda);
/** Its derivative with respect to lambda; at a point of a table that of the interval to the red, 0
 * beyond the table.  Local. */
double cubix_curve_slope(const struct cubix_curve *curve, double lambda);
/** Set another FWHM [AA] of a line spread function that is the same at all wavelengths (Lsf
 * gaussian).  Local.
 *  Errors: CUBIX_EUSAGE if there is none of that kind, or the width is out of bounds; nothing is
 *    changed then. */
int cubix_instrument_set_lsf(struct cubix_instrument *ins, double fwhm);
/** Centre of channel k in the output's medium [AA].  Local. */
double cubix_instrument_lambda(const struct cubix_instrument *ins, int k);
/** The same for a place between channels, or beyond them.  Local. */
double cubix_instrument_lambda_at(const struct cubix_instrument *ins, double k);
/** Blue border of channel k, which for k = n_lambda is the red one of the last [AA, medium].  Local. */
double cubix_instrument_border(const struct cubix_instrument *ins, int k);
/** Width of channel k [AA, medium].  Local. */
double cubix_instrument_width(const struct cubix_instrument *ins, int k);
/** Surface brightness [MJy/sr] of 10^flux_unit erg/s/cm2/AA in a spaxel, at channel k's centre:
 * F_nu = F_lambda lambda^2/c.  Local. */
double cubix_instrument_mjy_sr(const struct cubix_instrument *ins, int k);
/** 1 if the instrument records nothing in channel k.  Local. */
int cubix_instrument_gap(const struct cubix_instrument *ins, int k);
/** Width of a channel whose centre is lambda [AA, medium], and its derivative: of a table between
 * the channels on either side.  Local. */
double cubix_instrument_width_at(const struct cubix_instrument *ins, double lambda);
double cubix_instrument_width_slope(const struct cubix_instrument *ins, double lambda);
/** Check that this machine can hold a cube of this field and margin.  Local.
 *  @param code the error if it cannot */
int cubix_instrument_check_size(const struct cubix_instrument *ins, int code);
/** Centres of column ix and row iy, from the field's centre along its axes, x to the east [arcsec].  Local. */
static inline double cubix_instrument_x(const struct cubix_instrument *ins, int ix)
{
  return (0.5 * ins->n_x - ix - 0.5) * ins->pixel_x;
}
static inline double cubix_instrument_y(const struct cubix_instrument *ins, int iy)
{
  return (iy + 0.5 - 0.5 * ins->n_y) * ins->pixel_y;
}
/** The spaxels, columns x0 to x1 - 1 and rows y0 to y1 - 1, outside of which spectrum i of the bundle gives light to
 *  none in the channels of a group.  Local. */
struct cubix_window { int x0, x1, y0, y1; };
struct cubix_window cubix_instrument_near(const struct cubix_instrument *ins, int group, int i);
/** 1 if the spaxel (ix, iy) of the field lies in the aperture, or fibres give light to it.  Local. */
int cubix_instrument_inside(const struct cubix_instrument *ins, int ix, int iy);
/** Air <-> vacuum wavelength [AA]; below 2000 AA unchanged.  Local.
 *  Source: VALD3 (N.  Piskunov); Morton 2000, ApJS 130, 403, eq. 8. */
double cubix_air_to_vacuum(double lambda_air);
double cubix_vacuum_to_air(double lambda_vac);
/** Derivative of the latter.  Local. */
double cubix_vacuum_to_air_slope(double lambda_vac);
void cubix_instrument_free(struct cubix_instrument *ins);

#ifdef __cplusplus
}
#endif
#endif
