/* cubix.h -- all of libcubix in one include, in the order of the pipeline. */
#ifndef CUBIX_H
#define CUBIX_H

#include "base/error.h"
#include "base/log.h"
#include "base/release.h"
#include "params/params.h"
#include "instrument/instrument.h"
#include "simulation/slab.h"
#include "geometry/frame.h"
#include "geometry/scene.h"
#include "spectra/templates.h"
#include "cube/cube.h"
#include "engine/device.h"
#include "observation/psf.h"
#include "observation/noise.h"
#include "output/output.h"
#include "fit/leaves.h"
#include "fit/observed.h"
#include "fit/objective.h"

#endif
