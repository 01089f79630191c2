/* frame.h -- the galaxy's frame: centre, systemic velocity and the rotation onto the sky, the same
 * for every kind of particle. */
#ifndef CUBIX_FRAME_H
#define CUBIX_FRAME_H

#include "params/params.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_frame {
  double centre[3];               /* kpc, in the file's frame */
  double velocity[3];             /* km/s */
  /* rows: the disc's axes in the file's frame, frozen; unit matrix if no disc is needed */
  double body[3][3];
  double rotation[3][3];          /* rows: sky axes x east, y north, z away; determinant +1 */
  double align_radius;            /* kpc; 0: nothing was aligned */
  int has_shape;                  /* 1: the ratios of its axes were found, by AlignWith inertia */
  double axis_p, axis_q;          /* b/a and c/a of the aligned body; 1, 1 if they were not found */
};

/** Rotation of `Orientation angles`: Rz(gamma) Ry(beta) Rx(alpha), degrees.  Local. */
void cubix_frame_angles(double rotation[3][3], double alpha, double beta, double gamma);
/** Rotation that puts body axes (rows e1 major, e2, e3 spin; proper) at inclination and position
 * angle [deg].  Local.
 *  Source: doc/math.md section 3. */
void cubix_frame_inclined(double rotation[3][3], double body[3][3], double inclination, double position_angle);
/** Whether Orientation refers to a disc, which must be found.  Local. */
int cubix_frame_has_disc(const struct cubix_params *par);
/** Inclination of the disc [deg], where there is one.  Local. */
double cubix_frame_inclination(const struct cubix_params *par);
/** Set the rotation that the parameters ask for, from the body axes of the frame.  Local. */
void cubix_frame_turn(struct cubix_frame *frame, const struct cubix_params *par);

/* Cotangents of the angles [per deg], or tangents [deg]. */
struct cubix_turn_bar { double alpha, beta, gamma, inclination, position_angle; };
/** Derivatives of cubix_frame_turn; angles on which the rotation does not depend have 0.  The
 * reverse one adds.  Local. */
void cubix_frame_turn_vjp(const struct cubix_frame *frame, const struct cubix_params *par,
                          const double rotation_bar[3][3], struct cubix_turn_bar *bar);
void cubix_frame_turn_jvp(double rotation_dot[3][3], const struct cubix_frame *frame, const struct cubix_params *par,
                          const struct cubix_turn_bar *dot);
/** Replace every star by its periodic image nearest to the centre; with radius > 0 [kpc] drop stars
 * beyond it.  Local.
 *  @param slab in the file's frame */
int cubix_frame_select(const double centre[3], double radius, struct cubix_slab *slab);
/** Transform positions and velocities of the slab to the sky frame, in place.  Local. */
void cubix_frame_apply(const struct cubix_frame *frame, struct cubix_slab *slab);

#ifdef __cplusplus
}
#endif
#endif
