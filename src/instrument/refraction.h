/* refraction.h -- the air's refraction, which lifts light towards the zenith, the more the bluer it is:
 * at each wavelength a fibre sees another place. */
#ifndef CUBIX_REFRACTION_H
#define CUBIX_REFRACTION_H

#include "instrument/instrument.h"
#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/** 1 if parameters ask for it.  Local. */
int cubix_refraction_wanted(const struct cubix_params *par);
/** The groups of a bundle's channels, and where its cores are in them.  Local.
 *  @param[in,out] ins  with channels, and with the cube's spaxels
 *  Errors: CUBIX_EUSAGE: there is no bundle; CUBIX_EINPUT: a table that makes no sense.
 *  Source: doc/math.md section 9.2. */
int cubix_refraction_lay(struct cubix_instrument *ins, const struct cubix_params *par);

#ifdef __cplusplus
}
#endif
#endif
