/* spatial.h -- which rows of a snapshot lie near a point, by an index that the snapshot has itself.
 *
 * Rows of one place stand together in the file.  What an index says is not trusted: together its places must be all
 * rows, each once, and rows that are looked at must be where it says. */
#ifndef CUBIX_SPATIAL_H
#define CUBIX_SPATIAL_H

#include "simulation/simfile.h"

/** Only rows that may lie within SelectRadius of a centre that is known beforehand count from now on, where the
 * snapshot has an index; else all do, as before.  Some that lie beyond may be among them.  Local.
 *  Errors: CUBIX_EUSAGE: there are no stars. */
int cubix_spatial_choose(struct cubix_simfile *sim, const struct cubix_params *par);

/** The rows of sim->part that may lie within a sphere [kpc].  Local.
 *  @param[out] near  empty before  @param[out] used  0: the snapshot has no index that is right: nothing is known */
int cubix_spatial_near(struct cubix_choice *near, int *used, const struct cubix_simfile *sim, const double centre[3],
                       double radius);

#endif
