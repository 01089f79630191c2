/* catalogue.h -- of a snapshot only the particles of some groups, by a halo catalogue. */
#ifndef CUBIX_CATALOGUE_H
#define CUBIX_CATALOGUE_H

#include "params/params.h"
#include "simulation/simfile.h"

/* What a catalogue says of a group beside its members. */
struct cubix_halo {
  int has_centre, has_velocity;
  double centre[3];               /* [kpc, physical], in the snapshot's frame */
  double velocity[3];             /* [km/s, peculiar] */
  double radius;                  /* [kpc, physical]; 0: it says none */
};

/** Only the particles of the groups that GroupIndex lists count from now on, and the first of these groups
 * states the centre.  Without a GroupCatalogue nothing is done.  Local.
 *  Errors: CUBIX_EINPUT: the catalogue is no catalogue, or not of this snapshot; a group has none of these
 *  particles; CUBIX_EUSAGE: there is no such group. */
int cubix_catalogue_choose(struct cubix_simfile *sim, const struct cubix_params *par);

#endif
