/* dim.h -- what dust in front of a star leaves of its light, in all channels (physics/screen.h). */
#ifndef CUBIX_DIM_H
#define CUBIX_DIM_H

#include "physics/screen.h"

/** exp(-t screen k), to float32; in the float64 twin to float64.  Local.
 *  @param k [n] A(lambda)/A(V)
 *  @param[out] through [n] */
void cubix_dim(cubix_real *through, const double *k, double screen, int n);

#endif
