/* cubix.h -- all of libcubix in one include, in the order of the pipeline. */
#ifndef CUBIX_H
#define CUBIX_H

#include "error.h"
#include "log.h"
#include "params.h"
#include "instrument.h"
#include "slab.h"
#include "frame.h"
#include "scene.h"
#include "model.h"
#include "cube.h"
#include "device.h"
#include "psf.h"
#include "noise.h"
#include "output.h"
#include "leaves.h"
#include "observed.h"
#include "objective.h"

#endif
