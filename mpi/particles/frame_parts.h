/* frame_parts.h -- inside mpi/: what the files of the frame share. */
#ifndef CUBIX_MPI_FRAME_PARTS_H
#define CUBIX_MPI_FRAME_PARTS_H

#include <math.h>

#include "geometry/frame.h"
#include "mpi/particles/stream.h"
#include "params/params.h"
#include "simulation/slab.h"

static inline double cubix_dot(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/** Position of star i relative to the centre.  @return its length */
static inline double cubix_relative(double r[3], const struct cubix_slab *slab, const double centre[3], size_t i)
{
  for (size_t c = 0; c < 3; c++) r[c] = slab->position[3 * i + c] - centre[c];
  return sqrt(cubix_dot(r, r));
}

/* The shape of the galaxy's body, and the sphere whose volume the ellipsoid of that shape keeps. */
struct cubix_ellipsoid {
  double axis[3][3], p, q;        /* axes in rows, longest first, and the others' ratios to the longest */
  double radius;                  /* AlignRadius [kpc] */
};

/** A star at AlignRadius itself, as the one at the half-mass radius is, is inside on any machine:
 * radii compare to this, relative and squared. */
#define CUBIX_FRAME_EDGE (1 + 1e-12)

static inline struct cubix_ellipsoid cubix_ellipsoid_sphere(double radius)
{
  const struct cubix_ellipsoid sphere = {
    .axis = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }, .p = 1, .q = 1, .radius = radius
  };
  return sphere;
}

/** The squared longest half axis [kpc2]. */
static inline double cubix_ellipsoid_limit(const struct cubix_ellipsoid *shape)
{
  double longest = shape->radius / cbrt(shape->p * shape->q);
  return longest * longest * CUBIX_FRAME_EDGE;
}

/** 1 if centre, systemic velocity or axes must be found from the stars, 0 if all are known without
 * them.  Local. */
int cubix_mpi_frame_needs_stars(const struct cubix_params *par, const struct cubix_snapshot *snapshot);
/** The centre where it is known without the stars: given, or stated by the file or a catalogue.  Local.
 *  @return 1 if it is known */
int cubix_mpi_frame_stated(double centre[3], const struct cubix_params *par, const struct cubix_snapshot *snapshot);
/** Record in the slab's counts how many of this rank's stars SelectRadius has kept.  Collective.
 *  Errors: CUBIX_EUSAGE: none on any rank. */
int cubix_mpi_frame_count(struct cubix_slab *slab, const struct cubix_params *par, const double centre[3],
                          int64_t kept);
/** The mean of the stars in an ever smaller sphere.  Collective.  Errors: CUBIX_EINPUT: no mass. */
int cubix_mpi_frame_sphere(double centre[3], struct cubix_stream *stars);
/** Eigenvectors in rows, falling eigenvalues, of xx yy zz xy xz yz.  Collective, the same on all
 * ranks.  Errors: CUBIX_ENOMEM, CUBIX_EFAIL: none found. */
int cubix_mpi_frame_eigen(double axis[3][3], double value[3], const double t[6]);
/** The sum of m x_i x_j / r_e^2 over the stars within the ellipsoid, r_e^2 in units of its longest
 * axis.  Collective.
 *  @param[out] t xx yy zz xy xz yz in the file's axes [Msun], and the number of stars with mass
 *  @param heaviest the largest mass of all ranks' stars [Msun] */
int cubix_mpi_frame_tensor(double t[7], struct cubix_stream *stars, const double centre[3],
                           const struct cubix_ellipsoid *shape, double heaviest);
/** Iterate the shape of the stars within the ellipsoid; where they give none, keep that of the
 * first round and say so.  Collective.
 *  @param[in,out] shape its radius; the axes and ratios are found
 *  @param n_inside the number of all ranks' stars within the sphere
 *  Errors: CUBIX_EUSAGE: no star with mass; CUBIX_ENOMEM. */
int cubix_mpi_frame_inertia(struct cubix_ellipsoid *shape, struct cubix_stream *stars, const double centre[3],
                            double heaviest, int64_t n_inside);
/** Rows e1 (long), e2, e3 (spin side of the short axis): a proper rotation from the file's axes to
 * the body's; its radius and axis ratios go into the frame, whose centre and velocity are known.
 * Collective. */
int cubix_mpi_frame_body(double axes[3][3], struct cubix_frame *frame, const struct cubix_params *par,
                         struct cubix_stream *stars);

#endif
