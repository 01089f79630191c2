/* pipeline_parts.h -- inside the pipeline: its instrument (pipeline_instrument.c), its engine
 * (pipeline_engine.c), its scene (pipeline_scene.c), what its host adds (pipeline_host.c). */
#ifndef CUBIX_MPI_PIPELINE_PARTS_H
#define CUBIX_MPI_PIPELINE_PARTS_H

#include "mpi/pipeline/pipeline.h"

/** The instrument, with the spaxels that are painted and those of the cube, which are others with fibres; and whether
 * the dust's law knows what it sees.  Local.
 *  Errors: those of cubix_instrument_read; CUBIX_EUSAGE for what fibres cannot do. */
int cubix_pipeline_read_instrument(struct cubix_pipeline *pipe);
/** Whether the dust's law knows the wavelengths that the channels see at this redshift.  Local. */
int cubix_pipeline_check_law(const struct cubix_pipeline *pipe);
/** Redshift, distance and scales, once the snapshot has been read: with Redshift snapshot they are its.  Local. */
int cubix_pipeline_find_scene(struct cubix_pipeline *pipe);
/** Free the engine and the templates that were prepared for it.  Local. */
void cubix_pipeline_drop_engine(struct cubix_pipeline *pipe);
/** The engine for the stars as they are.  One that was chosen before is kept to, and who owns which channels with it:
 * callers hold cubes of that shape.  Collective. */
int cubix_pipeline_choose_engine(struct cubix_pipeline *pipe);
/** The lines and templates that the engine needs; one that serves has the latter.  And nodes for dust before stars.
 * Collective. */
int cubix_pipeline_prepare_basis(struct cubix_pipeline *pipe);
/** Log how large the prepared templates in TemplateCache will be, where there is one.  Collective. */
int cubix_pipeline_tell_cache(struct cubix_pipeline *pipe);
/** Call the host's function for dust, whose A(V) come beside those that the gas has in front of the stars.  Local.
 *  Errors: CUBIX_EUSAGE with Dust none; CUBIX_EINPUT for what is no dust. */
int cubix_pipeline_host_dust(struct cubix_pipeline *pipe);
/** Note where the stars are, for cubix_pipeline_host_light.  Local. */
int cubix_pipeline_host_note(struct cubix_pipeline *pipe);
/** Call the host's function for light, and add what it gives to the painted cube.  Collective.
 *  Errors: CUBIX_EINPUT for what is no light. */
int cubix_pipeline_host_light(struct cubix_pipeline *pipe);

#endif
