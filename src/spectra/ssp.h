/* ssp.h -- a library of simple stellar populations, as the canonical HDF5 file holds it. */
#ifndef CUBIX_SSP_H
#define CUBIX_SSP_H

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_ssp {
  char file[1024], name[128], imf[64], reference[512], licence[256];
  int demo;                       /* 1: closed form, not a real library */
  int n_z, n_age, n_lambda;
  double *metallicity;            /* [n_z] mass fraction, increasing */
  double *age;                    /* [n_age] Gyr, increasing */
  double *lambda;                 /* [n_lambda] vacuum AA, increasing: the part of the library that was asked for */
  double *lsf_fwhm;               /* [n_lambda] AA, 0: infinitely sharp */
  double *luminosity;             /* [n_z][n_age][n_lambda] erg/s/AA per Msun formed */
  double lambda_first, lambda_last; /* range of the whole library [AA] */
};

/** Read a canonical SSP file; units, shapes, order and finiteness are verified.  Local.
 *  @param[in] lambda_lo, lambda_hi  rest-frame range that is needed [AA]; points in it and a margin
 *    of 64 on each side are read
 *  @param[out] ssp owned by the caller.
 *  Errors: CUBIX_EINPUT. */
int cubix_ssp_read(struct cubix_ssp **ssp, const char *file, double lambda_lo, double lambda_hi);
void cubix_ssp_free(struct cubix_ssp *ssp);
/** The library's axes and /SurvivingMass.  Local.
 *  @param[out] metallicity [n_z], age [n_age] Gyr, surviving [n_z][n_age]  owned by the caller, also
 *  after a failure; NULL where they were not read
 *  Errors: CUBIX_EINPUT: as cubix_ssp_read; the library has no such table. */
int cubix_ssp_surviving_mass(const char *file, int *n_z, int *n_age, double **metallicity, double **age,
                             double **surviving);

/** The same of /IonizingPhotons [1/s per Msun formed].  Local.  @param[out] there  0: it has none */
int cubix_ssp_ionising(const char *file, int *there, int *n_z, int *n_age, double **metallicity, double **age,
                       double **rate);

#ifdef __cplusplus
}
#endif
#endif
