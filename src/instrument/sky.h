/* sky.h -- the sky as an instrument sees it. */
#ifndef CUBIX_SKY_H
#define CUBIX_SKY_H

#include "instrument/instrument.h"
#include "instrument/instrument_file.h"

/** The sky of the file's section `sky`, through the line spread function, as a table of ins->sky
 * with the mean of every channel.  Channels and LSF must be there.  Local. */
int cubix_sky_lay(struct cubix_instrument *ins, const struct cubix_instrument_file *file);
/** The same from a FITS table of ESO SkyCalc.  Local.
 *  Errors: CUBIX_EINPUT, with the parameter SkyFile in the message. */
int cubix_sky_read(struct cubix_instrument *ins, const char *path);

#endif
