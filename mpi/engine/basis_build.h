/* basis_build.h -- templates on the velocity grid, prepared by all ranks together. */
#ifndef CUBIX_MPI_ENGINE_BASIS_BUILD_H
#define CUBIX_MPI_ENGINE_BASIS_BUILD_H

#include "engine/engine.h"
#include "histogram/basis.h"
#include "params/params.h"
#include "spectra/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Whether the cache (TemplateCache) holds the basis that an engine with this reach and tolerance
 * needs.  Collective.
 *  @param[out] prepared 1 if it does
 *  @param[out] step of its nodes [km/s] */
int cubix_mpi_basis_probe(int *prepared, double *step, const struct cubix_params *par,
                          const struct cubix_templates *templates, const struct cubix_engine *engine);
/** The step that a basis will most likely have, from a sample of rows and channels [km/s]; 0: none
 * can be certified.  Collective.
 *  @param engine its reach, tolerance and rows in use */
int cubix_mpi_basis_step(double *step, const struct cubix_templates *templates, const struct cubix_engine *engine);
/** Prepare the templates on the velocity grid: from the cache, or fitted and certified by all ranks
 * together.  Collective.
 *  @param[out] basis owned by the caller; NULL if no step of the grid can be certified */
int cubix_mpi_basis_build(struct cubix_basis **basis, const struct cubix_params *par,
                          const struct cubix_templates *templates, const struct cubix_engine *engine);

#ifdef __cplusplus
}
#endif
#endif
