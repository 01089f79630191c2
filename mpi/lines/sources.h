/* sources.h -- what shines in emission lines: cells that form stars, or young stars. */
#ifndef CUBIX_MPI_LINES_SOURCES_H
#define CUBIX_MPI_LINES_SOURCES_H

#include "lines/lines.h"
#include "mpi/particles/particles.h"
#include "params/params.h"
#include "simulation/slab.h"

/** This rank's sources as a slab, in the order of the file: position, velocity, mass_formed (star formation rate
 * [Msun/yr] or mass formed [Msun]), metallicity, age, and smoothing_length and screen where there are any.
 * Collective.
 *  @param gas in the sky frame; used by Lines sfr
 *  @param particles in the sky frame; used by Lines stars
 *  @param[out] sources owned by the caller
 *  @param[out] of NULL, or [sources->n] which cell, or which star of those in memory, each is; owned by the caller
 *  @param[out] v_max of all ranks [km/s]
 *  Errors: CUBIX_EINPUT: the gas has no star formation rates or metallicities; they are negative or not finite. */
int cubix_mpi_line_sources(struct cubix_slab **sources, size_t **of, double *v_max, const struct cubix_params *par,
                           const struct cubix_slab *gas, struct cubix_particles *particles);
/** Count the sources of all ranks in lines->sources, and say so in the log.  Collective.
 *  @param tables where they lie on the sky */
int cubix_mpi_line_count(struct cubix_lines *lines, struct cubix_slab *sources,
                         const struct cubix_tables *tables);
/** 1: the metallicity of source i is that of its oxygen, whatever its metals.  Local. */
int cubix_mpi_line_by_oxygen(const struct cubix_lines *lines, const struct cubix_slab *sources, size_t i);

#endif
