/* physics/hd.h -- the only header that knows that a device compiler exists.
 *
 * physics/ is written in what C17 and C++17 share: no VLA, no compound literal, no restrict, no
 * designated initialiser, no malloc, no I/O, no errors, no globals.  cubix_real is float in the
 * product and double in the float64 twin that the tests build (-DCUBIX_DOUBLE). */
#ifndef CUBIX_PHYSICS_HD_H
#define CUBIX_PHYSICS_HD_H

#include <math.h>
#include <stdint.h>

#ifdef __CUDACC__
#define CUBIX_HD static inline __host__ __device__
#else
#define CUBIX_HD static inline
#endif

#ifdef CUBIX_DOUBLE
typedef double cubix_real;
#else
typedef float cubix_real;
#endif

#endif
