/* memory_check.h -- how much of the nodes' memory a run will take, before it takes any. */
#ifndef CUBIX_MPI_PIPELINE_MEMORY_CHECK_H
#define CUBIX_MPI_PIPELINE_MEMORY_CHECK_H

#include "engine/device.h"
#include "geometry/scene.h"
#include "instrument/instrument.h"
#include "mpi/particles/particles.h"
#include "params/params.h"
#include "spectra/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Compare what this run will take of the nodes' memory, known from sizes alone, with what is free
 * there.  Collective.  The result is logged at DEBUG, or at INFO if `say` is set.
 *  @param scene, templates, particles NULL: not known yet, and counted as nothing
 *  @param active NULL, or the leaves whose derivatives will be asked for
 *  @param dev of this rank, if templates is given
 *  Errors: CUBIX_EUSAGE if it cannot fit, with the largest items and the remedy. */
int cubix_mpi_memory_check(const struct cubix_params *par, const struct cubix_instrument *ins,
                           const struct cubix_scene *scene, const struct cubix_templates *templates,
                           struct cubix_particles *particles, const unsigned char *active,
                           const struct cubix_device *dev, int say);

#ifdef __cplusplus
}
#endif
#endif
