/* memory_check.h -- what a run will take of the nodes' memory, before it takes it. */
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

/** What this run will take of the node's memory, from sizes alone, against what is free.
 * Collective.  What is told of it: DEBUG, or INFO where `say` is set.
 *  Errors: CUBIX_EUSAGE where it cannot fit, with the largest items and the remedy.
 *  @param scene, templates, particles  NULL: not known yet, and taken for nothing  @param active
 *  NULL, or the derivatives that will be asked for @param dev of this rank, where templates is
 *  given */
int cubix_mpi_memory_check(const struct cubix_params *par, const struct cubix_instrument *ins,
                           const struct cubix_scene *scene, const struct cubix_templates *templates,
                           struct cubix_particles *particles, const unsigned char *active,
                           const struct cubix_device *dev, int say);

#ifdef __cplusplus
}
#endif
#endif
