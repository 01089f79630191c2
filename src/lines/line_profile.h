/* line_profile.h -- an emission line in the channels, exactly, as the instrument shows it.
 * Source: doc/math.md section 15.
 *
 * At velocity v a line of rest wavelength lambda_l lies at mu = lambda_l (1 + z) exp(v/c).  Its profile is a
 * Gaussian in wavelength of variance sigma^2 = sigma_LSF(mu)^2 + (mu sigma_l/c)^2, with sigma_l the velocities in
 * the gas, or the sinc of a Fourier transform spectrograph with the Gaussian of the gas; a channel holds its integral
 * over the channel. */
#ifndef CUBIX_LINE_PROFILE_H
#define CUBIX_LINE_PROFILE_H

#include "instrument/instrument.h"

/* A line of a run. */
struct cubix_line_shape {
  const struct cubix_instrument *ins;
  double lambda;                  /* vacuum AA: where it lies at v = 0, redshifted */
  double sigma;                   /* velocities in the gas [km/s] */
};

/** 1: the line spread function is a sinc, and a line has lobes below 0.  Local. */
int cubix_line_is_sinc(const struct cubix_line_shape *shape);
/** Where the line lies at velocity v, and its standard deviation, or that of a Gaussian as wide [vacuum AA].  Local. */
void cubix_line_place(const struct cubix_line_shape *shape, double v, double *mu, double *sigma);
/** How far it reaches to either side [AA]: 8 standard deviations; a sinc ends at its 20th zero.  Local. */
double cubix_line_reach(const struct cubix_line_shape *shape, double v);
/** Edge k of the channels, which go on beyond the first and the last with their widths [vacuum AA].  Local. */
double cubix_line_edge(const struct cubix_instrument *ins, int k);
/** First channel that the line reaches at velocity v, perhaps beyond the band, and how many.  Local. */
int cubix_line_window(const struct cubix_line_shape *shape, double v, int *n);
/** What fraction of the line falls into channels first .. first + n - 1 at velocity v.  Local.
 *  @param[out] part [n] */
void cubix_line_parts(const struct cubix_line_shape *shape, double v, int first, int n, double *part);
/** Its derivative with v [s/km].  Local.  @param[out] drift [n] */
void cubix_line_drifts(const struct cubix_line_shape *shape, double v, int first, int n, double *drift);
/** Its derivative with sigma_l [s/km].  Local.  @param[out] slope [n] */
void cubix_line_slopes(const struct cubix_line_shape *shape, double v, int first, int n, double *slope);
/** What an AA of LsfFwhm does to the line's width at velocity v, over what a km/s of sigma_l does [km/s/AA].  Local. */
double cubix_line_lsf_slope(const struct cubix_line_shape *shape, double v);

#endif
