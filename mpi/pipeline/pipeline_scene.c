/* pipeline_scene.c -- how far the galaxy of a pipeline is. */
#include "base/error.h"
#include "dust/law.h"
#include "geometry/scene.h"
#include "mpi/particles/particles.h"
#include "mpi/pipeline/pipeline_parts.h"

int cubix_pipeline_check_law(const struct cubix_pipeline *pipe)
{
  return cubix_law_check(&pipe->par, pipe->ins->edge, pipe->ins->n_lambda, 1 + pipe->par.Redshift);
}

int cubix_pipeline_find_scene(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  const struct cubix_snapshot *snapshot = &pipe->particles->slab->snapshot;
  if (pipe->at_snapshot) {
    pipe->par.Redshift = snapshot->redshift;
    CUBIX_TRY(cubix_pipeline_check_law(pipe));
  }
  CUBIX_TRY(cubix_scene_init(&pipe->scene, &pipe->par, snapshot, pipe->ins->flux_unit));
done:
  return status;
}
