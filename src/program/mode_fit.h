/* mode_fit.h -- Mode gradient and Mode fit. */
#ifndef CUBIX_DERIVE_H
#define CUBIX_DERIVE_H

#include "params/params.h"

/** All that follows the parameters in Mode gradient and Mode fit.  Collective.  @param dry_run  make the cube, write nothing */
int cubix_derive(const struct cubix_params *par, int dry_run);
/** Warn of parameters that belong to another Mode.  Local. */
void cubix_derive_idle(const struct cubix_params *par);

#endif
