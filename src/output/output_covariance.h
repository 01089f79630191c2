/* output_covariance.h -- the covariance of spaxels rebuilt from fibres, as files tell it. */
#ifndef CUBIX_OUTPUT_COVARIANCE_H
#define CUBIX_OUTPUT_COVARIANCE_H

#include <fitsio.h>
#include <hdf5.h>

#include "observation/covariance.h"
#include "output/bands.h"
#include "output/output.h"
#include "output/provenance.h"

/* How a file holds it. */
enum cubix_covariance_form {
  CUBIX_COVARIANCE_NONE,
  CUBIX_COVARIANCE_TABLE,                   /* one table CORREL of all channels */
  CUBIX_COVARIANCE_MANGA,                   /* a table for each band: GCORREL ... */
  CUBIX_COVARIANCE_SAMI                     /* 5 x 5 neighbours of each spaxel: COVAR */
};
/* The channels that are told of, in rising order, and what they were made from. */
struct cubix_covariance {
  enum cubix_covariance_form form;
  int n, *k;                                /* [n] */
  struct cubix_bands bands;                 /* of CUBIX_COVARIANCE_MANGA */
  double *variance;                         /* [n][n_spectrum] as the file of the fibres' spectra has it */
  double lambda;                            /* where the law was fitted [AA] */
  struct cubix_covariance_law law;
};

/** Check Covariance before the run.  Local (rank 0).
 *  Errors: CUBIX_EUSAGE. */
int cubix_covariance_check(const struct cubix_params *par, const struct cubix_instrument *ins);
/** The form, and the channels that it asks for.  Local.  @param[in,out] covariance  empty */
int cubix_covariance_choose(struct cubix_covariance *covariance, const struct cubix_result *result);
/** Get the variances of the channels that Covariance asks for, fit the law in the middle channel, and log it.  Rank 0;
 *  channels of other ranks come through `blocks`.
 *  @param[out] covariance owned by the caller; NULL: no fibres, no noise, or Covariance none */
int cubix_covariance_begin(struct cubix_covariance **covariance, const struct cubix_result *result,
                           struct cubix_blocks *blocks);
/** Write it behind the HDUs, or into the groups, that are there.  Local (rank 0).
 *  Errors: CUBIX_EOUTPUT. */
int cubix_covariance_fits(fitsfile *fits, const char *shown, const struct cubix_result *result);
int cubix_covariance_hdf5(hid_t file, const char *shown, const struct cubix_result *result);
/** What headers say of it; nothing without any.  Local. */
void cubix_covariance_facts(struct cubix_facts *facts, const struct cubix_result *result);
/** Bytes of it in a file, about.  Local. */
double cubix_covariance_bytes(const struct cubix_params *par, const struct cubix_instrument *ins);
void cubix_covariance_free(struct cubix_covariance *covariance);

#endif
