/* fit_bytes.h -- the memory that Mode fit needs beside its cubes. */
#ifndef CUBIX_FIT_BYTES_H
#define CUBIX_FIT_BYTES_H

#include "base/collective.h"
#include "fit/leaves.h"
#include "params/params.h"

enum { CUBIX_FIT_MOST_JOINT = 300 };   /* unknowns whose curvature is found as one matrix */

/** Bytes that the optimiser and the curvature hold.  Collective.  @param n_star of this rank */
double cubix_fit_bytes(const struct cubix_params *par, const unsigned char varied[CUBIX_N_LEAF], double n_star,
                       const struct cubix_collective *collective);

#endif
