/* pipeline_parts.h -- inside the pipeline: its engine (pipeline_engine.c). */
#ifndef CUBIX_MPI_PIPELINE_PARTS_H
#define CUBIX_MPI_PIPELINE_PARTS_H

#include "mpi/pipeline/pipeline.h"

/** Free the engine and the templates that were prepared for it.  Local. */
void cubix_pipeline_drop_engine(struct cubix_pipeline *pipe);
/** The engine for the stars as they are.  One that was chosen before is kept to, and who owns which channels with it:
 * callers hold cubes of that shape.  Collective. */
int cubix_pipeline_choose_engine(struct cubix_pipeline *pipe);
/** The lines and templates that the engine needs; one that serves has the latter.  And nodes for dust before stars.
 * Collective. */
int cubix_pipeline_prepare_basis(struct cubix_pipeline *pipe);

#endif
