/* audit.h -- a few voxels recomputed in float64 from the stars of all ranks. */
#ifndef CUBIX_MPI_ENGINE_AUDIT_H
#define CUBIX_MPI_ENGINE_AUDIT_H

#include "cube/cube.h"
#include "engine/audit.h"
#include "engine/engine.h"
#include "engine/survey.h"
#include "histogram/basis.h"
#include "params/params.h"
#include "spectra/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_line_light;

/** Draw a few dozen voxels, for which cubix_audit_examine then collects the evidence of the stars: the same on every
 * rank.  Collective.
 *  @param basis NULL with the direct method
 *  @param survey of all ranks' stars
 *  @param light NULL: no emission lines */
int cubix_mpi_audit_draw(struct cubix_audit *audit, const struct cubix_params *par, const struct cubix_basis *basis,
                         const struct cubix_templates *templates, const struct cubix_survey *survey,
                         const struct cubix_line_light *light);
/** Compare the summed cube with the evidence of all ranks.  Collective.
 *  @param cube the channels that this rank owns
 *  Errors: CUBIX_EFAIL above engine->tolerance. */
int cubix_mpi_audit_judge(struct cubix_audit *audit, const struct cubix_engine *engine, const struct cubix_basis *basis,
                          const struct cubix_templates *templates, const struct cubix_cube *cube);

#ifdef __cplusplus
}
#endif
#endif
