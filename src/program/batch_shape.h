/* batch_shape.h -- which rows of a batch may lie in one array. */
#ifndef CUBIX_BATCH_SHAPE_H
#define CUBIX_BATCH_SHAPE_H

#include <stdint.h>

#include "params/params.h"

/** A hash of what makes cubes one array: instrument, channels, size, unit, and which arrays there are.  Local. */
int cubix_batch_shape(uint64_t shape[2], const struct cubix_params *par);

#endif
