/* mode_fit.h -- Mode gradient and Mode fit: compare a model with an observed cube, differentiate
 * the difference, and minimise it. */
#ifndef CUBIX_MODE_FIT_H
#define CUBIX_MODE_FIT_H

#include "mpi/comm/stage.h"
#include "params/params.h"

/** Run Mode gradient or Mode fit, from the parameters to the files.  Collective.
 *  @param dry_run  1: plan the memory, make no cube
 *  @param stages  records the times */
int cubix_mode_fit(const struct cubix_params *par, int dry_run, struct cubix_stages *stages);

#endif
