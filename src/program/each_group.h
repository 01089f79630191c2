/* each_group.h -- one cube for each group of GroupIndex. */
#ifndef CUBIX_EACH_GROUP_H
#define CUBIX_EACH_GROUP_H

#include "params/params.h"

/** Run once; or, where OutputFile has %d in its name, once for each group that GroupIndex lists, with the number
 * of the group in the place of %d.  Groups without stars are passed over with a warning (if all lack them
 * that is the error), and with Overwrite no those whose first output exists.
 * Collective.
 *  @param run  makes one cube with the parameters that it is given
 *  Errors: those of run, at the first group that has one; CUBIX_EUSAGE. */
int cubix_each_group(struct cubix_params *par, int (*run)(const struct cubix_params *par, void *host), void *host);

#endif
