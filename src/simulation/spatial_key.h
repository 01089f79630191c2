/* spatial_key.h -- where a cell lies on the curve of Peano and Hilbert, as Gadget-2 and EAGLE number them. */
#ifndef CUBIX_SPATIAL_KEY_H
#define CUBIX_SPATIAL_KEY_H

#include <stdint.h>

/** The number of a cell along the curve through 2^bits cells a side.  Local.  @param cell  0 .. 2^bits - 1 each */
int64_t cubix_spatial_key(const int cell[3], int bits);

#endif
