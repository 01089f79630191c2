/* frame_parts.h -- inside mpi/: what the files of the frame share. */
#ifndef CUBIX_MPI_FRAME_PARTS_H
#define CUBIX_MPI_FRAME_PARTS_H

#include <math.h>

#include "geometry/frame.h"
#include "params/params.h"
#include "simulation/slab.h"

static inline double cubix_dot(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/** Position of star i relative to the centre.  @return its length */
static inline double cubix_relative(double r[3], const struct cubix_slab *slab, const double centre[3], size_t i)
{
  for (size_t c = 0; c < 3; c++) r[c] = slab->position[3 * i + c] - centre[c];
  return sqrt(cubix_dot(r, r));
}

/** 1 if centre, systemic velocity or axes must be found from the stars, 0 if all are known without
 * them.  Local. */
int cubix_mpi_frame_needs_stars(const struct cubix_params *par, const struct cubix_snapshot *snapshot);
/** Record in the slab's counts how many of this rank's stars SelectRadius has kept.  Collective.
 *  Errors: CUBIX_EUSAGE: none on any rank. */
int cubix_mpi_frame_count(struct cubix_slab *slab, const struct cubix_params *par, const double centre[3],
                          int64_t kept);
/** The mean of the stars in an ever smaller sphere.  Collective.  Errors: CUBIX_EINPUT: no mass. */
int cubix_mpi_frame_sphere(double centre[3], const struct cubix_slab *slab);
/** Rows e1 (long), e2, e3 (spin side of the short axis): a proper rotation from the file's axes to
 * the body's; its radius and axis ratios go into the frame, whose centre and velocity are known.
 * Collective. */
int cubix_mpi_frame_body(double axes[3][3], struct cubix_frame *frame, const struct cubix_params *par,
                         const struct cubix_slab *slab);

#endif
