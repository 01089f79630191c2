/* ramses_namelist.h -- inside src/simulation: what the namelist of a RAMSES run says of its stars. */
#ifndef CUBIX_RAMSES_NAMELIST_H
#define CUBIX_RAMSES_NAMELIST_H

#include "simulation/source.h"

/** Read FOLDERnamelist.txt, if it is there.  What it says, and what is assumed, go into the source's note
 * and assumed.  Local.
 *  @param folder  "output_00002/"  @param has_birth_mass  1: the output has masses at birth
 *  @param[out] proper  1: times of birth of a cosmological run are proper, 0: conformal
 *  Errors: CUBIX_EINPUT: unreadable, or a value is none. */
int cubix_ramses_namelist(int *proper, struct cubix_source *source, const char *folder, int cosmological,
                          int has_birth_mass);

#endif
