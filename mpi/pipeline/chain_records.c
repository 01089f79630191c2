/* chain_records.c -- the records of stars that a rank paints, as the forward run painted them.
 *
 * Where ranks own spaxels they are those of all ranks' stars in the rank's spaxels, in all channels;
 * otherwise those of the rank's own stars. They are brought anew for each derivative: what is sent is
 * little, and nothing is held between two.
 *
 * Beside the histogram there are stars beyond its velocities, and, in some channels, stars with
 * templates that end within the band (src/engine/template_ends.c).  For these, rows of weight 0
 * count here as well, because their derivative is not 0. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cube/placement.h"
#include "engine/template_ends.h"
#include "histogram/histogram.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/engine/owners.h"
#include "mpi/engine/route.h"
#include "mpi/pipeline/chain_parts.h"

int cubix_chain_records_init(struct cubix_chain_records *records, const struct cubix_chain *chain)
{
  int status = CUBIX_OK;
  const struct cubix_pipeline *pipe = chain->pipe;
  const struct cubix_placement *placement = pipe->particles->placement;
  memset(records, 0, sizeof *records);
  records->placement = placement;
  records->owned = pipe->basis && cubix_mpi_owners_wanted(pipe->engine);
  CUBIX_MPI_ALLOC(records->start, placement->n_spaxel + 1);
  if (!records->owned) goto done;
  CUBIX_TRY(cubix_mpi_owners_init(&records->owners, pipe->engine, pipe->particles->survey, 1));
  CUBIX_TRY(cubix_mpi_route_init(&records->route, &records->owners, placement));
  CUBIX_TRY(cubix_mpi_route_stars(&records->arrived, &records->route, placement));
  records->placement = records->arrived;
  records->first = records->owners.spaxel_first[cubix_mpi_rank()];
done:
  return status;
}

void cubix_chain_records_free(struct cubix_chain_records *records)
{
  cubix_mpi_route_free(&records->route);
  cubix_mpi_owners_free(&records->owners);
  cubix_placement_free(records->arrived);
  free(records->start);
}

struct cubix_strip cubix_chain_records_strip(const struct cubix_chain_records *records, int round)
{
  struct cubix_strip strip = cubix_mpi_owners_strip(&records->owners, cubix_mpi_rank(), round);
  strip.first -= records->first;
  return strip;
}

int cubix_chain_histogram(struct cubix_histogram **histogram, const struct cubix_chain *chain,
                          const struct cubix_chain_records *records)
{
  int status = CUBIX_OK;
  const struct cubix_survey *survey = chain->pipe->particles->survey;
  int32_t *exponent = NULL;
  CUBIX_ALLOC(exponent, survey->n_spaxel);
  cubix_histogram_scale(exponent, survey->count, survey->heaviest, survey->n_spaxel);
  CUBIX_TRY(chain->pipe->dev->ops->fill(chain->pipe->dev, histogram, &chain->pipe->basis->nodes,
                                        exponent + records->first, records->placement,
                                        &chain->pipe->templates->tables));
done:
  free(exponent);
  return status;
}

int cubix_chain_rest_init(struct cubix_chain_rest *rest, const struct cubix_chain *chain,
                          const struct cubix_chain_records *records)
{
  int status = CUBIX_OK;
  const struct cubix_basis *basis = chain->pipe->basis;
  struct cubix_ends ends = { .basis = basis, .tables = &chain->pipe->templates->tables, .corners = 1 };
  memset(rest, 0, sizeof *rest);
  if (!basis) goto done;
  if (chain->pipe->engine->n_beyond)
    CUBIX_TRY(cubix_placement_pick(&rest->outliers, records->placement, cubix_placement_beyond, &basis->nodes.reach));
  if (!basis->n_at_end) goto done;
  CUBIX_TRY(cubix_placement_pick(&rest->leftover, records->placement, cubix_ends_test, &ends));
  CUBIX_TRY(cubix_ends_rows(&rest->ending_row, &rest->ending, basis, &chain->pipe->templates->tables));
done:
  return status;
}

void cubix_chain_rest_free(struct cubix_chain_rest *rest)
{
  cubix_placement_free(rest->outliers);
  cubix_placement_free(rest->leftover);
  free(rest->ending_row);
}
