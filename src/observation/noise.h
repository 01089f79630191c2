/* noise.h -- photon, sky, dark and read noise as a function of a voxel: no array of the size of a
 * cube is ever stored.
 *
 * The cube in memory stays noise-free; whoever writes it asks for the variance and the noise of a
 * voxel.  Random numbers are counter-based, so that the noise of a voxel depends only on Seed and
 * its place. */
#ifndef CUBIX_NOISE_H
#define CUBIX_NOISE_H

#include "base/collective.h"
#include "cube/cube.h"
#include "instrument/instrument.h"
#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_noise {
  enum cubix_Noise kind;
  double exposure_time;           /* s: given, or solved for */
  int n_exposure;
  double achieved_snr;            /* median S/N per sqrt(AA) in aperture and band */
  unsigned seed;
  uint32_t realisation;           /* 0: that of files; others are independent of it and of each other */
  int n_lambda;
  double *electrons;              /* [n_lambda] electrons per unit of the cube's flux */
  double *sky;                    /* [n_lambda] electrons per voxel from the sky */
  double sky_factor;              /* 1 + 1/n_sky */
  double *detector;               /* [n_lambda] electrons^2 per voxel: dark current and read noise */
};

/** Set up the noise; Noise snr solves for the exposure time.  All ranks call it after the PSF, each
 * with the channels that it holds, perhaps none, and get the same result.  Collective if
 * `collective` is.
 *  With fibres the cube is that of their spectra (fibres.h); the time is shared evenly by the dithers.
 *  @param flux_unit 10^FluxUnit [erg/s/cm2/AA]
 *  Errors: CUBIX_EUSAGE if no light falls into aperture and band, or the S/N cannot be reached. */
int cubix_noise_init(struct cubix_noise *noise, const struct cubix_params *par, const struct cubix_instrument *ins,
                     const struct cubix_cube *cube, double flux_unit, const struct cubix_collective *collective);
/** Variance of n voxels of channel k whose noise-free flux is `flux` [unit of the cube]; in that
 * unit squared.  Local.
 *  @param[out] variance [n] */
void cubix_noise_variances(const struct cubix_noise *noise, int k, size_t n, const double *flux, double *variance);
double cubix_noise_variance(const struct cubix_noise *noise, int k, double flux);
/** Noise: what the detector recorded minus `flux`, for n consecutive voxels of channel k.  Local.
 *  @param voxel the first: (k n_y + j) n_x + i
 *  @param[out] draw [n] */
void cubix_noise_draws(const struct cubix_noise *noise, int k, size_t n, const double *flux, uint64_t voxel,
                       double *draw);
double cubix_noise_draw(const struct cubix_noise *noise, int k, double flux, uint64_t voxel);
void cubix_noise_free(struct cubix_noise *noise);

#ifdef __cplusplus
}
#endif
#endif
