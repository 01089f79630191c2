/* cube_paint.h -- painting this rank's stars into its part of the cube. */
#ifndef CUBIX_MPI_ENGINE_CUBE_PAINT_H
#define CUBIX_MPI_ENGINE_CUBE_PAINT_H

#include "cube/cube.h"
#include "engine/audit.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "histogram/basis.h"
#include "mpi/particles/particles.h"
#include "spectra/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_lines;
/* Sources of emission lines, painted with the stars. */
struct cubix_line_light {
  const struct cubix_lines *lines;
  const struct cubix_placement *sources;  /* of this rank */
  double scale;                   /* erg/s -> the cube's unit, in a channel of mean width */
  double v_most;                  /* of the sources of all ranks [km/s] */
};

/** Paint the placed stars into the channels that this rank is to hold: those that it owns, or with
 * Combine cube all.  Collective.
 *  @param[in,out] audit the evidence of this rank's stars is added
 *  @param basis NULL with the direct method
 *  @param light NULL: no emission lines
 *  @param particles their stars are freed unless they are kept */
int cubix_mpi_cube_paint(struct cubix_cube *cube, struct cubix_audit *audit, const struct cubix_engine *engine,
                         const struct cubix_basis *basis, const struct cubix_templates *templates,
                         struct cubix_particles *particles, const struct cubix_line_light *light,
                         struct cubix_device *dev);

#ifdef __cplusplus
}
#endif
#endif
