/* observe.h -- what the instrument records of the cube that a pipeline has made: with its noise, as files
 * or as arrays. */
#ifndef CUBIX_MPI_PIPELINE_OBSERVE_H
#define CUBIX_MPI_PIPELINE_OBSERVE_H

#include "mpi/pipeline/pipeline.h"
#include "observation/noise.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The noise of what the detector gets: of the cube, or of the spectra of the fibres that it was rebuilt from
 * (cubix_noise_init).  Collective.
 *  @param par  those of the pipeline, but for what is written
 *  @return each rank's own status */
int cubix_mpi_pipeline_noise(struct cubix_noise *noise, const struct cubix_params *par,
                             const struct cubix_pipeline *pipe);
/** Write the cube of the last forward run, with all that `cubix` writes beside it but the times.  Collective.
 *  @param files  as OutputFile
 *  Errors: CUBIX_EFAIL before a forward run; CUBIX_EUSAGE and CUBIX_EOUTPUT as cubix_output_check. */
int cubix_mpi_pipeline_write(struct cubix_pipeline *pipe, const char *files);
/** Get an array by the name that it has in a file: DATA (with noise), STAT (its variance) or NOISEFREE,
 * [n_lambda][n_y][n_x] in 10^FluxUnit erg/s/cm2/AA or its square, or a truth map, [n_y][n_x], also as seen through
 * the PSF (MASS, VEL_L, VEL_L_OBS ...), with 0 outside the aperture (maps: NaN where there are no stars).  Collective.
 *  @param[out] value  on rank 0, in other ranks NULL; n numbers
 *  Errors: CUBIX_EFAIL before a forward run; CUBIX_EUSAGE for another name, or another n. */
int cubix_mpi_pipeline_get(struct cubix_pipeline *pipe, const char *name, cubix_real *value, size_t n);
/* Realisations of the noise: first, first + 1 ... of n, in some channels, number 0 being that of files and of DATA. */
struct cubix_draws { int first, n, n_channel; const int *channel; int sum; };
/** Draw them of the cube of the last forward run; the light is not painted again.  Collective.
 *  @param draws  the same on all ranks; sum 1: the channels added up
 *  @param[out] value  on rank 0, in other ranks NULL: [n][n_channel][n_y][n_x], with sum [n][n_y][n_x], in
 *    10^FluxUnit erg/s/cm2/AA, 0 outside the aperture
 *  Errors: CUBIX_EFAIL before a forward run; CUBIX_EUSAGE without noise, or for channels that are not there. */
int cubix_mpi_pipeline_draw(struct cubix_pipeline *pipe, const struct cubix_draws *draws, cubix_real *value);

#ifdef __cplusplus
}
#endif
#endif
