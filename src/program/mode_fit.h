/* mode_fit.h -- Mode gradient and Mode fit. */
#ifndef CUBIX_MODE_FIT_H
#define CUBIX_MODE_FIT_H

#include "mpi/comm/stage.h"
#include "params/params.h"

/** All that follows the parameters in Mode gradient and Mode fit.  Collective.  @param dry_run  plan
 * memory, make no cube  @param stages where times are told */
int cubix_mode_fit(const struct cubix_params *par, int dry_run, struct cubix_stages *stages);

#endif
