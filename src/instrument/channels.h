/* channels.h -- laying out the channels of an instrument. */
#ifndef CUBIX_CHANNELS_H
#define CUBIX_CHANNELS_H

#include "instrument/instrument.h"
#include "instrument/instrument_file.h"

/** Choose the channels by the file and the parameters LambdaMin, LambdaMax and LambdaStep.  Local.
 *  Errors: CUBIX_EUSAGE for the parameters, CUBIX_EINPUT for the file. */
int cubix_channels_lay(struct cubix_instrument *ins, const struct cubix_instrument_file *file,
                       const struct cubix_params *par);

#endif
