/* foresee.h -- what a run will find, before it paints. */
#ifndef CUBIX_FORESEE_H
#define CUBIX_FORESEE_H

#include "output/output.h"

/** Log about what exposure the noise will need, or what S/N the exposure will give, from the light of the stars in the
 * spaxels and a flat spectrum, behind the mean dust in front of every spaxel; nothing without noise, and with fibres
 * that it is not foreseen.  Local (rank 0).
 *  @param r  after cubix_mpi_pipeline_survey */
int cubix_foresee_noise(const struct cubix_result *r);

#endif
