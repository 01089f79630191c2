/* frame.h -- the galaxy's frame: centre, systemic velocity and the rotation onto the sky, the same for every kind of particle. */
#ifndef CUBIX_FRAME_H
#define CUBIX_FRAME_H

#include "params.h"
#include "slab.h"

struct cubix_frame {
  double centre[3];               /* kpc, in the file's frame */
  double velocity[3];             /* km/s */
  double rotation[3][3];          /* rows: sky axes x east, y north, z away; determinant +1 */
  double align_radius;            /* kpc; 0: nothing was aligned */
  double axis_p, axis_q;          /* b/a and c/a of the aligned body; 1, 1 if nothing was aligned */
};

/** Rotation of `Orientation angles`: Rz(gamma) Ry(beta) Rx(alpha), degrees.  Local. */
void cubix_frame_angles(double rotation[3][3], double alpha, double beta, double gamma);
/** Rotation that puts body axes (rows e1 major, e2, e3 spin; proper) at inclination and position angle [deg].  Local.  Source: doc/math.md section 3. */
void cubix_frame_inclined(double rotation[3][3], double body[3][3], double inclination, double position_angle);
/** Of every star the periodic image that is nearest to the centre; with radius > 0 [kpc] stars beyond it are dropped.  Local.  @param slab in the file's frame */
int cubix_frame_select(const double centre[3], double radius, struct cubix_slab *slab);
/** Positions and velocities of the slab into the sky frame, in place.  Local. */
void cubix_frame_apply(const struct cubix_frame *frame, struct cubix_slab *slab);

#endif
