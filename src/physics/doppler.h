/* physics/doppler.h -- velocity and redshift together: lambda_obs = lambda_rest (1 + z) exp(v/c).
 * Source: doc/math.md section 7. */
#ifndef CUBIX_PHYSICS_DOPPLER_H
#define CUBIX_PHYSICS_DOPPLER_H

#include "physics/constants.h"
#include "physics/hd.h"

/** lambda_obs/lambda_rest of a star that recedes at v [km/s] in a galaxy at 1 + z. */
CUBIX_HD double cubix_doppler(double one_plus_z, double v)
{
  return one_plus_z * exp(v / CUBIX_C_KMS);
}

#endif
