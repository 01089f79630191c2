/* engine.h -- the engine that all ranks use, and its templates. */
#ifndef CUBIX_MPI_ENGINE_ENGINE_H
#define CUBIX_MPI_ENGINE_ENGINE_H

#include "engine/device.h"
#include "engine/engine.h"
#include "engine/survey.h"
#include "histogram/basis.h"
#include "params/params.h"
#include "spectra/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Choose method, combination and owners of channels from all ranks' stars: the same on all ranks.
 * Collective.
 *  @param rates of this rank's processor
 *  @param for_many  1: many cubes are made with these templates, so that those of a TemplateCache count as prepared
 *  @param[out] engine owned by the caller */
int cubix_mpi_engine_choose(struct cubix_engine **engine, const struct cubix_params *par,
                            const struct cubix_templates *templates, const struct cubix_survey *survey,
                            const struct cubix_rates *rates, int for_many);
/** Prepare the templates that the engine needs, and keep them on the processor if possible.  The
 * direct method needs none; the engine falls back to it if no velocity grid can be certified.
 * Collective.
 *  @param[out] basis owned by the caller; NULL with the direct method */
int cubix_mpi_engine_prepare(struct cubix_engine *engine, struct cubix_basis **basis, struct cubix_device *dev,
                             const struct cubix_params *par, const struct cubix_templates *templates);

/** The nodes in A(V) for the stars as they are now, on the prepared templates: none where none has dust in
 * front of it.  Local: the same on all ranks.
 *  Errors: CUBIX_EFAIL if that would be too many. */
int cubix_mpi_engine_axis(struct cubix_basis *basis, const struct cubix_params *par, const struct cubix_tables *tables,
                          const struct cubix_survey *survey);

#ifdef __cplusplus
}
#endif
#endif
