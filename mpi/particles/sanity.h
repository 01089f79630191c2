/* sanity.h -- inside mpi/: are these the sizes, masses, speeds, ages and metallicities of a galaxy?
 * A unit that was taken for another, or a forgotten factor, makes a cube like any other; here it
 * shows. */
#ifndef CUBIX_MPI_SANITY_H
#define CUBIX_MPI_SANITY_H

#include "params/params.h"
#include "simulation/slab.h"

enum { CUBIX_SANITY_BIN = 3456 }; /* sixteen for each factor of 2, from 2^-108 to 2^108 */

/* A sample of the stars, in logarithmic bins of what is judged, so that medians are the same on any
 * number of ranks. */
struct cubix_sanity {
  double mass_within[CUBIX_SANITY_BIN]; /* mass at each distance from the centre, squared [kpc^2] */
  /* stars; the speed squared [(km/s)^2] */
  double mass[CUBIX_SANITY_BIN], formed[CUBIX_SANITY_BIN], speed[CUBIX_SANITY_BIN];
  double age[CUBIX_SANITY_BIN], metallicity[CUBIX_SANITY_BIN];
};

/** Count a slab's stars.  Local.
 *  @param about  where the galaxy is [kpc]; NULL: at the origin, as in its frame
 *  @param parts  CUBIX_SLAB_MOTION, _POPULATION: what is counted, where the slab has it */
void cubix_sanity_add(struct cubix_sanity *sanity, const struct cubix_slab *slab, const double about[3],
                      unsigned parts);
/** Warn of what is unusual; stop at what no galaxy has, unless SanityCheck is warn.  Collective.
 *  What was counted is forgotten.
 *  @param where  said behind radii that are not about the galaxy's centre, as " of the first star"; "" else
 *  Errors: CUBIX_EINPUT with the number, what it should be, and the probable cause. */
int cubix_mpi_sanity_judge(struct cubix_sanity *sanity, const struct cubix_params *par,
                           const struct cubix_snapshot *snapshot, const char *where);

#endif
